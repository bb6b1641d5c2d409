"""Is it known what these bytes are, and may such a thing be promoted at all?"""

from __future__ import annotations

from datetime import UTC, datetime

from governance.gate.contract import GateFacts
from governance.gate.control import ControlResult, control, failed, no_evidence, passed
from governance.gate.rules import PolicyRules
from registry.lifecycle import Stage

PROMOTABLE = frozenset(
    {
        Stage.REGISTERED,
        Stage.IN_VALIDATION,
        Stage.VALIDATED,
        Stage.PENDING_APPROVAL,
        Stage.APPROVED,
        Stage.IN_PRODUCTION,
    }
)
REGISTER = "Register a version with this file: cadastre register."


@control(
    "INV-01",
    title="The artifact is registered",
    clause="OSFI E-23 2.1; NIST AI RMF GOVERN 1.6; PRA SS1/23 P1.2",
    always=True,
    needs_policy=False,
)
def artifact_registered(facts: GateFacts, _rules: PolicyRules, _now: datetime) -> ControlResult:
    """The digest asked about is one the inventory holds."""
    required = "an artifact in the inventory with this SHA-256"
    if facts.artifact is None:
        return failed(f"sha256:{facts.asked.artifact_sha256} is unknown", required, REGISTER)
    if facts.artifact.sha256 != facts.asked.artifact_sha256:
        return failed(f"sha256:{facts.artifact.sha256}", required, "Ask again with the digest of the file itself.")
    return passed(f"sha256:{facts.artifact.sha256}", required)


@control(
    "GATE-01",
    title="The artifact is the model of exactly one version",
    clause="Cadastre: exact bytes",
    always=True,
    needs_policy=False,
)
def artifact_of_one_version(facts: GateFacts, _rules: PolicyRules, _now: datetime) -> ControlResult:
    """The digest names one version and no other, and is the file that scores."""
    required = "the model file of exactly one version"
    artifact, version = facts.artifact, facts.version
    if artifact is not None and artifact.version_count > 1:
        mend = "The same bytes are in several versions; register the one to promote with bytes of its own."
        return failed(f"{artifact.version_count} versions hold it", required, mend)
    if artifact is None or version is None or artifact.version_count < 1:
        return no_evidence("no version holds it", required, REGISTER)
    if artifact.role != "model":
        return failed(
            f"it is the {artifact.role} of {version.model}/{version.version}", required, "Ask for the model file."
        )
    if facts.asked.artifact_sha256 not in version.artifact_digests:
        return failed(f"{version.model}/{version.version} does not hold it", required, REGISTER)
    return passed(f"the model of {version.model}/{version.version}", required)


@control(
    "GATE-02",
    title="The version is at a stage that may be promoted",
    clause="Cadastre: lifecycle",
    always=True,
    needs_policy=False,
)
def version_promotable(facts: GateFacts, _rules: PolicyRules, _now: datetime) -> ControlResult:
    """The version is not retired, rejected, suspended or failed, nor its model retired."""
    required = "not retired, rejected, suspended or failed in validation"
    if facts.version is None:
        return no_evidence("no version", required, REGISTER)
    if facts.version.retired:
        return failed("retired", required, "Register a new version; a retired one does not come back by promotion.")
    if facts.version.stage not in PROMOTABLE:
        return failed(
            facts.version.stage.replace("_", " "), required, "Mend what stopped this version, or register a new one."
        )
    return passed(facts.version.stage.replace("_", " "), required)


@control(
    "GATE-03", title="The environment is known", clause="Cadastre: exact environment", always=True, needs_policy=False
)
def environment_known(facts: GateFacts, _rules: PolicyRules, _now: datetime) -> ControlResult:
    """The environment asked about is one the inventory knows, by exactly that name."""
    required = "an environment of the inventory"
    if facts.environment is None or facts.environment.slug != facts.asked.environment:
        mend = "Ask for an environment by its name in the inventory, or have an administrator add it."
        return failed(f"{facts.asked.environment!r} is unknown", required, mend)
    return passed(facts.environment.slug, required)


@control(
    "TIER-01",
    title="The risk tier is computed by the rule version in force",
    clause="PRA SS1/23 P1.3; OSFI E-23 2.2",
    always=True,
    needs_policy=False,
)
def tier_assessed(facts: GateFacts, _rules: PolicyRules, _now: datetime) -> ControlResult:
    """The model has a risk tier, from today's tier rule."""
    required = "a risk tier by the rule version in force"
    mend = "Have the risk manager assess the model's risk tier."
    if facts.version is None:
        return no_evidence("no version", required, REGISTER)
    if facts.tier is None:
        return failed("not assessed", required, mend)
    observed = f"tier {facts.tier.tier} by rule {facts.tier.rule_version}"
    return (
        passed(observed, required) if facts.tier.current else failed(f"{observed}, which is superseded", required, mend)
    )


@control(
    "GATE-04",
    title="A policy is in force for this tier and environment",
    clause="Cadastre: default deny",
    always=True,
    needs_policy=False,
)
def policy_in_force(facts: GateFacts, _rules: PolicyRules, now: datetime) -> ControlResult:
    """The policy covers tier and environment today and asks for something."""
    required = "a policy in force for this risk tier and environment, with requirements"
    mend = "Have a policy published for this risk tier and environment."
    if facts.version is None or facts.tier is None:
        return no_evidence("no risk tier to choose a policy by", required, mend)
    if facts.policy is None:
        return failed(f"none for tier {facts.tier.tier} in {facts.asked.environment}", required, mend)
    name, rules = f"{facts.policy.slug} v{facts.policy.number}", facts.policy.rules
    if rules is None:
        return failed(f"the text of {name} cannot be read", required, mend)
    if not rules.requirements:
        return failed(f"{name} has no requirement", required, mend)
    if not rules.applies(tier=facts.tier.tier, environment=facts.asked.environment, on=now.astimezone(UTC).date()):
        return failed(f"{name} is not for tier {facts.tier.tier} in {facts.asked.environment} today", required, mend)
    return passed(name, required)


@control("GATE-05", title="The artifact format is allowed", clause="Cadastre: safe formats", always=True)
def format_allowed(facts: GateFacts, rules: PolicyRules, _now: datetime) -> ControlResult:
    """The model file is in a format that the policy lets run."""
    required = f"one of {', '.join(rules.artifact_formats) or 'none'}"
    if facts.artifact is None:
        return no_evidence("no artifact", required, REGISTER)
    if facts.artifact.format not in rules.artifact_formats:
        return failed(facts.artifact.format or "not stated", required, "Save the model in one of the allowed formats.")
    return passed(facts.artifact.format, required)
