"""When workers are killed at random under two hundred runs (48 on PostgreSQL), has each exactly one result?"""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest
from django.db.models import Count

from audits.actions.validation import start_validation, sweep
from audits.models import RunAttempt, RunStep, ValidationRun
from governance.plans import build_plan
from registry.ledger.models import LedgerEvent
from registry.ledger.replay import differences
from tests import builders
from tests.audits.hostile_models import on_scoring
from tests.audits.predictions import a_scored_version, scored_table
from tests.cast import make_cast
from tests.environment import on_postgres

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.worker, pytest.mark.postgres]

# on PostgreSQL, where leases are taken and results written by another code of the database, fewer runs must do
RUNS, WITH_A_MODEL = (48, 4) if on_postgres() else (200, 6)
TOGETHER = 2
KILLS_OF_A_WORKER, KILLS_OF_A_PROCESS = (2, 14) if on_postgres() else (4, 40)
IMPATIENT = {"CADASTRE_RUN_LEASE_SECONDS": "2", "CADASTRE_RUN_MAX_ATTEMPTS": "50"}
MODEL = on_scoring("return np.column_stack([1 - X['age'] / 100, X['age'] / 100])")


def children_of(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        except OSError:  # it ended while we looked
            continue
        if int(fields[1]) == pid:
            found.append(int(path.parent.name))
    return found


def unfinished() -> int:
    return ValidationRun.objects.filter(concluded_at__isnull=True).count()


def queue(cast):
    good, bad = a_scored_version(cast, "1.0"), None
    model = good.model
    bad = a_scored_version(cast, "2.0", model=model, evaluation=scored_table(good=False))
    scoring = builders.a_version(cast, "3.0", model=model, data=MODEL, format="joblib")
    builders.an_environment(cast)
    builders.a_tier(cast, model)
    policy = builders.a_policy(cast)
    expected = {}
    for number in range(RUNS):
        version = scoring if number < WITH_A_MODEL else (good, bad)[number % 2]
        plan = build_plan(version, policy=policy, environment="production")
        run = start_validation(version, plan=plan, reason="chaos", actor=cast.ci_bot)
        expected[run.pk] = {good.pk: "passed", bad.pk: "failed", scoring.pk: None}[version.pk]
    return expected


def test_runs_whose_workers_are_killed_at_random_end_in_exactly_one_result_each(start_worker, settings):
    settings.RUN_MAX_ATTEMPTS = int(IMPATIENT["CADASTRE_RUN_MAX_ATTEMPTS"])  # of the sweeper, which runs here
    cast = make_cast()
    expected = queue(cast)
    dice = random.Random(20261125)
    workers = [start_worker(environment=IMPATIENT) for _ in range(TOGETHER)]
    began, whole, processes = time.monotonic(), 0, 0
    next_whole, next_sweep = began + 5, began
    while unfinished() and time.monotonic() < began + 600:
        if time.monotonic() > next_sweep:
            sweep()
            next_sweep = time.monotonic() + 2
        victim = dice.randrange(len(workers))
        if whole < KILLS_OF_A_WORKER and time.monotonic() > next_whole:
            workers[victim].kill()
            workers[victim] = start_worker(environment=IMPATIENT)
            whole += 1
            next_whole = time.monotonic() + 4
        elif processes < KILLS_OF_A_PROCESS:
            for child in children_of(workers[victim].pid)[:1]:
                os.kill(child, signal.SIGKILL)
                processes += 1
        time.sleep(dice.uniform(0.5, 2.5))
    seconds = time.monotonic() - began
    assert unfinished() == 0, f"after {seconds:.0f} s, {whole} workers and {processes} of their processes killed"

    assert (whole, processes > KILLS_OF_A_PROCESS // 4) == (KILLS_OF_A_WORKER, True)
    ended = ValidationRun.objects.annotate(judged=Count("results"))
    assert {run.pk: (run.state, run.judged) for run in ended} == dict.fromkeys(expected, ("concluded", 2))
    assert all(run.outcome == expected[run.pk] or expected[run.pk] is None for run in ended)
    assert all(run.failure is None for run in ended)
    keys = ValidationRun.objects.values_list("pk", "results__requirement_key").distinct()
    assert len(keys) == 2 * RUNS, "one result for each requirement"
    concluded = LedgerEvent.objects.filter(action="validation.concluded").values_list("subject_key", flat=True)
    assert sorted(concluded) == sorted(str(pk) for pk in expected), "one conclusion each"
    assert LedgerEvent.objects.filter(action="validation.claimed").count() == RUNS
    assert not RunStep.objects.exclude(state="done").exists()
    assert RunAttempt.objects.filter(ending="lease ran out").exists(), "workers were killed in the middle of steps"
    assert RunAttempt.objects.filter(ending="done").count() == RunStep.objects.count()
    assert not RunAttempt.objects.filter(ended_at__isnull=True).exists()
    assert sweep() == []
    assert differences() == []
