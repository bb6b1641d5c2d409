"""Is a model measured on a table that stays: the whole where it is recorded, a sample where the sandbox must answer?"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from audits.actions.comparison import difference_of
from audits.actions.reperformance import reperform_validation
from audits.models import ValidationRun
from audits.runs.drawn import rows_for
from audits.tables.samples import BY_KEY, BY_ROW
from audits.tables.sources import sources_from
from governance.actions.deployments import report_deployment
from registry.errors import DomainError
from tests.cast import Cast
from tests.journeys.kinds import FEATURES, Register, a_model_file, answers, applications, done, requirements_on

pytestmark = pytest.mark.django_db

WHOLE, SAMPLED = 1_500, 1_000
LIBRARIES = {"lightgbm": version("lightgbm")}
OF_ANSWERS = ("performance.roc_auc", "calibration.brier_score", "fairness.calibration_difference", "drift.score_shift")
OF_TABLES = ("drift.ks_features", "data.missing_values", "data.row_count", "drift.label_shift", "fairness.proxy_screen")
OF_MODELS = ("explainability.shap_importance", "robustness.noise", "fitness.artifact_size")


@pytest.fixture
def share(settings: Any, tmp_path: Path) -> Path:
    """Return a folder that is a table source; a run draws 1,000 rows."""
    settings.TABLE_SOURCES = sources_from(json.dumps({"share": {"kind": "folder", "path": str(tmp_path)}}))
    settings.RUN_SAMPLE_ROWS = SAMPLED
    return tmp_path


def rows(number: int, seed: int) -> pd.DataFrame:
    return applications(number, seed).assign(id=np.arange(number))


def said_by_the_model(frame: pd.DataFrame) -> np.ndarray:
    """Return the scores of the model that ``a_model_file`` gives, from the library itself."""
    import lightgbm

    booster = lightgbm.Booster(model_str=a_model_file("lightgbm", "binary").decode())
    return np.asarray(booster.predict(frame[list(FEATURES)]))


def registered(cast: Cast, folder: Path, *, said: dict[str, Any], **more: pd.DataFrame) -> Register:
    """Register both tables where they lie."""
    register = Register(cast, "binary", said=said, source="share")
    for split, frame in (("training", rows(1_200, 1)), ("evaluation", rows(WHOLE, 2))):
        held = more.get(split, frame)
        held.to_parquet(folder / f"{split}.parquet")
        register.admit_table(split, held)
    return register


def ran(register: Register) -> ValidationRun:
    """Register the model and do its run."""
    _, run = register.admit(a_model_file("lightgbm", "binary"), "lightgbm", libraries=LIBRARIES, threshold=0.5)
    return done(run)


@pytest.mark.thorough
def test_answers_are_of_the_sample_and_the_table_itself_is_measured_whole(cast: Cast, share: Path) -> None:
    register = registered(cast, share, said={"key": "id"})
    register.place(requirements_on(*OF_ANSWERS, *OF_TABLES, *OF_MODELS))
    run = ran(register)
    found = answers(run)
    assert {one.status for one in found.values()} <= {"met", "not_met"}, {k: v.reason for k, v in found.items()}
    for slug in OF_ANSWERS:
        assert found[slug].measurement["n"] in (SAMPLED, 2 * SAMPLED), slug
        assert f"a sample of {SAMPLED} of {WHOLE} rows" in found[slug].reason
        assert any(f"{SAMPLED} of {WHOLE}" in note for note in found[slug].measurement["notes"])
    for slug in OF_TABLES:
        assert f"Evaluation table: all {WHOLE} rows, in the engine" in found[slug].reason, slug
    assert found["data.missing_values"].measurement["n"] == WHOLE
    assert f"a sample of {SAMPLED} of {WHOLE}" in found["robustness.noise"].reason
    sample = run.manifest["evaluation"]["sample"]
    assert (sample["rows"], sample["of"], sample["rule"]) == (SAMPLED, WHOLE, BY_KEY)
    assert run.manifest["reference"]["sample"]["of"] == 1_200
    assert run.manifest["explained"] == {
        "rows": 1_000, "of": WHOLE, "background_rows": 400, "background_of": 1_200,
    }  # fmt: skip


@pytest.mark.thorough
def test_answers_that_the_table_holds_are_measured_whole_once_the_sandbox_gave_the_same(
    cast: Cast, share: Path
) -> None:
    frames = {
        split: frame.assign(pd=said_by_the_model(frame))
        for split, frame in (("training", rows(1_200, 1)), ("evaluation", rows(WHOLE, 2)))
    }
    register = registered(cast, share, said={"score": "pd"}, **frames)
    place = register.place(
        requirements_on(
            *OF_ANSWERS, *OF_TABLES, *OF_MODELS, "comparison.delong_difference", "comparison.no_group_worse"
        )
    )
    other = a_model_file("lightgbm", "binary", seed=3)
    first, _ = register.admit(other, "lightgbm", libraries=LIBRARIES, threshold=0.5, version="0.9")
    report_deployment(
        first, environment=place, artifact_sha256=first.model_artifact().artifact_id, decision_id=None,
        actor=cast.ci_bot,
    )  # fmt: skip
    run = ran(register)
    found = answers(run)
    for slug in (*OF_ANSWERS, *OF_TABLES):
        assert found[slug].status in {"met", "not_met"}, found[slug].reason
        assert f"Evaluation table: all {WHOLE} rows" in found[slug].reason, slug
    assert found["performance.roc_auc"].measurement["n"] == WHOLE
    compared = found["comparison.delong_difference"]
    assert compared.status in {"met", "not_met"}, compared.reason
    assert compared.measurement["n"] == SAMPLED
    assert f"a sample of {SAMPLED} of {WHOLE} rows" in compared.reason
    recorded = run.manifest["evaluation"]["recorded"]
    assert (recorded["rows"], recorded["differ"], recorded["columns"]) == (SAMPLED, 0, ["pd"])
    assert recorded["largest"] < 1e-12
    assert run.manifest["evaluation"]["sample"]["rule"] == BY_ROW


def test_answers_of_another_model_end_the_run(cast: Cast, share: Path) -> None:
    frame = rows(WHOLE, 2)
    altered = said_by_the_model(frame)
    altered[:300] = np.clip(altered[:300] + 1e-3, 0, 1)
    register = registered(cast, share, said={"score": "pd"}, evaluation=frame.assign(pd=altered),
                          training=rows(1_200, 1).assign(pd=0.5))  # fmt: skip
    register.place(requirements_on("performance.roc_auc"))
    run = ran(register)
    assert (run.outcome, run.failure["code"]) == ("error", "recorded-answers-differ")
    assert not run.results.exists()


@pytest.mark.thorough
def test_it_is_performed_again_on_the_same_rows_and_says_so_when_they_changed(cast: Cast, share: Path) -> None:
    register = registered(cast, share, said={})
    register.place(requirements_on("performance.roc_auc", "data.missing_values", "explainability.shap_importance"))
    original = ran(register)
    again, _ = reperform_validation(original, actor=cast.otto)
    again = done(again)
    assert (again.agreement["agree"], again.agreement["of"]) == (3, 3)
    assert difference_of(again)["manifest"] == []
    rows(WHOLE, 5).to_parquet(share / "evaluation.parquet")
    later, created = reperform_validation(original, actor=cast.otto)
    assert created
    later = done(later)
    assert (later.outcome, later.failure["code"]) == ("error", "table-altered")
    assert later.agreement["agree"] == 0
    assert "no longer the one that was registered" in later.agreement["undecided"]


@pytest.mark.thorough
def test_rows_that_change_under_a_run_are_not_taken_for_those_that_were_scored(cast: Cast, share: Path) -> None:
    register = registered(cast, share, said={})
    register.place(requirements_on("performance.roc_auc"))
    plan = ran(register).plan
    scored = {"evaluation": rows_for(plan, "evaluation").table}
    assert rows_for(plan, "evaluation", scored=scored).frame.num_rows == SAMPLED
    scored["evaluation"] = scored["evaluation"] | {"sample": scored["evaluation"]["sample"] | {"sha256": "0" * 64}}
    with pytest.raises(DomainError) as caught:
        rows_for(plan, "evaluation", scored=scored)
    assert caught.value.code == "table-altered"
