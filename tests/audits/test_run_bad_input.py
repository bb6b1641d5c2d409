"""When a table or a model is not what it should be, does the run end in a result that says so?"""

from __future__ import annotations

import io

import joblib
import pytest
from sklearn.linear_model import LogisticRegression

from audits.models import Finding
from audits.runs.execute import execute
from governance.actions.promotions import open_promotion
from registry.ledger.replay import differences
from tests import builders
from tests.audits.hostile_models import on_scoring
from tests.audits.predictions import HEADER, a_scored_version, ask_for, scored_table
from tests.drawing import sampled

pytestmark = [pytest.mark.django_db]


def rows(*lines):
    return ("\n".join([HEADER, *lines]) + "\n").encode()


GOOD = [f"{20 + number},a,0.{1 + number % 9},{number % 2}" for number in range(30)]
TABLES = {
    "without rows": (rows(), "empty-table"),
    "without a byte": (b" \n", "unknown-column"),
    "of one class": (rows(*(f"2{n},a,0.5,1" for n in range(10))), "one-class-target"),
    "with a label 2": (rows(*GOOD, "33,a,0.5,2"), "label-outside-0-1"),
    "with a label missing": (rows(*GOOD, "33,a,0.5,"), "label-missing"),
    "with a label in words": (rows(*GOOD, "33,a,0.5,yes"), "label-not-a-number"),
    "with a score that is no number": (rows(*GOOD, "33,a,nan,1"), "score-not-a-number"),
    "with a score missing": (rows(*GOOD, "33,a,,1"), "score-not-a-number"),
    "with a score above one": (rows(*GOOD, "33,a,1.5,1"), "score-outside-0-1"),
    "with a negative score": (rows(*GOOD, "33,a,-0.1,1"), "score-outside-0-1"),
    "with an infinite score": (rows(*GOOD, "33,a,inf,1"), "score-"),
    "without the score": (b"age,group,defaulted\n" + b"30,a,1\n31,b,0\n" * 10, "unknown-column"),
    "without the target": (b"age,group,score\n" + b"30,a,0.1\n31,b,0.2\n" * 10, "unknown-column"),
    "with a column twice": (
        b"age,group,score,defaulted,age\n" + b"30,a,0.1,1,1\n31,b,0.2,0,1\n" * 10,
        "duplicate-column",
    ),
    "that is no table": (b"\x89PNG\r\n\x1a\n\x00\x00", "un"),
}


@pytest.mark.parametrize("what", sampled([(name, name) for name in sorted(TABLES)], one_in=4))
def test_a_run_on_a_table_ends_in_a_result_with_its_code(cast, what):
    data, code = TABLES[what]
    request = ask_for(cast, a_scored_version(cast, evaluation=data))
    run = execute(str(request.run_id), worker="test")
    assert (run.state, run.outcome) == ("concluded", "error")
    assert run.failure["code"].startswith(code), run.failure
    assert run.failure["code"] != "internal-error"
    assert run.evidence_digest
    assert not run.results.exists()
    finding = Finding.objects.get()
    assert (finding.source_key, finding.blocking) == (f"validation:{run.failure['code']}", True)
    run.version.refresh_from_db()
    assert run.version.stage == "validation_failed"
    assert execute(str(run.pk), worker="again") is None
    assert differences() == []


def dumped(model):
    stream = io.BytesIO()
    joblib.dump(model, stream)
    return stream.getvalue()


MODELS = {
    "that is not skops at all": (b"the bytes of nothing", "skops"),
    "that is a program in disguise": (b"\x7fELF" + b"\0" * 100, "joblib"),
    "that gives too few predictions": (on_scoring("return np.full((len(X) - 1, 2), 0.5)"), "joblib"),
    "that scores beyond one": (on_scoring("return np.full((len(X), 2), 1.5)"), "joblib"),
    "that scores nothing": (on_scoring("return np.full((len(X), 2), np.nan)"), "joblib"),
    "that raises": (on_scoring("raise ValueError('a\\u202e' + chr(0))"), "joblib"),
    "that misses a feature": (
        dumped(LogisticRegression().fit([[0, 1, 2], [1, 0, 5]] * 5, [0, 1] * 5)),
        "joblib",
    ),
}


@pytest.mark.parametrize("what", sampled([(name, name) for name in sorted(MODELS)], one_in=3))
def test_a_run_of_a_model_ends_in_a_result_with_its_code(cast, what):
    data, kind = MODELS[what]
    version = builders.a_promotable_version(cast, data=data, format=kind)
    request, _ = open_promotion(version, environment=builders.an_environment(cast), actor=cast.ci_bot)
    run = execute(str(request.run_id), worker="test")
    assert (run.state, run.outcome) == ("concluded", "error"), what
    assert run.failure["code"] != "internal-error", run.failure
    assert "\u202e" not in run.failure["message"]
    assert Finding.objects.get().blocking


def test_a_group_with_a_hostile_name_is_measured_like_any_other(cast):
    text = builders.POLICY.format(slug="fair", environment="production", auc=0.7).replace(
        "requirements:",
        "requirements:\n  - {key: gap, check: fairness.selection_rate_ratio, op: '>=', limit: 0.99, severity: blocking,"
        " clause: test, mend: Look at the groups.}",
    )
    table = scored_table(rows=200, group='"<b>evil\u202egroup</b>"', good=False)
    request = ask_for(cast, a_scored_version(cast, evaluation=table), policy=text)
    run = execute(str(request.run_id), worker="test")
    assert (run.state, run.failure) == ("concluded", None)
    assert run.results.count() == 3
    for finding in Finding.objects.all():
        assert "\u202e" not in finding.title + finding.detail


def test_of_a_group_of_one_nothing_is_kept_but_that_it_is_too_small(cast):
    text = builders.POLICY.format(slug="fair", environment="production", auc=0.7).replace(
        "requirements:",
        "requirements:\n  - {key: gap, check: fairness.selection_rate_ratio, op: '>=', limit: 0.8, severity: blocking,"
        " clause: test, mend: Look at the groups.}",
    )
    lonely = scored_table(rows=100) + b"47,lonely-person,0.9173,1\n"
    request = ask_for(cast, a_scored_version(cast, evaluation=lonely), policy=text)
    run = execute(str(request.run_id), worker="test")
    measurement = run.results.get(requirement_key="gap").measurement
    (row,) = [row for row in measurement["groups"] if "lonely-person" in str(row)]
    assert (row["status"], row["n"], row.get("values") or {}) == ("suppressed", None, {})
    gap = run.results.get(requirement_key="gap")
    assert "0.9173" not in f"{gap.observed}{gap.reason}{gap.measurement}{run.manifest}"
