"""How is a rate compared between groups: from one aggregate to a gap by attribute, rows by group, and plots?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from audits.checks.contract import CheckSubject, GroupRow, Measurement
from audits.checks.fairness import plots
from audits.checks.fairness.attributes import (
    MAX_SUPPRESSED_SHOWN,
    To,
    chosen_attributes,
    comparisons_of,
    group_cells,
    reference_of,
    title_of,
)

if TYPE_CHECKING:
    from audits.statistics.confusion import GroupCells
    from audits.statistics.groups import Gap, Kind

UNITS = {"difference": "probability", "ratio": "ratio"}
ROWS_OF = {
    "selection_rate": "rows",
    "true_positive_rate": "rows with outcome 1",
    "false_positive_rate": "rows with outcome 0",
    "false_negative_rate": "rows with outcome 1",
    "positive_predictive_value": "selected rows",
    "accuracy": "rows",
}


def compare(
    subject: CheckSubject,
    *,
    kind: Kind,
    rates: tuple[str, ...],
    attributes: Iterable[str] | None,
    intersections: bool,
    min_group_size: int,
    to: To,
    confidence: float,
) -> Measurement:
    """Measure the gap of one or more rates by each attribute (and their intersection) from one scan of the table."""
    from audits.statistics.confusion import RATES
    from audits.statistics.groups import gap_between
    from audits.tables.decisions import decision_cells

    names = chosen_attributes(subject, attributes)
    compared = comparisons_of(names, intersections)
    references = [reference_of(to, chosen) for chosen in compared]
    cells = decision_cells(subject.evaluation, names)
    rows: list[GroupRow] = []
    summaries: list[dict[str, Any]] = []
    problems: list[str] = []
    notes: list[str] = []
    sizes: list[int] = []
    for at, (chosen, reference) in enumerate(zip(compared, references, strict=True)):
        title, groups = title_of(chosen), group_cells(cells, names, chosen)
        shown, measured = rows_of(title, groups, rates, min_group_size, confidence)
        rows += shown
        kept = groups.only(measured)
        gap = gap_between(
            kept,
            [RATES[name] for name in rates],
            kind,
            seed=subject.seed + at,
            confidence=confidence,
            reference=reference,
            comparisons=len(compared),
        )
        left_out = len(groups) - len(measured)
        sizes.append(sum(kept.sizes))
        summaries.append(_summary(title, gap, rates, len(measured), left_out) | {"reference": reference})
        problem = _problem(title, gap, kept, reference, f"at least {min_group_size} {ROWS_OF[rates[0]]} each")
        problems += [problem] if problem else []
        if gap is not None and gap.value is not None and gap.interval is None:
            notes.append(f"{title}: no interval, too many draws left a group empty.")
        if left_out:
            notes.append(f"{title}: {left_out} of {len(groups)} groups are too small to be measured.")
    return _combined(kind, rates, summaries, problems, rows=rows, notes=notes, n=min(sizes), confidence=confidence)


def _problem(title: str, gap: Gap | None, kept: GroupCells, reference: str | None, least: str) -> str:
    """Say why a comparison has no value; empty where it has one."""
    if gap is None and len(kept) > 1:
        return f"{title}: the reference group {reference!r} cannot be measured ({least})"
    if gap is None:
        return f"{title}: fewer than two groups can be measured ({least})"
    if gap.value is None:
        return f"{title}: nobody is selected, the ratio is 0/0"
    return ""


def _combined(
    kind: Kind,
    rates: tuple[str, ...],
    summaries: list[dict[str, Any]],
    problems: list[str],
    *,
    rows: list[GroupRow],
    notes: list[str],
    n: int,
    confidence: float,
) -> Measurement:
    """Join the gaps of all attributes: the worst value, and the worst of each end, which covers the worst gap."""
    from audits.statistics.groups import METHOD

    shared: dict[str, Any] = {
        "unit": UNITS[kind],
        "confidence": confidence,
        "n": n,
        "method": METHOD,
        "groups": tuple(rows),
        "notes": tuple(notes),
        "detail": {"attributes": summaries},
        "plots": (
            *plots.gap_by_attribute(summaries, kind),
            *(plot for name in rates for plot in plots.rate_by_group(rows, name)),
        ),
    }
    if problems:
        return Measurement(value=None, low=None, high=None, reason="; ".join(problems) + ".", **shared)
    low, high = worst_ends(summaries, kind)
    worst = min if kind == "ratio" else max
    return Measurement(value=worst(item["value"] for item in summaries), low=low, high=high, **shared)


def worst_ends(summaries: list[dict[str, Any]], kind: Kind) -> tuple[float | None, float | None]:
    """Return the worst of each end over all comparisons; none where one of them has no interval."""
    worst = min if kind == "ratio" else max
    if any(item["low"] is None for item in summaries):
        return None, None
    return worst(item["low"] for item in summaries), worst(item["high"] for item in summaries)


def rows_of(
    title: str, groups: GroupCells, rates: tuple[str, ...], min_group_size: int, confidence: float
) -> tuple[list[GroupRow], list[int]]:
    """Return the rows to print, and the places of the measured groups."""
    from audits.statistics.confusion import RATES, rates_of
    from audits.statistics.groups import also_withheld, status_of

    found = {name: rates_of(groups, RATES[name]) for name in rates}
    words = [ROWS_OF[name] for name in rates]
    answers = [
        status_of(size, [found[name][at].n for name in rates], min_group_size, words)
        for at, size in enumerate(groups.sizes)
    ]
    withheld = also_withheld(groups.sizes, [status for status, _ in answers])
    rows: list[GroupRow] = []
    measured: list[int] = []
    suppressed = 0
    for at, (name, size, (status, note)) in enumerate(zip(groups.names, groups.sizes, answers, strict=True)):
        if status == "measured":
            measured.append(at)
            values: dict[str, float | None] = {}
            for rate in rates:
                interval = found[rate][at].interval(confidence)
                values |= {rate: found[rate][at].value, f"{rate}_low": interval.low if interval else None}
                values |= {f"{rate}_high": interval.high if interval else None, f"{rate}_n": found[rate][at].n}
            ends = values[f"{rates[0]}_low"], values[f"{rates[0]}_high"]
            rows.append(GroupRow(title, name, size, values, *ends, status))
        elif at == withheld:
            reason = "too small; not shown, so that the number of a smaller group cannot be worked out"
            rows.append(GroupRow(title, name, None, {}, None, None, "suppressed", reason))
        elif status == "too-small":
            rows.append(GroupRow(title, name, size, {}, None, None, status, note))
        else:
            suppressed += 1
            if suppressed <= MAX_SUPPRESSED_SHOWN:
                rows.append(GroupRow(title, name, None, {}, None, None, status, note))
    return rows, measured


def _summary(title: str, gap: Gap | None, rates: tuple[str, ...], measured: int, left_out: int) -> dict[str, Any]:
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
    }
