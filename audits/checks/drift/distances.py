"""How far have the features moved as distributions? Kolmogorov-Smirnov, Wasserstein, Jensen-Shannon, chi-square."""

from __future__ import annotations

from typing import Any

from audits.checks.contract import TASKS, CheckSubject, Insufficient, Measurement, Plot, PlotColumn, check, gettext_noop
from audits.checks.drift.by_feature import (
    FEATURE,
    MEND,
    SHOWN,
    ends_of,
    features_beside,
    jensen_shannon_of,
    notes_on,
    plot_of,
    row_of,
    with_holm,
)

BINS = {"bins": {"type": "integer", "minimum": 2, "maximum": 50}}
NO_NUMBER = "No feature is numeric in both tables."


@check(
    "drift.ks_features",
    family="drift",
    needs=("features", "reference"),
    unit="share",
    better="lower",
    mend=MEND,
    tasks=TASKS,
)
def ks_features(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Largest Kolmogorov-Smirnov distance of a numeric feature between training and evaluation table.

    .. math:: \max_j \sup_x |F_j(x) - G_j(x)|

    0: every feature is distributed as before; 1: of some feature no value lies where one lay before.

    Parameters
    ----------
    subject : evaluation and reference table with the features named in the roles of the evaluation table.
    confidence : nominal coverage of each feature's band.

    Returns
    -------
    Measurement
        ``n`` rows of the evaluation table; the interval joins the largest lower and the largest upper end of all
        features; ``detail.features`` holds one row per feature, largest first: distance, band, ``by_chance`` (the mean
        of the distance when nothing has moved), p-value alone and adjusted by Holm, and the error of the histogram.

    Notes
    -----
    Limits: missing values are left out; the p-value assumes a continuous feature and is too large for one with ties. With
    a million rows every difference is significant: judge the distance.
    Not for: categories (see ``drift.chi_square_features``).

    References
    ----------
    N. Smirnov, Annals of Mathematical Statistics 19 (1948) 279-281; S. Holm, Scandinavian J. Statistics 6 (1979) 65-70.
    """
    from audits.statistics.distances import ks
    from audits.statistics.histograms import NumberHistogram

    rows, p_values = [], []
    for side in features_beside(subject):
        if isinstance(side.reference, NumberHistogram) and isinstance(side.current, NumberHistogram):
            found = ks(side.reference, side.current, confidence)
            if found is not None and found.p_value is not None:
                rows.append(row_of(side, found, "ks"))
                p_values.append(found.p_value)
    if not rows:
        raise Insufficient(NO_NUMBER, "Name numeric features, or use a measurement for categories.")
    with_holm(rows, p_values)
    title, heading = gettext_noop("Kolmogorov-Smirnov distance by feature"), gettext_noop("Distance")
    return _largest(
        subject,
        rows,
        "ks",
        confidence,
        unit="share",
        method="kolmogorov-band",
        title=title,
        heading=heading,
        tested=True,
    )


@check(
    "drift.wasserstein_features",
    family="drift",
    needs=("features", "reference"),
    unit="standard deviations of the reference",
    better="lower",
    mend=MEND,
    tasks=TASKS,
)
def wasserstein_features(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Largest Wasserstein distance of a numeric feature between training and evaluation table.

    .. math:: \max_j \frac{1}{\sigma_j} \int |F_j(x) - G_j(x)|\,dx

    with :math:`\sigma_j` the standard deviation of the feature in the reference. 0: every feature is distributed as
    before; 1: values of some feature must be moved by one standard deviation on average; without upper bound.

    Parameters
    ----------
    subject : evaluation and reference table with the features named in the roles of the evaluation table.
    confidence : nominal coverage of each feature's interval.

    Returns
    -------
    Measurement
        ``n`` rows of the evaluation table; the interval joins the largest lower and the largest upper end of all
        features; ``detail.features`` holds one row per feature, largest first, with ``by_chance`` (the mean of the
        distance when nothing has moved) and the error of the histogram. Features that were constant in the reference,
        or hold infinite values, have no distance and are named in a note.

    Notes
    -----
    Limits: missing values are left out; a single far value moves the distance as much as its weight and its way. The
    interval is asymptotic.
    Not for: categories (see ``drift.jensen_shannon_features``).

    References
    ----------
    A. Ramdas, N. García Trillos, M. Cuturi, Entropy 19 (2017) 47; E. del Barrio et al., Ann. Probability 27 (1999) 1009.
    """
    from audits.statistics.distances import scaled_wasserstein
    from audits.statistics.histograms import NumberHistogram

    rows, without = [], []
    for side in features_beside(subject):
        if isinstance(side.reference, NumberHistogram) and isinstance(side.current, NumberHistogram):
            found = scaled_wasserstein(side.reference, side.current, confidence)
            if found is None:
                without.append(side.column)
            else:
                rows.append(row_of(side, found, "wasserstein"))
    if not rows:
        reason = f"No distance for {', '.join(without[:5])}: constant, empty or infinite." if without else NO_NUMBER
        raise Insufficient(reason, "Name numeric features that vary, or use a measurement for categories.")
    notes = [f"No distance, being constant, empty or infinite: {', '.join(without[:10])}."] if without else []
    title, heading = gettext_noop("Wasserstein distance by feature"), gettext_noop("Standard deviations")
    unit = "standard deviations of the reference"
    return _largest(
        subject,
        rows,
        "wasserstein",
        confidence,
        unit=unit,
        method="influence-normal",
        title=title,
        heading=heading,
        notes=notes,
    )


@check(
    "drift.jensen_shannon_features",
    family="drift",
    needs=("features", "reference"),
    unit="distance to base 2",
    better="lower",
    parameters=BINS,
    mend=MEND,
    tasks=TASKS,
)
def jensen_shannon_features(subject: CheckSubject, *, bins: int = 10, confidence: float = 0.95) -> Measurement:
    r"""Largest Jensen-Shannon distance of a feature between training and evaluation table, to base 2.

    .. math:: \max_j \sqrt{\tfrac12 \sum_b r_{jb} \log_2 \frac{r_{jb}}{m_{jb}}
              + \tfrac12 \sum_b c_{jb} \log_2 \frac{c_{jb}}{m_{jb}}}, \qquad m_{jb} = \frac{r_{jb} + c_{jb}}{2}

    0: every feature has the same shares in each bin; 1: some feature has no bin in common with before. Bins are those of
    ``drift.psi_features``; it is the distance, the root of the divergence.

    Parameters
    ----------
    subject : evaluation and reference table with the features named in the roles of the evaluation table.
    bins : number of bins of a number, cut at quantiles of the reference.
    confidence : nominal coverage of each feature's interval.

    Returns
    -------
    Measurement
        ``n`` rows of the evaluation table; the interval joins the largest lower and the largest upper end of all
        features; ``detail.features`` holds one row per feature, largest first, with ``by_chance`` and ``error``.

    Notes
    -----
    Limits: the value depends on the number of bins; by chance alone it falls only with the root of the rows.
    Not for: comparison with tools that report the divergence or another base.

    References
    ----------
    J. Lin, IEEE Transactions on Information Theory 37 (1991) 145-151; ``scipy.spatial.distance.jensenshannon``.
    """
    rows = []
    for at, side in enumerate(features_beside(subject)):
        distance, found = jensen_shannon_of(side, bins, subject.seed + 2 * at, confidence)
        row = row_of(side, distance, "jensen_shannon")
        rows.append(row | {"rule": found.rule, "bins": len(found.labels)})
    title, heading = gettext_noop("Jensen-Shannon distance by feature"), gettext_noop("Distance to base 2")
    method = "multinomial-resampling-bias-corrected"
    return _largest(
        subject,
        rows,
        "jensen_shannon",
        confidence,
        unit="distance to base 2",
        method=method,
        title=title,
        heading=heading,
    )


@check(
    "drift.chi_square_features",
    family="drift",
    needs=("features", "reference"),
    unit="probability",
    better="higher",
    parameters={"of": {"enum": ["p_value", "cramers_v"]}},
    mend=MEND,
    tasks=TASKS,
)
def chi_square_features(subject: CheckSubject, *, of: str = "p_value", confidence: float = 0.95) -> Measurement:
    r"""Smallest p-value, adjusted for the number of features, of the test that categories have the shares they had.

    .. math:: \min_j \tilde p_j, \qquad \chi^2_j = \sum_{s,b} \frac{(O_{sb} - E_{sb})^2}{E_{sb}}

    with p-values adjusted by Holm. 0: some feature's categories have surely moved; 1: nothing speaks for a change.
    Texts, truth values and numbers with at most ten values are categories; missing values are one, and so are all values
    the reference lacks.

    Parameters
    ----------
    subject : evaluation and reference table with the features named in the roles of the evaluation table.
    of : "p_value", or "cramers_v": the largest Cramér's V (0: the same shares; 1: nothing in common), which does not grow
        with the number of rows.
    confidence : not used; a p-value has no interval.

    Returns
    -------
    Measurement
        ``n`` rows of the evaluation table; without interval; ``detail.features`` holds statistic, degrees of freedom,
        p-value alone and adjusted, Cramér's V and the smallest expected count of each feature.

    Notes
    -----
    Limits: approximate where an expected count is below 5, which a note says. Of more than 50 categories the rarest are
    one; of more than 2,000, new ones are counted with them. With a million rows every difference is
    significant: judge Cramér's V.
    Not for: numbers with many values (see ``drift.ks_features``).

    References
    ----------
    K. Pearson, Philosophical Magazine 50 (1900) 157-175; H. Cramér, *Mathematical Methods of Statistics*, 1946, 21.9;
    S. Holm, Scandinavian J. Statistics 6 (1979) 65-70.
    """
    from audits.statistics.distances import chi_square
    from audits.statistics.histograms import cut

    rows: list[dict[str, Any]] = []
    for side in features_beside(subject):
        found = cut(side.reference, side.current, bins=10)
        test = chi_square(found.reference, found.current) if found.rule == "categories" else None
        if test is not None:
            row = {"feature": side.column, "statistic": test.statistic, "freedom": test.freedom}
            row |= {"cramers_v": test.cramers_v, "least_expected": test.least_expected, "p_value": test.p_value}
            rows.append(row | {"categories": len(found.labels), "n_current": int(found.current.sum())})
    if not rows:
        raise Insufficient(
            "No feature holds two categories.", "Name features with categories, or use a measurement for numbers."
        )
    with_holm(rows, [row["p_value"] for row in rows])
    rows.sort(key=lambda row: (row["p_holm"] if of == "p_value" else 0.0, -row["cramers_v"], row["feature"]))
    thin = [row["feature"] for row in rows if row["least_expected"] < 5.0]
    notes = [f"Expected counts below 5, so the test is approximate: {', '.join(thin[:10])}."] if thin else []
    if subject.evaluation.roles.weight is not None:
        notes.append("Rows are counted once each; the weight column is not applied to drift.")
    value, unit = (rows[0]["p_holm"], "probability") if of == "p_value" else (rows[0]["cramers_v"], "Cramér's V")
    return Measurement(
        value,
        unit,
        None,
        None,
        confidence,
        subject.evaluation.rows,
        "chi-square, holm",
        notes=tuple(notes),
        detail={"features": rows, "worst": rows[0]["feature"]},
        plots=(_tests_plot(rows),),
    )


def _tests_plot(rows: list[dict[str, Any]]) -> Plot:
    names = (
        gettext_noop("Cramér's V"),
        gettext_noop("Chi-square"),
        gettext_noop("Degrees of freedom"),
        gettext_noop("p"),
        gettext_noop("p (Holm)"),
        gettext_noop("Rows"),
    )
    cells = ("cramers_v", "statistic", "freedom", "p_value", "p_holm", "n_current")
    kinds: tuple[Any, ...] = ("number", "number", "count", "number", "number", "count")
    columns = [PlotColumn(name, kind) for name, kind in zip(names, kinds, strict=True)]
    return Plot(
        "bars",
        gettext_noop("Change of categories by feature"),
        (PlotColumn(FEATURE, "text"), *columns),
        tuple((row["feature"], *(row[cell] for cell in cells)) for row in rows[:SHOWN]),
        label=FEATURE,
        value=names[0],
    )


def _largest(
    subject: CheckSubject,
    rows: list[dict[str, Any]],
    name: str,
    confidence: float,
    *,
    unit: str,
    method: str,
    title: str,
    heading: str,
    tested: bool = False,
    notes: list[str] | None = None,
) -> Measurement:
    rows.sort(key=lambda row: (-row[name], row["feature"]))
    low, high = ends_of([row for row in rows if row["low"] is not None] or rows)
    return Measurement(
        rows[0][name],
        unit,
        low,
        high,
        confidence,
        subject.evaluation.rows,
        method,
        notes=(*(notes or []), *notes_on(subject, rows)),
        detail={"features": rows, "worst": rows[0]["feature"]},
        plots=(plot_of(title, rows, name, heading, tested=tested),),
    )
