"""Does the sandbox reproduce the predictions recorded where the model was made? The parent compares; the child sees none.

The child is given the features of the sample alone, so that a model cannot repeat what it is asked to reproduce.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audits.sandbox.execution import Workplace
from audits.sandbox.predictor import class_name
from audits.sandbox.protocol import Conformance, ConformanceInput, SandboxError
from registry.digests import chunks
from registry.errors import DomainError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

EXPECTED = "expected"
BY_CLASS = "expected:"
OUTPUT = "conformance"
MAX_ROWS = 10_000
MAX_BYTES = 256 * 2**20
MAX_SHARE = 0.01
SMALLEST_TOLERANCE = 1e-6
LIFTING_ROWS = 100
"""Rows from which a sample outweighs a difference of versions: with 100 that all agree, at most 3 % of such rows could
differ (95 % confidence, rule of three)."""


@dataclass(frozen=True)
class Recorded:
    """A sample as the parent holds it: ``expected`` by row, ``by_class`` the recorded score of each class.

    ``task`` is what the child is told. ``lifts``: the sample has scores and rows enough to outweigh another version of
    the library.
    """

    rows: int
    expected: tuple[Any, ...]
    by_class: dict[str, NDArray[np.float64]]
    tolerance: float
    sha256: str
    task: dict[str, Any]
    kind: str

    @property
    def lifts(self) -> bool:
        """Tell whether reproducing this sample says more than the number of a version."""
        return self.rows >= LIFTING_ROWS and (self.kind != "multiclass" or bool(self.by_class))


def bring(given: ConformanceInput, task: str, place: Workplace) -> Recorded:
    """Read the sample, check it, and put its features into the workplace; raises ``conformance-sample-unreadable``."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        frame = _read(given)
        expected = tuple(frame.column(EXPECTED).to_pylist())
        by_class = {
            name.removeprefix(BY_CLASS): np.asarray(frame.column(name).to_pylist(), dtype=np.float64)
            for name in frame.column_names
            if name.startswith(BY_CLASS)
        }
        if task == "multiclass":
            expected = tuple(class_name(label) for label in expected)
        else:
            expected = tuple(np.asarray(expected, dtype=np.float64).tolist())
        numbers = np.asarray([*expected, 0.0] if task != "multiclass" else [0.0], dtype=np.float64)
        recorded = [numbers, *by_class.values()] if task == "multiclass" else [numbers]
        if not all(np.isfinite(part).all() for part in recorded):
            raise _unreadable("A recorded prediction is missing or not finite.")
        if task == "regression" and given.tolerance > _widest(numbers[:-1]):
            raise _unreadable("Its tolerance is too wide for the amounts it records, so agreement would say nothing.")
        pq.write_table(frame.select(list(given.features)), place.inputs / OUTPUT)
    except (pa.ArrowException, KeyError, ValueError, TypeError, OSError) as error:
        raise _unreadable(f"It cannot be read as {given.format} with the columns it needs.") from error
    told = {"path": str(place.inputs / OUTPUT), "features": list(given.features), "output": OUTPUT}
    by_class = by_class if task == "multiclass" else {}
    return Recorded(frame.num_rows, expected, by_class, given.tolerance, given.sha256, told, task)


def _read(given: ConformanceInput) -> pa.Table:
    """Read features and recorded columns of 1 to ``MAX_ROWS`` rows, after the bytes were found to be the registered."""
    import pyarrow.parquet as pq

    from audits.tables.open import read_csv_frame

    with open(given.path, "rb") as stream:
        hasher = hashlib.sha256()
        for piece in chunks(stream):
            hasher.update(piece)
    if hasher.hexdigest() != given.sha256:
        raise _unreadable("Its bytes are not those that were registered.")
    if given.path.stat().st_size > MAX_BYTES:
        raise _unreadable(f"It has more than {MAX_BYTES} bytes.")
    if given.format == "csv":
        try:
            frame = read_csv_frame(given.path)
        except DomainError as error:
            raise _unreadable(error.message) from error
    else:
        _refuse_length(pq.read_metadata(given.path).num_rows)
        frame = pq.read_table(given.path)
    _refuse_length(frame.num_rows)
    lacking = [name for name in (*given.features, EXPECTED) if name not in frame.column_names]
    if lacking:
        raise _unreadable(f"It lacks the columns {', '.join(lacking[:5])}.")
    return frame


def _widest(amounts: NDArray[np.float64]) -> float:
    """Return the largest tolerance of amounts: ``MAX_SHARE`` of their middle 90 %, or what float32 rounds off."""
    import numpy as np

    low, high = np.quantile(amounts, [0.05, 0.95])
    return max(SMALLEST_TOLERANCE, MAX_SHARE * float(high - low), 1e-6 * float(np.median(np.abs(amounts))))


def _refuse_length(rows: int) -> None:
    if not 1 <= rows <= MAX_ROWS:
        raise _unreadable(f"It has {rows} rows; 1 to {MAX_ROWS} are taken.")


def _unreadable(detail: str) -> SandboxError:
    return SandboxError("conformance-sample-unreadable", detail)


def compare(recorded: Recorded, said: NDArray[np.float64], classes: tuple[str, ...]) -> Conformance:
    """Return how ``said`` differs from what was recorded; raises ``scoring-not-reproduced`` beyond the tolerance."""
    import numpy as np

    largest: float | None = None
    if recorded.kind == "multiclass":
        if strange := sorted({*recorded.by_class} ^ set(classes)) if recorded.by_class else []:
            raise _unreadable(f"It records scores of other classes than the model's: {', '.join(strange[:5])}.")
        chosen = [classes[place] for place in said.argmax(axis=1)]
        wrong = np.array([one != other for one, other in zip(chosen, recorded.expected, strict=True)])
        if recorded.by_class:
            apart = np.abs(said - np.column_stack([recorded.by_class[name] for name in classes]))
            largest = float(apart.max())
            # Where two classes are level, which of them comes first is no difference.
            wrong = (apart > recorded.tolerance).any(axis=1) | (wrong & ~_level(said, recorded.expected, classes))
    else:
        apart = np.abs(said - np.asarray(recorded.expected, dtype=np.float64))
        largest, wrong = float(apart.max()), apart > recorded.tolerance
    result = Conformance(
        rows=recorded.rows,
        rows_differing=int(wrong.sum()),
        max_difference=largest,
        tolerance=recorded.tolerance,
        met=not wrong.any(),
        sha256=recorded.sha256,
    )
    if not result.met:
        words = (
            "" if largest is None else f", the largest difference is {largest:.3g} (tolerance {recorded.tolerance:g})"
        )
        raise SandboxError(
            "scoring-not-reproduced",
            f"{result.rows_differing} of {result.rows} rows differ{words}.",
            rows=result.rows,
            rows_differing=result.rows_differing,
            max_difference=largest,
            tolerance=recorded.tolerance,
        )
    return result


def _level(said: NDArray[np.float64], expected: tuple[Any, ...], classes: tuple[str, ...]) -> NDArray[np.bool_]:
    """Tell, for each row, whether the recorded class scores as high as the highest, to the last digits."""
    import numpy as np

    places = {name: place for place, name in enumerate(classes)}
    own = np.array([said[row, places[name]] if name in places else -1.0 for row, name in enumerate(expected)])
    return np.asarray(own >= said.max(axis=1) - 1e-12)
