"""Does a run end in error, and stop at the gate, when the sandbox does not give what was recorded at registration?"""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from audits.runs.execute import execute
from governance.actions.versions import admit_version
from tests import builders
from tests.audits.predictions import ask_for

pytestmark = [pytest.mark.django_db, pytest.mark.thorough]
FEATURES = ["age", "income"]


def _trained() -> tuple[bytes, pd.DataFrame]:
    """Return a model of the test table, and what it says of 120 rows."""
    frame = pd.read_csv(io.BytesIO(builders.TABLE))
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame[FEATURES], frame["defaulted"])
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"age": rng.integers(18, 80, 120), "income": rng.integers(900, 2000, 120)})
    return skops.io.dumps(model), rows.assign(expected=model.predict_proba(rows)[:, 1])


def _run(cast, recorded: pd.DataFrame, **scoring):
    data, _ = _trained()
    sample = recorded.to_csv(index=False).encode()
    builders.a_dataset_version(cast, "2026-09", data=builders.TRAINING_TABLE, split="training")
    builders.a_dataset_version(cast, "2026-10", split="evaluation")
    named = [("training", "2026-09"), ("evaluation", "2026-10")]
    version, _, _ = admit_version(
        builders.a_model(cast),
        version="1.0",
        artifacts=[
            {"sha256": builders.an_artifact(cast, data).sha256, "role": "model", "format": "skops"},
            {"sha256": builders.an_artifact(cast, sample).sha256, "role": "conformance", "format": "csv"},
        ],
        datasets=[{"dataset": "loans", "version": name, "role": role} for role, name in named],
        scoring=scoring,
        origin=_origin(),
        actor=cast.ci_bot,
    )
    return execute(str(ask_for(cast, version).run_id), worker="test")


def _origin():
    from registry.actions.versions import Origin

    return Origin(change_summary="First.", code_commit="0123abcd", training_run="run-1", seed=7)


def test_predictions_that_come_out_again_stand_in_the_manifest(cast) -> None:
    run = _run(cast, _trained()[1])
    assert run.outcome != "error", run.failure
    found = run.manifest["conformance"]
    assert (found["rows"], found["rows_differing"], found["met"]) == (120, 0, True)
    assert found["max_difference"] <= found["tolerance"] == 1e-6
    assert run.manifest["sandbox"]["made_with"]["scikit-learn"]


def test_predictions_that_do_not_end_the_run_in_error_and_name_no_value(cast) -> None:
    recorded = _trained()[1]
    recorded.loc[7, "expected"] += 0.001
    run = _run(cast, recorded)
    assert run.outcome == "error"
    assert run.failure["code"] == "scoring-not-reproduced"
    assert "1 of 120 rows differ, the largest difference is 0.001" in run.failure["message"]


def test_the_tolerance_is_the_one_that_was_stated(cast) -> None:
    recorded = _trained()[1]
    recorded["expected"] += 0.0005
    assert _run(cast, recorded, conformance={"tolerance": 0.001}).manifest["conformance"]["met"] is True
