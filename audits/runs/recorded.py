"""Are the answers that a table holds those of the model? Compared on the rows that the sandbox scored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from audits.runs.tables import Answers
from audits.tables.asking import group_label
from audits.tables.contract import ColumnRoles
from registry.errors import DomainError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

TOLERANCE = 1e-6
"""How far a recorded number may lie from the model's, unless the version states another tolerance; of amounts relative."""


def compare_recorded(plan: Mapping[str, Any], role: str, frame: pa.Table, answers: Answers) -> dict[str, Any]:
    """Return how the recorded answers compare with the model's on the rows of ``frame``.

    Scores and probabilities are compared by their difference, amounts relative to the larger of 1 and the model's,
    decisions and classes as such. Raises ``recorded-answers-differ`` when one of them is another: numbers over the
    whole table would then be those of another model.
    """
    import numpy as np

    described = plan["datasets"][role]
    stated = (plan["conformance"] or {}).get("tolerance", TOLERANCE)
    gaps = _gaps(ColumnRoles.from_json(described["roles"]), frame, answers, plan["scoring"].get("threshold"))
    worst = np.max(np.stack(list(gaps.values())), axis=0) if gaps else np.zeros(0)
    # what is missing differs from whatever the model said
    differ = int((~(worst <= stated)).sum())
    if differ:
        message = (
            f"The answers recorded in {described['dataset']} are not this model's: they differ by more than {stated:g} "
            f"in {differ} of {len(worst)} rows that were drawn and scored. Record them again, or name no answers in the "
            "roles of the dataset version, so that a sample is scored."
        )
        raise DomainError("recorded-answers-differ", message, rows=len(worst), differ=differ)
    return {
        "columns": sorted(gaps),
        "rows": len(worst),
        "differ": 0,
        "largest": float(worst.max()) if len(worst) else 0.0,
        "tolerance": stated,
    }


def _gaps(
    roles: ColumnRoles, frame: pa.Table, answers: Answers, threshold: float | None
) -> dict[str, NDArray[np.float64]]:
    """Return for each column of answers how far each row's lies from the model's; NaN where it is missing."""
    import numpy as np

    said = answers.values
    gaps = {}
    if answers.task == "multiclass":
        places = {name: at for at, name in enumerate(answers.classes)}
        for label, column in roles.class_scores:
            own = said[:, places[label]] if label in places else np.zeros(len(said))
            gaps[column] = np.abs(_numbers(frame, column) - own)
        if roles.prediction:
            told = [group_label(value) for value in frame.column(roles.prediction).to_pylist()]
            own = np.array(answers.classes, dtype=object)[said.argmax(axis=1)]
            gaps[roles.prediction] = np.array([float(one != other) for one, other in zip(told, own, strict=True)])
        return gaps
    if answers.task == "regression":
        if roles.prediction:
            gaps[roles.prediction] = np.abs(_numbers(frame, roles.prediction) - said) / np.maximum(1.0, np.abs(said))
        return gaps
    if roles.score:
        gaps[roles.score] = np.abs(_numbers(frame, roles.score) - said)
    if roles.prediction and threshold is not None:
        gaps[roles.prediction] = np.abs(_numbers(frame, roles.prediction) - (said >= threshold))
    return gaps


def _numbers(frame: pa.Table, column: str) -> NDArray[np.float64]:
    import numpy as np
    import pyarrow as pa

    return np.asarray(frame.column(column).cast(pa.float64()).to_numpy(), dtype=np.float64)
