"""Into which slot does each value fall? Counted in one pass over the values, by numpy or by a compiled loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SLICE = 65_536
"""Values are counted by so many at a time: what is worked on then stays in the processor's cache."""
WORTH_COMPILING = 20_000_000
"""Compiling takes half a second once in a process: a loss for a small table, a gain for a worker with large ones."""

LOOPS: list[Callable[..., tuple[int, int]]] = []
"""The compiled loop of this process, once there is one."""


class Room:
    """Arrays to work in, shared by the columns that are counted one after another."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, type], NDArray[Any]] = {}

    def array(self, name: str, kind: type, length: int) -> NDArray[Any]:
        """Return an array of that length, with whatever it held before."""
        import numpy as np

        held = self._held.get((name, kind))
        if held is None or len(held) < length:
            held = self._held[name, kind] = np.empty(length, dtype=kind)
        return held[:length]


@dataclass
class Counted:
    """Values over equal bins: how many fell into each slot, the sums of their places, and what is not in a bin."""

    counts: NDArray[np.int64]
    sums: Floats
    square: float = 0.0
    missing: int = 0
    room: Room = field(default_factory=Room, repr=False)

    def add(self, values: Floats, low: float, scale: float) -> None:
        """Count values over the bins that begin at ``low``, ``scale`` of them to the unit; NaN is missing.

        Both ways give the same bits, so that a stored histogram does not tell which of them made it.
        """
        for begin in range(0, len(values), SLICE):
            part = values[begin : begin + SLICE]
            if LOOPS:
                self._by_loop(part, low, scale)
            else:
                self._by_numpy(part, low, scale)

    def _by_loop(self, values: Floats, low: float, scale: float) -> None:
        import numpy as np

        counts = self.room.array("counts", np.int64, len(self.counts))
        sums, beyond = self.room.array("sums", float, len(self.sums)), self.room.array("beyond", float, SLICE)
        counts.fill(0)
        sums.fill(0.0)
        missing, outside = LOOPS[0](np.ascontiguousarray(values), low, scale, counts, sums, beyond)
        self.counts += counts
        self.sums += sums
        self.missing += missing
        self.square += float(np.square(beyond[:outside]).sum())

    def _by_numpy(self, values: Floats, low: float, scale: float) -> None:
        import numpy as np

        rows, bins = len(values), len(self.counts) - 2
        place, upper = self.room.array("place", float, rows), self.room.array("upper", float, rows)
        slot = self.room.array("slot", np.int64, rows)
        np.subtract(values, low, out=place)
        np.multiply(place, scale, out=place)
        least, most = place.min(initial=1.0), place.max(initial=1.0)
        if np.isnan(least):
            kept = place[~np.isnan(place)]
            self.missing += rows - len(kept)
            place, upper, slot = kept, upper[: len(kept)], slot[: len(kept)]
            least, most = place.min(initial=1.0), place.max(initial=1.0)
        np.ceil(place, out=upper)
        if least <= 0.0 or most > bins:
            self.square += float(np.square(place[(place <= 0.0) | (place > bins)]).sum())
            np.clip(upper, 0, bins + 1, out=upper)
        np.copyto(slot, upper, casting="unsafe")
        self.counts += np.bincount(slot, minlength=bins + 2)
        self.sums += np.bincount(slot, weights=place, minlength=bins + 2)


def compile_for(values: int) -> None:
    """Compile the loop, once in this process, if a table with so many values is to be counted."""
    if LOOPS or values < WORTH_COMPILING:
        return
    import numba
    import numpy as np

    @numba.njit(
        "UniTuple(int64, 2)(Array(float64, 1, 'C', True), float64, float64, int64[::1], float64[::1], float64[::1])",
        nogil=True,
    )
    def count(  # noqa: PLR0917 - compiled code knows no keywords
        values: Floats, low: float, scale: float, counts: NDArray[np.int64], sums: Floats, beyond: Floats
    ) -> tuple[int, int]:
        missing = outside = 0
        last = len(counts) - 1
        for at in range(len(values)):
            place = (values[at] - low) * scale
            if 0.0 < place <= last - 1:
                slot = int(np.ceil(place))
            elif place <= 0.0 or place > last - 1:
                slot = 0 if place <= 0.0 else last
                beyond[outside] = place
                outside += 1
            else:
                missing += 1
                continue
            counts[slot] += 1
            sums[slot] += place
        return missing, outside

    LOOPS.append(count)
