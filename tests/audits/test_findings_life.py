"""How does an issue begin, who may end it, and when does an accepted risk block again?"""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from audits.actions.findings import accept_finding, close_finding, open_finding
from audits.actions.validation import start_validation
from audits.models import Finding
from governance.plans import build_plan
from registry.actions.inventory import assign_owner
from registry.actions.people import grant_role
from registry.actions.versions import record_contribution
from registry.errors import DomainError
from registry.ledger.clock import database_now
from registry.ledger.models import LedgerEvent
from registry.ledger.replay import differences
from registry.models import Role
from tests import builders
from tests.governance.asking_the_gate import ask, said_no
from tests.governance.judging import concluded, judged

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def raised(cast, model, **fields):
    stated = {
        "kind": "manual", "source_key": "manual:1", "title": "The income is wrong.", "severity": "high",
        "blocking": True, "actor": cast.vera,
    }  # fmt: skip
    return open_finding(model, **stated | fields)


def tomorrow():
    return database_now() + timedelta(days=1)


def test_one_source_is_one_open_finding_and_after_its_end_a_new_one(cast):
    model = builders.a_model(cast)
    first, created = raised(cast, model)
    assert (created, first.owner) == (True, cast.olga)
    assert raised(cast, model) == (first, False)
    assert raised(cast, model, source_key="manual:2")[1]
    close_finding(first, actor=cast.vera, statement="The data were mended.")
    again, created = raised(cast, model)
    assert (created, again.pk == first.pk) == (True, False)
    assert differences() == []


def test_the_same_miss_in_two_runs_is_one_finding(cast):
    request = builders.an_open_promotion(cast, passed=False)
    plan = build_plan(request.version, policy=request.policy, environment="production")
    run = start_validation(request.version, plan=plan, reason="again", actor=cast.ci_bot)
    concluded(run, judged(run, passed=False))
    assert sorted(Finding.objects.values_list("source_key", "severity", "blocking")) == [
        ("requirement:auc", "high", True),
        ("requirement:ece", "low", False),
    ]
    assert LedgerEvent.objects.filter(action="finding.opened").count() == 2


def test_one_open_finding_per_source_is_kept_by_the_database_too(cast):
    request = builders.an_open_promotion(cast, passed=False)
    finding = Finding.objects.filter(version=request.version).first()
    finding.pk, finding._state.adding = None, True
    from registry.models.identity import new_id

    finding.pk = new_id()
    with pytest.raises(IntegrityError), transaction.atomic():
        finding.save(force_insert=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        Finding.objects.update(state="closed")


def ends(finding, person):
    return (
        lambda: close_finding(finding, actor=person, statement="Done."),
        lambda: accept_finding(finding, actor=person, statement="We live with it.", until=tomorrow()),
    )


@pytest.mark.parametrize("name", ["ada", "olga", "pia", "otto", "adam", "ci_bot"])
def test_only_the_second_line_ends_a_finding(cast, name):
    finding, _ = raised(cast, builders.a_model(cast))
    for end in ends(finding, getattr(cast, name)):
        with pytest.raises(DomainError, match="role-missing"):
            end()


def test_neither_its_owner_nor_a_contributor_ends_a_finding(cast):
    grant_role(cast.vera, Role.OWNER, actor=cast.adam)
    version = builders.a_version(cast)
    record_contribution(version, cast.ravi, "trained", actor=cast.ci_bot)
    finding, _ = raised(cast, version.model, version=version)
    for end in ends(finding, cast.ravi):
        with pytest.raises(DomainError, match="contributor"):
            end()
    vera = type(cast.vera).objects.get(pk=cast.vera.pk)
    assign_owner(version.model, vera, actor=cast.ravi)
    version.model.refresh_from_db()
    hers, _ = raised(cast, version.model, source_key="manual:hers")
    assert hers.owner == vera
    for end in ends(hers, vera):
        with pytest.raises(DomainError, match="own-finding"):
            end()
    assert set(Finding.objects.values_list("state", flat=True)) == {"open"}


@pytest.mark.parametrize("statement", ["", "  \n", "\0", "a\u202eb"])
def test_a_finding_is_ended_with_words(cast, statement):
    finding, _ = raised(cast, builders.a_model(cast))
    with pytest.raises(DomainError, match="text-"):
        close_finding(finding, actor=cast.ravi, statement=statement)


def test_a_closed_finding_stays_closed(cast):
    finding, _ = raised(cast, builders.a_model(cast))
    close_finding(finding, actor=cast.ravi, statement="Mended.")
    for end in ends(finding, cast.vera):
        with pytest.raises(DomainError, match="finding-not-open"):
            end()
    assert (finding.resolved_by, finding.resolution) == (cast.ravi, "Mended.")


@pytest.mark.parametrize(
    ("until", "code"),
    [
        (lambda now: now, "date-in-the-past"),
        (lambda now: now - timedelta(seconds=1), "date-in-the-past"),
        (lambda now: now + timedelta(days=367), "date-too-far"),
        (lambda now: datetime(9999, 12, 31, tzinfo=now.tzinfo), "date-too-far"),
        (lambda now: (now + timedelta(days=1)).replace(tzinfo=None), "date-without-zone"),
    ],
)
def test_a_risk_is_accepted_for_a_time_and_not_for_ever(cast, until, code):
    finding, _ = raised(cast, builders.a_model(cast))
    with pytest.raises(DomainError, match=code):
        accept_finding(finding, actor=cast.ravi, statement="For now.", until=until(database_now()))


def test_an_accepted_risk_lets_pass_until_its_date_and_then_blocks_until_somebody_acts(cast, monkeypatch):
    request = builders.an_approved_promotion(cast)
    finding, _ = raised(cast, request.model)
    assert set(said_no(ask(cast, request.version))) == {"FND-01"}
    until = tomorrow()
    accept_finding(finding, actor=cast.vera, statement="We watch it.", until=until)
    assert ask(cast, request.version).outcome == "allow"
    with pytest.raises(DomainError, match="finding-not-open"):
        accept_finding(finding, actor=cast.vera, statement="Longer.", until=until + timedelta(days=9))
    for clock in ("governance.actions.gates", "audits.actions.findings"):
        monkeypatch.setattr(f"{clock}.database_now", lambda: until)
    assert set(said_no(ask(cast, request.version))) == {"FND-01"}
    accept_finding(finding, actor=cast.ravi, statement="Another day.", until=until + timedelta(days=1))
    assert ask(cast, request.version).outcome == "allow"
    close_finding(finding, actor=cast.vera, statement="The cause is gone.")
    assert ask(cast, request.version).outcome == "allow"
    assert LedgerEvent.objects.filter(action="finding.accepted").count() == 2
    assert differences() == []


def test_an_acceptance_without_a_date_covers_nothing(cast):
    request = builders.an_approved_promotion(cast)
    finding, _ = raised(cast, request.model)
    accept_finding(finding, actor=cast.vera, statement="We watch it.", until=tomorrow())
    Finding.objects.filter(pk=finding.pk).update(accepted_until=None)
    assert set(said_no(ask(cast, request.version))) == {"FND-01"}


def test_an_advisory_finding_stands_in_nobodys_way(cast):
    request = builders.an_approved_promotion(cast)
    raised(cast, request.model, blocking=False, severity="low")
    decision = ask(cast, request.version)
    assert decision.outcome == "allow"
    assert len(decision.facts["findings"]) == 1, "it is among the facts all the same"


def test_a_finding_of_another_version_is_not_this_ones(cast):
    request = builders.an_approved_promotion(cast)
    other = builders.a_version(cast, "2.0", model=request.model, data=b"2.0")
    raised(cast, request.model, version=other)
    assert ask(cast, request.version).outcome == "allow"
