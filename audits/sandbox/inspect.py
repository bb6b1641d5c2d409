"""What is this file, told without loading it? Magic bytes, the zip directory, the opcodes of a pickle: read only.

The list of globals is evidence, never a gate: a pickle can reach any of them by a way no reader sees. What cannot be
read is "opaque", which a policy may refuse.
"""

from __future__ import annotations

import bz2
import json
import lzma
import pickletools
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from audits.sandbox.archive import ArchiveRefused, entries
from audits.sandbox.formats.contract import FORMATS
from audits.sandbox.formats.joblib_format import COMPRESSIONS
from audits.sandbox.headers import container_of, versions_of
from registry.errors import DomainError

HEAD_BYTES = 512
MAX_PICKLE_BYTES = 64 * 2**20
MAX_OPCODES = 1_000_000
MAX_GLOBALS = 500
_OURS = frozenset({"joblib", "lightgbm", "xgboost", "catboost", "onnx"})
_SCHEMA = "schema.json"
_MAX_SCHEMA_BYTES = 32 * 2**20
_STRINGS = frozenset(
    {"STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"}
)
_LOOKUPS = frozenset({"GET", "BINGET", "LONG_BINGET"})
_STORES = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})


@dataclass(frozen=True)
class Inspection:
    """What was seen of a file.

    ``container``: "skops", "zip", "pickle", a name of joblib's compressions, "lightgbm", "xgboost-json", "xgboost-ubj",
    "catboost", "onnx", "empty" or "unknown". ``opaque`` is True unless the whole file could be followed to its end.
    ``globals``: the names a pickle or skops file asks for, sorted, as far as they could be read. ``entries``: the number
    of files in a zip. ``versions``: what a library's own format names as the versions that wrote it.
    """

    container: str
    opaque: bool
    globals: tuple[str, ...] = ()
    entries: int | None = None
    notes: tuple[str, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the inspection as JSON values."""
        return asdict(self) | {"globals": list(self.globals), "notes": list(self.notes)}


def inspect(path: Path) -> Inspection:
    """Read ``path`` without running anything of it, in bounded time and memory."""
    with open(path, "rb") as stream:
        head = stream.read(HEAD_BYTES)
    if not head:
        return Inspection("empty", opaque=True)
    if head.startswith(b"PK\x03\x04"):
        return _inspect_zip(path)
    if native := container_of(head):
        return _inspect_native(path, native)
    for container, magics in COMPRESSIONS.items():
        if any(head.startswith(magic) for magic in magics):
            return _inspect_compressed(path, container)
    if head[0] == 0x80 or head[:1] in (b"(", b"c", b"]", b"}", b"I", b"S", b"V"):
        with open(path, "rb") as stream:
            data = stream.read(MAX_PICKLE_BYTES + 1)
        return _inspect_pickle(data[:MAX_PICKLE_BYTES], "pickle", whole=len(data) <= MAX_PICKLE_BYTES)
    return Inspection("unknown", opaque=True)


def require(path: Path, *, declared: str) -> Inspection:
    """Return the inspection of ``path`` if it can be of the format ``declared``.

    Raises DomainError("artifact-not-what-it-says") when it cannot, and DomainError("unknown-format") for a format that
    is not registered. Opaque alone is no refusal here; that is for the policy to say.
    """
    model_format = FORMATS.get(declared)
    with open(path, "rb") as stream:
        head = stream.read(HEAD_BYTES)
    found = inspect(path)
    fits = model_format.sniff(head)
    if declared == "skops":
        fits = fits and found.container == "skops"
    if declared in _OURS and found.container in ("unknown", "empty"):
        fits = False
    if not fits:
        raise DomainError(
            "artifact-not-what-it-says",
            f"The file is declared as {declared}, but what it holds is {found.container}.",
            declared=declared,
            observed=found.container,
            notes=list(found.notes),
        )
    return found


def require_sample(path: Path, *, declared: str) -> None:
    """Raise DomainError unless ``path`` can be a table of recorded predictions of the format ``declared``.

    ``unknown-table-format`` for anything but "parquet" and "csv", ``artifact-not-what-it-says`` for other bytes; the
    rows themselves are read when the model is scored.
    """
    if declared not in ("parquet", "csv"):
        raise DomainError("unknown-table-format", "A table is read as 'parquet' or 'csv'.", known=["csv", "parquet"])
    size = path.stat().st_size
    with open(path, "rb") as stream:
        head = stream.read(HEAD_BYTES)
        stream.seek(max(0, size - 4))
        tail = stream.read()
    columnar = size > 12 and head.startswith(b"PAR1") and tail == b"PAR1"
    if columnar != (declared == "parquet") or not head or b"\x00" in head * (declared == "csv"):
        raise DomainError(
            "artifact-not-what-it-says",
            f"The file is declared as {declared}, but what it holds is {'parquet' if columnar else 'something else'}.",
            declared=declared,
        )


def _inspect_native(path: Path, container: str) -> Inspection:
    """Read the versions that a library's own format names; the numbers within are for the library, in the sandbox."""
    try:
        return Inspection(container, opaque=False, versions=versions_of(path, container))
    except (ValueError, OSError) as error:
        return Inspection("unknown", opaque=True, notes=(f"it begins as {container}, but {error}"[:200],))


def _inspect_zip(path: Path) -> Inspection:
    """Look at the directory of a zip; of a skops file, list the types its schema names."""
    try:
        listed = entries(path)
    except ArchiveRefused as refusal:
        return Inspection("zip", opaque=True, notes=(str(refusal),))
    names = {entry.filename: entry for entry in listed}
    if _SCHEMA not in names:
        return Inspection("zip", opaque=True, entries=len(listed))
    if names[_SCHEMA].file_size > _MAX_SCHEMA_BYTES:
        return Inspection("zip", opaque=True, entries=len(listed), notes=("its schema is too large",))
    try:
        with zipfile.ZipFile(path) as archive, archive.open(_SCHEMA) as stream:
            schema = json.loads(stream.read(_MAX_SCHEMA_BYTES + 1))
        found = sorted(_types_in(schema))
    except (
        ValueError,
        OSError,
        RecursionError,
        RuntimeError,
        NotImplementedError,
        EOFError,
        zipfile.BadZipFile,
        zlib.error,
    ):
        return Inspection("zip", opaque=True, entries=len(listed), notes=("its schema cannot be read",))
    if not isinstance(schema, dict) or "__loader__" not in schema:
        return Inspection("zip", opaque=True, entries=len(listed), notes=("its schema is not one of skops",))
    return Inspection("skops", opaque=False, globals=tuple(found[:MAX_GLOBALS]), entries=len(listed))


def _types_in(schema: Any) -> set[str]:
    """Collect ``module.class`` of every node of a skops schema, without recursion."""
    found: set[str] = set()
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if isinstance(node.get("__module__"), str) and isinstance(node.get("__class__"), str):
                found.add(f"{node['__module__']}.{node['__class__']}"[:200])
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
    return found


class _Decompressor(Protocol):
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


def _decompressor(container: str) -> _Decompressor | None:
    if container == "gzip":
        return zlib.decompressobj(wbits=31)
    if container == "zlib":
        return zlib.decompressobj()
    if container == "bz2":
        return bz2.BZ2Decompressor()
    if container in ("xz", "lzma"):
        return lzma.LZMADecompressor(memlimit=256 * 2**20)
    return None


def _inspect_compressed(path: Path, container: str) -> Inspection:
    """Unpack at most ``MAX_PICKLE_BYTES`` and follow the pickle within; never more memory than that."""
    engine = _decompressor(container)
    if engine is None:
        return Inspection(container, opaque=True, notes=("this compression is not read here",))
    data, whole = bytearray(), False
    try:
        with open(path, "rb") as stream:
            while len(data) <= MAX_PICKLE_BYTES:
                piece = (
                    b"" if getattr(engine, "needs_input", True) is False else _next_piece(engine, stream.read(65536))
                )
                fresh = engine.decompress(piece, MAX_PICKLE_BYTES + 1 - len(data))
                data += fresh
                if getattr(engine, "eof", False):
                    whole = True
                    break
                if not piece and not fresh:
                    break
    except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
        return Inspection(container, opaque=True, notes=(f"cannot be unpacked: {type(error).__name__}",))
    whole = whole and len(data) <= MAX_PICKLE_BYTES
    return _inspect_pickle(bytes(data[:MAX_PICKLE_BYTES]), container, whole=whole)


def _next_piece(engine: object, fresh: bytes) -> bytes:
    """Return what zlib has not taken yet, followed by what was just read; the others keep it themselves."""
    return bytes(getattr(engine, "unconsumed_tail", b"")) + fresh


def _inspect_pickle(data: bytes, container: str, *, whole: bool) -> Inspection:
    """List the globals of every pickle in ``data``, one after the other, up to the first byte that is no opcode."""
    found: set[str] = set()
    notes: list[str] = [] if whole else ["cut off after the part that is read here"]
    complete, opcodes = whole, 0
    try:
        for opcodes, name in enumerate(_globals(data)):
            if opcodes >= MAX_OPCODES:
                complete = False
                notes.append("more instructions than are read here")
                break
            if name is not None:
                found.add(name[:200])
    except (ValueError, IndexError, OverflowError, UnicodeDecodeError, MemoryError) as error:
        complete = False
        notes.append(f"cannot be followed to its end: {type(error).__name__}")
    return Inspection(container, opaque=not complete, globals=tuple(sorted(found)[:MAX_GLOBALS]), notes=tuple(notes))


def _globals(data: bytes) -> Iterator[str | None]:
    """Yield, for each opcode, the global it asks for or None; a name that is put together at run time is "?"."""
    begin = 0
    while begin < len(data):
        pushed: list[str | None] = []
        memo: dict[int, str | None] = {}
        end = len(data)
        for opcode, argument, place in pickletools.genops(memoryview(data)[begin:].tobytes() if begin else data):
            name = opcode.name
            if name in ("GLOBAL", "INST"):
                pushed.append(None)
                yield str(argument).replace(" ", ".", 1)
                continue
            if name == "STACK_GLOBAL":
                module, attribute = pushed[-2:] if len(pushed) > 1 else [None, None]
                pushed.append(None)
                yield f"{module or '?'}.{attribute or '?'}"
                continue
            if name in _STRINGS:
                pushed.append(argument if isinstance(argument, str) else None)
            elif name in _LOOKUPS:
                pushed.append(memo.get(int(argument or 0)))
            elif name == "MEMOIZE":
                memo[len(memo)] = pushed[-1] if pushed else None
            elif name in _STORES:
                memo[int(argument or 0)] = pushed[-1] if pushed else None
            elif name == "STOP":
                end = begin + (place or 0) + 1
            elif name not in ("PROTO", "FRAME", "MARK"):
                pushed.append(None)
            del pushed[:-64]
            yield None
        begin = end
