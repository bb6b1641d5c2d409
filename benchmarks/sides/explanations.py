"""Shapley values of the same models on the same rows: by our route of least predicted cost, by shap."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import Any

from benchmarks import data

BACKGROUND = 100


def fitted(kind: str, training: int) -> tuple[Any, Any]:
    """Return a model fitted on ``training`` rows x 30 features, and the rows as a frame."""
    import joblib
    import pandas as pd

    rows, classes = data.classification()
    frame = pd.DataFrame(rows, columns=[f"x{at:02}" for at in range(rows.shape[1])])
    kept = data.FOLDER / f"{kind}-{training}.joblib"  # made by us, read by us: both sides have the same versions
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        half = kept.with_suffix(f".{os.getpid()}")
        joblib.dump(_model(kind).fit(frame[:training], classes[:training]), half)
        half.replace(kept)
    return joblib.load(kept), frame


def _model(kind: str) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    boosting = HistGradientBoostingClassifier(max_iter=100, max_leaf_nodes=31, early_stopping=False, random_state=0)
    if kind == "hgb":
        return boosting
    if kind == "pipeline":
        return make_pipeline(StandardScaler().set_output(transform="pandas"), boosting)
    if kind == "forest":
        return RandomForestClassifier(200, n_jobs=2, random_state=0)
    if kind == "lightgbm":
        from lightgbm import LGBMClassifier

        return LGBMClassifier(n_estimators=100, num_leaves=31, n_jobs=2, random_state=0, verbose=-1)
    from xgboost import XGBClassifier

    return XGBClassifier(n_estimators=100, max_depth=6, n_jobs=2, random_state=0)


def ours(kind: str, rows: int, variant: str = "path-dependent", training: int = 50_000) -> Callable[[], dict[str, Any]]:
    """Explain ``rows`` rows as the sandbox does: by the cheapest exact route, checked, ranked and summed up."""
    from audits.explanations.plan import ExplainPlan
    from audits.explanations.routes import explain

    model, frame = fitted(kind, training)
    plan, background = ExplainPlan(variant=variant), frame[:BACKGROUND]

    def work(number: int) -> dict[str, Any]:
        found = explain(model, background, frame[:number], column=1, plan=plan)
        return {"route": found.route, "variant": found.variant, "rows": found.sample_rows} | {
            "residual": found.additivity_residual_max,
            "output": found.output,
        }

    work(10)
    return lambda: work(rows)


def shap_trees(
    kind: str, rows: int, variant: str = "path-dependent", training: int = 50_000
) -> Callable[[], dict[str, Any]]:
    """Explain ``rows`` rows with ``TreeExplainer``; for LightGBM and XGBoost that is the booster's own code."""
    import shap

    model, frame = fitted(kind, training)
    background = frame[:BACKGROUND] if variant == "interventional" else None

    def work(number: int) -> dict[str, Any]:
        explainer = shap.TreeExplainer(model, background, feature_perturbation=SHAP_NAMES[variant])
        return {"shape": list(explainer.shap_values(frame[:number], check_additivity=False).shape)}

    work(10)
    return lambda: work(rows)


SHAP_NAMES = {"path-dependent": "tree_path_dependent", "interventional": "interventional"}


def shap_kernel(kind: str, rows: int, training: int = 50_000) -> Callable[[], dict[str, Any]]:
    """Explain ``rows`` rows with ``KernelExplainer`` against 100 background rows, at its own number of samples."""
    import numpy as np
    import shap

    model, frame = fitted(kind, training)
    names = list(frame.columns)

    def positive(values: Any) -> Any:
        import pandas as pd

        return model.predict_proba(pd.DataFrame(values, columns=names))[:, 1]

    explainer = shap.KernelExplainer(positive, frame[:BACKGROUND].to_numpy())

    def work(number: int) -> dict[str, Any]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values = np.asarray(explainer.shap_values(frame[:number].to_numpy(), silent=True))
        return {"shape": list(values.shape)}

    work(1)
    return lambda: work(rows)
