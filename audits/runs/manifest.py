"""On what did a step run? The code that measured, the libraries, and the limits, for whoever re-performs it."""

from __future__ import annotations

import platform
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, entry_points, version
from pathlib import Path
from typing import Any

from django.conf import settings

from registry.digests import digest_of, sha256_hex

MEASURING = ("registry", "audits")
"""The packages whose source decides a number; what lies above them asks and shows."""
LIBRARIES = (
    "ibis-framework", "duckdb", "pyarrow", "numpy", "scipy", "pandas", "scikit-learn", "fairlearn", "shap",
)  # fmt: skip
PLUG_INS = "cadastre.checks"


def surroundings(seed: int) -> dict[str, Any]:
    """Return what of this machine's software a number may depend on, and the limits of the run."""
    return {
        "seed": seed,
        "python": platform.python_version(),
        "libraries": dict(_libraries()),
        "code": {"digest": code_digest(), "plug_ins": dict(_plug_ins())},
        "limits": {
            "wall_seconds": settings.RUN_WALL_SECONDS,
            "memory_bytes": settings.RUN_MEMORY_BYTES,
            "rows": settings.RUN_MAX_ROWS,
        },
    }


@lru_cache(maxsize=1)
def code_digest() -> str:
    """Return the digest over the names and bytes of every source file of the measuring packages, without migrations."""
    root = Path(settings.BASE_DIR)
    files = (path for package in MEASURING for path in (root / package).rglob("*.py") if "migrations" not in path.parts)
    return digest_of({path.relative_to(root).as_posix(): sha256_hex(path.read_bytes()) for path in files})


@lru_cache(maxsize=1)
def _libraries() -> dict[str, str]:
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@lru_cache(maxsize=1)
def _plug_ins() -> dict[str, str]:
    return {point.dist.name: point.dist.version for point in entry_points(group=PLUG_INS) if point.dist is not None}
