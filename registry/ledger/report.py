"""What did a verification find? Statements that are verified, proven false, or could not be verified."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Outcome = Literal["verified", "false", "unknown"]

MAX_EXAMPLES = 20


@dataclass
class Statement:
    """One thing that is claimed of the ledger, how many cases were looked at, and what speaks against it."""

    slug: str
    claim: str
    checked: int = 0
    wrong: int = 0
    unknown: int = 0
    examples: list[str] = field(default_factory=list)
    note: str = ""

    @property
    def outcome(self) -> Outcome:
        """False outweighs unknown, and unknown outweighs verified."""
        if self.wrong:
            return "false"
        return "unknown" if self.unknown else "verified"

    def refute(self, example: str) -> None:
        """Count one case that proves the claim false."""
        self.wrong += 1
        self._keep(example)

    def doubt(self, example: str) -> None:
        """Count one case that could not be judged."""
        self.unknown += 1
        self._keep(example)

    def require(self, holds: bool, example: str) -> None:
        """Count one case, which refutes the claim unless ``holds``."""
        self.checked += 1
        if not holds:
            self.refute(example)

    def _keep(self, example: str) -> None:
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append(example)

    def as_dict(self) -> dict[str, Any]:
        """Return the statement for JSON."""
        return {
            "slug": self.slug,
            "claim": self.claim,
            "outcome": self.outcome,
            "checked": self.checked,
            "wrong": self.wrong,
            "unknown": self.unknown,
            "examples": self.examples,
            "note": self.note,
        }


@dataclass
class VerificationReport:
    """Every statement with its outcome, and the tree that was verified."""

    statements: list[Statement]
    size: int
    root: str

    @property
    def exit_code(self) -> int:
        """Return 0 when everything is verified, 1 when something is proven false, else 2."""
        outcomes = {statement.outcome for statement in self.statements}
        if "false" in outcomes:
            return 1
        return 2 if "unknown" in outcomes else 0

    @property
    def verified(self) -> bool:
        """Whether every statement is verified."""
        return self.exit_code == 0

    def lines(self) -> list[str]:
        """Return the report for people, a statement per line with what speaks against it below."""
        lines = [f"ledger of {self.size} entries, root {self.root}"]
        for statement in self.statements:
            note = f" ({statement.note})" if statement.note else ""
            lines.append(f"{statement.outcome:<10}{statement.claim}: {statement.checked} checked{note}")
            lines.extend(f"           {example}" for example in statement.examples)
            hidden = statement.wrong + statement.unknown - len(statement.examples)
            if hidden > 0:
                lines.append(f"           and {hidden} more")
        verdict = ("VERIFIED", "PROVEN FALSE", "COULD NOT BE VERIFIED")[self.exit_code]
        return [*lines, verdict]

    def as_dict(self) -> dict[str, Any]:
        """Return the report for JSON."""
        return {
            "verdict": ("verified", "false", "unknown")[self.exit_code],
            "exit_code": self.exit_code,
            "size": self.size,
            "root": self.root,
            "statements": [statement.as_dict() for statement in self.statements],
        }
