"""Is every kind of tampering with a bundle caught, by two verifiers that agree, with one checkpoint from outside?"""

from __future__ import annotations

import io
import random
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from audits.dossier import verify
from audits.dossier.bundle import zipped
from audits.dossier.bundle_check import verify_bundle
from registry.ledger import tree
from registry.ledger.checkpoint import Checkpoint, parse, sign_note
from tests.audits.bundle_attacks import ATTACKS
from tests.audits.bundle_samples import Sample, judged, made

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def sample(django_db_setup: None, django_db_blocker: Any) -> Iterator[Sample]:
    """Make a real bundle once; verifying reads no table."""
    from django.db import transaction

    with django_db_blocker.unblock(), transaction.atomic():
        yield made()
        transaction.set_rollback(True)


def both(folder: Path, data: bytes, sample: Sample, *, key: str | None, kept: str | None) -> tuple[int, int]:
    first = judged(folder, data, key=key, kept=kept)
    second = verify_bundle(data, key=key, checkpoint=kept)
    return first.code(), second.exit_code


def test_the_honest_bundle_is_verified_by_both(sample: Sample, tmp_path: Path) -> None:
    assert both(tmp_path, sample.data, sample, key=sample.key, kept=sample.kept) == (0, 0)
    assert both(tmp_path, sample.data, sample, key=sample.key, kept=None) == (0, 0)


def test_without_a_trusted_key_both_cannot_say(sample: Sample, tmp_path: Path) -> None:
    assert both(tmp_path, sample.data, sample, key=None, kept=None) == (2, 2)
    assert both(tmp_path, sample.data, sample, key=None, kept=sample.kept) == (2, 2)
    assert both(tmp_path, sample.data, sample, key="nonsense", kept=None) == (2, 2)
    newest = sample.files()["ledger/checkpoint.txt"].decode()
    assert both(tmp_path, sample.data, sample, key=None, kept=newest) == (0, 0)


def test_the_corpus_has_more_than_forty_kinds() -> None:
    assert len(ATTACKS) >= 40


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_tampering_is_caught_and_both_agree(sample: Sample, tmp_path: Path, name: str) -> None:
    files = ATTACKS[name](sample.files(), sample)
    assert files != sample.files(), "the attack changed nothing"
    first, second = both(tmp_path, zipped(files), sample, key=sample.key, kept=sample.kept)
    assert first in {1, 2}
    assert first == second


def test_the_stolen_key_is_found_out_by_the_kept_checkpoint(sample: Sample, tmp_path: Path) -> None:
    stolen = [name for name in ATTACKS if "stolen" in name]
    assert len(stolen) == 3
    for name in stolen:
        data = zipped(ATTACKS[name](sample.files(), sample))
        assert both(tmp_path, data, sample, key=sample.key, kept=sample.kept) == (1, 1)


def test_every_flipped_byte_of_the_events_is_caught(sample: Sample) -> None:
    """Each byte of a segment of the ledger, once: its leaf no longer leads to the root."""
    files = sample.files()
    checkpoint = verify.Note(files["ledger/checkpoint.txt"].decode())
    proofs = verify.parsed(files["ledger/proofs.json"], "proofs")["inclusion"]
    for line, proof in zip(files["ledger/events.jsonl"].split(b"\n")[:-1], proofs, strict=True):
        path = verify.hashes(proof["path"])
        for at in range(len(line)):
            flipped = line[:at] + bytes([line[at] ^ 1 << at % 8]) + line[at + 1 :]
            leaf = verify.leaf_hash(flipped)
            assert not verify.included(leaf, proof["index"], checkpoint.size, path, checkpoint.root)


@pytest.mark.parametrize("back", [0, 1])
def test_a_fork_that_the_holder_of_the_key_signed_is_found_out(sample: Sample, tmp_path: Path, back: int) -> None:
    """Whoever has the key may rebuild everything; what was signed before still says otherwise."""
    newest, older = parse(sample.files()["ledger/checkpoint.txt"].decode()), parse(sample.kept)
    other = Checkpoint(newest.origin, (newest, older)[back].size, b"\x01" * 32)
    assert both(tmp_path, sample.data, sample, key=sample.key, kept=sign_note(other, sample.private)) == (1, 1)


def test_a_checkpoint_of_a_longer_ledger_cannot_be_compared_without_a_proof(sample: Sample, tmp_path: Path) -> None:
    newest = parse(sample.files()["ledger/checkpoint.txt"].decode())
    later = sign_note(Checkpoint(newest.origin, newest.size + 5, b"\x02" * 32), sample.private)
    assert both(tmp_path, sample.data, sample, key=sample.key, kept=later) == (2, 2)


def zipped_otherwise(files: dict[str, bytes], trick: str) -> bytes:
    """Return a zip of the same files, or of more, that plays a trick."""
    out = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if trick in {"compressed", "bomb"} else zipfile.ZIP_STORED
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", method) as whole:
        warnings.simplefilter("ignore")  # of a name that comes twice
        for name in sorted(files):
            whole.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), files[name], compress_type=method)
        if trick == "twice":
            whole.writestr("facts.json", b"{}")
        if trick == "outside":
            whole.writestr("../verify.py", b"{}")
        if trick == "absolute":
            whole.writestr("/verify.py", b"{}")
        if trick == "folder":
            whole.writestr("evidence/", b"")
        if trick == "bomb":
            whole.writestr("evidence/zeros", bytes(50_000_000))
        if trick == "comment":
            whole.comment = b"trust me"
        if trick == "another-case":
            whole.writestr("VERIFY.py", b"{}")
    data = out.getvalue()
    return {"before": b"#!/bin/sh\n" + data, "after": data + b"\0", "overlap": overlapping(data)}.get(trick, data)


def overlapping(data: bytes) -> bytes:
    """Return the zip with a directory in which every entry begins where the first does."""
    start = int.from_bytes(data[-6:-2], "little")
    whole = bytearray(data)
    at = start
    while whole[at : at + 4] == b"PK\x01\x02":
        whole[at + 42 : at + 46] = bytes(4)
        lengths = [int.from_bytes(whole[at + where : at + where + 2], "little") for where in (28, 30, 32)]
        at += 46 + sum(lengths)
    return bytes(whole)


@pytest.mark.parametrize(
    "trick",
    [
        "compressed",
        "twice",
        "outside",
        "absolute",
        "folder",
        "bomb",
        "comment",
        "another-case",
        "before",
        "after",
        "overlap",
    ],
)
def test_a_zip_that_plays_tricks_is_no_bundle(sample: Sample, tmp_path: Path, trick: str) -> None:
    data = zipped_otherwise(sample.files(), trick)
    assert both(tmp_path, data, sample, key=sample.key, kept=sample.kept) == (2, 2)


@pytest.mark.parametrize("data", [b"", b"PK", b"PK\x03\x04", b"%PDF-1.7", b"PK\x05\x06" + bytes(18), b"[" * 100_000])
def test_what_is_no_zip_is_no_bundle(sample: Sample, tmp_path: Path, data: bytes) -> None:
    assert both(tmp_path, data, sample, key=sample.key, kept=None) == (2, 2)


def unpacked(sample: Sample, folder: Path) -> Path:
    for name, data in sample.files().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    (folder / "trusted-key.pub").write_text(sample.key)
    return folder


def test_an_unpacked_bundle_bears_other_files_beside_it_and_none_in_its_own_folders(
    sample: Sample, tmp_path: Path
) -> None:
    folder = unpacked(sample, tmp_path / "bundle")
    key = str(folder / "trusted-key.pub")
    assert verify.verify(str(folder), key, None, None).code() == 0
    (folder / "notes.txt").write_text("mine")
    report = verify.verify(str(folder), key, None, None)
    assert (report.code(), report.strays) == (0, ["notes.txt"])
    (folder / "evidence").mkdir(exist_ok=True)
    (folder / "evidence" / "slipped-in").write_text("mine")
    assert verify.verify(str(folder), key, None, None).code() == 1
    (folder / "evidence" / "slipped-in").unlink()
    (folder / "notes.txt").unlink()
    (folder / "link").symlink_to(tmp_path)
    assert verify.verify(str(folder), key, None, None).code() == 0
    (folder / "link").unlink()
    (folder / "README.md").rename(tmp_path / "README.md")
    (folder / "README.md").symlink_to(tmp_path / "README.md")
    assert verify.verify(str(folder), key, None, None).code() == 2
    (folder / "README.md").unlink()
    assert verify.verify(str(folder), key, None, None).code() == 2


def test_a_missing_key_file_or_bundle_is_no_traceback(sample: Sample, tmp_path: Path) -> None:
    (tmp_path / "bundle.zip").write_bytes(sample.data)
    assert verify.verify(str(tmp_path / "bundle.zip"), str(tmp_path / "none"), None, None).code() == 2
    assert verify.verify(str(tmp_path / "none.zip"), None, None, None).code() == 2


def test_the_command_of_the_service_ends_with_the_verdict(sample: Sample, tmp_path: Path) -> None:
    bundle, key = tmp_path / "bundle.zip", tmp_path / "key"
    bundle.write_bytes(sample.data)
    key.write_text(sample.key + "\n")
    out = io.StringIO()
    call_command("verify_bundle", bundle, key=key, stdout=out)
    assert out.getvalue().rstrip().endswith("VERIFIED")
    bundle.write_bytes(zipped(ATTACKS["the_pdf_swapped"](sample.files(), sample)))
    with pytest.raises(SystemExit) as ended:
        call_command("verify_bundle", bundle, key=key, json=True, stdout=out)
    assert ended.value.code == 1


@pytest.mark.thorough
def test_every_flipped_byte_of_a_megabyte_is_caught(sample: Sample) -> None:
    events = sample.files()["ledger/events.jsonl"].split(b"\n")[:-1]
    bodies = [events[at % len(events)] for at in range(1 + len(events) * 2**20 // sum(map(len, events)))]
    leaves = [tree.leaf_hash(body) for body in bodies]
    root, node = tree.root(leaves), tree.nodes_of(leaves)
    assert sum(map(len, bodies)) >= 2**20 - max(map(len, events))
    for index, body in enumerate(bodies):
        path = tree.inclusion_proof(index, len(bodies), node)
        assert verify.included(verify.leaf_hash(body), index, len(bodies), path, root)
        for at in range(len(body)):
            flipped = body[:at] + bytes([body[at] ^ 1 << at % 8]) + body[at + 1 :]
            assert not verify.included(verify.leaf_hash(flipped), index, len(bodies), path, root)


def mutated(data: bytes, draw: random.Random) -> bytes:
    """Return the zip with something done to it: bytes flipped, cut out, doubled, or put elsewhere."""
    at, other = sorted(draw.sample(range(len(data)), 2))
    length = draw.choice((1, 2, 16, 300))
    kind = draw.randrange(5)
    if kind == 0:
        return data[:at] + bytes([data[at] ^ draw.randrange(1, 256)]) + data[at + 1 :]
    if kind == 1:
        return data[:at] + data[at + length :]
    if kind == 2:
        return data[:at] + data[at : at + length] + data[at:]
    if kind == 3:
        return data[:at]
    return data[:at] + data[other : other + length] + data[at + length :]


def mutated_inside(files: dict[str, bytes], draw: random.Random) -> bytes:
    """Return a well-formed zip in which one file is mutated."""
    name = draw.choice(sorted(files))
    return zipped({**files, name: mutated(files[name], draw)})


def accepted(folder: Path, sample: Sample, count: int, seed: int) -> list[int]:
    """Return which of ``count`` mutated bundles one of the verifiers accepts, crashes on, or judges alone."""
    files, found = sample.files(), []
    for number in range(count):
        draw = random.Random(seed + number)
        data = mutated(sample.data, draw) if number % 2 else mutated_inside(files, draw)
        codes = both(folder, data, sample, key=sample.key, kept=sample.kept)
        if data != sample.data and (codes[0] == 0 or codes[0] != codes[1]):
            found.append(seed + number)
    return found


def test_no_mutated_bundle_is_accepted(sample: Sample, tmp_path: Path) -> None:
    assert accepted(tmp_path, sample, 60, seed=0) == []


@pytest.mark.thorough
@pytest.mark.timeout(3600)
def test_none_of_ten_thousand_mutated_bundles_is_accepted(sample: Sample, tmp_path: Path) -> None:
    assert accepted(tmp_path, sample, 10_000, seed=1_000) == []
