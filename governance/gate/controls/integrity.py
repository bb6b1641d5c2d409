"""Can the record prove today what it says?"""

from __future__ import annotations

from datetime import datetime

from governance.gate.contract import GateFacts
from governance.gate.control import ControlResult, control, failed, passed
from governance.gate.rules import PolicyRules


@control(
    "AUD-01", title="The ledger is anchored", clause="EU AI Act Art. 12 (in spirit)", always=True, needs_policy=False
)
def ledger_anchored(facts: GateFacts, _rules: PolicyRules, _now: datetime) -> ControlResult:
    """Checkpoints exist, their anchors are healthy, and no event has waited too long for one."""
    ledger = facts.ledger
    required = f"a healthy anchor and no event outside a checkpoint for over {ledger.limit_seconds} s"
    mend = "Tell the administrator: the ledger's sequencer or anchor is not working."
    if ledger.checkpoint_age_seconds is None:
        return failed("no checkpoint yet", required, mend)
    if not ledger.anchor_healthy:
        return failed("the anchor is not healthy", required, mend)
    if ledger.unanchored_age_seconds > ledger.limit_seconds:
        return failed(f"an event has waited {ledger.unanchored_age_seconds} s", required, mend)
    return passed(f"oldest waiting event {ledger.unanchored_age_seconds} s", required)
