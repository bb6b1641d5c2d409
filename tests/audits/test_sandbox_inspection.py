"""What does the parent learn about a file without loading it, and can a file hurt it?"""

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression

from audits.sandbox.archive import MAX_ENTRIES
from audits.sandbox.inspect import MAX_PICKLE_BYTES, Inspection, inspect, require
from registry.errors import DomainError
from tests.audits.hostile_models import Call

MALICIOUS = pickle.dumps(Call(os.system, "touch /tmp/canary"), protocol=2)


def _of(folder: Path, data: bytes) -> Inspection:
    path = folder / "artifact"
    path.write_bytes(data)
    return inspect(path)


def _refused(folder: Path, data: bytes, declared: str) -> DomainError:
    path = folder / "artifact"
    path.write_bytes(data)
    with pytest.raises(DomainError) as refused:
        require(path, declared=declared)
    return refused.value


@pytest.mark.parametrize(
    ("container", "data"),
    [
        ("pickle", MALICIOUS),
        ("zlib", zlib.compress(MALICIOUS)),
        ("gzip", gzip.compress(MALICIOUS)),
        ("bz2", bz2.compress(MALICIOUS)),
        ("xz", lzma.compress(MALICIOUS)),
        ("lzma", lzma.compress(MALICIOUS, format=lzma.FORMAT_ALONE)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_command_in_a_pickle_is_listed_through_every_compression(tmp_path: Path, container: str, data: bytes) -> None:
    found = _of(tmp_path, data)
    assert found.container == container
    assert not found.opaque
    assert found.globals == ("posix.system",)
    json.dumps(found.to_json())


def test_lz4_and_unknown_bytes_are_opaque_and_never_clean(tmp_path: Path) -> None:
    assert _of(tmp_path, b"\x04\x22\x4d\x18" + b"x" * 40).opaque
    assert _of(tmp_path, b"\x7fELF" + b"x" * 40) == Inspection("unknown", opaque=True)
    assert _of(tmp_path, b"") == Inspection("empty", opaque=True)
    assert _of(tmp_path, b"\x80").opaque


@pytest.mark.parametrize(
    "name",
    ["distutils.spawn.spawn", "multiprocessing.util.spawnv_passfds", "django.core.management.call_command",
     "builtins.__import__"],
)  # fmt: skip
@pytest.mark.parametrize("protocol", [0, 4])
def test_gadgets_are_listed_by_name(tmp_path: Path, name: str, protocol: int) -> None:
    module, attribute = name.rsplit(".", 1)
    if protocol == 0:
        data = b"c" + module.encode() + b"\n" + attribute.encode() + b"\n(Vx\ntR."
    else:
        text = b"".join(b"\x8c" + bytes([len(part)]) + part.encode() + b"\x94" for part in (module, attribute))
        data = b"\x80\x04" + text + b"\x93)R."
    found = _of(tmp_path, data)
    assert found.globals == (name,)


def test_a_name_hidden_in_the_memo_is_found(tmp_path: Path) -> None:
    data = b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94]0h\x00h\x01\x93\x8c\x02id\x85R."
    assert _of(tmp_path, data).globals == ("os.system",)


def test_a_stream_that_breaks_after_its_payload_is_opaque_with_its_globals(tmp_path: Path) -> None:
    found = _of(tmp_path, MALICIOUS[:-1] + b"\xff\xff garbage")
    assert found.opaque
    assert found.globals == ("posix.system",)


def test_a_second_pickle_behind_the_first_is_read_too(tmp_path: Path) -> None:
    found = _of(tmp_path, pickle.dumps({"harmless": 1}) + MALICIOUS)
    assert found.globals == ("posix.system",)


def test_a_joblib_file_with_arrays_is_opaque_but_not_mislabelled(tmp_path: Path) -> None:
    import joblib

    path = tmp_path / "model.joblib"
    joblib.dump({"weights": np.arange(1000.0)}, path)
    found = require(path, declared="joblib")
    assert "joblib.numpy_pickle.NumpyArrayWrapper" in found.globals


def test_a_bomb_is_unpacked_up_to_the_bound_only(tmp_path: Path) -> None:
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(bytes(2**20)) for _ in range(300)) + packer.flush()
    assert 4 * MAX_PICKLE_BYTES < 300 * 2**20
    found = _of(tmp_path, data)
    assert found.opaque
    assert found.globals == ()


def test_a_skops_file_names_its_types(tmp_path: Path) -> None:
    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    path = tmp_path / "model.skops"
    skops.io.dump(model, path)
    found = require(path, declared="skops")
    assert found.container == "skops"
    assert "sklearn.linear_model._logistic.LogisticRegression" in found.globals


@pytest.mark.parametrize(
    ("data", "declared"),
    [
        (b"", "skops"),
        (b"", "joblib"),
        (b"P", "skops"),
        (MALICIOUS, "skops"),
        (zlib.compress(MALICIOUS), "skops"),
        (b"\x7fELF" + bytes(600), "joblib"),
        (b"%PDF-1.7\n" + bytes(600), "joblib"),
        (b"PK\x03\x04" + bytes(600), "skops"),
        (b"PK\x03\x04" + bytes(600), "joblib"),
    ],
)
def test_an_artifact_that_is_not_what_it_says_is_refused(tmp_path: Path, data: bytes, declared: str) -> None:
    refusal = _refused(tmp_path, data, declared)
    assert refusal.code == "artifact-not-what-it-says"
    assert refusal.context["declared"] == declared


def _zip(names: dict[str, bytes], **how) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", **how) as archive:
        for name, data in names.items():
            archive.writestr(name, data)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("archive", "note"),
    [
        (lambda: _zip({"../../x": b"1", "schema.json": b"{}"}), "leaves its folder"),
        (lambda: _zip({"C:/x": b"1", "schema.json": b"{}"}), "leaves its folder"),
        (lambda: _zip({"/etc/x": b"1", "schema.json": b"{}"}), "leaves its folder"),
        (lambda: _zip({"..\\x": b"1", "schema.json": b"{}"}), "leaves its folder"),
        (lambda: _zip({"a" * 300: b"1", "schema.json": b"{}"}), "leaves its folder"),
        (lambda: _zip({"A": b"1", "a": b"2", "schema.json": b"{}"}), "same name"),
        (
            lambda: _zip({"x": bytes(30 * 2**20), "schema.json": b"{}"}, compression=zipfile.ZIP_DEFLATED),
            "claims to unpack",
        ),
        (lambda: _zip({str(number): b"" for number in range(MAX_ENTRIES + 1)}), "entries"),
        (lambda: _zip({"schema.json": b"[" * 100_000}), "cannot be read"),
        (lambda: _zip({"schema.json": b"{}"}), "not one of skops"),
        (lambda: _zip({"schema.json": b"{}"})[:-30], "no directory"),
    ],
    # a zip holds the hour it was made at: as a name it would differ between the processes that share the tests
    ids=lambda value: value if isinstance(value, str) else "zip",
)
def test_a_zip_that_is_not_plain_and_bounded_is_refused_as_skops(
    tmp_path: Path, archive: Callable[[], bytes], note: str
) -> None:
    refusal = _refused(tmp_path, archive(), "skops")
    assert refusal.code == "artifact-not-what-it-says"
    assert any(note in text for text in refusal.context["notes"])


def test_overlapping_entries_and_lying_sizes_are_refused(tmp_path: Path) -> None:
    data = bytearray(_zip({"schema.json": b"{}", "b": bytes(100)}))
    second = data.rfind(b"PK\x01\x02")
    struct.pack_into("<I", data, second + 42, 0)
    assert "overlap" in _of(tmp_path, bytes(data)).notes[0]
    data = bytearray(_zip({"schema.json": b"{}"}))
    end = data.rfind(b"PK\x05\x06")
    struct.pack_into("<H", data, end + 10, 60_000)
    assert "60000 entries" in _of(tmp_path, bytes(data)).notes[0]
