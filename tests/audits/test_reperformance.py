"""Do the numbers of a run come out again, and is it said when and by whom, and when they do not?"""

from __future__ import annotations

import json

import pytest

from audits.actions.comparison import difference_of
from audits.actions.reperformance import reperform_validation
from audits.actions.steps import claim, fail
from audits.models import Evidence, Finding, ValidationRun
from audits.runs import manifest as manifests
from audits.runs.differences import TOLERANCE, Measured, agree, difference
from audits.runs.execute import execute
from registry.errors import DomainError
from registry.ledger.models import LedgerEvent
from registry.ledger.replay import differences
from registry.storage import artifacts
from tests import builders
from tests.audits.predictions import a_scored_version, ask_for, scored_table
from tests.governance.asking_the_gate import ask, said_no
from tests.governance.judging import concluded, judged

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def a_measured_run(cast, **version):
    return execute(str(ask_for(cast, a_scored_version(cast, **version)).run_id), worker="first")


def repeated(run, actor):
    again, created = reperform_validation(run, actor=actor)
    assert created
    return execute(str(again.pk), worker="second")


def test_the_same_plan_again_gives_the_same_numbers_and_the_original_says_so(cast):
    original = a_measured_run(cast)
    before = original.evidence_digest
    again = repeated(original, cast.otto)
    assert (again.reperforms_id, again.plan_digest, again.reason) == (
        original.pk,
        original.plan_digest,
        "reperformance",
    )
    found = again.agreement
    assert (found["agree"], found["of"], found["undecided"]) == (2, 2, "")
    assert found["tolerance"] == TOLERANCE == 1e-9
    whole = difference_of(again)
    assert [row["agrees"] for row in whole["measurements"]] == [True, True]
    assert whole["manifest"] == []
    assert Evidence.objects.get(pk=found["difference_sha256"]).kind == "difference"
    (event,) = LedgerEvent.objects.filter(action="validation.reperformed")
    assert event.subject_key == str(original.pk)
    assert found["difference_sha256"] in bytes(event.body).decode()
    original.refresh_from_db()
    assert original.evidence_digest == before
    assert [one.requested_by for one in original.reperformances.all()] == [cast.otto]
    assert differences() == []


def test_a_repetition_moves_no_stage_and_opens_no_finding(cast):
    original = a_measured_run(cast, evaluation=scored_table(good=False))
    known = Finding.objects.count()
    assert (original.outcome, known > 0) == ("failed", True)
    version = original.version
    version.refresh_from_db()
    stage = version.stage
    again = repeated(original, cast.vera)
    version.refresh_from_db()
    assert (again.outcome, version.stage, Finding.objects.count()) == ("failed", stage, known)
    assert again.results.count() == 2
    assert ValidationRun.objects.originals().get() == original


def test_the_gate_reads_no_repetition_neither_a_better_nor_a_worse_one(cast):
    request = builders.an_approved_promotion(cast)
    again, _ = reperform_validation(request.run, actor=cast.vera)
    assert ask(cast, request.version).outcome == "allow", "a repetition under way stops nothing"
    concluded(again, judged(again, passed=False))
    assert ask(cast, request.version).outcome == "allow"
    assert ValidationRun.objects.get(pk=again.pk).agreement["agree"] == 0
    failed = builders.an_open_promotion(
        cast, builders.a_version(cast, "2.0", model=request.model, data=b"other bytes"), passed=False
    )
    better, _ = reperform_validation(failed.run, actor=cast.vera)
    concluded(better, judged(better))
    assert "SOD-03" in said_no(ask(cast, failed.version))
    failed.version.refresh_from_db()
    assert failed.version.stage == "validation_failed"


def test_asking_twice_is_one_repetition_while_it_is_under_way_and_of_a_repetition_the_original_is_repeated(cast):
    original = a_measured_run(cast)
    first, created = reperform_validation(original, actor=cast.vera)
    again, created_again = reperform_validation(original, actor=cast.ravi)
    assert (created, created_again, again.pk) == (True, False, first.pk)
    execute(str(first.pk), worker="w")
    first.refresh_from_db()
    second, created = reperform_validation(first, actor=cast.ravi)
    assert (created, second.reperforms_id) == (True, original.pk)


@pytest.mark.parametrize(
    ("name", "code"),
    [("ada", "role-missing"), ("olga", "role-missing"), ("pia", "role-missing"), ("adam", "role-missing")],
)
def test_other_roles_repeat_nothing(cast, name, code):
    original = a_measured_run(cast)
    with pytest.raises(DomainError, match=code):
        reperform_validation(original, actor=getattr(cast, name))
    assert not original.reperformances.exists()


def test_what_has_no_result_cannot_be_repeated(cast):
    queued = ask_for(cast, a_scored_version(cast)).run
    with pytest.raises(DomainError, match="validation-not-concluded"):
        reperform_validation(queued, actor=cast.vera)
    broken = fail(claim(str(queued.pk), worker="w"), error=DomainError("unreadable-table", "It is none."))
    with pytest.raises(DomainError, match="nothing-to-reperform"):
        reperform_validation(broken, actor=cast.vera)
    assert ValidationRun.objects.count() == 1


def test_numbers_that_do_not_come_out_are_named_with_both_values(cast):
    request = ask_for(cast, a_scored_version(cast))
    asserted = concluded(request.run, judged(request.run))
    again = repeated(asserted, cast.vera)
    assert again.agreement["agree"] == 0
    rows = {row["key"]: row for row in difference_of(again)["measurements"]}
    assert rows["auc"]["agrees"] is False
    changed = {one["what"]: (one["original"], one["again"]) for one in rows["auc"]["differs"]}
    assert changed["n"] == (None, 60)
    assert changed["value"][0] is None
    assert 0.5 < changed["value"][1] <= 1
    assert any(one["what"].startswith("libraries.") for one in difference_of(again)["manifest"])


def test_another_code_digest_is_listed_beside_numbers_that_agree(cast, monkeypatch):
    original = a_measured_run(cast)
    monkeypatch.setattr(manifests, "code_digest", lambda: "f" * 64)
    again = repeated(original, cast.vera)
    assert again.agreement["agree"] == 2
    (one,) = difference_of(again)["manifest"]
    assert (one["what"], one["again"]) == ("code.digest", "f" * 64)


def test_a_repetition_that_ends_in_error_compares_nothing_and_blocks_nobody(cast):
    original = a_measured_run(cast)
    known = Finding.objects.count()
    again, _ = reperform_validation(original, actor=cast.vera)
    ended = fail(claim(str(again.pk), worker="w"), error=DomainError("unreadable-table", "It is none."))
    assert (ended.agreement["agree"], ended.agreement["of"]) == (0, 2)
    assert ended.agreement["undecided"] == "It is none."
    assert Finding.objects.count() == known
    assert [row["agrees"] for row in difference_of(ended)["measurements"]] == [None, None]
    assert differences() == []


def test_a_repetition_does_not_mend_altered_evidence_before_it_compares(cast, alter):
    original = a_measured_run(cast)
    path = artifacts().path(original.results.get(requirement_key="auc").evidence_sha256)
    alter(path, path.read_bytes().replace(b'"value":', b'"value": '))
    changed = path.read_bytes()
    again = repeated(original, cast.vera)
    assert (again.outcome, again.failure["code"], again.agreement["agree"]) == ("error", "bytes-altered", 0)
    assert "have changed" in again.agreement["undecided"]
    assert path.read_bytes() == changed


def test_evidence_that_does_not_stand_is_not_compared():
    altered = Measured("performance.roc_auc", "met", None, unreadable="bytes-altered")
    rows = difference({"auc": altered}, {"auc": Measured("performance.roc_auc", "met", {})}, {}, {})["measurements"]
    assert (rows[0]["agrees"], rows[0]["reason"]) == (None, "The original evidence cannot be read: bytes-altered.")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (0.8, 0.8 * (1 + 5e-10), True),
        (0.8, 0.8 * (1 + 5e-9), False),
        (0.0, 1e-13, True),
        (60, 60, True),
        (60, 61, False),
        (1.0, 1, True),
        (None, 0.0, False),
        (None, None, True),
        (True, 1.0, False),
        ("met", "met", True),
    ],
)
def test_numbers_agree_within_the_tolerance_and_counts_only_when_equal(one, other, same):
    assert agree(one, other) is same


def test_groups_are_compared_and_what_times_a_machine_is_compared_by_its_status():
    def group(rate):
        return {"attribute": "sex", "group": "f", "n": 20, "values": {"rate": rate}, "low": 0.1, "high": 0.9,
                "status": "measured"}  # fmt: skip

    def ratio(rate):
        return Measured("fairness.x", "met", {"value": 0.9, "low": 0.8, "high": 1.0, "n": 40, "groups": [group(rate)]})

    (row,) = difference({"gap": ratio(0.5)}, {"gap": ratio(0.6)}, {}, {})["measurements"]
    assert row["differs"] == [{"what": "sex=f rate", "original": 0.5, "again": 0.6}]
    slow, quick = (Measured("fitness.latency", "met", {"value": seconds, "n": 60}) for seconds in (0.2, 0.1))
    (row,) = difference({"latency": slow}, {"latency": quick}, {}, {})["measurements"]
    assert (row["agrees"], row["compared"]) == (True, "status")
    broken = Measured("fitness.latency", "not_met", {"value": 0.1, "n": 60})
    (row,) = difference({"latency": slow}, {"latency": broken}, {}, {})["measurements"]
    assert row["agrees"] is False
    assert json.dumps(row)
