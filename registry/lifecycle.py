"""Which moves between stages are legal? One table, pure; moving is the business of the actions."""

from __future__ import annotations

from enum import StrEnum


class Stage(StrEnum):
    """Where a model version stands."""

    REGISTERED = "registered"
    IN_VALIDATION = "in_validation"
    VALIDATED = "validated"
    VALIDATION_FAILED = "validation_failed"
    PENDING_APPROVAL = "pending_approval"
    APPROVED = "approved"
    REJECTED = "rejected"
    IN_PRODUCTION = "in_production"
    SUSPENDED = "suspended"
    RETIRED = "retired"


S = Stage
LEGAL_MOVES: dict[Stage, frozenset[Stage]] = {
    S.REGISTERED: frozenset({S.IN_VALIDATION, S.IN_PRODUCTION, S.RETIRED}),
    S.IN_VALIDATION: frozenset({S.VALIDATED, S.VALIDATION_FAILED, S.IN_PRODUCTION, S.RETIRED}),
    S.VALIDATED: frozenset({S.IN_VALIDATION, S.PENDING_APPROVAL, S.IN_PRODUCTION, S.RETIRED}),
    S.VALIDATION_FAILED: frozenset({S.IN_VALIDATION, S.IN_PRODUCTION, S.RETIRED}),
    S.PENDING_APPROVAL: frozenset(
        {S.IN_VALIDATION, S.VALIDATED, S.VALIDATION_FAILED, S.APPROVED, S.REJECTED, S.IN_PRODUCTION, S.RETIRED}
    ),
    S.APPROVED: frozenset(
        {S.IN_VALIDATION, S.VALIDATED, S.VALIDATION_FAILED, S.PENDING_APPROVAL, S.IN_PRODUCTION, S.RETIRED}
    ),
    S.REJECTED: frozenset({S.IN_VALIDATION, S.IN_PRODUCTION, S.RETIRED}),
    S.IN_PRODUCTION: frozenset({S.SUSPENDED, S.APPROVED, S.REGISTERED, S.RETIRED}),
    S.SUSPENDED: frozenset({S.IN_PRODUCTION, S.RETIRED}),
    S.RETIRED: frozenset({S.IN_PRODUCTION}),
}
"""Every stage may move to in production: the inventory never refuses a true fact, and an ungated deployment is a finding."""


def may_move(old: Stage, new: Stage) -> bool:
    """Tell whether a version that stands at ``old`` may be moved to ``new``."""
    return new in LEGAL_MOVES[old]
