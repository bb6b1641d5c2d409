"""How far do selection and error rates differ between groups of people, alone and at intersections?"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from audits.checks.contract import CheckSubject, GroupRow, Insufficient, Measurement, check

if TYPE_CHECKING:
    from audits.statistics.groups import Gap, Group, Kind
    from audits.tables.aggregates import OutcomeCell

PARAMETERS = {
    "attributes": {
        "type": "array",
        "items": {"type": "string", "minLength": 1},
        "minItems": 1,
        "maxItems": 10,
        "uniqueItems": True,
    },
    "intersections": {"type": "boolean"},
    "min_group_size": {"type": "integer", "minimum": 3, "maximum": 1_000_000},
}
MEND = (
    "Find what drives the gap (features that stand in for the attribute, the threshold, labels), remove or justify it, "
    "and register a new version; a justified gap needs a risk acceptance."
)
MAX_SUPPRESSED_SHOWN = 20

Strata = tuple[tuple[str, str, Callable[["OutcomeCell"], bool]], ...]

ALL_ROWS: Strata = (("selection_rate", "rows", lambda cell: True),)
POSITIVES: Strata = (("true_positive_rate", "rows with outcome 1", lambda cell: cell.label == 1),)
BOTH_OUTCOMES: Strata = (*POSITIVES, ("false_positive_rate", "rows with outcome 0", lambda cell: cell.label == 0))


@check(
    "fairness.selection_rate_ratio",
    family="fairness",
    needs=("selection", "sensitive"),
    unit="ratio",
    better="one",
    parameters=PARAMETERS,
    mend=MEND,
)
def selection_rate_ratio(
    subject: CheckSubject,
    *,
    attributes: list[str] | None = None,
    intersections: bool = False,
    min_group_size: int = 20,
    confidence: float = 0.95,
) -> Measurement:
    r"""Smallest ratio of selection rates between two groups.

    .. math:: \min_g P(\hat Y = 1 \mid A = g) \,/\, \max_g P(\hat Y = 1 \mid A = g)

    1: each group is selected at the same rate; 0: a group is never selected. Over several attributes the smallest
    counts.

    Parameters
    ----------
    subject : evaluation table with sensitive attributes, and a score with threshold or a decision column.
    attributes : sensitive attributes to compare by; all of the table's when left out.
    intersections : also compare by all attributes taken together.
    min_group_size : a rate over fewer rows is not measured. Under three people a group is suppressed altogether.
    confidence : nominal coverage, for each group of Wilson's interval, for the ratio of percentiles over multinomial
        draws
        of the cells group x selected.

    Returns
    -------
    Measurement
        ``n`` rows of measured groups (of the comparison with the fewest); one row per group; ``detail.attributes``
        holds the ratio of each attribute. No value where fewer than two groups of an attribute can be measured, or
        nobody is selected (0/0).

    References
    ----------
    29 CFR 1607.4(D) (1978), which compares with 4/5; ``fairlearn.metrics.demographic_parity_ratio``.
    """
    return _compare(
        subject,
        kind="ratio",
        strata=ALL_ROWS,
        attributes=attributes,
        intersections=intersections,
        min_group_size=min_group_size,
        confidence=confidence,
    )


@check(
    "fairness.equal_opportunity_difference",
    family="fairness",
    needs=("labels", "selection", "sensitive"),
    unit="probability",
    better="lower",
    parameters=PARAMETERS,
    mend=MEND,
)
def equal_opportunity_difference(
    subject: CheckSubject,
    *,
    attributes: list[str] | None = None,
    intersections: bool = False,
    min_group_size: int = 20,
    confidence: float = 0.95,
) -> Measurement:
    r"""Largest difference between groups in the share of positive cases that are selected.

    .. math:: \max_g P(\hat Y = 1 \mid Y = 1, A = g) - \min_g P(\hat Y = 1 \mid Y = 1, A = g)

    0: positive cases of each group are selected at the same rate; 1: in one group always, in another never.

    Parameters and returns as for ``fairness.selection_rate_ratio``; ``min_group_size`` applies to rows with outcome 1.

    References
    ----------
    M. Hardt, E. Price, N. Srebro, NeurIPS 2016, arXiv:1610.02413; ``fairlearn.metrics.equal_opportunity_difference``.
    """
    return _compare(
        subject,
        kind="difference",
        strata=POSITIVES,
        attributes=attributes,
        intersections=intersections,
        min_group_size=min_group_size,
        confidence=confidence,
    )


@check(
    "fairness.equalized_odds_difference",
    family="fairness",
    needs=("labels", "selection", "sensitive"),
    unit="probability",
    better="lower",
    parameters=PARAMETERS,
    mend=MEND,
)
def equalized_odds_difference(
    subject: CheckSubject,
    *,
    attributes: list[str] | None = None,
    intersections: bool = False,
    min_group_size: int = 20,
    confidence: float = 0.95,
) -> Measurement:
    r"""Largest difference between groups in true positive rate or false positive rate, whichever is larger.

    .. math:: \max_{y} \left( \max_g r_{yg} - \min_g r_{yg} \right), \quad r_{yg} = P(\hat Y = 1 \mid Y = y, A = g)

    0: given the outcome, each group is selected at the same rate; 1: in one group always, in another never.

    Parameters and returns as for ``fairness.selection_rate_ratio``; ``min_group_size`` applies to the rows of each
    outcome.

    References
    ----------
    M. Hardt, E. Price, N. Srebro, NeurIPS 2016, arXiv:1610.02413; ``fairlearn.metrics.equalized_odds_difference``.
    """
    return _compare(
        subject,
        kind="difference",
        strata=BOTH_OUTCOMES,
        attributes=attributes,
        intersections=intersections,
        min_group_size=min_group_size,
        confidence=confidence,
    )


def _compare(
    subject: CheckSubject,
    *,
    kind: Kind,
    strata: Strata,
    attributes: list[str] | None,
    intersections: bool,
    min_group_size: int,
    confidence: float,
) -> Measurement:
    """Measure the gap by each attribute (and their intersection) from one aggregate of the table."""
    from audits.tables.aggregates import outcome_cells

    table = subject.evaluation
    names = tuple(attributes or table.roles.sensitive)
    undeclared = [name for name in names if name not in table.roles.sensitive]
    if undeclared:
        raise Insufficient(
            f"{undeclared[0]!r} is not among the sensitive attributes of the evaluation table.",
            "Name it in the roles of the dataset version, or take it out of the requirement.",
        )
    cells = outcome_cells(table, names)
    compared: list[tuple[str, ...]] = [(name,) for name in names]
    if intersections and len(names) > 1:
        compared.append(names)
    rows: list[GroupRow] = []
    summaries: list[dict[str, Any]] = []
    problems: list[str] = []
    notes: list[str] = []
    sizes: list[int] = []
    for at, chosen in enumerate(compared):
        places = [names.index(name) for name in chosen]
        groups = _groups(cells, chosen, places, strata)
        title = " × ".join(chosen)
        shown, measured, left_out = _rows(title, groups, strata, min_group_size, confidence)
        rows += shown
        gap = _gap(measured, kind, seed=subject.seed + at, confidence=confidence)
        sizes.append(sum(group.n for group in measured))
        summaries.append(_summary(title, gap, strata, len(measured), left_out))
        if gap is None:
            problems.append(
                f"{title}: fewer than two groups can be measured (at least {min_group_size} {strata[0][1]} each)"
            )
        elif gap.value is None:
            problems.append(f"{title}: nobody is selected, the ratio is 0/0")
        elif gap.interval is None:
            notes.append(f"{title}: no interval, too many draws left a group empty.")
        if left_out:
            notes.append(f"{title}: {left_out} of {len(groups)} groups are too small to be measured.")
    return _combined(kind, summaries, problems, rows=rows, notes=notes, n=min(sizes), confidence=confidence)


def _combined(
    kind: Kind,
    summaries: list[dict[str, Any]],
    problems: list[str],
    *,
    rows: list[GroupRow],
    notes: list[str],
    n: int,
    confidence: float,
) -> Measurement:
    """Join the gaps of all attributes: the worst value, and the worst of each end, which covers the worst gap."""
    unit = "ratio" if kind == "ratio" else "probability"
    method = "multinomial-resampling-percentile"
    detail = {"attributes": summaries}
    if problems:
        reason = "; ".join(problems) + "."
        return Measurement(None, unit, None, None, confidence, n, method, tuple(rows), tuple(notes), detail, reason)
    worst = min if kind == "ratio" else max
    ends = [[item[end] for item in summaries] for end in ("value", "low", "high")]
    value = worst(ends[0])
    low, high = (None, None) if None in ends[1] else (worst(ends[1]), worst(ends[2]))
    return Measurement(value, unit, low, high, confidence, n, method, tuple(rows), tuple(notes), detail)


def _groups(cells: list[OutcomeCell], chosen: tuple[str, ...], places: list[int], strata: Strata) -> list[Group]:
    """Sum cells to the groups of the chosen attributes, sorted by name."""
    from audits.statistics.groups import Group, Rate
    from audits.statistics.intervals import effective_size

    by_name: dict[str, list[OutcomeCell]] = {}
    for cell in cells:
        values = [cell.groups[place] for place in places]
        name = (
            values[0]
            if len(chosen) == 1
            else ", ".join(f"{key}={value}" for key, value in zip(chosen, values, strict=True))
        )
        by_name.setdefault(name, []).append(cell)
    groups = []
    for name, members in sorted(by_name.items()):
        rates = []
        for _, _, concerns in strata:
            inside = [cell for cell in members if concerns(cell)]
            total, square = sum(cell.weight for cell in inside), sum(cell.square for cell in inside)
            chosen_weight = sum(cell.weight for cell in inside if cell.selected)
            rates.append(Rate(chosen_weight, total, sum(cell.n for cell in inside), effective_size(total, square)))
        groups.append(Group(name, sum(cell.n for cell in members), tuple(rates)))
    return groups


def _rows(
    title: str, groups: list[Group], strata: Strata, min_group_size: int, confidence: float
) -> tuple[list[GroupRow], list[Group], int]:
    """Return the rows to print, the measured groups, and how many groups were not measured."""
    from audits.statistics.groups import status_of

    rows, measured, suppressed = [], [], 0
    for group in groups:
        status, note = status_of(group, min_group_size, tuple(label for _, label, _ in strata))
        if status == "suppressed":
            suppressed += 1
            if suppressed <= MAX_SUPPRESSED_SHOWN:
                rows.append(GroupRow(title, group.name, None, {}, None, None, status, note))
            continue
        if status == "too-small":
            rows.append(GroupRow(title, group.name, group.n, {}, None, None, status, note))
            continue
        measured.append(group)
        values: dict[str, float | None] = {}
        for (name, _, _), rate in zip(strata, group.rates, strict=True):
            interval = rate.interval(confidence)
            values |= {name: rate.value, f"{name}_low": interval.low if interval else None}
            values |= {f"{name}_high": interval.high if interval else None, f"{name}_n": rate.n}
        first = strata[0][0]
        rows.append(
            GroupRow(title, group.name, group.n, values, values[f"{first}_low"], values[f"{first}_high"], status)
        )
    return rows, measured, len(groups) - len(measured)


def _gap(measured: list[Group], kind: Kind, *, seed: int, confidence: float) -> Gap | None:
    from audits.statistics.groups import gap_between

    return gap_between(measured, kind, seed=seed, confidence=confidence)


def _summary(title: str, gap: Gap | None, strata: Strata, measured: int, left_out: int) -> dict[str, Any]:
    interval = gap.interval if gap else None
    return {
        "attribute": title,
        "value": gap.value if gap else None,
        "low": interval.low if interval else None,
        "high": interval.high if interval else None,
        "rate": strata[gap.stratum][0] if gap else None,
        "lowest_group": gap.lowest if gap else None,
        "highest_group": gap.highest if gap else None,
        "groups_measured": measured,
        "groups_left_out": left_out,
    }
