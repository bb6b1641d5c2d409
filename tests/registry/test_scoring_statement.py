"""What may a version's registration say of its scoring, and does what was said before still mean the same bytes?"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from registry.errors import DomainError
from registry.scoring import checked_scoring

WHOLE: dict[str, Any] = {
    "task": "multiclass",
    "classes": ["low", "middle", "high"],
    "favourable": "low",
    "monotone": {"debt": "decreasing"},
    "ranges": {"age": [18, 120]},
    "reasons": {"debt": "Your debts are high."},
    "conformance": {"tolerance": 1e-9},
}


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({}, {"threshold": 0.5, "positive_label": 1}),
        ({"threshold": 1, "positive_label": 0}, {"threshold": 1.0, "positive_label": 0}),
        ({"task": "binary", "threshold": 0.2}, {"threshold": 0.2, "positive_label": 1}),
        (
            {"favourable": "low", "immutable": ["age", "sex"]},
            {"threshold": 0.5, "positive_label": 1, "favourable": "low", "immutable": ["age", "sex"]},
        ),
        ({"favourable": "high"}, {"threshold": 0.5, "positive_label": 1, "favourable": "high"}),
        ({"task": "regression"}, {"task": "regression"}),
        ({"task": "multiclass"}, {"task": "multiclass"}),
        (WHOLE, WHOLE | {"ranges": {"age": [18.0, 120.0]}}),
        (
            {"task": "regression", "conformance": {"tolerance": 250}},
            {"task": "regression", "conformance": {"tolerance": 250.0}},
        ),
    ],
)
def test_a_statement_is_kept_and_a_binary_one_as_it_always_was(said: dict[str, Any], kept: dict[str, Any]) -> None:
    assert checked_scoring(said) == kept
    assert checked_scoring(checked_scoring(said)) == kept


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"task": "ranking"}, "task"),
        ({"task": ["binary"]}, "task"),
        ({"task": None}, "task"),
        ({"thresholds": 0.5}, "thresholds"),
        ({"threshold": float("nan")}, "threshold"),
        ({"threshold": 10**400}, "threshold"),
        ({"favourable": "a"}, "favourable"),
        ({"favourable": None}, "favourable"),
        ({"favourable": ["low"]}, "favourable"),
        ({"task": "regression", "favourable": "low"}, "favourable"),
        ({"immutable": []}, "immutable"),
        ({"immutable": "age"}, "immutable"),
        ({"immutable": {"age": True}}, "immutable"),
        ({"immutable": ["age", "age"]}, "immutable"),
        ({"immutable": ["a\u202eb"]}, "immutable"),
        ({"immutable": [1]}, "immutable"),
        ({"immutable": [str(number) for number in range(2001)]}, "immutable"),
        ({"task": "regression", "threshold": 0.5}, "threshold"),
        ({"task": "multiclass", "positive_label": 1}, "positive_label"),
        ({"task": "multiclass", "classes": ["a"]}, "classes"),
        ({"task": "multiclass", "classes": ["a", "a"]}, "classes"),
        ({"task": "multiclass", "classes": ["a", 1]}, "classes"),
        ({"task": "multiclass", "classes": [str(number) for number in range(101)]}, "classes"),
        ({"task": "multiclass", "classes": "ab"}, "classes"),
        ({"task": "multiclass", "classes": ["a", "b"], "favourable": "c"}, "favourable"),
        ({"task": "multiclass", "favourable": "a\u202eb"}, "favourable"),
        ({"monotone": {"age": "up"}}, "monotone"),
        ({"monotone": ["age"]}, "monotone"),
        ({"monotone": {"": "increasing"}}, "monotone"),
        ({"monotone": {str(number): "increasing" for number in range(2001)}}, "monotone"),
        ({"ranges": {"age": [5, 1]}}, "ranges"),
        ({"ranges": {"age": [0, float("inf")]}}, "ranges"),
        ({"ranges": {"age": [True, 2]}}, "ranges"),
        ({"ranges": {"age": 3}}, "ranges"),
        ({"reasons": {"age": "a\nb"}}, "reasons"),
        ({"reasons": {"age": ""}}, "reasons"),
        ({"reasons": {"age": "x" * 201}}, "reasons"),
        ({"conformance": 1e-6}, "conformance"),
        ({"conformance": {}}, "conformance"),
        ({"conformance": {"tolerance": -1e-9}}, "conformance"),
        ({"conformance": {"tolerance": 0.5}}, "conformance"),
        ({"conformance": {"tolerance": 1e-6, "rows": 5}}, "conformance"),
        ({"conformance": {"tolerance": "1e-6"}}, "conformance"),
    ],
)
def test_a_field_that_cannot_be_is_refused_by_its_name(said: dict[str, Any], field: str) -> None:
    with pytest.raises(DomainError) as refused:
        checked_scoring(said)
    assert refused.value.code == "bad-scoring"
    assert refused.value.context["field"] == field


@pytest.mark.parametrize("page", ["register-a-model-file", "record-predictions", "register-predictions-only"])
def test_what_the_how_to_states_is_accepted(page: str) -> None:
    text = (Path(__file__).parents[2] / "docs" / "how-to" / f"{page}.md").read_text(encoding="utf-8")
    for listing in re.findall(r"```json\n(.*?)```", text, re.DOTALL):
        stated = json.loads(listing)["scoring"]
        kept = checked_scoring(stated)
        assert {name: kept[name] for name in stated} == stated
