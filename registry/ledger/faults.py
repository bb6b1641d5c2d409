"""What can be wrong with the ledger itself? Faults that stop signing and the gate."""

from __future__ import annotations

from registry.errors import DomainError


class LedgerFault(DomainError):
    """The ledger is damaged, forked or cannot be signed; a person must look before anything is signed again."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message, kind="unavailable")


class AnchorDown(DomainError):
    """A place that keeps checkpoints does not take, or does not give back, what it should; the ledger itself goes on."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__("anchor-down", f"The anchor {kind} is down: {message}", kind="unavailable", anchor=kind)
