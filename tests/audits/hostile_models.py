"""Which models do the sandbox tests throw at it? Files that misbehave when loaded or when asked to score."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from audits.sandbox.ladder import RUNGS
from audits.sandbox.probe import ProbeReport, probe
from audits.sandbox.protocol import ExplainInput, Limits, ScoringJob, TableInput

FEATURES = ("income", "debt", "age")
REPORTS: dict[str, ProbeReport] = {rung.slug: probe(rung) for rung in RUNGS}
QUICK = Limits(wall_seconds=60.0)


class Call:
    """An object that, when unpickled, calls a function: the way every malicious pickle works."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.parts = (function, arguments)

    def __reduce__(self) -> tuple[Any, Any]:
        return self.parts


def on_load(source: str) -> bytes:
    """Return a pickle that runs ``source`` when loaded; the model it yields is what ``source`` calls ``model``."""
    code = f"[space := {{}}, exec({source!r}, space), space.get('model')][-1]"
    return pickle.dumps(Call(eval, code), protocol=4)


def on_scoring(body: str) -> bytes:
    """Return a pickle of a model whose predict_proba(X) runs ``body``, one statement a line."""
    lines = "\n".join(f"        {line}" for line in body.splitlines())
    return on_load(
        "import numpy as np, os, sys, time\n"
        "class Model:\n"
        "    classes_ = np.array([0, 1])\n"
        f"    def predict_proba(self, X):\n{lines}\n"
        "model = Model()\n"
    )


def a_table(path: Path, rows: int = 40, *, missing: float = 0.0) -> Path:
    """Write a Parquet table of ``rows`` rows with the features and one column the model must not need."""
    rng = np.random.default_rng(rows)
    frame = pd.DataFrame({name: rng.normal(size=rows) for name in FEATURES})
    frame = frame.mask(rng.random(frame.shape) < missing)
    frame["defaulted"] = (frame["income"].fillna(0) > frame["debt"].fillna(0)).astype(int)
    frame.to_parquet(path)
    return path


def a_job(
    folder: Path, model: bytes, *, kind: str = "joblib", limits: Limits = QUICK, rows: int = 40, **more: Any
) -> ScoringJob:
    """Return a job for the model in the bytes ``model``, with one table called "evaluation"."""
    path = folder / "model.bin"
    path.write_bytes(model)
    table = TableInput("evaluation", a_table(folder / "evaluation.parquet", rows), FEATURES)
    digest = hashlib.sha256(model).hexdigest()
    return ScoringJob(kind, path, digest, (table,), limits=limits, **more)


def an_explanation_of(folder: Path, *, missing: float = 0.0) -> ExplainInput:
    """Return a background of 150 rows and a sample of 60."""
    background = a_table(folder / "background.parquet", 150, missing=missing)
    return ExplainInput(background, a_table(folder / "sample.parquet", 60, missing=missing), FEATURES)
