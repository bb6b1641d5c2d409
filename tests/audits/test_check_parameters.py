"""Has every parameter of every check sane bounds, and is what lies outside refused when a policy is registered?"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from audits.checks.contract import CHECKS, CheckSpec, CheckSubject
from audits.checks.requirement import Requirement
from registry.errors import DomainError
from tests.audits.evaluation_samples import sample, table_of

CHOSEN_BY_THE_REQUIREMENT = {"confidence", "min_group_size"}
SCHEMAS = [
    (entry.item, name, schema)
    for entry in CHECKS
    for name, schema in entry.item.parameters["properties"].items()
    if name not in CHOSEN_BY_THE_REQUIREMENT
]
IDS = [f"{spec.slug}:{name}" for spec, name, _ in SCHEMAS]
ODD: tuple[Any, ...] = (
    None, math.nan, math.inf, -math.inf, 1e300, -1e300, 10**400, -(10**400), 1e-310, -1, 2**70, "", "1", "\x00", "a\nb",
    "a\u202eb", "x" * 10_000, "=1+1", True, False, [], [None], [True], ["a", "a"], ["x" * 10_000], ["a"] * 5_000, {},
    {"": ""}, {"a": 1}, {"a": "x" * 10_000}, {"a\u202e": "b"}, {str(at): "a" for at in range(5_000)},
)  # fmt: skip


def fits(schema: Mapping[str, Any], value: Any) -> bool:
    """Work out by hand, without the library the product asks, whether a value is one the schema describes."""
    if "oneOf" in schema:
        return sum(fits(each, value) for each in schema["oneOf"]) == 1
    if "enum" in schema:
        return isinstance(value, str) and value in schema["enum"]
    kind = schema["type"]
    if kind == "boolean":
        return isinstance(value, bool)
    if kind in ("number", "integer"):
        if isinstance(value, bool) or not isinstance(value, int if kind == "integer" else int | float):
            return False
        above = value >= schema["minimum"] if "minimum" in schema else value > schema["exclusiveMinimum"]
        return above and value <= schema["maximum"]
    if kind == "string":
        import re

        text = isinstance(value, str) and value.isprintable() and len(value) <= schema.get("maxLength", 400)
        return text and len(value) >= schema.get("minLength", 0) and bool(re.search(schema.get("pattern", ""), value))
    if kind == "array":
        few = isinstance(value, list) and schema.get("minItems", 0) <= len(value) <= schema["maxItems"]
        unique = few and not (schema.get("uniqueItems") and len(set(map(str, value))) < len(value))
        return unique and all(fits(schema["items"], each) for each in value)
    few = isinstance(value, dict) and schema["minProperties"] <= len(value) <= schema["maxProperties"]
    return few and all(
        isinstance(key, str) and key.isprintable() and fits(schema["additionalProperties"], each)
        for key, each in value.items()
    )


def required(spec: CheckSpec, params: Any) -> Requirement:
    return Requirement.from_policy({"key": "k", "check": spec.slug, "op": "<=", "limit": 1.0, "params": params})


def leaves(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield schema
    for part in (*schema.get("oneOf", ()), schema.get("items"), schema.get("additionalProperties")):
        if isinstance(part, Mapping):
            yield from leaves(part)


@pytest.mark.parametrize(("spec", "name", "schema"), SCHEMAS, ids=IDS)
def test_each_parameter_is_bounded_on_every_side(spec: CheckSpec, name: str, schema: Mapping[str, Any]) -> None:
    for leaf in leaves(schema):
        kind = leaf.get("type")
        assert (
            kind in ("number", "integer", "string", "array", "object", "boolean") or "enum" in leaf or "oneOf" in leaf
        )
        if kind in ("number", "integer"):
            assert "minimum" in leaf or "exclusiveMinimum" in leaf
            assert abs(leaf["maximum"]) <= 1e12
        if kind == "string":
            assert leaf.get("maxLength", 0) <= 400
            assert "maxLength" in leaf or "pattern" in leaf
        if kind == "array":
            assert leaf["maxItems"] <= 1_000
        if kind == "object":
            assert leaf["maxProperties"] <= 20
    assert name in inspect.signature(spec.function).parameters


@pytest.mark.parametrize(("spec", "name", "schema"), SCHEMAS, ids=IDS)
def test_what_lies_outside_is_refused_by_name_when_a_policy_names_it(
    spec: CheckSpec, name: str, schema: Mapping[str, Any]
) -> None:
    refusals = 0
    for value in ODD:
        if fits(schema, value):
            assert required(spec, {name: value}).params[name] == value
            continue
        with pytest.raises(DomainError) as refused:
            required(spec, {name: value})
        assert refused.value.code == "bad-check-parameters", value
        assert str(refused.value.context["at"]).split(".")[0] == name, value
        assert refused.value.context["check"] == spec.slug
        refusals += 1
    assert refusals >= 20


@pytest.mark.parametrize(("spec", "name", "schema"), SCHEMAS, ids=IDS)
def test_the_ends_of_the_bounds_and_the_default_are_taken(
    spec: CheckSpec, name: str, schema: Mapping[str, Any]
) -> None:
    default = inspect.signature(spec.function).parameters[name].default
    ends = [schema[end] for end in ("minimum", "maximum") if end in schema]
    given = [] if default in (None, "") or default is inspect.Parameter.empty else [default]  # both: left out
    for value in (*ends, *given, *schema.get("enum", ())):
        assert required(spec, {name: value}).params == {name: value}


@pytest.mark.parametrize("entry", list(CHECKS), ids=lambda entry: entry.slug)
def test_a_parameter_nobody_knows_and_one_of_the_requirement_itself_are_refused(entry: Any) -> None:
    with pytest.raises(DomainError) as refused:
        required(entry.item, {"tolerances": 1})
    assert (refused.value.code, refused.value.context["at"]) == ("bad-check-parameters", "tolerances")
    for params in ({"confidence": 0.9}, {"min_group_size": 5}, [], "x", None, 3):
        with pytest.raises(DomainError) as refused:
            required(entry.item, params)
        assert refused.value.code == "bad-check-parameters"


@pytest.mark.parametrize("given", [0.5, 1.0, 1e300, -1e300, math.nan, math.inf, True, "0.9", None, 10**400])
def test_confidence_and_group_size_have_bounds_of_their_own(given: Any) -> None:
    line = {"key": "k", "check": "performance.roc_auc", "op": ">=", "limit": 0.5}
    with pytest.raises(DomainError) as refused:
        Requirement.from_policy(line | {"confidence": given})
    assert refused.value.code == "bad-confidence"
    with pytest.raises(DomainError) as refused:
        Requirement.from_policy(line | {"min_group_size": given})
    assert refused.value.code == "bad-min-group-size"
    if given not in (0.5, 1.0, 1e300, -1e300):
        with pytest.raises(DomainError) as refused:
            Requirement.from_policy(line | {"limit": given})
        assert refused.value.code == "bad-limit"


@pytest.mark.parametrize("slug", ["robustness.boundary", "robustness.monotonicity"])
def test_a_tolerance_no_score_could_exceed_is_refused_when_it_meets_a_score(slug: str) -> None:
    subject = CheckSubject(
        table_of(sample()),
        declared={"monotone": {"income": "increasing"}},
        perturbed={"boundary": table_of(sample()), "monotone": table_of(sample())},
    )
    with pytest.raises(DomainError) as refused:
        CHECKS.get(slug).run(subject, tolerance=1.0)
    assert (refused.value.code, refused.value.context["at"]) == ("bad-check-parameters", "tolerance")
