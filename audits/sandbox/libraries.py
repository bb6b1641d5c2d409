"""With which library versions was this model made, and are they the ones installed here? Runs inside the sandbox."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from audits.sandbox.refusal import Refusal

MODULES = {
    "scikit-learn": "sklearn",
    "lightgbm": "lightgbm",
    "xgboost": "xgboost",
    "catboost": "catboost",
    "onnxruntime": "onnxruntime",
}
"""The libraries whose version decides what a model predicts, each with the module that tells its version."""

STANDARDISED = frozenset({"onnxruntime"})
"""Compared when somebody names a version, and not asked for: what an ONNX file means is fixed by its operator sets."""

_WRITTEN_HERE = {"lightgbm-format": "v4"}
"""Versions of formats that are numbered apart from their library, as the installed library writes them."""

_SPELLINGS = {"sklearn": "scikit-learn", "xgboost-cpu": "xgboost"}
_MEND = (
    "Make the model again with the version here, record its predictions as a conformance sample, "
    "or register its predictions only."
)
_MAX_OBJECTS = 20_000


@dataclass
class Pins:
    """What is said about the versions a model was made with: by its file, and by its registration.

    ``lifted``: recorded predictions are there that prove the same scores under another version, so that a difference
    is noted and does not end the run.
    """

    declared: Mapping[str, str]
    lifted: bool
    named: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.declared = {_SPELLINGS.get(name.lower(), name.lower()): text for name, text in self.declared.items()}

    def require(self, libraries: Iterable[str]) -> None:
        """Compare with what is installed; raises Refusal ``model-library-mismatch`` or ``model-library-unknown``."""
        needed = set(libraries)
        for library in sorted(needed | ((set(MODULES) | set(_WRITTEN_HERE)) & set(self.named))):
            here = installed(library)
            sources = (("the file names", self.named), ("its registration names", self.declared))
            words = [f"{who} {said[library]}" for who, said in sources if library in said and said[library] != here]
            if words:
                self._tell("model-library-mismatch", f"{library}: {' and '.join(words)}, here is {here}.")
            elif library not in self.named and library not in self.declared and library not in STANDARDISED:
                self._tell("model-library-unknown", f"{library}: neither the file nor its registration names it.")

    def _tell(self, code: str, text: str) -> None:
        if not self.lifted:
            raise Refusal(code, f"{text} {_MEND}")
        if text not in self.notes:
            self.notes.append(text)


def installed(library: str) -> str:
    """Return the version of ``library`` (or of a numbered format) that is in use here."""
    if library in _WRITTEN_HERE:
        return _WRITTEN_HERE[library]
    try:
        found: str = importlib.import_module(MODULES[library]).__version__
    except ImportError as error:
        raise Refusal("model-library-missing", library) from error
    return found


def makers(model: object) -> set[str]:
    """Return the libraries whose classes the model is built of: it, and what it holds, as far as that is reached."""
    by_module = {module: library for library, module in MODULES.items()}
    found: set[str] = set()
    waiting: list[Any] = [getattr(model, "native", model)]
    seen: set[int] = set()
    while waiting and len(seen) < _MAX_OBJECTS:
        thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, dict):
            waiting.extend(list(thing.values())[:1_000])
        elif isinstance(thing, list | tuple):
            waiting.extend(thing[:1_000])
        elif library := by_module.get(type(thing).__module__.split(".")[0]):
            found.add(library)
            waiting.extend(vars(thing).values() if hasattr(thing, "__dict__") else ())
    return found


def version_word(text: str) -> str:
    """Return ``text`` with only the signs that a version may hold, at most 64."""
    return re.sub(r"[^0-9A-Za-z.+!_-]", "_", text)[:64] or "unknown"
