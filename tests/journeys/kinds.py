"""How does a version of any kind come to be measured in a test? Registered over the actions, its run done by the steps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from audits.checks.contract import CHECKS
from audits.models import CheckResult, ValidationRun
from audits.runs.execute import execute
from tests import builders
from tests.audits import model_files
from tests.cast import Cast

if TYPE_CHECKING:
    from registry.models import Environment, Model, ModelVersion

FEATURES = ("income", "debt", "age")
CLASSES = ("high", "low", "middle")
OUTCOME = {"binary": "repaid", "multiclass": "grade", "regression": "amount"}
REASONS = {"income": "Income is low", "debt": "Debts are high"}
DIRECTIONS = {"income": "increasing"}


@cache
def applications(rows: int, seed: int) -> pd.DataFrame:
    """Draw applications with an outcome for each task; a high outcome is the good one, 1 is repaid."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({name: rng.normal(size=rows).astype(np.float32).astype(np.float64) for name in FEATURES})
    total = frame.income - frame.debt + rng.normal(scale=0.6, size=rows)
    frame["repaid"] = (total > 0).astype(int)
    frame["grade"] = np.select([total > 0.8, total < -0.8], ["high", "low"], "middle")
    frame["amount"] = np.round(1_000 + 100 * total, 2)
    frame["sex"] = rng.choice(["f", "m"], rows)
    frame["region"] = rng.choice(["north", "south", "west"], rows, p=[0.5, 0.4, 0.1])
    frame["day"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(rows) % 200, unit="D")
    return frame


def training() -> pd.DataFrame:
    """Return the rows that models are trained on."""
    return applications(320, 1)


def evaluation() -> pd.DataFrame:
    """Return the rows that models are measured on."""
    return applications(260, 2)


@cache
def a_model_file(format: str, task: str, *, seed: int = 1) -> bytes:
    """Return a model of ``format`` for ``task``, trained on the training rows or on others."""
    rows = applications(320, seed)
    made: model_files.ModelFile = getattr(model_files, f"_{format}")(task, rows[list(FEATURES)], rows[OUTCOME[task]])
    return made.data


def requirements_on(*checks: str) -> dict[str, dict[str, Any]]:
    """Return a requirement on each named check, by its name."""
    return {
        slug: {"check": slug, "op": ">=" if CHECKS.get(slug).better == "higher" else "<=", "limit": 0.5}
        for slug in checks
    }


def a_policy_text(requirements: Mapping[str, Mapping[str, Any]], *, environment: str) -> str:
    """Return a policy as text, JSON being YAML, with advisory requirements by their keys."""
    return json.dumps(
        {
            "slug": f"kinds-{environment}",
            "title": f"Models of every kind in {environment}",
            "edition": "1",
            "effective_from": "2020-01-01",
            "applies_to": {"tiers": [1, 2, 3], "environments": [environment]},
            "requirements": [
                {"severity": "advisory", "clause": "test", "mend": "Look."} | dict(line) | {"key": key}
                for key, line in requirements.items()
            ],
            "approvals": {"quorum": 2, "roles": ["risk_manager", "approver"], "valid_days": 90},
            "evidence": {"max_age_days": 90},
            "lineage": {"training_required": True, "evaluation_required": True},
            "artifact_formats": ["skops", "onnx", "lightgbm", "xgboost", "catboost"],
        }
    )


class Register:
    """A register with one model of one task, the tables it is trained and measured on, and places to put it."""

    def __init__(self, cast: Cast, task: str, *, said: Mapping[str, Any] | None = None, source: str = "") -> None:
        self.cast, self.task, self.source = cast, task, source
        self.model: Model = builders.a_model(cast)
        builders.a_tier(cast, self.model)
        self.roles = {
            "target": OUTCOME[task], "features": list(FEATURES), "sensitive": ["sex", "region"], "time": "day",
        } | dict(said or {})  # fmt: skip

    def admit_table(self, split: str, frame: pd.DataFrame) -> None:
        """Have a table read: uploaded as Parquet, or where it lies in the register's source."""
        from governance.actions.datasets import admit_dataset_version

        place: dict[str, str] = {"source": self.source, "locator": f"{split}.parquet"}
        if not self.source:
            place = {"artifact_sha256": builders.an_artifact(self.cast, frame.to_parquet(index=False)).sha256}
        admit_dataset_version(
            builders.a_dataset(self.cast), version=split, format="parquet", roles=self.roles, split=split,
            actor=self.cast.ci_bot, task=self.task, **place,
        )  # fmt: skip

    def admit(
        self, data: bytes, format: str, *, version: str = "1.0", libraries: Mapping[str, str] | None = None, **said: Any
    ) -> tuple[ModelVersion, ValidationRun | None]:
        """Enter a version with what is ``said`` of its scoring; without a format it has a card alone."""
        from governance.actions.versions import admit_version
        from registry.actions.versions import Origin

        scoring = said if self.task == "binary" else {"task": self.task, **said}
        made, run, created = admit_version(
            self.model,
            version=version,
            artifacts=[
                {
                    "sha256": builders.an_artifact(self.cast, data).sha256,
                    "role": "model" if format else "card",
                    "format": format,
                }
            ],
            datasets=[{"dataset": "loans", "version": role, "role": role} for role in ("training", "evaluation")],
            scoring=scoring,
            origin=Origin(change_summary=f"Version {version}.", seed=1, library_versions=dict(libraries or {})),
            actor=self.cast.ci_bot,
        )
        assert created
        return made, run

    def place(self, requirements: Mapping[str, Mapping[str, Any]], slug: str = "production") -> Environment:
        """Name a gated place with limits, and publish the policy in force there."""
        from registry.actions.deployments import set_environment_limits

        place = builders.an_environment(self.cast, slug)
        limits = {
            "artifact_bytes": 10_000_000,
            "load_seconds": 60,
            "peak_memory_bytes": 4_000_000_000,
            "latency_seconds": 5,
        }
        set_environment_limits(place, limits=limits, actor=self.cast.ravi)
        builders.a_policy(self.cast, text=a_policy_text(requirements, environment=slug))
        return place


def done(run: ValidationRun | None) -> ValidationRun:
    """Do the steps of a run in this process and return it as it is stored."""
    assert run is not None
    execute(str(run.pk), worker="test")
    return ValidationRun.objects.get(pk=run.pk)


def answers(run: ValidationRun) -> dict[str, CheckResult]:
    """Return the results of a run that measured, by their keys."""
    assert run.state == ValidationRun.State.CONCLUDED, run.failure
    return {result.requirement_key: result for result in run.results.all()}
