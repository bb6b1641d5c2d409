"""Does the anchor keep what it was given, and does health say what is not covered?"""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from registry.ledger import anchoring, anchors, sequencer
from registry.ledger.append import append
from registry.ledger.checkpoint import parse
from registry.ledger.clock import database_now
from registry.ledger.faults import LedgerFault
from registry.ledger.models import LedgerCheckpoint
from registry.ledger.verify import verify_all
from tests.registry.ledger_cast import NOTED, adam

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture
def actor():
    somebody = adam()
    sequencer.sequence_all()
    return somebody


def test_the_newest_checkpoint_is_anchored_once(actor):
    assert anchors.anchor_latest() == 2
    assert anchors.anchor_latest() == 2
    notes = list(anchors.configured().notes())
    assert [parse(note).size for note in notes] == [2]
    assert notes[0] == LedgerCheckpoint.objects.get().note
    append(NOTED, actor, actor=actor)
    sequencer.sequence_all()
    assert anchors.health().newest_size == 2
    assert anchors.anchor_latest() == 3
    assert anchors.health().newest_size == 3


def test_a_line_torn_by_a_crash_is_passed_over_and_cut_off(actor):
    anchors.anchor_latest()
    path = anchors.configured().path
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"anchored_at": "2026')
    assert anchors.health().healthy
    append(NOTED, actor, actor=actor)
    sequencer.sequence_all()
    anchors.anchor_latest()
    assert path.read_bytes().startswith(whole)
    assert [json.loads(line)["note"] for line in path.read_text().splitlines()] == [
        checkpoint.note for checkpoint in LedgerCheckpoint.objects.order_by("size")
    ]


@pytest.mark.parametrize("junk", [b"junk\n", b"{}\n", b'{"note": 1}\n', b'{"note": "x"}\n', b"\xff\xfe\n"])
def test_a_damaged_anchor_is_unhealthy_and_stops_the_signing(actor, junk):
    anchors.anchor_latest()
    with anchors.configured().path.open("ab") as file:
        file.write(junk)
    health = anchors.health()
    assert not health.healthy
    assert health.reason
    append(NOTED, actor, actor=actor)
    with pytest.raises(LedgerFault) as fault:
        sequencer.sequence_all()
    assert fault.value.code == "anchor-damaged"
    assert verify_all().exit_code != 0


def test_an_anchor_that_cannot_be_read_is_down_and_unhealthy_once_the_time_is_over(actor, settings):
    anchors.configured().path.mkdir(parents=True)
    health = anchors.health()
    assert health.healthy, "promotions go on for the time that the settings allow"
    assert [one.kind for one in health.coverage if one.fault] == ["file"]
    assert "Is a directory" in health.coverage[0].fault
    assert verify_all().exit_code == 2
    append(NOTED, actor, actor=actor)
    assert sequencer.sequence_all() == 1, "an anchor that is down stops no business"
    settings.LEDGER_ANCHOR_GRACE_SECONDS = -1
    health = anchors.health()
    assert (health.healthy, health.code) == (False, "anchors-missing")
    assert "for the anchor file" in health.reason
    assert "Is a directory" in health.reason


def test_a_file_that_is_gone_though_it_held_checkpoints_is_not_begun_anew_by_itself(actor):
    anchoring.anchor_everywhere()
    path = anchors.configured().path
    path.unlink()
    append(NOTED, actor, actor=actor)
    sequencer.sequence_all()
    faults = anchoring.anchor_everywhere()
    assert set(faults) == {"file"}
    assert "is gone" in faults["file"]
    assert not path.exists()
    assert anchors.health().healthy
    path.touch()
    assert anchoring.anchor_everywhere() == {}
    assert [parse(note).size for note in anchors.configured().notes()] == [3]


def test_an_event_that_waits_too_long_for_its_anchor_is_unhealthy(actor, settings, monkeypatch):
    assert anchors.health().healthy
    later = database_now() + timedelta(seconds=settings.LEDGER_ANCHOR_GRACE_SECONDS + 60)
    monkeypatch.setattr(anchors, "database_now", lambda using: later)
    health = anchors.health()
    assert not health.healthy
    assert health.oldest_uncovered_seconds > settings.LEDGER_ANCHOR_GRACE_SECONDS
    assert health.newest_size == 0
    anchors.anchor_latest()
    assert anchors.health().healthy
    append(NOTED, actor, actor=actor)
    assert anchors.health().pending == 1
    assert anchors.health().oldest_uncovered_seconds > 0


def test_an_empty_ledger_is_healthy_until_the_anchor_says_there_was_more(settings, tmp_path):
    health = anchors.health()
    assert (health.healthy, health.newest_size, health.ledger_size, health.reason) == (True, 0, 0, "")
    settings.LEDGER_KEY_FILE = tmp_path / "missing.key"
    anchors.configured().keep("a note", instant="2026-01-02T03:04:05.000000Z")
    health = anchors.health()
    assert not health.healthy
    assert "key" in health.reason
