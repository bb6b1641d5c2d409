"""How does a policy come into force, and what happens where none is, or one was tampered with?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from governance.actions.gates import decide_gate
from governance.actions.policies import draft_policy, policy_in_force, publish_policy
from governance.models import PolicyVersion
from governance.plans import rules_of
from registry.actions.people import grant_role, register_person
from registry.errors import DomainError
from registry.ledger.clock import database_now
from registry.ledger.replay import differences
from registry.models import Role
from tests import builders
from tests.governance.asking_the_gate import ask, said_no

pytestmark = [pytest.mark.django_db]

TEXT = builders.POLICY.format(slug="rules", environment="production", auc=0.7)


def in_force(tier=1, environment="production", at=None):
    return policy_in_force(tier=tier, environment=environment, at=at or database_now())


def published(cast, text):
    return publish_policy(draft_policy(text, actor=cast.ravi), actor=cast.pia)


@pytest.mark.postgres
def test_a_policy_takes_two_people(cast):
    draft = draft_policy(TEXT, actor=cast.ravi)
    assert in_force() is None, "a draft is not in force"
    with pytest.raises(DomainError, match="own-draft"):
        publish_policy(draft, actor=cast.ravi)
    grant_role(cast.ravi, Role.APPROVER, actor=cast.adam)
    with pytest.raises(DomainError, match="own-draft"):
        publish_policy(draft, actor=cast.ravi)
    policy = publish_policy(draft, actor=cast.pia)
    assert in_force() == policy
    assert (policy.number, policy.drafted_by, policy.published_by) == (1, cast.ravi, cast.pia)
    with pytest.raises(DomainError, match="policy-not-a-draft"):
        publish_policy(policy, actor=cast.pia)
    assert differences() == []


@pytest.mark.parametrize("name", ["ada", "olga", "vera", "pia", "otto", "adam", "ci_bot"])
def test_only_a_risk_manager_drafts(cast, name):
    with pytest.raises(DomainError, match="role-missing"):
        draft_policy(TEXT, actor=getattr(cast, name))


@pytest.mark.parametrize("name", ["ada", "olga", "vera", "otto", "adam", "ci_bot"])
def test_only_a_risk_manager_or_approver_publishes(cast, name):
    draft = draft_policy(TEXT, actor=cast.ravi)
    with pytest.raises(DomainError, match="role-missing"):
        publish_policy(draft, actor=getattr(cast, name))


def test_the_same_text_again_is_the_same_version_and_another_text_the_next(cast):
    first = draft_policy(TEXT, actor=cast.ravi)
    assert draft_policy(TEXT + "\n# a comment\n", actor=cast.ravi) == first
    second = draft_policy(TEXT.replace("0.7", "0.8"), actor=cast.ravi)
    assert (first.number, second.number) == (1, 2)


def test_a_newer_version_replaces_the_older_even_where_it_no_longer_applies(cast):
    first = published(cast, TEXT)
    second = published(cast, TEXT.replace("tiers: [1, 2, 3]", "tiers: [1, 2]"))
    assert (in_force(1), in_force(3)) == (second, None)
    assert in_force(3, at=second.effective_from - timedelta(microseconds=1)) == first, "what held then is still known"


def test_an_older_draft_is_not_published_after_a_newer_version(cast):
    older = draft_policy(TEXT, actor=cast.ravi)
    newer = published(cast, TEXT.replace("0.7", "0.9"))
    with pytest.raises(DomainError, match="newer-version-published"):
        publish_policy(older, actor=cast.pia)
    assert in_force() == newer


def test_of_two_policies_for_one_place_the_one_published_last_is_in_force(cast):
    published(cast, TEXT)
    other = published(cast, TEXT.replace("slug: rules", "slug: stricter-rules"))
    assert in_force() == other


@pytest.mark.postgres
def test_a_policy_is_in_force_from_its_day_until_it_is_superseded(cast):
    today = database_now()
    soon, end = today + timedelta(days=10), today + timedelta(days=20)
    text = TEXT.replace("2020-01-01", f"{soon:%Y-%m-%d}\nsuperseded_on: {end:%Y-%m-%d}")
    policy = published(cast, text)
    assert policy.effective_from == datetime(soon.year, soon.month, soon.day, tzinfo=UTC)
    days = {9: None, 10: policy, 19: policy, 20: None}
    for day, expected in days.items():
        assert in_force(at=today.replace(hour=12) + timedelta(days=day)) == expected, day


def test_publishing_never_works_backwards(cast):
    policy = published(cast, TEXT)
    assert policy.effective_from == policy.published_at
    assert in_force(at=policy.published_at - timedelta(seconds=1)) is None


def test_tier_and_place_choose_the_policy(cast):
    strict = published(cast, TEXT.replace("tiers: [1, 2, 3]", "tiers: [1]"))
    loose = published(cast, TEXT.replace("slug: rules", "slug: loose").replace("tiers: [1, 2, 3]", "tiers: [2, 3]"))
    assert [in_force(tier) for tier in (1, 2, 3)] == [strict, loose, loose]
    assert in_force(1, "staging") is None


def test_without_a_policy_the_gate_denies(cast):
    version = builders.a_version(cast)
    builders.an_environment(cast)
    assert "TIER-01" in said_no(ask(cast, version))
    builders.a_tier(cast, version.model)
    assert "GATE-04" in said_no(ask(cast, version))


def test_a_policy_without_requirements_is_refused_and_one_emptied_afterwards_denies(cast):
    with pytest.raises(DomainError, match="policy-invalid"):
        draft_policy(
            TEXT[: TEXT.index("requirements:")] + "requirements: []\n" + TEXT[TEXT.index("approvals:") :],
            actor=cast.ravi,
        )
    request = builders.an_approved_promotion(cast)
    policy = request.policy
    policy.body["requirements"] = []
    policy.save(update_fields=["body"])
    found = said_no(ask(cast, request.version))
    assert "cannot be read" in found["GATE-04"]


@pytest.mark.postgres
@pytest.mark.parametrize(
    "change",
    [
        lambda body: body["approvals"].update(quorum=0),
        lambda body: body["applies_to"].update(environments=["elsewhere"]),
        lambda body: body["requirements"][0].update(limit=0.0),
        lambda body: body["artifact_formats"].append("pickle"),
        lambda body: body.clear(),
        lambda body: body.update(effective_from="2999-01-01"),
    ],
    ids=["quorum", "place", "limit", "formats", "emptied", "date"],
)
def test_a_policy_altered_in_the_database_denies_and_nothing_older_takes_its_place(cast, change):
    published(cast, TEXT.replace("0.7", "0.1").replace("quorum: 2", "quorum: 1"))
    request = builders.an_approved_promotion(cast)
    assert request.policy.policy == "test-policy"
    policy = PolicyVersion.objects.get(policy="test-policy")
    change(policy.body)
    policy.save(update_fields=["body"])
    assert rules_of(policy) is None
    assert in_force() == policy
    found = said_no(ask(cast, request.version))
    assert "cannot be read" in found["GATE-04"]


def test_an_altered_draft_is_not_published(cast):
    draft = draft_policy(TEXT, actor=cast.ravi)
    draft.body["approvals"]["quorum"] = 0
    draft.save(update_fields=["body"])
    with pytest.raises(DomainError, match="policy-altered"):
        publish_policy(draft, actor=cast.pia)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("performance.roc_auc", "performance.luck", "policy-unknown-check"),
        ("approvals:", "aprovals:", "policy-"),
        ("limit: 0.7", "limit: .nan", "policy-"),
        ("key: ece", "key: auc", "policy-duplicate-requirement"),
        ("quorum: 2", "quorum: -1", "policy-invalid"),
        ("roles: [risk_manager, approver, validator]", "roles: []", "policy-"),
        ("roles: [risk_manager, approver, validator]", "roles: [administrator]", "policy-invalid"),
        ("roles: [risk_manager, approver, validator]", "roles: [ci]", "policy-invalid"),
        ("edition:", "edition: &a", "policy-"),
    ],
)
def test_a_policy_that_says_something_else_is_refused_with_nothing_kept(cast, old, new, code):
    assert old in TEXT
    text = TEXT.replace(old, new, 1) if "&a" not in new else TEXT + "title2: *a\n"
    with pytest.raises(DomainError, match=code):
        draft_policy(text, actor=cast.ravi)
    assert not PolicyVersion.objects.exists()


def test_a_gated_quorum_is_never_below_two_whatever_the_policy_says(cast):
    builders.a_policy(cast, text=TEXT.replace("quorum: 2", "quorum: 1"))
    version = builders.a_version(cast)
    builders.a_tier(cast, version.model)
    builders.an_environment(cast)
    request = builders.an_open_promotion(cast, version)
    builders.an_approval(request, cast.pia)
    version.refresh_from_db()
    assert version.stage == "pending_approval"
    assert "SOD-03" in said_no(ask(cast, version))


def test_a_new_policy_between_question_and_answer_needs_the_question_anew(cast):
    request = builders.an_approved_promotion(cast)
    rita = register_person(username="rita", display_name="Rita", actor=cast.adam)
    grant_role(rita, Role.RISK_MANAGER, actor=cast.adam)
    text = builders.POLICY.format(slug="test-policy", environment="production", auc=0.99)
    publish_policy(draft_policy(text, actor=rita), actor=cast.ravi)
    found = said_no(ask(cast, request.version))
    assert {"REQ-01", "VAL-01", "SOD-03"} <= set(found)
    row = decide_gate(
        artifact_sha256=request.version.model_artifact().artifact_id, environment="production", nonce="another-nonce",
        actor=cast.ci_bot,
    )  # fmt: skip
    assert row.policy.number == 2
