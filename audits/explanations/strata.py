"""Which rows are explained where all would cost too much? A sample stratified by the model's answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

STRATA = 10
LEAST_PER_STRATUM = 2


@dataclass(frozen=True)
class Selection:
    """The chosen rows.

    ``rows``: their places in the sample, rising; ``strata``: the stratum of each; ``sizes``: how many rows of the sample
    each stratum stands for; ``words``: how they were chosen, for the evidence.
    """

    rows: NDArray[np.int64]
    strata: NDArray[np.int64]
    sizes: NDArray[np.int64]
    words: str

    @property
    def weights(self) -> NDArray[np.float64]:
        """How many rows of the sample each chosen row stands for, float64 (rows,)."""
        import numpy as np

        counts = np.bincount(self.strata, minlength=len(self.sizes))
        weights: NDArray[np.float64] = (self.sizes / np.maximum(counts, 1))[self.strata]
        return weights


def everything(total: int) -> Selection:
    """Choose each of ``total`` rows."""
    import numpy as np

    return Selection(np.arange(total), np.zeros(total, dtype=np.int64), np.array([total]), "all rows")


def stratified(scores: NDArray[np.float64], count: int, *, seed: int) -> Selection:
    """Choose about ``count`` rows, as many from each tenth of the scores (at least two), without replacement.

    Rows are ordered by score and cut into strata of equal size, so that the sample holds its share of low and high
    answers; each row of a stratum is equally likely (Cochran 1977, chapter 5).
    """
    import numpy as np

    total = len(scores)
    strata_count = max(1, min(STRATA, total // LEAST_PER_STRATUM))
    each = max(LEAST_PER_STRATUM, count // strata_count)
    order = np.argsort(scores, kind="stable")
    rng = np.random.default_rng(seed)
    rows, strata, sizes = [], [], []
    for number, members in enumerate(np.array_split(order, strata_count)):
        drawn = rng.choice(members, size=min(each, len(members)), replace=False)
        rows.append(drawn)
        strata.append(np.full(len(drawn), number))
        sizes.append(len(members))
    places, of = np.concatenate(rows), np.concatenate(strata)
    if len(places) == total:
        return everything(total)
    by_place = np.argsort(places)
    words = f"{len(places)} of {total} rows, stratified by the model's answers in {strata_count} strata"
    return Selection(places[by_place], of[by_place], np.array(sizes), words)
