"""Which tier do the answers come to? The rule, versioned and pure: materiality (exposure x purpose) and complexity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from registry.errors import DomainError

RULE_VERSION = "2026-11"
POINTS: dict[str, dict[str, int]] = {
    "exposure": {"low": 1, "medium": 2, "high": 3},
    "purpose": {"internal": 1, "customers": 2, "rights_of_people": 3},
    "complexity": {"low": 1, "medium": 2, "high": 3},
}


def assess(answers: Mapping[str, str]) -> tuple[int, list[dict[str, Any]]]:
    """Return the tier (1 does the most harm when wrong) and the score line by line.

    Materiality is exposure times purpose (1 to 9). Tier 1: materiality of 6 or more, or of 4 with high complexity. Tier
    3: materiality of at most 2 without high complexity. Tier 2: all else. Raises ``bad-answer`` for a missing, unknown or
    further answer.
    """
    if set(answers) != set(POINTS):
        raise DomainError("bad-answer", f"Exactly these are answered: {', '.join(POINTS)}.", known=POINTS)
    lines: list[dict[str, Any]] = []
    for question, choices in POINTS.items():
        answer = answers[question]
        if not isinstance(answer, str) or answer not in choices:
            raise DomainError("bad-answer", f"{question} is one of {', '.join(choices)}.", question=question)
        lines.append({"line": question, "answer": answer, "points": choices[answer]})
    exposure, purpose, complexity = (line["points"] for line in lines)
    materiality = exposure * purpose
    lines.append({"line": "materiality", "answer": "exposure x purpose", "points": materiality})
    if materiality >= 6 or (materiality >= 4 and complexity == 3):
        tier = 1
    elif materiality <= 2 and complexity < 3:
        tier = 3
    else:
        tier = 2
    lines.append({"line": "tier", "answer": RULE_VERSION, "points": tier})
    return tier, lines
