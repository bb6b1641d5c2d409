"""How is a customer's model scored? In a child behind the chosen rung, whose answer is believed only when checked."""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from audits.explanations.contract import Explanation
from audits.sandbox import answers, conformance, ladder
from audits.sandbox.execution import Workplace, run, workplace
from audits.sandbox.formats.contract import FORMATS
from audits.sandbox.protocol import ExplainInput, Rung, SandboxError, ScoringJob, ScoringOutcome
from registry.digests import chunks


def score(job: ScoringJob) -> ScoringOutcome:
    """Score the tables of ``job`` with its model, in the sandbox, and reproduce, measure and explain what it asks for.

    Raises SandboxError with one of ``protocol.CODES``; DomainError("sandbox-unavailable") when nothing may be executed
    here, DomainError("unknown-format") for a format nobody registered.
    """
    choice = ladder.chosen()
    return score_on(choice, job, probe_digest=ladder.probe_digest(choice))


def score_on(rung: Rung, job: ScoringJob, *, probe_digest: str) -> ScoringOutcome:
    """Score the tables of ``job`` behind ``rung``; the caller answers for the rung having passed its probe."""
    FORMATS.get(job.format)
    with workplace() as place:
        if _bring(job.model_path, place.inputs / "model") != job.model_sha256:
            raise SandboxError("model-digest-mismatch", registered=job.model_sha256)
        recorded = None if job.conformance is None else conformance.bring(job.conformance, job.task, place)
        rows = []
        for number, table in enumerate(job.tables):
            _bring(table.path, place.inputs / f"table-{number}")
            rows.append(_count_rows(place.inputs / f"table-{number}"))
        digests = _bring_explained(job.explain, place)
        outputs = ["answer", *(f"scores-{number}" for number in range(len(rows)))]
        outputs += [conformance.OUTPUT] if recorded else []
        artifact_bytes = (place.inputs / "model").stat().st_size
        ended = run(rung, place, _task(job, place, recorded), outputs=outputs, limits=job.limits)
        answers.refuse_bad_end(ended, job.limits)
        answer = answers.read_answer(place.output("answer"))
        classes = answers.read_classes(answer.get("classes", []), job)
        reproduced = None
        if recorded is not None:
            output = place.output(conformance.OUTPUT)
            said = answers.read_scores(
                output, table="conformance", rows=recorded.rows, task=job.task, classes=len(classes)
            )
            reproduced = conformance.compare(recorded, said, classes)
        scores = {
            table.name: answers.read_scores(
                place.output(f"scores-{number}"),
                table=table.name,
                rows=rows[number],
                task=job.task,
                classes=len(classes),
            )
            for number, table in enumerate(job.tables)
        }
        fitness = None
        if job.fitness is not None:
            measured_on = rows[[table.name for table in job.tables].index(job.fitness.table)]
            fitness = answers.read_fitness(
                answer.get("fitness"), job, ended, artifact_bytes=artifact_bytes, rows=measured_on
            )
        return ScoringOutcome(
            scores=scores,
            explanation=_explanation(job.explain, answer, digests),
            rung=rung.slug,
            probe_digest=probe_digest,
            libraries=answers.read_libraries(answer.get("libraries")),
            seconds=ended.seconds,
            peak_memory_bytes=ended.peak_memory_bytes,
            estimator=answers.inert(answer.get("estimator"), 500),
            explanation_error=answers.inert(answer.get("explanation_error"), 300) or None,
            task=job.task,
            classes=classes,
            made_with=answers.read_libraries(answer.get("made_with", {})),
            conformance=reproduced,
            fitness=fitness,
            notes=answers.read_notes(answer.get("notes", [])),
        )


def _bring(source: Path, target: Path) -> str:
    """Copy ``source`` into the workplace and return the SHA-256 of exactly the bytes that were copied."""
    hasher = hashlib.sha256()
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(source, "rb") as stream, open(handle, "wb") as copy:
        for piece in chunks(stream):
            hasher.update(piece)
            copy.write(piece)
    return hasher.hexdigest()


def _bring_explained(wanted: ExplainInput | None, place: Workplace) -> tuple[str, str, int]:
    """Copy background and sample; return both digests and the number of sample rows."""
    if wanted is None:
        return "", "", 0
    background = _bring(wanted.background, place.inputs / "background")
    sample = _bring(wanted.sample, place.inputs / "sample")
    return background, sample, _count_rows(place.inputs / "sample")


def _count_rows(path: Path) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return int(pq.read_metadata(path).num_rows)
    except (pa.ArrowInvalid, OSError) as error:
        raise SandboxError("table-not-readable", "It is not a Parquet file.") from error


def _task(job: ScoringJob, place: Workplace, recorded: conformance.Recorded | None) -> dict[str, Any]:
    explain = None
    if job.explain is not None:
        explain = {
            "background": str(place.inputs / "background"),
            "sample": str(place.inputs / "sample"),
            "features": list(job.explain.features),
            "seeds": list(job.explain.seeds),
            "plan": job.explain.plan.to_json(),
        }
    tables = [
        {
            "name": table.name,
            "path": str(place.inputs / f"table-{number}"),
            "features": list(table.features),
            "output": f"scores-{number}",
        }
        for number, table in enumerate(job.tables)
    ]
    return {
        "kind": "score",
        "format": job.format,
        "model": str(place.inputs / "model"),
        "tables": tables,
        "conformance": [] if recorded is None else [recorded.task],
        "lifted": recorded is not None and recorded.lifts,
        "explain": explain,
        "fitness": None if job.fitness is None else asdict(job.fitness),
        "task": job.task,
        "positive_label": job.positive_label,
        "classes": list(job.classes),
        "favourable": job.favourable,
        "library_versions": dict(job.library_versions),
    }


def _explanation(
    wanted: ExplainInput | None, answer: dict[str, Any], digests: tuple[str, str, int]
) -> Explanation | None:
    """Check the child's explanation against what was asked, and put the digests in that the parent computed."""
    found = answer.get("explanation")
    if wanted is None or found is None:
        return None
    background, sample, rows = digests
    try:
        explanation = Explanation.from_json(found)
    except (ValueError, TypeError, KeyError) as error:
        raise SandboxError("sandbox-bad-output", "The explanation does not follow its contract.") from error
    if explanation.features != wanted.features or explanation.seeds != wanted.seeds or explanation.sample_rows > rows:
        raise SandboxError("sandbox-bad-output", "The explanation answers another question.")
    return replace(explanation, background_sha256=background, sample_sha256=sample)
