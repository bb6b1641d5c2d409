"""Which groups differ by more than chance, when every comparison that was made is counted?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from audits.checks.contract import NEEDS, CheckSubject, GroupRow, Insufficient, Measurement, Plot, check
from audits.checks.contract import PlotColumn as Column
from audits.checks.contract import gettext_noop as _
from audits.checks.fairness import plots
from audits.checks.fairness.attributes import (
    BY_ATTRIBUTE,
    MEND,
    chosen_attributes,
    comparisons_of,
    group_cells,
    group_name,
    title_of,
    turned_over,
)
from audits.checks.fairness.compare import ROWS_OF, rows_of

if TYPE_CHECKING:
    from audits.statistics.confusion import GroupCells, RateDefinition

Against = str | dict[str, str]
REST, LARGEST = "rest", "largest"

COLUMNS = (
    plots.GROUP,
    Column(_("Compared with"), "text"),
    Column(_("Difference")),
    plots.LOW,
    plots.HIGH,
    plots.ROWS,
    plots.RATE,
    Column(_("Rows compared with"), "count"),
    Column(_("Rate compared with"), "share"),
    Column(_("p")),
    Column(_("p, Holm")),
    Column(_("p, Benjamini-Hochberg")),
)


@check(
    "fairness.exact_tests",
    family="fairness",
    needs=("selection", "sensitive"),
    unit="p-value",
    better="higher",
    parameters={
        **BY_ATTRIBUTE,
        "rate": {"enum": list(ROWS_OF)},
        "against": {
            "oneOf": [
                {"enum": [REST, LARGEST]},
                {
                    "type": "object",
                    "minProperties": 1,
                    "maxProperties": 20,
                    "additionalProperties": {"type": "string", "minLength": 1, "maxLength": 200},
                },
            ]
        },
        "test": {"enum": ["fisher", "mid-p"]},
        "adjust": {"enum": ["holm", "benjamini-hochberg"]},
    },
    mend=MEND,
    tasks=("binary", "multiclass"),
)
def exact_tests(
    subject: CheckSubject,
    *,
    attributes: list[str] | None = None,
    intersections: bool = False,
    min_group_size: int = 20,
    rate: str = "selection_rate",
    against: Against = REST,
    test: Literal["fisher", "mid-p"] = "fisher",
    adjust: Literal["holm", "benjamini-hochberg"] = "holm",
    confidence: float = 0.95,
) -> Measurement:
    r"""Smallest adjusted p-value of exact tests of each group against the others.

    .. math:: \min_i \tilde p_i, \quad \tilde p_{(i)} = \max_{j \le i} \min\{1, (m - j + 1)\, p_{(j)}\}

    over the m comparisons of all attributes and intersections (Holm; Benjamini-Hochberg stands beside it). 1: no group
    differs from the others at all; 0: some group differs by far more than chance explains.

    Parameters
    ----------
    subject : evaluation table with sensitive attributes and decisions; outcomes too for rates other than selection.
    attributes : sensitive attributes to compare by; all of the table's when left out.
    intersections : also compare by all attributes taken together; these comparisons are counted too.
    min_group_size : groups whose rate is over fewer rows are not tested. Under three people a group is suppressed.
    rate : "selection_rate", "true_positive_rate", "false_positive_rate", "false_negative_rate",
        "positive_predictive_value" or "accuracy".
    against : "rest" (all other measured groups), "largest" (the group with the most rows), or an object
        {attribute: group}.
    test : "fisher", two-sided: the chance, given all margins, of a table no likelier than the one seen; or "mid-p", which
        counts tables just as likely as that one by half and errs less on the safe side.
    adjust : how p-values are adjusted for the number of comparisons. Both adjustments stand in ``detail``.
    confidence : nominal coverage of Newcombe's interval of each difference and of Wilson's of each rate.

    Returns
    -------
    Measurement
        ``n`` rows of the tested groups (of the attribute with the fewest); ``detail.comparisons`` holds for each
        comparison n, hits, rates, difference with interval, p by Fisher, mid-p and (up to 200 rows) Boschloo and Barnard,
        and both adjustments. Two groups of one attribute are one comparison.

    Notes
    -----
    Limits: With many rows the smallest difference is beyond chance, and with few rows hardly any is: read the difference
    and its interval with it. Tests count rows, weights of a table are left aside. Comparisons of one table depend on each
    other; Holm's adjustment holds all the same, Benjamini-Hochberg's where the dependence is positive.

    Not for: showing that groups are treated alike: a large p-value is no evidence of that.

    References
    ----------
    R. A. Fisher, J. Royal Statistical Society 98 (1935) 39-82; R. D. Boschloo, Statistica Neerlandica 24 (1970) 1-9;
    G. A. Barnard, Biometrika 34 (1947) 123-138;
    S. Holm, Scand. J. Statistics 6 (1979) 65-70; Y. Benjamini, Y. Hochberg, J. Royal Statistical Society B 57 (1995)
    289-300; R. G. Newcombe, Statistics in Medicine 17 (1998) 873-890.
    """
    from audits.statistics.confusion import RATES
    from audits.statistics.multiplicity import benjamini_hochberg, holm
    from audits.tables.decisions import decision_cells

    if rate != "selection_rate" and subject.evaluation.roles.target is None:
        raise Insufficient(*NEEDS["labels"][1:])
    names = chosen_attributes(subject, attributes)
    cells = decision_cells(subject.evaluation, names)
    rows: list[GroupRow] = []
    found: list[dict[str, Any]] = []
    problems: list[str] = []
    sizes: list[int] = []
    for chosen in comparisons_of(names, intersections):
        title, groups = title_of(chosen), group_cells(cells, names, chosen)
        shown, measured = rows_of(title, groups, (rate,), min_group_size, confidence)
        rows += shown
        other = None if against == REST else _other(groups, measured, against, chosen)
        tested = _comparisons(title, groups, measured, RATES[rate], other=other, confidence=confidence)
        least = f"at least {min_group_size} {ROWS_OF[rate]} each"
        problems += [] if tested else [f"{title}: there are no two groups to be tested ({least})"]
        sizes.append(sum(groups.sizes[at] for at in measured))
        found += tested
    p_values = [item["p_mid" if test == "mid-p" else "p_fisher"] for item in found]
    for item, strict, lenient in zip(found, holm(p_values), benjamini_hochberg(p_values), strict=True):
        item |= {"p_holm": strict, "p_benjamini_hochberg": lenient}
    adjusted = [item["p_holm" if adjust == "holm" else "p_benjamini_hochberg"] for item in found]
    notes = [f"{len(found)} comparisons were made, and p-values are adjusted for all of them.", *turned_over(subject)]
    if subject.evaluation.roles.weight is not None:
        notes.append("Exact tests count rows: the weights of the table are left aside.")
    return Measurement(
        None if problems else min(adjusted),
        "p-value",
        None,
        None,
        confidence,
        min(sizes),
        f"{test}, {adjust}; newcombe for differences",
        groups=tuple(rows),
        notes=tuple(notes),
        detail={"rate": rate, "comparisons": found},
        reason="; ".join(problems) + "." if problems else "",
        plots=_plot(found, test),
    )


def _other(groups: GroupCells, measured: list[int], against: Against, chosen: tuple[str, ...]) -> int | None:
    """Return the place of the group others are tested against; None where it is not measured."""
    if against == LARGEST:
        return max(measured, key=lambda at: (groups.sizes[at], -at), default=None)
    named = against if isinstance(against, dict) else {}
    if not all(name in named for name in chosen) and title_of(chosen) not in named:
        raise Insufficient(
            f"The requirement names a group to compare with, and none for {title_of(chosen)!r}.",
            "Name one for each attribute of the requirement.",
        )
    name = named.get(title_of(chosen)) or group_name(chosen, [named[part] for part in chosen])
    return next((at for at in measured if groups.names[at] == name), -1)


def _comparisons(
    title: str,
    groups: GroupCells,
    measured: list[int],
    rate: RateDefinition,
    *,
    other: int | None,
    confidence: float,
) -> list[dict[str, Any]]:
    """Test each measured group against another, or against all others that are measured."""
    from audits.statistics.two_proportions import exact_tests as tested
    from audits.statistics.two_proportions import newcombe

    hits = [round(float(cells[list(rate.hits)].sum())) for cells in groups.n]
    over = [round(float(cells[list(rate.over)].sum())) for cells in groups.n]
    if other == -1:
        return []
    one_is_enough = other is None and len(measured) == 2
    found: list[dict[str, Any]] = []
    for at in measured:
        others = [place for place in measured if place != at] if other is None else [other]
        n_against, hits_against = sum(over[place] for place in others), sum(hits[place] for place in others)
        if at == other or not others or (one_is_enough and found):
            continue
        counts = hits[at], over[at], hits_against, n_against
        result, interval = tested(*counts), newcombe(*counts, confidence)
        named = groups.names[others[0]] if len(others) == 1 else "(rest)"
        found.append(
            {"attribute": title, "group": groups.names[at], "against": named}
            | {"n": counts[1], "hits": counts[0], "rate": counts[0] / counts[1]}
            | {"n_against": n_against, "hits_against": hits_against, "rate_against": hits_against / n_against}
            | {"difference": counts[0] / counts[1] - hits_against / n_against}
            | {"low": interval.low, "high": interval.high}
            | {"p_fisher": result.fisher, "p_mid": result.mid_p, "p_boschloo": result.boschloo}
            | {"p_barnard": result.barnard}
        )
    return found


def _plot(found: list[dict[str, Any]], test: str) -> tuple[Plot, ...]:
    """Return the differences with their intervals and p-values, most surprising first."""
    p_value = "p_mid" if test == "mid-p" else "p_fisher"
    compared = ("n", "rate", "n_against", "rate_against")
    fields = ("against", "difference", "low", "high", *compared, p_value, "p_holm", "p_benjamini_hochberg")
    drawn = [
        (plots.group_label(item["attribute"], item["group"]), *(item[name] for name in fields))
        for item in sorted(found, key=lambda item: item[p_value])
    ]
    return plots.table_of(
        "intervals",
        _("Difference of each group, with exact tests"),
        COLUMNS,
        drawn,
        label="Group",
        value="Difference",
        low="Low",
        high="High",
    )
