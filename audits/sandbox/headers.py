"""Which library wrote this file, and in which version? Read from its bytes within bounds; nothing is loaded."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path

TAIL_BYTES = 512
_MAX_DEPTH = 64
_MAX_SCANNED = 2**30
_LIGHTGBM = re.compile(rb"\Atree\r?\nversion=(v[0-9]{1,4})\r?\n")
_XGBOOST_JSON = re.compile(rb'\A\s*\{\s*"learner"\s*:\s*\{')
_XGBOOST_JSON_VERSION = re.compile(rb'"version"\s*:\s*\[\s*(\d{1,4})\s*,\s*(\d{1,4})\s*,\s*(\d{1,4})\s*\]\s*\}\s*\Z')
_XGBOOST_UBJ = b"{L\x00\x00\x00\x00\x00\x00\x00\x07learner{"
_XGBOOST_UBJ_VERSION = re.compile(
    rb"L\x00\x00\x00\x00\x00\x00\x00\x07version\[#L\x00\x00\x00\x00\x00\x00\x00\x03i(.)i(.)i(.)\}\Z", re.DOTALL
)
_CATBOOST = b"CBM1"
_CATBOOST_VERSION = re.compile(rb"Branch: tags/v([0-9]+\.[0-9]+(?:\.[0-9]+)*)")
_BRACKETS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)
_ONNX_FIELDS = {1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2, 20: 2, 25: 2, 26: 2}
"""The fields of an ONNX ModelProto and their wire types, from onnx.proto3."""


def container_of(head: bytes) -> str | None:
    """Return what a file that begins with ``head`` can be: "lightgbm", "xgboost-json", "xgboost-ubj", "catboost",
    "onnx", or None for none of these."""
    if _LIGHTGBM.match(head):
        return "lightgbm"
    if _XGBOOST_JSON.match(head):
        return "xgboost-json"
    if head.startswith(_XGBOOST_UBJ):
        return "xgboost-ubj"
    if head.startswith(_CATBOOST):
        return "catboost"
    return "onnx" if re.match(rb"\A\x08[\x01-\x7f][\x12\x1a\x22\x28\x32\x3a\x42]", head) else None


def versions_of(path: Path, container: str) -> dict[str, str]:
    """Return the versions that the file itself names, by library or format; raises ValueError for a malformed file."""
    if container == "lightgbm":
        with open(path, "rb") as stream:
            found = _LIGHTGBM.match(stream.read(TAIL_BYTES))
        return {"lightgbm-format": found[1].decode("ascii")} if found else {}
    if container in ("xgboost-json", "xgboost-ubj"):
        return _of_xgboost(path, container)
    if container == "catboost":
        return _of_catboost(path)
    return _of_onnx(path)


def _of_xgboost(path: Path, container: str) -> dict[str, str]:
    """XGBoost writes its keys sorted, so the version ends the file."""
    with open(path, "rb") as stream:
        stream.seek(max(0, path.stat().st_size - TAIL_BYTES))
        tail = stream.read()
    if container == "xgboost-json":
        found = _XGBOOST_JSON_VERSION.search(tail)
        return {"xgboost": ".".join(part.decode("ascii") for part in found.groups())} if found else {}
    found = _XGBOOST_UBJ_VERSION.search(tail)
    return {"xgboost": ".".join(str(part[0]) for part in found.groups())} if found else {}


def refuse_deep_json(path: Path) -> None:
    """Raise ValueError when brackets nest deeper than any model of trees: a parser may overrun its stack on them."""
    depth = 0
    for found in _BRACKETS.finditer(path.read_bytes()):
        depth += {b"[": 1, b"{": 1, b"]": -1, b"}": -1}.get(found[0], 0)
        if depth > _MAX_DEPTH:
            raise ValueError(f"it nests deeper than {_MAX_DEPTH} levels")


def _of_catboost(path: Path) -> dict[str, str]:
    """CatBoost writes the tag of its release among the model's texts."""
    with open(path, "rb") as stream:
        rest = b""
        while stream.tell() < _MAX_SCANNED and (piece := stream.read(2**20)):
            if found := _CATBOOST_VERSION.search(rest + piece):
                return {"catboost": found[1].decode("ascii")}
            rest = piece[-200:]
    return {}


def _of_onnx(path: Path) -> dict[str, str]:
    """Walk the outermost fields of the protocol buffer; the graph is stepped over."""
    found: dict[str, str] = {}
    producer, graphs = "", 0
    for field, value in _fields(path):
        if field == 1 and isinstance(value, int):
            found["onnx-ir"] = str(value)
        elif field == 2 and isinstance(value, bytes):
            producer = value.decode("ascii", "replace")
        elif field == 3 and isinstance(value, bytes) and producer:
            found[re.sub(r"[^0-9A-Za-z.+!_-]", "_", producer)[:60]] = value.decode("ascii", "replace")
        elif field == 7:
            graphs += 1
        elif field == 8 and isinstance(value, bytes):
            domain, version = _operator_set(value)
            found[f"onnx-opset-{domain or 'ai.onnx'}"[:64]] = str(version)
    if graphs != 1 or "onnx-ir" not in found:
        raise ValueError("it is not an ONNX model with one graph")
    return found


def _fields(path: Path) -> Iterator[tuple[int, int | bytes | None]]:
    """Yield each outermost field of an ONNX file with its value; None for one that is too long to be looked at."""
    size = path.stat().st_size
    with open(path, "rb") as stream:
        for _ in range(10_000):
            if stream.tell() >= size:
                return
            key = _varint(stream.read(1), stream.read)
            field, wire = key >> 3, key & 7
            if _ONNX_FIELDS.get(field) != wire:
                raise ValueError(f"field {field} is none of an ONNX model")
            value = _varint(stream.read(1), stream.read)
            if wire == 0:
                yield field, value
                continue
            if value > size - stream.tell():
                raise ValueError("a field reaches beyond the end of the file")
            if value <= 4_096 and field != 7:
                yield field, stream.read(value)
            else:
                yield field, None
                stream.seek(value, 1)
    raise ValueError("it has more fields than an ONNX model")


def _varint(first: bytes, more: Callable[[int], bytes]) -> int:
    number, shift, piece = 0, 0, first
    while piece and shift < 70:
        number |= (piece[0] & 0x7F) << shift
        if piece[0] < 0x80:
            return number
        shift += 7
        piece = more(1)
    raise ValueError("a number is not ended")


def _operator_set(data: bytes) -> tuple[str, int]:
    """Return domain and version of an OperatorSetIdProto."""
    domain, version = "", 0
    stream = io.BytesIO(data)
    while key := stream.read(1):
        value = _varint(stream.read(1), stream.read)
        if key == b"\x0a":
            domain = re.sub(r"[^0-9A-Za-z._-]", "_", stream.read(value).decode("ascii", "replace"))
        elif key == b"\x10":
            version = value
        else:
            raise ValueError("an operator set has a strange field")
    return domain, version
