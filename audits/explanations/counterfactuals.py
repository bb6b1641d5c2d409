"""What would have to be different for a favourable decision? A bounded, seeded search, and a library to ask again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audits.explanations.dependence import changed
from audits.explanations.offers import answers
from audits.explanations.plan import ExplainPlan
from audits.explanations.reasons import favourable
from audits.explanations.records import Cell, Counterfactual, CounterfactualLibrary

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_CHANGES = 3
CANDIDATES = 8
HALVINGS = 5


@dataclass(frozen=True)
class Space:
    """What may be changed, to which values, and what a change costs.

    ``candidates``: for each feature that may change, values that occur in the background; ``units``: the interquartile
    range of a number, None for a category; ``ranges``: lowest and highest number, or the known categories.
    """

    candidates: dict[int, list[Cell]]
    units: list[float | None]
    ranges: list[tuple[float, float] | frozenset[str]]


def library(
    model: Any,
    background: Any,
    rows: Any,
    told: NDArray[np.float64],
    *,
    column: int | None,
    plan: ExplainPlan,
    seed: int,
) -> CounterfactualLibrary | None:
    """Search the nearest favourable change of rows decided against, and ask the kept ones of the version in place again.

    The search is greedy: up to ``MAX_CHANGES`` features, each to one of ``CANDIDATES`` values of the background, the
    cheapest flip first; then each changed number is brought back towards its old value while the decision holds, and
    changes that are not needed are dropped. Fixed features are never changed; a feature declared monotone moves only
    the way that helps. What is found is valid and plausible, not the least possible. None without a threshold.
    Source: Wachter, Mittelstadt and Russell 2018, arXiv:1711.00399; Karimi et al. 2022, doi:10.1145/3527848.
    """
    import numpy as np

    if plan.threshold is None or not (plan.counterfactual_rows or plan.previous):
        return None
    names = [str(name) for name in rows.columns]
    fixed = tuple(place for place, name in enumerate(names) if name in plan.fixed)
    space = _space(background, fixed)
    denied = np.flatnonzero(~favourable(told, plan))
    rng = np.random.default_rng(seed)
    count = min(plan.counterfactual_rows, len(denied))
    chosen = np.sort(rng.choice(denied, size=count, replace=False)) if count else denied[:0]
    search = _Search(model, space, names, column, plan)
    kept = [one for place in chosen.tolist() if (one := search.nearest(rows.iloc[[place]])) is not None]
    rechecked, still = search.again(rows, plan)
    return CounterfactualLibrary(
        asked=count,
        found=sum(one.flips for one in kept),
        plausible=sum(one.flips and one.plausible for one in kept),
        kept=tuple(kept),
        rechecked=rechecked,
        still_flip=still,
        fixed=fixed,
    )


def _space(background: Any, fixed: tuple[int, ...]) -> Space:
    import numpy as np
    import pandas as pd

    candidates: dict[int, list[Cell]] = {}
    units: list[float | None] = []
    ranges: list[tuple[float, float] | frozenset[str]] = []
    for place in range(background.shape[1]):
        present = background.iloc[:, place].dropna()
        if pd.api.types.is_numeric_dtype(present) and not isinstance(present.dtype, pd.CategoricalDtype):
            numbers = np.sort(present.to_numpy(dtype=np.float64))
            places = np.linspace(0.02, 0.98, CANDIDATES) * (len(numbers) - 1)
            found: list[Cell] = (
                [float(one) for one in np.unique(numbers[places.astype(np.int64)])] if len(numbers) else []
            )
            low, high = (float(numbers[0]), float(numbers[-1])) if len(numbers) else (0.0, 0.0)
            spread = float(np.subtract(*np.quantile(numbers, [0.75, 0.25]))) if len(numbers) else 0.0
            units.append(spread or (high - low) or 1.0)
            ranges.append((low, high))
        else:
            counts = present.astype(str).value_counts()
            units.append(None)
            ranges.append(frozenset(counts.index))
            found = sorted(counts.index, key=lambda name: (-counts[name], name))[:CANDIDATES]
        if place not in fixed and len(found) > 1:
            candidates[place] = found
    return Space(candidates, units, ranges)


class _Search:
    def __init__(self, model: Any, space: Space, names: list[str], column: int | None, plan: ExplainPlan) -> None:
        self.model, self.space, self.names, self.column, self.plan = model, space, names, column, plan
        self.sign = 1.0 if plan.favourable_high else -1.0

    def nearest(self, row: Any) -> Counterfactual | None:
        """Return the cheapest favourable change found for one row (a frame), None where there is none."""
        own = [_cell(row.iloc[0, place]) for place in range(row.shape[1])]
        changes: dict[int, Cell] = {}
        for _ in range(MAX_CHANGES):
            tried = [
                changes | {feature: value}
                for feature, values in self.space.candidates.items()
                for value in values
                if value != own[feature] and self._helps(feature, own[feature], value)
            ]
            if not tried:
                return None
            told = self._ask(row, tried)
            flips = favourable(told, self.plan)
            far = [self.distance(own, one) for one in tried]
            if flips.any():
                cheapest = min((at for at in range(len(tried)) if flips[at]), key=lambda at: (far[at], at))
                return self._finished(row, own, tried[cheapest])
            best = max(range(len(tried)), key=lambda at: (self.sign * told[at], -far[at], -at))
            changes = tried[best]
        return None

    def _finished(self, row: Any, own: list[Cell], changes: dict[int, Cell]) -> Counterfactual:
        """Drop what is not needed, bring numbers back as far as the decision holds, and ask once more."""
        for feature in list(changes):
            fewer = {at: value for at, value in changes.items() if at != feature}
            if fewer and bool(favourable(self._ask(row, [fewer]), self.plan)[0]):
                changes = fewer
        for feature, value in list(changes.items()):
            start = own[feature]
            if not isinstance(value, float) or not isinstance(start, float):
                continue
            near, far = start, value
            for _ in range(HALVINGS):
                middle = (near + far) / 2.0
                if bool(favourable(self._ask(row, [changes | {feature: middle}]), self.plan)[0]):
                    far = middle
                else:
                    near = middle
            changes = changes | {feature: far}
        flips = bool(favourable(self._ask(row, [changes]), self.plan)[0])
        return Counterfactual(
            tuple(own), tuple(sorted(changes.items())), self.distance(own, changes), self.plausible(changes), flips
        )

    def again(self, rows: Any, plan: ExplainPlan) -> tuple[int, int]:
        """Return how many kept rows are still decided against, and how many of their changes still flip that."""
        import numpy as np
        import pandas as pd

        places = {name: place for place, name in enumerate(plan.previous_features)}
        if not plan.previous or set(self.names) != set(places):
            return 0, 0
        kinds = rows.iloc[[0]]
        before = [[one.values[places[name]] for name in self.names] for one in plan.previous]
        after = []
        for one, cells in zip(plan.previous, before, strict=True):
            new = {plan.previous_features[feature]: value for feature, value in one.changes}
            after.append([new.get(name, cell) for name, cell in zip(self.names, cells, strict=True)])

        def told(table: list[list[Cell]]) -> Any:
            like = kinds.iloc[np.zeros(len(table), dtype=np.int64)].reset_index(drop=True)
            columns = {
                at: pd.Series([line[at] for line in table], dtype=object).to_numpy() for at in range(len(self.names))
            }
            return favourable(answers(self.model, changed(like, columns), self.column), plan)

        against = ~told(before)
        return int(against.sum()), int((told(after) & against).sum())

    def distance(self, own: list[Cell], changes: dict[int, Cell]) -> float:
        """Return the sum of the changes in units of the interquartile range, 1 for a category or a missing value."""
        total = 0.0
        for feature, value in changes.items():
            unit, old = self.space.units[feature], own[feature]
            if unit is not None and isinstance(value, float) and isinstance(old, float):
                total += abs(value - old) / unit
            else:
                total += 1.0
        return total

    def plausible(self, changes: dict[int, Cell]) -> bool:
        """Tell whether each new value lies within what the background holds."""
        for feature, value in changes.items():
            known = self.space.ranges[feature]
            if isinstance(known, frozenset):
                inside = value in known
            else:
                inside = isinstance(value, float) and known[0] <= value <= known[1]
            if not inside:
                return False
        return True

    def _helps(self, feature: int, old: Cell, new: Cell) -> bool:
        """Tell whether a change of a feature declared monotone goes the way that helps."""
        declared = self.plan.monotone.get(self.names[feature])
        if declared is None or not isinstance(old, float) or not isinstance(new, float):
            return True
        upward = (declared == "increasing") == self.plan.favourable_high
        return new > old if upward else new < old

    def _ask(self, row: Any, tried: list[dict[int, Cell]]) -> NDArray[np.float64]:
        import numpy as np

        rows = row.iloc[np.zeros(len(tried), dtype=np.int64)].reset_index(drop=True)
        columns: dict[int, Any] = {}
        for feature in {feature for one in tried for feature in one}:
            column = rows.iloc[:, feature].to_numpy(dtype=object).copy()
            for at, one in enumerate(tried):
                if feature in one:
                    column[at] = one[feature]
            columns[feature] = column
        return answers(self.model, changed(rows, columns), self.column)


def _cell(value: Any) -> Cell:
    """Return a value of a feature as it may leave: a number, a short text, or None where it is missing."""
    import math

    import pandas as pd

    if pd.isna(value):
        return None
    if isinstance(value, str):
        return value[:200]
    number = float(value)
    return number if math.isfinite(number) else None
