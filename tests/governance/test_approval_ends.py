"""When does an approval die? When anything it covers changes: the gate says no, by the control that is about it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils.timezone import now as present

from audits.actions.findings import open_finding
from audits.actions.validation import start_validation
from governance.actions.approvals import approve, reject, withdraw_approval
from governance.actions.promotions import open_promotion, withdraw_promotion
from governance.gate.manifest import Manifest
from governance.models import Approval
from governance.plans import build_manifest, build_plan
from registry.actions.inventory import edit_model
from registry.actions.people import deactivate, end_role, grant_role
from registry.actions.versions import record_contribution
from registry.errors import DomainError
from registry.ledger.replay import differences
from registry.models import DatasetVersion, Role, VersionArtifact, VersionDataset
from tests import builders
from tests.cast import in_session_of
from tests.governance.asking_the_gate import ask, said_no

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture
def approved(cast):
    """Return a request that two people approved, which the gate allows."""
    request = builders.an_approved_promotion(cast)
    assert ask(cast, request.version).outcome == "allow"
    return request


def new_run(cast, request, **how):
    plan = build_plan(request.version, policy=request.policy, environment="production")
    return start_validation(request.version, plan=plan, reason="periodic", actor=cast.ci_bot)


def intended_use(cast, request):
    edit_model(request.model, intended_use="Decide on everything.", actor=cast.ci_bot)


def tier(cast, request):
    builders.a_tier(cast, request.model, {"exposure": "low", "purpose": "internal", "complexity": "low"})


def policy(cast, request):
    builders.a_policy(cast, auc=0.75)


def another_artifact(cast, request):
    card = builders.an_artifact(cast, b"a card that nobody saw")
    VersionArtifact.objects.create(version=request.version, artifact=card, role="card")


def another_role_of_an_artifact(cast, request):
    card = builders.an_artifact(cast, b"a lock file")
    VersionArtifact.objects.create(version=request.version, artifact=card, role="environment")


def another_dataset(cast, request):
    other = builders.a_dataset_version(cast, "2026-12", data=builders.TABLE + b"70,9000,a,1\n", split="evaluation")
    VersionDataset.objects.filter(version=request.version, role="evaluation").update(dataset_version=other)


def altered_dataset(cast, request):
    DatasetVersion.objects.filter(version="2026-10").update(digest="0" * 64)


COVERED = [
    (intended_use, {"REQ-01": "manifest"}, ["intended_use"]),
    (tier, {"REQ-01": "manifest"}, ["tier"]),
    (policy, {"REQ-01": "manifest, policy", "VAL-01": "another policy"}, None),
    (another_artifact, {"REQ-01": "manifest"}, ["artifact_digests"]),
    (another_role_of_an_artifact, {"REQ-01": "manifest"}, ["artifact_digests"]),
    (another_dataset, {"REQ-01": "manifest", "VAL-01": "other datasets"}, ["dataset_digests"]),
    (altered_dataset, {"REQ-01": "manifest", "VAL-01": "other datasets"}, ["dataset_digests"]),
]


@pytest.mark.parametrize(("change", "controls", "fields"), COVERED, ids=[line[0].__name__ for line in COVERED])
def test_a_change_of_what_is_covered_voids_both_approvals(cast, approved, change, controls, fields):
    change(cast, approved)
    found = said_no(ask(cast, approved.version))
    assert {"SOD-03", "APP-01"} <= set(found), "the approvals were for something else"
    for control, says in controls.items():
        assert says in found[control]
    with in_session_of(cast.vera), pytest.raises(DomainError) as refusal:
        approve(approved, actor=cast.vera, statement="Yes.", evidence_digest=approved.run.evidence_digest)
    if fields is None:
        assert refusal.value.code == "policy-changed"
    else:
        assert (refusal.value.code, refusal.value.context["fields"]) == ("covered-facts-changed", fields)


def test_a_changed_request_is_mended_by_asking_again(cast, approved):
    intended_use(cast, approved)
    fresh, created = open_promotion(approved.version, environment=approved.environment, actor=cast.ci_bot)
    approved.refresh_from_db()
    assert (created, approved.state) == (True, "superseded")
    builders.a_concluded_run(fresh.run)
    found = said_no(ask(cast, approved.version))
    assert set(found) == {"SOD-03"}, "old approvals are not counted for a new question"
    for person in (cast.ravi, cast.pia):
        builders.an_approval(fresh, person)
    assert ask(cast, approved.version).outcome == "allow"


def withdrawn(cast, request):
    with in_session_of(cast.pia):
        withdraw_approval(Approval.objects.get(approver=cast.pia), actor=cast.pia, reason="I was mistaken.")


def role_ended(cast, request):
    end_role(cast.pia.grants.get(), actor=cast.adam)


def role_exchanged(cast, request):
    end_role(cast.pia.grants.get(), actor=cast.adam)
    grant_role(cast.pia, Role.OWNER, actor=cast.adam)


def approver_left(cast, request):
    deactivate(cast.ravi, actor=cast.adam)


def approver_found_to_have_contributed(cast, request):
    record_contribution(request.version, cast.ravi, "committed", actor=cast.ci_bot)


def blocking_finding(cast, request):
    open_finding(
        request.model, version=request.version, kind="manual", source_key="manual:1", title="The income is wrong.",
        severity="high", blocking=True, actor=cast.vera,
    )  # fmt: skip


def finding_of_the_model(cast, request):
    open_finding(
        request.model, kind="manual", source_key="manual:2", title="Nobody owns the data.", severity="critical",
        blocking=True, actor=cast.vera,
    )  # fmt: skip


def rejected(cast, request):
    with in_session_of(cast.vera):
        reject(request, actor=cast.vera, statement="Wait.", evidence_digest=request.run.evidence_digest)


def taken_back(cast, request):
    withdraw_promotion(request, actor=cast.ci_bot, reason="Asked too early.")


def owner_left(cast, request):
    deactivate(cast.olga, actor=cast.adam)


def validated_again(cast, request):
    new_run(cast, request)


def validated_again_with_the_same_result(cast, request):
    builders.a_concluded_run(new_run(cast, request))


def validated_again_and_failed(cast, request):
    builders.a_concluded_run(new_run(cast, request), passed=False)


ENDS = [
    (withdrawn, {"SOD-03"}),
    (role_ended, {"SOD-03", "APP-05"}),
    (role_exchanged, {"SOD-03", "APP-05"}),
    (approver_left, {"SOD-03", "APP-05"}),
    (approver_found_to_have_contributed, {"SOD-03", "SOD-02"}),
    (blocking_finding, {"FND-01"}),
    (finding_of_the_model, {"FND-01"}),
    (rejected, {"REQ-01", "REQ-02", "GATE-02"}),
    (taken_back, {"REQ-01"}),
    (owner_left, {"INV-03"}),
    (validated_again, {"VAL-01"}),
    (validated_again_with_the_same_result, {"EVD-01", "APP-01", "SOD-03"}),
    (validated_again_and_failed, {"EVD-01", "APP-01", "SOD-03", "VAL-03", "FND-01", "GATE-02"}),
]


@pytest.mark.parametrize(("event", "controls"), ENDS, ids=[line[0].__name__ for line in ENDS])
def test_what_ends_an_allow_is_named_by_its_control(cast, approved, event, controls):
    event(cast, approved)
    assert controls <= set(said_no(ask(cast, approved.version)))
    assert differences() == []


def test_another_place_and_other_bytes_have_no_part_in_it(cast, approved):
    assert "GATE-03" in said_no(ask(cast, approved.version, environment="staging"))
    builders.an_environment(cast, "staging")
    assert "GATE-04" in said_no(ask(cast, approved.version, environment="staging"))
    other = builders.a_version(cast, "2.0", model=approved.model, data=b"other bytes")
    assert "SOD-03" in said_no(ask(cast, other))
    assert "INV-01" in said_no(ask(cast, approved.version, sha256="0" * 64))


def test_a_run_for_another_place_leaves_this_one_as_it_is(cast, approved):
    builders.a_policy(cast, "staging-policy", environment="staging", auc=0.8)
    staging = builders.an_environment(cast, "staging")
    request, _ = open_promotion(approved.version, environment=staging, actor=cast.ci_bot)
    builders.a_concluded_run(request.run)
    assert ask(cast, approved.version).outcome == "allow"
    assert set(said_no(ask(cast, approved.version, environment="staging"))) == {"SOD-03"}


def in_days(monkeypatch, days):
    """Let the gate's clock, and no other, be ahead by some days."""
    instant = present() + timedelta(days=days)
    monkeypatch.setattr("governance.actions.gates.database_now", lambda: instant)


def test_approvals_run_out_by_the_policy_and_the_gate_says_so(cast, monkeypatch):
    text = builders.POLICY.format(slug="short", environment="production", auc=0.7)
    builders.a_policy(cast, text=text.replace("valid_days: 90", "valid_days: 2"))
    version = builders.a_version(cast)
    builders.a_tier(cast, version.model)
    request = builders.an_approved_promotion(cast, version)
    in_days(monkeypatch, 1.9)
    assert ask(cast, request.version).outcome == "allow"
    in_days(monkeypatch, 2.1)
    found = said_no(ask(cast, request.version))
    assert set(found) == {"SOD-03", "APP-02"}
    assert "does not count" in found["APP-02"]


def test_evidence_grows_old_and_asking_again_measures_anew(cast, monkeypatch):
    text = builders.POLICY.format(slug="short", environment="production", auc=0.7)
    builders.a_policy(cast, text=text.replace("max_age_days: 90", "max_age_days: 1"))
    version = builders.a_version(cast)
    builders.a_tier(cast, version.model)
    request = builders.an_approved_promotion(cast, version)
    in_days(monkeypatch, 1.1)
    assert set(said_no(ask(cast, version))) == {"EVD-02"}
    same, created = open_promotion(version, environment=request.environment, actor=cast.ci_bot)
    assert (same.pk, created) == (request.pk, False), "it is fresh by the clock of promotions"
    later = present() + timedelta(days=1.1)
    monkeypatch.setattr("governance.actions.promotions.database_now", lambda: later)
    fresh, created = open_promotion(version, environment=request.environment, actor=cast.ci_bot)
    assert (created, fresh.run.state) == (True, "queued")


def test_an_allow_ends_no_later_than_the_first_approval_or_evidence(cast, approved, monkeypatch):
    first = Approval.objects.order_by("expires_at").first()
    at = first.expires_at - timedelta(minutes=3)
    monkeypatch.setattr("governance.actions.gates.database_now", lambda: at)
    decision = ask(cast, approved.version)
    assert decision.outcome == "allow"
    assert at < decision.valid_until <= first.expires_at


MANIFEST = Manifest(
    model="m", version="1", artifact_digests={"a": "model"}, dataset_digests={"d@1#training": "e"},
    environment="production", tier=1, policy_digest="p", intended_use="u",
)  # fmt: skip
ONE_FIELD_CHANGED = {
    "model": "n",
    "version": "1.0",
    "artifact_digests": {"a": "card"},
    "dataset_digests": {"d@1#evaluation": "e"},
    "environment": "Production",
    "tier": 2,
    "policy_digest": "q",
    "intended_use": "u ",
}


@pytest.mark.parametrize("field", sorted(ONE_FIELD_CHANGED))
def test_each_field_of_the_manifest_changes_its_digest(field):
    changed = Manifest(**{**vars(MANIFEST), field: ONE_FIELD_CHANGED[field]})
    assert changed.digest != MANIFEST.digest
    assert set(ONE_FIELD_CHANGED) == set(vars(MANIFEST)), "a new field needs its line in the matrix"


def test_the_manifest_of_the_rows_is_what_the_request_froze(cast, approved):
    present_one = build_manifest(approved.version, policy=approved.policy, tier=approved.tier, environment="production")
    assert present_one.as_json() == approved.covers
    assert present_one.digest == approved.covers_digest
