"""One validation report of a tabular classifier by the product's own functions, from two Parquet files to a PDF.

Scores, exact explanations of 1,000 rows, the checks below with their intervals, judged, stored as evidence, concluded as
a run in the register, and the dossier built from it. The model is called in this process, which is warm, as the peers
are: a run in the service adds the start of its sandbox.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.sides.peer_reports import TARGET, boosted

EXPLAINED_ROWS = 1_000
BACKGROUND_ROWS = 100
VARIANT = "path-dependent"
"""The values that peers' tree explainers give too; the interventional ones are exact as well and cost about twice as much."""
MODEL = "model.joblib"
RATES = ("selection_rate", "true_positive_rate", "false_positive_rate", "accuracy", "positive_predictive_value")
ASKED: tuple[tuple[str, str, float, dict[str, Any]], ...] = (
    ("performance.roc_auc", ">=", 0.7, {}),
    ("performance.log_loss", "<=", 0.7, {}),
    ("calibration.brier_score", "<=", 0.25, {}),
    ("calibration.expected_calibration_error", "<=", 0.2, {}),
    *((f"fairness.{rate}_difference", "<=", 0.9, {"intersections": True}) for rate in RATES),
    ("fairness.selection_rate_ratio", ">=", 0.5, {"intersections": True}),
    ("fairness.equalized_odds_difference", "<=", 0.9, {"intersections": True}),
    ("explainability.shap_importance", "<=", 1.0, {}),
    ("drift.psi_score", "<=", 0.25, {}),
    ("drift.psi_features", "<=", 0.25, {}),
)


def report(path: str) -> Callable[[], dict[str, Any]]:
    """Set up a register with one model version in a folder of its own; return what makes one report of it."""
    var = tempfile.mkdtemp(prefix="cadastre-bench-")
    atexit.register(shutil.rmtree, var, ignore_errors=True)
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "governance.settings",
        "CADASTRE_VAR": var,
        "CADASTRE_BROKER_URL": "memory://",
        "CADASTRE_LOG_LEVEL": "ERROR",
    }
    subprocess.run([sys.executable, "-c", f"from {__name__} import prepare; prepare({path!r}, {var!r})"], check=True)
    import django

    django.setup()
    import joblib
    import pyarrow.parquet as pq

    files = {name: Path(var) / f"{name}.parquet" for name in ("training", "evaluation")}
    return _repeating(joblib.load(Path(var) / MODEL), files, pq.read_schema(files["training"]).names)


def prepare(path: str, var: str) -> None:
    """Make the register, both tables and the model, in a process of its own: what that takes is no memory of a report."""
    import django

    django.setup()
    import joblib
    import pyarrow.parquet as pq
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    whole = pq.read_table(path)
    middle = whole.num_rows // 2
    pq.write_table(whole[:middle], Path(var) / "training.parquet")
    pq.write_table(whole[middle:], Path(var) / "evaluation.parquet")
    features = [name for name in whole.column_names if name != TARGET]
    joblib.dump(boosted(whole[:middle].to_pandas(), features), Path(var) / MODEL)


def _repeating(model: Any, files: dict[str, Path], columns: list[str]) -> Callable[[], dict[str, Any]]:
    from audits.actions.dossiers import build_dossier, request_dossier
    from audits.actions.evidence import read_evidence, store_json
    from audits.actions.steps import claim, finish
    from audits.actions.validation import start_validation
    from audits.models import Evidence
    from governance.celery import load_what_measures

    version, actor, plan = _registered(files)

    def once() -> dict[str, Any]:
        run = start_validation(version, plan=plan, reason="promotion", actor=actor)
        with _subject(model, files, columns) as subject:
            found = subject.explanation
            told: dict[str, str] = {}
            while lease := claim(str(run.pk), worker="bench"):
                if lease.kind != "measure":
                    finish(lease)
                    continue
                results = [_judged(line, subject) for line in _asked(plan, lease.scope["requirements"])]
                finish(lease, results=results)
                told |= {result.requirement["key"]: result.status for result in results}
        store_json(found.to_json(), kind=Evidence.Kind.EXPLANATION)
        dossier, _ = request_dossier(version, actor=actor)
        issued = build_dossier(str(dossier.pk))
        run.refresh_from_db()
        bad = {key: status for key, status in told.items() if status in ("error", "insufficient")}
        if bad or not issued.pdf_sha256 or found.sample_rows != EXPLAINED_ROWS or len(told) != len(ASKED):
            raise RuntimeError(f"the report is not complete: {bad} {run.failure} {issued.failure}")
        pdf = read_evidence(issued.pdf_sha256)
        return {
            "results": len(told),
            "pdf_bytes": len(pdf),
            "explained_rows": found.sample_rows,
            "route": found.route,
            "variant": found.variant,
            "residual": found.additivity_residual_max,
        }

    once()
    load_what_measures()  # as a worker does before its first task
    return once


@contextmanager
def _subject(model: Any, files: dict[str, Path], columns: list[str]) -> Iterator[Any]:
    """Read and score both tables, explain the sample, and yield what the checks look at."""
    import pyarrow.parquet as pq

    from audits.checks.contract import CheckSubject
    from audits.explanations.plan import ExplainPlan
    from audits.explanations.routes import explain
    from audits.tables.contract import ColumnRoles
    from audits.tables.open import with_scores

    features = [name for name in columns if name != TARGET]
    roles = ColumnRoles(target=TARGET, score="score", sensitive=("sex", "race"), features=tuple(features))
    tables, rows = {}, {}
    for name, path in files.items():
        frame = pq.read_table(path)
        rows[name] = frame.select(features).to_pandas()
        scores = model.predict_proba(rows[name])[:, 1]
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        tables[name] = with_scores(frame, scores, roles=roles, threshold=0.5, digest=digest)
    step = max(1, len(rows["evaluation"]) // EXPLAINED_ROWS)
    sample = rows["evaluation"][::step][:EXPLAINED_ROWS]
    background = rows["training"][:BACKGROUND_ROWS]
    try:
        yield CheckSubject(
            evaluation=tables["evaluation"],
            reference=tables["training"],
            explanation=explain(model, background, sample, column=1, plan=ExplainPlan(variant=VARIANT)),
            seed=1,
        )
    finally:
        for table in tables.values():
            table.close()


def _asked(plan: dict[str, Any], keys: list[str]) -> list[dict[str, Any]]:
    lines = {line["key"]: line for line in plan["requirements"]}
    return [lines[key] for key in keys]


def _judged(line: dict[str, Any], subject: Any) -> Any:
    """Measure and judge one line of policy and store the evidence, as a run does."""
    from audits.actions.conclusion import JudgedRequirement
    from audits.actions.evidence import store_json
    from audits.checks.requirement import measure
    from audits.models import Evidence
    from audits.runs.measuring import requirement_of

    outcome = measure(requirement_of(line), subject)
    evidence = store_json(outcome.as_json() | {"requirement": line}, kind=Evidence.Kind.MEASUREMENT)
    answer = outcome.judgement
    return JudgedRequirement(
        requirement=line,
        status=answer.status,
        observed=answer.observed,
        required=answer.required,
        reason=answer.reason,
        mend=answer.mend,
        evidence_sha256=evidence.sha256,
    )


def _registered(files: dict[str, Path]) -> tuple[Any, Any, dict[str, Any]]:
    """Register people, a model and a version; return the version, who asks, and the plan of a run."""
    from registry.actions.artifacts import store_artifact
    from registry.actions.inventory import register_model
    from registry.actions.people import grant_role, register_person, set_up_first_person
    from registry.actions.versions import ArtifactRef, Origin, register_version
    from registry.models import Role

    adam = set_up_first_person(username="adam", display_name="Adam")
    ada = register_person(username="ada", display_name="Ada", actor=adam)
    grant_role(ada, Role.DEVELOPER, actor=adam)
    data = b"the model of the benchmark is called in its own process"
    artifact, _ = store_artifact(hashlib.sha256(data).hexdigest(), [data], actor=ada)
    model, _ = register_model(slug="applicants", name="Applicants", intended_use="A benchmark.", actor=ada)
    version, _ = register_version(
        model,
        version="1.0",
        artifacts=[ArtifactRef(artifact=artifact, role="model", format="skops")],
        datasets=[],
        scoring={"threshold": 0.5, "positive_label": 1},
        origin=Origin(change_summary="The benchmark's version."),
        actor=ada,
    )
    return version, ada, {"requirements": lines(ASKED), "datasets": {}, "artifact": None, "scoring": {}, "seed": 1}


def lines(asked: tuple[tuple[str, str, float, dict[str, Any]], ...]) -> list[dict[str, Any]]:
    """Return the lines of policy that ask for these checks."""
    return [
        {
            "key": slug.replace(".", "-").replace("_", "-"),
            "check": slug,
            "op": op,
            "limit": limit,
            "params": params,
            "severity": "advisory",
            "clause": "benchmark",
            "mend": "",
        }
        for slug, op, limit, params in asked
    ]
