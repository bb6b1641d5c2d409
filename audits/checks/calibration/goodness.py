"""Could the deviation of outcomes from scores be chance?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from audits.checks.calibration import diagram
from audits.checks.contract import CheckSubject, Measurement, Plot, PlotColumn, check, gettext_noop

if TYPE_CHECKING:
    from audits.statistics.goodness import GroupOfScores

MEND = "Recalibrate the scores on rows that were not used for training (isotonic or Platt), and register a new version."
WEIGHTED = "Rows are weighted: Kish's effective number of rows stands for their number."


@check(
    "calibration.hosmer_lemeshow",
    family="calibration",
    needs=("labels", "scores"),
    unit="p-value",
    better="higher",
    parameters={
        "groups": {"type": "integer", "minimum": 3, "maximum": 100},
        "fitted_on_these_rows": {"type": "boolean"},
    },
    mend=MEND,
)
def hosmer_lemeshow(
    subject: CheckSubject, *, groups: int = 10, fitted_on_these_rows: bool = False, confidence: float = 0.95
) -> Measurement:
    r"""P-value of the Hosmer-Lemeshow test: chance of outcomes at least this far from the scores, were they true.

    .. math:: H = \sum_g \frac{(O_g - E_g)^2}{n_g \bar s_g (1 - \bar s_g)}, \qquad p = P(\chi^2_{df} \ge H)

    0: outcomes this far from the scores would not occur by chance; 1: outcomes agree with the scores. A requirement
    reads "at least 0.05".

    Parameters
    ----------
    subject : evaluation table with ``target`` and ``score``.
    groups : groups of about as many rows each by rising score; equal scores stay together, so fewer may come out.
    fitted_on_these_rows : the scores were fitted on the rows of this table, which costs two degrees of freedom: of G
        groups found df is G - 2 then, else G.
    confidence : not used; a p-value has no interval.

    Returns
    -------
    Measurement
        The p-value over ``n`` rows; ``detail`` holds ``statistic`` H (None where infinite), ``df``, ``grouping`` (kind,
        number asked for and found, rule for ties) and the ``groups`` with the scores at their ends, n, observed and
        expected counts. No value where fewer groups than degrees of freedom need come out.

    Notes
    -----
    Limits: another grouping gives another p-value, which is why it is named in the evidence. Programs differ in it and
    in the degrees of freedom. Below five expected cases in a group the chi-square law is rough; a note says so. With
    very many rows the smallest deviation is found.

    Not for: showing that scores are calibrated. A large p-value says that this test did not see a deviation, which few
    rows guarantee.

    References
    ----------
    D. W. Hosmer, S. Lemeshow, Communications in Statistics A9 (1980) 1043-1069; D. W. Hosmer, S. Lemeshow, R. X.
    Sturdivant, *Applied Logistic Regression*, 3rd ed., Wiley, 2013, sections 5.2.2 and 5.4 (rows not used in the fit).
    """
    import math

    from audits.statistics.goodness import groups_of_scores
    from audits.statistics.goodness import hosmer_lemeshow as tested
    from audits.tables.aggregates import score_cells

    cells = score_cells(subject.evaluation)
    found = groups_of_scores(cells.score, cells.positive, cells.negative, groups, effective=cells.effective)
    result = tested(found, fitted=fitted_on_these_rows)
    notes = [diagram.BINNED] if cells.binned else []
    if subject.evaluation.roles.weight is not None:
        notes.append(WEIGHTED)
    rough = sum(min(group.expected, group.n - group.expected) < 5.0 for group in found)
    if rough:
        notes.append(f"{rough} of {len(found)} groups expect fewer than five cases of an outcome.")
    detail: dict[str, object] = {
        "grouping": {
            "kind": "equal-mass by rising score",
            "asked": groups,
            "found": len(found),
            "ties": "equal scores stay in one group",
        },
        "groups": [_row(group) for group in found],
    }
    method = f"chi-square, equal-mass-{len(found)}"
    plots = (_observed_and_expected(found),)
    if result is None:
        reason = f"Equal scores leave {len(found)} groups, too few for a degree of freedom."
        return Measurement(
            None,
            "p-value",
            None,
            None,
            confidence,
            cells.n,
            method,
            notes=tuple(notes),
            detail=detail,
            reason=reason,
            plots=plots,
        )
    statistic = result.statistic if math.isfinite(result.statistic) else None
    if statistic is None:
        notes.append("A group scored exactly 0 or 1 has the other outcome: the statistic is infinite.")
    return Measurement(
        result.p_value,
        "p-value",
        None,
        None,
        confidence,
        cells.n,
        f"{method}, df {result.df}",
        notes=tuple(notes),
        detail=detail | {"statistic": statistic, "df": result.df},
        plots=plots,
    )


@check(
    "calibration.spiegelhalter",
    family="calibration",
    needs=("labels", "scores"),
    unit="p-value",
    better="higher",
    mend=MEND,
)
def spiegelhalter(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""P-value of Spiegelhalter's test: chance of a Brier score at least this far from that of true scores.

    .. math:: z = \frac{\sum_i (y_i - s_i)(1 - 2 s_i)}{\sqrt{\sum_i (1 - 2 s_i)^2 s_i (1 - s_i)}}, \qquad
              p = 2\,P(Z \ge |z|)

    0: such a Brier score would not occur by chance; 1: it is what true scores would give. A requirement reads "at least
    0.05".

    Parameters
    ----------
    subject : evaluation table with ``target`` and ``score``.
    confidence : not used; a p-value has no interval.

    Returns
    -------
    Measurement
        The two-sided p-value over ``n`` rows; ``detail`` holds ``z``, above 0 where the Brier score is larger than true
        scores would give. No value where each score is 0, 0.5 or 1.

    Notes
    -----
    Limits: it needs no groups, but sees only deviations that move the Brier score: scores too high below 0.5 and
    likewise above it may cancel. With very many rows the smallest deviation is found.

    Not for: showing that scores are calibrated; not rejecting proves nothing.

    References
    ----------
    D. J. Spiegelhalter, Statistics in Medicine 5 (1986) 421-433; K. Rufibach, Journal of Clinical Epidemiology 63
    (2010) 938-939.
    """
    from audits.statistics import calibration
    from audits.statistics.goodness import spiegelhalter as tested
    from audits.tables.aggregates import score_cells

    cells = score_cells(subject.evaluation)
    result = tested(cells.score, cells.positive, cells.negative, effective=cells.effective)
    _, rows = calibration.calibration_error(cells.score, cells.positive, cells.negative)
    notes, plots = diagram.notes_of(rows, binned=cells.binned), (diagram.reliability_plot(rows),)
    if subject.evaluation.roles.weight is not None:
        notes = (*notes, WEIGHTED)
    if result is None:
        reason = "Each score is 0, 0.5 or 1: the test has nothing to compare."
        return Measurement(
            None, "p-value", None, None, confidence, cells.n, "normal", notes=notes, reason=reason, plots=plots
        )
    return Measurement(
        result.p_value,
        "p-value",
        None,
        None,
        confidence,
        cells.n,
        "normal, two-sided",
        notes=notes,
        detail={"z": result.statistic},
        plots=plots,
    )


def _row(group: GroupOfScores) -> dict[str, object]:
    if group.n < 3.0:
        return {"low": group.low, "high": group.high, "n": None, "observed": None, "expected": None}
    return {
        "low": group.low,
        "high": group.high,
        "n": group.n,
        "observed": group.observed,
        "expected": group.expected,
    }


def _observed_and_expected(found: list[GroupOfScores]) -> Plot:
    return Plot(
        "shares",
        gettext_noop("Observed and expected rate by group of scores"),
        (
            PlotColumn(gettext_noop("Group"), "text"),
            PlotColumn(gettext_noop("Scores from"), "share"),
            PlotColumn(gettext_noop("Scores to"), "share"),
            PlotColumn(gettext_noop("n"), "count"),
            PlotColumn(gettext_noop("Observed rate"), "share"),
            PlotColumn(gettext_noop("Expected rate"), "share"),
        ),
        tuple(
            (str(at), group.low, group.high, round(group.n), group.observed / group.n, group.mean_score)
            if group.n >= 3.0
            else (str(at), group.low, group.high, None, None, None)
            for at, group in enumerate(found, start=1)
        ),
        label="Group",
        values=("Observed rate", "Expected rate"),
        scale=(0.0, 1.0),
    )
