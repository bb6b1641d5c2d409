"""Which way does a row go at a split by categories? A column for each set of categories, beside the numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEFT = 0.5


class Conditions:
    """The categorical splits of a histogram boosting model of scikit-learn, put into the form of numeric ones.

    The model encodes its categories and puts them before its numbers. A split sends a set of codes to the left, other
    known ones to the right, and unknown or missing ones where missing values go. Each set becomes a column that is 0, 1
    or NaN, of the same player as the column of the codes.
    """

    def __init__(self, steps: list[Any], final: Any) -> None:
        import numpy as np

        self.steps, self.final = steps, final
        categorical = np.asarray(final.is_categorical_, dtype=bool)
        self.order = [*np.flatnonzero(categorical).tolist(), *np.flatnonzero(~categorical).tolist()]
        self.known, self.place_of = final._bin_mapper.make_known_categories_bitsets()
        self.sets: dict[tuple[int, bytes], int] = {}

    def put(self, predictor: Any, column: NDArray[np.int64], threshold: NDArray[np.float64]) -> None:
        """Point the categorical nodes of a tree, in place, to the columns of their sets."""
        import numpy as np

        nodes = predictor.nodes
        for node in np.flatnonzero((nodes["is_categorical"] != 0) & (nodes["is_leaf"] == 0)).tolist():
            held = predictor.raw_left_cat_bitsets[nodes["bitset_idx"][node]]
            key = (int(nodes["feature_idx"][node]), np.ascontiguousarray(held, dtype="<u4").tobytes())
            column[node] = len(self.order) + self.sets.setdefault(key, len(self.sets))
            threshold[node] = LEFT

    def players(self, sources: list[int]) -> list[int]:
        """Return the feature of each column that ``read`` gives, from those of the columns the model is handed."""
        return [sources[at] for at in self.order] + [sources[self.order[column]] for column, _ in self.sets]

    def read(self, frame: Any) -> NDArray[np.float64]:
        """Return what the trees read of a frame: codes, numbers and the columns of the sets, float64 (rows, columns)."""
        import numpy as np

        for step in self.steps:
            if step is not None and step != "passthrough":
                frame = step.transform(frame)
        encoded = np.asarray(self.final._preprocessor.transform(frame), dtype=np.float64)
        sets = [self._side(encoded[:, column], column, held) for column, held in self.sets]
        return np.column_stack([encoded, *sets])

    def _side(self, codes: NDArray[np.float64], column: int, held: bytes) -> NDArray[np.float64]:
        import numpy as np

        found = np.full(len(codes), np.nan)
        there = np.flatnonzero(codes >= 0)
        whole = codes[there].astype(np.int64)
        known = _within(self.known[self.place_of[column]], whole)
        found[there[known]] = 1.0
        found[there[_within(np.frombuffer(held, dtype="<u4"), whole)]] = 0.0
        return found


def _within(bits: NDArray[np.uint32], codes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which codes are members of a set of at most 256, held in eight words of 32 bits."""
    import numpy as np

    inside = codes < 32 * len(bits)
    kept = np.where(inside, codes, 0)
    found: NDArray[np.bool_] = inside & ((np.asarray(bits, dtype=np.int64)[kept // 32] >> (kept % 32)) & 1 > 0)
    return found
