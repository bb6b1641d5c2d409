"""Does a report on differences print every change between two versions, and only count the rest?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from audits.dossier.differences import changed
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


def test_a_report_on_differences_prints_both_sides_and_what_is_unchanged_only_as_a_number(
    versions: tuple[ModelVersion, ModelVersion],
) -> None:
    later, earlier = versions
    document = composed(later, "differences", compared_with=earlier)
    assert [one.slug for one in document.sections] == [
        "cover", "fields", "data", "lineage", "measurements", "approvals", "findings",
    ]  # fmt: skip
    tables = [one for one in to_blocks(document) if one["block"] == "table"]
    for table in tables:
        assert all(
            len(set(row[-2:])) == 2 for row in table["rows"] if len(row) == 4 and table["columns"][0] == "Section"
        )
    printed = words_of(document.sections[4])
    assert "not measured" in printed
    assert "[0.7301, 0.8217]".replace(" ", "\u00a0") in printed or "roc-auc" in printed
    assert "Decide on consumer loans." not in words_of(document.sections)
    assert "Unchanged: " in words_of(document.sections[1])
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
    section = compose(facts).sections[4]
    (table,) = [one for one in section.blocks if hasattr(one, "rows")]
    ((key, before, *_rest, after, _n, _answer),) = table.rows
    assert key.startswith("roc-auc")
    assert before == "0.5 [0.4,\u00a00.6]"
    assert after.startswith("0.7")
    assert "[" in after
    assert "Unchanged: 10." in words_of(section)


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
