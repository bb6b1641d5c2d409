"""The same thirty features by our aggregates, from a Parquet file against a histogram stored before."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


def stored_reference(reference: str, current: str, features: int) -> Callable[[], dict[str, Any]]:
    """Store the reference's histograms as JSON; then read the current file once and work out PSI, KS and Wasserstein."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")
    from audits.statistics.drift import psi
    from audits.statistics.histograms import cut, kolmogorov_smirnov, wasserstein
    from audits.tables.contract import ColumnRoles
    from audits.tables.histograms import Histograms, current_histograms, reference_histograms
    from audits.tables.open import open_file

    names = tuple(f"x{at:02}" for at in range(features))
    roles = ColumnRoles(features=names)

    def opened(path: str) -> Any:
        # as a run does with bytes that were verified, and with no outcome or score to be refused
        return open_file(Path(path), format="parquet", roles=roles, required=(), digest="0" * 64)

    before = opened(reference)
    stored = json.dumps(reference_histograms(before, names).as_json())
    before.close()

    def measure() -> dict[str, Any]:
        kept = Histograms.from_json(json.loads(stored))
        table = opened(current)
        try:
            now = current_histograms(table, kept)
        finally:
            table.close()
        errors = []
        for name in names:
            left, right = kept.columns[name], now.columns[name]
            parts = cut(left, right, bins=10)
            ks, distance = kolmogorov_smirnov(left, right), wasserstein(left, right)
            errors.append((psi(parts.reference, parts.current).value, ks.error, distance.error))
        return {"largest_ks_error": max(error for _, error, _ in errors), "features": len(errors)}

    measure()
    return measure
