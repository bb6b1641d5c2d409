"""What is so, right now? One read of the rows into the snapshot the gate decides on. ``then`` reads it of the past."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db.models import Q, prefetch_related_objects

from audits.actions.conclusion import evidence_digest_of
from audits.models import Finding, ValidationRun
from governance.actions.policies import policy_in_force
from governance.gate import contract as c
from governance.models import Approval, PolicyVersion, PromotionRequest, TierAssessment
from governance.plans import build_manifest, read_parts, rules_of
from governance.tier_rule import RULE_VERSION
from registry.ledger import anchors
from registry.ledger.proofs import latest_checkpoint
from registry.lifecycle import Stage
from registry.models import (
    Artifact,
    DatasetVersion,
    Divergence,
    Environment,
    ModelVersion,
    RoleGrant,
    VersionArtifact,
)

WITHOUT_WEIGHT = frozenset({"dossier", "gate_decision", "legal_hold"})
"""Kinds on which no answer rests when they belong to no model: reports on the portfolio, answers about unknown files."""


def gather_facts(asked: c.Asked, now: datetime) -> c.GateFacts:
    """Return everything a decision about these bytes and that place rests on. Reads only; lock the model first."""
    links = list(
        VersionArtifact.objects.select_related("version__model__owner").filter(
            artifact_id=asked.artifact_sha256, role=VersionArtifact.Role.MODEL
        )
    )
    environment = Environment.objects.filter(pk=asked.environment).first()
    version = links[0].version if len(links) == 1 else None
    if version is not None:
        read_parts(version)
    tier = version.model.tier_assessments.order_by("-assessed_at", "-id").first() if version else None
    policy = policy_in_force(tier=tier.tier, environment=environment.slug, at=now) if tier and environment else None
    request = _newest_request(version, environment)
    run = _newest_run(version, environment)
    return c.GateFacts(
        asked=asked,
        artifact=c.ArtifactFacts(asked.artifact_sha256, links[0].role, links[0].format, len(links)) if links else None,
        version=version_facts(version, environment, tier, policy) if version else None,
        environment=c.EnvironmentFacts(environment.slug, environment.gated) if environment else None,
        tier=c.TierFacts(tier.tier, tier.rule_version, tier.rule_version == RULE_VERSION) if tier else None,
        policy=c.PolicyFacts(policy.policy, policy.number, policy.digest, rules_of(policy)) if policy else None,
        request=_request(request) if request else None,
        validation=validation_facts(run, verified=_is_verified(run)) if run else None,
        findings=_findings(version, now) if version else (),
        approvals=_approvals(request, now) if request else (),
        lineage=lineage_facts(version),
        record=record_facts(version, at=now),
        ledger=_ledger(now, _divergences(version, environment)),
    )


def _newest_request(version: ModelVersion | None, environment: Environment | None) -> PromotionRequest | None:
    if version is None or environment is None:
        return None
    return (
        version.promotions.select_related("policy", "run")
        .filter(environment=environment)
        .order_by("-requested_at", "-id")
        .first()
    )


def _newest_run(version: ModelVersion | None, environment: Environment | None) -> ValidationRun | None:
    """Return the newest run under the rules of that place: another place has other rules, and its own runs."""
    if version is None or environment is None:
        return None
    return version.runs.originals().filter(plan__environment=environment.slug).order_by("-requested_at", "-id").first()


def version_facts(
    version: ModelVersion, environment: Environment | None, tier: TierAssessment | None, policy: PolicyVersion | None
) -> c.VersionFacts:
    """Return the facts of a version with the digest of what an approval of it covers under this tier and policy."""
    manifest = (
        build_manifest(version, policy=policy, tier=tier.tier, environment=environment.slug).digest
        if environment and tier and policy
        else ""
    )
    return c.VersionFacts(
        id=str(version.pk),
        model=version.model_id,
        version=version.version,
        stage=version.stage,
        retired=version.stage == Stage.RETIRED or version.model.retired_at is not None,
        manifest_digest=manifest,
        artifact_digests=frozenset(link.artifact_id for link in version.artifact_links.all()),
    )


def _request(request: PromotionRequest) -> c.RequestFacts:
    people = {hand.person_id for hand in request.version.contributions.all()}
    return request_facts(request, contributors=frozenset(map(str, people)))


def request_facts(request: PromotionRequest, *, contributors: frozenset[str]) -> c.RequestFacts:
    """Return the facts of a request whose version these people had a hand in."""
    concluded = request.run is not None and request.run.state == ValidationRun.State.CONCLUDED
    return c.RequestFacts(
        id=str(request.pk),
        state=request.state,
        version_id=str(request.version_id),
        environment=request.environment_id,
        opened_at=request.requested_at,
        requested_by=str(request.requested_by_id),
        requested_for=str(request.requested_for_id),
        manifest_digest=request.covers_digest,
        policy_digest=request.policy.digest,
        evidence_digest=request.run.evidence_digest if request.run and concluded else "",
        contributors=contributors,
    )


def validation_facts(run: ValidationRun, *, verified: bool) -> c.ValidationFacts:
    """Return the facts of a run; ``verified`` tells whether its stored results are what it concluded with."""
    artifact = run.plan["artifact"]
    results = run.results_in_order() if run.concluded_at is not None else ()
    return c.ValidationFacts(
        run_id=str(run.pk),
        state=run.state,
        outcome=run.outcome,
        concluded_at=run.concluded_at,
        evidence_digest=run.evidence_digest,
        evidence_verified=verified,
        artifact_sha256=artifact["sha256"] if artifact else "",
        dataset_digests=frozenset(used["digest"] for used in run.plan["datasets"].values()),
        plan_digest=run.plan_digest,
        policy_digest=run.plan["policy"]["digest"],
        results=tuple(
            c.ResultFacts(
                key=result.requirement_key,
                check=result.check_slug,
                status=result.status,  # type: ignore[arg-type]  # the column's choices are the literal's members
                severity=result.severity,  # type: ignore[arg-type]  # the plan's schema allows no other
                observed=result.observed,
                required=result.required,
                mend=result.mend,
            )
            for result in results
        ),
    )


def _is_verified(run: ValidationRun) -> bool:
    prefetch_related_objects([run], "results")
    return bool(run.evidence_digest) and evidence_digest_of(run) == run.evidence_digest


def _findings(version: ModelVersion, now: datetime) -> tuple[c.FindingFacts, ...]:
    """Open findings of the version and of its model as a whole; one whose acceptance has run out is open again."""
    mine = Q(version=version) | Q(version__isnull=True)
    covered = Q(state=Finding.State.CLOSED) | Q(state=Finding.State.ACCEPTED, accepted_until__gt=now)
    rows = version.model.findings.filter(mine).exclude(covered).order_by("opened_at", "id")
    return tuple(c.FindingFacts(str(row.pk), row.severity, row.title, row.blocking) for row in rows)


def _approvals(request: PromotionRequest, now: datetime) -> tuple[c.ApprovalFacts, ...]:
    rows = list(Approval.objects.select_related("approver").filter(request=request).order_by("decided_at", "id"))
    people = {row.approver_id for row in rows}
    roles: dict[object, set[str]] = {}
    for person, role in RoleGrant.objects.filter(person__in=people, ended_at__isnull=True).values_list(
        "person", "role"
    ):
        roles.setdefault(person, set()).add(role)
    contributors = {hand.person_id for hand in request.version.contributions.all()}
    return tuple(
        approval_facts(
            row,
            roles=frozenset(roles.get(row.approver_id, ())),
            contributed=row.approver_id in contributors,
            at=now,
        )
        for row in rows
    )


def approval_facts(row: Approval, *, roles: frozenset[str], contributed: bool, at: datetime) -> c.ApprovalFacts:
    """Return the facts of a decision by somebody who holds these roles at an instant, unless they are shut out or ended."""
    active = row.approver.may_act_at(at)
    return c.ApprovalFacts(
        id=str(row.pk),
        approver=str(row.approver_id),
        decision=row.decision,  # type: ignore[arg-type]  # the column's choices are the literal's members
        decided_at=row.decided_at,
        expires_at=row.expires_at,
        withdrawn=row.withdrawn_at is not None,
        manifest_digest=row.manifest_digest,
        evidence_digest=row.evidence_digest,
        approver_active=active,
        approver_is_person=row.approver.is_person,
        approver_roles=roles if active else frozenset(),
        approver_is_contributor=contributed,
    )


def lineage_facts(version: ModelVersion | None) -> c.LineageFacts:
    """Return the digests of the data that a version was registered with; they never change."""
    digests: dict[str, set[str]] = {}
    if version is not None:
        for used in version.dataset_links.all():
            digests.setdefault(used.role, set()).add(used.dataset_version.digest)
    return c.LineageFacts(
        training_digests=frozenset(digests.get("training", ())),
        evaluation_digests=frozenset(digests.get("evaluation", ())),
    )


def record_facts(version: ModelVersion | None, *, at: datetime) -> c.RecordFacts:
    """Return how complete the inventory entry of a version's model is at an instant."""
    owner = version.model.owner if version else None
    return c.RecordFacts(
        owner_named=owner is not None,
        owner_active=owner is not None and owner.may_act_at(at),
        intended_use_stated=bool(version and version.model.intended_use.strip()),
    )


def _divergences(version: ModelVersion | None, environment: Environment | None) -> tuple[c.DivergenceFacts, ...]:
    """Open divergences of the model and of what every model rests on; another model, place or file does not matter."""
    if version is None:
        return ()
    return tuple(
        c.DivergenceFacts(str(row.pk), row.subject_kind, row.subject_key, tuple(row.fields))
        for row in Divergence.objects.filter(resolved_at__isnull=True).order_by("found_at", "id")
        if matters(row, version, environment)
    )


def matters(row: Divergence, version: ModelVersion, environment: Environment | None) -> bool:
    """Tell whether an answer about this version and place rests on the subject of a divergence."""
    if row.concerns:
        return version.model_id in row.concerns
    if row.subject_kind == Environment.ledger_kind:
        return environment is None or row.subject_key == environment.slug
    if row.subject_kind == Artifact.ledger_kind:
        links, data = version.artifact_links, version.dataset_links
        return (
            links.filter(artifact=row.subject_key).exists()
            or data.filter(dataset_version__artifact=row.subject_key).exists()
        )
    if row.subject_kind == DatasetVersion.ledger_kind:
        used = version.dataset_links.select_related("dataset_version")
        return row.subject_key in {link.dataset_version.ledger_key() for link in used}
    return row.subject_kind not in WITHOUT_WEIGHT


def _ledger(now: datetime, divergences: tuple[c.DivergenceFacts, ...]) -> c.LedgerFacts:
    health = anchors.health()
    newest = latest_checkpoint()
    sound = health.healthy or health.code == anchors.MISSING
    return c.LedgerFacts(
        anchor_healthy=sound,
        fault="" if sound else health.reason,
        checkpoint_age_seconds=max(0, int((now - newest.instant).total_seconds())) if newest else None,
        anchors=tuple(c.AnchorFacts(one.kind, one.waiting_seconds, one.fault) for one in health.coverage),
        needed=health.needed,
        limit_seconds=settings.LEDGER_ANCHOR_GRACE_SECONDS,
        divergences=divergences,
    )
