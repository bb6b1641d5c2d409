"""What can a place in other hands do for a checkpoint? The contract of every anchor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

Receipt = Mapping[str, Any]


class Anchor(Protocol):
    """A place in other hands that keeps checkpoints for good.

    ``slug`` is the kind in receipts, policies and messages. A ``remote`` one is reached over a network: it is never
    asked within a request. What fails raises AnchorDown; what is there and wrong raises LedgerFault.
    """

    slug: str
    remote: bool

    def newest(self) -> str | None:
        """Return the note that was kept last, or None when there is none, or the place gives nothing back."""
        ...

    def keep(self, note: str, *, instant: str) -> Receipt:
        """Keep ``note``; when this returns, it survives a crash. Returns what proves it, for JSON."""
        ...

    def confirm(self, note: str, receipt: Receipt) -> str:
        """Check a receipt for ``note`` and return in a sentence what it shows."""
        ...

    def notes(self) -> Iterator[str]:
        """Yield every note that the place gives back, oldest first."""
        ...
