"""Does a report on differences print every change between two versions, and only count the rest?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from audits.dossier.differences import changed, told
from audits.dossier.in_short import moved, summary
from tests.audits.dossier_story import a_story
from tests.audits.test_dossier_kinds import composed, facts_of, pages_of, to_blocks, words_of
from tests.builders import MODEL_BYTES, a_version

if TYPE_CHECKING:
    from registry.models import ModelVersion
    from tests.cast import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def versions(cast: Cast) -> tuple[ModelVersion, ModelVersion]:
    """Return a measured version and another one of the same model, registered before anything was measured of it."""
    measured = a_story(cast)
    return measured, a_version(cast, "1.0.0", model=measured.model, data=MODEL_BYTES + b"other")


def test_changes_are_listed_by_path_and_the_rest_is_counted() -> None:
    before = {"a": 1, "b": {"c": [1, 2]}, "rows": [{"key": "x", "v": 1}, {"key": "y", "v": 2}], "gone": ""}
    after = {"a": 1, "b": {"c": [1, 3]}, "rows": [{"key": "y", "v": 2}, {"key": "x", "v": True}], "new": None}
    found, same = changed("s", before, after)
    assert [(one.path, one.earlier, one.later) for one in found] == [
        ("b / c [2]", 2, 3),
        ("gone", "", None),
        ("new", None, None),
    ]
    assert same == 6
    assert changed("s", before, before) == ([], 8)


def test_an_entry_that_one_side_has_alone_is_one_change_whatever_it_holds() -> None:
    before = {"findings": [{"id": "1", "title": "A", "detail": "x"}, {"id": "2", "title": "B", "detail": "y"}]}
    after = {"findings": [{"id": "2", "title": "B", "detail": "z"}]}
    found, same = changed("s", before, after)
    assert [(one.path, one.later) for one in found] == [("findings [A]", None), ("findings [B] / detail", "z")]
    assert found[0].earlier == before["findings"][0]
    assert same == 2
    assert changed("s", {"a": []}, {"a": [{"id": "1"}]})[0][0].path == "a [1]"
    assert told({"a": [{"b": 1, "c": ""}], "d": None}) == [("a / 1 / b", 1)]


def test_a_report_on_differences_prints_both_sides_and_what_is_unchanged_only_as_a_number(
    versions: tuple[ModelVersion, ModelVersion],
) -> None:
    later, earlier = versions
    document = composed(later, "differences", compared_with=earlier)
    assert [one.slug for one in document.sections] == [
        "cover", "short", "fields", "data", "lineage", "measurements", "approvals", "findings",
    ]  # fmt: skip
    tables = [one for one in to_blocks(document) if one["block"] == "table"]
    for table in tables:
        assert all(
            len(set(row[-2:])) == 2 for row in table["rows"] if len(row) == 4 and table["columns"][0] == "Section"
        )
    printed = words_of(document.sections[5])
    assert "not measured" in printed
    assert "[0.7301, 0.8217]".replace(" ", "\u00a0") in printed or "roc-auc" in printed
    assert "Decide on consumer loans." not in words_of(document.sections)
    assert "Unchanged: " in words_of(document.sections[2])
    assert pages_of(document)


def test_equal_results_are_counted_and_changed_ones_stand_side_by_side_with_both_intervals(
    versions: tuple[ModelVersion, ModelVersion],
) -> None:
    import copy

    from audits.dossier.build import compose

    facts = facts_of(versions[0], "differences", compared_with=versions[1])
    other: dict[str, Any] = facts["compared"]["sections"]
    other |= {slug: copy.deepcopy(facts["sections"][slug]) for slug in ("performance", "fairness", "explainability")}
    (auc,) = [one for one in other["performance"]["results"] if one["key"] == "roc-auc"]
    auc["measurement"] |= {"value": 0.5, "low": 0.4, "high": 0.6}
    auc["status"] = "not_met"
    document = compose(facts)
    section = document.sections[5]
    apart, table = [one for one in section.blocks if hasattr(one, "rows")]
    ((key, before, *_rest, after, _n, _answer),) = table.rows
    assert key.startswith("roc-auc")
    assert before == "0.5 [0.4,\u00a00.6]"
    assert after.startswith("0.7")
    assert "[" in after
    assert "Unchanged: 10." in words_of(section)
    ((name, *_sides, difference, says),) = apart.rows
    assert name == "roc-auc"
    assert difference.startswith("+0.2")
    assert says == "better: zero is outside; ✗ not met → ✓ met"
    assert "Of 1 the interval of the difference leaves zero out: 1 for the better" in words_of(document.sections[1])


def test_the_summary_is_one_page_in_plain_words_and_names_what_is_the_same(
    versions: tuple[ModelVersion, ModelVersion],
) -> None:
    later, earlier = versions
    document = composed(later, "differences", compared_with=earlier)
    lead, table, same, *_rest = document.sections[1].blocks
    assert lead.text.startswith("These differ between 1.0.0 and 2.0.0: model file, ")
    assert "open findings" in lead.text
    assert {row[0] for row in table.rows} == set(lead.text.split(": ")[1].rstrip(".").split(", "))
    assert "training data" in same.text
    pages = pages_of(document)
    (first,) = [at for at, text in enumerate(pages) if "What changed, in short" in text and "Contents" not in text]
    assert "Changed fields" in pages[first + 1]


def test_nothing_differs_between_a_version_and_itself(versions: tuple[ModelVersion, ModelVersion]) -> None:
    sections = facts_of(versions[0], "differences", compared_with=versions[1])["sections"]
    same, count, table = summary(sections, sections, ("1", "1"))
    assert same.text.startswith("The same on both sides: model file, training data")
    assert "Of 0 the interval" in count.text
    assert not [one for one in moved(sections, sections) if one.told_apart or one.better]
    assert all("better" not in row[-1] and "worse" not in row[-1] for row in table.rows)


def a_result(key: str, value: object, low: object, high: object, **more: Any) -> dict[str, Any]:
    """Return a stored result of one requirement."""
    measured = {"value": value, "low": low, "high": high, "confidence": 0.95, "n": 70, "unit": "1", "method": "wilson"}
    requirement = {"op": more.pop("op", ">="), "params": more.pop("params", {})}
    told_of = {"key": key, "check": "performance.x", "status": "met", "evidence": "e" * 64, "required": "at least 0"}
    return told_of | {"measurement": measured, "requirement": requirement} | more


def both(before: dict[str, Any], after: dict[str, Any]) -> Any:
    """Return how one requirement moved; None where it is not compared."""
    found = moved({"performance": {"results": [before]}}, {"performance": {"results": [after]}})
    return found[0] if found else None


def test_the_interval_of_a_difference_is_newcombes() -> None:
    """56 of 70 against 48 of 80: 0.2 [0.0524, 0.3339] (Newcombe, Statistics in Medicine 17 (1998) 873-890, table II)."""
    from scipy.stats import binomtest

    ends = [binomtest(hits, of).proportion_ci(method="wilson") for hits, of in ((48, 80), (56, 70))]
    one = both(a_result("k", 0.6, *ends[0]), a_result("k", 0.8, *ends[1]))
    assert one.difference == pytest.approx(0.2)
    assert (one.interval.low, one.interval.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert (one.told_apart, one.better) == (True, True)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (a_result("k", 0.5, 0.4, 0.6, op="<="), a_result("k", 0.9, 0.8, 1.0, op="<="), (True, False)),
        (a_result("k", 0.5, 0.4, 0.6), a_result("k", 0.55, 0.45, 0.65), (False, True)),
        (a_result("k", 0.5, None, None), a_result("k", 0.9, 0.8, 1.0), (False, True)),
        (a_result("k", None, None, None), a_result("k", 0.9, 0.8, 1.0), (False, False)),
        (a_result("k", 0.5, 0.6, 0.7), a_result("k", 0.9, 0.8, 1.0), (False, True)),
        (a_result("k", 0.5, 0.5, 0.5), a_result("k", 0.5, 0.5, 0.5), (False, False)),
        (a_result("k", 0.5, 0.4, 0.6) | {"measurement": None}, a_result("k", 0.5, 0.4, 0.6), None),
        (a_result("k", 0.5, 0.4, 0.6, params={"a": 1}), a_result("k", 0.9, 0.8, 1.0), None),
        (a_result("k", 0.5, 0.4, 0.6, check="performance.y"), a_result("k", 0.9, 0.8, 1.0), None),
    ],
)
def test_only_what_was_measured_alike_is_compared_and_no_interval_says_nothing(
    before: dict[str, Any], after: dict[str, Any], expected: tuple[bool, bool] | None
) -> None:
    one = both(before, after)
    assert (None if one is None else (one.told_apart, one.better)) == expected


def test_it_needs_another_version_of_the_same_model(versions: tuple[ModelVersion, ModelVersion], cast: Cast) -> None:
    from audits.actions.dossiers import build_dossier, request_dossier
    from registry.errors import DomainError

    later, earlier = versions
    with pytest.raises(DomainError, match="nothing-to-compare"):
        request_dossier(later, actor=cast.otto, kind="differences")
    with pytest.raises(DomainError, match="not-comparable"):
        request_dossier(later, actor=cast.otto, kind="differences", compared_with=later)
    asked, _new = request_dossier(later, actor=cast.otto, kind="differences", compared_with=earlier)
    issued = build_dossier(str(asked.pk))
    assert (issued.state, issued.failure) == ("issued", None)
