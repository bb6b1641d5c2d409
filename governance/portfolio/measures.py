"""How far is the register from what nobody wants? Counts with the rule that colours each."""

from __future__ import annotations

from typing import Any

from audits.models import Finding, ValidationRun
from governance.models import Approval, GateDecision
from governance.portfolio.register import Register

GREEN, AMBER, RED = "green", "amber", "red"
AMBER_UP_TO = {
    "ungated": 0,
    "unvalidated": 5,
    "unapproved": 5,
    "denied": 5,
    "overdue": 10,
    "four_eyes": 0,
    "unowned": 2,
    "untiered": 5,
}
"""Up to how many per cent a count that is not 0 is amber; above it is red, and so is everything where this is 0."""
GRAVE = frozenset({Finding.Severity.HIGH.value, Finding.Severity.CRITICAL.value})


def measured(now: Register) -> list[dict[str, Any]]:
    """Return each measure with its count, what it is of, and its colour."""
    gated = [one for one in now.running if now.is_gated(one["environment"])]
    grave = [one for one in now.open_findings.values() if one["severity"] in GRAVE]
    running = now.in_production
    counts = {
        "ungated": (sum(not one["gated"] for one in gated), len(gated)),
        "unvalidated": (
            sum(not all(is_validated(now, key) for key in keys) for keys in running.values()),
            len(running),
        ),
        "unapproved": (sum(not all(is_approved(now, key) for key in keys) for keys in running.values()), len(running)),
        "denied": (len({one["version"].partition("/")[0] for one in gated if is_denied(now, one)}), len(running)),
        "overdue": (sum(now.is_overdue(one) for one in grave), len(grave)),
        "four_eyes": (len(four_eyes_exceptions(now)), len(approvals(now))),
        "unowned": (sum(not has_owner(now, slug) for slug in now.live), len(now.live)),
        "untiered": (sum(slug not in now.tiers for slug in now.live), len(now.live)),
    }
    return [
        {"key": key, "count": count, "of": of, "colour": colour_of(count, of, AMBER_UP_TO[key])}
        for key, (count, of) in counts.items()
    ]


def colour_of(count: int, of: int, amber_up_to: int) -> str:
    """Return green for none, amber up to a share in per cent, red above."""
    if not count:
        return GREEN
    return AMBER if 100 * count <= amber_up_to * of else RED


def is_validated(now: Register, version: str) -> bool:
    """Tell whether a version's newest run passed and is no older than its policy allows."""
    found = now.runs.get(version)
    if found is None or found[1]["outcome"] != ValidationRun.Outcome.PASSED:
        return False
    return now.days_since(found[1]["concluded_at"]) < now.max_age_of(version)


def is_approved(now: Register, version: str) -> bool:
    """Tell whether an approval of a version holds."""
    return any(str(one["expires_at"]) > now.at for one in now.standing_approvals(version))


def is_denied(now: Register, deployment: Any) -> bool:
    """Tell whether the newest answer of the gate about a version where it runs is deny."""
    _at, outcome = now.asked.newest.get((str(deployment["version"]), str(deployment["environment"])), ("", ""))
    return outcome == GateDecision.Outcome.DENY


def has_owner(now: Register, slug: str) -> bool:
    """Tell whether a model has an owner who is active."""
    owner = now.models[slug]["owner"]
    return bool(owner) and bool(now.people.get(str(owner), {}).get("is_active"))


def approvals(now: Register) -> list[Any]:
    """Return every yes that a person gave, withdrawn or not."""
    return [one for one in now.approvals if one["decision"] == Approval.Decision.APPROVE]


def four_eyes_exceptions(now: Register) -> list[Any]:
    """Return every yes of somebody who asked for it, answers for who asked, or had a hand in the version."""
    return [
        one
        for one in approvals(now)
        if one["approver"] in (one["requested_by"], one["requested_for"])
        or (str(now.promotions[str(one["request"])]["version"]), str(one["approver"])) in now.contributions
    ]
