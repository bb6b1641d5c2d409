"""What can be wrong with the ledger itself? Faults that stop signing and the gate."""

from __future__ import annotations

from registry.errors import DomainError


class LedgerFault(DomainError):
    """The ledger is damaged, forked or cannot be signed; a person must look before anything is signed again."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message, kind="unavailable")
