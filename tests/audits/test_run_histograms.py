"""Does a run take the histograms of its reference table from evidence, say so, and refuse them when in doubt?"""

from __future__ import annotations

import json
from typing import Any

import pytest

from audits.actions.comparison import difference_of
from audits.actions.reperformance import reperform_validation
from audits.models import Evidence, ReferenceHistograms, ValidationRun
from audits.runs import histograms, manifest
from audits.runs.execute import execute
from audits.tables import slots
from registry.storage import artifacts
from tests import builders
from tests.audits.predictions import a_scored_version, ask_for, scored_table

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

DRIFT = builders.POLICY.format(slug="drift", environment="production", auc=0.7).replace(
    "requirements:",
    """requirements:
  - {key: psi, check: drift.psi_features, op: "<=", limit: 9, severity: advisory, clause: test, mend: Look.}
  - {key: ks, check: drift.ks_features, op: "<=", limit: 1, severity: advisory, clause: test, mend: Look.}
  - {key: far, check: drift.wasserstein_features, op: "<=", limit: 9, severity: advisory, clause: test, mend: Look.}
  - {key: score, check: drift.psi_score, op: "<=", limit: 9, severity: advisory, clause: test, mend: Look.}
""".rstrip(),
)
STEP = "measure:columns"


def a_run(cast: Any, number: str, **more: Any) -> ValidationRun:
    """Measure a new version of one model on the same tables."""
    model = more.pop("model", None)
    version = a_scored_version(cast, number, **({"model": model} if model else {}), **more)
    return execute(str(ask_for(cast, version, policy=DRIFT).run_id), worker="test")


def numbers(run: ValidationRun) -> dict[str, Any]:
    return {one.requirement_key: one.measurement for one in run.results.all() if one.check_slug.startswith("drift.")}


def told(run: ValidationRun) -> Any:
    return run.manifest.get("reference_histograms", {}).get(STEP)


def test_a_later_run_takes_them_from_evidence_and_its_numbers_are_the_same(cast):
    first = a_run(cast, "1.0")
    stored = Evidence.objects.get(kind="histograms")
    assert told(first) == {"from": "table", "sha256": stored.sha256}
    kept = json.loads(artifacts().read(stored.sha256))
    described = first.plan["datasets"]["training"]
    assert kept["histograms"]["table_digest"] == kept["ground"]["table"] == described["sha256"]
    assert [column["column"] for column in kept["histograms"]["columns"]] == ["age"]
    second = a_run(cast, "2.0", model=first.version.model)
    assert told(second) == {"from": "evidence", "sha256": stored.sha256}
    assert (Evidence.objects.filter(kind="histograms").count(), ReferenceHistograms.objects.count()) == (1, 1)
    assert numbers(first) == numbers(second)
    assert len(numbers(first)) == 4
    assert all(one["value"] is not None for one in numbers(first).values())


def test_a_repetition_counts_the_table_itself_and_agrees(cast):
    first = a_run(cast, "1.0")
    second = a_run(cast, "2.0", model=first.version.model)
    again, _ = reperform_validation(second, actor=cast.vera)
    again = execute(str(again.pk), worker="other")
    assert told(again) is None
    assert (again.agreement["agree"], again.agreement["of"]) == (6, 6)
    assert difference_of(again)["manifest"] == []


def test_altered_bytes_are_refused_and_the_table_is_counted_again(cast):
    first = a_run(cast, "1.0")
    sha256 = told(first)["sha256"]
    path = artifacts().path(sha256)
    whole = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(whole.replace(b'"missing":0', b'"missing":1', 1))
    second = a_run(cast, "2.0", model=first.version.model)
    assert told(second) == {"from": "table", "refused": {"sha256": sha256, "why": "bytes-altered"}}
    assert numbers(first) == numbers(second)
    assert path.read_bytes() != whole, "the altered bytes stay for whoever looks into them"
    again, _ = reperform_validation(second, actor=cast.vera)
    assert execute(str(again.pk), worker="other").agreement["agree"] == 6
    path.write_bytes(whole)  # the store is shared with other tests


def test_a_row_that_points_to_other_histograms_is_not_believed(cast):
    first = a_run(cast, "1.0")
    other = a_run(cast, "2.0", model=first.version.model, training=scored_table(rows=120, good=False))
    assert told(other)["from"] == "table"
    wrong = Evidence.objects.get(pk=told(other)["sha256"])
    ReferenceHistograms.objects.filter(evidence_id=told(first)["sha256"]).update(evidence=wrong)
    third = a_run(cast, "3.0", model=first.version.model)
    assert told(third) == {
        "from": "table",
        "refused": {"sha256": wrong.sha256, "why": "histograms-of-another-ground"},
    }
    assert numbers(third) == numbers(first)
    assert numbers(third) != numbers(other)


def test_bytes_that_are_no_histograms_and_bytes_that_are_gone_are_refused(cast):
    first = a_run(cast, "1.0")
    manifest_of_run = Evidence.objects.get(pk=first.manifest["manifest_sha256"])
    ReferenceHistograms.objects.update(evidence=manifest_of_run)
    second = a_run(cast, "2.0", model=first.version.model)
    assert told(second)["refused"]["why"] == "unreadable-histograms"
    ReferenceHistograms.objects.update(evidence_id=told(first)["sha256"])
    artifacts().path(told(first)["sha256"]).unlink()
    third = a_run(cast, "3.0", model=first.version.model)
    assert told(third)["refused"]["why"] == "bytes-missing"
    assert numbers(first) == numbers(second) == numbers(third)


@pytest.mark.parametrize("what", ["code", "library", "rule"])
def test_another_code_library_or_rule_is_another_ground(cast, what, monkeypatch):
    first = a_run(cast, "1.0")
    if what == "code":
        monkeypatch.setattr(manifest, "code_digest", lambda: "0" * 64)
    elif what == "library":
        monkeypatch.setattr(manifest, "_libraries", lambda: {"numpy": "0"})
    else:
        monkeypatch.setattr(histograms, "RULE", dict(histograms.RULE) | {"bins": 1})
    second = a_run(cast, "2.0", model=first.version.model)
    assert told(second)["from"] == "table"
    assert "refused" not in told(second)
    assert ReferenceHistograms.objects.count() == 2


def test_tables_that_stay_where_they_are_and_tables_without_features_have_no_ground():
    training = {"sha256": "a" * 64, "format": "csv", "dialect": {}, "source": ""}
    roles = {"roles": {"features": ["age"]}}
    plan: dict[str, Any] = {"artifact": None, "seed": 1, "datasets": {"evaluation": roles, "training": training}}
    assert histograms.ground_of(plan)["columns"] == ["age"]
    for change in ({"source": "lake"}, {"sha256": None}):
        assert histograms.ground_of(plan | {"datasets": {"evaluation": roles, "training": training | change}}) is None
    assert histograms.ground_of(plan | {"datasets": {"evaluation": {"roles": {}}, "training": training}}) is None
    assert histograms.ground_of(plan | {"datasets": {"evaluation": roles}}) is None


def test_a_worker_compiles_for_large_tables_before_its_children_count(cast, monkeypatch):
    monkeypatch.setattr(slots, "LOOPS", [])
    monkeypatch.setattr(slots, "WORTH_COMPILING", 1)
    first = a_run(cast, "1.0")
    assert len(slots.LOOPS) == 1, "compiled in the worker itself"
    monkeypatch.setattr(slots, "LOOPS", [])
    monkeypatch.setattr(slots, "WORTH_COMPILING", 10**9)
    again, _ = reperform_validation(first, actor=cast.vera)
    again = execute(str(again.pk), worker="other")
    assert not slots.LOOPS
    assert numbers(first) == numbers(again)
