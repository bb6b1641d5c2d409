"""Who works on a run, for how long, and what does its version's stage follow?"""

from __future__ import annotations

import logging
import time
from datetime import timedelta

import pytest

from audits.actions import steps, validation
from audits.actions.conclusion import quarantine
from audits.actions.steps import claim, finish, heartbeat
from audits.actions.validation import start_validation, sweep
from audits.models import RunStep, ValidationRun
from audits.runs import execute as executing
from audits.runs import scoring
from audits.runs.execute import execute
from governance.plans import build_plan
from registry.ledger.clock import database_now
from registry.models import ModelVersion
from tests import builders
from tests.audits.predictions import a_scored_version, ask_for
from tests.governance.judging import concluded, judged

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def queued(cast):
    return builders.an_open_promotion(cast, concluded=False).run


def test_a_lease_is_for_one_worker_and_its_time(cast, settings):
    run = queued(cast)
    lease = claim(str(run.pk), worker="first")
    assert claim(str(run.pk), worker="second") is None
    step = run.steps.get(key="score")
    left = (step.lease_until - database_now()).total_seconds()
    assert settings.RUN_LEASE_SECONDS - 5 < left <= settings.RUN_LEASE_SECONDS
    heartbeat(lease, message="m" * 300)
    renewed = run.steps.get(key="score")
    assert renewed.lease_until > step.lease_until
    assert len(renewed.message) == 200
    progress = ValidationRun.objects.get(pk=run.pk).progress
    assert (progress.done, progress.total, progress.message) == (0, 2, renewed.message)
    finish(lease)
    assert ValidationRun.objects.get(pk=run.pk).progress.done == 1
    assert claim(str(run.pk), worker="second").key == "measure:answers"


def test_a_run_that_is_over_is_nobodys(cast):
    run = queued(cast)
    concluded(run, judged(run))
    assert claim(str(run.pk), worker="late") is None
    assert sweep() == []
    assert quarantine(run).state == "concluded"


def test_a_run_under_way_is_not_set_aside(cast):
    run = queued(cast)
    claim(str(run.pk), worker="w")
    assert quarantine(run).state == "running"


def test_the_sweeper_wakes_what_is_late_and_leaves_what_is_not(cast, monkeypatch):
    woken = []
    monkeypatch.setattr(validation, "wake", lambda run, **_: woken.append(run))
    run = queued(cast)
    assert sweep() == []
    monkeypatch.setattr(validation, "database_now", lambda: run.requested_at + timedelta(seconds=6))
    monkeypatch.setattr(steps, "database_now", lambda: run.requested_at + timedelta(seconds=6))
    assert [one.pk for one in sweep()] == [run.pk]
    lease = claim(str(run.pk), worker="w")
    assert sweep() == []
    ends = run.steps.get(key="score").lease_until
    monkeypatch.setattr(validation, "database_now", lambda: ends + timedelta(seconds=1))
    assert [one.pk for one in sweep()] == [run.pk]
    assert lease.worker == "w"
    assert [one.pk for one in woken] == [run.pk, run.pk]


def test_a_worker_that_finds_its_lease_gone_stops_without_a_word(cast, monkeypatch):
    run = ask_for(cast, a_scored_version(cast)).run
    beaten = []

    def overtaken(lease, **_):
        beaten.append(lease)
        RunStep.objects.filter(run=run).update(fencing_token=99)
        return heartbeat(lease)

    def slow(plan, folder, say):
        say("Scoring")
        time.sleep(60)

    monkeypatch.setattr(executing, "heartbeat", overtaken)
    monkeypatch.setattr(scoring, "score_tables", slow)
    began = time.monotonic()
    assert execute(str(run.pk), worker="slow") is None
    assert time.monotonic() - began < 30, "what the child does is given up"
    run.refresh_from_db()
    assert len(beaten) == 1
    assert (run.state, run.results.count(), run.failure) == ("running", 0, None)


def test_a_fault_of_our_own_is_a_result_too_and_its_words_stay_in_the_log(cast, monkeypatch, caplog):
    run = ask_for(cast, a_scored_version(cast)).run

    def broken(plan, folder, say):
        raise RuntimeError("a row of somebody's data")

    monkeypatch.setattr(scoring, "score_tables", broken)
    with caplog.at_level(logging.CRITICAL):
        ended = execute(str(run.pk), worker="w")
    assert (ended.outcome, ended.failure["code"]) == ("error", "internal-error")
    assert "somebody" not in ended.failure["message"]


def test_a_run_leaves_no_files_in_the_scratch_folder(cast, settings):
    before = set(settings.SCRATCH_DIR.glob("*")) if settings.SCRATCH_DIR.exists() else set()
    execute(str(ask_for(cast, a_scored_version(cast)).run_id), worker="w")
    execute(
        str(
            ask_for(cast, a_scored_version(cast, "2.0", model=ModelVersion.objects.get().model, evaluation=b"x")).run_id
        ),
        worker="w",
    )
    assert set(settings.SCRATCH_DIR.glob("*")) == before


def test_a_plan_is_frozen_with_everything_it_needs(cast):
    request = builders.an_open_promotion(cast, concluded=False)
    plan = request.run.plan
    assert plan == build_plan(request.version, policy=request.policy, environment="production")
    assert plan["policy"] == {"slug": "test-policy", "number": 1, "digest": request.policy.digest}
    assert set(plan["datasets"]) == {"training", "evaluation"}
    again = start_validation(request.version, plan=plan, reason="again", actor=cast.ci_bot)
    assert again.plan_digest == request.run.plan_digest
    builders.a_policy(cast, auc=0.9)
    request.run.refresh_from_db()
    assert request.run.plan == plan, "a later policy changes no plan"


@pytest.mark.parametrize(("stage", "after"), [("in_production", "in_production"), ("suspended", "suspended")])
def test_a_version_that_runs_is_measured_where_it_stands(cast, stage, after):
    version = builders.a_promotable_version(cast)
    ModelVersion.objects.update(stage=stage)
    version.refresh_from_db()
    builders.an_open_promotion(cast, version, passed=False)
    version.refresh_from_db()
    assert version.stage == after
