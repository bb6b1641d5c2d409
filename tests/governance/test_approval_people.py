"""Who may decide on a promotion? Nobody who had a hand in it, nobody without the role, nobody but a person in a session."""

from __future__ import annotations

import pytest

from governance.actions.approvals import approve, obstacles, reject, withdraw_approval
from governance.actions.promotions import open_promotion, take_up_validation
from governance.models import Approval
from governance.plans import rules_of
from registry.actions.people import deactivate, end_role, grant_role, register_person, register_service_account
from registry.errors import DomainError
from registry.ledger.context import ActContext, acting
from registry.ledger.models import LedgerEvent
from registry.models import Contribution, Role, User
from tests import builders
from tests.cast import in_session_of

pytestmark = [pytest.mark.django_db]


def somebody(cast, username, *roles):
    person = register_person(username=username, display_name=username.capitalize(), actor=cast.adam)
    for role in roles:
        grant_role(person, role, actor=cast.adam)
    return person


def asked_by(cast, actor, version):
    request, _ = open_promotion(version, environment=builders.an_environment(cast), actor=actor)
    take_up_validation(builders.a_concluded_run(request.run))
    request.refresh_from_db()
    request.run.refresh_from_db()
    return request


def registrant_behind_the_token(cast):
    grant_role(cast.ada, Role.APPROVER, actor=cast.adam)
    return builders.an_open_promotion(cast), cast.ada


def uploader(cast):
    dana = somebody(cast, "dana", Role.DEVELOPER, Role.APPROVER)
    builders.an_artifact(cast, b"what Dana uploaded", actor=dana)
    version = builders.a_promotable_version(cast, data=b"what Dana uploaded")
    return builders.an_open_promotion(cast, version), dana


def uploader_behind_another_account(cast):
    dana = somebody(cast, "dana", Role.RISK_MANAGER)
    bot = register_service_account(username="dana-bot", display_name="Bot", responsible=dana, actor=cast.adam)
    builders.an_artifact(cast, b"what Dana's bot uploaded", actor=bot)
    version = builders.a_promotable_version(cast, data=b"what Dana's bot uploaded")
    return builders.an_open_promotion(cast, version), dana


def trainer(cast):
    theo = somebody(cast, "theo", Role.APPROVER)
    version = builders.a_promotable_version(cast, contributors=((theo, Contribution.Kind.TRAINED.value),))
    return builders.an_open_promotion(cast, version), theo


def committer(cast):
    version = builders.a_promotable_version(cast, contributors=((cast.ravi, Contribution.Kind.COMMITTED.value),))
    return builders.an_open_promotion(cast, version), cast.ravi


def requester(cast):
    rosa = somebody(cast, "rosa", Role.DEVELOPER, Role.APPROVER)
    return asked_by(cast, rosa, builders.a_promotable_version(cast)), rosa


def owner_of_the_service_account(cast):
    dana = somebody(cast, "dana", Role.APPROVER)
    bot = register_service_account(username="dana-bot", display_name="Bot", responsible=dana, actor=cast.adam)
    return asked_by(cast, bot, builders.a_promotable_version(cast)), dana


def second_role(cast):
    rosa = somebody(cast, "rosa", Role.DEVELOPER, Role.RISK_MANAGER, Role.APPROVER, Role.VALIDATOR)
    version = builders.a_promotable_version(cast, actor=rosa)
    return builders.an_open_promotion(cast, version), rosa


HANDS_IN_IT = [
    registrant_behind_the_token,
    uploader,
    uploader_behind_another_account,
    trainer,
    committer,
    requester,
    owner_of_the_service_account,
    second_role,
]


@pytest.mark.parametrize("identity", HANDS_IN_IT, ids=lambda identity: identity.__name__.replace("_", " "))
def test_whoever_had_a_hand_in_it_is_refused_by_the_action(cast, identity):
    request, person = identity(cast)
    person = User.objects.get(pk=person.pk)
    rules = rules_of(request.policy)
    assert {one.code for one in obstacles(request, person, rules)} <= {"contributor", "requester"}
    for verb in (approve, reject):
        with in_session_of(person), pytest.raises(DomainError) as refusal:
            verb(request, actor=person, statement="Mine.", evidence_digest=request.run.evidence_digest)
        assert (refusal.value.code, refusal.value.kind) == ("self-approval", "forbidden")
        assert person.username in refusal.value.message
    assert not Approval.objects.exists()
    assert not LedgerEvent.objects.filter(action__startswith="approval.").exists()


@pytest.mark.parametrize("name", ["adam", "olga", "otto"])
def test_whoever_holds_no_deciding_role_is_refused(cast, name):
    request, person = builders.an_open_promotion(cast), getattr(cast, name)
    with in_session_of(person), pytest.raises(DomainError, match="role-missing"):
        approve(request, actor=person, statement="Yes.", evidence_digest=request.run.evidence_digest)


def test_a_service_account_is_refused_even_in_what_calls_itself_a_session(cast):
    request = builders.an_open_promotion(cast)
    with in_session_of(cast.ci_bot), pytest.raises(DomainError, match="not-a-person"):
        approve(request, actor=cast.ci_bot, statement="Yes.", evidence_digest=request.run.evidence_digest)


@pytest.mark.parametrize("authentication", ["token", "command", "task"])
def test_a_token_a_command_and_a_task_cannot_decide(cast, authentication):
    request = builders.an_open_promotion(cast)
    given = builders.an_approval(request, cast.pia)
    act = {"actor": cast.ravi, "statement": "Yes.", "evidence_digest": request.run.evidence_digest}
    with acting(ActContext(request_id="request-1", authentication=authentication)):
        for decide in (
            lambda: approve(request, **act),
            lambda: reject(request, **act),
            lambda: withdraw_approval(given, actor=cast.pia, reason="No."),
        ):
            with pytest.raises(DomainError, match="session-required"):
                decide()
    assert Approval.objects.filter(withdrawn_at__isnull=True).count() == 1


def test_outside_any_request_nobody_decides(cast):
    request = builders.an_open_promotion(cast)
    with pytest.raises(DomainError, match="session-required"):
        approve(request, actor=cast.ravi, statement="Yes.", evidence_digest=request.run.evidence_digest)


def test_an_inactive_person_and_one_whose_role_ended_are_refused(cast):
    request = builders.an_open_promotion(cast)
    end_role(cast.pia.grants.get(), actor=cast.adam)
    deactivate(cast.ravi, actor=cast.adam)
    for person, code in ((cast.pia, "role-missing"), (cast.ravi, "account-inactive")):
        with in_session_of(person), pytest.raises(DomainError, match=code):
            approve(request, actor=person, statement="Yes.", evidence_digest=request.run.evidence_digest)


def test_the_first_obstacle_told_is_the_hand_in_it_and_all_are_listed(cast):
    request = builders.an_open_promotion(cast)
    with in_session_of(cast.ada), pytest.raises(DomainError) as refusal:
        approve(request, actor=cast.ada, statement="Yes.", evidence_digest=request.run.evidence_digest)
    assert refusal.value.code == "self-approval"
    assert set(refusal.value.context["reasons"]) == {"no-role", "requester"}


@pytest.mark.postgres
def test_an_approval_binds_its_giver_role_statement_manifest_and_evidence(cast):
    request = builders.an_open_promotion(cast)
    given = builders.an_approval(request, cast.pia, "I read the report.")
    assert (given.role, given.statement) == ("approver", "I read the report.")
    assert (given.manifest_digest, given.manifest) == (request.covers_digest, request.covers)
    assert given.evidence_digest == request.run.evidence_digest
    assert (given.expires_at - given.decided_at).days == 90
    assert (given.requested_by, given.requested_for) == (cast.ci_bot, cast.ada)


@pytest.mark.parametrize("statement", ["", "   ", "\n\t"])
def test_a_decision_without_a_statement_is_refused(cast, statement):
    request = builders.an_open_promotion(cast)
    with pytest.raises(DomainError, match="text-empty"):
        builders.an_approval(request, cast.ravi, statement)


def test_a_decision_on_other_evidence_than_shown_is_refused_and_told_the_present(cast):
    request = builders.an_open_promotion(cast)
    with in_session_of(cast.ravi), pytest.raises(DomainError, match="evidence-changed") as refusal:
        approve(request, actor=cast.ravi, statement="Yes.", evidence_digest="0" * 64)
    assert refusal.value.context["current"] == request.run.evidence_digest


def test_nobody_approves_before_validation_has_passed(cast):
    request = builders.an_open_promotion(cast, concluded=False)
    with in_session_of(cast.ravi), pytest.raises(DomainError, match="validation-not-concluded"):
        approve(request, actor=cast.ravi, statement="Yes.", evidence_digest="")
    take_up_validation(builders.a_concluded_run(request.run, passed=False))
    with pytest.raises(DomainError, match="validation-not-passed"):
        builders.an_approval(request, cast.ravi)
    with in_session_of(cast.ravi):
        reject(request, actor=cast.ravi, statement="No.", evidence_digest=request.run.evidence_digest)
    request.refresh_from_db()
    assert request.state == "rejected", "a no needs no passed validation"


def test_a_closed_request_takes_no_decision(cast):
    request = builders.an_open_promotion(cast)
    with in_session_of(cast.ravi):
        reject(request, actor=cast.ravi, statement="Not good enough.", evidence_digest=request.run.evidence_digest)
    with pytest.raises(DomainError, match="request-closed"):
        builders.an_approval(request, cast.pia)


@pytest.mark.postgres
def test_only_the_giver_takes_an_approval_back_and_only_once(cast):
    request = builders.an_approved_promotion(cast)
    mine = Approval.objects.get(approver=cast.pia)
    with in_session_of(cast.ravi), pytest.raises(DomainError, match="not-your-approval"):
        withdraw_approval(mine, actor=cast.ravi, reason="Hers.")
    with in_session_of(cast.pia):
        withdraw_approval(mine, actor=cast.pia, reason="I overlooked a group.")
        with pytest.raises(DomainError, match="already-withdrawn"):
            withdraw_approval(mine, actor=cast.pia, reason="Again.")
    request.version.refresh_from_db()
    assert request.version.stage == "pending_approval"
    builders.an_approval(request, cast.pia)
    request.version.refresh_from_db()
    assert request.version.stage == "approved", "whoever took a decision back may decide anew"


def test_one_withdrawal_of_three_leaves_the_quorum_and_the_stage(cast):
    request = builders.an_approved_promotion(cast)
    third = builders.an_approval(request, cast.vera)
    with in_session_of(cast.vera):
        withdraw_approval(third, actor=cast.vera, reason="Two are enough.")
    request.version.refresh_from_db()
    assert request.version.stage == "approved"


def test_a_rejection_after_the_quorum_ends_the_approval(cast):
    request = builders.an_approved_promotion(cast)
    with in_session_of(cast.vera):
        reject(request, actor=cast.vera, statement="Wait.", evidence_digest=request.run.evidence_digest)
    request.refresh_from_db()
    request.version.refresh_from_db()
    assert (request.state, request.version.stage) == ("rejected", "rejected")


@pytest.mark.postgres
def test_two_of_the_first_line_do_not_reach_a_quorum_that_asks_for_the_second(cast):
    text = builders.POLICY.format(slug="second-line", environment="production", auc=0.7)
    builders.a_policy(cast, text=text.replace("valid_days: 90}", "valid_days: 90, second_line_required: true}"))
    version = builders.a_version(cast)
    builders.a_tier(cast, version.model)
    request = asked_by(cast, cast.ci_bot, version)
    paul = somebody(cast, "paul", Role.APPROVER)
    for person in (cast.pia, paul):
        builders.an_approval(request, person)
    version.refresh_from_db()
    assert version.stage == "pending_approval"
    builders.an_approval(request, cast.ravi)
    version.refresh_from_db()
    assert version.stage == "approved"
