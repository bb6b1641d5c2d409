"""What is measured in a run? The tables of its plan, scored by its model in the sandbox, and the explanation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings

from audits.checks.contract import CheckSubject
from audits.sandbox import ladder
from audits.sandbox.inspect import inspect
from audits.sandbox.launch import score
from audits.sandbox.protocol import ExplainInput, Limits, SandboxError, ScoringJob, ScoringOutcome, TableInput
from audits.tables.contract import ColumnRoles, EvaluationTable
from audits.tables.open import open_frame, read_csv_frame, with_scores
from registry.errors import DomainError
from registry.storage import artifacts

if TYPE_CHECKING:
    import pyarrow as pa

SCORE = "cadastre_score"
MISSING_SHARE = 0.10
SAMPLE_ROWS = 400
BACKGROUND_ROWS = 400


@dataclass(frozen=True)
class Measured:
    """The subject of the checks, and what the run's manifest says about how it came about."""

    subject: CheckSubject
    manifest: Mapping[str, Any]
    explanation: Mapping[str, Any] | None


@contextmanager
def opened(plan: Mapping[str, Any], folder: Path) -> Iterator[Measured]:
    """Open the plan's tables, score them, and close everything afterwards.

    ``folder`` is empty and the caller's to delete. Raises DomainError for a table that cannot be read or has bad values,
    and SandboxError for a model that cannot be executed.
    """
    sets = plan["datasets"]
    evaluation, reference = sets["evaluation"], sets.get("training")
    frames = {"evaluation": _frame(evaluation)} | ({"training": _frame(reference)} if reference else {})
    scored = _scores_by_model(plan, frames, folder) if plan["artifact"] else _Scored({}, None, {})
    tables: list[EvaluationTable] = []
    try:

        def table(name: str, described: Mapping[str, Any], frame: pa.Table) -> EvaluationTable:
            found = _table(frame, described, scored.scores.get(name), threshold=plan["scoring"].get("threshold"))
            tables.append(found)
            return found

        subject = CheckSubject(
            evaluation=table("evaluation", evaluation, frames["evaluation"]),
            reference=table("training", reference, frames["training"]) if reference else None,
            explanation=scored.outcome.explanation if scored.outcome else None,
            perturbed={
                name: table(name, evaluation, frames["evaluation"])
                for name in scored.scores
                if name.startswith("missing-")
            },
            seed=plan["seed"],
        )
        explanation = subject.explanation.to_json() if subject.explanation else None
        yield Measured(subject, _manifest(plan, subject, scored), explanation)
    finally:
        for found in tables:
            found.close()


@dataclass(frozen=True)
class _Scored:
    scores: Mapping[str, Any]
    outcome: ScoringOutcome | None
    notes: Mapping[str, str]


def _frame(described: Mapping[str, Any]) -> pa.Table:
    """Read a snapshot whose bytes have just been re-hashed, CSV by the reader that admitted it."""
    import pyarrow as pa
    import pyarrow.parquet

    with artifacts().open_checked(described["sha256"]) as stream:
        if described["format"] == "csv":
            return read_csv_frame(artifacts().path(described["sha256"]))
        try:
            frame: pa.Table = pyarrow.parquet.read_table(stream)
            if not all(isinstance(name, str) for name in frame.column_names):  # decodes the names, which may fail
                raise ValueError("a column without a name")
            return frame
        except (pa.ArrowException, OSError, ValueError) as error:
            message = f"{described['dataset']} cannot be read as {described['format']}."
            raise DomainError("unreadable-table", message) from error


def _table(frame: pa.Table, described: Mapping[str, Any], scores: Any, *, threshold: float | None) -> EvaluationTable:
    roles = ColumnRoles.from_json(described["roles"])
    if scores is None:
        return open_frame(frame, roles=roles, threshold=threshold, digest=described["sha256"])
    if SCORE in frame.column_names:
        raise DomainError("reserved-column", f"A table may not have a column {SCORE!r}.")
    scored_roles = replace(roles, score=SCORE)
    return with_scores(frame, scores, roles=scored_roles, threshold=threshold, digest=described["sha256"])


def _scores_by_model(plan: Mapping[str, Any], frames: Mapping[str, pa.Table], folder: Path) -> _Scored:
    import pyarrow.parquet as pq

    features = tuple(plan["datasets"]["evaluation"]["roles"]["features"])
    if not features:
        raise DomainError("missing-column-role", "A model that is to score needs its features named.", role="features")
    inputs = []
    for name, frame in frames.items():
        lacking = sorted(set(features) - set(frame.column_names))
        if lacking:
            raise DomainError(
                "unknown-column", f"The {name} table has no column {', '.join(lacking)}.", columns=lacking
            )
        pq.write_table(frame.select(list(features)), folder / f"{name}.parquet")
        inputs.append(TableInput(name, folder / f"{name}.parquet", features))
    explain = _explain_input(plan, frames, features, folder) if _asks(plan, "explainability.") else None
    job = _job(plan, tuple(inputs), explain)
    outcome = score(job)
    scores, notes = dict(outcome.scores), dict[str, str]()
    if outcome.explanation_error:
        notes["explanation"] = outcome.explanation_error
    if _asks(plan, "robustness.missing_values"):
        name = f"missing-{MISSING_SHARE:g}"
        pq.write_table(_blanked(frames["evaluation"].select(list(features)), plan["seed"]), folder / f"{name}.parquet")
        try:
            blanked = score(_job(plan, (TableInput(name, folder / f"{name}.parquet", features),), None))
            scores[name] = blanked.scores[name]
        except SandboxError as error:
            notes[name] = str(error)
    return _Scored(scores, outcome, notes)


def _job(plan: Mapping[str, Any], tables: tuple[TableInput, ...], explain: ExplainInput | None) -> ScoringJob:
    wall = settings.SANDBOX_WALL_SECONDS
    return ScoringJob(
        format=plan["artifact"]["format"],
        model_path=artifacts().path(plan["artifact"]["sha256"]),
        model_sha256=plan["artifact"]["sha256"],
        tables=tables,
        explain=explain,
        positive_label=plan["scoring"].get("positive_label", 1),
        limits=Limits(wall_seconds=wall, cpu_seconds=wall, memory_bytes=settings.SANDBOX_MEMORY_BYTES),
    )


def _asks(plan: Mapping[str, Any], prefix: str) -> bool:
    return any(requirement["check"].startswith(prefix) for requirement in plan["requirements"])


def _explain_input(
    plan: Mapping[str, Any], frames: Mapping[str, pa.Table], features: tuple[str, ...], folder: Path
) -> ExplainInput:
    """Draw the background from the training table where there is one, and the sample from the evaluation table."""
    import pyarrow.parquet as pq

    background = frames.get("training", frames["evaluation"]).select(list(features))
    sample = frames["evaluation"].select(list(features))
    pq.write_table(_drawn(background, BACKGROUND_ROWS, plan["seed"]), folder / "background.parquet")
    pq.write_table(_drawn(sample, SAMPLE_ROWS, plan["seed"] + 1), folder / "sample.parquet")
    return ExplainInput(folder / "background.parquet", folder / "sample.parquet", features)


def _drawn(frame: pa.Table, rows: int, seed: int) -> pa.Table:
    import numpy as np

    if frame.num_rows <= rows:
        return frame
    chosen = np.sort(np.random.default_rng(seed).choice(frame.num_rows, size=rows, replace=False))
    return frame.take(chosen)


def _blanked(frame: pa.Table, seed: int) -> pa.Table:
    """Blank a share of the values of each column, independently and at random."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute

    generator = np.random.default_rng(seed)
    columns = []
    for column in frame.columns:
        values = column.combine_chunks()
        blank = pa.array(generator.random(frame.num_rows) < MISSING_SHARE)
        columns.append(pa.compute.if_else(blank, pa.scalar(None, type=values.type), values))
    return pa.table(columns, names=frame.column_names)


def _manifest(plan: Mapping[str, Any], subject: CheckSubject, scored: _Scored) -> dict[str, Any]:
    import platform
    from importlib.metadata import version

    outcome = scored.outcome
    described: dict[str, Any] = {
        "evaluation": subject.evaluation.describe(),
        "reference": subject.reference.describe() if subject.reference else None,
        "seed": plan["seed"],
        "notes": dict(scored.notes),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in ("ibis-framework", "duckdb", "numpy", "scipy", "pandas")},
    }
    if outcome is not None:
        described["sandbox"] = {
            "rung": outcome.rung,
            "probe_digest": outcome.probe_digest,
            "probe": ladder.describe(),
            "libraries": dict(outcome.libraries),
            "estimator": outcome.estimator,
            "inspection": inspect(artifacts().path(plan["artifact"]["sha256"])).to_json(),
            "peak_memory_bytes": outcome.peak_memory_bytes,
        }
    return described
