"""What did a validation run find, ready to be read: each requirement with its numbers, drawings and tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.utils.safestring import SafeString

from audits.models import CheckResult, ValidationRun
from governance.console.acts import said
from governance.console.charts import Figure, figures_of, rows, svg
from registry.errors import DomainError

MOST_OPENED = 16
"""Up to so many results the figures of blocking ones are shown at once; with more, only of those that are not met."""


@dataclass(frozen=True)
class ResultRow:
    """One requirement of a run with what was measured; ``unreadable`` says why the evidence cannot be shown.

    ``opened`` says that its figures are shown at once and not on demand.
    """

    result: CheckResult
    clause: str
    value: str
    interval: str
    n: str
    gauge: SafeString | None
    figures: list[Figure]
    facts: list[tuple[str, str]]
    notes: list[str]
    unreadable: str = ""
    opened: bool = True


@dataclass(frozen=True)
class Drawn:
    """One figure with every requirement it belongs to, the first of them deciding where it stands."""

    figure: Figure
    rows: list[ResultRow]

    @property
    def first(self) -> ResultRow:
        """The requirement it stands under."""
        return self.rows[0]


@dataclass(frozen=True)
class Shown:
    """All results of a run and how they are spread."""

    rows: list[ResultRow]
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def figures(self) -> list[Drawn]:
        """Every figure once, in the order of the results: several checks may draw the same curve."""
        found: dict[str, Drawn] = {}
        for row in self.rows:
            for figure in row.figures:
                found.setdefault(figure.same, Drawn(figure, [])).rows.append(row)
        return list(found.values())

    @property
    def readable(self) -> bool:
        """Whether all evidence could be read and is what its digest says."""
        return not any(row.unreadable for row in self.rows)


def results_of(run: ValidationRun | None) -> Shown:
    """Return the results of a run: what is not met or not known first, blocking before advisory, then as in the policy."""
    if run is None:
        return Shown([])
    order = {"not_met": 0, "error": 0, "insufficient": 1, "met": 4}
    rows_ = sorted(
        run.results.order_by("position"),
        key=lambda row: (min(4, order.get(row.status, 0) + 2 * (row.severity != "blocking")), row.position),
    )
    clauses = {rule["key"]: rule.get("clause", "") for rule in run.plan.get("requirements", ())}
    counts: dict[str, int] = {}
    for row in rows_:
        counts[row.status] = counts.get(row.status, 0) + 1
    few = len(rows_) <= MOST_OPENED
    return Shown([_row(row, clauses.get(row.requirement_key, ""), few=few) for row in rows_], counts)


def _row(result: CheckResult, clause: str, *, few: bool) -> ResultRow:
    try:
        measured = result.measurement
    except DomainError as refusal:
        return ResultRow(result, clause, "–", "–", "–", None, [], [], [], unreadable=said(refusal))
    if measured is None:
        return ResultRow(result, clause, "–", "–", "–", None, [], [], [])
    return ResultRow(
        result,
        clause,
        svg.number(measured["value"], 4),
        svg.interval(measured["low"], measured["high"], 4),
        svg.number(measured["n"]),
        rows.gauge(measured, result.requirement, result.status),
        figures_of(measured, result.requirement),
        _facts(measured),
        [str(note) for note in measured.get("notes", ())],
        opened=result.status != "met" or (few and result.severity == "blocking"),
    )


def _facts(measured: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the plain facts of a measurement's detail by name: numbers and short texts, no series."""
    found = [("unit", str(measured["unit"])), ("method", str(measured["method"]))]
    found.append(("confidence", svg.number(measured["confidence"])))
    for name, value in (measured.get("detail") or {}).items():
        if isinstance(value, str | int | float | bool) or value is None:
            shown = (
                svg.number(value, 6) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
            )
            found.append((str(name).replace("_", " "), shown))
    return found
