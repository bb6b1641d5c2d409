"""Is there an open finding that stands in the way?"""

from __future__ import annotations

from datetime import datetime

from governance.gate.contract import GateFacts
from governance.gate.control import ControlResult, Part, control, failed, passed
from governance.gate.rules import PolicyRules

MEND = "Resolve the finding with evidence, or have its risk accepted by who may, for a limited time."
CLAUSE = "PRA SS1/23 P4.2"


@control("FND-01", title="No open finding blocks", clause=CLAUSE, always=True, needs_policy=False)
def nothing_blocks(facts: GateFacts, _rules: PolicyRules, _now: datetime) -> ControlResult:
    """No finding of blocking severity is open on the version or its model."""
    blocking = [finding for finding in facts.findings if finding.blocking]
    if not blocking:
        return passed(f"0 blocking of {len(facts.findings)} open", "0 open blocking findings")
    parts = tuple(
        Part(finding.id, f"Open finding: {finding.title}", finding.severity, "resolved or accepted", MEND, CLAUSE)
        for finding in blocking
    )
    return failed(f"{len(blocking)} open", "0 open blocking findings", MEND, parts=parts)
