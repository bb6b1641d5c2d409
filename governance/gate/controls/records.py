"""Is the inventory record complete enough to decide on?"""

from __future__ import annotations

from datetime import datetime

from governance.gate.contract import GateFacts
from governance.gate.control import ControlResult, control, failed, no_evidence, passed
from governance.gate.rules import PolicyRules

REGISTER = "Register a version with this file: cadastre register."


@control("INV-02", title="The intended use is stated", clause="OSFI E-23 App. 1; PRA SS1/23 P1.2", needs_policy=False)
def intended_use_stated(facts: GateFacts, _rules: PolicyRules, _now: datetime) -> ControlResult:
    """The model's record says what it is for."""
    if facts.version is None:
        return no_evidence("no version", "a stated intended use", REGISTER)
    if not facts.record.intended_use_stated:
        return failed("empty", "a stated intended use", "State the model's intended use in the inventory.")
    return passed("stated", "a stated intended use")


@control(
    "INV-03", title="One named, active owner", clause="NIST AI RMF GOVERN 2.1; OSFI E-23 App. 1", needs_policy=False
)
def owner_active(facts: GateFacts, _rules: PolicyRules, _now: datetime) -> ControlResult:
    """Somebody who is still here answers for the model."""
    required = "a named owner who is active"
    if facts.version is None:
        return no_evidence("no version", required, REGISTER)
    if not facts.record.owner_named:
        return failed("no owner", required, "Assign an owner to the model.")
    if not facts.record.owner_active:
        return failed("the owner is no longer active", required, "Assign another owner to the model.")
    return passed("named and active", required)


@control("DAT-03", title="The lineage names the data it came from", clause="BCBS 239; OSFI E-23 3.2")
def lineage_complete(facts: GateFacts, rules: PolicyRules, _now: datetime) -> ControlResult:
    """Training and evaluation data are linked, each by a digest."""
    ends = (
        ("training", rules.lineage.training_required, facts.lineage.training_digests),
        ("evaluation", rules.lineage.evaluation_required, facts.lineage.evaluation_digests),
    )
    required = " and ".join(f"a {name} dataset" for name, wanted, _known in ends if wanted) or "no dataset"
    missing = [name for name, wanted, known in ends if wanted and not known]
    if facts.version is None:
        return no_evidence("no version", required, REGISTER)
    if missing:
        mend = f"Register the version with its {' and '.join(missing)} dataset version."
        return failed(f"no {' and no '.join(missing)} dataset", required, mend)
    return passed(", ".join(f"{len(known)} {name}" for name, _wanted, known in ends), required)
