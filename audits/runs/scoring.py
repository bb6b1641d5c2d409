"""What does the model say of the rows? The steps that score tables in the sandbox and keep the answers as evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings

from audits.runs.drawn import recorded, rows_for, rows_of_plan
from audits.runs.guard import Product, Say
from audits.runs.perturbations import perturbed_frame
from audits.runs.recorded import compare_recorded
from audits.runs.steps import asks
from audits.runs.tables import Answers, table_as_it_is, table_with_answers
from audits.sandbox import ladder
from audits.sandbox.inspect import inspect
from audits.sandbox.launch import score
from audits.sandbox.protocol import (
    ConformanceInput,
    ExplainInput,
    FitnessInput,
    Limits,
    SandboxError,
    ScoringJob,
    ScoringOutcome,
    TableInput,
)
from registry.errors import DomainError
from registry.storage import artifacts

if TYPE_CHECKING:
    import pyarrow as pa

Plan = Mapping[str, Any]


def score_tables(plan: Plan, folder: Path, say: Say) -> Product:
    """Open the plan's tables, score them with its model where it has one, and refuse what cannot be measured."""
    say("Opening the tables")
    if plan["artifact"] is None:
        found = {}
        for role in roles_of(plan):
            table = table_as_it_is(plan, role, check_values=True)
            found[role] = table.describe()
            table.close()
        return Product(_described(found))
    rows = rows_of_plan(plan, roles_of(plan), check_values=True)
    frames = {role: one.frame for role, one in rows.items()}
    features = features_of(plan, frames)
    inputs = tuple(_input(name, frame, features, folder) for name, frame in frames.items())
    say("Scoring the tables in the sandbox")
    job = scoring_job(plan, plan["artifact"], plan["scoring"], inputs, measured=True)
    outcome = score(job)
    say("Reading the scored tables")
    product = Product()
    found = {}
    for role, frame in frames.items():
        answers = Answers(outcome.task, outcome.scores[role], outcome.classes)
        table = table_with_answers(plan, role, frame, answers, check_values=True, sample=rows[role].sample)
        found[role] = dict(rows[role].table or table.describe())
        table.close()
        if rows[role].sample is not None and recorded(plan["datasets"][role]):
            found[role]["recorded"] = compare_recorded(plan, role, frame, answers)
        product.files[role] = stored(answers, folder / f"{role}.npy")
    product.facts = _described(found) | _sandboxed(outcome, plan["artifact"]["sha256"])
    if outcome.notes:
        product.facts["notes"] = {"model": "; ".join(outcome.notes)}
    return product


def score_baseline(plan: Plan, scored: Mapping[str, Any], folder: Path, say: Say) -> Product:
    """Score the evaluation rows with the version in place now; where it cannot, the note says why and nothing is compared."""
    baseline = plan["baseline"]
    frame = rows_for(plan, "evaluation", scored=scored).frame
    features = tuple(baseline["features"])
    lacking = sorted(set(features) - set(frame.column_names))
    if lacking:
        return _without(
            "baseline", f"The evaluation table lacks {', '.join(lacking)}, which {baseline['version']} reads."
        )
    say(f"Scoring with {baseline['version']}")
    try:
        job = scoring_job(plan, baseline["artifact"], baseline["scoring"], (_input("rows", frame, features, folder),))
        outcome = score(job)
    except SandboxError as error:
        return _without("baseline", f"{baseline['version']}: {error.message}")
    answers = Answers(outcome.task, outcome.scores["rows"], outcome.classes)
    facts = {"baseline": {"version": baseline["version"], "task": outcome.task, "classes": list(outcome.classes)}}
    return Product(facts, files={"rows": stored(answers, folder / "rows.npy")})


def score_perturbed(plan: Plan, keys: list[str], scored: Mapping[str, Any], folder: Path, say: Say) -> Product:
    """Score changed rows, one table for each change; a change that cannot be made or scored is noted."""
    frames = {role: one.frame for role, one in rows_of_plan(plan, roles_of(plan), scored=scored).items()}
    features = features_of(plan, frames)
    notes: dict[str, str] = {}
    inputs: dict[str, TableInput] = {}
    for number, key in enumerate(keys):
        say(f"Changing rows: {key}")
        try:
            inputs[key] = _input(f"changed-{number}", changed(plan, key, frames), features, folder)
        except DomainError as error:
            notes[key] = error.message
    product = Product({"notes": notes, "perturbed": {}})
    say("Scoring the changed rows")
    for key, outcome in _outcomes(plan, inputs, notes).items():
        one = inputs[key].name
        answers = Answers(outcome.task, outcome.scores[one], outcome.classes)
        product.facts["perturbed"][key] = one
        product.files[one] = stored(answers, folder / f"{one}.npy")
    return product


def _outcomes(plan: Plan, inputs: Mapping[str, TableInput], notes: dict[str, str]) -> dict[str, ScoringOutcome]:
    """Score all tables in one child, since starting one costs more than scoring; where it refuses, each in its own.

    A model that cannot take one change (blanked values, say) must not take the answers on the others away.
    """
    try:
        together = (
            score(scoring_job(plan, plan["artifact"], plan["scoring"], tuple(inputs.values()))) if inputs else None
        )
        return {key: together for key in inputs if together is not None}
    except SandboxError as error:
        if len(inputs) == 1:
            notes |= dict.fromkeys(inputs, error.message)
            return {}
    found: dict[str, ScoringOutcome] = {}
    for key, one in inputs.items():
        found |= _outcomes(plan, {key: one}, notes)
    return found


def changed(plan: Plan, key: str, frames: Mapping[str, pa.Table]) -> pa.Table:
    """Return the evaluation rows changed as ``key`` says; the same plan gives the same rows in every step."""
    return perturbed_frame(
        key,
        frames["evaluation"],
        features=tuple(plan["datasets"]["evaluation"]["roles"]["features"]),
        seed=plan["seed"],
        declared=plan["declared"],
        reference=frames.get("training"),
    )


def roles_of(plan: Plan) -> tuple[str, ...]:
    """Return the names of the tables that are measured."""
    return tuple(role for role in ("evaluation", "training") if role in plan["datasets"])


def features_of(plan: Plan, frames: Mapping[str, pa.Table]) -> tuple[str, ...]:
    """Return the inputs of the model; raises ``missing-column-role`` or ``unknown-column``."""
    features = tuple(plan["datasets"]["evaluation"]["roles"]["features"])
    if not features:
        raise DomainError("missing-column-role", "A model that is to score needs its features named.", role="features")
    for name, frame in frames.items():
        lacking = sorted(set(features) - set(frame.column_names))
        if lacking:
            message = f"The {name} table has no column {', '.join(lacking)}."
            raise DomainError("unknown-column", message, columns=lacking)
    return features


def scoring_job(
    plan: Plan,
    artifact: Mapping[str, Any],
    scoring: Mapping[str, Any],
    tables: tuple[TableInput, ...],
    *,
    explain: ExplainInput | None = None,
    measured: bool = False,
) -> ScoringJob:
    """Return the job of the sandbox for a model of the plan, within the time and memory that a model may take."""
    wall = settings.SANDBOX_WALL_SECONDS
    return ScoringJob(
        format=artifact["format"],
        model_path=artifacts().path(artifact["sha256"]),
        model_sha256=artifact["sha256"],
        tables=tables,
        explain=explain,
        positive_label=scoring.get("positive_label", 1),
        limits=Limits(wall_seconds=wall, cpu_seconds=wall, memory_bytes=settings.SANDBOX_MEMORY_BYTES),
        task=plan["task"],
        classes=tuple(scoring.get("classes", ())),
        favourable=scoring.get("favourable"),
        library_versions=artifact.get("library_versions", {}),
        # In every child: a difference of versions is outweighed only where the recorded predictions came out again.
        conformance=_conformance(plan) if artifact is plan["artifact"] else None,
        fitness=FitnessInput() if measured and asks(plan, "fitness") else None,
    )


def stored(answers: Answers, path: Path) -> Path:
    """Write answers as a plain array of numbers, the same bytes for the same numbers."""
    import numpy as np

    with path.open("wb") as stream:
        np.lib.format.write_array(stream, np.ascontiguousarray(answers.values), version=(1, 0), allow_pickle=False)
    return path


def _conformance(plan: Plan) -> ConformanceInput | None:
    recorded = plan["conformance"]
    if recorded is None:
        return None
    return ConformanceInput(
        path=artifacts().path(recorded["sha256"]),
        sha256=recorded["sha256"],
        format=recorded["format"],
        features=tuple(plan["datasets"]["evaluation"]["roles"]["features"]),
        tolerance=recorded["tolerance"],
    )


def _input(name: str, frame: pa.Table, features: tuple[str, ...], folder: Path) -> TableInput:
    import pyarrow.parquet as pq

    path = folder / f"{name}.parquet"
    pq.write_table(frame.select(list(features)), path)
    return TableInput(name, path, features)


def _described(tables: Mapping[str, Any]) -> dict[str, Any]:
    return {"evaluation": tables["evaluation"], "reference": tables.get("training")}


def _sandboxed(outcome: ScoringOutcome, sha256: str) -> dict[str, Any]:
    return {
        "classes": list(outcome.classes),
        "fitness": asdict(outcome.fitness) if outcome.fitness is not None else None,
        "conformance": asdict(outcome.conformance) if outcome.conformance is not None else None,
        "sandbox": {
            "rung": outcome.rung,
            "probe_digest": outcome.probe_digest,
            "probe": ladder.describe(),
            "libraries": dict(outcome.libraries),
            "made_with": dict(outcome.made_with),
            "estimator": outcome.estimator,
            "inspection": inspect(artifacts().path(sha256)).to_json(),
            "peak_memory_bytes": outcome.peak_memory_bytes,
        },
    }


def _without(name: str, note: str) -> Product:
    return Product({"notes": {name: note[:500]}})
