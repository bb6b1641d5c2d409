"""Are files of formats nobody reads here refused at registration, whatever they are declared as and however crafted?"""

from __future__ import annotations

import io
import json
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from audits.sandbox.formats.contract import FORMATS
from audits.sandbox.inspect import inspect, require
from registry.errors import DomainError

pytestmark = pytest.mark.thorough


def _zip(names: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in names.items():
            archive.writestr(name, data)
    return stream.getvalue()


def _encrypted() -> bytes:
    """A zip whose only entry says that it is encrypted."""
    data = bytearray(_zip({"schema.json": b'{"__loader__": "x"}'}))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + place] |= 1
    return bytes(data)


def _nested_bomb() -> bytes:
    """A zip of zips of zeros, as 42.zip is built."""
    inner = _zip({"zeros": bytes(2**20)}, zipfile.ZIP_DEFLATED)
    for _ in range(4):
        inner = _zip({f"{number}.zip": inner for number in range(16)}, zipfile.ZIP_DEFLATED)
    return inner


def _tar(kind: bytes, name: str, target: str = "") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = kind, target
        archive.addfile(entry)
    return stream.getvalue()


def _numpy_bomb() -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, a=np.zeros(30_000_000))
    return stream.getvalue()


FOREIGN = {
    "empty": b"",
    "one byte": b"\x80",
    "npz bomb": _numpy_bomb(),
    "keras module": _zip(
        {"config.json": json.dumps({"module": "os", "class_name": "system"}).encode(), "metadata.json": b"{}"}
    ),
    "h5 lambda": b"\x89HDF\r\n\x1a\n" + bytes(600),
    "keras TFSMLayer": _zip({"config.json": b'{"class_name": "TFSMLayer", "config": {"filepath": "/etc"}}'}),
    "safetensors 2^63": struct.pack("<Q", 2**63) + b"{}",
    "safetensors overlap": struct.pack("<Q", 60) + b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,8]}}     ',
    "gguf": b"GGUF" + struct.pack("<IQQ", 3, 1, 2**62),
    "pmml entity": b'<?xml version="1.0"?><!DOCTYPE p [<!ENTITY a SYSTEM "file:///etc/passwd">]><PMML>&a;</PMML>',
    "pmml laughs": b'<?xml version="1.0"?><!DOCTYPE p [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><PMML>&b;</PMML>',
    "MLmodel": b"flavors: !!python/object/apply:os.system ['touch /tmp/canary']\n",
    "conda.yaml": b"channels: ['file:///etc']\n",
    "42.zip": _nested_bomb(),
    "NUL name": _zip({"a\x00b": b"1", "schema.json": b"{}"}),
    "trailing dot": _zip({"schema.json.": b"{}"}),
    "symlink in tar": _tar(tarfile.SYMTYPE, "a", "/etc"),
    "hard link in tar": _tar(tarfile.LNKTYPE, "a", "/etc/passwd"),
    "device in tar": _tar(tarfile.CHRTYPE, "a"),
    "encrypted zip": _encrypted(),
    "pdf and zip": b"%PDF-1.7\n" + _zip({"schema.json": b"{}"}),
    "elf": b"\x7fELF" + bytes(600),
    "html": b"<script>alert(1)</script>",
    "xgboost of old": b"binf" + bytes(600),
    "json": b'{"a": 1}',
    "onnx of nothing": b"\x08\x08\x3a\x00" + b"\x3a\x00",
}


@pytest.mark.parametrize("declared", sorted(entry.slug for entry in FORMATS))
@pytest.mark.parametrize("name", FOREIGN)
def test_it_is_refused_as_not_what_it_says(tmp_path: Path, name: str, declared: str) -> None:
    path = tmp_path / "artifact"
    path.write_bytes(FOREIGN[name])
    if (declared, name) == ("joblib", "one byte"):
        assert inspect(path).opaque
    with pytest.raises(DomainError) as refused:
        require(path, declared=declared)
    assert refused.value.code == "artifact-not-what-it-says"
    assert [found.name for found in tmp_path.iterdir()] == ["artifact"]


def test_a_sparse_file_of_ten_gigabytes_is_looked_at_within_bounds(tmp_path: Path) -> None:
    import resource
    import time

    path = tmp_path / "artifact"
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    for head in (b"", b"\x80\x04", b"CBM1", b"tree\nversion=v4\n", b'{"learner":{', b"\x08\x08\x12\x01x"):
        with open(path, "wb") as stream:
            stream.write(head)
            stream.truncate(256 * 2**20 if head == b"CBM1" else 10 * 2**30)
        inspect(path)
    assert time.monotonic() - began < 30
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400 * 1024
