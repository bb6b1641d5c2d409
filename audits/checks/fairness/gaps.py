"""How is the gap of one comparison recorded, why may it have no value, and which end counts over several?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from audits.checks.contract import GroupRow, Measurement, Plot

if TYPE_CHECKING:
    from audits.statistics.groups import Gap, Kind


@dataclass
class Comparisons:
    """What a check found by each attribute and their intersection; ``least`` says in words what a group must have."""

    rates: Sequence[str]
    least: str
    rows: list[GroupRow] = field(default_factory=list)
    summaries: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)

    def add(
        self,
        title: str,
        gap: Gap | None,
        shown: Sequence[GroupRow],
        *,
        groups: int,
        sizes: Sequence[int],
        reference: str | None,
    ) -> None:
        """Take the gap of one comparison with its rows; ``sizes`` are those of the measured ones of its ``groups``."""
        measured, left_out = len(sizes), groups - len(sizes)
        self.rows += shown
        self.sizes.append(sum(sizes))
        self.summaries.append(
            summary_of(title, gap, self.rates, measured=measured, left_out=left_out, reference=reference)
        )
        self.problems += problem_of(title, gap, measured, reference, self.least)
        self.notes += notes_of(title, gap, groups, left_out)

    def measurement(
        self, kind: Kind, *, unit: str, confidence: float, method: str, plots: Iterable[Plot]
    ) -> Measurement:
        """Return the worst of all comparisons, over the rows of the one with the fewest."""
        ends: dict[str, Any] = worst_of(self.summaries, self.problems, kind)
        return Measurement(
            **ends,
            unit=unit,
            confidence=confidence,
            n=min(self.sizes),
            method=method,
            groups=tuple(self.rows),
            notes=tuple(self.notes),
            detail={"attributes": self.summaries},
            plots=tuple(plots),
        )


def summary_of(
    title: str, gap: Gap | None, rates: Sequence[str], *, measured: int, left_out: int, reference: str | None
) -> dict[str, Any]:
    """Return the gap of one comparison as evidence holds it."""
    interval = gap.interval if gap else None
    return {
        "attribute": title,
        "value": gap.value if gap else None,
        "low": interval.low if interval else None,
        "high": interval.high if interval else None,
        "rate": rates[gap.stratum] if gap else None,
        "lowest_group": gap.lowest if gap else None,
        "highest_group": gap.highest if gap else None,
        "groups_measured": measured,
        "groups_left_out": left_out,
        "reference": reference,
    }


def problem_of(title: str, gap: Gap | None, measured: int, reference: str | None, least: str) -> list[str]:
    """Say why a comparison has no value; nothing where it has one."""
    if gap is None and measured > 1:
        return [f"{title}: the reference group {reference!r} cannot be measured ({least})"]
    if gap is None:
        return [f"{title}: fewer than two groups can be measured ({least})"]
    return [f"{title}: nobody is selected, the ratio is 0/0"] if gap.value is None else []


def notes_of(title: str, gap: Gap | None, groups: int, left_out: int) -> list[str]:
    """Say what a reader of one comparison must know beside its numbers."""
    notes = []
    if gap is not None and gap.value is not None and gap.interval is None:
        notes.append(f"{title}: no interval, too many draws left a group empty.")
    if left_out:
        notes.append(f"{title}: {left_out} of {groups} groups are too small to be measured.")
    return notes


def worst_of(
    summaries: Sequence[Mapping[str, Any]], problems: Sequence[str], kind: Kind
) -> dict[str, float | str | None]:
    """Return value, ends and reason over all comparisons: the worst value, and the worst of each end, which covers it."""
    if problems:
        return {"value": None, "low": None, "high": None, "reason": "; ".join(problems) + "."}
    worst = min if kind == "ratio" else max
    ends = (None, None)
    if all(item["low"] is not None for item in summaries):
        ends = worst(item["low"] for item in summaries), worst(item["high"] for item in summaries)
    return {"value": worst(item["value"] for item in summaries), "low": ends[0], "high": ends[1], "reason": ""}
