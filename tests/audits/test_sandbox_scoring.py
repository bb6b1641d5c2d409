"""Are the scores from the sandbox those of the model itself, on every rung?"""

import io
import os
import pickle
from importlib.metadata import version
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from catboost import CatBoostClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from audits.sandbox.ladder import RUNGS
from audits.sandbox.launch import score, score_on
from audits.sandbox.protocol import Rung, SandboxError, TableInput
from registry.digests import sha256_hex
from registry.errors import DomainError
from tests.audits.hostile_models import FEATURES, REPORTS, a_job, a_table, an_explanation_of, on_scoring


def _trained(model, folder: Path, missing: float = 0.0):
    frame = pd.read_parquet(a_table(folder / "training.parquet", 300, missing=missing))
    return model.fit(frame[list(FEATURES)], frame["defaulted"])


def _joblib(model, **how) -> bytes:
    stream = io.BytesIO()
    joblib.dump(model, stream, **how)
    return stream.getvalue()


@pytest.mark.parametrize("rung", RUNGS, ids=lambda rung: rung.slug)
def test_scores_equal_those_of_the_model_in_this_process(tmp_path: Path, rung: Rung) -> None:
    if not REPORTS[rung.slug].passed and not os.environ.get("CI"):
        pytest.skip(f"LEFT OUT: the rung {rung.slug} is not to be had here: {REPORTS[rung.slug].trouble}")
    model = _trained(make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()), tmp_path, missing=0.1)
    job = a_job(tmp_path, skops.io.dumps(model), kind="skops", explain=an_explanation_of(tmp_path, missing=0.1))
    outcome = score_on(rung, job, probe_digest="")
    frame = pd.read_parquet(job.tables[0].path)[list(FEATURES)]
    # The child computes with one thread: sums of products may differ from this process in their last bit.
    np.testing.assert_allclose(outcome.scores["evaluation"], model.predict_proba(frame)[:, 1], rtol=0, atol=1e-14)
    assert outcome.rung == rung.slug
    assert outcome.estimator == "sklearn.pipeline.Pipeline(SimpleImputer, StandardScaler, LogisticRegression)"
    assert {"python", "scikit-learn", "numpy", "pandas", "skops"} <= set(outcome.libraries)
    assert outcome.peak_memory_bytes > 20 * 2**20
    explanation = outcome.explanation
    assert explanation is not None
    assert outcome.explanation_error is None
    assert (explanation.route, explanation.output) == ("linear-closed-form", "log-odds")
    assert explanation.additivity_residual_max < 1e-6
    assert explanation.background_sha256 == sha256_hex((tmp_path / "background.parquet").read_bytes())
    assert explanation.sample_sha256 == sha256_hex((tmp_path / "sample.parquet").read_bytes())
    assert (explanation.background_rows, explanation.sample_rows) == (150, 60)


@pytest.mark.parametrize("kind", ["joblib", "skops"])
def test_trees_are_scored_and_explained_inside_and_missing_values_go_through(tmp_path: Path, kind: str) -> None:
    model = _trained(HistGradientBoostingClassifier(max_iter=8, random_state=0), tmp_path, missing=0.2)
    data = skops.io.dumps(model) if kind == "skops" else _joblib(model, compress=("zlib", 3))
    job = a_job(tmp_path, data, kind=kind, explain=an_explanation_of(tmp_path, missing=0.2))
    outcome = score(job)
    frame = pd.read_parquet(job.tables[0].path)[list(FEATURES)]
    np.testing.assert_array_equal(outcome.scores["evaluation"], model.predict_proba(frame)[:, 1])
    assert outcome.explanation is not None, outcome.explanation_error
    assert (outcome.explanation.route, outcome.explanation.variant) == ("tree-tables", "interventional")
    assert outcome.explanation.additivity_residual_max < 1e-6
    assert outcome.libraries["scikit-learn"] == outcome.explanation.library.split()[-1]
    assert len(outcome.probe_digest) == 64


def test_a_forest_that_wants_every_processor_is_scored_within_its_bounds(tmp_path: Path) -> None:
    model = _trained(RandomForestClassifier(12, n_jobs=-1, random_state=0), tmp_path)
    job = a_job(tmp_path, _joblib(model))
    frame = pd.read_parquet(job.tables[0].path)[list(FEATURES)]
    np.testing.assert_array_equal(score(job).scores["evaluation"], model.predict_proba(frame)[:, 1])


def test_a_pipeline_with_catboost_is_scored_on_many_rows_and_waits_for_no_thread(tmp_path: Path) -> None:
    chosen = CatBoostClassifier(iterations=10, verbose=0, allow_writing_files=False)
    model = _trained(make_pipeline(StandardScaler().set_output(transform="pandas"), chosen), tmp_path)
    pinned = {"catboost": version("catboost")}
    job = a_job(tmp_path, _joblib(model), rows=20_000, library_versions=pinned, explain=an_explanation_of(tmp_path))
    outcome = score(job)
    frame = pd.read_parquet(job.tables[0].path)[list(FEATURES)]
    np.testing.assert_allclose(outcome.scores["evaluation"], model.predict_proba(frame)[:, 1], atol=1e-12)
    assert outcome.explanation is not None, outcome.explanation_error
    with pytest.raises(SandboxError, match="model-type-not-trusted"):
        score(a_job(tmp_path, skops.io.dumps(model), kind="skops", library_versions=pinned))


def test_two_tables_are_scored_by_one_child(tmp_path: Path) -> None:
    job = a_job(tmp_path, on_scoring("return np.full((len(X), 2), 0.25)"))
    second = TableInput("training", a_table(tmp_path / "second.parquet", 7), FEATURES[:2])
    outcome = score(
        a_job(tmp_path, job.model_path.read_bytes()).__class__(**{**vars(job), "tables": (*job.tables, second)})
    )
    assert {name: len(scores) for name, scores in outcome.scores.items()} == {"evaluation": 40, "training": 7}


def test_changed_bytes_are_refused_before_anything_runs(tmp_path: Path) -> None:
    job = a_job(tmp_path, on_scoring("return np.full((len(X), 2), 0.5)"))
    job.model_path.write_bytes(job.model_path.read_bytes() + b"\n")
    with pytest.raises(SandboxError) as refused:
        score(job)
    assert refused.value.code == "model-digest-mismatch"


def test_an_unknown_format_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DomainError) as refused:
        score(a_job(tmp_path, b"x", kind="crystal-ball"))
    assert refused.value.code == "unknown-format"


@pytest.mark.parametrize(
    ("model", "code"),
    [
        (b"not a pickle at all", "model-not-loadable"),
        (pickle.dumps({"weights": [1, 2]}), "model-cannot-score"),
        (on_scoring("raise ValueError('no')"), "model-cannot-score"),
        (on_scoring("return 'high'"), "model-cannot-score"),
        (on_scoring("pass\nreturn None").replace(b"[0, 1]", b"[3, 4]"), "positive-label-unknown"),
        (on_scoring("return np.full((len(X) - 1, 2), 0.5)"), "prediction-count-mismatch"),
        (on_scoring("return np.full((len(X), 2), np.nan)"), "prediction-not-a-probability"),
        (on_scoring("return np.full((len(X), 2), 1.5)"), "prediction-not-a-probability"),
        (on_scoring("return np.full((len(X), 2), -1e-9)"), "prediction-not-a-probability"),
        (on_scoring("return np.full((len(X), 2), np.inf)"), "prediction-not-a-probability"),
    ],
)
def test_an_answer_that_is_no_probability_per_row_has_a_code(tmp_path: Path, model: bytes, code: str) -> None:
    with pytest.raises(SandboxError) as refused:
        score(a_job(tmp_path, model))
    assert refused.value.code == code


def test_a_missing_feature_is_named(tmp_path: Path) -> None:
    job = a_job(tmp_path, on_scoring("return np.full((len(X), 2), 0.5)"))
    table = TableInput("evaluation", job.tables[0].path, ("income", "shoe_size"))
    with pytest.raises(SandboxError, match="shoe_size") as refused:
        score(job.__class__(**{**vars(job), "tables": (table,)}))
    assert refused.value.code == "feature-missing"


def test_a_skops_file_with_a_type_that_is_not_trusted_is_refused(tmp_path: Path) -> None:
    from sklearn.preprocessing import FunctionTransformer

    model = make_pipeline(FunctionTransformer(os.getcwd), LogisticRegression())
    with pytest.raises(SandboxError) as refused:
        score(a_job(tmp_path, skops.io.dumps(model), kind="skops"))
    assert refused.value.code == "model-type-not-trusted"
    assert "getcwd" in refused.value.message
