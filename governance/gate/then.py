"""What was so at an instant that has passed? The snapshot the gate decides on, from the ledger and not from the rows.

Only what never changes is read from the tables: which bytes and data a version has, the text of a policy and of a plan
where it is the one whose digest the ledger holds, and the results of a run that had concluded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings

from audits.actions.conclusion import evidence_digest_of
from audits.models import Finding, ValidationRun
from governance.actions.policies import applying
from governance.gate import contract as c
from governance.gate import facts as now
from governance.in_force import newest_last
from governance.models import Approval, PolicyVersion, PromotionRequest, TierAssessment
from governance.plans import rules_of
from governance.tier_rule import RULE_VERSION
from registry.ledger import anchors
from registry.ledger.anchored import anchored_at
from registry.ledger.past import Past, key_of, said
from registry.models import Contribution, Divergence, Environment, ModelVersion, RoleGrant, User, VersionArtifact


def gather_facts_then(asked: c.Asked, past: Past) -> c.GateFacts:
    """Return everything that a decision at the instant of ``past`` would have rested on."""
    links = list(
        VersionArtifact.objects.select_related("version").filter(
            artifact_id=asked.artifact_sha256, role=VersionArtifact.Role.MODEL
        )
    )
    known = [one for link in links if (one := past.row(ModelVersion, link.version.ledger_key())) is not None]
    version = known[0] if len(links) == len(known) == 1 else None
    environment = past.row(Environment, asked.environment)
    if version is not None:
        past.follow([version], "model")
        _with_standing(past, version.model, "owner")
    tier = _newest_tier(past, version)
    policy = _policy(past, tier, environment)
    hands = past.rows(Contribution, where={"version": [key_of(version)]}) if version else []
    contributors = frozenset(str(hand.person_id) for hand in hands)
    request = _newest_request(past, version, environment)
    run = _newest_run(past, version, environment)
    return c.GateFacts(
        asked=asked,
        artifact=c.ArtifactFacts(asked.artifact_sha256, links[0].role, links[0].format, len(known)) if known else None,
        version=now.version_facts(version, environment, tier, policy) if version else None,
        environment=c.EnvironmentFacts(environment.slug, environment.gated) if environment else None,
        tier=c.TierFacts(tier.tier, tier.rule_version, tier.rule_version == RULE_VERSION) if tier else None,
        policy=c.PolicyFacts(policy.policy, policy.number, policy.digest, rules_of(policy)) if policy else None,
        request=now.request_facts(request, contributors=contributors) if request else None,
        validation=now.validation_facts(run, verified=_is_verified(run)) if run else None,
        findings=_findings(past, version),
        approvals=_approvals(past, request, contributors),
        lineage=now.lineage_facts(version),
        record=now.record_facts(version, at=past.instant),
        ledger=_ledger(past, _divergences(past, version, environment)),
    )


def _with_standing(past: Past, row: Any, name: str) -> None:
    """Give a row the person it points to as that person stood then: active or not."""
    key = said(row)[name]
    setattr(row, name, past.row(User, str(key)) if key is not None else None)


def _newest_tier(past: Past, version: ModelVersion | None) -> TierAssessment | None:
    if version is None:
        return None
    found = newest_last(past.rows(TierAssessment, where={"model": [version.model_id]}), "assessed_at")
    return found[-1] if found else None


def _policy(past: Past, tier: TierAssessment | None, environment: Environment | None) -> PolicyVersion | None:
    if tier is None or environment is None:
        return None
    rows = [
        row
        for row in past.rows(PolicyVersion)
        if row.state == PolicyVersion.State.PUBLISHED
        and row.effective_from is not None
        and row.effective_from <= past.instant
    ]
    past.vouch(rows, body="digest")
    return applying(rows, tier=tier.tier, environment=environment.slug, at=past.instant)


def _newest_request(
    past: Past, version: ModelVersion | None, environment: Environment | None
) -> PromotionRequest | None:
    if version is None or environment is None:
        return None
    rows = past.rows(PromotionRequest, where={"version": [key_of(version)]})
    here = newest_last([row for row in rows if row.environment_id == environment.slug], "requested_at")
    if not here:
        return None
    past.follow(here[-1:], "policy", "run", "version")
    request: PromotionRequest = here[-1]
    return request


def _newest_run(past: Past, version: ModelVersion | None, environment: Environment | None) -> ValidationRun | None:
    if version is None or environment is None:
        return None
    rows = [row for row in past.rows(ValidationRun, where={"version": [key_of(version)]}) if row.reperforms_id is None]
    past.vouch(rows, plan="plan_digest")
    here = newest_last([row for row in rows if (row.plan or {}).get("environment") == environment.slug], "requested_at")
    return here[-1] if here else None


def _is_verified(run: ValidationRun) -> bool:
    """Tell whether the results that are stored are still those whose digest the ledger holds of that instant."""
    stored = ValidationRun.objects.filter(pk=run.pk).first()
    return bool(run.evidence_digest) and stored is not None and evidence_digest_of(stored) == run.evidence_digest


def _findings(past: Past, version: ModelVersion | None) -> tuple[c.FindingFacts, ...]:
    if version is None:
        return ()
    rows = newest_last(past.rows(Finding, where={"model": [version.model_id]}), "opened_at")
    return tuple(
        c.FindingFacts(str(row.pk), row.severity, row.title, row.blocking)
        for row in rows
        if said(row)["version"] in (None, key_of(version)) and not _is_covered(row, past)
    )


def _is_covered(row: Finding, past: Past) -> bool:
    until = row.accepted_until if row.state == Finding.State.ACCEPTED else None
    return row.state == Finding.State.CLOSED or (until is not None and until > past.instant)


def _approvals(
    past: Past, request: PromotionRequest | None, contributors: frozenset[str]
) -> tuple[c.ApprovalFacts, ...]:
    if request is None:
        return ()
    rows = newest_last(past.rows(Approval, where={"request": [key_of(request)]}), "decided_at")
    people = {str(row.approver_id) for row in rows}
    roles = _roles(past, sorted(people))
    for row in rows:
        _with_standing(past, row, "approver")
    return tuple(
        now.approval_facts(
            row,
            roles=frozenset(roles.get(str(row.approver_id), ())),
            contributed=str(row.approver_id) in contributors,
            at=past.instant,
        )
        for row in rows
    )


def _roles(past: Past, people: Sequence[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for grant in past.rows(RoleGrant, where={"person": people}) if people else []:
        if grant.ended_at is None:
            found.setdefault(str(grant.person_id), set()).add(grant.role)
    return found


def _divergences(
    past: Past, version: ModelVersion | None, environment: Environment | None
) -> tuple[c.DivergenceFacts, ...]:
    if version is None:
        return ()
    rows = newest_last([row for row in past.rows(Divergence) if row.resolved_at is None], "found_at")
    return tuple(
        c.DivergenceFacts(str(row.pk), row.subject_kind, row.subject_key, tuple(row.fields))
        for row in rows
        if now.matters(row, version, environment)
    )


def _ledger(past: Past, divergences: tuple[c.DivergenceFacts, ...]) -> c.LedgerFacts:
    """Return how well the ledger was anchored then. One that does not extend its anchors today proves no past either."""
    health = anchors.health()
    sound = health.healthy or health.code == anchors.MISSING
    then = anchored_at(past.instant)
    age = (past.instant - then.checkpoint_at).total_seconds() if then.checkpoint_at else None
    return c.LedgerFacts(
        anchor_healthy=sound,
        fault="" if sound else health.reason,
        checkpoint_age_seconds=None if age is None else max(0, int(age)),
        anchors=tuple(c.AnchorFacts(one.kind, one.waiting_seconds, one.fault) for one in then.coverage),
        needed=health.needed,
        limit_seconds=settings.LEDGER_ANCHOR_GRACE_SECONDS,
        divergences=divergences,
    )
