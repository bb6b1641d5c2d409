"""What would a careful clerk answer? The rules in words, written from the policy text and not from the gate's code."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

Facts = dict[str, Any]
STAGES_THAT_MAY = {"registered", "in_validation", "validated", "pending_approval", "approved", "in_production"}


def clerk_allows(facts: Facts, now: datetime) -> bool:
    """Return whether a clerk with these papers (JSON) on the desk at ``now`` would let the file through."""
    for paper in ("artifact", "version", "environment", "tier", "policy", "request", "validation"):
        if facts[paper] is None:
            return False  # a paper is missing
    if facts["policy"]["rules"] is None:
        return False  # the policy cannot be read
    return (
        _it_is_what_it_says(facts)
        and _the_policy_is_for_this(facts, now)
        and _the_record_is_in_order(facts)
        and _it_was_measured_and_is_good(facts, now)
        and _the_question_was_properly_put(facts, now)
        and _the_right_people_said_yes(facts, now)
        and not [finding for finding in facts["findings"] if finding["blocking"]]
    )


def _it_is_what_it_says(facts: Facts) -> bool:
    asked, file, version = facts["asked"], facts["artifact"], facts["version"]
    if file["sha256"] != asked["artifact_sha256"] or file["version_count"] != 1 or file["role"] != "model":
        return False
    if asked["artifact_sha256"] not in version["artifact_digests"]:
        return False
    if version["retired"] or version["stage"] not in STAGES_THAT_MAY:
        return False
    return facts["environment"]["slug"] == asked["environment"] and facts["tier"]["current"]


def _the_policy_is_for_this(facts: Facts, now: datetime) -> bool:
    rules, today = facts["policy"]["rules"], now.astimezone(UTC).date().isoformat()
    if facts["tier"]["tier"] not in rules["applies_to"]["tiers"]:
        return False
    if facts["asked"]["environment"] not in rules["applies_to"]["environments"]:
        return False
    if today < rules["effective_from"] or ("superseded_on" in rules and today >= rules["superseded_on"]):
        return False
    return len(rules["requirements"]) > 0 and facts["artifact"]["format"] in rules["artifact_formats"]


def _the_record_is_in_order(facts: Facts) -> bool:
    rules, record, ledger = facts["policy"]["rules"], facts["record"], facts["ledger"]
    asked_for = rules.get("controls")

    def wanted(control: str) -> bool:
        return asked_for is None or control in asked_for

    known = {"INV-02", "INV-03", "DAT-03"}
    if asked_for is not None and set(asked_for) - known:
        return False  # the policy asks for something nobody here can judge
    if wanted("INV-02") and not record["intended_use_stated"]:
        return False
    if wanted("INV-03") and not (record["owner_named"] and record["owner_active"]):
        return False
    if wanted("DAT-03"):
        for end in ("training", "evaluation"):
            if rules["lineage"][f"{end}_required"] and not facts["lineage"][f"{end}_digests"]:
                return False
    asked = rules.get("anchors") or {}
    limit = asked["max_down_hours"] * 3600 if "max_down_hours" in asked else ledger["limit_seconds"]
    in_time = [one for one in ledger["anchors"] if one["waiting_seconds"] <= limit]
    enough = len(in_time) >= asked.get("needed", ledger["needed"])
    if ledger["divergences"]:
        return False  # somebody wrote in the books, and nobody has said why
    return ledger["anchor_healthy"] and ledger["checkpoint_age_seconds"] is not None and enough


def _it_was_measured_and_is_good(facts: Facts, now: datetime) -> bool:
    rules, run = facts["policy"]["rules"], facts["validation"]
    if run["state"] != "concluded" or run["outcome"] != "passed" or run["concluded_at"] is None:
        return False
    age = now - datetime.fromisoformat(run["concluded_at"])
    if age < timedelta(0) or age >= timedelta(days=rules["evidence"]["max_age_days"]):
        return False
    data = set(facts["lineage"]["training_digests"]) | set(facts["lineage"]["evaluation_digests"])
    if run["artifact_sha256"] != facts["asked"]["artifact_sha256"] or not data or set(run["dataset_digests"]) != data:
        return False
    if run["policy_digest"] != facts["policy"]["digest"] or not run["evidence_verified"] or not run["evidence_digest"]:
        return False
    for rule in rules["requirements"]:
        answers = [one for one in run["results"] if one["key"] == rule["key"]]
        if rule["severity"] == "blocking" and (len(answers) != 1 or answers[0]["check"] != rule["check"]):
            return False
        if rule["severity"] == "blocking" and answers[0]["status"] != "met":
            return False
    return not [one for one in run["results"] if one["severity"] == "blocking" and one["status"] != "met"]


def _the_question_was_properly_put(facts: Facts, now: datetime) -> bool:
    request, version = facts["request"], facts["version"]
    if request["state"] != "open" or datetime.fromisoformat(request["opened_at"]) > now:
        return False
    if request["version_id"] != version["id"] or request["environment"] != facts["asked"]["environment"]:
        return False
    if not version["manifest_digest"] or request["manifest_digest"] != version["manifest_digest"]:
        return False
    if not facts["policy"]["digest"] or request["policy_digest"] != facts["policy"]["digest"]:
        return False
    return request["evidence_digest"] == facts["validation"]["evidence_digest"]


def _the_right_people_said_yes(facts: Facts, now: datetime) -> bool:
    wanted, request = facts["policy"]["rules"]["approvals"], facts["request"]
    standing = [one for one in facts["approvals"] if not one["withdrawn"]]
    if any(one["decision"] == "reject" for one in standing):
        return False
    involved = {request["requested_by"], request["requested_for"], *request["contributors"]}
    people: dict[str, set[str]] = {}
    for one in standing:
        if one["approver"] in involved or one["approver_is_contributor"] or not one["approver_is_person"]:
            return False
        said = datetime.fromisoformat(one["decided_at"])
        ends = min(datetime.fromisoformat(one["expires_at"]), said + timedelta(days=wanted["valid_days"]))
        bound = (one["manifest_digest"], one["evidence_digest"]) == (
            facts["version"]["manifest_digest"],
            facts["validation"]["evidence_digest"],
        )
        entitled = one["approver_active"] and set(one["approver_roles"]) & set(wanted["roles"])
        if said <= now < ends and bound and entitled:
            people.setdefault(one["approver"], set()).update(one["approver_roles"])
    least = max(2, wanted["quorum"]) if facts["environment"]["gated"] else wanted["quorum"]
    second = set(wanted["second_line_roles"]) & set(wanted["roles"])
    has_second = any(roles & second for roles in people.values())
    return len(people) >= least and (has_second or not wanted["second_line_required"])
