"""Which groups does the four-fifths screen point at, and would one person more or fewer change that?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audits.checks.contract import CheckSubject, GroupRow, Measurement, Plot, check
from audits.checks.contract import PlotColumn as Column
from audits.checks.contract import gettext_noop as _
from audits.checks.fairness import plots
from audits.checks.fairness.attributes import (
    BY_ATTRIBUTE,
    MEND,
    chosen_attributes,
    comparisons_of,
    group_cells,
    title_of,
    turned_over,
)
from audits.checks.fairness.compare import rows_of
from audits.checks.fairness.editions import FOUR_FIFTHS, Edition

if TYPE_CHECKING:
    from audits.statistics.confusion import GroupCells

NEWEST = "ugesp-1978"
YES, NO = _("yes"), _("no")

RATIO_COLUMNS = (
    plots.GROUP,
    Column(_("People"), "count"),
    Column(_("Selected"), "count"),
    plots.RATE,
    Column(_("Ratio to highest rate")),
    plots.LOW,
    plots.HIGH,
    Column(_("Flagged"), "text"),
    Column(_("p, Holm")),
)
FLIP_COLUMNS = (
    plots.GROUP,
    Column(_("Flagged"), "text"),
    Column(_("One more selected here"), "text"),
    Column(_("One fewer selected here"), "text"),
    Column(_("One more in highest group"), "text"),
    Column(_("One fewer in highest group"), "text"),
    Column(_("People from the line")),
)
SCREEN = _("A screening statistic under a dated rule of thumb; it decides nothing about a model or a person.")


@check(
    "fairness.four_fifths",
    family="fairness",
    needs=("selection", "sensitive"),
    unit="groups",
    better="lower",
    parameters={**BY_ATTRIBUTE, "edition": {"enum": list(FOUR_FIFTHS)}},
    mend=MEND,
    tasks=("binary", "multiclass"),
)
def four_fifths(
    subject: CheckSubject,
    *,
    attributes: list[str] | None = None,
    intersections: bool = False,
    min_group_size: int = 20,
    edition: str = NEWEST,
    confidence: float = 0.95,
) -> Measurement:
    r"""Number of groups whose selection rate is below four fifths of the highest one.

    .. math:: \#\{g : 5\, s_g\, n_h < 4\, s_h\, n_g\}, \quad h = \arg\max_g s_g / n_g

    in whole numbers of people selected (s) out of all (n). 0: no group is below the line; 1 or more: that many are. 48
    of 100 against 60 of 100 is exactly .80 and is not below it.

    Parameters
    ----------
    subject : evaluation table with sensitive attributes, and a score with threshold, a decision column or predicted
        classes.
    attributes : sensitive attributes to compare by; all of the table's when left out.
    intersections : also compare by all attributes taken together.
    min_group_size : smaller groups are not compared. Under three people a group is suppressed altogether.
    edition : the text that is followed: "ugesp-1978" is 29 CFR 1607.4(D), read second-hand on 2026-11-21.
    confidence : nominal coverage of Wilson's interval of each rate, and of percentiles of resampled counts for ratios.

    Returns
    -------
    Measurement
        The value has no interval, each ratio has one. ``n`` people in compared groups (of the attribute with the fewest).
        ``detail.groups`` holds counts, rate, ratio, whether the group is below the line, whether it would be with one
        person more or fewer selected in it or in the group with the highest rate, how many people stand between it and
        the line, and the exact test against the group with the highest rate, adjusted by Holm. ``detail.rule`` is the
        edition. No value where nobody is selected (0/0) or fewer than two groups can be compared.

    Notes
    -----
    Limits: It is one dated rule of thumb, whose rescission is listed at the final-rule stage. A ratio near the line turns
    with one person where groups are small; the table shows where it does. The group with the highest rate is found from
    the same data, which makes ratios of small groups too low.

    Not for: a finding of discrimination, or of its absence; for credit, where the effects test was removed from
    Regulation B as of 2026-07-21, it is a description only.

    References
    ----------
    29 CFR 1607.4(D), 43 FR 38295 (25 August 1978); Uniform Guidelines questions and answers (1979), no. 11, 20 to 24.
    """
    from audits.tables.decisions import decision_cells

    rule = FOUR_FIFTHS[edition]
    names = chosen_attributes(subject, attributes)
    cells = decision_cells(subject.evaluation, names)
    rows: list[GroupRow] = []
    screened: list[dict[str, Any]] = []
    problems: list[str] = []
    sizes: list[int] = []
    for at, chosen in enumerate(comparisons_of(names, intersections)):
        title, groups = title_of(chosen), group_cells(cells, names, chosen)
        shown, measured = rows_of(title, groups, ("selection_rate",), min_group_size, confidence)
        rows += shown
        kept = groups.only(measured)
        sizes.append(sum(kept.sizes))
        if len(kept) < 2:
            problems.append(f"{title}: fewer than two groups can be compared (at least {min_group_size} rows each)")
        elif not kept.n[:, [1, 3]].any():
            problems.append(f"{title}: nobody is selected, the ratio is 0/0")
        else:
            screened += _screened(title, kept, rule, seed=subject.seed + at, confidence=confidence)
    _adjust(screened)
    flagged = sum(item["flagged"] for item in screened)
    notes = [
        f"{rule.instrument}, dated {rule.dated}, read {rule.mark} on {rule.read_on}. {rule.status}",
        "It is a screen: a ratio on either side of the line decides nothing by itself.",
        *turned_over(subject),
    ]
    turning = sum(item["turns_with_one_person"] for item in screened)
    if turning:
        notes.append(
            f"The answer for {turning} of {len(screened)} groups turns with one person more or fewer selected."
        )
    if subject.evaluation.roles.weight is not None:
        notes.append("People are counted: the weights of the table are left aside.")
    return Measurement(
        None if problems else flagged,
        "groups",
        None,
        None,
        confidence,
        min(sizes),
        "whole numbers; multinomial-resampling-percentile for ratios",
        groups=tuple(rows),
        notes=tuple(notes),
        detail={"rule": rule.as_json(), "groups": screened},
        reason="; ".join(problems) + "." if problems else "",
        plots=_plots(screened),
    )


def _screened(title: str, groups: GroupCells, rule: Edition, *, seed: int, confidence: float) -> list[dict[str, Any]]:
    """Hold each group against the line, and against chance."""
    from audits.statistics.confusion import RATES, GroupCells, drawn_cells, drawn_rates
    from audits.statistics.impact_ratio import Counts, flip, highest, impact_ratio
    from audits.statistics.intervals import percentile
    from audits.statistics.two_proportions import exact_tests

    people = GroupCells(groups.names, groups.n, groups.n, groups.n)
    counts = [Counts(round(float(one[1] + one[3])), round(float(one.sum()))) for one in groups.n]
    top = highest(counts)
    drawn = drawn_rates(people, drawn_cells(people, seed=seed), RATES["selection_rate"], seed=seed)
    found = []
    for at, group in enumerate(counts):
        ratio, answer = impact_ratio(group, counts[top]), flip(counts, at, rule.line)
        interval = percentile(drawn[:, at] / drawn[:, top].clip(min=1e-12), confidence) if at != top else None
        value = None if ratio is None else float(ratio)
        tests = exact_tests(group.selected, group.n, counts[top].selected, counts[top].n)
        found.append(
            {"attribute": title, "group": groups.names[at], "n": group.n, "selected": group.selected}
            | {"rate": float(group.rate), "highest_group": groups.names[top], "ratio": value}
            | {"low": min(interval.low, value or 0.0) if interval else None}
            | {"high": max(interval.high, value or 0.0) if interval else None}
            | {"flagged": answer.flagged, "turns_with_one_person": answer.changes}
            | {"one_more_here": answer.one_more, "one_fewer_here": answer.one_fewer}
            | {"one_more_in_highest": answer.one_more_in_highest, "one_fewer_in_highest": answer.one_fewer_in_highest}
            | {"people_from_line": answer.people, "p_fisher": tests.fisher if at != top else None}
        )
    return found


def _adjust(screened: list[dict[str, Any]]) -> None:
    """Add Holm's adjustment over all comparisons with a group of the highest rate."""
    from audits.statistics.multiplicity import holm

    tested = [item for item in screened if item["p_fisher"] is not None]
    for item, adjusted in zip(tested, holm([item["p_fisher"] for item in tested]), strict=True):
        item["p_holm"] = adjusted
    for item in screened:
        item.setdefault("p_holm", None)


def _plots(screened: list[dict[str, Any]]) -> tuple[Plot, ...]:
    """Return the ratios with their intervals, and what one person would change."""
    labels = [plots.group_label(item["attribute"], item["group"]) for item in screened]
    numbers = ("n", "selected", "rate", "ratio", "low", "high")
    ratios = [
        (label, *(item[name] for name in numbers), _said(item["flagged"]), item["p_holm"])
        for label, item in zip(labels, screened, strict=True)
    ]
    asked = ("flagged", "one_more_here", "one_fewer_here", "one_more_in_highest", "one_fewer_in_highest")
    flips = [
        (label, *(_said(item[name]) for name in asked), item["people_from_line"])
        for label, item in zip(labels, screened, strict=True)
    ]
    drawing = {"label": "Group", "value": "Ratio to highest rate", "low": "Low", "high": "High", "note": SCREEN}
    return (
        *plots.table_of("intervals", _("Selection rate as a share of the highest"), RATIO_COLUMNS, ratios, **drawing),
        *plots.table_of("table", _("Would the flag change with one person more or fewer?"), FLIP_COLUMNS, flips),
    )


def _said(answer: bool | None) -> str:
    return "" if answer is None else YES if answer else NO
