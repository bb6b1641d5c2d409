"""How far apart are two distributions, known by their histograms, and how far off can that answer be?"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

FINE_BINS = 16_384


@dataclass(frozen=True)
class NumberHistogram:
    """How the values of one numeric column are spread over slots that a reference fixed.

    With ``points`` (K rising values of the reference, all distinct ones where ``complete``) there are 2K + 1 slots: below
    the first value, the first value, between the first and the second, and so on. Without, slots are 16,384 equal bins
    open below and closed above, with one slot before and one after them. Places are measured as y = (x - ``low``) *
    ``scale``.

    ``counts`` and ``sums`` (of y), one per slot; ``square`` is the sum of y^2 over all values, infinite ones make it
    infinite; ``missing`` counts missing values and NaN. Histograms over the same slots can be added.
    """

    column: str
    low: float
    scale: float
    points: Floats | None
    counts: Counts
    sums: Floats
    square: float
    missing: int
    complete: bool = True

    @property
    def n(self) -> int:
        """Number of values, missing ones left out."""
        return int(self.counts.sum())

    @property
    def mean(self) -> float:
        """Mean of the values; NaN without values or with infinite ones."""
        return float(self.sums.sum()) / self.n / self.scale + self.low if self.n else float("nan")

    @property
    def deviation(self) -> float:
        """Standard deviation (divided by n) of the values; NaN without values or with infinite ones."""
        if not self.n or not np.isfinite(self.square):
            return float("nan")
        middle = float(self.sums.sum()) / self.n
        return float(np.sqrt(max(0.0, self.square / self.n - middle * middle))) / self.scale

    def same_slots(self, other: NumberHistogram) -> bool:
        """Tell whether two histograms are over the same slots."""
        points = (self.points is None) == (other.points is None)
        if self.points is not None and other.points is not None:
            points = np.array_equal(self.points, other.points)
        return points and (self.low, self.scale, self.complete) == (other.low, other.scale, other.complete)

    def joined(self, other: NumberHistogram | CategoryHistogram) -> NumberHistogram:
        """Return the histogram of both sets of rows; ValueError unless both are over the same slots."""
        if not isinstance(other, NumberHistogram) or not self.same_slots(other):
            raise ValueError("only histograms over the same slots can be added")
        counts, sums = self.counts + other.counts, self.sums + other.sums
        square, missing = self.square + other.square, self.missing + other.missing
        return replace(self, counts=counts, sums=sums, square=square, missing=missing)

    def as_json(self) -> dict[str, Any]:
        """Return the histogram as JSON; ``from_json`` gives it back equal."""
        return {
            "kind": "number",
            "column": self.column,
            "low": self.low,
            "scale": self.scale,
            "points": None if self.points is None else packed(self.points),
            "counts": packed(self.counts),
            "sums": packed(self.sums),
            "square": self.square if np.isfinite(self.square) else None,
            "missing": self.missing,
            "complete": self.complete,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> NumberHistogram:
        """Read what ``as_json`` wrote; raises ValueError or KeyError when it is not that."""
        points = None if data["points"] is None else unpacked(data["points"], "<f8")
        counts, sums = unpacked(data["counts"], "<i8"), unpacked(data["sums"], "<f8")
        slots = FINE_BINS + 2 if points is None else 2 * len(points) + 1
        if len(counts) != slots or len(sums) != slots or (counts < 0).any():
            raise ValueError("a histogram has one count and one sum for each slot")
        square = float("inf") if data["square"] is None else float(data["square"])
        low, scale = float(data["low"]), float(data["scale"])
        missing, complete = int(data["missing"]), data["complete"] is True
        return cls(str(data["column"]), low, scale, points, counts, sums, square, missing, complete)


@dataclass(frozen=True)
class CategoryHistogram:
    """How many rows hold each category that the reference has; ``missing`` counts those that hold none, ``other`` the rest:
    of a reference its rare categories, of a table laid beside it those that are not among the kept ones."""

    column: str
    counts: Mapping[str, int]
    other: int
    missing: int

    @property
    def n(self) -> int:
        """Number of values, missing ones left out."""
        return sum(self.counts.values()) + self.other

    def joined(self, other: NumberHistogram | CategoryHistogram) -> CategoryHistogram:
        """Return the histogram of both sets of rows; ValueError for a histogram of numbers."""
        if not isinstance(other, CategoryHistogram):
            raise ValueError("a column of categories cannot be added to one of numbers")
        counts = {label: self.counts.get(label, 0) + n for label, n in other.counts.items()}
        return CategoryHistogram(
            self.column, {**self.counts, **counts}, self.other + other.other, self.missing + other.missing
        )

    def as_json(self) -> dict[str, Any]:
        """Return the histogram as JSON; ``from_json`` gives it back equal."""
        counts = dict(sorted(self.counts.items()))
        return {
            "kind": "category",
            "column": self.column,
            "counts": counts,
            "other": self.other,
            "missing": self.missing,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> CategoryHistogram:
        """Read what ``as_json`` wrote; raises KeyError or TypeError when it is not that."""
        counts = {str(label): int(n) for label, n in data["counts"].items()}
        return cls(str(data["column"]), counts, int(data["other"]), int(data["missing"]))


Histogram = NumberHistogram | CategoryHistogram


def histogram_from_json(data: Mapping[str, Any]) -> Histogram:
    """Read a histogram of either kind."""
    return (NumberHistogram if data["kind"] == "number" else CategoryHistogram).from_json(data)


PACKINGS = ("<u1", "<u2", "<u4", "<i8", "<f8")


def packed(values: NDArray[Any]) -> str:
    """Return an array of numbers as text: how its bytes are to be read, and the bytes in base 64.

    Whole numbers that are not negative are written as narrow as they allow, and compressed ("z") where that helps.
    """
    kind = "<f8"
    if values.dtype.kind in "iu":
        least, most = int(values.min(initial=0)), int(values.max(initial=0))
        kind = next(one for one in PACKINGS[:4] if np.iinfo(one).min <= least and most <= np.iinfo(one).max)
    data = values.astype(kind).tobytes()
    small = zlib.compress(data, 6)
    # sums of values shrink by little, and are much quicker to read as they are
    mark, kept = ("z", small) if len(small) < 0.5 * len(data) else ("", data)
    return f"{kind[1:]}{mark}:{base64.b64encode(kept).decode('ascii')}"


def unpacked(text: str, kind: str) -> NDArray[Any]:
    """Return the array that ``packed`` wrote, as "<i8" or "<f8"; raises ValueError for one longer than a histogram."""
    how, _, body = text.partition(":")
    written = f"<{how.removesuffix('z')}"
    if written not in PACKINGS or (written == "<f8") != (kind == "<f8"):
        raise ValueError("a packed array holds other numbers")
    width, most = np.dtype(written).itemsize, 2 * FINE_BINS + 2
    data = base64.b64decode(body, validate=True)
    if how.endswith("z"):
        expander = zlib.decompressobj()
        try:
            data = expander.decompress(data, width * most)
        except zlib.error as error:
            raise ValueError("a packed array does not unpack") from error
        if expander.unconsumed_tail:
            raise ValueError("a packed array is longer than a histogram has slots")
    if len(data) > width * most or len(data) % width:
        raise ValueError("a packed array is longer than a histogram has slots")
    return np.frombuffer(data, dtype=written).astype(np.int64 if kind == "<i8" else np.float64)


@dataclass(frozen=True)
class Bounded:
    """A value worked out from histograms, and the largest distance it can have from the value of the rows themselves."""

    value: float
    error: float


@dataclass(frozen=True)
class Cut:
    """Rows of a reference and of a current table in a few bins, for indices such as PSI.

    ``rule``: "reference-quantiles" or "categories". ``moved`` holds, per bin, the rows that lie so near a cut that the
    quantile of the rows themselves might have put them into a neighbouring bin: reference in, reference out, current
    in, current out; zeros where the cut is exact.
    """

    labels: tuple[str, ...]
    reference: Floats
    current: Floats
    rule: str
    moved: Floats


def shares_below(histogram: NumberHistogram) -> tuple[Floats, Floats, Floats]:
    """Return edges (as y), and the shares of values below each edge and up to and with it."""
    edges, atoms, inside, _ = _parts(histogram)
    reached = np.cumsum(inside[:-1] + np.concatenate([[0], atoms[:-1]]))
    n = max(histogram.n, 1)
    return edges, reached / n, (reached + atoms) / n


def kolmogorov_smirnov(reference: NumberHistogram, current: NumberHistogram) -> Bounded:
    r"""Return the largest gap between two distribution functions.

    .. math:: D = \sup_x |F(x) - G(x)|

    The gap at the edges of the slots never exceeds D; within a slot where both have values it can be larger by at most
    what both gain there, which is the error. Exact where the reference has few distinct values.

    References
    ----------
    N. Smirnov, Annals of Mathematical Statistics 19 (1948) 279-281; equal to ``scipy.stats.ks_2samp`` within the error.
    """
    _, before_f, after_f = shares_below(reference)
    _, before_g, after_g = shares_below(current)
    value = float(max(np.abs(after_f - after_g).max(), np.abs(before_f - before_g).max()))
    start_f, start_g = np.concatenate([[0.0], after_f]), np.concatenate([[0.0], after_g])
    end_f, end_g = np.concatenate([before_f, [1.0]]), np.concatenate([before_g, [1.0]])
    both = (end_f > start_f) & (end_g > start_g)
    most = np.where(both, np.maximum(end_f - start_g, end_g - start_f), 0.0).max(initial=0.0)
    return Bounded(value, max(0.0, float(most) - value))


def wasserstein(reference: NumberHistogram, current: NumberHistogram) -> Bounded | None:
    r"""Return the distance values must be moved on average to turn one distribution into the other.

    .. math:: W_1 = \int |F(x) - G(x)|\,dx

    In the unit of the column; 0: the same distribution; without upper bound. The integral of F - G over each slot is
    known exactly from the sum of its values; only where the sign may change within a slot is there an error, which is
    bounded. None with infinite values.

    References
    ----------
    A. Ramdas, N. Garcia Trillos, M. Cuturi, Entropy 19 (2017) 47; equal to ``scipy.stats.wasserstein_distance`` within
    the error.
    """
    if not (np.isfinite(reference.square) and np.isfinite(current.square)) or not reference.n or not current.n:
        return None
    edges, before_f, after_f = shares_below(reference)
    _, before_g, after_g = shares_below(current)
    width = np.diff(edges)
    parts_f, parts_g = _parts(reference), _parts(current)
    f, g = parts_f[2] / reference.n, parts_g[2] / current.n
    sum_f, sum_g = parts_f[3] / reference.n, parts_g[3] / current.n
    # between two edges: how much area lies under the growth of each function, and how much above it
    grown = [edges[1:] * part[1:-1] - total[1:-1] for part, total in ((f, sum_f), (g, sum_g))]
    left = [total[1:-1] - edges[:-1] * part[1:-1] for part, total in ((f, sum_f), (g, sum_g))]
    gap = width * (after_f[:-1] - after_g[:-1]) + grown[0] - grown[1]
    least, most = after_f[:-1] - before_g[1:], before_f[1:] - after_g[:-1]
    apart = ((f[1:-1] == 0.0) & (g[1:-1] == 0.0)) | (least >= 0.0) | (most <= 0.0)
    most_apart = np.minimum.reduce(
        [
            width * np.maximum(np.abs(least), np.abs(most)),
            grown[0] + grown[1] + width * np.abs(after_f[:-1] - after_g[:-1]),
            left[0] + left[1] + width * np.abs(before_f[1:] - before_g[1:]),
        ]
    )
    upper = np.where(apart, np.abs(gap), most_apart)
    tails = [
        (edges[0] * f[0] - sum_f[0], edges[0] * g[0] - sum_g[0]),
        (sum_f[-1] - edges[-1] * f[-1], sum_g[-1] - edges[-1] * g[-1]),
    ]
    low = float(np.abs(gap).sum()) + sum(abs(a - b) for a, b in tails)
    high = float(np.maximum(upper, np.abs(gap)).sum()) + sum(a + b for a, b in tails)
    return Bounded((low + high) / 2.0 / reference.scale, max(0.0, (high - low) / 2.0 / reference.scale))


def cut(reference: Histogram, current: Histogram, *, bins: int, categories: int = 50) -> Cut:
    """Return the rows of both in few bins that the reference decides, missing values in a bin of their own.

    Numbers with more than ``bins`` distinct values are cut at the reference's quantiles, the smallest value v with F(v)
    >= j/bins; everything else by category: the commonest ``categories``, "(other)" and "(not in reference)", which are
    one bin where the reference has more categories than were kept.
    """
    if isinstance(reference, NumberHistogram) and isinstance(current, NumberHistogram):
        if reference.points is not None and reference.complete and len(reference.points) <= bins:
            return _by_point(reference, current)
        return _by_quantile(reference, current, bins)
    if isinstance(reference, CategoryHistogram) and isinstance(current, CategoryHistogram):
        return _by_category(reference, current, categories)
    raise ValueError("a column of numbers cannot be compared with one of categories")


def index_error(found: Cut, index: Callable[[Floats, Floats], Floats]) -> float:
    r"""Return how far an index of shares, summed over bins, can lie from that of exactly cut bins.

    ``index(r, c)`` takes shares, each of shape (n_bins,) and above 0, and returns each bin's part, which must be convex
    and 0 where both shares agree (as :math:`(c-r)\ln(c/r)` is for PSI). Within what the moved rows allow a convex part
    is largest at a corner; it is 0 where the shares could agree, else smallest at a corner or the share's own.
    """
    n, m = max(found.reference.sum(), 1.0), max(found.current.sum(), 1.0)
    r, c, moved = found.reference / n, found.current / m, found.moved / np.array([[n], [n], [m], [m]])
    low_r, high_r, low_c, high_c = r - moved[1], r + moved[0], c - moved[3], c + moved[2]
    least = (0.5 / n, 0.5 / m)
    corners = np.array(
        [
            index(np.maximum(one, least[0]), np.maximum(other, least[1]))
            for one in (low_r, high_r)
            for other in (low_c, high_c)
        ]
    )
    here = index(np.maximum(r, least[0]), np.maximum(c, least[1]))
    lowest = np.where((low_c <= high_r) & (low_r <= high_c), 0.0, corners.min(axis=0))
    return max(0.0, float((corners.max(axis=0) - here).sum()), float((here - lowest)[moved.any(axis=0)].sum()))


def _parts(histogram: NumberHistogram) -> tuple[Floats, Counts, Counts, Floats]:
    """Return edges (as y), the count at each edge, and count and sum of y of each open slot between and beyond them."""
    if histogram.points is None:
        edges = np.arange(FINE_BINS + 1, dtype=np.float64)
        return edges, np.zeros(FINE_BINS + 1, dtype=np.int64), histogram.counts, histogram.sums
    edges = (histogram.points - histogram.low) * histogram.scale
    return edges, histogram.counts[1::2], histogram.counts[::2], histogram.sums[::2]


def _by_point(reference: NumberHistogram, current: NumberHistogram) -> Cut:
    points = reference.points if reference.points is not None else np.array([])
    labels = [*(f"{point:.6g}" for point in points), "(not in reference)", "(missing)"]
    unseen = [side.counts[::2].sum() for side in (reference, current)]
    rows = [
        np.array([*side.counts[1::2], left, side.missing], dtype=np.float64)
        for side, left in zip((reference, current), unseen, strict=True)
    ]
    return _kept(labels, rows, "categories", None)


def _by_quantile(reference: NumberHistogram, current: NumberHistogram, bins: int) -> Cut:
    edges, atoms, inside, _ = _parts(reference)
    _, now_atoms, now_inside, _ = _parts(current)
    reached = np.cumsum(inside[:-1] + atoms)
    now_reached = np.cumsum(now_inside[:-1] + now_atoms)
    wanted = np.arange(1, bins, dtype=np.int64) * reference.n
    at = np.searchsorted(reached * bins, wanted, side="left").clip(0, len(edges) - 1)
    sure = (reached[at] - atoms[at]) * bins < wanted  # the quantile is the value at the edge itself
    at, first = np.unique(at, return_index=True)
    at, sure = at[reached[at] < reference.n], sure[first][reached[at] < reference.n]
    if reference.complete and reference.points is not None:
        sure[:] = True
    rows, moved = [], []
    for side, total, within in ((reached, reference.n, inside), (now_reached, current.n, now_inside)):
        ends = np.concatenate([[0], side[at], [total]])
        rows.append(np.diff(ends).astype(np.float64))
        near = np.where(sure, 0.0, within[at].astype(np.float64))
        moved += [np.concatenate([[0.0], near]), np.concatenate([near, [0.0]])]
    bounds = ["-inf", *(f"{edges[k] / reference.scale + reference.low:.6g}" for k in at), "inf"]
    labels = [f"({bounds[k]}, {bounds[k + 1]}]" for k in range(len(at) + 1)]
    missing = (reference.missing, current.missing)
    rows = [np.append(side, gone) for side, gone in zip(rows, missing, strict=True)]
    moves = np.array([np.append(part, 0.0) for part in moved])
    return _kept([*labels, "(missing)"], rows, "reference-quantiles", moves)


def _by_category(reference: CategoryHistogram, current: CategoryHistogram, most: int) -> Cut:
    known, now = reference.counts, current.counts
    commonest = sorted(known, key=lambda label: (-known[label], label))[:most]
    rest = set(known) - set(commonest)
    rare = (reference.other + sum(known[label] for label in rest), sum(now.get(label, 0) for label in rest))
    unseen = current.other + sum(n for label, n in now.items() if label not in known)
    labels = [*commonest, "(other)", "(not in reference)", "(missing)"]
    if reference.other:  # the reference's rarest are not known by name, so that new ones cannot be told from them
        labels[-3:-1] = ["(other, or not in reference)", "(not in reference)"]
        rare, unseen = (rare[0], rare[1] + unseen), 0
    before = [*(known[label] for label in commonest), rare[0], 0, reference.missing]
    after = [*(now.get(label, 0) for label in commonest), rare[1], unseen, current.missing]
    rows = [np.array(side, dtype=np.float64) for side in (before, after)]
    return _kept(labels, rows, "categories", None)


def _kept(labels: list[str], rows: list[Floats], rule: str, moved: Floats | None) -> Cut:
    """Leave out bins that are empty in both."""
    kept = (rows[0] > 0.0) | (rows[1] > 0.0)
    moves = np.zeros((4, len(labels))) if moved is None else moved
    names = tuple(label for label, keep in zip(labels, kept, strict=True) if keep)
    return Cut(names, rows[0][kept], rows[1][kept], rule, moves[:, kept])
