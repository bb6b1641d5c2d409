"""How are losses spread over the bins of each feature, within parts of the table? Asked without reading a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audits.tables.answers import is_one_of
from audits.tables.asking import group_label, number, real, rows_of
from audits.tables.contract import EvaluationTable
from audits.tables.moments import weight_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MAX_VALUES = 20_000
FINE_STEPS = 4_096
MAX_CATEGORIES = 30
LOSS, WEIGHT, BIN = "cadastre_loss", "cadastre_weight", "cadastre_bin_{}"


@dataclass(frozen=True)
class BinnedFeature:
    """A feature in bins: bin 0 holds missing values; bins of numbers rise and end at ``cuts``, others are ``categories``.

    The last category, "(other)", takes what is beyond the 30 commonest.
    """

    name: str
    cuts: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
    missing: bool = False

    @property
    def ordered(self) -> bool:
        """Tell whether the bins rise."""
        return not self.categories

    @property
    def bins(self) -> int:
        """Number of bins, that for missing values among them."""
        return 1 + (len(self.cuts) + 1 if self.ordered else len(self.categories))

    def words(self, place: int, *, alone: bool, inside: bool) -> str:
        """Say which rows lie on one side of a cut, in words."""
        if alone and place == 0:
            return f"{self.name} is {'' if inside else 'not '}missing"
        if alone:
            return f"{self.name} is {'' if inside else 'not '}{self.categories[place - 1]}"
        cut = f"{self.cuts[place - 1]:.6g}"
        return f"{self.name} ≤ {cut}" if inside else f"{self.name} > {cut}{' or missing' if self.missing else ''}"


@dataclass(frozen=True)
class Cut:
    """One side of a cut of one feature: bins up to ``place`` (or that bin alone), or all others."""

    feature: int
    alone: bool
    place: int
    inside: bool


class SegmentedTable:
    """A table with its loss, weight and the bin of each feature as columns, asked for sums by part and bin."""

    def __init__(self, table: EvaluationTable, loss: Any, features: tuple[str, ...], *, bins: int) -> None:
        held = [_binned(table, name, bins) for name in features]
        kept = [pair for pair in held if pair is not None]
        self.features = [feature for feature, _ in kept]
        columns = {BIN.format(at): place.cast("int64") for at, (_, place) in enumerate(kept)}
        self.expression = table.table.mutate(**{LOSS: loss, WEIGHT: weight_of(table)}, **columns)
        self.left_out = tuple(name for name, pair in zip(features, held, strict=True) if pair is None)

    def sums(self, parts: list[tuple[Cut, ...]]) -> list[list[Floats]]:
        """Return for each part of the table, and each feature in it, sums by bin, shape (n_bins, 5).

        The sums are rows, weights, squared weights, weighted losses and weighted squared losses. One statement.
        """
        import ibis
        import numpy as np

        at = ibis.cases(*[(self._inside(part), place) for place, part in enumerate(parts)], else_=-1).cast("int64")
        held = self.expression.mutate(cadastre_part=at)
        weight, loss = held[WEIGHT], held[LOSS]
        asked = {
            "n": held.count(),
            "weight": weight.sum(),
            "square": (weight * weight).sum(),
            "loss": (weight * loss).sum(),
            "loss_square": (weight * loss * loss).sum(),
        }
        grouped = [
            held.group_by([held.cadastre_part.name("part"), held[BIN.format(which)].name("bin")])
            .aggregate(**asked)
            .mutate(feature=ibis.literal(which).cast("int64"))
            for which in range(len(self.features))
        ]
        rows = rows_of(grouped[0].union(*grouped[1:]) if len(grouped) > 1 else grouped[0])
        found = [[np.zeros((feature.bins, 5)) for feature in self.features] for _ in parts]
        for row in rows:
            if int(row["part"]) >= 0:
                found[int(row["part"])][int(row["feature"])][int(row["bin"])] += [row[name] for name in asked]
        return found

    def words(self, part: tuple[Cut, ...]) -> str:
        """Say in words which rows a part holds."""
        said = [self.features[cut.feature].words(cut.place, alone=cut.alone, inside=cut.inside) for cut in part]
        return " and ".join(said)

    def _inside(self, part: tuple[Cut, ...]) -> Any:
        import ibis

        inside: Any = ibis.literal(True)
        for cut in part:
            place = self.expression[BIN.format(cut.feature)]
            chosen = place == cut.place if cut.alone else (place >= 1) & (place <= cut.place)
            inside = inside & (chosen if cut.inside else ~chosen)
        return inside


def _binned(table: EvaluationTable, name: str, bins: int) -> tuple[BinnedFeature, Any] | None:
    """Return a feature in bins and the expression of the bin; None for a kind of column that is not searched."""
    import ibis

    column = table.table[name]
    kind = column.type()
    if kind.is_numeric():
        value = real(column)
        value = value.isnan().ifelse(None, value)
        cuts, missing = _cuts(table, value, bins)
        place = sum(((value > number(cut)).ifelse(1, 0).cast("int64") for cut in cuts), ibis.literal(1).cast("int64"))
        return BinnedFeature(name, cuts=cuts, missing=missing), ibis.coalesce(place + (value - value).cast("int64"), 0)
    if not (kind.is_string() or kind.is_boolean()):
        return None
    rows = rows_of(table.table.group_by(column.name("value")).aggregate(n=table.table.count()).limit(MAX_VALUES + 1))
    if len(rows) > MAX_VALUES:
        return None
    known = [row for row in rows if row["value"] is not None]
    known.sort(key=lambda row: (-int(row["n"]), group_label(row["value"])))
    kept = known[:MAX_CATEGORIES]
    names = [group_label(row["value"]) for row in kept] + (["(other)"] if len(known) > len(kept) else [])
    if not names:
        return None
    cases = [(is_one_of(column, [row["value"]]), place) for place, row in enumerate(kept, start=1)]
    place = ibis.cases((column.isnull(), 0), *cases, else_=len(kept) + 1)
    return BinnedFeature(name, categories=tuple(names)), place


def _cuts(table: EvaluationTable, value: Any, bins: int) -> tuple[tuple[float, ...], bool]:
    """Return up to ``bins`` - 1 cuts between about equal numbers of rows (equal values stay together); any missing?"""
    held = table.table.mutate(cadastre_value=value)
    column = held.cadastre_value
    rows = rows_of(held.group_by(column.name("value")).aggregate(n=held.count()).limit(MAX_VALUES + 1))
    if len(rows) > MAX_VALUES:
        ends = rows_of(held.aggregate(low=column.min(), high=column.max()))[0]
        low, width = float(ends["low"]), (float(ends["high"]) - float(ends["low"])) / FINE_STEPS
        if not 0.0 < width < float("inf"):
            return (), False
        step = ((column - number(low)) / number(width)).ceil().clip(lower=0, upper=FINE_STEPS)
        rows = [
            {"value": None if row["step"] is None else low + width * float(row["step"]), "n": row["n"]}
            for row in rows_of(held.group_by(step.name("step")).aggregate(n=held.count()))
        ]
    counts = sorted((float(row["value"]), int(row["n"])) for row in rows if row["value"] is not None)
    total, reached, cuts = sum(n for _, n in counts), 0, list[float]()
    for value_at, n in counts[:-1]:
        before = reached * bins // total
        reached += n
        if reached * bins // total > before:
            cuts.append(value_at)
    return tuple(cuts), len(counts) < len(rows)
