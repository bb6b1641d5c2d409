"""When several workers reach for one run, does exactly one of them end it?"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from audits.actions.validation import claim, conclude, conclude_in_error, heartbeat, quarantine, sweep
from audits.models import CheckResult, Finding, ValidationRun
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


def expire(run):
    """Let the lease of a run have ended a minute ago."""
    run.refresh_from_db()
    ValidationRun.objects.filter(pk=run.pk).update(lease_until=run.lease_until - timedelta(hours=1))


def test_eight_workers_claim_one_run_and_one_gets_the_lease():
    run = queued(make_cast())
    ends = at_once([lambda number=number: claim(str(run.pk), worker=f"worker-{number}") for number in range(8)])
    leases = [end for end in won(ends) if end is not None]
    assert codes(ends) == []
    assert len(leases) == 1
    run.refresh_from_db()
    assert (run.attempts, run.fencing_token, run.state) == (1, leases[0].token, "running")
    assert [attempt.worker for attempt in run.tries.all()] == [leases[0].worker]


def test_an_expired_lease_is_taken_over_by_one_of_eight():
    run = queued(make_cast())
    first = claim(str(run.pk), worker="worker-that-died")
    expire(run)
    ends = at_once([lambda number=number: claim(str(run.pk), worker=f"worker-{number}") for number in range(8)])
    leases = [end for end in won(ends) if end is not None]
    assert len(leases) == 1
    assert leases[0].token > first.token
    assert [(one.number, one.ending) for one in run.tries.all()] == [(1, "lease ran out"), (2, "")]


def test_a_worker_that_lost_its_lease_writes_nothing():
    run = queued(make_cast())
    stale = claim(str(run.pk), worker="slow")
    expire(run)
    live = claim(str(run.pk), worker="quick")
    before = LedgerEvent.objects.count()
    for late in (
        lambda: conclude(stale, results=judged(run), manifest={}),
        lambda: conclude_in_error(stale, error=DomainError("internal-error", "Too late.")),
        lambda: heartbeat(stale),
    ):
        with pytest.raises(DomainError, match="lease-lost"):
            late()
    assert CheckResult.objects.count() == Finding.objects.count() == 0
    assert LedgerEvent.objects.count() == before
    conclude(live, results=judged(run), manifest={})
    with pytest.raises(DomainError, match="lease-lost"):
        conclude(live, results=judged(run), manifest={})
    assert CheckResult.objects.count() == 2


def test_a_stale_and_a_live_lease_concluding_at_once_leave_one_result():
    run = queued(make_cast())
    stale = claim(str(run.pk), worker="slow")
    expire(run)
    live = claim(str(run.pk), worker="quick")
    failing = judged(run, passed=False)
    ends = at_once(
        [lambda: conclude(stale, results=judged(run), manifest={})] * 3
        + [lambda: conclude(live, results=failing, manifest={})]
        + [lambda: conclude(stale, results=judged(run), manifest={})]
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
    lease = claim(str(run.pk), worker="worker")
    results = judged(run, passed=False)
    ends = at_once([lambda: conclude(lease, results=results, manifest={})] * 4)
    assert sorted(codes(ends)) == ["lease-lost"] * 3
    assert (CheckResult.objects.count(), Finding.objects.count()) == (2, 2)


def test_quarantine_against_a_worker_that_concludes_at_the_last_moment(settings):
    settings.RUN_MAX_ATTEMPTS = 1
    run = queued(make_cast())
    lease = claim(str(run.pk), worker="worker")
    expire(run)
    ends = at_once(
        [
            lambda: conclude(lease, results=judged(run), manifest={}),
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
    leases = [claim(str(run.pk), worker="worker") for run in runs]
    works = [
        lambda lease=lease, run=run: conclude(lease, results=judged(run, passed=False), manifest={})
        for lease, run in zip(leases, runs, strict=True)
    ]
    assert codes(at_once(works)) == []
    assert ValidationRun.objects.filter(outcome="failed").count() == 3
    assert Finding.objects.filter(version=first).count() == 2, "the same issue of one version is one finding"
    assert differences() == []
    assert connection.vendor in {"sqlite", "postgresql"}
