"""Does the evidence of a run stay what was concluded, and is it noticed when somebody changes it?"""

from __future__ import annotations

import json

import pytest
from django.db import connection

from audits.actions.conclusion import JudgedRequirement, evidence_digest_of
from audits.actions.evidence import read_evidence, store_evidence
from audits.actions.steps import claim, finish
from audits.models import CheckResult, Evidence, ValidationRun
from audits.runs.execute import execute
from governance.actions.approvals import approve
from governance.actions.promotions import open_promotion
from registry.digests import sha256_hex
from registry.errors import DomainError
from registry.ledger.clock import database_now
from registry.storage import artifacts
from tests import builders
from tests.audits.predictions import a_scored_version, ask_for
from tests.cast import in_session_of
from tests.governance.asking_the_gate import ask, said_no
from tests.governance.judging import concluded, judged

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

TAMPERINGS = {
    "status": "UPDATE audits_checkresult SET status = 'insufficient' WHERE requirement_key = 'ece'",
    "observed": "UPDATE audits_checkresult SET observed = '0.99' WHERE requirement_key = 'auc'",
    "required": "UPDATE audits_checkresult SET required = 'at least 0.1'",
    "reason": "UPDATE audits_checkresult SET reason = 'All is well.'",
    "mend": "UPDATE audits_checkresult SET mend = 'Nothing.'",
    "evidence": "UPDATE audits_checkresult SET evidence_sha256 = '" + "0" * 64 + "' WHERE requirement_key = 'auc'",
    "severity": "UPDATE audits_checkresult SET severity = 'advisory' WHERE requirement_key = 'auc'",
    "check": "UPDATE audits_checkresult SET check_slug = 'drift.psi_score' WHERE requirement_key = 'ece'",
    "order": "UPDATE audits_checkresult SET position = 7 WHERE requirement_key = 'auc'",
    "a result less": "DELETE FROM audits_checkresult WHERE requirement_key = 'ece'",
    "outcome": "UPDATE audits_validationrun SET outcome = 'insufficient'",
    "plan": "UPDATE audits_validationrun SET plan = '{other}'",
    "manifest": "UPDATE audits_validationrun SET manifest = '{}'",
    "failure": "UPDATE audits_validationrun SET failure = '{}'",
    "date": "UPDATE audits_validationrun SET concluded_at = '2027-01-01 00:00:00+00:00'",
}


@pytest.mark.parametrize("what", sorted(TAMPERINGS))
def test_a_change_behind_the_back_of_the_actions_denies(cast, what):
    request = builders.an_approved_promotion(cast)
    assert ask(cast, request.version).outcome == "allow"
    plan = json.dumps(request.run.plan | {"seed": 1}).replace("'", "''")
    with connection.cursor() as cursor:
        cursor.execute(TAMPERINGS[what].replace("{other}", plan))
    assert "have changed" in said_no(ask(cast, request.version))["EVD-01"]
    with in_session_of(cast.vera), pytest.raises(DomainError, match="evidence-altered"):
        approve(request, actor=cast.vera, statement="Yes.", evidence_digest=request.run.evidence_digest)
    fresh, created = open_promotion(request.version, environment=request.environment, actor=cast.ci_bot)
    assert (created, fresh.run.state) == (True, "queued"), "asking again measures anew"


def test_a_failed_result_turned_into_a_pass_does_not_pass(cast):
    request = builders.an_open_promotion(cast, passed=False)
    CheckResult.objects.update(status="met")
    ValidationRun.objects.update(outcome="passed")
    with pytest.raises(DomainError, match="evidence-altered"):
        builders.an_approval(request, cast.ravi)
    assert {"EVD-01", "SOD-03"} <= set(said_no(ask(cast, request.version)))


def test_the_digest_is_of_what_the_rows_say(cast):
    run = execute(str(ask_for(cast, a_scored_version(cast)).run_id), worker="test")
    read_back = ValidationRun.objects.get(pk=run.pk)
    assert evidence_digest_of(read_back) == read_back.evidence_digest == run.evidence_digest
    assert read_back.manifest["plan_digest"] == run.plan_digest
    other = execute(str(ask_for(cast, a_scored_version(cast, "2.0", model=run.version.model)).run_id), worker="test")
    assert other.evidence_digest != run.evidence_digest


def test_numbers_that_a_database_writes_otherwise_keep_the_digest(cast):
    run = builders.an_open_promotion(cast, concluded=False).run
    manifest = {"large": 1e22, "small": 1e-9, "zero": -0.0, "whole": 3.0, "text": "é\u2028<b>"}
    concluded(run, judged(run), manifest=manifest)
    run = ValidationRun.objects.get(pk=run.pk)
    assert evidence_digest_of(run) == run.evidence_digest


def test_evidence_is_read_as_it_was_stored_or_not_at_all(cast, alter):
    run = execute(str(ask_for(cast, a_scored_version(cast)).run_id), worker="test")
    result = run.results.get(requirement_key="auc")
    assert 0.5 < result.measurement["value"] <= 1
    stored = json.loads(read_evidence(result.evidence_sha256))
    assert stored["requirement"]["key"] == "auc"
    path = artifacts().path(result.evidence_sha256)
    alter(path, path.read_bytes().replace(b'"value":', b'"value": '))
    result = CheckResult.objects.get(pk=result.pk)
    with pytest.raises(DomainError, match="bytes-altered"):
        _ = result.measurement
    path.unlink()
    with pytest.raises(DomainError, match="bytes-missing"):
        read_evidence(result.evidence_sha256)


def test_the_same_evidence_again_is_the_same_row(cast):
    first = store_evidence(b"{}", kind="run", media_type="application/json")
    assert store_evidence(b"{}", kind="run", media_type="application/json") == first
    assert (first.sha256, first.size) == (sha256_hex(b"{}"), 2)
    assert Evidence.objects.count() == 1


def test_altered_evidence_is_not_covered_up_by_making_it_again(cast, caplog, alter):
    row = store_evidence(b"{}", kind="run", media_type="application/json")
    path = artifacts().path(row.sha256)
    alter(path, b"[]")
    with pytest.raises(DomainError, match="bytes-altered"):
        store_evidence(b"{}", kind="run", media_type="application/json")
    assert path.read_bytes() == b"[]"
    assert "was altered; it is not replaced" in caplog.text
    path.rename(path.with_suffix(".kept"))
    assert store_evidence(b"{}", kind="run", media_type="application/json") == row
    assert read_evidence(row.sha256) == b"{}"
    assert "was missing; it is stored again" in caplog.text


def test_a_run_answers_every_requirement_once_or_does_not_conclude(cast):
    run = builders.an_open_promotion(cast, concluded=False).run
    finish(claim(str(run.pk), worker="w"))
    lease = claim(str(run.pk), worker="w")
    assert lease.scope == {"requirements": ["auc", "ece"]}
    results = judged(run)
    for wrong in ([], results[:1], [*results, results[0]], results[::-1]):
        with pytest.raises(DomainError, match="results-incomplete"):
            finish(lease, results=wrong)
    assert not CheckResult.objects.exists()
    run.refresh_from_db()
    assert run.state == "running"


STATUSES = {
    ("met", "met"): "passed",
    ("met", "not_met"): "passed",
    ("met", "insufficient"): "passed",
    ("met", "error"): "error",
    ("not_met", "met"): "failed",
    ("not_met", "insufficient"): "failed",
    ("not_met", "error"): "error",
    ("insufficient", "met"): "insufficient",
    ("insufficient", "not_met"): "insufficient",
    ("error", "met"): "error",
    ("error", "error"): "error",
}


@pytest.mark.parametrize(("statuses", "outcome"), STATUSES.items(), ids=map(str, STATUSES))
def test_the_outcome_follows_from_the_results(cast, statuses, outcome):
    request = builders.an_open_promotion(cast, concluded=False)
    blocking, advisory = statuses
    run = concluded(request.run, judged(request.run, auc=blocking, ece=advisory))
    assert run.outcome == outcome
    request.version.refresh_from_db()
    assert request.version.stage == ("validated" if outcome == "passed" else "validation_failed")
    expected = {"auc": blocking != "met", "ece": advisory in {"not_met", "error"}}
    found = {key: run.findings.filter(source_key=f"requirement:{key}").exists() for key in expected}
    assert found == expected
    assert "SOD-03" in said_no(ask(cast, request.version))


def test_words_that_cannot_be_kept_do_not_lose_the_result(cast):
    request = builders.an_open_promotion(cast, concluded=False)
    results = [
        JudgedRequirement(
            requirement=one.requirement, status="not_met", observed="a\0\u202e" + "x" * 500, required="\ud800",
            reason="r\n" * 900, mend="", evidence_sha256=one.evidence_sha256,
        )
        for one in judged(request.run)
    ]  # fmt: skip
    run = concluded(request.run, results)
    assert (run.outcome, run.results.count(), run.findings.count()) == ("failed", 2, 2)
    assert database_now() > run.concluded_at
