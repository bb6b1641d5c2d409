"""How unequally do right and wrong decisions spread benefit over people?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from audits.checks.contract import NEEDS, CheckSubject, GroupRow, Insufficient, Measurement, Plot, check
from audits.checks.contract import PlotColumn as Column
from audits.checks.contract import gettext_noop as _
from audits.checks.fairness.attributes import (
    BY_ATTRIBUTE,
    MEND,
    chosen_attributes,
    group_cells,
    title_of,
    turned_over,
)
from audits.checks.fairness.compare import rows_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

INDIVIDUALS, BETWEEN = "individuals", "between-groups"
COLUMNS = (Column(_("Index"), "text"), Column(_("Over individuals")), Column(_("Between groups")))
KINDS = (
    ("generalized_entropy", _("Generalized entropy")),
    ("theil", "Theil"),
    ("variation", _("Coefficient of variation")),
)


@check(
    "fairness.generalized_entropy",
    family="fairness",
    needs=("labels", "selection"),
    unit="index",
    better="lower",
    parameters={
        "index": {"enum": [kind for kind, _name in KINDS]},
        "alpha": {"type": "number", "minimum": 0.5, "maximum": 5},
        "of": {"enum": [INDIVIDUALS, BETWEEN]},
        "attributes": BY_ATTRIBUTE["attributes"],
        "min_group_size": BY_ATTRIBUTE["min_group_size"],
    },
    mend=MEND,
    tasks=("binary", "multiclass"),
)
def generalized_entropy(
    subject: CheckSubject,
    *,
    index: Literal["generalized_entropy", "theil", "variation"] = "generalized_entropy",
    alpha: float = 2.0,
    of: str = INDIVIDUALS,
    attributes: list[str] | None = None,
    min_group_size: int = 20,
    confidence: float = 0.95,
) -> Measurement:
    r"""Inequality of benefit (decision less outcome, plus 1) over people or between groups.

    .. math:: GE_\alpha = \frac{1}{\alpha(\alpha - 1)} \left(\frac1n \sum_i (b_i / \mu)^\alpha - 1\right), \quad
              T = GE_1 = \frac1n \sum_i \frac{b_i}{\mu} \ln \frac{b_i}{\mu}, \quad CV = \sqrt{2\, GE_2}, \quad
              b_i = \hat y_i - y_i + 1

    0: everybody has the same benefit, as where each decision is right; the larger, the more unequal. Who is selected
    against the outcome has benefit 2, who is not selected in spite of it 0, and everybody else 1. Between groups each person
    is given the mean benefit of the group; with 1 for each mean that part is 0.

    Parameters
    ----------
    subject : evaluation table with outcomes and decisions; sensitive attributes for "between-groups".
    index : "generalized_entropy", "theil" (:math:`\alpha = 1`) or "variation" (the coefficient of variation).
    alpha : the weight of large benefits in "generalized_entropy", from 0.5 to 5.
    of : "individuals", or "between-groups" of all attributes taken together.
    attributes : sensitive attributes that form the groups; all of the table's when left out.
    min_group_size : smaller groups have no part between groups. Under three people a group is suppressed altogether.
    confidence : nominal coverage of percentiles of resampled cell counts, and of Wilson's interval of each accuracy.

    Returns
    -------
    Measurement
        ``n`` rows the index is over; one row per group with its accuracy; ``detail.indices`` holds the three indices over
        individuals and between groups. No value where nobody has any benefit (0/0), or fewer than two groups are measured.

    Notes
    -----
    Limits: benefit is a convention: an undeserved selection counts as twice a right decision, and a right refusal as much
    as a right selection. Between groups chance alone lifts the index above 0, so the interval seldom reaches 0.

    Not for: saying which group fares worse (read the rates by group), or where a false selection is no benefit.

    References
    ----------
    T. Speicher et al., KDD 2018, 2239-2248, arXiv:1807.00787; F. A. Cowell, K. Kuga, J. Economic Theory 25 (1981)
    131-143; ``aif360.sklearn.metrics.generalized_entropy_error``.
    """
    import numpy as np

    from audits.statistics.confusion import drawn_cells
    from audits.statistics.entropy import benefits_of
    from audits.statistics.groups import METHOD
    from audits.statistics.intervals import ends, holding, percentile
    from audits.tables.decisions import decision_cells

    table = subject.evaluation
    between = of == BETWEEN
    if between and not table.roles.sensitive:
        raise Insufficient(*NEEDS["sensitive"][1:])
    names = chosen_attributes(subject, attributes) if table.roles.sensitive or attributes else ()
    everybody = group_cells(decision_cells(table, ()), (), ())
    rows: list[GroupRow] = []
    kept = None
    if names:
        groups = group_cells(decision_cells(table, names), names, names)
        rows, measured = rows_of(title_of(names), groups, ("accuracy",), min_group_size, confidence)
        kept = groups.only(measured) if len(measured) > 1 else None
    detail: dict[str, Any] = {"alpha": alpha, "indices": {}}
    for kind, _name in KINDS:
        over = float(_index(*benefits_of(everybody.weight, between=False), kind, alpha))
        among = float(_index(*benefits_of(kept.weight, between=True), kind, alpha)) if kept is not None else math.nan
        detail["indices"][kind] = {INDIVIDUALS: over, BETWEEN: among}
    chosen = kept if between else everybody
    value = detail["indices"][index][of]
    reason = "" if math.isfinite(value) else "Nobody has any benefit: 0/0."
    if chosen is None:
        reason = f"Fewer than two groups can be measured (at least {min_group_size} rows each)."
    shown = [
        (label, *(_plain(detail["indices"][kind][one]) for one in (INDIVIDUALS, BETWEEN))) for kind, label in KINDS
    ]
    plots = (Plot("table", _("Inequality of benefit"), COLUMNS, tuple(shown)),)
    n = sum(chosen.sizes) if chosen is not None else 0
    common: dict[str, Any] = {
        "groups": tuple(rows),
        "notes": tuple(turned_over(subject)),
        "detail": detail,
        "plots": plots,
    }
    if reason or chosen is None:
        return Measurement(None, "index", None, None, confidence, n, METHOD, reason=reason, **common)
    drawn = _index(*benefits_of(drawn_cells(chosen, seed=subject.seed), between=between), index, alpha)
    interval = percentile(drawn, confidence) if np.isfinite(drawn).all() else None
    return Measurement(value, "index", *ends(holding(value, interval)), confidence, n, METHOD, **common)


def _index(weights: NDArray[Any], benefits: NDArray[Any], kind: str, alpha: float) -> NDArray[Any]:
    import numpy as np

    from audits.statistics.entropy import generalized_entropy as entropy

    if kind == "variation":
        return np.sqrt(2.0 * entropy(weights, benefits, 2.0))
    return entropy(weights, benefits, 1.0 if kind == "theil" else alpha)


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None
