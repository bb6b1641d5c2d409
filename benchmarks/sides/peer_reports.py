"""One validation report of a tabular classifier by each peer: what it calls complete, on the same rows and columns."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

TARGET = "outcome"


def applicants(path: str) -> tuple[Any, Any, list[str]]:
    """Return training rows, test rows and the names of the features."""
    import pandas as pd

    frame = pd.read_csv(path)
    middle = len(frame) // 2
    features = [name for name in frame.columns if name != TARGET]
    return frame[:middle].reset_index(drop=True), frame[middle:].reset_index(drop=True), features


def boosted(training: Any, features: list[str]) -> Any:
    """Return histogram boosting of 100 trees with 31 leaves."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(max_iter=100, early_stopping=False, random_state=0)
    return model.fit(training[features], training[TARGET])


def responsibleai(path: str, test_rows: int = 5_000) -> Callable[[], dict[str, Any]]:
    """Explainer and error analysis, computed and saved, over the 5,000 test rows it takes at most."""
    from responsibleai import RAIInsights

    training, test, features = applicants(path)
    model = boosted(training, features)

    def report(rows: int) -> dict[str, Any]:
        insights = RAIInsights(model, training, test[:rows], TARGET, "classification")
        insights.explainer.add()
        insights.error_analysis.add()
        insights.compute()
        with tempfile.TemporaryDirectory() as folder:
            insights.save(folder)
            return {"files": sum(1 for file in Path(folder).rglob("*") if file.is_file())}

    report(min(500, test_rows))
    return lambda: report(test_rows)


def deepchecks(path: str) -> Callable[[], dict[str, Any]]:
    """Run the model evaluation suite and write its HTML."""
    from deepchecks.tabular import Dataset
    from deepchecks.tabular.suites import model_evaluation

    training, test, features = applicants(path)
    model = boosted(training, features)

    def report() -> dict[str, Any]:
        sides = [
            Dataset(frame, label=TARGET, features=features, cat_features=["sex", "race"]) for frame in (training, test)
        ]
        # its own limit of 120 seconds of wall time leaves the importance out on a busy machine, half of its work
        found = model_evaluation().run(*sides, model, with_display=True, feature_importance_timeout=3_600)
        with tempfile.TemporaryDirectory() as folder:
            found.save_as_html(str(Path(folder) / "report.html"), as_widget=False)
            size = sum(file.stat().st_size for file in Path(folder).iterdir())
        return {"checks": len(found.results), "html_bytes": size}

    return report


def giskard(path: str) -> Callable[[], dict[str, Any]]:
    """Scan the model over the test rows and write its HTML."""
    import giskard as library

    training, test, features = applicants(path)
    model = boosted(training, features)

    def report() -> dict[str, Any]:
        # wrapped anew each time: the library remembers what a wrapped model said of a row
        wrapped = library.Model(
            model=lambda frame: model.predict_proba(frame[features]),
            model_type="classification",
            classification_labels=[0, 1],
            feature_names=features,
        )
        table = library.Dataset(test, target=TARGET, cat_columns=["sex", "race"])
        found = library.scan(wrapped, table, verbose=False)
        return {"issues": len(found.issues), "html_bytes": len(found.to_html())}

    return report


def evidently(path: str) -> Callable[[], dict[str, Any]]:
    """Classification, drift and summary presets, written as HTML."""
    from evidently import BinaryClassification, DataDefinition, Dataset, Report
    from evidently.presets import ClassificationPreset, DataDriftPreset, DataSummaryPreset

    training, test, features = applicants(path)
    model = boosted(training, features)
    numbers = [name for name in features if name not in ("sex", "race")]
    definition = DataDefinition(
        classification=[
            BinaryClassification(target=TARGET, prediction_labels="prediction", prediction_probas="score", pos_label=1)
        ],
        numerical_columns=[*numbers, "score"],
        categorical_columns=["sex", "race", TARGET, "prediction"],
    )

    def report(rows: int | None) -> dict[str, Any]:
        sides = []
        for frame in (test[:rows], training[:rows]):
            score = model.predict_proba(frame[features])[:, 1]
            scored = frame.assign(score=score, prediction=(score >= 0.5).astype(int))
            sides.append(Dataset.from_pandas(scored, data_definition=definition))
        snapshot = Report([ClassificationPreset(), DataDriftPreset(), DataSummaryPreset()]).run(*sides)
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "report.html"
            snapshot.save_html(str(target))
            return {"html_bytes": target.stat().st_size}

    report(500)
    return lambda: report(None)
