"""What must a model format offer, and which ones are there?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from registry.catalogue import Catalogue


class ModelFormat(Protocol):
    """One way of writing a model to a file.

    ``executes_code`` is True where loading the file can run any code its author wished, so that a policy may refuse it.
    ``library`` is the library whose version decides what the file predicts, None where only the loaded model tells.
    """

    executes_code: bool
    library: str | None

    def sniff(self, head: bytes) -> bool:
        """Tell whether a file that begins with ``head`` (at least 512 bytes, or all of it) can be of this format."""

    def made_with(self, path: Path) -> Mapping[str, str]:
        """Return the versions that the file names of what made it, read and never loaded; inside the sandbox only."""

    def load(self, path: Path) -> object:
        """Return the model; called inside the sandbox only. Raises audits.sandbox.refusal.Refusal when it will not.

        The model answers like one of scikit-learn: ``predict(frame)``, and a classifier ``predict_proba(frame)`` with
        its classes in ``classes_``. The library's own object, where that is another, is its attribute ``native``.
        """


FORMATS: Catalogue[ModelFormat] = Catalogue("format", packages=("audits.sandbox.formats",))
