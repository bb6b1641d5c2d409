"""Does a real time-stamping authority witness a checkpoint, and does a bad one count for nothing and stall nobody?"""

from __future__ import annotations

import base64
import json
import subprocess
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection

from registry.ledger import anchoring, anchors, sequencer
from registry.ledger.append import append
from registry.ledger.checkpoint import Checkpoint, sign_note
from registry.ledger.faults import AnchorDown, LedgerFault
from registry.ledger.models import LedgerAnchor, LedgerCheckpoint
from registry.ledger.places.timestamp import TimestampAnchor
from registry.ledger.verify import verify_all
from tests.ledger_fixtures import walls_down
from tests.registry.anchor_services import make_authority, serving
from tests.registry.ledger_cast import NOTED, adam

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
NOTE = sign_note(Checkpoint("cadastre.example", 7, b"r" * 32), KEY)
INSTANT = "2026-01-02T03:04:05.000000Z"


@pytest.fixture(scope="module")
def certified(tmp_path_factory):
    with serving(make_authority(tmp_path_factory.mktemp("tsa") / "own")) as authority:
        yield authority


@pytest.fixture
def authority(certified):
    certified.mood = "well"
    certified.asked.clear()
    return certified


@pytest.fixture
def place(authority):
    return TimestampAnchor(authority.url, authority.roots, seconds=1.0)


@pytest.fixture
def configured(authority, settings):
    settings.TIMESTAMP_URL, settings.TIMESTAMP_ROOTS = authority.url, str(authority.roots)
    settings.LEDGER_ANCHOR_TIMEOUT_SECONDS = 1
    return authority


def test_a_checkpoint_is_stamped_and_the_stamp_is_checked_by_openssl_too(place, authority, tmp_path):
    receipt = place.keep(NOTE, instant=INSTANT)
    assert place.confirm(NOTE, receipt) == f"stamped at {receipt['stamped_at']}"
    (tmp_path / "note.txt").write_text(NOTE, encoding="utf-8")
    (tmp_path / "response.tsr").write_bytes(base64.b64decode(receipt["response"]))
    said = subprocess.run(
        ["openssl", "ts", "-verify", "-data", "note.txt", "-in", "response.tsr", "-CAfile", str(authority.roots)],
        cwd=tmp_path, check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert "Verification: OK" in said.stdout + said.stderr
    assert len(receipt["response"]) < 8192


def test_a_stamp_for_another_note_or_under_another_root_is_false(place, authority, tmp_path):
    receipt = place.keep(NOTE, instant=INSTANT)
    with pytest.raises(LedgerFault) as fault:
        place.confirm(NOTE.replace("7", "8"), receipt)
    assert fault.value.code == "anchor-receipt-false"
    other = make_authority(tmp_path / "other")
    with pytest.raises(LedgerFault):
        TimestampAnchor(authority.url, other.roots).confirm(NOTE, receipt)
    for changed in ({"response": "AAAA"}, {"response": "no base64!"}, {"stamped_at": INSTANT}, {"response": None}):
        with pytest.raises(LedgerFault):
            place.confirm(NOTE, {**receipt, **changed})
    raw = bytearray(base64.b64decode(receipt["response"]))
    raw[-5] ^= 1
    with pytest.raises(LedgerFault):
        place.confirm(NOTE, {**receipt, "response": base64.b64encode(bytes(raw)).decode()})


@pytest.mark.parametrize("mood", ["silent", "dripping", "refusing", "html", "garbage", "an older answer"])
def test_an_authority_that_misbehaves_is_down_within_the_time_limit(place, authority, mood):
    place.keep(NOTE, instant=INSTANT)  # the older answer, for another nonce
    authority.mood = mood
    began = time.monotonic()
    with pytest.raises(AnchorDown) as down:
        place.keep(NOTE, instant=INSTANT)
    assert time.monotonic() - began < 3
    assert down.value.context["anchor"] == "rfc3161"


def test_certificates_that_cannot_be_trusted_are_down_and_not_false(place, authority, tmp_path):
    receipt = place.keep(NOTE, instant=INSTANT)
    (tmp_path / "leaf.pem").write_bytes((authority.folder / "tsa.pem").read_bytes())
    (tmp_path / "junk.pem").write_text("junk")
    for name in ("absent.pem", "junk.pem", "leaf.pem"):
        with pytest.raises(AnchorDown):
            TimestampAnchor(authority.url, tmp_path / name).confirm(NOTE, receipt)


def test_nobody_listens(authority):
    with pytest.raises(AnchorDown):
        TimestampAnchor("http://127.0.0.1:9/tsr", authority.roots, seconds=1.0).keep(NOTE, instant=INSTANT)


@pytest.mark.django_db
@pytest.mark.postgres
def test_the_worker_stamps_the_newest_checkpoint_and_keeps_the_receipt(configured, settings):
    actor = adam()
    sequencer.sequence_all()
    assert anchoring.anchor_everywhere() == {}
    assert sorted(LedgerAnchor.objects.values_list("kind", "size")) == [("file", 2), ("rfc3161", 2)]
    assert anchoring.anchor_everywhere() == {}
    assert len(configured.asked) == 1, "nothing new, nothing asked"
    append(NOTED, actor, actor=actor)
    sequencer.sequence_all()
    anchoring.anchor_everywhere()
    assert len(configured.asked) == 1, "a remote anchor rests between two checkpoints"
    settings.LEDGER_ANCHOR_EVERY_SECONDS = 0
    anchoring.anchor_everywhere()
    assert anchors.receipted("rfc3161", "default") == 3
    report = verify_all()
    assert report.verified, report.lines()
    receipts = next(one for one in report.statements if one.slug == "receipts")
    assert receipts.checked == 4

    settings.TIMESTAMP_URL = ""
    assert verify_all().exit_code == 2, "without the certificates a stamp cannot be checked"


@pytest.mark.django_db
@pytest.mark.postgres
def test_an_authority_that_is_down_keeps_neither_the_file_nor_a_commit_waiting(configured, settings):
    configured.mood = "silent"
    actor = adam()
    sequencer.sequence_all()
    began = time.monotonic()
    append(NOTED, actor, actor=actor)
    sequencer.sequence_all()
    anchors.anchor_latest()
    anchors.health()
    assert time.monotonic() - began < 1
    assert configured.asked == [], "neither sequencing nor the file nor health asks over the network"
    faults = anchoring.anchor_everywhere()
    assert set(faults) == {"rfc3161"}
    assert "no answer within 1 s" in faults["rfc3161"]
    assert LedgerAnchor.objects.filter(kind="file", size=3).exists()
    assert anchors.health().healthy
    settings.LEDGER_ANCHOR_GRACE_SECONDS = -1
    health = anchors.health()
    assert (health.healthy, health.code) == (False, "anchors-missing")
    assert "anchor rfc3161" in health.reason
    settings.LEDGER_ANCHOR_GRACE_SECONDS = 60
    settings.LEDGER_ANCHORS_NEEDED = 3
    assert anchors.health().reason == "3 kinds of anchor are needed and 2 are configured: file, rfc3161."


def put_receipt(**columns):
    """Overwrite columns of the stored receipt behind the walls, as somebody who owns the table could."""
    with walls_down(), connection.cursor() as cursor:
        for name, value in columns.items():
            cursor.execute(f"UPDATE registry_ledgeranchor SET {name} = %s WHERE kind = 'rfc3161'", [value])  # noqa: S608  (ours)


@pytest.mark.django_db
@pytest.mark.postgres
def test_a_receipt_that_was_changed_in_the_table_is_proven_false(configured):
    actor = adam()
    sequencer.sequence_all()
    anchoring.anchor_everywhere()
    row = LedgerAnchor.objects.get(kind="rfc3161")
    append(NOTED, actor, actor=actor)
    sequencer.sequence_all()
    anchors.anchor_latest()
    other = LedgerCheckpoint.objects.order_by("-size").first().note
    stamped = json.dumps({**row.receipt, "stamped_at": INSTANT})
    for changed in (
        {"note": other},
        {"note": NOTE},
        {"note": "junk"},
        {"receipt": stamped},
        {"receipt": "{}"},
        {"size": 3},
    ):
        put_receipt(**changed)
        report = verify_all()
        false = {one.slug for one in report.statements if one.outcome == "false"}
        assert "receipts" in false, (changed, report.lines())
        put_receipt(note=row.note, receipt=json.dumps(row.receipt), size=row.size)
    assert verify_all().verified
