"""When several workers reach for one run, does exactly one of them end it?"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from audits.actions.conclusion import quarantine
from audits.actions.steps import claim, fail, finish, heartbeat
from audits.actions.validation import sweep
from audits.models import CheckResult, Finding, RunStep, ValidationRun
from registry.errors import DomainError
from registry.ledger.models import LedgerEvent
from registry.ledger.replay import differences
from tests import builders
from tests.cast import make_cast
from tests.governance.judging import judged
from tests.races.racing import at_once, codes, won

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]


def queued(cast):
    return builders.an_open_promotion(cast, concluded=False).run


def expire(lease):
    """Let a lease have ended long ago."""
    step = RunStep.objects.get(pk=lease.step_id)
    RunStep.objects.filter(pk=step.pk).update(lease_until=step.lease_until - timedelta(hours=1))


def to_the_last_step(run, worker="worker"):
    """Do the first step of a run, and return the lease of the one that is left."""
    finish(claim(str(run.pk), worker=worker))
    return claim(str(run.pk), worker=worker)


def test_eight_workers_claim_one_step_and_one_gets_the_lease():
    run = queued(make_cast())
    ends = at_once([lambda number=number: claim(str(run.pk), worker=f"worker-{number}") for number in range(8)])
    leases = [end for end in won(ends) if end is not None]
    assert codes(ends) == []
    assert len(leases) == 1
    run.refresh_from_db()
    step = run.steps.get(key="score")
    assert (step.attempts, step.fencing_token, step.state, run.state) == (1, leases[0].token, "running", "running")
    assert LedgerEvent.objects.filter(action="validation.claimed").count() == 1
    assert [attempt.worker for attempt in run.tries.all()] == [leases[0].worker]


def test_an_expired_lease_is_taken_over_by_one_of_eight():
    run = queued(make_cast())
    first = claim(str(run.pk), worker="worker-that-died")
    expire(first)
    ends = at_once([lambda number=number: claim(str(run.pk), worker=f"worker-{number}") for number in range(8)])
    leases = [end for end in won(ends) if end is not None]
    assert len(leases) == 1
    assert leases[0].token > first.token
    assert [(one.number, one.ending) for one in run.tries.all()] == [(1, "lease ran out"), (2, "")]


def test_a_worker_that_lost_its_lease_writes_nothing():
    run = queued(make_cast())
    stale = to_the_last_step(run, "slow")
    expire(stale)
    live = claim(str(run.pk), worker="quick")
    before = LedgerEvent.objects.count()
    for late in (
        lambda: finish(stale, results=judged(run)),
        lambda: fail(stale, error=DomainError("internal-error", "Too late.")),
        lambda: heartbeat(stale),
    ):
        with pytest.raises(DomainError, match="lease-lost"):
            late()
    assert CheckResult.objects.count() == Finding.objects.count() == 0
    assert LedgerEvent.objects.count() == before
    finish(live, results=judged(run))
    with pytest.raises(DomainError, match="lease-lost"):
        finish(live, results=judged(run))
    assert CheckResult.objects.count() == 2


def test_a_stale_and_a_live_lease_concluding_at_once_leave_one_result():
    run = queued(make_cast())
    stale = to_the_last_step(run, "slow")
    expire(stale)
    live = claim(str(run.pk), worker="quick")
    failing = judged(run, passed=False)
    ends = at_once(
        [lambda: finish(stale, results=judged(run))] * 3
        + [lambda: finish(live, results=failing)]
        + [lambda: finish(stale, results=judged(run))]
    )
    assert sorted(codes(ends)) == ["lease-lost"] * 4
    run.refresh_from_db()
    assert (run.state, run.outcome) == ("concluded", "failed")
    assert run.results.count() == 2
    assert Finding.objects.count() == 2
    assert LedgerEvent.objects.filter(action="validation.concluded").count() == 1
    assert differences() == []


def test_the_same_lease_concluding_four_times_at_once_counts_once():
    run = queued(make_cast())
    lease = to_the_last_step(run)
    results = judged(run, passed=False)
    ends = at_once([lambda: finish(lease, results=results)] * 4)
    assert sorted(codes(ends)) == ["lease-lost"] * 3
    assert (CheckResult.objects.count(), Finding.objects.count()) == (2, 2)


def test_two_workers_that_finish_the_last_two_steps_at_once_conclude_the_run_once():
    cast = make_cast()
    fair = builders.POLICY.format(slug="test-policy", environment="production", auc=0.7).replace(
        "requirements:",
        "requirements:\n  - {key: gap, check: fairness.selection_rate_ratio, op: '>=', limit: 0.8, severity: blocking,"
        " clause: test, mend: Look at the groups.}",
    )
    builders.a_policy(cast, text=fair)
    run = queued(cast)
    finish(claim(str(run.pk), worker="first"))
    leases = [claim(str(run.pk), worker=f"worker-{number}") for number in range(2)]
    assert {lease.key for lease in leases} == {"measure:answers", "measure:fairness"}
    by_key = {result.requirement["key"]: result for result in judged(run)}
    works = [
        lambda lease=lease: finish(lease, results=[by_key[key] for key in lease.scope["requirements"]])
        for lease in leases
    ]
    ends = at_once(works)
    assert codes(ends) == []
    assert [end is None for end in won(ends)].count(False) == 1, "one of them ended the run, the other did not"
    run.refresh_from_db()
    assert (run.state, run.outcome, run.results.count()) == ("concluded", "passed", 3)
    assert LedgerEvent.objects.filter(action="validation.concluded").count() == 1
    assert differences() == []


def test_quarantine_against_a_worker_that_concludes_at_the_last_moment(settings):
    settings.RUN_MAX_ATTEMPTS = 1
    run = queued(make_cast())
    lease = to_the_last_step(run)
    expire(lease)
    ends = at_once(
        [
            lambda: finish(lease, results=judged(run)),
            lambda: quarantine(run),
            sweep,
        ]
    )
    assert set(codes(ends)) <= {"lease-lost"}
    run.refresh_from_db()
    ended = LedgerEvent.objects.filter(action__in=["validation.concluded", "validation.quarantined"])
    assert ended.count() == 1
    assert (run.state == "concluded") == (run.results.count() == 2)
    assert (run.state == "quarantined") == (run.outcome == "error")
    assert differences() == []


def test_runs_of_one_model_concluding_at_once_do_not_deadlock():
    cast = make_cast()
    first = builders.a_promotable_version(cast, "1.0")
    second = builders.a_version(cast, "2.0", model=first.model, data=b"the bytes of version 2.0")
    builders.an_environment(cast, "staging")
    builders.a_policy(cast, "staging-policy", environment="staging")
    runs = [builders.an_open_promotion(cast, first, concluded=False).run]
    from governance.actions.promotions import open_promotion

    for version in (first, second):
        request, _ = open_promotion(version, environment=builders.an_environment(cast, "staging"), actor=cast.ci_bot)
        runs.append(request.run)
    leases = [to_the_last_step(run) for run in runs]
    works = [
        lambda lease=lease, run=run: finish(lease, results=judged(run, passed=False))
        for lease, run in zip(leases, runs, strict=True)
    ]
    assert codes(at_once(works)) == []
    assert ValidationRun.objects.filter(outcome="failed").count() == 3
    assert Finding.objects.filter(version=first).count() == 2, "the same issue of one version is one finding"
    assert differences() == []
    assert connection.vendor in {"sqlite", "postgresql"}
