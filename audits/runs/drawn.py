"""Which rows does the sandbox see? All of a file that was uploaded; of a table that stays, a sample drawn in its engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audits.runs.tables import frame_of, stays, table_as_it_is
from audits.tables.samples import draw
from registry.errors import DomainError

if TYPE_CHECKING:
    import pyarrow as pa

Plan = Mapping[str, Any]

FACT = {"evaluation": "evaluation", "training": "reference"}
"""Under which name the manifest describes the table of each role."""
SALT = {"evaluation": 0, "training": 1}
ANSWERS = ("score", "prediction", "class_scores")


@dataclass(frozen=True)
class Rows:
    """Rows in memory. ``table`` describes the table that stays they were drawn from, and the draw under "sample"."""

    frame: pa.Table
    table: Mapping[str, Any] | None = None

    @property
    def of(self) -> int:
        """How many rows the whole table has."""
        return int(self.frame.num_rows if self.table is None else self.table["sample"]["of"])

    @property
    def sample(self) -> Mapping[str, Any] | None:
        """How the rows were drawn; None where they are all of an uploaded file."""
        return None if self.table is None else self.table["sample"]


def recorded(described: Mapping[str, Any]) -> bool:
    """Tell whether a table holds what the model said of its rows."""
    return any(described["roles"].get(role) for role in ANSWERS)


def rows_for(plan: Plan, role: str, *, scored: Mapping[str, Any] | None = None, check_values: bool = False) -> Rows:
    """Return the rows of a table that a model is to score: of a table that stays, a sample.

    Every step draws again, so that no row is kept; ``scored``, what the first step found out, says which rows they must
    be. Raises ``table-altered`` when they are others, ``run-too-many-rows``, ``key-not-unique``, else as ``open_dataset``.
    """
    described = plan["datasets"][role]
    if not stays(described):
        return Rows(frame_of(described))
    most = int(plan["sample"]["rows"])
    table = table_as_it_is(plan, role, check_values=check_values, required=())
    try:
        more = tuple((plan["baseline"] or {}).get("features", ())) if role == "evaluation" else ()
        sample = draw(table, rows=most, seed=plan["seed"] + SALT[role], more=more)
        facts = table.describe() | {"sample": sample.describe()}
    finally:
        table.close()
    if scored is not None and scored[FACT[role]]["sample"] != facts["sample"]:
        message = f"The rows of {described['dataset']} changed while the run was under way."
        raise DomainError("table-altered", message, dataset=described["dataset"])
    return Rows(sample.frame, facts)


def rows_of_plan(
    plan: Plan, roles: tuple[str, ...], *, scored: Mapping[str, Any] | None = None, check_values: bool = False
) -> dict[str, Rows]:
    """Return the rows of each of the plan's tables, as ``rows_for``."""
    return {role: rows_for(plan, role, scored=scored, check_values=check_values) for role in roles}
