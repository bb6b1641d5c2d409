"""What do the checks measure? The step that puts the subject together from what was scored, and judges a batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audits.checks.contract import CheckSubject, Fitness
from audits.checks.requirement import FIELDS, Requirement, measure
from audits.runs import steps
from audits.runs.explaining import PART, explanation_of, read_explanation
from audits.runs.guard import Product, Say
from audits.runs.scoring import changed, roles_of
from audits.runs.tables import Answers, frame_of, perturbed_table, table_as_it_is, table_with_answers
from registry.digests import canonical_json
from registry.storage import artifacts

if TYPE_CHECKING:
    from audits.explanations.contract import Explanation
    from audits.tables.contract import EvaluationTable

Facts = Mapping[str, Mapping[str, Any]]
"""What the steps that are done found out, by their names."""


def measure_batch(plan: Mapping[str, Any], keys: list[str], facts: Facts, folder: Path, say: Say) -> Product:
    """Measure the requirements called ``keys``, in the order of the plan, each with its own evidence."""
    lines = {line["key"]: line for line in plan["requirements"]}
    product = Product()
    with subject_of(plan, facts) as subject:
        if subject.explanation is not None:
            product.files["explanation"] = folder / "explanation.json"
            product.files["explanation"].write_bytes(canonical_json(subject.explanation.to_json()))
        for number, key in enumerate(keys):
            line = lines[key]
            say(f"Measuring {line['check']}")
            outcome = measure(requirement_of(line), subject)
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
    return product


def requirement_of(line: Mapping[str, Any]) -> Requirement:
    """Read a line of policy; its clause and its advice are for people and no business of the check."""
    return Requirement.from_policy({name: value for name, value in line.items() if name in FIELDS})


@contextmanager
def subject_of(plan: Mapping[str, Any], facts: Facts) -> Iterator[CheckSubject]:
    """Yield what checks may look at: the tables with the stored answers, the explanation, what running the model costs.

    Only the steps named in ``facts`` are read. Values were checked when the tables were scored.
    """
    with ExitStack() as stack:

        def held(table: EvaluationTable) -> EvaluationTable:
            stack.callback(table.close)
            return table

        scored = facts[steps.SCORES]
        if plan["artifact"] is None:
            tables = {role: held(table_as_it_is(plan, role, check_values=False)) for role in roles_of(plan)}
            yield _subject(plan, tables, {}, None, None)
            return
        frames = {role: frame_of(plan["datasets"][role]) for role in roles_of(plan)}
        answers = {role: _answers(plan["task"], scored["classes"], scored["files"][role]) for role in frames}
        baseline = _baseline(facts.get(steps.BASELINE, {}))
        tables = {
            role: held(
                table_with_answers(
                    plan,
                    role,
                    frame,
                    answers[role],
                    check_values=False,
                    baseline=baseline if role == "evaluation" else None,
                )
            )
            for role, frame in frames.items()
        }
        changes = facts.get(steps.PERTURBED, {})
        perturbed = {}
        for key, name in changes.get("perturbed", {}).items():
            from audits.runs.perturbations import with_given

            frame = with_given(changed(plan, key, frames), answers["evaluation"].said())
            said = _answers(plan["task"], scored["classes"], changes["files"][name])
            perturbed[key] = held(perturbed_table(plan, frame, said))
        parts = [
            found["files"][PART] for key, found in facts.items() if key.startswith("explain:") and found.get("files")
        ]
        chunks = sum(key.startswith("explain:") for key in facts)
        # a whole with a chunk missing would be an explanation of other rows than it says
        explanation = explanation_of(parts) if parts and len(parts) == chunks else None
        subject = _subject(plan, tables, perturbed, explanation, scored.get("fitness"))
        yield replace(subject, unscored=changes.get("notes", {}))


def _subject(
    plan: Mapping[str, Any],
    tables: Mapping[str, EvaluationTable],
    perturbed: Mapping[str, EvaluationTable],
    explanation: Explanation | None,
    fitness: Mapping[str, Any] | None,
) -> CheckSubject:
    champion = plan["champion"] or {}
    previous = champion.get("explanation_sha256") if explanation is not None else None
    return CheckSubject(
        evaluation=tables["evaluation"],
        reference=tables.get("training"),
        explanation=explanation,
        perturbed=perturbed,
        seed=plan["seed"],
        previous_explanation=read_explanation(previous) if previous else None,
        fitness=_fitness(plan, fitness) if fitness else None,
        declared=plan["declared"],
    )


def _fitness(plan: Mapping[str, Any], found: Mapping[str, Any]) -> Fitness:
    return Fitness(
        **(
            dict(found)
            | {
                "latency_seconds": tuple(found["latency_seconds"]),
                "limits": plan["limits"],
                "environment": plan["environment"],
            }
        )
    )


def _baseline(found: Mapping[str, Any]) -> Any:
    if not found.get("files"):
        return None
    described = found["baseline"]
    return _answers(described["task"], described["classes"], found["files"]["rows"]).said()


def _answers(task: str, classes: list[str], sha256: str) -> Answers:
    """Read stored answers, re-hashed; nothing but numbers is read from them."""
    import numpy as np

    with artifacts().open_checked(sha256) as stream:
        return Answers(task, np.lib.format.read_array(stream, allow_pickle=False), tuple(classes))
