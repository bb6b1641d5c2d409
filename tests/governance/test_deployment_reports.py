"""Is every true report of a deployment recorded, and does one that no gate allowed open a finding?"""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from audits.models import Finding
from governance.actions.deployments import report_deployment
from registry.actions.deployments import end_deployment
from registry.errors import DomainError
from registry.ledger.clock import database_now
from registry.ledger.replay import differences
from registry.models import Deployment, LineageEdge, ModelVersion
from tests import builders
from tests.governance.asking_the_gate import ask, said_no

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def sha_of(version):
    return version.model_artifact().artifact_id


def report(cast, version, *, place="production", sha256="", decision=None, **how):
    return report_deployment(
        version,
        environment=builders.an_environment(cast, place, **how),
        artifact_sha256=sha256 or sha_of(version),
        decision_id=decision,
        actor=cast.ci_bot,
    )


def test_an_allowed_deployment_is_recorded_and_opens_nothing(cast):
    request = builders.an_approved_promotion(cast)
    allowed = ask(cast, request.version)
    deployment, created, finding = report(cast, request.version, decision=allowed.pk)
    assert (created, deployment.gated, deployment.gate_decision, finding) == (True, True, allowed.pk, None)
    request.version.refresh_from_db()
    assert request.version.stage == "in_production"
    assert LineageEdge.objects.filter(relation="deployed_as", target_key="production").exists()
    again, created, finding = report(cast, request.version, decision=allowed.pk)
    assert (again, created, finding) == (deployment, False, None)
    assert ask(cast, request.version).outcome == "allow", "what runs may be asked about again"
    assert differences() == []


def no_decision(cast, version):
    return None


def denial(cast, version):
    return ask(cast, version).pk


def unknown_decision(cast, version):
    return uuid.uuid4()


@pytest.mark.parametrize("decision", [no_decision, denial, unknown_decision], ids=lambda one: one.__name__)
def test_a_deployment_without_an_allow_is_recorded_and_opens_a_finding(cast, decision):
    request = builders.an_open_promotion(cast)
    given = decision(cast, request.version)
    deployment, created, finding = report(cast, request.version, decision=given)
    assert (created, deployment.gated) == (True, False)
    assert (finding.kind, finding.severity, finding.blocking) == ("ungated-deployment", "critical", True)
    request.version.refresh_from_db()
    assert request.version.stage == "in_production", "because it is true"
    assert "FND-01" in said_no(ask(cast, request.version))
    _, created, again = report(cast, request.version, decision=given)
    assert (created, again, Finding.objects.count()) == (False, None, 1)


def test_an_allow_counts_for_its_bytes_its_place_its_version_and_its_minutes(cast, monkeypatch):
    request = builders.an_approved_promotion(cast)
    other = builders.a_version(cast, "2.0", model=request.model, data=b"the bytes of 2.0")
    allowed = ask(cast, request.version)
    elsewhere, *_ = report(cast, request.version, place="fraud", decision=allowed.pk)
    for_another, *_ = report(cast, other, decision=allowed.pk)
    assert (elsewhere.gated, for_another.gated) == (False, False)
    late = allowed.valid_until + timedelta(seconds=1)
    monkeypatch.setattr("governance.actions.deployments.database_now", lambda: late)
    after_its_time, _, finding = report(cast, request.version, decision=allowed.pk)
    assert (after_its_time.gated, finding.kind) == (False, "ungated-deployment")
    assert after_its_time.gate_decision == allowed.pk, "what was said is kept"


def test_other_bytes_than_registered_are_recorded_as_what_they_are(cast):
    request = builders.an_approved_promotion(cast)
    allowed = ask(cast, request.version)
    deployment, _, finding = report(cast, request.version, sha256="0" * 64, decision=allowed.pk)
    assert (deployment.artifact_sha256, deployment.gated) == ("0" * 64, False)
    assert (finding.kind, finding.severity) == ("hash-mismatch", "critical")


def test_bytes_that_change_while_it_runs_end_one_deployment_and_begin_another(cast):
    request = builders.an_approved_promotion(cast)
    allowed = ask(cast, request.version)
    first, *_ = report(cast, request.version, decision=allowed.pk)
    second, created, finding = report(cast, request.version, sha256="0" * 64)
    first.refresh_from_db()
    assert (created, first.ended_at is not None, second.ended_at) == (True, True, None)
    assert finding.kind == "hash-mismatch"
    assert differences() == []


def test_an_allow_that_comes_later_begins_a_covered_deployment(cast):
    request = builders.an_approved_promotion(cast)
    _, _, finding = report(cast, request.version)
    assert finding is not None
    Finding.objects.filter(pk=finding.pk).update(state="closed", resolved_by=cast.vera, resolved_at=database_now())
    allowed = ask(cast, request.version)
    second, created, finding = report(cast, request.version, decision=allowed.pk)
    assert (created, second.gated, finding) == (True, True, None)
    assert Deployment.objects.filter(ended_at__isnull=True).get() == second
    _, created, _ = report(cast, request.version)
    assert not created, "a report without an allow does not undo the one with it"


def test_an_ungated_place_needs_no_allow_but_the_right_bytes(cast):
    version = builders.a_version(cast)
    deployment, _, finding = report(cast, version, place="laboratory", gated=False)
    assert (deployment.gated, finding) == (False, None)
    version.refresh_from_db()
    assert version.stage == "registered"
    other = builders.a_version(cast, "2.0", model=version.model, data=b"2.0")
    _, _, finding = report(cast, other, place="laboratory", gated=False, sha256="0" * 64)
    assert finding.kind == "hash-mismatch"


@pytest.mark.parametrize("stage", ModelVersion._meta.get_field("stage").choices, ids=lambda choice: choice[0])
def test_no_stage_refuses_a_true_report(cast, stage):
    version = builders.a_version(cast)
    ModelVersion.objects.update(stage=stage[0])
    version.refresh_from_db()
    deployment, created, _ = report(cast, version)
    version.refresh_from_db()
    assert (created, deployment.gated, version.stage) == (True, False, "in_production")


def test_the_end_of_a_deployment_is_recorded_once(cast):
    request = builders.an_approved_promotion(cast)
    covered, *_ = report(cast, request.version, decision=ask(cast, request.version).pk)
    other = builders.a_version(cast, "2.0", model=request.model, data=b"the bytes of 2.0")
    uncovered, *_ = report(cast, other)
    for deployment, back in ((covered, "approved"), (uncovered, "registered")):
        ended = end_deployment(deployment, actor=cast.ci_bot).ended_at
        assert ended is not None
        assert end_deployment(deployment, actor=cast.ci_bot).ended_at == ended
        version = ModelVersion.objects.get(pk=deployment.version_id)
        assert version.stage == back
    assert differences() == []


@pytest.mark.parametrize("sha256", ["", "abc", "A" * 64, None])
def test_a_report_about_no_bytes_is_no_report(cast, sha256):
    version = builders.a_version(cast)
    with pytest.raises(DomainError, match="bad-digest"):
        report_deployment(
            version, environment=builders.an_environment(cast), artifact_sha256=sha256, decision_id=None,
            actor=cast.ci_bot,
        )  # fmt: skip
    assert not Deployment.objects.exists()


@pytest.mark.parametrize("name", ["otto", "adam"])
def test_who_only_reads_or_runs_the_system_reports_nothing(cast, name):
    version = builders.a_version(cast)
    with pytest.raises(DomainError, match="role-missing"):
        report_deployment(
            version, environment=builders.an_environment(cast), artifact_sha256=sha_of(version), decision_id=None,
            actor=getattr(cast, name),
        )  # fmt: skip
