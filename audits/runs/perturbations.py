"""How are rows changed to see what the model then says? Seeded and pure: the same frame and seed, the same rows."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from audits.tables.perturbed import ALL_FEATURES, FEATURE, GIVEN, ORIGIN, STEP
from registry.errors import DomainError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

RESERVED = (ORIGIN, FEATURE, STEP, GIVEN)

MOST_ROWS = 20_000
SWEPT_ROWS = 200
SWEPT_CELLS = 60_000
GRID_STEPS = 21
KEY = re.compile(r"\A(?:(missing|noise)-(0\.[0-9]{1,4}|[1-9](?:\.[0-9]{1,4})?)|boundary|permutation|monotone)\Z")


def perturbed_frame(
    key: str,
    frame: pa.Table,
    *,
    features: tuple[str, ...],
    seed: int,
    declared: Mapping[str, Any],
    reference: pa.Table | None,
) -> pa.Table:
    """Return the rows of ``frame`` changed as ``key`` says, with the number of the row each comes from.

    - "missing-<share>": each feature's value is blanked with this probability, independently;
    - "noise-<size>": Gaussian noise of ``size`` standard deviations of the reference is added to each numeric feature
      (whole numbers stay whole);
    - "permutation": unchanged rows in another order;
    - "boundary": copies of a row, each with one numeric feature at the lower (step 0) or upper (step 1) end of its
      declared range, else of what the reference holds; and both with all numeric features there at once ("(all)");
    - "monotone": copies of a row, each with one declared feature at a step of a grid over the reference's quantiles.

    The first three change at most 20,000 rows, the last two a seeded sample of 200 at most, fewer where features are
    many; all without replacement. The result keeps every column of ``frame`` and has, last, ``cadastre_origin``
    (row number in ``frame``) and, for "boundary" and "monotone", ``cadastre_feature`` and ``cadastre_step``. Rows of
    one sweep stand together, by rising step. Types stay as they are.

    Parameters
    ----------
    frame : the evaluation table as read, all columns.
    features : the model's inputs, all columns of ``frame``.
    seed : of every draw.
    declared : what the version says of itself: "monotone" and "ranges" are read.
    reference : the training table, where there is one; the frame itself stands in otherwise, and for a feature it lacks.

    Raises
    ------
    DomainError
        ``unknown-perturbation``, ``reserved-column``, ``unknown-column`` and ``nothing-to-perturb`` (no row, no numeric
        feature with two values, or no feature declared monotone).
    """
    import numpy as np

    match = KEY.match(key)
    if match is None or (match[1] == "missing" and float(match[2]) > 1.0):
        raise DomainError("unknown-perturbation", f"There is no perturbation {key[:80]!r}.")
    taken = [name for name in RESERVED if name in frame.column_names]
    if taken:
        raise DomainError("reserved-column", f"A table may not have a column {taken[0]!r}.")
    lacking = [name for name in features if name not in frame.column_names]
    if lacking:
        raise DomainError("unknown-column", f"The table has no column {lacking[0][:80]!r}.", columns=lacking[:5])
    if not frame.num_rows or not features:
        raise DomainError("nothing-to-perturb", "There is no row or no feature to change.")
    generator = np.random.default_rng(seed)
    source = _Source(frame, reference)
    if key == "boundary":
        return _boundary(frame, source, features, generator, declared)
    if key == "monotone":
        return _sweeps(frame, source, features, generator, declared)
    rows = _sampled(frame.num_rows, MOST_ROWS, generator)
    if key == "permutation":
        rows = generator.permutation(rows)
    changed = _origins(frame.take(rows), rows)
    for name in features if match[1] else ():
        values = changed.column(name).combine_chunks()
        if match[1] == "missing":
            values = _blanked(values, float(match[2]), generator)
        elif is_number(values.type):
            values = _noisy(values, float(match[2]) * source.spread(name), generator)
        changed = changed.set_column(changed.column_names.index(name), frame.schema.field(name).name, values)
    return changed


def with_given(perturbed: pa.Table, given: Any) -> pa.Table:
    """Return ``perturbed`` with the model's answer on each unchanged row as ``cadastre_given``.

    ``given`` holds one answer for each row of the frame that was perturbed, in its order: a score, a number or the name
    of a class. It plays the role ``baseline`` of the perturbed table.
    """
    import pyarrow as pa

    answers = given if isinstance(given, pa.Array | pa.ChunkedArray) else pa.array(given)
    return perturbed.append_column(GIVEN, answers.take(perturbed.column(ORIGIN)))


def is_number(kind: Any) -> bool:
    """Tell whether a type of pyarrow holds numbers that can be moved by a little; truth values are none."""
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


class _Source:
    """What the reference, or else the frame itself, says of a numeric feature's values."""

    def __init__(self, frame: pa.Table, reference: pa.Table | None) -> None:
        self.frame, self.reference = frame, reference

    def values(self, name: str) -> NDArray[np.float64]:
        """Return the finite values of a column, sorted."""
        import numpy as np

        for table in (self.reference, self.frame):
            if table is None or name not in table.column_names or not is_number(table.schema.field(name).type):
                continue
            found = np.asarray(table.column(name).to_pandas(), dtype=np.float64)
            found = np.sort(found[np.isfinite(found)])
            if found.size:
                return found
        return np.empty(0)

    def spread(self, name: str) -> float:
        """Return the standard deviation of a column, 0 where it has none."""
        values = self.values(name)
        return float(values.std()) if values.size else 0.0

    def range(self, name: str, declared: Mapping[str, Any]) -> tuple[float, float] | None:
        """Return the declared range of a column, else its smallest and largest value; None where they are equal."""
        stated = declared.get("ranges", {}).get(name)
        values = self.values(name)
        ends = stated if stated is not None else ((values[0], values[-1]) if values.size else (0.0, 0.0))
        low, high = float(ends[0]), float(ends[1])
        return (low, high) if math.isfinite(low) and math.isfinite(high) and low < high else None


def _sampled(rows: int, most: int, generator: np.random.Generator) -> NDArray[np.int64]:
    import numpy as np

    if rows <= most:
        return np.arange(rows, dtype=np.int64)
    return np.sort(generator.choice(rows, size=most, replace=False)).astype(np.int64)


def _origins(changed: pa.Table, rows: NDArray[np.int64]) -> pa.Table:
    import pyarrow as pa

    return changed.append_column(ORIGIN, pa.array(rows, type=pa.int64()))


def _blanked(values: Any, share: float, generator: np.random.Generator) -> Any:
    import pyarrow as pa
    import pyarrow.compute

    blank = pa.array(generator.random(len(values)) < share)
    return pa.compute.if_else(blank, pa.scalar(None, type=values.type), values)


def _noisy(values: Any, size: float, generator: np.random.Generator) -> Any:
    import numpy as np
    import pyarrow as pa

    noise = generator.normal(0.0, 1.0, len(values)) * size
    missing = np.asarray(values.is_null())
    if pa.types.is_floating(values.type):
        moved = np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.float64) + noise
        return pa.array(moved, type=pa.float64(), mask=missing).cast(values.type, safe=False)
    whole = np.asarray(values.fill_null(0).to_numpy(zero_copy_only=False))
    return pa.array(_held(whole + np.rint(noise), values.type), type=values.type, mask=missing)


def _held(values: NDArray[np.float64], kind: Any) -> NDArray[Any]:
    """Return whole numbers cut to what an integer type can hold (its upper end is no double for 64 bits)."""
    import numpy as np

    dtype = np.dtype(kind.to_pandas_dtype())
    limits = np.iinfo(dtype)
    highest = np.nextafter(float(limits.max), 0.0) if dtype.itemsize == 8 else float(limits.max)
    held: NDArray[Any] = np.clip(np.rint(values), float(limits.min), highest).astype(dtype)
    return held


def _boundary(
    frame: pa.Table,
    source: _Source,
    features: tuple[str, ...],
    generator: np.random.Generator,
    declared: Mapping[str, Any],
) -> pa.Table:
    numeric = [name for name in features if is_number(frame.schema.field(name).type)]
    ends = {name: found for name in numeric if (found := source.range(name, declared)) is not None}
    if not ends:
        raise DomainError("nothing-to-perturb", "No numeric feature has two values: there are no ends to move to.")
    places = {name: {name: ends[name]} for name in ends} | ({ALL_FEATURES: ends} if len(ends) > 1 else {})
    return _moved(frame, places, generator)


def _sweeps(
    frame: pa.Table,
    source: _Source,
    features: tuple[str, ...],
    generator: np.random.Generator,
    declared: Mapping[str, Any],
) -> pa.Table:
    places = {}
    for name in sorted(set(declared.get("monotone", {})) & set(features)):
        if is_number(frame.schema.field(name).type):
            grid = grid_of(source.values(name), GRID_STEPS)
            if len(grid) > 1:
                places[name] = {name: grid}
    if not places:
        raise DomainError("nothing-to-perturb", "No numeric feature with two values is declared monotone.")
    return _moved(frame, places, generator)


def grid_of(values: NDArray[np.float64], steps: int) -> tuple[float, ...]:
    """Return at most ``steps`` different values from the smallest to the largest, evenly spread by rank."""
    import numpy as np

    if not values.size:
        return ()
    at = np.linspace(0, values.size - 1, steps).round().astype(int)
    return tuple(float(value) for value in np.unique(values[at]))


def _moved(
    frame: pa.Table, places: Mapping[str, Mapping[str, tuple[float, ...]]], generator: np.random.Generator
) -> pa.Table:
    """Return for each place and sampled row one copy a step, with the features of the place set to that step's value."""
    import numpy as np
    import pyarrow as pa

    width = sum(len(next(iter(place.values()))) for place in places.values())
    rows = _sampled(frame.num_rows, max(1, min(SWEPT_ROWS, SWEPT_CELLS // width)), generator)
    parts = []
    for label, place in places.items():
        steps = len(next(iter(place.values())))
        origins = np.repeat(rows, steps)
        part = _origins(frame.take(origins), origins)
        for name, values in place.items():
            kind = part.schema.field(name).type
            repeated = np.tile(np.array(values, dtype=np.float64), len(rows))
            column = pa.array(repeated).cast(kind, safe=False) if pa.types.is_floating(kind) else None
            column = pa.array(_held(repeated, kind), type=kind) if column is None else column
            part = part.set_column(part.column_names.index(name), name, column)
        part = part.append_column(FEATURE, pa.array([label] * part.num_rows, type=pa.string()))
        parts.append(part.append_column(STEP, pa.array(np.tile(np.arange(steps), len(rows)), type=pa.int64())))
    return pa.concat_tables(parts)
