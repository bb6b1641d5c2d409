"""Who may decide, whose approval counts, and are the reasons against it told?"""

from __future__ import annotations

from datetime import timedelta

import pytest

from governance.gate import eligibility as e
from tests.governance.gate_facts import ADA, CI_BOT, NOW, OLGA, OTHER, PIA, RAVI, VERA, approval, satisfied, some_rules

RULES = some_rules()


def obstacles(
    person: str, *, active: bool = True, is_person: bool = True, roles: tuple[str, ...] = ("approver",)
) -> list[str]:
    found = e.person_obstacles(
        person,
        active=active,
        is_person=is_person,
        roles=roles,
        requesters={CI_BOT, ADA},
        contributors={ADA, VERA},
        rules=RULES.approvals,
    )
    return [obstacle.code for obstacle in found]


def test_a_person_with_the_role_and_no_part_in_it_may_decide() -> None:
    assert obstacles(PIA) == []
    assert obstacles(RAVI, roles=("risk_manager", "owner")) == []


def test_every_obstacle_is_told_at_once() -> None:
    assert obstacles(ADA) == ["requester"]
    assert obstacles(VERA) == ["contributor"]
    assert obstacles(OLGA, roles=("owner", "administrator")) == ["no-role"]
    assert obstacles(CI_BOT, active=False, is_person=False, roles=("ci",)) == [
        "not-a-person",
        "inactive",
        "no-role",
        "requester",
    ]


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({}, []),
        ({"withdrawn": True}, ["withdrawn"]),
        ({"manifest_digest": OTHER}, ["other-manifest"]),
        ({"evidence_digest": OTHER}, ["other-evidence"]),
        ({"expires_at": NOW}, ["expired"]),
        ({"expires_at": NOW + timedelta(microseconds=1)}, []),
        ({"decided_at": NOW - timedelta(days=90)}, ["expired"]),
        ({"decided_at": NOW}, []),
        ({"decided_at": NOW + timedelta(seconds=1)}, ["from-the-future"]),
        ({"approver_active": False, "approver_roles": frozenset()}, ["inactive", "no-role"]),
        ({"approver_is_contributor": True}, ["contributor"]),
        ({"approver": CI_BOT, "approver_is_person": False}, ["not-a-person", "requester"]),
    ],
)
def test_an_approval_counts_only_without_an_obstacle(changes: dict[str, object], codes: list[str]) -> None:
    one = approval(PIA, "approver", **changes)
    assert [found.code for found in e.approval_obstacles(one, satisfied(), RULES, NOW)] == codes


def test_of_two_approvals_by_one_person_one_counts() -> None:
    first = approval(PIA, "approver", id="a1", expires_at=NOW + timedelta(days=2))
    second = approval(PIA, "approver", id="a2", expires_at=NOW + timedelta(days=1))
    facts = type(satisfied())(**{**vars(satisfied()), "approvals": (first, second)})
    assert [one.id for one in e.counting(facts, RULES, NOW)] == ["a2"]


def test_a_rejection_never_counts_as_a_yes() -> None:
    facts = type(satisfied())(**{**vars(satisfied()), "approvals": (approval(PIA, "approver", decision="reject"),)})
    assert e.counting(facts, RULES, NOW) == ()


def test_an_unknown_environment_is_guarded_like_a_gated_one() -> None:
    facts = type(satisfied())(**{**vars(satisfied()), "environment": None})
    assert e.required_quorum(facts, RULES) == 2
