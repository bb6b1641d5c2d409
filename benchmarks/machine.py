"""On which machine, under which load and with which versions was it measured?"""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.environments import ROOT

SHOWN = (
    "scikit-learn",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "duckdb",
    "shap",
    "lightgbm",
    "xgboost-cpu",
    "fairlearn",
    "aequitas",
    "evidently",
    "deepchecks",
    "responsibleai",
    "giskard",
)


def described() -> dict[str, Any]:
    """Return what the reader of a figure must know of the machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory),
        "kernel": f"{platform.system()} {platform.release().partition('-')[0]}",
        "python": platform.python_version(),
        "revision": _revision(),
    }


def load() -> float:
    """Return the load average of the last minute."""
    return round(os.getloadavg()[0], 2)


def versions(installed: Mapping[str, str]) -> dict[str, str]:
    """Return the versions that matter out of an environment's."""
    return {name: installed[name] for name in SHOWN if name in installed}


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _revision() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"
