"""Which facts satisfy the gate, and how is one of them changed? Built by hand, for tests of pure functions."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from governance.gate import contract as c
from governance.gate import rules as r

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SHA = "a" * 64
OTHER = "b" * 64
MANIFEST, EVIDENCE, POLICY = "1" * 64, "2" * 64, "3" * 64
TRAINING, EVALUATION = "4" * 64, "5" * 64
ADA, OLGA, VERA, RAVI, PIA, CI_BOT = "ada", "olga", "vera", "ravi", "pia", "ci-bot"


def some_rules(**changes: Any) -> r.PolicyRules:
    """Return a small policy: two blocking requirements and an advisory one, two approvers, one of the second line."""
    made = r.PolicyRules(
        slug="consumer-credit",
        title="Consumer credit",
        edition="2026-11",
        effective_from=date(2026, 11, 1),
        applies_to=r.AppliesTo(tiers=(1, 2), environments=("production",)),
        requirements=(
            requirement("auc", "performance.roc_auc", "blocking"),
            requirement("ratio", "fairness.selection_rate_ratio", "blocking"),
            requirement("psi", "drift.psi_score", "advisory"),
        ),
        approvals=r.ApprovalRules(
            quorum=2,
            roles=("approver", "risk_manager"),
            valid_days=90,
            second_line_required=True,
            second_line_roles=("risk_manager",),
        ),
        evidence=r.EvidenceRules(max_age_days=180),
        artifact_formats=("skops", "onnx"),
    )
    return replace(made, **changes)


def requirement(key: str, check: str, severity: Any) -> r.RequirementRule:
    """Return one requirement."""
    return r.RequirementRule(key, check, ">=", 0.7, severity, "PRA SS1/23 P4.1", "Train it better.")


def result(key: str, check: str, severity: Any, status: Any = "met") -> c.ResultFacts:
    """Return one check result."""
    return c.ResultFacts(key, check, status, severity, "0.71, n = 812", "at least 0.7", "Train it better.")


def approval(person: str, *roles: str, **changes: Any) -> c.ApprovalFacts:
    """Return an approval that counts."""
    made = c.ApprovalFacts(
        id=f"approval-of-{person}",
        approver=person,
        decision="approve",
        decided_at=NOW - timedelta(hours=1),
        expires_at=NOW + timedelta(days=30),
        withdrawn=False,
        manifest_digest=MANIFEST,
        evidence_digest=EVIDENCE,
        approver_active=True,
        approver_is_person=True,
        approver_roles=frozenset(roles),
        approver_is_contributor=False,
    )
    return replace(made, **changes)


def satisfied(rules: r.PolicyRules | None = None) -> c.GateFacts:
    """Return facts for which the answer is yes."""
    return c.GateFacts(
        asked=c.Asked("production", SHA, "nonce-0001"),
        artifact=c.ArtifactFacts(SHA, "model", "skops", 1),
        version=c.VersionFacts("v1", "credit", "1.1", "pending_approval", False, MANIFEST, frozenset({SHA, OTHER})),
        environment=c.EnvironmentFacts("production", True),
        tier=c.TierFacts(2, "2026-11", True),
        policy=c.PolicyFacts("consumer-credit", 3, POLICY, rules or some_rules()),
        request=c.RequestFacts(
            id="request-1",
            state="open",
            version_id="v1",
            environment="production",
            opened_at=NOW - timedelta(days=1),
            requested_by=CI_BOT,
            requested_for=ADA,
            manifest_digest=MANIFEST,
            policy_digest=POLICY,
            evidence_digest=EVIDENCE,
            contributors=frozenset({ADA, CI_BOT, VERA}),
        ),
        validation=c.ValidationFacts(
            run_id="run-1",
            state="concluded",
            outcome="passed",
            concluded_at=NOW - timedelta(hours=2),
            evidence_digest=EVIDENCE,
            evidence_verified=True,
            artifact_sha256=SHA,
            dataset_digests=frozenset({TRAINING, EVALUATION}),
            plan_digest="6" * 64,
            policy_digest=POLICY,
            results=(
                result("auc", "performance.roc_auc", "blocking"),
                result("ratio", "fairness.selection_rate_ratio", "blocking"),
                result("psi", "drift.psi_score", "advisory"),
            ),
        ),
        findings=(c.FindingFacts("finding-1", "low", "PSI of a feature is high", False),),
        approvals=(approval(PIA, "approver"), approval(RAVI, "risk_manager")),
        lineage=c.LineageFacts(frozenset({TRAINING}), frozenset({EVALUATION})),
        record=c.RecordFacts(True, True, True),
        ledger=c.LedgerFacts(
            True, "", 60, (c.AnchorFacts("file", 0, ""), c.AnchorFacts("rfc3161", 60, "")), 2, 3600, ()
        ),
    )


def change(facts: Any, path: str, value: Any) -> Any:
    """Return ``facts`` with the member at ``path`` (``validation.results.0.status``) set to ``value``."""
    head, _dot, rest = path.partition(".")
    if isinstance(facts, tuple):
        items = list(facts)
        items[int(head)] = change(items[int(head)], rest, value) if rest else value
        return tuple(items)
    if not is_dataclass(facts) or isinstance(facts, type) or head not in {field.name for field in fields(facts)}:
        raise KeyError(path)
    return replace(facts, **{head: change(getattr(facts, head), rest, value) if rest else value})
