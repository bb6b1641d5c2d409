"""Which addresses does the API have? The whole of it on one screen."""

from __future__ import annotations

from django.urls import path

from governance.api.schema import SchemaView
from governance.api.v1 import (
    anchors,
    artifacts,
    datasets,
    deployments,
    dossiers,
    environments,
    findings,
    gates,
    in_force,
    inventory,
    keys,
    ledger,
    lineage,
    policies,
    promotions,
    validations,
    versions,
)

VERSION = "models/<str:model>/versions/<str:version>/"

urlpatterns = [
    path("models/", inventory.ModelList.as_view()),
    path("models/<str:model>/", inventory.ModelDetail.as_view()),
    path("models/<str:model>/in-force/", in_force.ModelInForce.as_view()),
    path("models/<str:model>/versions/", versions.VersionList.as_view()),
    path(VERSION, versions.VersionDetail.as_view()),
    path(f"{VERSION}lineage/", lineage.VersionLineage.as_view()),
    path("artifacts/<str:sha256>", artifacts.ArtifactBytes.as_view()),
    path("datasets/", datasets.DatasetList.as_view()),
    path("datasets/<str:dataset>/versions/", datasets.DatasetVersionList.as_view()),
    path("lineage/", lineage.LineageEvents.as_view()),
    path("promotions/", promotions.PromotionList.as_view()),
    path("promotions/<uuid:promotion>/", promotions.PromotionDetail.as_view()),
    path("promotions/<uuid:promotion>/approvals/", promotions.PromotionDecisions.as_view()),
    path("promotions/<uuid:promotion>/withdraw/", promotions.PromotionWithdrawal.as_view()),
    path("approvals/<uuid:approval>/withdraw/", promotions.ApprovalWithdrawal.as_view()),
    path("validations/<uuid:validation>/", validations.ValidationDetail.as_view()),
    path("validations/<uuid:validation>/reperform/", validations.ValidationReperformance.as_view()),
    path("gate/decisions/", gates.GateDecisions.as_view()),
    path("gate/decisions/<uuid:decision>/", gates.GateDecisionDetail.as_view()),
    path("policies/", policies.PolicyList.as_view()),
    path("policies/<str:policy>/<int:number>/", policies.PolicyDetail.as_view()),
    path("environments/", environments.EnvironmentList.as_view()),
    path("environments/<str:environment>/limits/", environments.EnvironmentLimits.as_view()),
    path("deployments/", deployments.DeploymentList.as_view()),
    path("deployments/<uuid:deployment>/end/", deployments.DeploymentEnd.as_view()),
    path("findings/", findings.FindingList.as_view()),
    path("findings/<uuid:finding>/close/", findings.FindingClosure.as_view()),
    path("findings/<uuid:finding>/accept/", findings.FindingAcceptance.as_view()),
    path("dossiers/", dossiers.DossierList.as_view()),
    path("dossiers/<uuid:dossier>/", dossiers.DossierDetail.as_view()),
    path("dossiers/<uuid:dossier>/pdf", dossiers.DossierPdf.as_view()),
    path("dossiers/<uuid:dossier>/bundle", dossiers.DossierBundle.as_view()),
    path("ledger/checkpoint/", ledger.Checkpoint.as_view()),
    path("ledger/entries/", ledger.Entries.as_view()),
    path("ledger/proofs/", ledger.Proofs.as_view()),
    path("ledger/anchors/", anchors.AnchorReceipts.as_view()),
    path("ledger/standing/", anchors.Standing.as_view()),
    path("ledger/rollback/", anchors.Rollbacks.as_view()),
    path("ledger/rollback/confirm/", anchors.RollbackConfirmation.as_view()),
    path("keys/", keys.Keys.as_view()),
    path("schema/", SchemaView.as_view()),
]
