"""Which features move the model's output, does the explanation add up to it, and would another draw rank them alike?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audits.checks.contract import TASKS, CheckSubject, Insufficient, Measurement, Plot, PlotColumn, check, gettext_noop
from audits.checks.explainability.explained import explained, how
from audits.explanations.single_rows import unlinked

if TYPE_CHECKING:
    from audits.explanations.contract import Explanation

MAX_FEATURES = 100
SCATTERED, SCATTERED_POINTS = 4, 100


@check(
    "explainability.shap_importance",
    family="explainability",
    needs=("explanation",),
    unit="model output",
    better="lower",
    parameters={"max_rank": {"type": "integer", "minimum": 1, "maximum": MAX_FEATURES}},
    mend="An explanation that does not add up explains another function: use an exact route for this model family.",
    tasks=TASKS,
)
def shap_importance(subject: CheckSubject, *, max_rank: int = 20, confidence: float = 0.95) -> Measurement:
    r"""Largest additivity residual of the SHAP values, with the ranking of features by mean absolute SHAP value.

    .. math:: \max_i \Big| f(x_i) - \phi_0 - \sum_j \phi_{ij} \Big|

    0: base value and attributions add up to the model's output on each explained row; there is no upper bound. The
    ranking in ``detail`` is :math:`\frac1n \sum_i |\phi_{ij}|`, in the unit of the explained output.

    Parameters
    ----------
    subject : explanation of the model on a stated sample against a stated background.
    max_rank : how many features the ranking names; the rest is summed in ``detail.rest_mean_abs``.
    confidence : nominal coverage of the interval of each mean, from its standard error.

    Returns
    -------
    Measurement
        ``n`` explained rows, no interval (the residual is exact); ``detail`` holds ``features`` (rank, feature,
        mean_abs, low, high, share), route, variant, library, output, sample and background with their digests, rank
        stability and seeds.

    Notes
    -----
    Limits: attributions say what the model uses, not what causes the outcome; correlated features share their credit
    in ways that depend on the variant, which is named. Where the cost would be over budget a stratified sample is
    explained, and ``selection`` says so; the intervals are then those of the stratified mean.
    Not for: comparing the sizes of attributions between models that are explained in other units or variants.

    References
    ----------
    S. M. Lundberg, S.-I. Lee, NeurIPS 2017, arXiv:1705.07874 (local accuracy);
    S. M. Lundberg et al., Nature Machine Intelligence 2 (2020) 56-67, doi:10.1038/s42256-019-0138-9.
    """
    from audits.statistics.importance import ranking

    explanation = explained(subject)
    ranked, rest = ranking(
        explanation.features,
        explanation.mean_abs,
        explanation.mean_abs_se,
        max_rank=max_rank,
        confidence=confidence,
    )
    detail = {
        "features": ranked,
        "rest_mean_abs": rest,
        **how(explanation),
        "beeswarm": unlinked(explanation.beeswarm),
    }
    return Measurement(
        explanation.additivity_residual_max,
        "model output",
        None,
        None,
        confidence,
        int(explanation.sample_rows),
        "exact residual on the explained rows",
        notes=(
            f"Explained: {explanation.output}; route {explanation.route}, {explanation.variant}; {explanation.selection}.",
            *explanation.notes,
        ),
        detail=detail,
        plots=(_ranking_plot(ranked), *_scatter(explanation)),
    )


def _ranking_plot(ranked: list[dict[str, Any]]) -> Plot:
    names = (
        gettext_noop("feature"),
        gettext_noop("mean absolute contribution"),
        gettext_noop("low"),
        gettext_noop("high"),
    )
    return Plot(
        kind="intervals",
        title=gettext_noop("Features by mean absolute contribution"),
        columns=(
            PlotColumn(names[0], "text"),
            *(PlotColumn(name) for name in names[1:]),
            PlotColumn(gettext_noop("share"), "share"),
        ),
        rows=tuple((row["feature"], row["mean_abs"], row["low"], row["high"], row["share"]) for row in ranked),
        label=names[0],
        value=names[1],
        low=names[2],
        high=names[3],
    )


def _scatter(explanation: Explanation) -> tuple[Plot, ...]:
    """Draw the contributions of the first features against the place of the value among the background."""
    order = list(dict.fromkeys(index for index, _, _ in explanation.beeswarm))[:SCATTERED]
    rows: list[tuple[str, float, float]] = []
    for index in order:
        found = (point for point in explanation.beeswarm if point[0] == index and point[1] is not None)
        points = [(place, part) for _, place, part in unlinked(found)]
        step = max(1, len(points) // SCATTERED_POINTS)
        rows += [(explanation.features[index], place, part) for place, part in points[::step][:SCATTERED_POINTS]]
    if not rows:
        return ()
    names = (gettext_noop("feature"), gettext_noop("quantile of the value"), gettext_noop("contribution"))
    return (
        Plot(
            kind="points",
            title=gettext_noop("Contribution against the place of the value among the background"),
            columns=(PlotColumn(names[0], "text"), PlotColumn(names[1], "share"), PlotColumn(names[2])),
            rows=tuple(rows),
            x=names[1],
            y=names[2],
            series=names[0],
        ),
    )


@check(
    "explainability.additivity_residual",
    family="explainability",
    needs=("explanation",),
    unit="share",
    better="lower",
    mend="A residual above rounding means that the attributions explain another function: use an exact route.",
    tasks=TASKS,
)
def additivity_residual(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Largest additivity residual of the attributions, relative to the largest output.

    .. math:: \frac{\max_i | f(x_i) - \phi_0 - \sum_j \phi_{ij} |}{1 + \max_i | f(x_i) |}

    0: base value and attributions add up to the model's output on each explained row. 1: what is not explained is as
    large as the largest output. Exact routes stay below 1e-6, which is also what the service demands of them.

    Parameters
    ----------
    subject : explanation of the model on a stated sample.
    confidence : has no effect; the residual is exact.

    Returns
    -------
    Measurement
        ``n`` explained rows, no interval; ``detail`` holds the residual in the output's own unit, route, variant,
        sample, background with digests, predicted and used cost, and the routes that were considered.

    Notes
    -----
    Limits: that the parts add up does not say that each part is right: a wrong split of the right sum passes.
    Not for: judging how important a feature is, or whether the model is good.

    References
    ----------
    S. M. Lundberg, S.-I. Lee, NeurIPS 2017, arXiv:1705.07874 (property 1, local accuracy).
    """
    explanation = explained(subject)
    relative = explanation.additivity_residual_max / (1.0 + explanation.output_scale)
    detail = {
        **how(explanation),
        "residual": explanation.additivity_residual_max,
        "output_scale": explanation.output_scale,
    }
    routes = explanation.cost.considered if explanation.cost else ()
    names = (gettext_noop("route"), gettext_noop("predicted seconds"))
    plots = (
        Plot(
            kind="bars",
            title=gettext_noop("Predicted cost of the routes that fit the model"),
            columns=(PlotColumn(names[0], "text"), PlotColumn(names[1])),
            rows=routes,
            label=names[0],
            value=names[1],
        ),
    )
    return Measurement(
        relative,
        "share",
        None,
        None,
        confidence,
        explanation.sample_rows,
        "exact residual on the explained rows",
        notes=(f"Explained: {explanation.output}; route {explanation.route}, {explanation.variant}.",),
        detail=detail,
        plots=plots if routes else (),
    )


@check(
    "explainability.rank_stability",
    family="explainability",
    needs=("explanation",),
    unit="correlation",
    better="higher",
    mend="Explain more rows, or read features of nearly equal importance as a group and not in an order.",
    tasks=TASKS,
)
def rank_stability(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Lowest rank correlation between the rankings of features under different seeds.

    .. math:: \min_{s \ne s'} \tau_b\big(\bar\phi^{(s)}, \bar\phi^{(s')}\big)

    1: each seed ranks the features alike. 0: two rankings are unrelated; -1: one is the other reversed. Each seed
    re-draws the explained rows, and the background where the attributions depend on it.

    Parameters
    ----------
    subject : explanation of the model with the mean absolute attributions of each seed.
    confidence : has no effect; the value is the lowest of all pairs.

    Returns
    -------
    Measurement
        ``n`` explained rows, no interval; ``detail`` holds seeds and, for each feature, its lowest and highest mean.

    Notes
    -----
    Limits: it counts a swap of two negligible features like one of the two largest; read it with the means beside it.
    Not for: showing that attributions are right, nor for a model of one feature, where there is nothing to rank.

    References
    ----------
    M. G. Kendall, Biometrika 33 (1945) 239-251, doi:10.1093/biomet/33.3.239 (tau-b); ``scipy.stats.kendalltau``;
    D. Alvarez-Melis, T. Jaakkola, WHI 2018, arXiv:1806.08049 (why stability is asked for).
    """
    explanation = explained(subject)
    if explanation.rank_stability is None:
        raise Insufficient(
            "There are no two rankings of features to compare.",
            "Explain a model of several features under several seeds.",
        )
    spread = [(min(seen), max(seen)) for seen in zip(*explanation.by_seed, strict=True)]
    order = sorted(range(len(spread)), key=lambda at: (-explanation.mean_abs[at], explanation.features[at]))[
        :MAX_FEATURES
    ]
    names = (
        gettext_noop("feature"),
        gettext_noop("mean absolute contribution"),
        gettext_noop("lowest"),
        gettext_noop("highest"),
    )
    rows = [(explanation.features[at], spread[at][0], explanation.mean_abs[at], spread[at][1]) for at in order]
    plot = Plot(
        kind="intervals",
        title=gettext_noop("Mean absolute contribution over the seeds"),
        columns=(PlotColumn(names[0], "text"), *(PlotColumn(name) for name in names[1:])),
        rows=tuple((name, min(max(mean, low), high), low, high) for name, low, mean, high in rows),
        label=names[0],
        value=names[1],
        low=names[2],
        high=names[3],
    )
    return Measurement(
        explanation.rank_stability,
        "correlation",
        None,
        None,
        confidence,
        explanation.sample_rows,
        "lowest Kendall tau-b over all pairs of seeds",
        detail={"seeds": explanation.seeds, "features": [list(row) for row in rows], "variant": explanation.variant},
        plots=(plot,) if rows else (),
    )
