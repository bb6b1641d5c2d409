"""How is a validation run carried out? Step by step, each taken under a lease, done in a guarded child, stored once."""

from __future__ import annotations

import importlib
import logging
import shutil
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError

from audits.actions.conclusion import JudgedRequirement
from audits.actions.evidence import store_evidence
from audits.actions.histograms import keep_histograms, kept_under
from audits.actions.steps import Lease, claim, fail, finish, give_back, heartbeat
from audits.models import Evidence, RunStep, ValidationRun
from audits.runs import histograms, steps
from audits.runs.guard import LIMITS, Bounds, Died, Product, Say, exceeded, guarded
from audits.runs.manifest import surroundings
from audits.tables.slots import compile_for
from registry.digests import digest_of
from registry.errors import DomainError
from registry.ledger.context import ActContext, acting
from registry.models import DatasetVersion

log = logging.getLogger("cadastre.runs")

LOADED_ONCE = (
    "audits.runs.scoring", "audits.runs.explaining", "audits.runs.measuring",
    "audits.statistics.auc", "audits.statistics.calibration", "audits.statistics.intervals",
    "numpy", "pandas", "pyarrow.parquet", "pyarrow.compute", "scipy.stats", "jsonschema", "duckdb",
    "ibis.backends.duckdb.converter", "ibis.expr.types.groupby", "ibis.formats.numpy", "ibis.formats.pandas",
    "ibis.formats.pyarrow",
)  # fmt: skip
JSON, ARRAY = "application/json", "application/x-npy"
MEASURED_KINDS = {"explanation": Evidence.Kind.EXPLANATION, histograms.KEPT: Evidence.Kind.HISTOGRAMS}


def execute(run_id: str, *, worker: str) -> ValidationRun | None:
    """Do the steps of a run that are free, one after another, until none is. Returns the run if that was its end.

    Any number of workers may do this for one run at once. Every end of a step but a lost lease and a dead child is a
    recorded result: a table or model that is refused ends the run in error with the refusal's code, a limit with the
    limit's, a failure of our own with ``internal-error``.
    """
    ended: ValidationRun | None = None
    with acting(ActContext(request_id=f"run-{run_id}", authentication="task")):
        while ended is None and (lease := claim(run_id, worker=worker)) is not None:
            try:
                ended = _carry_out(lease)
            except DomainError as error:
                if error.code != "lease-lost":
                    raise
                log.warning("Step %s of run %s was taken over from %s.", lease.key, run_id, worker)
    return ended


def _carry_out(lease: Lease) -> ValidationRun | None:
    """Do one step and store what came of it; returns the run when it is over."""
    if lease.seconds_left <= 0:
        return fail(lease, error=exceeded("run-time-exceeded"), mend=LIMITS["run-time-exceeded"][1])
    settings.SCRATCH_DIR.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=settings.SCRATCH_DIR))
    try:
        product = _done(lease, folder)
        facts, results = _kept(lease, product)
    except Died as end:
        log.warning("Step %s of run %s %s.", lease.key, lease.run_id, end)
        give_back(lease, ending=str(end))
        return None
    except DomainError as error:
        if error.code == "lease-lost":
            raise
        return fail(lease, error=error, mend=LIMITS.get(error.code, ("", ""))[1])
    except Exception as error:
        log.exception("Step %s of run %s failed.", lease.key, lease.run_id)
        return fail(lease, error=DomainError("internal-error", f"The run failed with {type(error).__name__}."))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return finish(lease, facts=facts, results=results)


def _done(lease: Lease, folder: Path) -> Product:
    """Do the step in a child that has what it needs, and renew the lease while it lasts."""
    load()
    run = ValidationRun.objects.get(pk=lease.run_id)
    step = RunStep.objects.get(pk=lease.step_id)
    needed = {one.key: one.facts for one in run.steps.filter(key__in=step.needs).order_by("position")}
    plan = steps.complete(run.plan)
    kept: str | None = None
    if lease.kind == "measure":
        _compile(plan, lease)
        if run.reperforms_id is None:  # a re-performance counts for itself
            ground = histograms.ground_of(plan)
            kept = kept_under(digest_of(ground)) if ground is not None else None

    def beat(message: str | None) -> None:
        try:
            heartbeat(lease, message=message)
        except DatabaseError as error:
            log.warning("The lease of step %s of run %s could not be renewed: %s", lease.key, lease.run_id, error)

    memory = settings.RUN_MEMORY_BYTES
    if lease.kind != "measure":
        memory = max(memory, settings.SANDBOX_MEMORY_BYTES)
    return guarded(
        lambda folder, say: _work(plan, lease, needed, folder, say, kept=kept),
        folder=folder,
        bounds=Bounds(lease.seconds_left, memory),
        beat=beat,
        every=settings.RUN_LEASE_SECONDS / 3,
    )


def _compile(plan: Mapping[str, Any], lease: Lease) -> None:
    """Compile here, once, what each child that counts a large table would compile for itself."""
    asked = set(lease.scope.get("requirements", ()))
    if any(line["key"] in asked and line["check"].startswith("drift.") for line in plan["requirements"]):
        described = plan["datasets"]["evaluation"]
        rows = DatasetVersion.objects.filter(digest=described["digest"]).values_list("row_count", flat=True).first()
        compile_for((rows or 0) * len(described["roles"].get("features") or ()))


def _work(
    plan: Mapping[str, Any],
    lease: Lease,
    needed: Mapping[str, Mapping[str, Any]],
    folder: Path,
    say: Say,
    *,
    kept: str | None,
) -> Product:
    """Do what the kind of a step asks; this runs in the child."""
    from audits.runs import explaining, measuring, scoring

    scored = needed.get(steps.SCORES, {})
    if lease.kind == "explain":
        return explaining.explain_chunk(plan, lease.scope, scored, folder, say)
    if lease.kind == "measure":
        return measuring.measure_batch(plan, lease.scope["requirements"], needed, folder, say, kept=kept)
    if lease.key == steps.BASELINE:
        return scoring.score_baseline(plan, scored, folder, say)
    if lease.key == steps.PERTURBED:
        return scoring.score_perturbed(plan, lease.scope["perturbations"], scored, folder, say)
    return scoring.score_tables(plan, folder, say)


def _kept(lease: Lease, product: Product) -> tuple[dict[str, Any], list[JudgedRequirement]]:
    """Store the files of a step as evidence; return its facts and results with the digests in them."""
    digests = {name: _stored(lease, name, path) for name, path in product.files.items()}
    run = ValidationRun.objects.only("plan").get(pk=lease.run_id)
    facts = product.facts | surroundings(run.plan["seed"])
    if lease.kind == "measure":
        if "explanation" in digests:
            facts["explanation_sha256"] = digests["explanation"]
        if histograms.KEPT in digests:
            facts[histograms.KEPT] |= {"sha256": digests[histograms.KEPT]}
            _keep(run, digests[histograms.KEPT])
    elif digests:
        facts["files"] = digests
    results = [
        JudgedRequirement(
            **{name: value for name, value in one.items() if name != "evidence"},
            evidence_sha256=digests[one["evidence"]],
        )
        for one in product.results
    ]
    return facts, results


def _keep(run: ValidationRun, sha256: str) -> None:
    """Let later runs find the histograms of the reference table that this one stored."""
    ground = histograms.ground_of(steps.complete(run.plan))
    if ground is not None:
        keep_histograms(Evidence.objects.get(pk=sha256), ground=digest_of(ground))


def _stored(lease: Lease, name: str, path: Path) -> str:
    kind, media = {
        "score": (Evidence.Kind.SCORES, ARRAY),
        "explain": (Evidence.Kind.EXPLANATION_PART, JSON),
        "measure": (MEASURED_KINDS.get(name, Evidence.Kind.MEASUREMENT), JSON),
    }[lease.kind]
    return store_evidence(path.read_bytes(), kind=kind, media_type=media).sha256


@lru_cache(maxsize=1)
def load() -> None:
    """Load once, in the worker, what every child would otherwise load again; nothing of it is used there."""
    from audits.checks.contract import CHECKS

    for name in LOADED_ONCE:
        importlib.import_module(name)
    list(CHECKS)
