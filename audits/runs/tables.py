"""Which tables does a step look at? Those of the plan, with the answers of the model put beside their rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.conf import settings

from audits.runs.guard import exceeded
from audits.tables.contract import ColumnRoles, EvaluationTable
from audits.tables.open import open_dataset, open_frame, read_csv_frame, refuse_bad_values
from registry.errors import DomainError
from registry.storage import artifacts

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

RESERVED = "cadastre_"
SCORE = "cadastre_score"
PREDICTION = "cadastre_prediction"
BASELINE = "cadastre_baseline"


@dataclass(frozen=True)
class Answers:
    """What a model said of each row: scores in [0, 1] (binary), scores of ``classes`` (multiclass), or numbers."""

    task: str
    values: NDArray[np.float64]
    classes: tuple[str, ...] = ()

    def said(self) -> Any:
        """Return one answer a row: the score, the name of the likeliest class, or the number."""
        import numpy as np
        import pyarrow as pa

        if self.task != "multiclass":
            return pa.array(self.values, type=pa.float64())
        return pa.array(np.array(self.classes, dtype=object)[self.values.argmax(axis=1)].tolist(), type=pa.string())


def frame_of(described: Mapping[str, Any]) -> pa.Table:
    """Read a snapshot into memory after re-hashing its bytes, CSV by the reader that admitted it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with artifacts().open_checked(described["sha256"]) as stream:
        if described["format"] == "csv":
            path = artifacts().path(described["sha256"])
            return within_rows(read_csv_frame(path, dialect=described.get("dialect")))
        try:
            refuse_too_many(pq.read_metadata(stream).num_rows)
            stream.seek(0)
            frame: pa.Table = pq.read_table(stream)
            if not all(isinstance(name, str) for name in frame.column_names):  # decodes the names, which may fail
                raise ValueError("a column without a name")
            return frame
        except (pa.ArrowException, OSError, ValueError) as error:
            message = f"{described['dataset']} cannot be read as {described['format']}."
            raise DomainError("unreadable-table", message) from error


def stays(described: Mapping[str, Any]) -> bool:
    """Tell whether a snapshot is a table that stays in its engine."""
    return bool(described.get("source"))


def within_rows(frame: pa.Table) -> pa.Table:
    """Return ``frame``; raises ``run-too-many-rows``."""
    refuse_too_many(frame.num_rows)
    return frame


def refuse_too_many(rows: int) -> None:
    """Raise ``run-too-many-rows`` for more rows than a run may measure."""
    if rows > settings.RUN_MAX_ROWS:
        raise exceeded("run-too-many-rows")


def table_as_it_is(
    plan: Mapping[str, Any],
    role: str,
    *,
    check_values: bool,
    required: tuple[str, ...] | None = None,
) -> EvaluationTable:
    """Open a table as it was registered, where it lies.

    ``required``: the roles it must have; by default, of the evaluation table, those any measurement begins with.
    """
    described = plan["datasets"][role]
    path = None
    if not stays(described):
        path = artifacts().path(described["sha256"])
        # re-hashed first, so that a changed file is not measured
        artifacts().open_checked(described["sha256"]).close()
    table = open_dataset(
        described,
        path=path,
        sources=settings.TABLE_SOURCES,
        threshold=plan["scoring"].get("threshold"),
        task=plan["task"],
        favourable=plan["scoring"].get("favourable"),
        required=required if role == "evaluation" else (),
        check_values=check_values,
    )
    try:
        refuse_too_many(table.rows)
    except DomainError:
        table.close()
        raise
    return table


def table_with_answers(
    plan: Mapping[str, Any],
    role: str,
    frame: pa.Table,
    answers: Answers,
    *,
    check_values: bool,
    baseline: Any = None,
    sample: Mapping[str, Any] | None = None,
) -> EvaluationTable:
    """Open a frame after putting a model's answers beside its rows, and those of another version where given.

    Of a ``sample`` only the answers are checked: its outcomes were, in the engine, with all others.

    Raises ``score-length-mismatch`` unless there is one answer a row, ``reserved-column`` for a name that is ours.
    """
    described = plan["datasets"][role]
    roles = replace(ColumnRoles.from_json(described["roles"]), key=None)
    frame, roles = _answered(frame, roles, answers)
    if baseline is not None:
        frame, roles = frame.append_column(BASELINE, baseline), replace(roles, baseline=BASELINE)
    table = open_frame(
        frame,
        roles=roles,
        threshold=plan["scoring"].get("threshold") if plan["task"] == "binary" else None,
        task=plan["task"],
        favourable=plan["scoring"].get("favourable"),
        digest=described["sha256"] if sample is None else sample["sha256"],
        required=None if role == "evaluation" and sample is None else (),
        check_values=check_values and sample is None,
    )
    if check_values and sample is not None:
        refuse_bad_values(replace(table, roles=replace(roles, target=None)))
    return table


def perturbed_table(plan: Mapping[str, Any], frame: pa.Table, answers: Answers) -> EvaluationTable:
    """Open changed rows with the model's answers; what it said of each row as it stood plays the role baseline.

    A sample of rows may hold one class only, which is no fault of the table: its values are not checked again.
    """
    from audits.tables.perturbed import GIVEN

    described = plan["datasets"]["evaluation"]
    given = replace(ColumnRoles.from_json(described["roles"]), key=None)
    frame, roles = _answered(frame, given, answers, reserved=False)
    return open_frame(
        frame,
        roles=replace(roles, baseline=GIVEN),
        threshold=plan["scoring"].get("threshold") if plan["task"] == "binary" else None,
        task=plan["task"],
        favourable=plan["scoring"].get("favourable"),
        digest=described["sha256"],
        required=(),
        check_values=False,
    )


def _answered(
    frame: pa.Table, roles: ColumnRoles, answers: Answers, *, reserved: bool = True
) -> tuple[pa.Table, ColumnRoles]:
    import pyarrow as pa

    taken = [name for name in frame.column_names if reserved and name.startswith(RESERVED)]
    if taken:
        raise DomainError("reserved-column", f"A table may not have a column {taken[0][:80]!r}.")
    if len(answers.values) != frame.num_rows:
        message = f"The model gave {len(answers.values)} scores for {frame.num_rows} rows."
        raise DomainError("score-length-mismatch", message, scores=len(answers.values), rows=frame.num_rows)
    if answers.task == "multiclass":
        names = [f"{SCORE}_{place}" for place in range(len(answers.classes))]
        for place, name in enumerate(names):
            frame = frame.append_column(name, pa.array(answers.values[:, place], type=pa.float64()))
        pairs = tuple(zip(answers.classes, names, strict=True))
        return frame, replace(roles, class_scores=pairs, prediction=None, score=None)
    if answers.task == "binary":
        return frame.append_column(SCORE, answers.said()), replace(roles, score=SCORE)
    return frame.append_column(PREDICTION, answers.said()), replace(roles, prediction=PREDICTION)
