"""What does a re-performance say of the run it re-performs? The difference, stored as evidence and noted in the ledger."""

from __future__ import annotations

import json
from typing import Any

from audits.actions.evidence import read_evidence, store_json
from audits.models import CheckResult, Evidence, ValidationRun
from audits.runs.differences import Measured, difference
from registry.errors import DomainError
from registry.ledger.append import append, declare_action

declare_action(
    "validation.reperformed", "A run was re-performed, and its numbers were held against those of the re-performance."
)


def compare_with_original(run: ValidationRun) -> dict[str, Any]:
    """Hold the results of a run that just ended against those of the run it re-performs; return what came of it.

    Called while the run ends, under its lock and in its transaction. The whole difference is evidence; what is returned
    names it and counts the measurements that agree.
    """
    original = run.reperforms
    if original is None:
        raise ValueError("the run re-performs no other")
    whole = difference(
        {one.requirement_key: _measured(one) for one in original.results.order_by("position")},
        {one.requirement_key: _measured(one) for one in run.results.order_by("position")},
        original.manifest,
        run.manifest,
        undecided=run.failure["message"] if run.failure else "",
    )
    whole |= {"original": str(original.pk), "again": str(run.pk)}
    stored = store_json(whole, kind=Evidence.Kind.DIFFERENCE)
    counted = {name: whole[name] for name in ("agree", "of", "tolerance", "undecided")}
    found = counted | {"difference_sha256": stored.sha256}
    append("validation.reperformed", original, actor=run.requested_by, payload={"again": str(run.pk)} | _plain(found))
    return found


def difference_of(run: ValidationRun) -> dict[str, Any] | None:
    """Return the stored difference of a re-performance that is over; raises DomainError when its bytes do not stand."""
    if not run.agreement:
        return None
    whole: dict[str, Any] = json.loads(read_evidence(run.agreement["difference_sha256"]))
    return whole


def _plain(found: dict[str, Any]) -> dict[str, Any]:
    # the ledger holds no floats
    return found | {"tolerance": repr(found["tolerance"])}


def _measured(result: CheckResult) -> Measured:
    try:
        return Measured(result.check_slug, result.status, result.measurement)
    except (DomainError, ValueError, KeyError, TypeError) as fault:
        code = fault.code if isinstance(fault, DomainError) else "evidence-unreadable"
        return Measured(result.check_slug, result.status, None, unreadable=code)
