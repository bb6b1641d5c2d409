"""How does a promotion come to be asked for, how does it give way, and how does it close?"""

from __future__ import annotations

import pytest

from audits.models import ValidationRun
from governance.actions.approvals import reject
from governance.actions.gates import decide_gate
from governance.actions.promotions import open_promotion, take_up_validation, withdraw_promotion
from governance.models import GateDecision, PolicyVersion, PromotionRequest
from registry.errors import DomainError
from registry.ledger.models import LedgerEvent
from registry.ledger.replay import differences
from registry.models import Contribution, Model, ModelVersion, VersionArtifact
from tests import builders
from tests.audits.predictions import a_scored_version
from tests.cast import in_session_of
from tests.governance.asking_the_gate import ask, said_no

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def asked(cast, version, place="production"):
    return open_promotion(version, environment=builders.an_environment(cast, place), actor=cast.ci_bot)


def test_asking_freezes_what_is_asked_and_starts_its_validation(cast):
    version = builders.a_promotable_version(cast)
    request, created = asked(cast, version)
    assert created
    assert (request.tier, request.policy.policy, request.requested_for) == (1, "test-policy", cast.ada)
    assert set(request.covers) == {
        "model", "version", "artifact_digests", "dataset_digests", "environment", "tier", "policy_digest",
        "intended_use",
    }  # fmt: skip
    run = request.run
    assert (run.state, run.reason, run.requested_by) == ("queued", "promotion", cast.ci_bot)
    assert run.plan["environment"] == "production"
    assert run.plan["artifact"]["sha256"] == version.model_artifact().artifact_id
    assert [line["key"] for line in run.plan["requirements"]] == ["auc", "ece"]
    version.refresh_from_db()
    assert version.stage == "in_validation"
    assert version.contributions.filter(person=cast.ada, kind=Contribution.Kind.REQUESTED).exists()
    assert differences() == []


def test_the_same_question_is_the_same_request_until_its_validation_ended_in_error(cast):
    version = builders.a_promotable_version(cast)
    first, _ = asked(cast, version)
    again, created = asked(cast, version)
    assert (again.pk, created) == (first.pk, False)
    builders.a_concluded_run(first.run, passed=False)
    again, created = asked(cast, version)
    assert (again.pk, created) == (first.pk, False), "a failed measurement is not measured until it passes"
    ValidationRun.objects.filter(pk=first.run_id).update(outcome="error")
    again, created = asked(cast, version)
    assert created
    first.refresh_from_db()
    assert (first.state, again.run_id == first.run_id) == ("superseded", False)


def test_another_version_takes_the_place_of_an_open_question(cast):
    request = builders.an_approved_promotion(cast)
    other = builders.a_version(cast, "2.0", model=request.model, data=b"the bytes of 2.0")
    newer, _ = asked(cast, other)
    request.refresh_from_db()
    request.version.refresh_from_db()
    assert (request.state, newer.state) == ("superseded", "open")
    assert request.version.stage == "validated", "nobody is asked to approve it any more"
    assert request.closed_reason == "consumer-credit-default/2.0 was asked for"
    assert "REQ-01" in said_no(ask(cast, request.version))


def test_questions_for_two_places_stand_side_by_side(cast):
    builders.a_policy(cast, "staging-policy", environment="staging")
    version = builders.a_promotable_version(cast)
    first, second = asked(cast, version)[0], asked(cast, version, "staging")[0]
    assert {first.state, second.state} == {"open"}
    withdraw_promotion(second, actor=cast.ada, reason="Not needed.")
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == ("open", "withdrawn")


def test_a_late_result_of_an_older_run_moves_nothing(cast):
    builders.a_policy(cast, "staging-policy", environment="staging")
    version = builders.a_promotable_version(cast)
    older, newer = asked(cast, version)[0], asked(cast, version, "staging")[0]
    builders.a_concluded_run(older.run, passed=False)
    version.refresh_from_db()
    assert version.stage == "in_validation"
    builders.a_concluded_run(newer.run)
    version.refresh_from_db()
    assert version.stage == "validated"


def test_following_up_a_run_twice_or_late_changes_nothing(cast):
    request = builders.an_approved_promotion(cast)
    before = LedgerEvent.objects.count()
    take_up_validation(request.run)
    take_up_validation(request.run)
    request.version.refresh_from_db()
    assert (request.version.stage, LedgerEvent.objects.count()) == ("approved", before)


@pytest.mark.parametrize(
    ("lacking", "code"),
    [
        ("tier", "tier-missing"),
        ("policy", "policy-missing"),
        ("retired", "version-retired"),
        ("model", "version-retired"),
    ],
)
def test_a_question_that_cannot_be_judged_is_not_opened(cast, lacking, code):
    version = builders.a_version(cast)
    builders.an_environment(cast)
    if lacking != "tier":
        builders.a_tier(cast, version.model)
    if lacking != "policy":
        builders.a_policy(cast)
    if lacking == "retired":
        ModelVersion.objects.update(stage="retired")
    if lacking == "model":
        Model.objects.update(retired_at=version.registered_at)
    with pytest.raises(DomainError, match=code):
        asked(cast, version)
    assert not PromotionRequest.objects.exists()
    assert not ValidationRun.objects.exists()


def test_a_version_without_model_and_scores_or_without_evaluation_data_is_not_asked_for(cast):
    version = builders.a_promotable_version(cast)
    VersionArtifact.objects.filter(version=version).update(role="card")
    with pytest.raises(DomainError, match="model-artifact-missing"):
        asked(cast, version)
    version.dataset_links.filter(role="evaluation").delete()
    with pytest.raises(DomainError, match="evaluation-data-missing"):
        asked(cast, version)


@pytest.mark.parametrize("name", ["otto", "pia", "ravi", "vera", "adam"])
def test_who_decides_or_reads_does_not_ask(cast, name):
    version = builders.a_promotable_version(cast)
    with pytest.raises(DomainError, match="role-missing"):
        open_promotion(version, environment=builders.an_environment(cast), actor=getattr(cast, name))


def test_a_question_is_taken_back_by_who_asked_or_the_owner_and_by_nobody_else(cast):
    request = builders.an_open_promotion(cast)
    for person in (cast.ravi, cast.pia, cast.adam):
        with pytest.raises(DomainError, match="not-your-request"):
            withdraw_promotion(request, actor=person, reason="No.")
    withdraw_promotion(request, actor=cast.olga, reason="The product is stopped.")
    with pytest.raises(DomainError, match="request-closed"):
        withdraw_promotion(request, actor=cast.ci_bot, reason="Again.")
    request.version.refresh_from_db()
    assert request.version.stage == "validated"
    assert differences() == []


def test_a_rejected_version_can_be_asked_for_again_and_the_dissent_stays_on_record(cast):
    request = builders.an_open_promotion(cast)
    with in_session_of(cast.vera):
        no = reject(request, actor=cast.vera, statement="Too few cases.", evidence_digest=request.run.evidence_digest)
    assert {"REQ-01", "REQ-02", "GATE-02", "SOD-03"} == set(said_no(ask(cast, request.version)))
    again, created = asked(cast, request.version)
    assert created
    take_up_validation(builders.a_concluded_run(again.run))
    for person in (cast.ravi, cast.pia):
        builders.an_approval(again, person)
    assert ask(cast, request.version).outcome == "allow"
    no.refresh_from_db()
    assert (no.statement, no.withdrawn_at) == ("Too few cases.", None)


def test_an_altered_policy_is_no_ground_for_a_new_question(cast):
    version = builders.a_promotable_version(cast)
    policy = PolicyVersion.objects.get()
    policy.body["approvals"]["quorum"] = 1
    policy.save(update_fields=["body"])
    with pytest.raises(DomainError, match="policy-altered"):
        asked(cast, version)


def test_a_version_of_predictions_alone_has_no_bytes_the_gate_could_allow(cast):
    version = a_scored_version(cast)
    card = version.artifact_links.get().artifact_id
    assert "INV-01" in said_no(ask(cast, version, sha256=card))


@pytest.mark.parametrize(
    ("question", "code"),
    [
        ({"artifact_sha256": "ABC"}, "bad-digest"),
        ({"artifact_sha256": "A" * 64}, "bad-digest"),
        ({"artifact_sha256": None}, "bad-digest"),
        ({"environment": "Production"}, "bad-slug"),
        ({"environment": "prоduction"}, "bad-slug"),
        ({"nonce": "short"}, "bad-nonce"),
        ({"nonce": "x" * 129}, "bad-nonce"),
        ({"nonce": "with space"}, "bad-nonce"),
        ({"nonce": "new-line\n"}, "bad-nonce"),
        ({"nonce": 12345678}, "bad-nonce"),
    ],
)
def test_a_question_that_is_none_gets_no_answer(cast, question, code):
    fair = {"artifact_sha256": "0" * 64, "environment": "production", "nonce": "nonce-of-the-test"}
    with pytest.raises(DomainError, match=code):
        decide_gate(**fair | question, actor=cast.ci_bot)
    assert not GateDecision.objects.exists()


def test_an_answer_is_recorded_with_its_facts_and_can_be_worked_out_again(cast):
    from governance.gate.contract import GateFacts
    from governance.gate.decide import decide

    request = builders.an_approved_promotion(cast)
    for row in (ask(cast, request.version), ask(cast, request.version, environment="nowhere")):
        facts = GateFacts.from_json(row.facts)
        again = decide(facts, row.decided_at)
        assert (again.outcome, again.facts_digest) == (row.outcome, row.facts_digest)
        assert again.as_json()["reasons"] == row.reasons
        assert row.version is None or row.version == request.version
    assert LedgerEvent.objects.filter(action="gate.decided").count() == 2


def test_the_answer_names_the_policy_version_in_force_and_not_a_later_one_of_the_same_text(cast):
    request = builders.an_approved_promotion(cast)
    text = builders.POLICY.format(slug="test-policy", environment="production", auc=0.7)
    from governance.actions.policies import draft_policy

    draft_policy(text.replace("limit: 0.7", "limit: 0.71"), actor=cast.ravi)
    draft = draft_policy(text, actor=cast.ravi)
    row = ask(cast, request.version)
    assert (row.outcome, row.policy.number, row.policy.digest == draft.digest) == ("allow", 1, True)
