"""Is a policy read strictly: what ships is valid, and what is not understood is refused with a stable code?"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
import yaml

from audits.checks.contract import CHECKS
from audits.checks.requirement import FIELDS, Requirement
from governance.gate.control import CONTROLS
from governance.gate.rules import PolicyRules, packs, parse_policy
from registry.errors import DomainError
from tests.governance.gate_facts import some_rules

PACKS = dict(packs())
Body = dict[str, Any]


def body() -> Body:
    return json.loads(json.dumps(some_rules().as_json()))


def refusal(given: Any, **known: Any) -> DomainError:
    with pytest.raises(DomainError) as caught:
        PolicyRules.from_json(given, **known)
    return caught.value


def test_three_dated_packs_ship() -> None:
    assert {name: (pack.slug, pack.effective_from) for name, pack in PACKS.items()} == {
        "baseline-2026-11.yaml": ("baseline", date(2026, 11, 1)),
        "consumer-credit-2026-11.yaml": ("consumer-credit", date(2026, 11, 1)),
        "hiring-nyc-2026-11.yaml": ("hiring-nyc", date(2026, 11, 1)),
    }


@pytest.mark.parametrize("name", sorted(PACKS))
def test_a_pack_names_only_checks_and_controls_that_are_registered(name: str) -> None:
    checks = {entry.slug for entry in CHECKS}
    controls = {entry.slug for entry in CONTROLS}
    again = PolicyRules.from_json(PACKS[name].as_json(), known_checks=checks, known_controls=controls)
    assert again == PACKS[name]
    assert again.digest == PACKS[name].digest


@pytest.mark.parametrize("name", sorted(PACKS))
def test_every_requirement_of_a_pack_can_be_measured(name: str) -> None:
    for rule in PACKS[name].requirements:
        requirement = Requirement.from_policy({name: value for name, value in rule.as_json().items() if name in FIELDS})
        assert (requirement.key, requirement.limit, requirement.severity) == (rule.key, rule.limit, rule.severity)


@pytest.mark.parametrize("name", sorted(PACKS))
def test_a_pack_says_of_every_source_how_it_was_read(name: str) -> None:
    assert PACKS[name].sources
    assert all(source.mark and source.read_on for source in PACKS[name].sources)
    text = json.dumps(PACKS[name].as_json())
    assert "SR 11-7" not in text.replace("supersedes SR 11-7", "")


def test_the_credit_policy_asks_two_people_the_second_line_among_them() -> None:
    wanted = PACKS["consumer-credit-2026-11.yaml"].approvals
    assert (wanted.quorum, wanted.roles, wanted.second_line_required) == (2, ("approver", "risk_manager"), True)


def test_the_hiring_pack_marks_what_was_not_read_in_the_primary_text() -> None:
    pack = PACKS["hiring-nyc-2026-11.yaml"]
    assert {source.mark for source in pack.sources} == {"second-hand", "from-memory"}
    assert {rule.check for rule in pack.requirements} >= {"fairness.ll144_selection", "fairness.ll144_scoring"}
    assert all("second-hand" in rule.clause for rule in pack.requirements if rule.check.startswith("fairness.ll144"))


def test_rules_come_back_equal_from_their_json() -> None:
    assert PolicyRules.from_json(body()) == some_rules()
    assert parse_policy(yaml.safe_dump(body())) == some_rules()


def _set(*path: Any, to: Any) -> Callable[[Body], None]:
    def apply(given: Body) -> None:
        place: Any = given
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = to

    return apply


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (_set("qourum", to=2), "policy-unknown-key"),
        (_set("approvals", "timeout_approves", to=True), "policy-unknown-key"),
        (_set("requirements", 0, "waived", to=True), "policy-unknown-key"),
        (_set("requirements", to=[]), "policy-invalid"),
        (_set("requirements", 0, "limit", to="0.5"), "policy-invalid"),
        (_set("requirements", 0, "limit", to=True), "policy-invalid"),
        (_set("requirements", 0, "limit", to=float("nan")), "policy-invalid"),
        (_set("requirements", 0, "limit", to=float("inf")), "policy-invalid"),
        (_set("requirements", 0, "params", to={"x": float("nan")}), "policy-invalid"),
        (_set("requirements", 0, "op", to="=="), "policy-invalid"),
        (_set("requirements", 0, "severity", to="none"), "policy-invalid"),
        (_set("requirements", 0, "confidence", to=1), "policy-invalid"),
        (_set("requirements", 0, "min_group_size", to=1), "policy-invalid"),
        (_set("requirements", 0, "mend", to="line\nbreak"), "policy-invalid"),
        (_set("requirements", 0, "mend", to="right \u202e left"), "policy-invalid"),
        (_set("requirements", 0, "check", to="no_dot"), "policy-invalid"),
        (_set("requirements", 1, "key", to="auc"), "policy-duplicate-requirement"),
        (_set("approvals", "quorum", to=-1), "policy-invalid"),
        (_set("approvals", "quorum", to=1.5), "policy-invalid"),
        (_set("approvals", "roles", to=["developer"]), "policy-invalid"),
        (_set("approvals", "roles", to=[]), "policy-roles-missing"),
        (_set("approvals", "roles", to=["approver"]), "policy-roles-missing"),
        (_set("evidence", "max_age_days", to=0), "policy-invalid"),
        (_set("anchors", to={}), "policy-invalid"),
        (_set("anchors", to={"needed": 0}), "policy-invalid"),
        (_set("anchors", to={"needed": 4}), "policy-invalid"),
        (_set("anchors", to={"max_down_hours": 721}), "policy-invalid"),
        (_set("anchors", to={"kinds": ["file"]}), "policy-unknown-key"),
        (_set("effective_from", to="2026-13-40"), "policy-invalid"),
        (_set("effective_from", to="soon"), "policy-invalid"),
        (_set("applies_to", "tiers", to=[0]), "policy-invalid"),
        (_set("controls", to=["../x"]), "policy-invalid"),
        (_set("slug", to="Ünsafe slug"), "policy-invalid"),
        (_set("title", to=None), "policy-invalid"),
    ],
)
def test_a_spoiled_policy_is_refused(spoil: Callable[[Body], None], code: str) -> None:
    given = body()
    spoil(given)
    assert refusal(given).code == code


@pytest.mark.parametrize("member", ["approvals", "evidence", "requirements", "applies_to", "artifact_formats", "slug"])
def test_a_policy_that_lacks_a_member_is_refused(member: str) -> None:
    given = body()
    del given[member]
    assert refusal(given).code == "policy-invalid"


@pytest.mark.parametrize("given", [None, [], "text", 3, {}])
def test_what_is_no_policy_at_all_is_refused(given: Any) -> None:
    assert refusal(given).code == "policy-invalid"


def test_unknown_checks_and_controls_are_refused_when_the_known_ones_are_given() -> None:
    assert refusal(body(), known_checks={"performance.roc_auc"}).code == "policy-unknown-check"
    given = body() | {"controls": ["XYZ-01"]}
    assert refusal(given, known_controls={"INV-01"}).code == "policy-unknown-control"


def test_every_fault_says_where_it_is() -> None:
    given = body()
    given["requirements"][1]["limit"] = "high"
    error = refusal(given)
    assert error.context["problems"][0]["at"] == "requirements/1/limit"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("slug: a\nslug: b\n", "policy-not-yaml"),
        ("a: &x [1]\nb: *x\n", "policy-not-yaml"),
        ("!!python/object/apply:os.system ['true']", "policy-not-yaml"),
        ("a: [", "policy-not-yaml"),
        ("\x00", "policy-not-yaml"),
        ("[" * 5000, "policy-not-yaml"),
        ("", "policy-invalid"),
        ("- a\n", "policy-invalid"),
        ("{[1]: 2}", "policy-not-yaml"),
        ("a" * 200_001, "policy-too-large"),
    ],
)
def test_text_that_is_not_plain_yaml_is_refused(text: str, code: str) -> None:
    with pytest.raises(DomainError) as caught:
        parse_policy(text)
    assert caught.value.code == code


def test_dates_may_be_written_without_quotes() -> None:
    text = yaml.safe_dump(body()).replace("'2026-11-01'", "2026-11-01")
    assert "effective_from: 2026-11-01\n" in text
    assert parse_policy(text).effective_from == date(2026, 11, 1)


@pytest.mark.parametrize(
    ("tier", "environment", "on", "applies"),
    [
        (1, "production", date(2026, 11, 1), True),
        (1, "production", date(2026, 10, 31), False),
        (3, "production", date(2026, 11, 1), False),
        (1, "staging", date(2026, 11, 1), False),
        (1, "production", date(2026, 12, 31), True),
        (1, "production", date(2027, 1, 1), False),
    ],
)
def test_rules_apply_to_their_tiers_places_and_days(tier: int, environment: str, on: date, applies: bool) -> None:
    rules = some_rules(superseded_on=date(2027, 1, 1))
    assert rules.applies(tier=tier, environment=environment, on=on) is applies
