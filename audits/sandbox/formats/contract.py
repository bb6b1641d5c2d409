"""What must a model format offer, and which ones are there?"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from registry.catalogue import Catalogue


class ModelFormat(Protocol):
    """One way of writing a model to a file.

    ``executes_code`` is True where loading the file can run any code its author wished, so that a policy may refuse it.
    """

    executes_code: bool

    def sniff(self, head: bytes) -> bool:
        """Tell whether a file that begins with ``head`` (at least 512 bytes, or all of it) can be of this format."""

    def load(self, path: Path) -> object:
        """Return the model; called inside the sandbox only. Raises audits.sandbox.refusal.Refusal when it will not."""


FORMATS: Catalogue[ModelFormat] = Catalogue("format", packages=("audits.sandbox.formats",))
