"""Does each class get its own probability, whatever the order in which a model names its classes?"""

from __future__ import annotations

import hashlib
import io
from importlib.metadata import version

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from lightgbm import LGBMClassifier
from sklearn.metrics import accuracy_score, log_loss
from sklearn.pipeline import make_pipeline

from audits.checks.contract import CHECKS, CheckSubject
from audits.runs.tables import Answers, table_with_answers
from audits.sandbox.launch import score
from audits.sandbox.protocol import ExplainInput, SandboxError, ScoringJob, TableInput
from tests.audits.hostile_models import FEATURES, QUICK, on_load
from tests.audits.test_run_tables import a_plan

pytestmark = pytest.mark.thorough

NAMES = ("yes", "no", "maybe")
"""The order in which the model was told them, which is no order of letters."""


def frame_of(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({name: rng.normal(size=rows) for name in FEATURES})
    total = frame["income"] - frame["debt"] + rng.normal(scale=0.4, size=rows)
    frame["y"] = np.select([total > 0.7, total < -0.3], NAMES[:2], NAMES[2])
    frame["sex"] = rng.choice(["f", "m"], rows)
    return frame


def numbered() -> tuple[bytes, str, LGBMClassifier]:
    """Return a booster that knows its classes as 0, 1 and 2."""
    frame = frame_of(300, 1)
    model = LGBMClassifier(n_estimators=8, verbose=-1, n_jobs=1)
    model.fit(frame[list(FEATURES)], frame["y"].map({name: place for place, name in enumerate(NAMES)}))
    return model.booster_.model_to_string().encode(), "lightgbm", model


def pickled() -> tuple[bytes, str, LGBMClassifier]:
    _, _, model = numbered()
    stream = io.BytesIO()
    joblib.dump(make_pipeline("passthrough", model), stream)
    return stream.getvalue(), "joblib", model


@pytest.mark.parametrize("made", [numbered, pickled])
def test_numbered_classes_take_the_registered_names_in_their_order(tmp_path, made) -> None:
    data, kind, model = made()
    rows = frame_of(200, 2)
    inputs = rows[list(FEATURES)]
    inputs.to_parquet(tmp_path / "rows.parquet")
    (tmp_path / "model.bin").write_bytes(data)
    outcome = score(
        ScoringJob(
            kind,
            tmp_path / "model.bin",
            hashlib.sha256(data).hexdigest(),
            (TableInput("evaluation", tmp_path / "rows.parquet", FEATURES),),
            explain=ExplainInput(tmp_path / "rows.parquet", tmp_path / "rows.parquet", FEATURES),
            limits=QUICK,
            task="multiclass",
            classes=NAMES,
            favourable="yes",
            library_versions={"lightgbm": version("lightgbm")},
        )
    )
    own = model.predict_proba(inputs)
    assert outcome.classes == ("maybe", "no", "yes")
    np.testing.assert_allclose(outcome.scores["evaluation"], own[:, [2, 1, 0]], atol=1e-12)
    assert outcome.explanation is not None, outcome.explanation_error
    assert outcome.explanation.explained == "yes"
    raw = model.predict(inputs, raw_score=True)[:, 0]
    assert outcome.explanation.output_scale == pytest.approx(np.abs(raw).max())

    plan = a_plan("0" * 64) | {"task": "multiclass", "scoring": {"favourable": "yes", "classes": list(NAMES)}}
    plan["datasets"]["evaluation"]["roles"] = {"target": "y", "sensitive": ["sex"]}
    answers = Answers("multiclass", outcome.scores["evaluation"], outcome.classes)
    table = table_with_answers(plan, "evaluation", pa.Table.from_pandas(rows), answers, check_values=True)
    said = np.array(NAMES)[own.argmax(axis=1)]
    subject = CheckSubject(table)

    def measured(slug: str, **params) -> float:
        return CHECKS.get(slug).run(subject, **params).value

    assert measured("performance.accuracy") == pytest.approx(accuracy_score(rows["y"], said))
    expected = log_loss(rows["y"], own[:, [2, 1, 0]], labels=["maybe", "no", "yes"])
    assert measured("performance.multiclass_log_loss") == pytest.approx(expected)
    rates = [np.mean(said[rows["sex"] == sex] == "yes") for sex in ("f", "m")]
    assert measured("fairness.selection_rate_ratio") == pytest.approx(min(rates) / max(rates))
    table.close()


REVERSED = """
import numpy as np
class Model:
    classes_ = np.array({classes})
    def predict_proba(self, X):
        p = 1 / (1 + np.exp(-X['income'].to_numpy()))
        return np.column_stack({columns})
model = Model()
"""


def scored_binary(tmp_path, classes: str, columns: str) -> np.ndarray:
    data = on_load(REVERSED.format(classes=classes, columns=columns))
    frame_of(50, 3)[list(FEATURES)].to_parquet(tmp_path / "rows.parquet")
    (tmp_path / "model.bin").write_bytes(data)
    table = TableInput("evaluation", tmp_path / "rows.parquet", FEATURES)
    found = score(
        ScoringJob("joblib", tmp_path / "model.bin", hashlib.sha256(data).hexdigest(), (table,), limits=QUICK)
    )
    return found.scores["evaluation"]


def test_the_positive_class_is_found_by_its_label_and_not_by_its_place(tmp_path) -> None:
    income = frame_of(50, 3)["income"]
    np.testing.assert_allclose(scored_binary(tmp_path, "[1, 0]", "[p, 1 - p]"), 1 / (1 + np.exp(-income)))


def test_a_binary_model_of_words_is_refused_rather_than_guessed(tmp_path) -> None:
    with pytest.raises(SandboxError, match="positive-label-unknown"):
        scored_binary(tmp_path, "['yes', 'no']", "[p, 1 - p]")


def test_named_classes_in_any_order_are_sorted_with_their_columns(tmp_path) -> None:
    words = "['yes', 'no', 'maybe']"
    data = on_load(REVERSED.format(classes=words, columns="[p, (1 - p) * 0.75, (1 - p) * 0.25]"))
    frame_of(50, 3)[list(FEATURES)].to_parquet(tmp_path / "rows.parquet")
    (tmp_path / "model.bin").write_bytes(data)
    table = TableInput("evaluation", tmp_path / "rows.parquet", FEATURES)
    digest = hashlib.sha256(data).hexdigest()
    found = score(ScoringJob("joblib", tmp_path / "model.bin", digest, (table,), limits=QUICK, task="multiclass"))
    likely = 1 / (1 + np.exp(-frame_of(50, 3)["income"].to_numpy()))
    assert found.classes == ("maybe", "no", "yes")
    np.testing.assert_allclose(
        found.scores["evaluation"], np.column_stack([(1 - likely) * 0.25, (1 - likely) * 0.75, likely])
    )
