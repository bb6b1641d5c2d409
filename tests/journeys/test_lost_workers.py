"""When workers die, runs kill them, or the broker is away: does each run still end, once?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from django.conf import settings

from audits.actions.steps import claim
from audits.actions.validation import sweep
from audits.models import CheckResult, Finding, RunStep, ValidationRun
from audits.runs.execute import execute
from registry.ledger.clock import database_now
from registry.ledger.models import LedgerEvent
from registry.ledger.replay import differences
from tests import builders
from tests.audits.hostile_models import on_scoring
from tests.audits.predictions import a_scored_version, ask_for, scored_table
from tests.cast import make_cast
from tests.journeys.waiting import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]

SLEEPER = on_scoring("time.sleep(3)\nreturn np.full((len(X), 2), 0.5)")
ASK = """
import django, json, sys
django.setup()
from governance.actions.promotions import open_promotion
from registry.models import Environment, ModelVersion, User
version = ModelVersion.objects.get(pk=sys.argv[1])
request, created = open_promotion(
    version, environment=Environment.objects.get(), actor=User.objects.get(username="ci-bot")
)
print(json.dumps({"created": created, "run": str(request.run_id)}))
"""


@pytest.mark.worker
def test_a_worker_killed_in_the_middle_of_a_run_is_replaced_and_the_run_ends_once(start_worker):
    impatient = {"CADASTRE_RUN_LEASE_SECONDS": "4"}
    victim = start_worker(environment=impatient)
    cast = make_cast()
    version = builders.a_promotable_version(cast, data=SLEEPER, format="joblib")
    run = builders.an_open_promotion(cast, version, concluded=False).run
    scoring = RunStep.objects.filter(run=run, message__startswith="Scoring")
    until(scoring.exists, what="the first worker's scoring")
    time.sleep(1.0)  # into the middle of the model's own work
    victim.kill()
    run.refresh_from_db()
    assert (run.state, run.attempts, run.results.count()) == ("running", 1, 0)
    assert sweep() == [], "a live lease is waited for"

    start_worker(environment=impatient)
    until(
        lambda: RunStep.objects.filter(run=run, lease_until__lt=database_now()).exists(),
        what="the end of the lease",
    )
    assert [one.pk for one in sweep()] == [run.pk]
    until(lambda: ValidationRun.objects.filter(pk=run.pk, concluded_at__isnull=False).exists(), what="the conclusion")
    run.refresh_from_db()
    assert (run.state, run.outcome) == ("concluded", "failed"), run.failure
    first, second = run.tries.filter(step__key="score")
    assert (first.ending, second.ending) == ("lease ran out", "done")
    assert first.worker != second.worker
    assert run.tries.get(step__key="measure:answers").ending == "done"
    assert sorted(run.results.values_list("requirement_key", flat=True)) == ["auc", "ece"]
    assert Finding.objects.filter(source_key="requirement:auc").count() == 1
    assert LedgerEvent.objects.filter(action="validation.concluded").count() == 1
    assert sweep() == []
    assert differences() == []


@pytest.mark.worker
def test_a_promotion_asked_for_while_the_broker_is_away_is_validated_when_it_is_back(start_worker, child_environment):
    cast = make_cast()
    version = a_scored_version(cast)
    builders.a_tier(cast, version.model)
    builders.a_policy(cast)
    builders.an_environment(cast)
    nowhere = f"redis+socket://{settings.VAR / 'run' / 'nobody-listens.sock'}"
    environment = {**os.environ, **child_environment, "CADASTRE_BROKER_URL": nowhere}
    asked = subprocess.run(
        [sys.executable, "-c", ASK, str(version.pk)],
        env=environment | {"DJANGO_SETTINGS_MODULE": "governance.settings"},
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert asked.returncode == 0, asked.stderr[-2000:]
    assert "The broker did not take" in asked.stderr
    answer = json.loads(asked.stdout.splitlines()[-1])
    run = ValidationRun.objects.get(pk=answer["run"])
    assert (answer["created"], run.state) == (True, "queued")

    start_worker()
    until(lambda: database_now() > run.requested_at + timedelta(seconds=5), what="a run that is late")
    assert [one.pk for one in sweep()] == [run.pk]
    until(lambda: ValidationRun.objects.filter(pk=run.pk, state="concluded").exists(), what="the conclusion")
    run.refresh_from_db()
    assert (run.outcome, [one.attempts for one in run.steps.all()]) == ("passed", [1, 1])


def test_a_run_that_kills_every_worker_is_set_aside_and_the_others_go_on():
    cast = make_cast()
    poison = ask_for(cast, a_scored_version(cast, "1.0")).run
    other_model = builders.a_model(cast, "scorecard")
    healthy = ask_for(cast, a_scored_version(cast, "9.0", model=other_model)).run
    for number in range(settings.RUN_MAX_ATTEMPTS):
        assert claim(str(poison.pk), worker=f"worker-{number}") is not None
        RunStep.objects.filter(run=poison, state="running").update(lease_until=database_now() - timedelta(seconds=1))
    assert claim(str(poison.pk), worker="one-too-many") is None
    ValidationRun.objects.filter(pk=healthy.pk).update(requested_at=healthy.requested_at - timedelta(minutes=1))
    assert [run.pk for run in sweep()] == [healthy.pk]
    poison.refresh_from_db()
    assert (poison.state, poison.outcome, poison.attempts) == ("quarantined", "error", 3)
    assert poison.failure["code"] == "worker-lost"
    assert [one.ending for one in poison.tries.all()] == ["lease ran out"] * 3
    assert Finding.objects.get(version=poison.version).source_key == "validation:worker-lost"
    poison.version.refresh_from_db()
    assert poison.version.stage == "validation_failed"
    assert execute(str(poison.pk), worker="late") is None
    ended = execute(str(healthy.pk), worker="healthy")
    assert (ended.state, ended.outcome) == ("concluded", "passed")
    assert sweep() == []
    again = ask_for(cast, poison.version)
    assert again.run_id != poison.pk, "asking again starts anew"
    assert execute(str(again.run_id), worker="healthy").outcome == "passed"


def test_a_message_that_comes_three_times_counts_once():
    cast = make_cast()
    run = ask_for(cast, a_scored_version(cast, evaluation=scored_table(good=False))).run
    ends = [execute(str(run.pk), worker=f"worker-{number}") for number in range(3)]
    assert [end is None for end in ends] == [False, True, True]
    assert ends[0].outcome == "failed"
    assert CheckResult.objects.filter(run=run).count() == 2
    assert Finding.objects.filter(source_key="requirement:auc").count() == 1
