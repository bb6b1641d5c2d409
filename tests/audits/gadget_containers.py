"""In which containers can a gadget come? Each turns a value for the pickle opcodes into the bytes of a file."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import joblib
import numpy as np

from tests.audits.pickle_opcodes import Call, Global, written

Container = Callable[[Any], bytes]


def _archive(names: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in names.items():
            archive.writestr(name, data)
    return stream.getvalue()


def _numpy_object(value: Any) -> bytes:
    """An .npy file of dtype object: its header, then the pickle."""
    head = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
    head += b" " * (118 - len(head) - 1) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + written(value, 3)


def _joblib_array(value: Any) -> bytes:
    """A joblib file of an object array, whose numbers are a pickle of their own within the file."""
    stream = io.BytesIO()
    joblib.dump(np.array([None], dtype=object), stream)
    data = stream.getvalue()
    return data[: data.index(b"\x80\x05", 2)] + written(value, 5)


def _torch_like(value: Any) -> bytes:
    return _archive({"archive/data.pkl": written(value, 2), "archive/version": b"3\n"})


def _flipped(value: Any) -> bytes:
    """A torch archive whose flag bits and checksum are wrong, over which scanners have stumbled."""
    data = bytearray(_torch_like(value))
    entry = data.rfind(b"PK\x01\x02", 0, data.rfind(b"PK\x01\x02"))
    data[entry + 8] ^= 0x20
    data[entry + 16] ^= 0xFF
    return bytes(data)


def _tarred(value: Any) -> bytes:
    inner, stream = _archive({"model.pkl": written(value, 4)}), io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        entry = tarfile.TarInfo("model.zip")
        entry.size = len(inner)
        archive.addfile(entry, io.BytesIO(inner))
    return stream.getvalue()


def _first_global(value: Any) -> Global:
    """Return the function a gadget calls first, for containers that name it instead of pickling it."""
    while isinstance(value, Call):
        value = value.function
    return value if isinstance(value, Global) else Global("os", "system")


def _skops_function(value: Any) -> bytes:
    """A skops file that names the gadget's function where a model's function would be, and calls it."""
    asked = _first_global(value)
    inner = {"__class__": asked.name, "__module__": asked.module, "__loader__": "FunctionNode", "__id__": 1}
    inner["content"] = {"module_path": asked.module, "function": asked.name}
    partial = {"__class__": "partial", "__module__": "functools", "__loader__": "PartialNode", "__id__": 2}
    partial["content"] = {"func": inner, "args": _tuple(), "kwds": _mapping(), "namespace": _mapping()}
    return _archive({"schema.json": json.dumps(partial | {"protocol": 2, "_skops_version": "0.16.0"}).encode()})


def _tuple() -> dict[str, Any]:
    return {"__class__": "tuple", "__module__": "builtins", "__loader__": "TupleNode", "content": [], "__id__": 3}


def _mapping() -> dict[str, Any]:
    keys = {"__class__": "list", "__module__": "builtins", "__loader__": "ListNode", "content": [], "__id__": 4}
    found = {"__class__": "dict", "__module__": "builtins", "__loader__": "DictNode", "content": {}, "__id__": 5}
    return found | {"key_types": keys}


def _skops_array(value: Any) -> bytes:
    """A skops file whose array is an .npy of dtype object, which holds the pickle."""
    schema = {
        "__class__": "ndarray",
        "__module__": "numpy",
        "__loader__": "NdArrayNode",
        "type": "numpy",
        "file": "1.npy",
    }
    names = {"schema.json": json.dumps(schema | {"protocol": 2, "__id__": 1}).encode(), "1.npy": _numpy_object(value)}
    return _archive(names)


def _keras(value: Any) -> bytes:
    """A Keras archive whose configuration names the gadget's function as a layer."""
    asked = _first_global(value)
    layer = {"class_name": "Lambda", "module": asked.module, "config": {"function": asked.name}}
    return _archive({"config.json": json.dumps(layer).encode(), "metadata.json": b"{}", "model.weights.h5": b"\x89HDF"})


def _lz4(value: Any) -> bytes:
    """An lz4 frame with one stored block."""
    data = written(value, 4)
    return b"\x04\x22\x4d\x18\x60\x40\x82" + struct.pack("<I", len(data) | 1 << 31) + data + bytes(4)


CONTAINERS: dict[str, tuple[str, Container]] = {
    "pickle-0": ("joblib", lambda value: written(value, 0)),
    "pickle-2": ("joblib", lambda value: written(value, 2)),
    "pickle-4": ("joblib", lambda value: written(value, 4)),
    "pickle-5": ("joblib", lambda value: written(value, 5)),
    "zlib": ("joblib", lambda value: zlib.compress(written(value, 4))),
    "gzip": ("joblib", lambda value: gzip.compress(written(value, 4))),
    "bz2": ("joblib", lambda value: bz2.compress(written(value, 2))),
    "xz": ("joblib", lambda value: lzma.compress(written(value, 4))),
    "lzma": ("joblib", lambda value: lzma.compress(written(value, 4), format=lzma.FORMAT_ALONE)),
    "lz4": ("joblib", _lz4),
    "joblib-array": ("joblib", _joblib_array),
    "then-garbage": ("joblib", lambda value: written(value, 2) + b"\xff" * 64),
    "cut-short": ("joblib", lambda value: written(value, 2)[:-1]),
    "two-pickles": ("joblib", lambda value: written({"weights": [1]}, 4) + written(value, 4)),
    "npy": ("joblib", _numpy_object),
    "npz": ("joblib", lambda value: _archive({"a.npy": _numpy_object(value)}, zipfile.ZIP_DEFLATED)),
    "torch-like": ("joblib", _torch_like),
    "torch-flipped": ("joblib", _flipped),
    "tar-gz": ("joblib", _tarred),
    "keras": ("joblib", _keras),
    "skops-function": ("skops", _skops_function),
    "skops-array": ("skops", _skops_array),
}
"""Each container with the format a file of it would be declared as."""

PLAIN = ("pickle-0", "pickle-2", "pickle-4", "pickle-5", "zlib", "gzip", "bz2", "xz", "lzma", "joblib-array", "then-garbage",
         "cut-short")  # fmt: skip
"""Those of which joblib reads the pickle and runs it."""
