"""How is a model in a joblib or pickle file loaded? By unpickling, which runs whatever its author wrote into it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from audits.sandbox.formats.contract import FORMATS
from audits.sandbox.refusal import Refusal, described

COMPRESSIONS: dict[str, tuple[bytes, ...]] = {
    "gzip": (b"\x1f\x8b",),
    "zlib": (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"),
    "bz2": (b"BZh",),
    "xz": (b"\xfd7zXZ\x00",),
    "lzma": (b"\x5d\x00",),
    "lz4": (b"\x04\x22\x4d\x18",),
}
"""The first bytes of each compression that joblib recognises when it reads."""


class JoblibFormat:
    """joblib or pickle, plain or compressed; needs the policy's leave, since loading it executes code."""

    executes_code = True
    library = None

    def sniff(self, head: bytes) -> bool:
        """Accept a pickle of protocol 2 or later, and the compressions joblib reads."""
        pickled = len(head) > 1 and head[0] == 0x80 and 2 <= head[1] <= 5
        return pickled or any(head.startswith(magic) for group in COMPRESSIONS.values() for magic in group)

    def made_with(self, path: Path) -> Mapping[str, str]:
        """Return nothing: a pickle is not read without being run. What it holds tells its versions while it is loaded."""
        return {}

    def load(self, path: Path) -> object:
        """Unpickle the file."""
        import joblib

        try:
            return joblib.load(path)
        except MemoryError:
            raise
        except Exception as error:
            raise Refusal("model-not-loadable", described(error)) from error


FORMATS.register("joblib", summary="joblib or pickle file of a Python model; loading it executes code")(JoblibFormat())
