"""What does each feature contribute to a linear model's output? In closed form, exactly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from audits.explanations.columns import prepare, split, trace
from audits.explanations.offers import Offer
from audits.explanations.quality import Contributions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SECONDS_FIXED, SECONDS_PER_CELL = 0.005, 2e-8


def offer(model: Any, features: list[str], *, column: int | None) -> Offer | None:
    """Offer the exact Shapley values of a linear model behind column-wise steps; None for other models.

    For f(x) = b + sum_k w_k g_k(x), where each g_k depends on one feature j(k) only, the interventional value of
    feature j is phi_j(x) = sum over k with j(k) = j of w_k (g_k(x) - mean of g_k over the background). Unit: log-odds
    of the class in ``column`` for two classes, its score before softmax for more, the predicted value for regression;
    0 = the feature says nothing beyond the background's mean. Features may be missing where the steps handle it.
    Source: Lundberg and Lee 2017, corollary 1; Strumbelj and Kononenko 2014.
    """
    steps, final = split(model)
    known = _weights(final, column)
    sources = None if known is None else trace(steps, features)
    if known is None or sources is None or len(known[0]) != len(sources):
        return None
    weights, intercept, output = known

    def contributions(background: Any, sample: Any, counts: Sequence[NDArray[np.float64]] = ()) -> Contributions:
        import numpy as np

        before, rows = prepare(steps, background), prepare(steps, sample)
        means = before.mean(axis=0)

        def against(middle: NDArray[np.float64]) -> NDArray[np.float64]:
            parts = weights * (rows - middle)
            values = np.zeros((len(sample), sample.shape[1]))
            for place, source in enumerate(sources):
                values[:, source] += parts[:, place]
            return values

        return Contributions(
            values=against(means),
            redrawn=tuple(against(drawn @ before / drawn.sum()) for drawn in counts),
            base=float(weights @ means + intercept),
            outputs=_outputs(model, sample, column),
            route="linear-closed-form",
            variant="interventional",
            library=f"numpy {np.__version__}",
            output=output,
            background_rows=len(background),
        )

    def seconds(rows: int, background_rows: int, draws: int = 1) -> float:
        return SECONDS_FIXED + SECONDS_PER_CELL * draws * (rows + background_rows) * len(sources)

    return Offer("linear-closed-form", "interventional", seconds, contributions, varies=True)


def _weights(final: Any, column: int | None) -> tuple[NDArray[np.float64], float, str] | None:
    """Return coefficients, intercept and unit of the explained output; None for a model that is not linear in it."""
    import numpy as np
    from sklearn import linear_model as linear

    values = (
        linear.LinearRegression,
        linear.Ridge,
        linear.RidgeCV,
        linear.Lasso,
        linear.LassoCV,
        linear.ElasticNet,
        linear.ElasticNetCV,
        linear.SGDRegressor,
        linear.HuberRegressor,
        linear.BayesianRidge,
    )
    if column is None:
        if type(final) not in values:
            return None
        weights = np.asarray(final.coef_, dtype=np.float64)
        if weights.ndim == 2 and len(weights) == 1:
            weights = weights[0]
        intercept = np.asarray(final.intercept_, dtype=np.float64).reshape(-1)
        return (weights, float(intercept[0]), "value") if weights.ndim == 1 and len(intercept) == 1 else None
    if type(final) not in (linear.LogisticRegression, linear.LogisticRegressionCV, linear.SGDClassifier):
        return None
    if type(final) is linear.SGDClassifier and (final.loss != "log_loss" or len(final.classes_) != 2):
        return None
    coefficients = np.asarray(final.coef_, dtype=np.float64)
    if len(coefficients) > 1:
        return coefficients[column], float(final.intercept_[column]), "margin"
    sign = 1.0 if column == 1 else -1.0
    return sign * coefficients[0], sign * float(final.intercept_[0]), "log-odds"


def _outputs(model: Any, sample: Any, column: int | None) -> NDArray[np.float64]:
    import numpy as np

    if column is None:
        return np.asarray(model.predict(sample), dtype=np.float64).reshape(len(sample))
    raw = np.asarray(model.decision_function(sample), dtype=np.float64)
    if raw.ndim == 2:
        return raw[:, column]
    return raw if column == 1 else -raw
