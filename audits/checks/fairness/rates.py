"""Which rate, compared how? A table of rates, from which one check a rate and transformation is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from audits.checks.contract import CheckSubject, Measurement, check
from audits.checks.fairness.attributes import BETWEEN, BY_ATTRIBUTE, MEND, TO, To
from audits.checks.fairness.compare import ROWS_OF, UNITS, compare

if TYPE_CHECKING:
    from audits.statistics.groups import Kind


@dataclass(frozen=True)
class Metric:
    """A rate in words: what it is, its formula, what happens to a group at its ends, its limits and its source."""

    name: str
    words: str
    formula: str
    never: str
    always: str
    limits: str
    not_for: str
    reference: str
    labels: bool = True


METRICS = (
    Metric(
        "selection_rate",
        "the share of people who are selected",
        r"P(\hat Y = 1 \mid A = g)",
        "nobody is selected",
        "everybody is",
        "It says nothing of whether the right people are selected: a lottery and a model that selects the unfit of one group "
        "both give equal rates.",
        "judging errors where outcomes are known and differ between groups; compare error rates beside it.",
        "``fairlearn.metrics.selection_rate``; as a ratio 29 CFR 1607.4(D) (1978), which compares with 4/5.",
        labels=False,
    ),
    Metric(
        "true_positive_rate",
        "the share of people with outcome 1 who are selected",
        r"P(\hat Y = 1 \mid Y = 1, A = g)",
        "none with outcome 1 is selected",
        "all are",
        "It takes the recorded outcome for the truth; where outcomes of one group are recorded in a biased way, so is this.",
        "outcomes that are known only for those selected before: the others are missing from the table.",
        "M. Hardt, E. Price, N. Srebro, NeurIPS 2016, arXiv:1610.02413; ``fairlearn.metrics.true_positive_rate``.",
    ),
    Metric(
        "false_positive_rate",
        "the share of people with outcome 0 who are selected",
        r"P(\hat Y = 1 \mid Y = 0, A = g)",
        "none with outcome 0 is selected",
        "all are",
        "It grows with the base rate of a group even where a score means the same for each group, unless scores are perfect.",
        "comparing groups with very different base rates without the positive predictive value beside it.",
        "J. Angwin et al., ProPublica 2016; A. Chouldechova, Big Data 5 (2017) 153-163, arXiv:1703.00056; "
        "``fairlearn.metrics.false_positive_rate``.",
    ),
    Metric(
        "false_negative_rate",
        "the share of people with outcome 1 who are not selected",
        r"P(\hat Y = 0 \mid Y = 1, A = g)",
        "none with outcome 1 is missed",
        "all are",
        "It is one less the true positive rate: the differences are equal, the ratios are not, and the ratio of two small "
        "rates swings widely.",
        "a ratio where hardly anybody is missed; read the difference there.",
        "A. Chouldechova, Big Data 5 (2017) 153-163, arXiv:1703.00056; ``fairlearn.metrics.false_negative_rate``.",
    ),
    Metric(
        "positive_predictive_value",
        "the share of selected people with outcome 1",
        r"P(Y = 1 \mid \hat Y = 1, A = g)",
        "none of the selected has outcome 1",
        "all have",
        "Groups with different base rates have different values under one threshold even where a score means the same for "
        "each group, because those above the threshold are spread differently.",
        "rows where the outcome of selected people is not yet known.",
        "A. Chouldechova, Big Data 5 (2017) 153-163, arXiv:1703.00056; ``sklearn.metrics.precision_score``.",
    ),
    Metric(
        "accuracy",
        "the share of people for whom decision and outcome agree",
        r"P(\hat Y = Y \mid A = g)",
        "each decision is wrong",
        "each is right",
        "Both kinds of error count alike, and where one outcome is rare a model that never selects comes out well.",
        "harms that differ by kind of error: compare false positive and false negative rates.",
        "R. Berk et al., Sociological Methods & Research 50 (2021) 3-44, arXiv:1703.09207; "
        "``sklearn.metrics.accuracy_score``.",
    ),
)

SUMMARIES = {
    "difference": "Largest difference between groups in {words}.",
    "ratio": "Smallest ratio between groups of {words}.",
}
FORMULAS = {
    "difference": r"\max_g r_g - \min_g r_g, \quad r_g = {formula}",
    "ratio": r"\min_g r_g \,/\, \max_g r_g, \quad r_g = {formula}",
}
MEANINGS = {
    "difference": "0: the rate of each group is the same; 1: in one group {never}, in another {always}.",
    "ratio": "1: the rate of each group is the same; 0: in some group {never}.",
}
COMPARED = {
    "difference": r"the largest :math:`|r_g - r_{\mathrm{ref}}|`",
    "ratio": r"the smallest of :math:`r_g / r_{\mathrm{ref}}`, turned over where it is above 1",
}
EMPTY = {
    "difference": "No value where fewer than two groups of an attribute can be measured.",
    "ratio": "No value where fewer than two groups of an attribute can be measured, or each rate is 0 (0/0).",
}
TEMPLATE = r"""{summary}

.. math:: {formula}

{meaning} Over several attributes the worst counts.

Parameters
----------
subject : evaluation table with sensitive attributes, {data}.
attributes : sensitive attributes to compare by; all of the table's when left out.
intersections : also compare by all attributes taken together.
min_group_size : a rate over fewer {over} is not measured. Under three people a group is suppressed altogether.
to : "between-groups" compares the groups with each other. "overall" compares each with all measured groups together, and
    an object {{attribute: group}} with that group: the value is then {compared}.
confidence : nominal coverage, for each group of Wilson's interval, for the {kind} of resampled cell counts.

Returns
-------
Measurement
    ``n`` rows of measured groups (of the comparison with the fewest); one row per group; ``detail.attributes`` holds the
    {kind} of each attribute. {empty}

Notes
-----
Limits: {limits} Chance alone drives many small groups apart; the interval allows for that at the end nearer to "all
alike", the value does not.

Not for: {not_for}

References
----------
{reference} Definition of the {kind} as in ``fairlearn.metrics.MetricFrame``.
"""


def docstring(metric: Metric, kind: Kind) -> str:
    """Return the definition of one check of the family."""
    decided = "and a score with threshold, a decision column or predicted classes"
    return TEMPLATE.format(
        summary=SUMMARIES[kind].format(words=metric.words),
        formula=FORMULAS[kind].replace("{formula}", metric.formula),
        meaning=MEANINGS[kind].format(never=metric.never, always=metric.always),
        data=f"outcomes, {decided}" if metric.labels else decided,
        over=ROWS_OF[metric.name],
        compared=COMPARED[kind],
        kind=kind,
        empty=EMPTY[kind],
        limits=metric.limits,
        not_for=metric.not_for,
        reference=metric.reference,
    )


def comparison(metric: Metric, kind: Kind) -> Callable[..., Measurement]:
    """Make and register the check that compares one rate in one way."""

    def measured(
        subject: CheckSubject,
        *,
        attributes: list[str] | None = None,
        intersections: bool = False,
        min_group_size: int = 20,
        to: To = BETWEEN,
        confidence: float = 0.95,
    ) -> Measurement:
        return compare(
            subject,
            kind=kind,
            rates=(metric.name,),
            attributes=attributes,
            intersections=intersections,
            min_group_size=min_group_size,
            to=to,
            confidence=confidence,
        )

    measured.__name__ = measured.__qualname__ = f"{metric.name}_{kind}"
    measured.__doc__ = docstring(metric, kind)
    return check(
        f"fairness.{metric.name}_{kind}",
        family="fairness",
        needs=("labels", "selection", "sensitive") if metric.labels else ("selection", "sensitive"),
        unit=UNITS[kind],
        better="lower" if kind == "difference" else "one",
        parameters={**BY_ATTRIBUTE, **TO},
        mend=MEND,
        tasks=("binary", "multiclass"),
    )(measured)


KINDS: tuple[Kind, ...] = ("difference", "ratio")
FAMILY = {f"{metric.name}_{kind}": comparison(metric, kind) for metric in METRICS for kind in KINDS}
