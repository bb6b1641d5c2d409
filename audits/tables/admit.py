"""What is found out about any table before it may be measured: how many rows, what identifies it, what is wrong with it?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from audits.tables.asking import summary
from audits.tables.contract import (
    ColumnRoles,
    EvaluationTable,
    Task,
    Unopened,
    refuse_bad_threshold,
    refuse_missing_roles,
)
from audits.tables.faults import value_faults
from audits.tables.scan import ParquetScan
from registry.digests import digest_of
from registry.errors import DomainError

REQUIRED: dict[Task, tuple[str, ...]] = {
    "binary": ("target", "score"),
    "multiclass": ("target",),
    "regression": ("target", "prediction"),
}


@dataclass(frozen=True)
class Use:
    """What a table is opened for: roles, threshold, task and favourable class, and whether its values are checked."""

    roles: ColumnRoles
    threshold: float | None = None
    task: Task = "binary"
    favourable: str | None = None
    required: tuple[str, ...] | None = None
    check_values: bool = True

    def refuse(self) -> None:
        """Raise DomainError ``missing-column-role`` or ``threshold-outside-0-1`` before anything is opened."""
        refuse_missing_roles(self.roles, required_roles(self.task, self.required))
        refuse_bad_threshold(self.threshold)


def use_of(
    *,
    roles: ColumnRoles,
    threshold: float | None,
    task: Task,
    favourable: str | None,
    required: Iterable[str] | None,
    check_values: bool,
) -> Use:
    """Return what a table is opened for, once it is known to make sense."""
    use = Use(roles, threshold, task, favourable, None if required is None else tuple(required), check_values)
    use.refuse()
    return use


def required_roles(task: Task, required: Iterable[str] | None) -> tuple[str, ...]:
    """Return the roles that must be played: those asked for, or what any measurement of the task begins with."""
    return REQUIRED[task] if required is None else tuple(required)


def admitted(
    expression: Any, use: Use, *, engine: str, digest: str | None, scan: ParquetScan | None = None
) -> EvaluationTable:
    """Count, identify and check an expression whose columns are known to be there.

    Without ``digest`` the table is identified by its row count and a summary of each column in a role. ``scan`` reads
    the same file in passing.
    """
    facts = summary(expression, use.roles.columns(), per_column=digest is None)
    kind = "bytes" if digest is not None else "summary"
    held = expression if scan is None else Unopened(lambda: expression, scan)
    return _checked(held, use, facts["rows"], engine=engine, digest=digest or digest_of(facts), kind=kind)


def admitted_unopened(unopened: Unopened, scan: ParquetScan, use: Use, *, digest: str) -> EvaluationTable:
    """Admit a Parquet file that is read in passing; its engine stays shut until a check asks it."""
    return _checked(unopened, use, scan.rows(), engine="duckdb", digest=digest, kind="bytes")


def _checked(held: Any, use: Use, rows: int, *, engine: str, digest: str, kind: str) -> EvaluationTable:
    if rows == 0:
        raise DomainError("empty-table", "The table has no rows.")
    found = EvaluationTable(held, use.roles, use.threshold, digest, rows, engine, kind, use.task, use.favourable)
    if use.check_values:
        refuse_bad_values(found)
    return found


def refuse_bad_values(table: EvaluationTable) -> None:
    """Raise DomainError unless outcomes, scores, predictions and weights are what the table's task asks of them.

    Codes: ``label-not-a-number``, ``label-missing``, ``label-outside-0-1``, ``label-not-finite``, ``one-class-target``,
    ``too-many-classes``, ``class-scores-not-one``, ``score-not-a-number``, ``score-outside-0-1``,
    ``prediction-missing``, ``prediction-outside-0-1``, ``prediction-not-finite``, ``weight-not-positive``. One scan of
    the table.
    """
    for fault in value_faults(table):
        raise DomainError(fault.code, fault.message, **fault.context)
