"""May a run use the histograms of its reference table that a run before it stored? Only if nothing is in doubt."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from audits.runs.manifest import surroundings
from audits.tables.contract import EvaluationTable
from audits.tables.histograms import RULE, Histograms
from audits.tables.sides import STORED, asked_of
from registry.digests import canonical_json, digest_of
from registry.errors import DomainError
from registry.storage import artifacts

log = logging.getLogger("cadastre.runs")

KEPT = "reference_histograms"
"""The name of the file and of the fact of a step that tell of them."""
MOST_KEPT = 64 * 2**20
"""Histograms of so many bytes at most are kept: of very wide tables they would outweigh the table."""


def ground_of(plan: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return all that the histograms of the features in the training table depend on; None where that is not certain.

    Of a table that stays where it is only a summary is known, which is no proof that its rows are the same.
    """
    described = plan["datasets"].get("training")
    features = plan["datasets"]["evaluation"]["roles"].get("features") or []
    if not described or described.get("source") or not described.get("sha256") or not features:
        return None
    around = surroundings(plan["seed"])
    return {
        "table": described["sha256"],
        "format": described["format"],
        "dialect": described.get("dialect"),
        "read": "as it is" if plan["artifact"] is None else "beside its scores",
        "columns": list(features),
        "rule": RULE,
        **{name: around[name] for name in ("python", "libraries", "code")},
    }


def take(table: EvaluationTable, ground: Mapping[str, Any], sha256: str) -> dict[str, Any]:
    """Give ``table`` the histograms stored under ``sha256``, if they are of it; return what the manifest says of that.

    Refused are bytes that are not what their digest says, and histograms of another ground, table, number of rows or
    columns; the table is then counted again.
    """
    try:
        kept = json.loads(artifacts().read(sha256))
        found = Histograms.from_json(kept["histograms"])
        if digest_of(kept["ground"]) != digest_of(ground):
            raise DomainError("histograms-of-another-ground", "The stored histograms were made of something else.")
        if (found.table_digest, found.rows, set(found.columns)) != (table.digest, table.rows, set(ground["columns"])):
            raise DomainError("histograms-of-another-table", "The stored histograms are of another table.")
    except (DomainError, ValueError, KeyError, TypeError) as error:
        code = error.code if isinstance(error, DomainError) else "unreadable-histograms"
        log.error("The stored histograms sha256:%s are not used: %s.", sha256, code)
        return {"from": "table", "refused": {"sha256": sha256, "why": code}}
    table.answers[STORED] = found
    return {"from": "evidence", "sha256": sha256}


def written(table: EvaluationTable, ground: Mapping[str, Any], path: Path) -> bool:
    """Write the histograms that the checks asked of the reference, if they are of all features and not too large."""
    found = asked_of(table, tuple(ground["columns"]))
    if found is None or found.nbytes > MOST_KEPT:
        return False
    path.write_bytes(canonical_json({"ground": dict(ground), "histograms": found.as_json()}))
    return True
