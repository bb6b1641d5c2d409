"""Given the outcome, is each group selected at the same rate?"""

from __future__ import annotations

from audits.checks.contract import CheckSubject, Measurement, check
from audits.checks.fairness.attributes import BETWEEN, BY_ATTRIBUTE, MEND, TO, To
from audits.checks.fairness.compare import compare


@check(
    "fairness.equal_opportunity_difference",
    family="fairness",
    needs=("labels", "selection", "sensitive"),
    unit="probability",
    better="lower",
    parameters={**BY_ATTRIBUTE, **TO},
    mend=MEND,
    tasks=("binary", "multiclass"),
)
def equal_opportunity_difference(
    subject: CheckSubject,
    *,
    attributes: list[str] | None = None,
    intersections: bool = False,
    min_group_size: int = 20,
    to: To = BETWEEN,
    confidence: float = 0.95,
) -> Measurement:
    r"""Largest difference between groups in the share of positive cases that are selected.

    .. math:: \max_g P(\hat Y = 1 \mid Y = 1, A = g) - \min_g P(\hat Y = 1 \mid Y = 1, A = g)

    0: positive cases of each group are selected at the same rate; 1: in one group always, in another never.

    Parameters
    ----------
    subject : evaluation table with sensitive attributes, outcomes and decisions.
    attributes, intersections, to, confidence : as for ``fairness.true_positive_rate_difference``, which is the same
        number under the name of its family.
    min_group_size : a rate over fewer rows with outcome 1 is not measured.

    Returns
    -------
    Measurement
        As for ``fairness.true_positive_rate_difference``.

    Notes
    -----
    Limits: It takes the recorded outcome for the truth, and says nothing of those with outcome 0.

    Not for: models whose selection is a burden (an inspection, a refusal); there the false positive rate counts.

    References
    ----------
    M. Hardt, E. Price, N. Srebro, NeurIPS 2016, arXiv:1610.02413; ``fairlearn.metrics.equal_opportunity_difference``.
    """
    return compare(
        subject,
        kind="difference",
        rates=("true_positive_rate",),
        attributes=attributes,
        intersections=intersections,
        min_group_size=min_group_size,
        to=to,
        confidence=confidence,
    )


@check(
    "fairness.equalized_odds_difference",
    family="fairness",
    needs=("labels", "selection", "sensitive"),
    unit="probability",
    better="lower",
    parameters={**BY_ATTRIBUTE, **TO},
    mend=MEND,
    tasks=("binary", "multiclass"),
)
def equalized_odds_difference(
    subject: CheckSubject,
    *,
    attributes: list[str] | None = None,
    intersections: bool = False,
    min_group_size: int = 20,
    to: To = BETWEEN,
    confidence: float = 0.95,
) -> Measurement:
    r"""Largest difference between groups in true positive rate or false positive rate, whichever is larger.

    .. math:: \max_{y} \left( \max_g r_{yg} - \min_g r_{yg} \right), \quad r_{yg} = P(\hat Y = 1 \mid Y = y, A = g)

    0: given the outcome, each group is selected at the same rate; 1: in one group always, in another never.

    Parameters
    ----------
    subject : evaluation table with sensitive attributes, outcomes and decisions.
    attributes, intersections, to, confidence : as for ``fairness.true_positive_rate_difference``.
    min_group_size : a group with fewer rows of either outcome is not measured.

    Returns
    -------
    Measurement
        ``n`` rows of measured groups (of the comparison with the fewest); one row per group with both rates;
        ``detail.attributes`` holds the difference of each attribute and which rate it is of.

    Notes
    -----
    Limits: Unless base rates are equal or scores perfect, it cannot be 0 together with equal positive predictive values.

    Not for: cases where the two kinds of error weigh differently; compare the two rates each on their own.

    References
    ----------
    M. Hardt, E. Price, N. Srebro, NeurIPS 2016, arXiv:1610.02413; ``fairlearn.metrics.equalized_odds_difference``;
    J. Kleinberg, S. Mullainathan, M. Raghavan, ITCS 2017, arXiv:1609.05807.
    """
    return compare(
        subject,
        kind="difference",
        rates=("true_positive_rate", "false_positive_rate"),
        attributes=attributes,
        intersections=intersections,
        min_group_size=min_group_size,
        to=to,
        confidence=confidence,
    )
