"""What do the checks measure? The step that judges a batch of requirements, each on the rows its check is to see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audits.checks.requirement import FIELDS, CheckOutcome, Requirement, measure
from audits.runs import histograms
from audits.runs.guard import Product, Say
from audits.runs.subjects import Facts, subjects_of
from registry.digests import canonical_json

if TYPE_CHECKING:
    from audits.tables.contract import EvaluationTable


def measure_batch(
    plan: Mapping[str, Any], keys: list[str], facts: Facts, folder: Path, say: Say, *, kept: str | None = None
) -> Product:
    """Measure the requirements called ``keys``, in the order of the plan, each with its own evidence.

    ``kept`` names stored histograms of the reference table, which are used if they prove to be of it; "" where there are
    none yet and those of this step are to be stored, None where every number is to be counted anew.
    """
    lines = {line["key"]: line for line in plan["requirements"]}
    product = Product()
    ground = histograms.ground_of(plan) if kept is not None else None
    reference: EvaluationTable | None = None
    told: dict[str, Any] = {"from": "table"}
    with subjects_of(plan, facts) as subjects:
        if subjects.explanation is not None:
            product.files["explanation"] = folder / "explanation.json"
            product.files["explanation"].write_bytes(canonical_json(subjects.explanation.to_json()))
        for number, key in enumerate(keys):
            line = lines[key]
            say(f"Measuring {line['check']}")
            subject, said = subjects.for_check(line["check"])
            if ground is not None and reference is None and line["check"].startswith("drift."):
                reference = subject.reference
                if reference is not None and kept:
                    told = histograms.take(reference, ground, kept)
            outcome = _with_rows_named(measure(requirement_of(line), subject), said)
            judged = outcome.judgement
            path = folder / f"measurement-{number}.json"
            path.write_bytes(canonical_json(outcome.as_json() | {"requirement": dict(line)}))
            product.files[f"measurement-{number}"] = path
            product.results.append(
                {
                    "requirement": line,
                    "status": judged.status,
                    "observed": judged.observed,
                    "required": judged.required,
                    "reason": judged.reason,
                    "mend": (line.get("mend") or judged.mend) if judged.status == "not_met" else judged.mend,
                    "evidence": f"measurement-{number}",
                }
            )
        if ground is not None and reference is not None:
            product.facts |= _counted(reference, ground, told, product, folder)
    return product


def _counted(
    reference: EvaluationTable, ground: Mapping[str, Any], told: dict[str, Any], product: Product, folder: Path
) -> dict[str, Any]:
    """Return where the histograms of the reference came from; have them stored where they were counted now.

    What was refused stays where it is, for whoever looks into it, and nothing takes its place.
    """
    if told["from"] == "table" and "refused" not in told:
        path = folder / "histograms.json"
        if not histograms.written(reference, ground, path):
            return {}
        product.files[histograms.KEPT] = path
    return {histograms.KEPT: told}


def _with_rows_named(outcome: CheckOutcome, said: tuple[str, ...]) -> CheckOutcome:
    """Add to what was measured, and to the reason that people read first, on which rows it was measured."""
    if not said:
        return outcome
    found = outcome.measurement
    if found is not None:
        found = replace(found, notes=(*found.notes, *said))
    judged = replace(outcome.judgement, reason=" ".join((outcome.judgement.reason, *said))[:1000])
    return replace(outcome, measurement=found, judgement=judged)


def requirement_of(line: Mapping[str, Any]) -> Requirement:
    """Read a line of policy; its clause and its advice are for people and no business of the check."""
    return Requirement.from_policy({name: value for name, value in line.items() if name in FIELDS})
