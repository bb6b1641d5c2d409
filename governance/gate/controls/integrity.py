"""Can the record prove today what it says?"""

from __future__ import annotations

from datetime import datetime

from governance.gate.contract import AnchorFacts, GateFacts
from governance.gate.control import ControlResult, control, failed, passed
from governance.gate.rules import AnchorRules, PolicyRules

MOST_SHOWN = 5


@control(
    "AUD-01", title="The ledger is anchored", clause="EU AI Act Art. 12 (in spirit)", always=True, needs_policy=False
)
def ledger_anchored(facts: GateFacts, rules: PolicyRules, _now: datetime) -> ControlResult:
    """The ledger extends what was anchored, and as many anchors as needed cover every event within the time allowed.

    The policy says how many and how long; where it does not, the installation's settings do.
    """
    ledger, wanted = facts.ledger, rules.anchors or AnchorRules()
    needed = wanted.needed if wanted.needed is not None else ledger.needed
    hours = wanted.max_down_hours
    limit = hours * 3600 if hours is not None else ledger.limit_seconds
    required = f"a ledger that extends its anchors, and {needed} of them without an event that waits over {limit} s"
    mend = "Tell the administrator: the ledger's sequencer or anchor is not working."
    if ledger.checkpoint_age_seconds is None:
        return failed("no checkpoint yet", required, mend)
    if not ledger.anchor_healthy:
        return failed(ledger.fault or "the anchor is not healthy", required, mend)
    late = [one for one in ledger.anchors if one.waiting_seconds > limit]
    if len(ledger.anchors) < needed:
        kinds = ", ".join(one.kind for one in ledger.anchors) or "none"
        return failed(
            f"anchors that are configured: {kinds}", required, "Have the administrator configure more anchors."
        )
    if len(ledger.anchors) - len(late) < needed:
        down = ", ".join(one.kind for one in late)
        return failed("; ".join(map(_said, late)), required, f"Have the administrator bring the anchor back: {down}.")
    oldest = max((one.waiting_seconds for one in ledger.anchors if one not in late), default=0)
    return passed(f"oldest waiting event {oldest} s", required)


@control("AUD-02", title="The rows are what the ledger says", clause="21 CFR 11.10(c)", always=True, needs_policy=False)
def rows_as_recorded(facts: GateFacts, _rules: PolicyRules, _now: datetime) -> ControlResult:
    """No row that this answer rests on was changed behind the ledger, or a person has resolved it."""
    required = "no unresolved difference between tables and ledger"
    found = facts.ledger.divergences
    if not found:
        return passed("none", required)
    shown = "; ".join(f"{one.kind} {one.key} ({', '.join(one.fields)})" for one in found[:MOST_SHOWN])
    more = f" and {len(found) - MOST_SHOWN} more" if len(found) > MOST_SHOWN else ""
    mend = "Have a risk manager whom it does not concern put the row back from the ledger, or record an explanation."
    return failed(shown + more, required, mend)


def _said(anchor: AnchorFacts) -> str:
    said = f"an event has waited {anchor.waiting_seconds} s for the anchor {anchor.kind}"
    return f"{said} ({anchor.fault})" if anchor.fault else said
