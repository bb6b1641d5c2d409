"""What did the rows say at an instant? The ledger's states for what can change, the rows for what cannot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from audits.models import CheckResult, ValidationRun
from registry.errors import DomainError
from registry.ledger.replay import as_of as event_as_of
from registry.ledger.subject import LedgerSubject
from registry.models import ModelVersion, User

State = Mapping[str, Any]


def instant_text(value: datetime | None) -> str:
    """Return an instant in UTC to the second, as it is printed; empty for none."""
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if value else ""


def instant_iso(value: datetime) -> str:
    """Return an instant in UTC to the microsecond as ISO 8601, to be read back."""
    return value.astimezone(UTC).isoformat(timespec="microseconds")


def state_at(row: LedgerSubject, as_of: datetime) -> State | None:
    """Return the governed state of ``row`` as of an instant, from the ledger; None if it was not there yet."""
    event = event_as_of(row.ledger_kind, row.ledger_key(), as_of)
    return event.state if event else None


def states_at(rows: Iterable[LedgerSubject], as_of: datetime) -> list[State]:
    """Return the states of ``rows`` as of an instant, in their order, without those that were not there yet."""
    return [state for row in rows if (state := state_at(row, as_of)) is not None]


def names_of(ids: Iterable[object]) -> dict[str, str]:
    """Return the names of people and service accounts by id; names live in the tables, never in the ledger."""
    wanted = {str(one) for one in ids if one}
    return {str(user.pk): str(user) for user in User.objects.filter(pk__in=wanted)}


def latest_run(version: ModelVersion, as_of: datetime) -> ValidationRun | None:
    """Return the last validation run that was over at ``as_of``."""
    over = version.runs.originals().filter(concluded_at__isnull=False, concluded_at__lte=as_of)
    return over.order_by("-concluded_at", "-id").first()


def run_facts(run: ValidationRun) -> dict[str, Any]:
    """Return what a concluded run says of itself."""
    return {
        "id": str(run.pk),
        "state": run.state,
        "outcome": run.outcome,
        "reason": run.reason,
        "requested_at": instant_text(run.requested_at),
        "concluded_at": instant_text(run.concluded_at),
        "plan_digest": run.plan_digest,
        "evidence_digest": run.evidence_digest,
        "manifest": run.manifest,
        "failure": run.failure,
    }


def result_facts(result: CheckResult) -> dict[str, Any]:
    """Return a check result with its measurement, or with the reason why its evidence cannot be read any more."""
    try:
        measurement, unreadable = result.measurement, ""
    except DomainError as error:
        measurement, unreadable = None, str(error)
    return {
        "key": result.requirement_key,
        "check": result.check_slug,
        "severity": result.severity,
        "status": result.status,
        "observed": result.observed,
        "required": result.required,
        "reason": result.reason,
        "mend": result.mend,
        "requirement": result.requirement,
        "measurement": measurement,
        "unreadable": unreadable,
        "evidence": result.evidence_sha256,
    }


def family_of(check: str) -> str:
    """Return the family of a check: the part of its slug before the first dot."""
    return check.split(".", 1)[0]


def validation_facts(
    version: ModelVersion, as_of: datetime, *, only: frozenset[str] | None, but: frozenset[str]
) -> Any:
    """Return the latest run with the results of some families of checks: those in ``only``, or all but ``but``.

    ``{}`` when no run was over at the instant.
    """
    run = latest_run(version, as_of)
    if run is None:
        return {}
    kept = [
        result_facts(result)
        for result in run.results.order_by("position")
        if (family_of(result.check_slug) in only if only is not None else family_of(result.check_slug) not in but)
    ]
    return {"run": run_facts(run), "results": kept, "subjects": [["run", str(run.pk)]]}
