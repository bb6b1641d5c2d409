"""Does an explanation that would take too much end with a reason, and leave the numbers of the run alone?"""

from __future__ import annotations

import pytest

from audits.runs.execute import execute
from tests import builders
from tests.audits.hostile_models import on_scoring
from tests.audits.test_run_steps import asked

pytestmark = pytest.mark.thorough

POLICY = builders.POLICY.replace(
    "requirements:",
    """requirements:
  - {{key: why, check: explainability.shap_importance, op: "<=", limit: 0.001, severity: advisory, clause: test, mend: Look.}}
""".rstrip(),
)
ANSWER = "return np.column_stack([1 - X['age'] / 100, X['age'] / 100])"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("burden", "said"),
    [("time.sleep(600)", "still running when its time was up"), ("bytearray(64 * 2**30)", "memory")],
    ids=["time", "memory"],
)
def test_an_explanation_beyond_the_bounds_is_insufficient_and_says_why(cast, settings, burden, said):
    settings.SANDBOX_WALL_SECONDS = 8
    # an explanation asks for many mixed rows at once, a score for those of the table
    model = on_scoring(f"if len(X) > 60:\n    {burden}\n{ANSWER}")
    version = builders.a_version(cast, data=model, format="joblib")
    run = execute(str(asked(cast, version, POLICY).pk), worker="w")
    assert (run.state, run.failure) == ("concluded", None)
    results = {result.requirement_key: result for result in run.results.all()}
    assert results["why"].status == "insufficient"
    assert said in results["why"].reason
    assert results["auc"].status in ("met", "not_met", "insufficient")
    assert results["auc"].observed is not None


@pytest.mark.django_db
def test_a_model_of_too_many_features_is_measured_and_not_explained(cast, monkeypatch):
    monkeypatch.setattr("audits.runs.explaining.MAX_FEATURES", 1)
    version = builders.a_version(cast, data=on_scoring(ANSWER), format="joblib")
    run = execute(str(asked(cast, version, POLICY).pk), worker="w")
    results = {result.requirement_key: result for result in run.results.all()}
    assert (run.state, results["why"].status) == ("concluded", "insufficient")
    assert "of at most 1 features" in results["why"].reason
    assert results["auc"].observed is not None
