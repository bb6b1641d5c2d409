"""Which features move the model's score, and does the explanation add up to the score it explains?"""

from __future__ import annotations

from audits.checks.contract import CheckSubject, Measurement, check

MAX_FEATURES = 100


@check(
    "explainability.shap_importance",
    family="explainability",
    needs=("explanation",),
    unit="model output",
    better="lower",
    parameters={"max_rank": {"type": "integer", "minimum": 1, "maximum": MAX_FEATURES}},
    mend="An explanation that does not add up explains another function: use an exact route for this model family.",
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

    References
    ----------
    S. M. Lundberg, S.-I. Lee, NeurIPS 2017, arXiv:1705.07874 (local accuracy);
    S. M. Lundberg et al., Nature Machine Intelligence 2 (2020) 56-67, doi:10.1038/s42256-019-0138-9.
    """
    from audits.statistics.importance import ranking

    explanation = subject.explanation
    if explanation is None:
        raise ValueError("the check needs an explanation")
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
        "route": explanation.route,
        "variant": explanation.variant,
        "library": explanation.library,
        "output": explanation.output,
        "background_sha256": explanation.background_sha256,
        "background_rows": explanation.background_rows,
        "sample_sha256": explanation.sample_sha256,
        "sample_rows": explanation.sample_rows,
        "base_value": explanation.base_value,
        "rank_stability": explanation.rank_stability,
        "seeds": explanation.seeds,
        "beeswarm": explanation.beeswarm,
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
            f"Explained: {explanation.output}; route {explanation.route}, {explanation.variant}.",
            *explanation.notes,
        ),
        detail=detail,
    )
