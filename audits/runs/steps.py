"""Which pieces of work does a plan come to? Steps that workers can share, and which of them must be done before which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from audits.checks.contract import CHECKS, CheckSpec
from registry.errors import DomainError

Kind = Literal["score", "explain", "measure"]

SCORES = "score"
BASELINE = "score:baseline"
PERTURBED = "score:perturbed"
SHARES_AGGREGATES = {"performance": "answers", "calibration": "answers", "drift": "columns", "data": "columns"}
"""Families whose checks ask for the same aggregates of a table are measured together; each other by itself."""
MOST_IN_A_BATCH = 8
LATER: Mapping[str, Any] = {
    "task": "binary",
    "baseline": None,
    "conformance": None,
    "declared": {},
    "limits": {},
    "sample": {"rows": 20_000},
    "explanation": {"rows": 400, "chunks": 1, "background": 400},
}
"""What plans that were frozen before these were part of a plan are read with."""


@dataclass(frozen=True)
class PlannedStep:
    """One step: its name in the run, what it does, which steps it needs, and what of the plan it is about."""

    key: str
    kind: Kind
    needs: tuple[str, ...] = ()
    scope: Mapping[str, Any] = field(default_factory=dict)


def complete(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Return a frozen plan with what an older one does not say."""
    return {**LATER, **plan}


def steps_of(frozen: Mapping[str, Any]) -> tuple[PlannedStep, ...]:
    """Return the steps of a plan in an order in which one worker can do them one after another.

    ``score`` opens the tables, and scores them with the model where there is one. Where requirements ask for it, further
    steps score the rows with the version in place now and score changed rows, and explain the sample in chunks. The
    requirements are measured in batches; each needs only the steps that its checks read from.
    """
    plan = complete(frozen)
    batches = _batches(plan)
    further = {need for batch in batches for need in batch.needs}
    steps = [PlannedStep(SCORES, "score")]
    if BASELINE in further:
        steps.append(PlannedStep(BASELINE, "score", (SCORES,)))
    if PERTURBED in further:
        steps.append(PlannedStep(PERTURBED, "score", (SCORES,), {"perturbations": list(perturbations_of(plan))}))
    chunks = chunks_of(plan)
    steps += [
        PlannedStep(explained(chunk), "explain", (SCORES,), {"chunk": chunk, "of": chunks})
        for chunk in range(chunks)
        if explained(chunk) in further
    ]
    return (*steps, *batches)


def explained(chunk: int) -> str:
    """Return the name of the step that explains a chunk, counted from 0."""
    return f"explain:{chunk + 1}"


def chunks_of(plan: Mapping[str, Any]) -> int:
    """Return in how many chunks the sample is explained."""
    return int(plan["explanation"]["chunks"])


def perturbations_of(plan: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the changes of the rows that the plan's checks read, each once."""
    keys: dict[str, None] = {}
    for line in plan["requirements"]:
        spec = _spec(line)
        if spec is not None and "perturbed" in spec.needs:
            keys.update(dict.fromkeys(spec.perturbations(_asked(spec, line))))
    return tuple(keys)


def asks(plan: Mapping[str, Any], need: str) -> bool:
    """Tell whether a requirement's check needs ``need`` of its subject."""
    return any(spec is not None and need in spec.needs for spec in map(_spec, plan["requirements"]))


def _asked(spec: CheckSpec, line: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a requirement with the defaults its check would use."""
    import inspect

    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(spec.function).parameters.items()
        if parameter.default is not inspect.Parameter.empty
    }
    return defaults | dict(line.get("params", {}))


def _spec(line: Mapping[str, Any]) -> CheckSpec | None:
    """Return a requirement's check; None for one that is gone since the policy was published: measuring says so."""
    try:
        return CHECKS.get(line["check"])
    except DomainError:
        return None


def _batches(plan: Mapping[str, Any]) -> list[PlannedStep]:
    grouped: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for line in plan["requirements"]:
        spec = _spec(line)
        family = spec.family if spec is not None else str(line["check"]).partition(".")[0]
        grouped.setdefault((SHARES_AGGREGATES.get(family, family), _needs(plan, spec)), []).append(line["key"])
    steps = []
    names: dict[str, int] = {}
    for (group, needs), keys in grouped.items():
        for begin in range(0, len(keys), MOST_IN_A_BATCH):
            names[group] = names.get(group, 0) + 1
            name = f"measure:{group[:60]}" + (f":{names[group]}" if names[group] > 1 else "")
            steps.append(PlannedStep(name, "measure", needs, {"requirements": keys[begin : begin + MOST_IN_A_BATCH]}))
    return steps


def _needs(plan: Mapping[str, Any], spec: CheckSpec | None) -> tuple[str, ...]:
    needs = [SCORES]
    if spec is not None and plan["artifact"]:
        if "baseline" in spec.needs and plan["baseline"]:
            needs.append(BASELINE)
        if "perturbed" in spec.needs and perturbations_of(plan):
            needs.append(PERTURBED)
        if "explanation" in spec.needs:
            needs += [explained(chunk) for chunk in range(chunks_of(plan))]
    return tuple(needs)
