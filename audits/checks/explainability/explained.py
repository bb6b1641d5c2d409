"""Which explanation is measured, and how was it made?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audits.checks.contract import CheckSubject

if TYPE_CHECKING:
    from audits.explanations.contract import Explanation


def explained(subject: CheckSubject) -> Explanation:
    """Return the explanation, which the needs of a check have asked for."""
    if subject.explanation is None:
        raise ValueError("the check needs an explanation")
    return subject.explanation


def how(explanation: Explanation) -> dict[str, Any]:
    """Return what an explanation must state to count as evidence."""
    cost = explanation.cost
    return {
        "route": explanation.route,
        "variant": explanation.variant,
        "library": explanation.library,
        "output": explanation.output,
        "explained": explanation.explained,
        "background_sha256": explanation.background_sha256,
        "background_rows": explanation.background_rows,
        "sample_sha256": explanation.sample_sha256,
        "sample_rows": explanation.sample_rows,
        "asked_rows": max(explanation.asked_rows, explanation.sample_rows),
        "selection": explanation.selection,
        "base_value": explanation.base_value,
        "rank_stability": explanation.rank_stability,
        "seeds": explanation.seeds,
        "predicted_seconds": cost.predicted if cost else None,
        "used_seconds": cost.used if cost else None,
        "budget_seconds": cost.budget if cost else None,
        "considered": [list(pair) for pair in cost.considered] if cost else [],
    }
