"""What does each feature contribute to a linear model's log-odds? In closed form, exactly."""

from __future__ import annotations

from typing import Any

from audits.explanations.columns import prepare, split, trace
from audits.explanations.quality import Contributions


def contributions(model: Any, background: Any, sample: Any, *, column: int) -> Contributions | None:
    """Return the exact Shapley values of a binary linear classifier behind column-wise steps; None for other models.

    For f(x) = b + sum_k w_k g_k(x), where each g_k depends on one feature j(k) only, the interventional value of
    feature j is phi_j(x) = sum over k with j(k) = j of w_k (g_k(x) - mean of g_k over the background). Unit: log-odds
    of the class in ``column``; 0 = the feature says nothing beyond the background's mean. Features may be missing
    where the steps handle it. Source: Lundberg and Lee 2017, corollary 1; Strumbelj and Kononenko 2014.
    """
    import numpy as np
    from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, SGDClassifier

    steps, final = split(model)
    if type(final) not in (LogisticRegression, LogisticRegressionCV, SGDClassifier):
        return None
    if type(final) is SGDClassifier and final.loss != "log_loss":
        return None
    sources = trace(steps, list(sample.columns))
    if sources is None or final.coef_.shape != (1, len(sources)):
        return None
    sign = 1.0 if column == 1 else -1.0
    weights = sign * np.asarray(final.coef_[0], dtype=np.float64)
    means = prepare(steps, background).mean(axis=0)
    parts = weights * (prepare(steps, sample) - means)
    values = np.zeros((len(sample), sample.shape[1]))
    for place, source in enumerate(sources):
        values[:, source] += parts[:, place]
    return Contributions(
        values=values,
        base=float(weights @ means + sign * float(final.intercept_[0])),
        outputs=sign * np.asarray(model.decision_function(sample), dtype=np.float64),
        rows=np.arange(len(sample)),
        route="linear-closed-form",
        variant="interventional",
        library=f"numpy {np.__version__}",
        output="log-odds",
        background_rows=len(background),
    )
