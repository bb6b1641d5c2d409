"""How does the answer move along a feature, as far as declared, and how much of it is two features' together?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audits.checks.contract import TASKS, CheckSubject, Insufficient, Measurement, Plot, PlotColumn, check, gettext_noop
from audits.checks.explainability.explained import explained

if TYPE_CHECKING:
    from audits.explanations.contract import Explanation
    from audits.explanations.records import Dependence

NOT_WORKED_OUT = "The explanation holds no effects of single features."
ASK = "Upload the model in a format the service can load, so that it is asked for the effects of its main features."


@check(
    "explainability.dependence_range",
    family="explainability",
    needs=("explanation",),
    unit="model answer",
    better="none",
    mend="A feature that alone moves the answer that far deserves its own review: who sets it, and how well is it known?",
    tasks=TASKS,
)
def dependence_range(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Largest range of the mean answer along one feature, by partial dependence.

    .. math:: \max_j \big( \max_v \mathrm{PD}_j(v) - \min_v \mathrm{PD}_j(v) \big), \quad
              \mathrm{PD}_j(v) = \frac1n \sum_i f(x_i \text{ with } x_{ij} = v)

    0: setting any one feature to any value of its grid leaves the mean answer where it was. 1, for a probability: one
    feature alone turns a sure no into a sure yes.

    Parameters
    ----------
    subject : explanation with partial dependences of its most important features.
    confidence : has no effect; the range is that of the rows asked.

    Returns
    -------
    Measurement
        ``n`` rows the means are over, no interval; one plot a feature, mean with the tenth and ninetieth percentile of
        the rows' own curves (ICE); ``detail.features`` holds range, grid and mean of each.

    Notes
    -----
    Limits: rows are moved to values they may never have together with their others, so that curves of correlated
    features reach where no data are. The grid ends at the 5th and 95th percentile of the background.
    Not for: causal effects, and features outside the eight most important ones, which are not asked for.

    References
    ----------
    J. H. Friedman, Annals of Statistics 29 (2001) 1189-1232, doi:10.1214/aos/1013203451;
    A. Goldstein et al., J. Comput. Graph. Stat. 24 (2015) 44-65, doi:10.1080/10618600.2014.907095 (curves);
    ``sklearn.inspection.partial_dependence``.
    """
    explanation = explained(subject)
    if not explanation.dependence:
        raise Insufficient(NOT_WORKED_OUT, ASK)
    ranges = {one.feature: max(one.mean) - min(one.mean) for one in explanation.dependence}
    widest = max(explanation.dependence, key=lambda one: (ranges[one.feature], -one.feature))
    features = [
        {"feature": explanation.features[one.feature], "range": ranges[one.feature], "grid": one.grid, "mean": one.mean}
        for one in explanation.dependence
    ]
    return Measurement(
        ranges[widest.feature],
        "model answer",
        None,
        None,
        confidence,
        widest.rows,
        "partial dependence by brute force",
        notes=(f"The widest range is that of {explanation.features[widest.feature]}.",),
        detail={"features": features},
        plots=tuple(_curve(explanation, one) for one in explanation.dependence[:8]),
    )


@check(
    "explainability.dependence_against_declared",
    family="explainability",
    needs=("explanation",),
    unit="share",
    better="lower",
    mend="Constrain the feature to be monotone when training, or withdraw the declaration and say why it does not hold.",
    tasks=TASKS,
)
def dependence_against_declared(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Largest share of rows whose own curve moves against the declared direction of a feature.

    .. math:: \max_{j \text{ declared}} \frac1n \sum_i 1\big[\exists\, v < v':\ f_i(v') < f_i(v)\big]

    for a feature declared increasing, with neighbouring values v, v' of the grid; reversed for decreasing. 0: no row's
    answer moves against any declaration. 1: every row's does somewhere, for one feature.

    Parameters
    ----------
    subject : explanation with individual curves, and ``declared["monotone"]``.
    confidence : nominal coverage of the interval of the share.

    Returns
    -------
    Measurement
        ``n`` rows, Wilson's interval for the feature with the largest share; one plot a declared feature.

    Notes
    -----
    Limits: only the grid is looked at, and only features among the most important ones; a step smaller than 1e-9
    counts as none. The rows are a sample, the largest of several shares is picked.
    Not for: proving monotonicity; a constraint in training does that, and a test on perturbed rows looks elsewhere.

    References
    ----------
    A. Goldstein et al., J. Comput. Graph. Stat. 24 (2015) 44-65, doi:10.1080/10618600.2014.907095;
    E. B. Wilson, JASA 22 (1927) 209-212, doi:10.1080/01621459.1927.10502953.
    """
    from audits.statistics.intervals import wilson

    explanation = explained(subject)
    declared = subject.declared.get("monotone") or {}
    against = {
        one.feature: one.falling if declared[explanation.features[one.feature]] == "increasing" else one.rising
        for one in explanation.dependence
        if explanation.features[one.feature] in declared
    }
    curves = [one for one in explanation.dependence if against.get(one.feature) is not None and one.rows > 0]
    if not curves:
        raise Insufficient(
            "No feature that is declared monotone has a curve.",
            "Declare the direction of features that matter when registering the version; their curves are then compared.",
        )
    shares = {one.feature: float(against[one.feature] or 0.0) for one in curves}
    worst = max(curves, key=lambda one: (shares[one.feature], -one.feature))
    share = shares[worst.feature]
    interval = wilson(round(share * worst.rows), worst.rows, confidence)
    return Measurement(
        share,
        "share",
        min(interval.low, share),
        max(interval.high, share),
        confidence,
        worst.rows,
        interval.method,
        notes=(f"The largest share is that of {explanation.features[worst.feature]}.",),
        detail={
            "features": [
                {
                    "feature": explanation.features[one.feature],
                    "declared": declared[explanation.features[one.feature]],
                    "against": shares[one.feature],
                    "rows": one.rows,
                }
                for one in curves
            ]
        },
        plots=tuple(_curve(explanation, one) for one in curves[:8]),
    )


@check(
    "explainability.interaction_strength",
    family="explainability",
    needs=("explanation",),
    unit="share",
    better="none",
    mend="Read the two features together: a table of both says more than either effect alone.",
    tasks=TASKS,
)
def interaction_strength(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Largest share of two features' joint effect that is interaction, by Friedman and Popescu's H squared.

    .. math:: \max_{j<k} \frac{\sum_i (\mathrm{PD}_{jk}(x_i) - \mathrm{PD}_j(x_i) - \mathrm{PD}_k(x_i))^2}
              {\sum_i \mathrm{PD}_{jk}(x_i)^2}

    with centred partial dependences. 0: the effects of each pair add up. 1: the joint effect of a pair is interaction
    alone.

    Parameters
    ----------
    subject : explanation with the interactions of its most important features.
    confidence : has no effect; the value is that of the rows asked.

    Returns
    -------
    Measurement
        ``n`` rows the partial dependences are over, no interval; a grid of the pairs; ``detail.pairs``.

    Notes
    -----
    Limits: it is over at most 50 rows and the pairs of the four most important features. It is large for pairs of
    hardly any effect, whose joint effect is divided by; correlated features are moved to where no data are. It may
    exceed 1 where the joint effect is smaller than the interaction.
    Not for: interactions of three features, nor for the whole strength of a pair's effect.

    References
    ----------
    J. H. Friedman, B. E. Popescu, Annals of Applied Statistics 2 (2008) 916-954, doi:10.1214/07-AOAS148, equation 44.
    """
    explanation = explained(subject)
    if not explanation.interactions:
        raise Insufficient("The explanation holds no interactions.", ASK)
    strongest = max(explanation.interactions, key=lambda one: (one.strength, -one.first, -one.second))
    names = explanation.features
    words = (gettext_noop("feature"), gettext_noop("with"), gettext_noop("interaction, H squared"))
    pairs = [(names[one.first], names[one.second], one.strength) for one in explanation.interactions]
    return Measurement(
        strongest.strength,
        "share",
        None,
        None,
        confidence,
        strongest.rows,
        "H squared of Friedman and Popescu",
        notes=(f"The strongest pair is {names[strongest.first]} with {names[strongest.second]}.",),
        detail={"pairs": [list(pair) for pair in pairs]},
        plots=(
            Plot(
                kind="grid",
                title=gettext_noop("Interaction of pairs of features"),
                columns=(PlotColumn(words[0], "text"), PlotColumn(words[1], "text"), PlotColumn(words[2])),
                rows=tuple(pairs),
                label=words[0],
                series=words[1],
                value=words[2],
            ),
        ),
    )


def _curve(explanation: Explanation, one: Dependence) -> Plot:
    """Draw the mean answer along a feature with the spread of the rows' own curves."""
    ordered = one.falling is not None
    words = (
        gettext_noop("value"),
        gettext_noop("mean answer"),
        gettext_noop("10th percentile"),
        gettext_noop("90th percentile"),
    )
    columns = (PlotColumn(words[0], "number" if ordered else "text"), *(PlotColumn(word) for word in words[1:]))
    rows = tuple(zip(one.grid, one.mean, one.low, one.high, strict=True))
    drawn: dict[str, Any] = {"low": words[2], "high": words[3]}
    drawn |= {"x": words[0], "y": words[1]} if ordered else {"label": words[0], "value": words[1]}
    return Plot(
        kind="line" if ordered else "intervals",
        title=gettext_noop("Mean answer along a feature"),
        note=explanation.features[one.feature],
        columns=columns,
        rows=rows,
        **drawn,
    )
