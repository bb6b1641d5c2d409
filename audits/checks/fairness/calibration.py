"""Does a score mean the same in each group?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from audits.checks.contract import NEEDS, CheckSubject, GroupRow, Insufficient, Measurement, Plot, check
from audits.checks.contract import PlotColumn as Column
from audits.checks.contract import gettext_noop as _
from audits.checks.fairness import plots
from audits.checks.fairness.attributes import (
    BETWEEN,
    BY_ATTRIBUTE,
    TO,
    To,
    chosen_attributes,
    comparisons_of,
    group_name,
    title_of,
)
from audits.checks.fairness.means import Compared, compare_means
from audits.checks.fairness.suppression import printed

if TYPE_CHECKING:
    from audits.statistics.group_calibration import BinnedScores
    from audits.statistics.intervals import Interval

MEND = (
    "Recalibrate the scores on rows of all groups that were not used for training, look at features that carry different "
    "meaning in different groups, and register a new version."
)
BINS = {"bins": {"type": "integer", "minimum": 2, "maximum": 50}}

GroupsOf = Callable[[tuple[str, ...]], "list[BinnedScores]"]

RELIABILITY = (
    plots.GROUP,
    Column(_("Mean score")),
    Column(_("Observed rate")),
    plots.LOW,
    plots.HIGH,
    plots.ROWS,
)


@check(
    "fairness.calibration_difference",
    family="fairness",
    needs=("labels", "sensitive"),
    unit="probability",
    better="lower",
    parameters={**BY_ATTRIBUTE, **TO, **BINS},
    mend=MEND,
    tasks=("binary", "multiclass"),
)
def calibration_difference(
    subject: CheckSubject,
    *,
    attributes: list[str] | None = None,
    intersections: bool = False,
    min_group_size: int = 20,
    to: To = BETWEEN,
    bins: int = 10,
    confidence: float = 0.95,
) -> Measurement:
    r"""Largest difference between groups in mean score less observed rate.

    .. math:: \max_g c_g - \min_g c_g, \quad c_g = \frac{1}{n_g} \sum_{i \in g} (s_i - y_i)

    0: scores of each group are too high, or too low, by the same amount on average, or right; 1 and more (at most 2): of
    one group they promise far more than happens, of another far less. Over several attributes the worst counts.

    Parameters
    ----------
    subject : evaluation table with sensitive attributes, outcomes and scores (of the favourable class for a multiclass
        model).
    attributes : sensitive attributes to compare by; all of the table's when left out.
    intersections : also compare by all attributes taken together.
    min_group_size : groups with fewer rows are not measured. Under three people a group is suppressed altogether.
    to : "between-groups", "overall" (each against all groups together) or an object {attribute: group}.
    bins : number of equal-width bins for the calibration error shown beside each group, and for the plot.
    confidence : nominal coverage of Student's interval of each group and of the difference of drawn means.

    Returns
    -------
    Measurement
        ``n`` rows of measured groups (of the comparison with the fewest); for each group the gap, mean score, observed
        rate and expected calibration error; ``detail.attributes`` holds the difference of each attribute.

    Notes
    -----
    Limits: A mean hides errors that cancel: scores of a group may be too high at one end and too low at the other. Look at
    the calibration error and the plot beside it.

    Not for: models whose score is not a probability; groups whose outcomes are recorded differently.

    References
    ----------
    J. Kleinberg, S. Mullainathan, M. Raghavan, ITCS 2017, arXiv:1609.05807; G. Pleiss et al., NeurIPS 2017,
    arXiv:1709.02012.
    """
    from audits.statistics.group_calibration import calibration_error, residual

    names, groups_of = _groups(subject, attributes, bins)

    def beside(chosen: tuple[str, ...], group: str) -> dict[str, float | None]:
        found = next(one for one in groups_of(chosen) if one.name == group)
        return {
            "mean_score": found.mean_score,
            "observed_rate": found.observed,
            "calibration_error": calibration_error(found),
        }

    what = Compared(
        "calibration_gap",
        "probability",
        (_("Mean score less observed rate by group"), _("Difference in calibration by attribute")),
        lambda chosen: [residual(one) for one in groups_of(chosen)],
        beside,
        lambda rows: _reliability(rows, groups_of, comparisons_of(names, intersections), confidence),
    )
    return compare_means(
        subject,
        what,
        names=names,
        intersections=intersections,
        min_group_size=min_group_size,
        to=to,
        confidence=confidence,
    )


@check(
    "fairness.calibration_error",
    family="fairness",
    needs=("labels", "sensitive"),
    unit="probability",
    better="lower",
    parameters={**BY_ATTRIBUTE, **BINS},
    mend=MEND,
    tasks=("binary", "multiclass"),
)
def worst_calibration_error(
    subject: CheckSubject,
    *,
    attributes: list[str] | None = None,
    intersections: bool = False,
    min_group_size: int = 20,
    bins: int = 10,
    confidence: float = 0.95,
) -> Measurement:
    r"""Largest expected calibration error of any group.

    .. math:: \max_g \sum_b \frac{n_{gb}}{n_g} |\bar y_{gb} - \bar s_{gb}|

    0: in each bin of each group the observed rate equals the mean score; 1: each score of some group is 0 or 1 and wrong.

    Parameters
    ----------
    subject, attributes, intersections, min_group_size : as for ``fairness.calibration_difference``.
    bins : number of equal-width bins over [0, 1], each open below and closed above.
    confidence : nominal coverage of the bias-corrected interval over multinomial draws of the cells of a group.

    Returns
    -------
    Measurement
        ``n`` rows of measured groups (of the attribute with the fewest); each group's error with its interval. The lower
        end is the highest of the groups' lower ends, each at a confidence raised for their number.

    Notes
    -----
    Limits: Chance pushes the error up where rows are few, so the group with the largest error is often the smallest one:
    read its interval. It depends on the bins, which ``method`` names.

    Not for: comparing groups of very different size by the value alone; use ``fairness.calibration_difference``.

    References
    ----------
    M. P. Naeini, G. F. Cooper, M. Hauskrecht, AAAI 2015; U. Hébert-Johnson et al., ICML 2018, arXiv:1711.08513.
    """
    from audits.statistics.group_calibration import calibration_error, calibration_error_interval
    from audits.statistics.groups import status_of

    names, groups_of = _groups(subject, attributes, bins)
    compared = comparisons_of(names, intersections)
    rows: list[GroupRow] = []
    worst: list[tuple[float, Interval | None]] = []
    strict: list[Interval | None] = []
    problems: list[str] = []
    sizes: list[int] = []
    for chosen in compared:
        title, groups = title_of(chosen), groups_of(chosen)
        answers = [status_of(one.rows, [one.rows], min_group_size, ["rows"]) for one in groups]
        kept = [one for one, (status, _note) in zip(groups, answers, strict=True) if status == "measured"]
        errors = {one.name: calibration_error(one) for one in kept}
        raised = 1.0 - (1.0 - confidence) / max(1, len(kept) * len(compared))
        ends = {
            one.name: calibration_error_interval(one, seed=subject.seed + at, confidence=confidence)
            for at, one in enumerate(kept)
        }
        strict += [
            calibration_error_interval(one, seed=subject.seed + at, confidence=raised) for at, one in enumerate(kept)
        ]

        def row(at: int, title: str = title, errors: Any = errors, ends: Any = ends, groups: Any = groups) -> GroupRow:
            one, end = groups[at], ends[groups[at].name]
            low, high = (end.low, end.high) if end else (None, None)
            values = {
                "calibration_error": errors[one.name],
                "mean_score": one.mean_score,
                "observed_rate": one.observed,
            }
            return GroupRow(title, one.name, one.rows, values, low, high, "measured")

        shown, _places = printed(title, [one.name for one in groups], [one.rows for one in groups], answers, row)
        rows += shown
        worst += [(errors[one.name], ends[one.name]) for one in kept]
        sizes.append(sum(one.rows for one in kept))
        problems += [] if kept else [f"{title}: no group can be measured (at least {min_group_size} rows each)"]
    low = [one.low for one in strict if one]
    high = [one.high for _value, one in worst if one]
    whole = not problems and len(low) == len(high) == len(worst)
    value = None if problems else max(found for found, _ends in worst)
    return Measurement(
        value,
        "probability",
        min(max(low), value) if whole and value is not None else None,
        max(high) if whole else None,
        confidence,
        min(sizes),
        f"multinomial-resampling-bias-corrected, equal-width-{bins}",
        groups=tuple(rows),
        detail={"binning": f"equal-width-{bins}"},
        reason="; ".join(problems) + "." if problems else "",
        plots=(
            *plots.mean_by_group(rows, "calibration_error", _("Calibration error by group")),
            *_reliability(rows, groups_of, compared, confidence),
        ),
    )


def _groups(subject: CheckSubject, attributes: Iterable[str] | None, bins: int) -> tuple[tuple[str, ...], GroupsOf]:
    """Return the attributes, and what sums the bins of the groups of one comparison, sorted by name."""
    import functools

    import numpy as np

    from audits.statistics.group_calibration import BinnedScores
    from audits.tables.decisions import score_name
    from audits.tables.group_scores import score_bins

    if score_name(subject.evaluation) is None:
        raise Insufficient(*NEEDS["scores"][1:])
    names = chosen_attributes(subject, attributes)
    edges = tuple(float(edge) for edge in np.linspace(0.0, 1.0, bins + 1)[1:-1])
    cells = score_bins(subject.evaluation, names, edges=edges)

    @functools.cache
    def groups_of(chosen: tuple[str, ...]) -> list[BinnedScores]:
        places = [names.index(name) for name in chosen]
        sums: dict[str, Any] = {}
        for cell in cells:
            name = group_name(chosen, [cell.groups[place] for place in places])
            total = sums.setdefault(name, np.zeros((5, bins, 2)))
            total[:, cell.place, cell.label] += (cell.n, cell.weight, cell.square, cell.score, cell.score_square)
        return [BinnedScores(name, *sums[name]) for name in sorted(sums)]

    return names, groups_of


def _reliability(
    rows: Sequence[GroupRow], groups_of: GroupsOf, compared: Sequence[tuple[str, ...]], confidence: float
) -> tuple[Plot, ...]:
    """Return the reliability diagram, one line a group, of as many comparisons as fit."""
    from audits.statistics.group_calibration import reliability

    measured = {(row.attribute, row.group) for row in rows if row.status == "measured"}
    drawn = [
        (plots.group_label(title_of(chosen), one.name), bin_.mean_score, bin_.observed, bin_.low, bin_.high, bin_.n)
        for chosen in compared
        for one in groups_of(chosen)
        if (title_of(chosen), one.name) in measured
        for bin_ in reliability(one, confidence)
    ]
    return plots.table_of(
        "line",
        _("Reliability by group"),
        RELIABILITY,
        drawn,
        x="Mean score",
        y="Observed rate",
        low="Low",
        high="High",
        series="Group",
        diagonal=True,
    )
