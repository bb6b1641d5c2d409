"""Does anything acknowledged get lost when writers and sequencers are killed?"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.db import connection

from registry.ledger import sequencer
from registry.ledger.models import LedgerEvent, LedgerLeaf, LedgerPending
from registry.ledger.verify import verify_all
from tests.registry.ledger_cast import adam
from tests.services import url_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]

ROUNDS = int(os.environ.get("CADASTRE_TEST_KILL_ROUNDS", "2"))
"""How often everybody is killed; `make test-kills` asks for many."""
BEGIN = """
import os, sys
import django
django.setup()
from django.db import transaction
from registry.models import User
from registry.ledger import sequencer
from registry.ledger.append import append, declare_action
declare_action("test.noted", "A test noted something.")
actor = User.objects.get(username="adam")
"""
WRITER = """
with open(sys.argv[1], "a", buffering=1) as acknowledged:
    print("ready", file=acknowledged)
    while True:
        with transaction.atomic():
            event = append("test.noted", actor, actor=actor)
        print(event.pk, file=acknowledged)
"""
SEQUENCER = """
with open(sys.argv[1], "a", buffering=1) as acknowledged:
    print("ready", file=acknowledged)
    while True:
        for _ in range(sequencer.sequence_all()):
            print("placed", file=acknowledged)
"""
# Writers that do not place their own events leave the work to the sequencer, so that its death meets a batch.
LAZY = "sequencer.try_sequence = lambda: 0\nimport registry.ledger.append as module\nmodule.try_sequence = lambda: 0\n"


def acknowledged(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")] if path.exists() else []


def test_writers_and_sequencers_killed_in_the_middle_lose_nothing_that_was_acknowledged(tmp_path):
    adam()
    environment = os.environ | {
        "DATABASE_URL": url_of(connection.settings_dict),
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]),
    }
    programs = [BEGIN + WRITER, BEGIN + LAZY + WRITER, BEGIN + SEQUENCER]
    dice = random.Random(20261125)
    said: list[str] = []
    for round_number in range(ROUNDS):
        logs = [tmp_path / f"{round_number}-{number}" for number in range(len(programs))]
        children = [
            subprocess.Popen([sys.executable, "-c", program, str(log)], env=environment)
            for program, log in zip(programs, logs, strict=True)
        ]
        try:
            deadline = time.monotonic() + 90
            while not (all(len(acknowledged(log)) > 8 for log in logs[:2]) and len(acknowledged(logs[2])) > 1):
                assert time.monotonic() < deadline, "they did not get going"
                assert all(child.poll() is None for child in children), "one ended by itself"
                time.sleep(0.01)
            time.sleep(dice.uniform(0, 0.3))
        finally:
            dice.shuffle(children)
            for child in children:
                child.send_signal(signal.SIGKILL)
                child.wait()
        said += [line.strip() for log in logs[:2] for line in acknowledged(log) if line != "ready\n"]
        assert placed_exactly(), "a tree is whole after every round, and a child that died holds no lock"

    assert len(said) > 16 * ROUNDS
    kept = {str(pk) for pk in LedgerEvent.objects.values_list("pk", flat=True)}
    assert set(said) <= kept
    sequencer.sequence_all()
    assert not LedgerPending.objects.exists()
    assert LedgerLeaf.objects.count() == len(kept)
    report = verify_all()
    assert report.verified, report.lines()


def placed_exactly() -> bool:
    """Tell whether every event has its leaf or waits for one, and none of them both."""
    events = set(LedgerEvent.objects.values_list("pk", flat=True))
    placed = set(LedgerLeaf.objects.values_list("event_id", flat=True))
    waiting = set(LedgerPending.objects.values_list("event_id", flat=True))
    return placed | waiting == events and not placed & waiting
