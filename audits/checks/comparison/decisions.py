"""Is this version right more often than the other on the same rows?"""

from __future__ import annotations

from typing import Literal

from audits.checks.contract import CheckSubject, Measurement, Plot, PlotColumn, check, gettext_noop

MEND = "Look at the rows that only the other version has right (segments, threshold), or keep that version."


@check(
    "comparison.mcnemar",
    family="comparison",
    needs=("labels", "predictions", "baseline"),
    unit="p-value",
    better="higher",
    parameters={
        "test": {"enum": ["mid-p", "exact"]},
        "alternative": {"enum": ["version-worse", "two-sided"]},
        "baseline_threshold": {"type": "number", "minimum": 0, "maximum": 1},
    },
    mend=MEND,
    tasks=("binary", "multiclass"),
)
def mcnemar(
    subject: CheckSubject,
    *,
    test: Literal["mid-p", "exact"] = "mid-p",
    alternative: Literal["version-worse", "two-sided"] = "version-worse",
    baseline_threshold: float | None = None,
    confidence: float = 0.95,
) -> Measurement:
    r"""P-value of McNemar's test: chance of so few rows that only this version has right, were both right as often.

    .. math:: b \mid b + c \sim \mathrm{Bin}(b + c, \tfrac12), \qquad p = P(B \le b)\ \text{(a loss)}, \quad
              p = \min\{1,\, 2 P(B \le \min(b, c))\}\ \text{(two-sided)}

    with b rows that only this version has right and c that only the other has; the mid-p value is less by half of P(B =
    b), two-sided by all of P(B = min(b, c)), or by half of it where b = c. 0: this version is right less often; 1:
    it is not. A requirement reads "at least 0.05".

    Parameters
    ----------
    subject : evaluation table with ``target``, predictions, and the other version's score or prediction as ``baseline``.
    test : "exact" (binomial) or "mid-p", which counts the probability of the observed b half and errs less on the safe
        side.
    alternative : "version-worse" looks for a loss only; "two-sided" for any difference, also one in this version's
        favour.
    baseline_threshold : at which the other version's score becomes a decision; this version's own when left out, or
        0.5 where it has none.
    confidence : nominal coverage of Agresti and Min's interval of the difference of both accuracies in ``detail``; a
        p-value has no interval.

    Returns
    -------
    Measurement
        The p-value over ``n`` rows; ``detail`` holds ``both_right``, ``only_version``, ``only_baseline``,
        ``both_wrong``, both p-values, the chi-square statistics (plain and with Edwards' correction, two-sided) and the
        difference of accuracies with its interval. 1 where no row is right for one version only.

    Notes
    -----
    Limits: only rows on which the versions disagree count; how many agree plays no part. Of weighted rows Kish's
    effective numbers are taken.

    Not for: showing that two versions are equally good: not rejecting proves nothing where few rows disagree. To show
    that a loss is at most x, bound ``comparison.no_group_worse`` or ``comparison.bootstrap_difference``.

    References
    ----------
    Q. McNemar, Psychometrika 12 (1947) 153-157; M. W. Fagerland, S. Lydersen, P. Laake, BMC Medical Research
    Methodology 13 (2013) 91; A. Agresti, Y. Min, Statistics in Medicine 24 (2005) 729-740.
    """
    from audits.statistics import paired
    from audits.tables.rightness import rightness

    found = rightness(subject.evaluation, threshold=baseline_threshold)
    scale = found.effective / found.weight
    cells = [part * scale for part in (found.both_right, found.only_version, found.only_baseline, found.both_wrong)]
    result = paired.mcnemar(cells[1], cells[2], alternative)
    interval = paired.accuracy_difference(cells[1], cells[2], found.effective, confidence)
    difference = (found.only_version - found.only_baseline) / found.weight
    notes = []
    if subject.evaluation.roles.weight is not None:
        notes.append("Rows are weighted: Kish's effective number of rows stands for their number.")
    right, wrong = gettext_noop("right"), gettext_noop("wrong")
    total = sum(cells)
    plot = Plot(
        "grid",
        gettext_noop("Which version is right"),
        (
            PlotColumn(gettext_noop("This version"), "text"),
            PlotColumn(gettext_noop("The other version"), "text"),
            PlotColumn(gettext_noop("Share of rows"), "share"),
            PlotColumn(gettext_noop("n"), "count"),
        ),
        tuple(
            (own, other, part / total, round(part))
            for (own, other), part in zip(
                ((right, right), (right, wrong), (wrong, right), (wrong, wrong)), cells, strict=True
            )
        ),
        label="This version",
        series="The other version",
        value="Share of rows",
        scale=(0.0, 1.0),
    )
    return Measurement(
        result.mid_p if test == "mid-p" else result.exact,
        "p-value",
        None,
        None,
        confidence,
        found.n,
        f"mcnemar-{test}, {alternative}",
        notes=tuple(notes),
        detail={
            "both_right": cells[0],
            "only_version": cells[1],
            "only_baseline": cells[2],
            "both_wrong": cells[3],
            "p_exact": result.exact,
            "p_mid": result.mid_p,
            "chi_square": result.chi_square,
            "chi_square_p": result.chi_square_p,
            "chi_square_corrected": result.chi_square_corrected,
            "chi_square_corrected_p": result.chi_square_corrected_p,
            "accuracy_difference": difference,
            "accuracy_difference_low": min(interval.low, difference),
            "accuracy_difference_high": max(interval.high, difference),
        },
        plots=(plot,),
    )
