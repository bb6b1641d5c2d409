"""How is it recorded what really runs where? A true fact is never refused."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from django.db import transaction

from registry import texts
from registry.actions.inventory import inserted, require_role
from registry.actions.lineage import link
from registry.actions.versions import move_stage
from registry.errors import DomainError
from registry.ledger.append import append, declare_action
from registry.ledger.clock import database_now
from registry.lifecycle import Stage
from registry.models import Deployment, Environment, Model, ModelVersion, Role, User

declare_action("environment.registered", "A place to run was named.")
declare_action("environment.limits_set", "What a place to run can bear of an artifact was stated.")
declare_action("deployment.recorded", "A version was reported to run.")
declare_action("deployment.ended", "A version was reported to run no longer.")


@transaction.atomic
def register_environment(*, slug: str, name: str, gated: bool, actor: User) -> tuple[Environment, bool]:
    """Name a place a version can run; the same statement again is the same row."""
    require_role(actor, Role.RISK_MANAGER, Role.ADMINISTRATOR)
    key = texts.slug(slug, field="slug")
    row = Environment(slug=key, name=texts.line(name, field="name", limit=120), gated=gated)
    if inserted(row):
        append("environment.registered", row, actor=actor)
        return row, True
    known = Environment.objects.get(slug=key)
    if (known.name, known.gated) != (row.name, gated):
        raise DomainError("environment-differs", f"{key} is registered otherwise.", kind="conflict")
    return known, False


@transaction.atomic
def set_environment_limits(
    environment: Environment, *, limits: Mapping[str, object], actor: User
) -> tuple[Environment, bool]:
    """State what a place can bear of an artifact; a name left out has no limit. Returns the row and whether it changed.

    Names: ``artifact_bytes``, ``load_seconds``, ``peak_memory_bytes``, ``latency_seconds``. Raises ``bad-limits``.
    """
    require_role(actor, Role.RISK_MANAGER, Role.ADMINISTRATOR)
    stated = _limits(limits)
    row = Environment.objects.select_for_update().get(pk=environment.pk)
    if row.limits == stated:
        return row, False
    row.limits = stated
    row.save(update_fields=["limits"])
    append("environment.limits_set", row, actor=actor)
    return row, True


def _limits(limits: Mapping[str, object]) -> dict[str, float]:
    unknown = sorted(str(name)[:80] for name in set(limits) - set(Environment.LIMITS))
    if unknown:
        known = ", ".join(Environment.LIMITS)
        raise DomainError("bad-limits", f"{unknown[0]} is no limit; known are {known}.", field=unknown[0])
    return {name: _limit(name, value) for name, value in limits.items()}


def _limit(name: str, value: object) -> float:
    most, whole = Environment.LIMITS[name], name.endswith("_bytes")
    fits = isinstance(value, int) or (isinstance(value, float) and not whole)
    if isinstance(value, bool) or not isinstance(value, int | float) or not fits or not 0 < value <= most:
        kind = "whole number of bytes" if whole else "number of seconds"
        raise DomainError("bad-limits", f"{name} is a {kind} above 0 and at most {most:g}.", field=name)
    return value


@transaction.atomic
def record_deployment(
    version: ModelVersion,
    *,
    environment: Environment,
    artifact_sha256: str,
    gate_decision: uuid.UUID | None,
    gated: bool,
    actor: User,
) -> tuple[Deployment, bool]:
    """Record that a version runs in an environment; the same bytes running already are the same row.

    Other bytes, or an allow where none had been, end the row that runs and begin another: both are true. Into a gated
    place the version moves to in production, allowed or not, because it is true.
    """
    Model.objects.select_for_update().get(pk=version.model_id)
    running = Deployment.objects.filter(version=version, environment=environment, ended_at__isnull=True).first()
    if running is not None:
        if running.artifact_sha256 == artifact_sha256 and (running.gated or not gated):
            return running, False
        running.ended_at = database_now()
        running.save(update_fields=["ended_at"])
        append("deployment.ended", running, actor=actor, payload={"reason": "reported anew"})
    row = Deployment.objects.create(
        version=version, environment=environment, artifact_sha256=artifact_sha256, gate_decision=gate_decision,
        gated=gated, started_at=database_now(), reported_by=actor,
    )  # fmt: skip
    append("deployment.recorded", row, actor=actor)
    link(
        (version.ledger_kind, version.ledger_key()),
        "deployed_as",
        (environment.ledger_kind, environment.ledger_key()),
        actor=actor,
    )
    if environment.gated:
        move_stage(version, Stage.IN_PRODUCTION, actor=actor, reason="deployed")
    return row, True


@transaction.atomic
def end_deployment(deployment: Deployment, *, actor: User) -> Deployment:
    """Record that a deployment has ended; ended already is the same row.

    A version that runs in no gated place any more goes back to approved, or to registered if no gate had allowed it.
    """
    require_role(actor, Role.CI, Role.OWNER, Role.DEVELOPER, Role.RISK_MANAGER)
    Model.objects.select_for_update().get(pk=deployment.version.model_id)
    ended = Deployment.objects.filter(pk=deployment.pk, ended_at__isnull=True).update(ended_at=database_now())
    deployment.refresh_from_db()
    if ended == 1:
        append("deployment.ended", deployment, actor=actor)
        version = deployment.version
        still_runs = version.deployments.filter(ended_at__isnull=True, environment__gated=True).exists()
        if deployment.environment.gated and not still_runs and version.stage == Stage.IN_PRODUCTION:
            back = Stage.APPROVED if deployment.gated else Stage.REGISTERED
            move_stage(version, back, actor=actor, reason="deployment ended")
    return deployment
