"""Which sections does the room of decisions add to a dossier? Importing this package registers them."""

from governance.dossier_sections import (
    approvals,
    changes,
    controls,
    determination,
    gate_answers,
    reviews,
    scope,
    tier,
    validation,
    verdict,
)

__all__ = [
    "approvals",
    "changes",
    "controls",
    "determination",
    "gate_answers",
    "reviews",
    "scope",
    "tier",
    "validation",
    "verdict",
]
