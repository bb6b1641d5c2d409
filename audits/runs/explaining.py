"""Why does the model say so? The steps that explain a chunk of the sample, and the whole of their parts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audits.explanations.chunks import joined
from audits.explanations.contract import Explanation
from audits.explanations.plan import ExplainPlan, asked_for
from audits.explanations.records import MAX_FEATURES
from audits.runs.drawn import rows_of_plan
from audits.runs.guard import Product, Say
from audits.runs.scoring import features_of, roles_of, scoring_job
from audits.sandbox.launch import score
from audits.sandbox.protocol import ExplainInput, SandboxError
from registry.digests import canonical_json, digest_of
from registry.storage import artifacts

if TYPE_CHECKING:
    import pyarrow as pa

PART = "part"
OUT_OF_BOUNDS = frozenset(
    {"sandbox-timeout", "sandbox-cpu-exceeded", "sandbox-memory-exceeded", "sandbox-output-exceeded"}
)
"""What an explanation may run into without taking the numbers of a model that was scored within its bounds along."""


def explain_chunk(
    plan: Mapping[str, Any], scope: Mapping[str, int], scored: Mapping[str, Any], folder: Path, say: Say
) -> Product:
    """Explain one chunk ("chunk" "of") of the sample in the sandbox; where that cannot be done, the note says why."""
    import numpy as np
    import pyarrow.parquet as pq

    given = rows_of_plan(plan, roles_of(plan), scored=scored)
    frames = {role: one.frame for role, one in given.items()}
    features = features_of(plan, frames)
    if len(features) > MAX_FEATURES:
        why = f"An explanation is of at most {MAX_FEATURES:,} features; the model has {len(features):,}."
        return _unexplained(scope["chunk"], why)
    asked, seed = plan["explanation"], plan["seed"]
    background = _drawn(frames.get("training", frames["evaluation"]).select(list(features)), asked["background"], seed)
    sample = _drawn(frames["evaluation"].select(list(features)), asked["rows"], seed + 1)
    chunk = scope["chunk"]
    rows = np.array_split(np.arange(sample.num_rows), scope["of"])[chunk]
    if not len(rows):
        return Product()
    pq.write_table(background, folder / "background.parquet")
    pq.write_table(sample.slice(int(rows[0]), len(rows)), folder / "sample.parquet")
    say(f"Explaining {len(rows)} of {sample.num_rows} rows in the sandbox")
    wanted = ExplainInput(
        folder / "background.parquet", folder / "sample.parquet", features, plan=_wanted(plan, first=chunk == 0)
    )
    try:
        outcome = score(scoring_job(plan, plan["artifact"], plan["scoring"], (), explain=wanted))
    except SandboxError as error:
        if error.code not in OUT_OF_BOUNDS:
            raise
        return _unexplained(chunk, error.message)
    if outcome.explanation is None:
        return _unexplained(chunk, outcome.explanation_error or "The model was not explained.")
    path = folder / "part.json"
    path.write_bytes(canonical_json(outcome.explanation.to_json()))
    known = given.get("training", given["evaluation"])
    explained = {
        "rows": sample.num_rows,
        "of": given["evaluation"].of,
        "background_rows": background.num_rows,
        "background_of": known.of,
    }
    return Product({"explained": explained}, files={PART: path})


def _unexplained(chunk: int, why: str) -> Product:
    return Product({"notes": {f"explanation of chunk {chunk + 1}": why}})


def _wanted(plan: Mapping[str, Any], *, first: bool) -> ExplainPlan:
    """Return what the plan's checks need of the explanation, and what was kept of the version in place."""
    kept = (plan["baseline"] or {}).get("explanation_sha256")
    return asked_for(
        [line["check"] for line in plan["requirements"]],
        threshold=plan["scoring"].get("threshold"),
        declared=plan["declared"],
        sensitive=plan["datasets"]["evaluation"]["roles"].get("sensitive") or (),
        previous=read_explanation(kept) if kept and first else None,
        budget_seconds=plan["explanation"].get("budget_seconds", 60.0),
        first=first,
    )


def explanation_of(parts: Iterable[str]) -> Explanation | None:
    """Return the explanation of the whole sample from the stored parts, re-hashed on reading; None without any."""
    found = [read_explanation(sha256) for sha256 in parts]
    if not found:
        return None
    return replace(joined(found), sample_sha256=found[0].sample_sha256 if len(found) == 1 else _digest_of(found))


def _digest_of(parts: list[Explanation]) -> str:
    """Return what identifies a sample that was explained in chunks: the digest over those of the chunks, in order."""
    return digest_of([part.sample_sha256 for part in parts])


def read_explanation(sha256: str) -> Explanation:
    """Return a stored explanation; raises DomainError when its bytes do not stand."""
    return Explanation.from_json(json.loads(artifacts().read(sha256)))


def _drawn(frame: pa.Table, rows: int, seed: int) -> pa.Table:
    import numpy as np

    if frame.num_rows <= rows:
        return frame
    chosen = np.sort(np.random.default_rng(seed).choice(frame.num_rows, size=rows, replace=False))
    return frame.take(chosen)
