"""Does the same row always get the same answer, whenever and wherever in the table it is asked?"""

from __future__ import annotations

from audits.checks.contract import TASKS, CheckSubject, Insufficient, Measurement, Plot, PlotColumn, check, gettext_noop


@check(
    "robustness.permutation",
    family="robustness",
    needs=("predictions", "perturbed"),
    unit="answer",
    better="lower",
    mend="Find what the model carries from row to row (state, statistics of the batch, order of a join) and remove it.",
    tasks=TASKS,
    perturbs=("permutation",),
)
def permutation(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Largest difference between the answers to one row when the rows of the table are put in another order.

    .. math:: \max_i |f(X)_i - f(PX)_{\pi(i)}|

    0: the order does not matter; above 0 an answer depends on the rows around it. For classes 1 is any change.

    Parameters
    ----------
    subject : the same rows scored in another order under the key "permutation" of ``subject.perturbed``.
    confidence : nominal coverage of Clopper and Pearson's interval, whose upper end is the limit in ``detail``.

    Returns
    -------
    Measurement
        ``n`` rows; a maximum has no interval, but ``detail`` holds the share of rows that differ and the exact upper
        limit of that share.

    Notes
    -----
    Limits: one other order, at most 20,000 rows. Answers that differ by rounding of the last digit are shown as such.
    Not for: the importance of features, which permutes values within a column.

    References
    ----------
    C. J. Clopper, E. S. Pearson, Biometrika 26 (1934) 404-413 (upper limit of the share).
    """
    from audits.statistics.intervals import clopper_pearson
    from audits.tables.perturbed import differences, is_paired

    table = subject.perturbed.get("permutation")
    if table is None or not is_paired(table):
        why = subject.unscored.get("permutation", "")
        reason = "The model was not scored on the rows in another order." + (f" {why}" if why else "")
        raise Insufficient(reason, "Upload the model in a format the service can load in its sandbox.")
    n, differ, largest = differences(table)
    limit = clopper_pearson(differ, n, confidence).high
    detail = {"rows_that_differ": differ, "share": differ / n, "share_at_most": limit}
    return Measurement(
        largest,
        "answer",
        None,
        None,
        confidence,
        n,
        "maximum",
        detail=detail,
        plots=(_table(n, differ, largest, limit),),
    )


@check(
    "robustness.determinism",
    family="robustness",
    needs=("fitness",),
    unit="answer",
    better="lower",
    mend="Fix the model's seeds, its number of threads and what it reads besides its input (clock, environment).",
    tasks=TASKS,
)
def determinism(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Largest difference between two answers to the same rows.

    .. math:: \max_i |f_1(x_i) - f_2(x_i)|

    0: the same answer twice; above 0 the model is not a function of its input.

    Parameters
    ----------
    subject : ``fitness`` with ``repeat_rows`` and ``repeat_difference``.
    confidence : nominal coverage of Clopper and Pearson's interval, whose upper end is the limit in ``detail``.

    Returns
    -------
    Measurement
        ``n`` rows asked twice; a maximum has no interval. Where nothing differed, ``detail.share_at_most`` is the exact
        upper limit of the share of rows that could.

    Notes
    -----
    Limits: two calls in one process; a model that differs between machines or days is not found.
    Not for: stability under other input (see ``robustness.noise``).

    References
    ----------
    C. J. Clopper, E. S. Pearson, Biometrika 26 (1934) 404-413 (upper limit of the share).
    """
    from audits.statistics.intervals import clopper_pearson

    fitness = subject.fitness
    if fitness is None:
        raise ValueError("the check needs what running the artifact cost")
    if fitness.repeat_rows < 1:
        raise Insufficient("No row was asked twice.", "Let the service measure the model again.")
    same = fitness.repeat_difference == 0.0
    limit = clopper_pearson(0, fitness.repeat_rows, confidence).high if same else None
    return Measurement(
        fitness.repeat_difference,
        "answer",
        None,
        None,
        confidence,
        fitness.repeat_rows,
        "maximum",
        detail={"share_at_most": limit},
        plots=(_table(fitness.repeat_rows, 0 if same else None, fitness.repeat_difference, limit),),
    )


def _table(n: int, differ: int | None, largest: float, limit: float | None) -> Plot:
    names = (gettext_noop("Rows"), gettext_noop("Rows that differ"), gettext_noop("Largest difference"))
    last = gettext_noop("Share of rows that differ, at most")
    columns = (PlotColumn(names[0], "count"), PlotColumn(names[1], "count"), PlotColumn(names[2]), PlotColumn(last))
    return Plot("table", gettext_noop("The same rows asked twice"), columns, ((n, differ, largest, limit),))
