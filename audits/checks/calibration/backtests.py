"""Did more cases default than the probabilities of default allow, overall and by grade?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from audits.checks.contract import CheckSubject, Measurement, Plot, PlotColumn, check, gettext_noop

if TYPE_CHECKING:
    pass

MEND = "Raise the probabilities of the grades that are too low (recalibrate), and register a new version."
PARAMETERS: dict[str, Any] = {
    "level": {"enum": ["portfolio", "grade"]},
    "grade_column": {"type": "string", "minLength": 1, "maxLength": 200},
    "bins": {"type": "integer", "minimum": 2, "maximum": 100},
}
SMALLEST_SHOWN = 3

Level = Literal["portfolio", "grade"]
Test = Literal["binomial", "jeffreys"]


@check(
    "calibration.pd_backtest_binomial",
    family="calibration",
    needs=("labels", "scores"),
    unit="p-value",
    better="higher",
    parameters=PARAMETERS,
    mend=MEND,
)
def pd_backtest_binomial(
    subject: CheckSubject,
    *,
    level: Level = "portfolio",
    grade_column: str = "",
    bins: int = 10,
    confidence: float = 0.95,
) -> Measurement:
    r"""P-value of the one-sided binomial test of probabilities of default: chance of so many defaults or more.

    .. math:: p = P(D \ge d \mid n, \overline{PD}), \qquad D \sim \mathrm{Bin}(n, \overline{PD})

    0: far more defaults than the probabilities allow; 1: none. A requirement reads "at least 0.05".

    Parameters
    ----------
    subject : evaluation table with ``target`` (1: default) and ``score`` (the probability of default).
    level : "portfolio": all rows at their mean PD; "grade": the smallest p-value of a grade, adjusted by Holm.
    grade_column : column with the rating grade. Left out: each distinct score is a grade.
    bins : most grades made of scores; where more scores differ, so many groups of about as many rows each.
    confidence : nominal coverage of Jeffreys' interval of each grade's rate; a p-value has no interval.

    Returns
    -------
    Measurement
        The p-value over ``n`` rows; ``detail`` holds ``portfolio``, the ``grades`` (n, defaults, mean PD, rate with
        interval, p-value, p-value adjusted by Holm over the grades) and ``worst_grade``. A grade of fewer than three
        rows is neither tested nor shown.

    Notes
    -----
    Limits: cases count as independent; defaults that come together (a downturn) make it reject too often. Only
    probabilities that are too low are found, none that are too high. The mean PD stands for that of each case.

    Not for: showing that the probabilities are right; in a grade with few rows or none defaulted not rejecting proves
    nothing.

    References
    ----------
    Basel Committee on Banking Supervision, *Studies on the Validation of Internal Rating Systems*,
    Working Paper 14, revised May 2005; S. Holm, Scandinavian Journal of Statistics 6 (1979) 65-70; ``scipy.stats.binomtest``.
    """
    return _measure(subject, "binomial", level=level, grade_column=grade_column, bins=bins, confidence=confidence)


@check(
    "calibration.pd_backtest_jeffreys",
    family="calibration",
    needs=("labels", "scores"),
    unit="p-value",
    better="higher",
    parameters=PARAMETERS,
    mend=MEND,
)
def pd_backtest_jeffreys(
    subject: CheckSubject,
    *,
    level: Level = "portfolio",
    grade_column: str = "",
    bins: int = 10,
    confidence: float = 0.95,
) -> Measurement:
    r"""P-value of the one-sided Jeffreys test: posterior chance that the true default rate is not above the PD.

    .. math:: p = P(\theta \le \overline{PD}), \qquad \theta \sim \mathrm{Beta}(d + \tfrac12, n - d + \tfrac12)

    0: the probabilities are too low; 1: they are not. A requirement reads "at least 0.05".

    Parameters
    ----------
    subject : evaluation table with ``target`` (1: default) and ``score`` (the probability of default).
    level : "portfolio": all rows at their mean PD; "grade": the smallest p-value of a grade, adjusted by Holm.
    grade_column : column with the rating grade. Left out: each distinct score is a grade.
    bins : most grades made of scores; where more scores differ, so many groups of about as many rows each.
    confidence : nominal coverage of Jeffreys' interval of each grade's rate; a p-value has no interval.

    Returns
    -------
    Measurement
        As ``calibration.pd_backtest_binomial``.

    Notes
    -----
    Limits: cases count as independent; defaults that come together make it reject too often. Only probabilities that
    are too low are found. It is defined also in grades without a default, where it stays above 0.

    Not for: showing that the probabilities are right; not rejecting proves nothing where rows are few.

    References
    ----------
    European Central Bank, *Instructions for reporting the validation results of internal models* (2019), section
    2.5.3.1; L. D. Brown, T. T. Cai, A. DasGupta, Statistical Science 16 (2001) 101-133.
    """
    return _measure(subject, "jeffreys", level=level, grade_column=grade_column, bins=bins, confidence=confidence)


def _measure(
    subject: CheckSubject, test: Test, *, level: Level, grade_column: str, bins: int, confidence: float
) -> Measurement:
    from audits.statistics.backtests import backtest, jeffreys_interval
    from audits.statistics.multiplicity import holm
    from audits.tables.aggregates import score_cells
    from audits.tables.grades import grades_of_column, grades_of_scores

    table = subject.evaluation
    cells = score_cells(table)
    grades = grades_of_column(table, grade_column) if grade_column else grades_of_scores(cells, bins)
    weight, size = float(cells.positive.sum() + cells.negative.sum()), cells.effective
    mean = min(1.0, float((cells.positive + cells.negative) @ cells.score) / weight)
    portfolio = backtest(float(cells.positive.sum()) / weight * size, size, mean, test)
    tested = [grade for grade in grades if grade.n >= SMALLEST_SHOWN]
    found = [backtest(grade.rate * grade.effective, grade.effective, grade.pd, test) for grade in tested]
    adjusted = holm([result.p_value for result in found])
    rows = []
    for grade, result, p in zip(tested, found, adjusted, strict=True):
        interval = jeffreys_interval(result.defaults, result.n, confidence)
        rows.append(
            (grade.name, grade.n, result.defaults, grade.pd, grade.rate, interval.low, interval.high, result.p_value, p)
        )
    notes = ["Scores were grouped into 65,536 bins."] if cells.binned else []
    if table.roles.weight is not None:
        notes.append("Rows are weighted: Kish's effective number of rows stands for their number.")
    if len(tested) < len(grades):
        notes.append(f"{len(grades) - len(tested)} grades of fewer than three rows are neither tested nor shown.")
    worst = adjusted.index(min(adjusted)) if adjusted else None
    detail = {
        "portfolio": {
            "n": cells.n,
            "defaults": portfolio.defaults,
            "pd": portfolio.pd,
            "rate": portfolio.rate,
            "p_value": portfolio.p_value,
        },
        "grades": [dict(zip(NAMES, row, strict=True)) for row in rows],
        "worst_grade": tested[worst].name if worst is not None else None,
        "grades_by": grade_column or ("distinct score" if len(cells.score) <= bins else f"equal-mass-{bins}"),
    }
    value = portfolio.p_value if level == "portfolio" else (adjusted[worst] if worst is not None else None)
    method = f"{test}, one-sided" if level == "portfolio" else f"{test}, one-sided, holm over {len(tested)} grades"
    return Measurement(
        value,
        "p-value",
        None,
        None,
        confidence,
        cells.n,
        method,
        notes=tuple(notes),
        detail=detail,
        reason="" if value is not None else "No grade has three rows or more.",
        plots=(_plot(rows),) if rows else (),
    )


NAMES = ("grade", "n", "defaults", "pd", "rate", "low", "high", "p_value", "p_value_holm")


def _plot(rows: list[tuple[Any, ...]]) -> Plot:
    return Plot(
        "intervals",
        gettext_noop("Default rate by grade, beside the probability of default"),
        (
            PlotColumn(gettext_noop("Grade"), "text"),
            PlotColumn(gettext_noop("n"), "count"),
            PlotColumn(gettext_noop("Defaults")),
            PlotColumn(gettext_noop("Mean PD"), "share"),
            PlotColumn(gettext_noop("Default rate"), "share"),
            PlotColumn(gettext_noop("Low"), "share"),
            PlotColumn(gettext_noop("High"), "share"),
            PlotColumn(gettext_noop("p-value")),
            PlotColumn(gettext_noop("p-value after Holm")),
        ),
        tuple(rows),
        label="Grade",
        value="Default rate",
        low="Low",
        high="High",
    )
