"""From registration to a signed allow and a dossier that proves itself: does the main job work with a real worker?"""

from __future__ import annotations

import io
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
import skops.io
from django.conf import settings
from pypdf import PdfReader
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from audits.actions.dossiers import render_again, request_dossier, request_register_report
from audits.actions.evidence import read_evidence
from audits.models import Dossier, Finding, ValidationRun
from governance.actions.approvals import approve
from governance.actions.datasets import admit_dataset_version
from governance.actions.deployments import report_deployment
from governance.actions.gates import decide_gate
from governance.actions.promotions import open_promotion
from governance.actions.versions import admit_version
from governance.gate.attestation import verify
from registry.actions.versions import Origin
from registry.errors import DomainError
from registry.ledger import keys
from registry.ledger.clock import database_now
from registry.ledger.event import read
from registry.ledger.models import LedgerEvent
from registry.ledger.verify import verify_all
from registry.models import ModelVersion
from tests import builders
from tests.cast import in_session_of, make_cast
from tests.journeys.waiting import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.worker, pytest.mark.postgres]

FEATURES = ["income", "debt"]
POLICY = """
slug: journey
title: Credit decisions in production
edition: "1"
effective_from: 2020-01-01
applies_to: {tiers: [1, 2, 3], environments: [production]}
requirements:
  - {key: auc, check: performance.roc_auc, op: ">=", limit: 0.8, severity: blocking, clause: test, mend: Train it better.}
  - {key: psi, check: drift.psi_score, op: "<=", limit: 0.5, severity: advisory, clause: test, mend: Look at the data.}
approvals: {quorum: 2, roles: [risk_manager, approver], valid_days: 90}
evidence: {max_age_days: 90}
lineage: {training_required: true, evaluation_required: true}
artifact_formats: [skops]
"""


def a_table(rows: int, seed: int) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame({"income": draw.normal(size=rows), "debt": draw.normal(size=rows)})
    frame["defaulted"] = (frame.debt - frame.income + draw.normal(scale=0.6, size=rows) > 0).astype(int)
    return frame


def a_model_file(frame: pd.DataFrame, target: np.ndarray) -> bytes:
    return skops.io.dumps(make_pipeline(StandardScaler(), LogisticRegression()).fit(frame[FEATURES], target))


def concluded(run: ValidationRun) -> ValidationRun:
    ended = ValidationRun.objects.filter(pk=run.pk, concluded_at__isnull=False)
    return until(ended.first, what=f"the conclusion of run {run.pk}")


class Pipeline:
    """What the data scientists' pipeline does, as ci-bot."""

    def __init__(self, cast):
        self.cast = cast
        self.model = builders.a_model(cast)
        self.place = builders.an_environment(cast)
        builders.a_tier(cast, self.model)
        builders.a_policy(cast, text=POLICY)
        builders.a_dataset(cast)
        self.training = a_table(400, 1)
        for split, frame in (("training", self.training), ("evaluation", a_table(300, 2))):
            self.admit_table(split, frame)

    def admit_table(self, split, frame):
        artifact = builders.an_artifact(self.cast, frame.to_csv(index=False).encode())
        admit_dataset_version(
            builders.a_dataset(self.cast),
            version=split,
            artifact_sha256=artifact.sha256,
            format="csv",
            roles={"target": "defaulted", "features": FEATURES},
            split=split,
            actor=self.cast.ci_bot,
        )

    def register(self, version, data):
        sha256 = builders.an_artifact(self.cast, data).sha256
        made, run, created = admit_version(
            self.model,
            version=version,
            artifacts=[{"sha256": sha256, "role": "model", "format": "skops"}],
            datasets=[
                {"dataset": "loans", "version": "training", "role": "training"},
                {"dataset": "loans", "version": "evaluation", "role": "evaluation"},
            ],
            scoring={"threshold": 0.5},
            origin=Origin(change_summary=f"Version {version}.", seed=1),
            contributors=[{"person": "ada", "kind": "trained"}],
            actor=self.cast.ci_bot,
        )
        assert created
        return made, run

    def ask_for(self, version):
        request, _ = open_promotion(version, environment=self.place, actor=self.cast.ci_bot)
        return request, concluded(request.run)

    def gate(self, sha256, nonce):
        return decide_gate(artifact_sha256=sha256, environment="production", nonce=nonce, actor=self.cast.ci_bot)

    def deployed(self, version, sha256, decision):
        return report_deployment(
            version, environment=self.place, artifact_sha256=sha256, decision_id=decision, actor=self.cast.ci_bot
        )


def controls(decision):
    return {reason["control"] for reason in decision.reasons}


def test_the_main_job_from_registration_to_a_proven_dossier(worker):
    cast = make_cast()
    pipeline = Pipeline(cast)

    bad = a_model_file(pipeline.training, 1 - pipeline.training.defaulted.to_numpy())  # somebody took 1 for "repaid"
    first, run = pipeline.register("1.0", bad)
    assert concluded(run).outcome == "failed"
    result = ValidationRun.objects.get(pk=run.pk).results.get(requirement_key="auc")
    assert result.status == "not_met"
    assert result.measurement["value"] < 0.8, "a real measurement"
    assert Finding.objects.get(version=first, source_key="requirement:auc").blocking
    request, run = pipeline.ask_for(first)
    sha_of_first = first.model_artifact().artifact_id
    denied = pipeline.gate(sha_of_first, "nonce-first")
    assert denied.outcome == "deny"
    assert {"VAL-03", "FND-01", "SOD-03"} <= controls(denied)
    reason = next(reason for reason in denied.reasons if reason["item"] == "auc")
    assert (reason["required"], reason["mend"]) == ("at least 0.8", "Train it better.")

    good = a_model_file(pipeline.training, pipeline.training.defaulted.to_numpy())
    second, run = pipeline.register("2.0", good)
    assert concluded(run).outcome == "passed"
    request, run = pipeline.ask_for(second)
    until(lambda: ModelVersion.objects.filter(pk=second.pk, stage="pending_approval").exists(), what="the follow-up")
    assert run.manifest["sandbox"]["rung"]
    sha_of_second = second.model_artifact().artifact_id
    waiting = pipeline.gate(sha_of_second, "nonce-second-1")
    assert (waiting.outcome, controls(waiting)) == ("deny", {"SOD-03"})

    for person, code in ((cast.ada, "self-approval"), (cast.olga, "role-missing"), (cast.otto, "role-missing")):
        with in_session_of(person), pytest.raises(DomainError, match=code):
            approve(request, actor=person, statement="It is mine.", evidence_digest=run.evidence_digest)
    for person in (cast.ravi, cast.pia):
        with in_session_of(person):
            approve(request, actor=person, statement="The numbers hold.", evidence_digest=run.evidence_digest)
    allowed = pipeline.gate(sha_of_second, "nonce-second-2")
    assert (allowed.outcome, allowed.reasons) == ("allow", [])
    public = keys.load(settings.ATTESTATION_KEY_FILE).public_key()
    question = {"key": public, "artifact_sha256": sha_of_second, "environment": "production", "now": database_now()}
    assert verify(allowed.attestation, nonce="nonce-second-2", **question).decision == str(allowed.pk)
    later = database_now() + timedelta(hours=1)
    for wrong in ({"environment": "staging"}, {"artifact_sha256": sha_of_first}, {"now": later}):
        with pytest.raises(DomainError, match="attestation-"):
            verify(allowed.attestation, **question | wrong)

    deployment, created, finding = pipeline.deployed(second, sha_of_second, allowed.pk)
    assert (deployment.gated, created, finding) == (True, True, None)
    deployment, created, finding = pipeline.deployed(first, sha_of_first, denied.pk)
    assert (deployment.gated, created, finding.kind) == (False, True, "ungated-deployment")

    dossier, _ = request_dossier(second, actor=cast.otto)
    dossier = until(Dossier.objects.filter(pk=dossier.pk).exclude(state="queued").first, what="the dossier")
    assert (dossier.state, dossier.failure) == ("issued", None)
    pdf = read_evidence(dossier.pdf_sha256)
    assert pdf.startswith(render_again(dossier)), "the same facts give the same bytes, the signature follows"
    board, _ = request_register_report(actor=cast.ravi)
    board = until(Dossier.objects.filter(pk=board.pk).exclude(state="queued").first, what="the portfolio report")
    assert (board.state, board.failure, board.version) == ("issued", None, None)
    assert read_evidence(board.pdf_sha256).startswith(render_again(board))
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)
    assert sha_of_second[:16] in text.replace("\n", "")
    assert "The numbers hold." in text

    report = verify_all()
    assert report.verified, report
    told = [(event.actor_kind, event.authentication, event.action) for event in map(read, bodies())]
    assert told.count(("person", "session", "approval.approve")) == 2
    assert ("service", "task", "validation.concluded") in told
    assert ("person", "task", "dossier.issued") in told


def bodies():
    return [bytes(row.body) for row in LedgerEvent.objects.order_by("id")]
