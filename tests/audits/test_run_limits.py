"""When a step takes too long, too much memory or too many rows, does its run end with a clear result and nothing else?"""

from __future__ import annotations

import os
import signal
import time
from datetime import timedelta

import pytest

from audits.checks import contract
from audits.models import CheckResult, Finding, RunStep, ValidationRun
from audits.runs import measuring, scoring
from audits.runs.execute import execute
from audits.runs.guard import LIMITS, Bounds, Died, Product, guarded
from registry.errors import DomainError
from registry.ledger.replay import differences
from tests.audits.predictions import a_scored_version, ask_for

pytestmark = pytest.mark.thorough

MEGABYTE = 2**20


def kept(work, folder, *, seconds=30.0, memory=512 * MEGABYTE, beat=lambda _message: None, every=0.1):
    return guarded(work, folder=folder, bounds=Bounds(seconds, memory), beat=beat, every=every)


def test_what_the_child_makes_comes_back_and_its_words_are_shown(tmp_path):
    heard = []

    def work(folder, say):
        say("Measuring\nsomething")
        (folder / "scores").write_bytes(b"12")
        time.sleep(0.5)
        return Product({"pid": os.getpid()}, [{"a": 1.5}], {"scores": folder / "scores"})

    product = kept(work, tmp_path, beat=heard.append)
    assert product.facts["pid"] != os.getpid()
    assert product.results == [{"a": 1.5}]
    assert product.files["scores"].read_bytes() == b"12"
    assert "Measuring something" in heard
    assert len(heard) >= 3, "it beats while the child works"


def test_a_child_that_takes_too_long_is_ended(tmp_path):
    began = time.monotonic()
    with pytest.raises(DomainError, match="run-time-exceeded"):
        kept(lambda folder, say: time.sleep(60), tmp_path, seconds=0.5)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("how", ["of the interpreter", "of an array library", "of an engine"])
def test_a_child_that_asks_for_too_much_memory_ends_with_that_answer(tmp_path, how):
    def work(folder, say):
        if how == "of the interpreter":
            return Product({"n": len(bytearray(600 * MEGABYTE))})
        if how == "of an array library":
            import numpy as np

            return Product({"n": int(np.ones(100 * MEGABYTE).sum())})
        import duckdb

        query = "CREATE TABLE t AS SELECT repeat('x', 100) || random() AS s FROM range(30000000)"
        return Product({"n": duckdb.connect().execute(query).fetchone()[0]})

    with pytest.raises(DomainError, match="run-memory-exceeded"):
        kept(work, tmp_path, memory=256 * MEGABYTE)


def test_memory_within_the_limit_is_given_whatever_the_worker_holds_itself(tmp_path):
    held = bytearray(300 * MEGABYTE)
    product = kept(lambda folder, say: Product({"n": len(bytearray(100 * MEGABYTE))}), tmp_path, memory=256 * MEGABYTE)
    assert (product.facts["n"], len(held)) == (100 * MEGABYTE, 300 * MEGABYTE)


def test_a_child_that_is_killed_is_no_answer_and_a_fault_of_ours_keeps_its_words_to_itself(tmp_path):
    held = bytearray(300 * MEGABYTE)
    with pytest.raises(Died, match="signal 9"):
        kept(lambda folder, say: os.kill(os.getpid(), signal.SIGKILL), tmp_path, memory=256 * MEGABYTE)
    assert len(held) == 300 * MEGABYTE, "what the worker holds itself is not the child's"

    def broken(folder, say):
        raise RuntimeError("a row of somebody's data")

    with pytest.raises(DomainError) as refused:
        kept(broken, tmp_path)
    assert refused.value.code == "internal-error"
    assert "somebody" not in refused.value.message


def test_a_refused_beat_ends_the_child_and_nothing_is_left_of_it(tmp_path):
    children = []

    def work(folder, say):
        (folder / "pid").write_text(str(os.getpid()))
        time.sleep(60)

    def refused(_message):
        children.append(int((tmp_path / "pid").read_text()))
        raise DomainError("lease-lost", "Another worker has it.")

    with pytest.raises(DomainError, match="lease-lost"):
        kept(work, tmp_path, beat=refused, every=1.0)
    with pytest.raises(ProcessLookupError):
        os.kill(children[0], 0)


def ended_over_its_limit(run, code):
    run.refresh_from_db()
    assert (run.state, run.outcome, run.failure["code"]) == ("concluded", "error", code)
    assert (run.failure["message"], run.failure["mend"]) == LIMITS[code]
    assert "CADASTRE_RUN_" in run.failure["mend"]
    assert not CheckResult.objects.filter(run=run).exists(), "no partial numbers"
    finding = Finding.objects.get(source_key=f"validation:{code}")
    assert finding.blocking
    assert run.failure["mend"] in finding.detail
    assert not RunStep.objects.filter(run=run, state__in=["queued", "running"]).exists()
    run.version.refresh_from_db()
    assert run.version.stage == "validation_failed"
    assert differences() == []


@pytest.mark.django_db
def test_a_run_on_too_many_rows_ends_so(cast, settings):
    settings.RUN_MAX_ROWS = 59
    run = ask_for(cast, a_scored_version(cast)).run
    execute(str(run.pk), worker="w")
    ended_over_its_limit(run, "run-too-many-rows")


@pytest.mark.django_db
def test_a_run_that_takes_too_long_ends_so_though_other_steps_had_measured(cast, settings, monkeypatch):
    settings.RUN_WALL_SECONDS = 5
    run = ask_for(cast, a_scored_version(cast)).run
    monkeypatch.setattr(measuring, "measure_batch", lambda *_, **_more: time.sleep(60))
    execute(str(run.pk), worker="w")
    ended_over_its_limit(run, "run-time-exceeded")
    assert [step.state for step in run.steps.order_by("position")] == ["done", "failed"]


@pytest.mark.django_db
def test_a_run_whose_time_was_over_before_a_worker_came_back_ends_so(cast, settings):
    run = ask_for(cast, a_scored_version(cast)).run
    from audits.actions.steps import claim

    claim(str(run.pk), worker="died")
    past = run.requested_at - timedelta(hours=2)
    ValidationRun.objects.filter(pk=run.pk).update(started_at=past)
    RunStep.objects.filter(run=run, state="running").update(lease_until=past)
    execute(str(run.pk), worker="w")
    ended_over_its_limit(run, "run-time-exceeded")


@pytest.mark.django_db
def test_a_check_that_takes_too_much_memory_ends_the_run_and_not_only_its_own_answer(cast, settings, monkeypatch):
    settings.RUN_MEMORY_BYTES = 1024 * MEGABYTE
    run = ask_for(cast, a_scored_version(cast)).run
    spec = contract.CHECKS.get("performance.roc_auc")

    def greedy(subject, **params):
        return bytearray(2_000 * MEGABYTE)

    monkeypatch.setitem(spec.__dict__, "function", greedy)
    execute(str(run.pk), worker="w")
    ended_over_its_limit(run, "run-memory-exceeded")


@pytest.mark.django_db
def test_a_step_whose_process_dies_is_tried_again_and_in_the_end_its_run_is_set_aside(cast, settings, monkeypatch):
    from audits.actions.validation import sweep

    run = ask_for(cast, a_scored_version(cast)).run
    monkeypatch.setattr(scoring, "score_tables", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    assert execute(str(run.pk), worker="w") is None
    step = run.steps.get(key="score")
    assert (step.attempts, step.state) == (settings.RUN_MAX_ATTEMPTS, "running")
    assert {one.ending for one in run.tries.all()} == {"died of signal 9"}
    sweep()
    run.refresh_from_db()
    assert (run.state, run.outcome, run.failure["code"]) == ("quarantined", "error", "worker-lost")
