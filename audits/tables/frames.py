"""How is a table that is in memory already opened, and what a model said of its rows put beside them?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from audits.tables.admit import admitted, required_roles, use_of
from audits.tables.asking import quiet
from audits.tables.contract import ColumnRoles, EvaluationTable, Task, refuse_bad_columns, refuse_missing_roles
from audits.tables.duck import NAME, engine
from registry.digests import sha256_hex
from registry.errors import DomainError


def open_frame(
    frame: Any,
    *,
    roles: ColumnRoles,
    threshold: float | None = None,
    task: Task = "binary",
    favourable: str | None = None,
    digest: str | None = None,
    required: Iterable[str] | None = None,
    check_values: bool = True,
) -> EvaluationTable:
    """Open a pandas DataFrame or a pyarrow Table that is in memory already; NaN in a DataFrame counts as missing.

    Without ``digest`` the digest is the SHA-256 of the table's Arrow stream. Raises as ``open_file`` does.
    """
    import pyarrow as pa

    use = use_of(
        roles=roles,
        threshold=threshold,
        task=task,
        favourable=favourable,
        required=required,
        check_values=check_values,
    )
    names = [str(name) for name in (frame.column_names if isinstance(frame, pa.Table) else frame.columns)]
    refuse_bad_columns(names, roles)
    arrow = frame if isinstance(frame, pa.Table) else pa.Table.from_pandas(frame, preserve_index=False)
    backend = engine(allowed=None, memory_limit="4GB", threads=1 if roles.weight else 2)
    try:
        backend.con.register("given", arrow)
        backend.con.execute(f"CREATE TABLE {NAME} AS FROM given")
        backend.con.unregister("given")
        with quiet():
            table = backend.table(NAME)
        return admitted(table, use, engine="duckdb", digest=digest or _arrow_digest(arrow))
    except BaseException:
        backend.disconnect()
        raise


def with_scores(
    frame: Any,
    scores: Any,
    *,
    roles: ColumnRoles,
    threshold: float | None = None,
    task: Task = "binary",
    favourable: str | None = None,
    digest: str | None = None,
    required: Iterable[str] | None = None,
) -> EvaluationTable:
    """Open a table after adding what a model said of its rows, in row order, under the names the roles give it.

    ``scores``: of a binary model one number a row, under ``roles.score``; of a multiclass one an array (rows, classes)
    whose columns are those of ``roles.class_scores``; of a regression one number a row, under ``roles.prediction``.
    Raises DomainError ``score-length-mismatch`` unless there is exactly one score per row and column, else as
    ``open_frame``.
    """
    import numpy as np
    import pyarrow as pa

    answers = {"binary": "score", "multiclass": "class_scores", "regression": "prediction"}
    refuse_missing_roles(roles, (*required_roles(task, required), answers[task]))
    arrow = frame if isinstance(frame, pa.Table) else pa.Table.from_pandas(frame, preserve_index=False)
    given = np.asarray(scores, dtype=np.float64)
    names = [column for _, column in roles.class_scores] if task == "multiclass" else [getattr(roles, answers[task])]
    if given.shape != ((arrow.num_rows, len(names)) if task == "multiclass" else (arrow.num_rows,)):
        message = f"The model gave {len(given)} scores for {arrow.num_rows} rows."
        raise DomainError("score-length-mismatch", message, scores=len(given), rows=arrow.num_rows)
    for place, name in enumerate(names):
        if name in arrow.column_names:
            arrow = arrow.drop_columns([name])
        arrow = arrow.append_column(name, pa.array(given if given.ndim == 1 else given[:, place], type=pa.float64()))
    return open_frame(
        arrow, roles=roles, threshold=threshold, task=task, favourable=favourable, digest=digest, required=required
    )


def _arrow_digest(arrow: Any) -> str:
    import pyarrow as pa

    plain = arrow.combine_chunks().replace_schema_metadata(None)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, plain.schema) as writer:
        writer.write_table(plain)
    return sha256_hex(sink.getvalue().to_pybytes())
