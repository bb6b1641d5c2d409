"""Of which trees does a CatBoost model consist? Read from the bytes in which the library writes it, without a file.

The core of a cbm file is a FlatBuffer. What is read of it here is the list of splits of each tree, the columns that each
split looks at, and the values and weights of the leaves.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAGIC = b"CBM1"


@dataclass(frozen=True)
class Oblivious:
    """Trees of which all splits of one level are the same, so that the answers to these give the leaf.

    ``splits``: for each tree, the column that decides each bit of the number of the leaf, the lowest bit first;
    ``values``, ``weights``: for each tree float64 (2^splits,), in the unit of the model's raw score of one class.
    """

    splits: list[tuple[int, ...]]
    values: list[NDArray[np.float64]]
    weights: list[NDArray[np.float64]]
    constant: float


def oblivious(final: Any, column: int | None) -> Oblivious | None:
    """Return the trees of a fitted CatBoost model for the class in ``column``; None where a split looks at several columns.

    That are combinations of categories; nor are trees read that grow leaf by leaf, and splits on texts and embeddings.
    """
    import numpy as np

    trees = _trees_of(bytes(final._serialize_model()))
    found = None if trees is None else _splits(trees)
    if trees is None or not found:
        return None
    sizes = [2 ** len(tree) for tree in found]
    values, weights = trees.doubles(8), trees.doubles(9)
    if len(weights) != sum(sizes) or len(values) % sum(sizes):  # a model may be stored without its weights
        return None
    several = values.reshape(sum(sizes), -1)
    scale, bias = final.get_scale_and_bias()
    biases = np.ravel(np.asarray(bias, dtype=np.float64))
    at = (column or 0) if several.shape[1] > 1 else 0
    sign = -1.0 if several.shape[1] == 1 and column == 0 else 1.0
    ends = np.cumsum(sizes)[:-1]
    return Oblivious(
        found,
        np.split(several[:, at] * (scale * sign), ends),
        np.split(weights, ends),
        sign * float(biases[at] if len(biases) > 1 else biases[0]),
    )


def _trees_of(data: bytes) -> _Table | None:
    if data[:4] != MAGIC:
        return None
    core = data[8 : 8 + struct.unpack_from("<I", data, 4)[0]]
    return _Table(core, struct.unpack_from("<I", core, 0)[0]).table(1)


def _splits(trees: _Table) -> list[tuple[int, ...]] | None:
    """Return, for each tree, the column that each of its splits looks at; None for trees that are not read here."""
    if any(trees.length(field) for field in (10, 11, 12, 13)):
        return None
    flat = {category.number(0): category.number(1) for category in trees.tables(4)}
    looked: list[int | None] = []
    for measured in trees.tables(5):
        looked += [measured.number(2)] * measured.length(3)
    for one in trees.tables(6):
        looked += [flat[one.number(0)]] * one.length(1)
    for statistic in trees.tables(7):
        combined = _combined(statistic)
        several = combined is None or len(combined.ints(0)) != 1 or combined.length(1) or combined.length(2)
        looked += [None if several or combined is None else flat[combined.ints(0)[0]]] * statistic.length(1)
    every, begin, found = trees.ints(1), 0, []
    for size in trees.ints(2):
        columns = [looked[split] for split in every[begin : begin + size]]
        if None in columns:
            return None
        found.append(tuple(column for column in columns if column is not None))
        begin += size
    return found


def _combined(statistic: _Table) -> _Table | None:
    """Return what a statistic of categories is computed from."""
    whole = statistic.table(0)
    base = whole.table(0) if whole is not None else None
    return base.table(0) if base is not None else None


@dataclass(frozen=True)
class _Table:
    """A table of a FlatBuffer: its fields by their numbers, 0 or empty where one is left out."""

    data: bytes
    place: int

    def _field(self, number: int) -> int:
        names = self.place - struct.unpack_from("<i", self.data, self.place)[0]
        if 4 + 2 * number >= struct.unpack_from("<H", self.data, names)[0]:
            return 0
        offset: int = struct.unpack_from("<H", self.data, names + 4 + 2 * number)[0]
        return self.place + offset if offset else 0

    def _led_to(self, place: int) -> int:
        return place + int(struct.unpack_from("<I", self.data, place)[0])

    def number(self, number: int) -> int:
        at = self._field(number)
        return int(struct.unpack_from("<i", self.data, at)[0]) if at else 0

    def table(self, number: int) -> _Table | None:
        at = self._field(number)
        return _Table(self.data, self._led_to(at)) if at else None

    def length(self, number: int) -> int:
        at = self._field(number)
        return int(struct.unpack_from("<I", self.data, self._led_to(at))[0]) if at else 0

    def ints(self, number: int) -> list[int]:
        count = self.length(number)
        begin = self._led_to(self._field(number)) + 4 if count else 0
        return list(struct.unpack_from(f"<{count}i", self.data, begin)) if count else []

    def doubles(self, number: int) -> NDArray[np.float64]:
        import numpy as np

        count = self.length(number)
        begin = self._led_to(self._field(number)) + 4 if count else 0
        return np.frombuffer(self.data, dtype="<f8", count=count, offset=begin)

    def tables(self, number: int) -> list[_Table]:
        count = self.length(number)
        begin = self._led_to(self._field(number)) + 4 if count else 0
        return [_Table(self.data, self._led_to(begin + 4 * at)) for at in range(count)]
