"""Does anything acknowledged get lost when writers are killed?"""

from __future__ import annotations

import os
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

WRITER = """
import os, sys
import django
django.setup()
from django.db import transaction
from registry.models import User
from registry.ledger.append import append, declare_action
declare_action("test.noted", "A test noted something.")
actor = User.objects.get(username="adam")
with open(sys.argv[1], "a", buffering=1) as acknowledged:
    print("ready", file=acknowledged)
    while True:
        with transaction.atomic():
            event = append("test.noted", actor, actor=actor)
        print(event.pk, file=acknowledged)
"""


def acknowledged(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")] if path.exists() else []


def test_writers_killed_in_the_middle_lose_nothing_that_was_acknowledged(tmp_path):
    adam()
    environment = os.environ | {
        "DATABASE_URL": url_of(connection.settings_dict),
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]),
    }
    said: list[str] = []
    for round_number in range(2):
        logs = [tmp_path / f"{round_number}-{writer}" for writer in range(2)]
        writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(log)], env=environment) for log in logs]
        try:
            deadline = time.monotonic() + 60
            while not all(len(acknowledged(log)) > 8 for log in logs):
                assert time.monotonic() < deadline, "the writers did not get going"
                assert all(writer.poll() is None for writer in writers), "a writer ended by itself"
                time.sleep(0.01)
        finally:
            for writer in writers:
                writer.send_signal(signal.SIGKILL)
                writer.wait()
        said += [line.strip() for log in logs for line in acknowledged(log) if line != "ready\n"]

    assert len(said) > 32
    kept = {str(pk) for pk in LedgerEvent.objects.values_list("pk", flat=True)}
    assert set(said) <= kept
    sequencer.sequence_all()
    assert not LedgerPending.objects.exists()
    assert LedgerLeaf.objects.count() == len(kept)
    report = verify_all()
    assert report.verified, report.lines()
