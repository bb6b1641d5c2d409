"""Where a number is predicted: how far do predictions and their errors differ between groups?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from audits.checks.contract import CheckSubject, Measurement, check
from audits.checks.contract import gettext_noop as _
from audits.checks.fairness.attributes import BETWEEN, BY_ATTRIBUTE, MEND, TO, To, chosen_attributes, group_name
from audits.checks.fairness.means import Compared, compare_means

if TYPE_CHECKING:
    from audits.statistics.group_means import Mean
    from audits.tables.group_scores import AmountCell


@dataclass(frozen=True)
class Amount:
    """A mean of a regression in words: what it is, its formula, what its sign says, its limits and its source."""

    name: str
    words: str
    formula: str
    beyond: str
    limits: str
    not_for: str
    reference: str
    titles: tuple[str, str]
    labels: bool = True


AMOUNTS = (
    Amount(
        "mean_prediction",
        "the mean prediction",
        r"\frac{1}{n_g} \sum_{i \in g} \hat y_i",
        "people of one group are on average given that much more than those of another",
        "Groups that differ in what is predicted differ here also where each prediction is right.",
        "judging errors where outcomes are known.",
        "``fairlearn.metrics.mean_prediction``.",
        (_("Mean prediction by group"), _("Difference in mean prediction by attribute")),
        labels=False,
    ),
    Amount(
        "mean_error",
        "the mean error (prediction less outcome)",
        r"\frac{1}{n_g} \sum_{i \in g} (\hat y_i - y_i)",
        "one group is on average predicted that much higher, against what happened, than another",
        "Errors of opposite sign within a group cancel; compare the mean absolute error beside it.",
        "groups whose outcomes are recorded differently.",
        "A. Agarwal, M. Dudík, Z. S. Wu, ICML 2019, arXiv:1905.12843 (bounded group loss).",
        (_("Mean error by group"), _("Difference in mean error by attribute")),
    ),
    Amount(
        "mean_absolute_error",
        "the mean absolute error",
        r"\frac{1}{n_g} \sum_{i \in g} |\hat y_i - y_i|",
        "predictions for one group are on average that much further off than for another",
        "Groups with larger outcomes mostly have larger errors: compare with the spread of outcomes.",
        "outcomes on a scale where equal distances do not weigh alike.",
        "``sklearn.metrics.mean_absolute_error``; A. Agarwal, M. Dudík, Z. S. Wu, ICML 2019, arXiv:1905.12843.",
        (_("Mean absolute error by group"), _("Difference in mean absolute error by attribute")),
    ),
)

TEMPLATE = r"""Largest difference between groups in {words}.

.. math:: \max_g m_g - \min_g m_g, \quad m_g = {formula}

0: it is the same in each group; above 0: {beyond}, in units of the outcome. Over several attributes the worst counts.

Parameters
----------
subject : evaluation table of a regression with sensitive attributes, predictions{outcomes}.
attributes : sensitive attributes to compare by; all of the table's when left out.
intersections : also compare by all attributes taken together.
min_group_size : groups with fewer rows are not measured. Under three people a group is suppressed altogether.
to : "between-groups", "overall" (each against all groups together) or an object {{attribute: group}}.
confidence : nominal coverage of Student's interval of each group and of the difference of drawn means.

Returns
-------
Measurement
    ``n`` rows of measured groups (of the comparison with the fewest); one row per group; ``detail.attributes`` holds the
    difference of each attribute. No value where fewer than two groups of an attribute can be measured.

Notes
-----
Limits: {limits} The interval rests on means of groups being near a normal law: with few rows and long tails it is too
narrow.

Not for: {not_for}

References
----------
{reference} Definition of the difference as in ``fairlearn.metrics.MetricFrame``.
"""


def comparison(amount: Amount) -> Callable[..., Measurement]:
    """Make and register the check that compares one mean."""

    def measured(
        subject: CheckSubject,
        *,
        attributes: list[str] | None = None,
        intersections: bool = False,
        min_group_size: int = 20,
        to: To = BETWEEN,
        confidence: float = 0.95,
    ) -> Measurement:
        from audits.tables.group_scores import amount_cells

        names = chosen_attributes(subject, attributes)
        centre, cells = amount_cells(subject.evaluation, names)
        return compare_means(
            subject,
            Compared(
                amount.name,
                "units of the outcome",
                amount.titles,
                lambda chosen: _means(amount.name, centre, cells, names, chosen),
            ),
            names=names,
            intersections=intersections,
            min_group_size=min_group_size,
            to=to,
            confidence=confidence,
        )

    measured.__name__ = measured.__qualname__ = f"{amount.name}_difference"
    measured.__doc__ = TEMPLATE.format(
        words=amount.words,
        formula=amount.formula,
        beyond=amount.beyond,
        outcomes=" and outcomes" if amount.labels else "",
        limits=amount.limits,
        not_for=amount.not_for,
        reference=amount.reference,
    )
    return check(
        f"fairness.{amount.name}_difference",
        family="fairness",
        needs=("labels", "predictions", "sensitive") if amount.labels else ("predictions", "sensitive"),
        unit="units of the outcome",
        better="lower",
        parameters={**BY_ATTRIBUTE, **TO},
        mend=MEND,
        tasks=("regression",),
    )(measured)


def _means(
    name: str, centre: float, cells: list[AmountCell], names: tuple[str, ...], chosen: tuple[str, ...]
) -> list[Mean]:
    """Return the mean of each group of one comparison, sorted by name."""
    import dataclasses

    import numpy as np

    from audits.statistics.group_means import mean_of

    places = [names.index(part) for part in chosen]
    totals: dict[str, np.ndarray] = {}
    for cell in cells:
        group = group_name(chosen, [cell.groups[place] for place in places])
        total = totals.setdefault(group, np.zeros(5))
        total += (cell.n, cell.weight, cell.square, *_sums(name, cell))
    means = [
        mean_of(group, round(float(one[0])), (float(one[3]), float(one[4])), weight=float(one[1]), square=float(one[2]))
        for group, one in sorted(totals.items())
    ]
    moved = centre if name == "mean_prediction" else 0.0
    return [dataclasses.replace(one, value=one.value + moved) for one in means]


def _sums(name: str, cell: AmountCell) -> tuple[float, float]:
    """Return sum and sum of squares of one amount in a cell."""
    if name == "mean_prediction":
        return cell.prediction
    return cell.error if name == "mean_error" else (cell.absolute, cell.error[1])


FAMILY = {f"{amount.name}_difference": comparison(amount) for amount in AMOUNTS}
