"""Do the reasons named for a decision move it, and is there a way to another decision?"""

from __future__ import annotations

from audits.checks.contract import CheckSubject, Insufficient, Measurement, Plot, PlotColumn, check, gettext_noop
from audits.checks.explainability.explained import explained

THRESHOLD = "Give the version its decision threshold, and let the service load the model in its sandbox."


@check(
    "explainability.reason_fidelity",
    family="explainability",
    needs=("explanation",),
    unit="share",
    better="higher",
    mend="Name the factors with the largest contributions against the person, from an exact explanation of this version.",
)
def reason_fidelity(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Share of rows decided against whose named reasons really move the answer, and more than random factors.

    .. math:: \frac1n \sum_i 1\big[\Delta_i(R_i) > 0 \ \wedge\ \Delta_i(R_i) > \tfrac1B \textstyle\sum_b \Delta_i(S_{ib})\big]

    where :math:`\Delta_i(S)` is how far the answer of row i moves towards the favourable one when the features in S are
    set to typical values of favourably decided rows, R its k most adverse features, and the S are random sets of as many.
    0: no named reason moves a decision more than chance would. 1: the named reasons of each row do.

    Parameters
    ----------
    subject : explanation of a model with a decision threshold, reasons named for rows decided against.
    confidence : nominal coverage of Wilson's interval.

    Returns
    -------
    Measurement
        ``n`` rows decided against, Wilson's interval; ``detail`` holds the mean moves. The rows with their reasons stay in
        the stored explanation and are not repeated here.

    Notes
    -----
    Limits: typical values, the median or the most frequent category of favourably decided rows, are one alternative of
    many; of correlated factors the one left unchanged may hold the answer back. At most 100 rows are examined.
    Not for: showing that the reasons are understood, specific enough or lawful; that is for people.

    References
    ----------
    12 CFR 1002.9(b)(2) (Regulation B: reasons must be those that were actually considered); CFPB Circular 2022-03
    (withdrawn 2025-05-12);
    W. Samek et al., IEEE TNNLS 28 (2017) 2660-2673, doi:10.1109/TNNLS.2016.2599820 (replacing the named features);
    E. B. Wilson, JASA 22 (1927) 209-212, doi:10.1080/01621459.1927.10502953.
    """
    from audits.statistics.intervals import wilson

    found = explained(subject).fidelity
    if found is None or found.denied == 0:
        raise Insufficient("No reasons of rows decided against were put to the test.", THRESHOLD)
    interval = wilson(found.faithful, found.denied, confidence)
    words = (gettext_noop("factors set to typical values"), gettext_noop("mean move of the answer"))
    moves = Plot(
        kind="bars",
        title=gettext_noop("How far the answer moves towards the favourable one"),
        columns=(PlotColumn(words[0], "text"), PlotColumn(words[1])),
        rows=(
            (gettext_noop("named reasons"), found.move_named),
            (gettext_noop("random factors"), found.move_random),
        ),
        label=words[0],
        value=words[1],
    )
    return Measurement(
        found.faithful / found.denied,
        "share",
        interval.low,
        interval.high,
        confidence,
        found.denied,
        interval.method,
        notes=(f"Up to {found.named} reasons a row, against {found.draws} random choices of as many factors.",),
        detail={
            "denied": found.denied,
            "faithful": found.faithful,
            "named": found.named,
            "draws": found.draws,
            "move_named": found.move_named,
            "move_random": found.move_random,
        },
        plots=(moves,),
    )


@check(
    "explainability.counterfactual_coverage",
    family="explainability",
    needs=("explanation",),
    unit="share",
    better="higher",
    mend="Where nothing a person can change leads to a favourable decision, ask which fixed feature stands in the way.",
)
def counterfactual_coverage(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Share of rows decided against for which a valid and plausible counterfactual was found.

    .. math:: \frac{\#\{i : \exists\, x'_i \text{ near } x_i,\ f(x'_i) \text{ favourable},\ x'_i \text{ within the data}\}}{n}

    0: no row has a way to another decision within the bounds of the search. 1: each has one.

    Parameters
    ----------
    subject : explanation with a library of counterfactuals.
    confidence : nominal coverage of Wilson's interval.

    Returns
    -------
    Measurement
        ``n`` rows searched, Wilson's interval; plots of which features change and how far; the rows themselves stay in
        the stored explanation and are not repeated here.

    Notes
    -----
    Limits: the search is greedy, over at most three features and eight values each; a row without a result may have a
    counterfactual it did not reach. Plausible means within the range of each feature alone. Immutable and sensitive
    features are never changed, those declared monotone only the way that helps.
    Not for: advice to a person, which needs to know what they can really change and at what cost.

    References
    ----------
    S. Wachter, B. Mittelstadt, C. Russell, Harvard J. Law & Tech. 31 (2018) 841-887, arXiv:1711.00399;
    A.-H. Karimi et al., ACM Computing Surveys 55 (2022) 95, doi:10.1145/3527848 (coverage, plausibility).
    """
    from collections import Counter

    from audits.statistics.intervals import wilson

    explanation = explained(subject)
    library = explanation.counterfactuals
    if library is None or library.asked == 0:
        raise Insufficient("No row decided against was searched for a counterfactual.", THRESHOLD)
    interval = wilson(library.plausible, library.asked, confidence)
    used = Counter(explanation.features[at] for one in library.kept for at, _ in one.changes)
    ordered = sorted(used.items(), key=lambda pair: (-pair[1], pair[0]))[:100]
    distances = sorted(one.distance for one in library.kept)
    words = (gettext_noop("feature"), gettext_noop("counterfactuals that change it"))
    plot = Plot(
        kind="bars",
        title=gettext_noop("Features that the counterfactuals change"),
        columns=(PlotColumn(words[0], "text"), PlotColumn(words[1], "count")),
        rows=tuple(ordered),
        label=words[0],
        value=words[1],
    )
    return Measurement(
        library.plausible / library.asked,
        "share",
        interval.low,
        interval.high,
        confidence,
        library.asked,
        interval.method,
        notes=(f"{library.found} of {library.asked} flip the decision, {library.plausible} of them within the data.",),
        detail={
            "asked": library.asked,
            "found": library.found,
            "plausible": library.plausible,
            "fixed": [explanation.features[at] for at in library.fixed],
            "changed": dict(ordered),
            "distances": distances,
            "changes": sorted(len(one.changes) for one in library.kept),
        },
        plots=(plot,) if ordered else (),
    )


@check(
    "explainability.counterfactual_validity",
    family="explainability",
    needs=("explanation",),
    unit="share",
    better="higher",
    mend="Tell people who were given such advice that it no longer leads to a favourable decision, or keep the promise.",
)
def counterfactual_validity(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Share of counterfactuals kept from the version in place that still lead to a favourable decision.

    .. math:: \frac{\#\{i : f_{new}(x'_i) \text{ favourable},\ f_{new}(x_i) \text{ not}\}}
              {\#\{i : f_{new}(x_i) \text{ not favourable}\}}

    0: no stored change works with this version. 1: each one still does.

    Parameters
    ----------
    subject : explanation in which the library kept from the version in place was put to this version.
    confidence : nominal coverage of Wilson's interval.

    Returns
    -------
    Measurement
        ``n`` kept rows that this version, too, decides against; Wilson's interval.

    Notes
    -----
    Limits: rows this version decides favourably as they are do not count. It needs the same features in both versions.
    Not for: a first version, which has no library to be put to.

    References
    ----------
    S. Upadhyay, S. Joshi, H. Lakkaraju, NeurIPS 2021, arXiv:2102.13620 (recourse that outlives an update);
    E. B. Wilson, JASA 22 (1927) 209-212, doi:10.1080/01621459.1927.10502953.
    """
    from audits.statistics.intervals import wilson

    library = explained(subject).counterfactuals
    if library is None or library.rechecked == 0:
        raise Insufficient(
            "No counterfactual kept from the version in place could be put to this version.",
            "Nothing is to be done for a first version; the library it keeps is put to the next one.",
        )
    interval = wilson(library.still_flip, library.rechecked, confidence)
    words = (gettext_noop("stored counterfactuals"), gettext_noop("count"))
    broken = library.rechecked - library.still_flip
    plot = Plot(
        kind="bars",
        title=gettext_noop("What became of the counterfactuals of the version in place"),
        columns=(PlotColumn(words[0], "text"), PlotColumn(words[1], "count")),
        rows=(
            (gettext_noop("still lead to a favourable decision"), library.still_flip),
            (gettext_noop("no longer do"), broken),
        ),
        label=words[0],
        value=words[1],
    )
    return Measurement(
        library.still_flip / library.rechecked,
        "share",
        interval.low,
        interval.high,
        confidence,
        library.rechecked,
        interval.method,
        detail={"rechecked": library.rechecked, "still_flip": library.still_flip},
        plots=(plot,),
    )
