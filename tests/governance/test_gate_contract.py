"""Do facts survive the way to JSON and back, and is anything doubtful in them refused?"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from governance.gate.contract import GateFacts
from governance.gate.manifest import Manifest
from registry.digests import digest_of
from tests.governance.gate_facts import NOW, OTHER, SHA, change, satisfied


def test_facts_come_back_equal_from_their_json() -> None:
    facts = satisfied()
    back = GateFacts.from_json(json.loads(json.dumps(facts.as_json())))
    assert back == facts
    assert back.digest == facts.digest == digest_of(facts.as_json())


def test_empty_desks_come_back_too() -> None:
    facts = replace(satisfied(), artifact=None, version=None, environment=None, tier=None, policy=None, request=None)
    facts = replace(facts, validation=None, approvals=(), findings=())
    assert GateFacts.from_json(facts.as_json()) == facts


def test_any_changed_fact_changes_the_digest() -> None:
    facts = satisfied()
    assert change(facts, "asked.nonce", "nonce-0002").digest != facts.digest
    assert change(facts, "approvals.0.withdrawn", True).digest != facts.digest
    assert change(facts, "policy.rules.approvals.quorum", 3).digest != facts.digest


@pytest.mark.parametrize("path", ["request.opened_at", "validation.concluded_at", "approvals.1.expires_at"])
def test_an_instant_without_a_time_zone_is_no_fact(path: str) -> None:
    with pytest.raises(ValueError, match="needs a time zone"):
        change(satisfied(), path, NOW.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("version", "stage"), None),
        (("artifact", "version_count"), "1"),
        (("artifact", "version_count"), True),
        (("validation", "evidence_verified"), 1),
        (("approvals",), {}),
        (("approvals", 0, "decision"), "ALLOW"),
        (("approvals", 0, "withdrawn"), "false"),
        (("validation", "results", 0, "status"), "passed"),
        (("request", "opened_at"), "yesterday"),
        (("ledger",), None),
        (("asked", "extra"), "x"),
    ],
)
def test_json_of_the_wrong_kind_is_refused(path: tuple[Any, ...], value: Any) -> None:
    data = satisfied().as_json()
    place = data
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(ValueError, match=r"cannot be|has no member|is an object|is not a"):
        GateFacts.from_json(data)


def test_a_missing_member_is_refused() -> None:
    data = satisfied().as_json()
    del data["ledger"]["anchor_healthy"]
    with pytest.raises(ValueError, match="lacks 'anchor_healthy'"):
        GateFacts.from_json(data)


MANIFEST = Manifest("credit", "1.1", {SHA: "model"}, {"d@1#training": OTHER}, "production", 2, "3" * 64, "Credit.")


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "other"},
        {"version": "1.2"},
        {"artifact_digests": {OTHER: "model"}},
        {"artifact_digests": {SHA: "model", OTHER: "code"}},
        {"dataset_digests": {"d@1#training": SHA}},
        {"dataset_digests": {"d@1#evaluation": OTHER}},
        {"environment": "staging"},
        {"tier": 1},
        {"policy_digest": "4" * 64},
        {"intended_use": "Other."},
    ],
)
def test_changing_anything_the_manifest_covers_changes_its_digest(changes: dict[str, Any]) -> None:
    assert replace(MANIFEST, **changes).digest != MANIFEST.digest


def test_the_manifest_digest_does_not_depend_on_order() -> None:
    one = replace(MANIFEST, artifact_digests={SHA: "model", OTHER: "code"})
    other = replace(MANIFEST, artifact_digests={OTHER: "code", SHA: "model"})
    assert one.digest == other.digest
