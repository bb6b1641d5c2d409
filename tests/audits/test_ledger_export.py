"""Can the whole ledger be verified elsewhere, by Python alone, and is every change to it found there?"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import CommandError, call_command

from audits.dossier import verify
from registry.digests import canonical_json
from registry.ledger import export, keys, sequencer, signing, tree
from registry.ledger.append import append
from registry.ledger.checkpoint import Checkpoint, sign_note
from registry.ledger.extract import own_chain
from registry.ledger.proofs import latest_checkpoint
from registry.ledger.rotation import rotate
from tests.registry.ledger_attacker import edited, rechained
from tests.registry.ledger_cast import NOTED, adam, people

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

Files = dict[str, bytes]
FIRST, SECOND = "events-000001.jsonl", "events-000002.jsonl"


@pytest.fixture
def exported(monkeypatch, tmp_path):
    """Sixty events of three subjects, a rotated key, segments of 8 KB; the folder, and the key and note kept outside."""
    monkeypatch.setattr(export, "SEGMENT_BYTES", 8192)
    monkeypatch.setattr(export, "CHECKPOINT_EVERY", 16)
    monkeypatch.setattr(sequencer, "BATCH", 8)
    actor = adam()
    subjects = [actor, *people(actor, 2)]
    for number in range(28):
        append(
            NOTED, subjects[number % 3], actor=actor, payload={"number": number, "prev": "x", "subject": {"key": "a"}}
        )
    sequencer.sequence_all()
    (tmp_path / "old.pub").write_text(own_chain().keys()[0])
    (tmp_path / "kept.txt").write_text(latest_checkpoint().note)
    rotate(actor=actor)
    for number in range(28):
        append(NOTED, subjects[number % 3], actor=actor, payload={"number": number})
    sequencer.sequence_all()
    (tmp_path / "new.pub").write_text(own_chain().keys()[-1])
    call_command("export_ledger", str(tmp_path / "ledger"), verbosity=0)
    return tmp_path


def judged(folder: Path, *, key: str | None = "old.pub", kept: str | None = None) -> verify.Report:
    return verify.verify_ledger(
        str(folder / "ledger"), str(folder / key) if key else None, str(folder / kept) if kept else None
    )


def test_the_whole_ledger_verifies_with_either_key_and_with_a_kept_checkpoint(exported: Path) -> None:
    assert len(list((exported / "ledger").glob("events-*"))) >= 3
    for key in ("old.pub", "new.pub"):
        report = judged(exported, key=key, kept="kept.txt")
        assert report.code() == 0, report.lines()
        assert all(claim["checked"] for claim in report.claims)
    assert judged(exported, key=None).code() == 2
    assert judged(exported, key=None, kept="kept.txt").code() == 2
    (exported / "newest.txt").write_text(latest_checkpoint().note)
    assert judged(exported, key=None, kept="newest.txt").code() == 0


def test_python_alone_verifies_it(exported: Path) -> None:
    command = [sys.executable, "-I", "-S", verify.__file__, "--ledger", str(exported / "ledger"), "--json"]
    ran = subprocess.run(
        [*command, "--key", str(exported / "old.pub")], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout
    assert json.loads(ran.stdout)["verdict"] == "verified"


def test_very_many_subjects_are_followed_in_several_passes(exported: Path, monkeypatch) -> None:
    monkeypatch.setattr(verify, "MOST_SUBJECTS", 1)
    assert judged(exported).code() == 0
    files = read(exported)
    bodies = bodies_of(files)
    bodies[-3] = edited(bodies[-3], prev="0" * 64)
    write(exported, resigned(with_bodies(files, bodies), keys.load(signing.key_file())))
    report = judged(exported)
    assert next(one for one in report.claims if one["slug"] == "chains")["wrong"]


def test_nothing_is_exported_over_something_else(exported: Path) -> None:
    with pytest.raises(CommandError, match="not empty"):
        call_command("export_ledger", str(exported / "ledger"))


def test_what_lies_beside_the_export_is_named_and_not_read(exported: Path) -> None:
    (exported / "ledger" / "events-000001.jsonl.bak").write_text("{}")
    report = judged(exported)
    assert report.code() == 0
    assert "not part of it, and not looked at: events-000001.jsonl.bak" in report.lines()


def read(folder: Path) -> Files:
    return {path.name: path.read_bytes() for path in (folder / "ledger").iterdir()}


def write(folder: Path, files: Files) -> None:
    for path in (folder / "ledger").iterdir():
        path.unlink()
    for name, data in files.items():
        (folder / "ledger" / name).write_bytes(data)


def bodies_of(files: Files) -> list[bytes]:
    return b"".join(files[name] for name in sorted(files) if name.startswith("events-")).splitlines()


def with_bodies(files: Files, bodies: list[bytes]) -> Files:
    """Return the export with other events in one segment."""
    kept = {name: data for name, data in files.items() if not name.startswith("events-")}
    return {**kept, FIRST: b"".join(body + b"\n" for body in bodies), "ledger.json": about(files, segments=1)}


def about(files: Files, **changes: object) -> bytes:
    return canonical_json(json.loads(files["ledger.json"]) | changes)


def resigned(files: Files, key: Ed25519PrivateKey, *, every: int = 8) -> Files:
    """Return the export with checkpoints that state its events, signed by one key."""
    name, bodies = json.loads(files["ledger.json"])["register"], bodies_of(files)
    leaves = [tree.leaf_hash(body) for body in bodies]
    sizes = sorted({*range(every, len(bodies), every), len(bodies)})
    notes = [sign_note(Checkpoint(name, size, tree.root(leaves[:size])), key) for size in sizes]
    return {**files, "checkpoints.json": canonical_json(notes), "ledger.json": about(files, size=len(bodies))}


Tamper = Callable[[Files], Files]


def events(change: Callable[[list[bytes]], list[bytes]]) -> Tamper:
    return lambda files: with_bodies(files, change(bodies_of(files)))


def file(name: str, change: Callable[[bytes], bytes]) -> Tamper:
    return lambda files: files | {name: change(files[name])}


def notes(change: Callable[[list[str]], list[str]]) -> Tamper:
    return file("checkpoints.json", lambda data: canonical_json(change(json.loads(data))))


def without(name: str) -> Tamper:
    return lambda files: {one: data for one, data in files.items() if one != name}


def swapped(items: list[bytes], one: int, other: int) -> list[bytes]:
    items[one], items[other] = items[other], items[one]
    return items


def forged(bodies: list[bytes]) -> list[bytes]:
    return rechained([*bodies[:9], edited(bodies[9], payload={"number": 99}), *bodies[10:]])


def last_line(note: str, change: Callable[[str], str]) -> str:
    head, tail = note.split("\n\n")
    return head + "\n\n" + change(tail)


def at(number: int, **changes: object) -> Tamper:
    return events(lambda all_: [*all_[:number], edited(all_[number], **changes), *all_[number + 1 :]])


TAMPERS: dict[str, Tamper] = {
    "one event edited": at(9, payload={"number": 99}),
    "the actor exchanged": at(9, actor={"id": "somebody", "kind": "person"}),
    "the instant moved": at(9, instant="2020-01-01T00:00:00.000000Z"),
    "the action renamed": at(9, action="approval.approve"),
    "the subject exchanged": at(9, subject={"kind": "person", "key": "somebody"}),
    "the number raised": at(9, subject_seq=99),
    "the link cut": at(9, prev=None),
    "the credential removed": at(9, credential="x"),
    "the state emptied": at(9, state={}),
    "an edit and every link mended": events(forged),
    "one event deleted": events(lambda all_: all_[:9] + all_[10:]),
    "one event deleted and the rest renumbered": events(lambda all_: rechained(all_[:9] + all_[10:])),
    "the first event deleted": events(lambda all_: all_[1:]),
    "the last event deleted": events(lambda all_: all_[:-1]),
    "the tail cut off": events(lambda all_: all_[:20]),
    "the tail cut off and said so": lambda files: {
        **with_bodies(files, bodies_of(files)[:20]),
        "ledger.json": about(files, segments=1, size=20),
    },
    "an event inserted": events(lambda all_: [*all_[:9], all_[9], *all_[9:]]),
    "a back-dated event inserted and relinked": events(lambda all_: rechained([*all_[:9], all_[9], *all_[9:]])),
    "an event added at the end": events(lambda all_: [*all_, all_[-1]]),
    "two events swapped": events(lambda all_: swapped(all_, 9, 10)),
    "two events swapped and relinked": events(lambda all_: rechained(swapped(all_, 9, 10))),
    "all events reversed": events(lambda all_: all_[::-1]),
    "no events": events(lambda all_: []),
    "the same event in other bytes": events(
        lambda all_: [*all_[:9], json.dumps(json.loads(all_[9])).encode(), *all_[10:]]
    ),
    "a line end for windows": file(FIRST, lambda data: data.replace(b"\n", b"\r\n")),
    "a line end too few": file(FIRST, lambda data: data[:-1]),
    "a line end too many": file(FIRST, lambda data: data + b"\n"),
    "a line end within an event": file(FIRST, lambda data: data[:50] + b"\n" + data[50:]),
    "two events on one line": file(FIRST, lambda data: data.replace(b"\n", b"", 1)),
    "a byte order mark": file(FIRST, lambda data: b"\xef\xbb\xbf" + data),
    "nothing but noughts": file(FIRST, lambda data: bytes(len(data))),
    "two segments swapped": lambda files: files | {FIRST: files[SECOND], SECOND: files[FIRST]},
    "a segment twice": lambda files: files | {SECOND: files[FIRST]},
    "a segment gone": without(SECOND),
    "fewer segments said": lambda files: files | {"ledger.json": about(files, segments=1)},
    "more segments said": lambda files: files | {"ledger.json": about(files, segments=99)},
    "another size said": lambda files: files | {"ledger.json": about(files, size=1)},
    "another format said": lambda files: files | {"ledger.json": about(files, format="cadastre-ledger-0")},
    "an unknown member": lambda files: files | {"ledger.json": about(files, trust_me=True)},
    "no checkpoints": notes(lambda all_: []),
    "the newest checkpoint left out": notes(lambda all_: all_[:-1]),
    "a checkpoint of another size": notes(lambda all_: [one.replace("\n", "\n1", 1) for one in all_]),
    "a checkpoint without its signature": notes(lambda all_: [one.split("\n\n")[0] + "\n\n" for one in all_]),
    "the signature of another checkpoint": notes(
        lambda all_: [*all_[:-1], last_line(all_[-1], lambda _tail: all_[0].split("\n\n")[1])]
    ),
    "a checkpoint that is no text": file("checkpoints.json", lambda data: b"[1]"),
    "a checkpoint of another register": notes(lambda all_: ["other" + one for one in all_]),
    "rebuilt with a forged key": lambda files: resigned(
        with_bodies(files, forged(bodies_of(files))), Ed25519PrivateKey.generate()
    ),
    "another event about the keys": events(
        lambda all_: [one.replace(b"ledger.key_rotated", b"ledger.key_rotatee") for one in all_]
    ),
    "the event about the keys left out": events(lambda all_: [one for one in all_ if b"key_rotated" not in one]),
}
WITH_THE_STOLEN_KEY: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "rebuilt": forged,
    "shortened": lambda all_: rechained(all_[:12]),
    "emptied but for the first": lambda all_: all_[:1],
    "continued otherwise": lambda all_: rechained(
        all_[:20] + [edited(one, payload={"number": 99}) for one in all_[20:40]]
    ),
}


def test_there_are_at_least_forty_kinds_of_tampering() -> None:
    assert len(TAMPERS) >= 40


@pytest.mark.parametrize("kind", TAMPERS)
def test_tampering_with_an_export_is_found(exported: Path, kind: str) -> None:
    honest = read(exported)
    changed = TAMPERS[kind](honest)
    assert changed != honest
    write(exported, changed)
    report = judged(exported)
    assert report.code() in {1, 2}, report.lines()
    if kind not in {"a segment gone", "more segments said", "another format said", "an unknown member"} | {
        "a checkpoint that is no text"
    }:
        assert report.code() == 1, report.lines()


@pytest.mark.parametrize("kind", WITH_THE_STOLEN_KEY)
def test_a_ledger_rebuilt_with_the_stolen_key_is_found_by_a_kept_checkpoint(exported: Path, kind: str) -> None:
    files = read(exported)
    bodies = [one for one in WITH_THE_STOLEN_KEY[kind](bodies_of(files)) if b"key_rotated" not in one]
    stolen = keys.load(signing.key_file())
    write(exported, resigned(with_bodies(files, bodies), stolen, every=1000))
    report = judged(exported, key="new.pub", kept="kept.txt")
    assert report.code() in {1, 2}, report.lines()
    if kind in {"rebuilt", "continued otherwise"}:
        assert report.code() == 1


def test_a_flipped_bit_of_a_segment_is_proven_wherever_it_is(exported: Path) -> None:
    path = exported / "ledger" / FIRST
    original = path.read_bytes()
    for position in [*range(0, len(original), 97), len(original) - 1]:
        changed = bytearray(original)
        changed[position] ^= 1 << position % 8
        path.write_bytes(changed)
        assert judged(exported).code() == 1, position
    path.write_bytes(original)
    assert judged(exported).code() == 0


def test_the_client_verifies_an_export_too(exported: Path) -> None:
    command = [sys.executable, "-m", "cadastre", "verify", str(exported / "ledger"), "--key", str(exported / "old.pub")]
    client = str(Path(verify.__file__).parents[2] / "client")
    ran = subprocess.run(command, env={"PYTHONPATH": client}, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stdout.splitlines()[-1]) == (0, "VERIFIED"), ran.stderr
