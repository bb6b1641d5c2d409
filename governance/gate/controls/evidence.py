"""Was this very version measured, lately, on its own data, and does every measurement meet its requirement?"""

from __future__ import annotations

from datetime import datetime, timedelta

from governance.gate.contract import GateFacts, ResultFacts, ValidationFacts
from governance.gate.control import ControlResult, Part, control, failed, no_evidence, passed
from governance.gate.rules import PolicyRules, RequirementRule

RUN_AGAIN = "Open the promotion request again, which starts validation, and wait until it has concluded."


@control(
    "VAL-01",
    title="Validation has concluded on this artifact, data and policy",
    clause="US SR 26-2; PRA SS1/23 P4.5; OSFI E-23 3.4",
    always=True,
)
def validated_as_is(facts: GateFacts, _rules: PolicyRules, _now: datetime) -> ControlResult:
    """The newest run has concluded on exactly what is asked about: a result counts for its inputs alone."""
    required = "a concluded run on this artifact, its datasets and the policy in force"
    run = facts.validation
    if run is None:
        return no_evidence("no validation run", required, RUN_AGAIN)
    if run.state != "concluded" or run.concluded_at is None:
        return no_evidence(
            f"the newest run is {run.state}", required, "Wait for validation to conclude: cadastre wait."
        )
    datasets = facts.lineage.training_digests | facts.lineage.evaluation_digests
    strange = [
        name
        for name, same in (
            ("another artifact", run.artifact_sha256 == facts.asked.artifact_sha256),
            ("other datasets", bool(datasets) and run.dataset_digests == datasets),
            ("another policy", facts.policy is not None and run.policy_digest == facts.policy.digest),
        )
        if not same
    ]
    if strange:
        return failed(f"run {run.run_id} was made on {', '.join(strange)}", required, RUN_AGAIN)
    return passed(f"run {run.run_id}", required)


@control("EVD-01", title="The stored evidence is what was concluded", clause="EU AI Act Annex IV 2(g)", always=True)
def evidence_intact(facts: GateFacts, _rules: PolicyRules, _now: datetime) -> ControlResult:
    """The evidence digest, recomputed now, is the one the run concluded with, and the one the approvers are shown."""
    required = "the recomputed evidence digest equals that of the run and of the promotion request"
    run = facts.validation
    if run is None or not run.evidence_digest:
        return no_evidence("no evidence", required, RUN_AGAIN)
    if not run.evidence_verified:
        return failed(
            f"the results of run {run.run_id} have changed", required, "Tell the administrator; validate again."
        )
    if facts.request is not None and facts.request.evidence_digest != run.evidence_digest:
        return failed("the request shows the evidence of another run", required, RUN_AGAIN)
    return passed(f"sha256:{run.evidence_digest}", required)


@control("EVD-02", title="The evidence is fresh", clause="PRA SS1/23 P4.4", always=True)
def evidence_fresh(facts: GateFacts, rules: PolicyRules, now: datetime) -> ControlResult:
    """The run concluded no longer ago than the policy lets evidence live, and not in the future."""
    limit = rules.evidence.max_age_days
    required = f"concluded in the last {limit} days"
    concluded = facts.validation.concluded_at if facts.validation else None
    if concluded is None:
        return no_evidence("no concluded run", required, RUN_AGAIN)
    age = now - concluded
    if age < timedelta(0):
        return failed("concluded in the future", required, "Set the clocks right, then validate again.")
    if age >= timedelta(days=limit):
        return failed(f"concluded {age.days} days ago", required, RUN_AGAIN)
    return passed(f"concluded {age.days} days ago", required)


@control(
    "VAL-03",
    title="Every blocking requirement is met",
    clause="US SR 26-2; EU AI Act Art. 9(8)",
    always=True,
)
def requirements_met(facts: GateFacts, rules: PolicyRules, _now: datetime) -> ControlResult:
    """Each blocking requirement of the policy has one result, and it is met: insufficient and error are not met."""
    blocking = [rule for rule in rules.requirements if rule.severity == "blocking"]
    required = f"{len(blocking)} blocking requirements met, by a run that passed"
    run = facts.validation
    if run is None or run.concluded_at is None:
        return no_evidence("no concluded run", required, RUN_AGAIN)
    parts = [part for rule in rules.requirements if (part := _unmet(rule, run.results))]
    told = {part.key for part in parts}
    parts += [_part(result, "") for result in run.results if _blocks(result) and result.key not in told]
    if parts:
        return failed(
            f"{len(parts)} not met", required, "Mend each as it says, then register a new version.", parts=tuple(parts)
        )
    return _by_outcome(run, required, len(blocking))


def _by_outcome(run: ValidationFacts, required: str, count: int) -> ControlResult:
    if run.outcome != "passed":
        return failed(f"the run ended {run.outcome or 'without an outcome'}", required, RUN_AGAIN)
    return passed(f"{count} of {count} met", required)


def _unmet(rule: RequirementRule, found: tuple[ResultFacts, ...]) -> Part | None:
    if rule.severity != "blocking":
        return None
    results = [result for result in found if result.key == rule.key]
    if len(results) == 1 and results[0].check == rule.check:
        return None if results[0].status == "met" else _part(results[0], rule.clause, rule.mend)
    observed = f"{len(results)} results" if len(results) != 1 else f"a result of {results[0].check}"
    wanted = f"one result of {rule.check} {rule.op} {rule.limit:g}"
    return Part(rule.key, f"{rule.key}: no usable result", observed, wanted, RUN_AGAIN, rule.clause)


def _blocks(result: ResultFacts) -> bool:
    return result.severity == "blocking" and result.status != "met"


def _part(result: ResultFacts, clause: str, mend: str = "") -> Part:
    says = {"not_met": "is not met", "insufficient": "lacks evidence", "error": "could not be measured"}
    text = f"{result.key} ({result.check}) {says.get(result.status, result.status)}"
    return Part(result.key, text, result.observed, result.required, result.mend or mend, clause)
