"""How does the model's answer move along one feature, and how much of two features' effect is only theirs together?"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

from audits.explanations.offers import answers
from audits.explanations.records import MAX_CURVES, Dependence, Interaction

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

GRID_VALUES = 20
MAX_CATEGORIES = 20
DEPENDENCE_FEATURES = 8
INTERACTION_FEATURES = 4
DEPENDENCE_ROWS = 200
INTERACTION_ROWS = 50
STEP = 1e-9


def dependence(model: Any, background: Any, sample: Any, feature: int, *, column: int | None) -> Dependence | None:
    r"""Return partial dependence and individual curves of one feature; None for a feature with a single value.

    .. math:: \mathrm{PD}(v) = \frac1n \sum_i f(x_i \text{ with } x_{ij} = v)

    The grid holds up to 20 quantiles of the background, from the 5th to the 95th percentile, or its most frequent
    categories; ``sample`` gives the rows. This is scikit-learn's ``partial_dependence`` by brute force on that grid.
    Sources: Friedman 2001, doi:10.1214/aos/1013203451; Goldstein et al. 2015, doi:10.1080/10618600.2014.907095.
    """
    values, ordered = grid(background.iloc[:, feature])
    if len(values) < 2:
        return None
    return summed_up(feature, values, curves_of(model, sample, feature, values, column=column), ordered=ordered)


def curves_of(
    model: Any, sample: Any, feature: int, values: list[float | str], *, column: int | None
) -> NDArray[np.float64]:
    """Return the answers on each row with a feature set to each value, float64 (rows, values)."""
    import numpy as np

    return np.stack([answers(model, changed(sample, {feature: value}), column) for value in values], axis=1)


def summed_up(feature: int, values: list[float | str], curves: NDArray[np.float64], *, ordered: bool) -> Dependence:
    """Return what is kept of the curves of one feature."""
    import numpy as np

    steps = np.diff(curves, axis=1)
    low, high = np.quantile(curves, [0.1, 0.9], axis=0)
    kept = np.unique(np.linspace(0, len(curves) - 1, min(MAX_CURVES, len(curves))).astype(np.int64))
    return Dependence(
        feature=feature,
        grid=tuple(values),
        mean=_floats(curves.mean(axis=0)),
        low=_floats(low),
        high=_floats(high),
        curves=tuple(_floats(curve) for curve in curves[kept]),
        rows=len(curves),
        falling=float((steps < -STEP).any(axis=1).mean()) if ordered else None,
        rising=float((steps > STEP).any(axis=1).mean()) if ordered else None,
    )


def grid(known: Any) -> tuple[list[float | str], bool]:
    """Return the values a feature is moved over, and whether they are numbers in rising order."""
    import numpy as np
    import pandas as pd

    present = known.dropna()
    if pd.api.types.is_numeric_dtype(present) and not isinstance(present.dtype, pd.CategoricalDtype):
        values = np.unique(present.to_numpy(dtype=np.float64))
        if len(values) > GRID_VALUES:
            places = np.linspace(0.05, 0.95, GRID_VALUES)
            values = np.unique(np.quantile(present.to_numpy(dtype=np.float64), places, method="nearest"))
        return [float(one) for one in values], True
    counts = present.astype(str).value_counts()
    names = sorted(counts.index, key=lambda name: (-counts[name], name))[:MAX_CATEGORIES]
    return [str(name)[:200] for name in names], False


def changed(rows: Any, values: dict[int, Any]) -> Any:
    """Return ``rows`` with some features set to one value, or to one value each; every column keeps its kind."""
    import numpy as np
    import pandas as pd

    made = {}
    for place, name in enumerate(rows.columns):
        column = rows.iloc[:, place]
        if place in values:
            new = values[place]
            filled = (
                np.full(len(rows), new, dtype=object if isinstance(new, str) else None) if np.ndim(new) == 0 else new
            )
            column = _like(pd.Series(filled, index=rows.index), column)
        made[name] = column
    return pd.DataFrame(made, index=rows.index)


def _like(values: Any, column: Any) -> Any:
    """Return ``values`` as the kind of ``column``, as numbers where a whole number becomes a fraction."""
    import pandas as pd

    if pd.api.types.is_integer_dtype(column.dtype):
        return values.astype("float64")
    if isinstance(column.dtype, pd.CategoricalDtype):
        return values.astype(str).map({str(known): known for known in column.cat.categories}).astype(column.dtype)
    return values.astype(column.dtype)


def interactions(
    model: Any, sample: Any, features: list[int], *, column: int | None
) -> tuple[tuple[Interaction, ...], float]:
    r"""Return the strength of each pair among ``features``, by Friedman and Popescu's H squared, and its largest error.

    .. math:: H^2_{jk} = \frac{\sum_i (\mathrm{PD}_{jk}(x_i) - \mathrm{PD}_j(x_i) - \mathrm{PD}_k(x_i))^2}
              {\sum_i \mathrm{PD}_{jk}(x_i)^2}

    with centred partial dependences at the rows of ``sample`` themselves. 0: the effects add up, or there is no joint
    effect. The error is the standard error of the ratio over the rows (Cochran 1977, 2.9), with the partial dependences
    taken as they are. Cost: rows squared predictions a pair. Source: Friedman and Popescu 2008,
    doi:10.1214/07-AOAS148, eq. 44.
    """
    import numpy as np

    single = {feature: _centred(model, sample, (feature,), column) for feature in features}
    found, worst = [], 0.0
    for first, second in combinations(features, 2):
        joint = _centred(model, sample, (first, second), column)
        whole = float((joint**2).sum())
        left = float(((joint - single[first] - single[second]) ** 2).sum())
        # a joint effect of rounding alone is none
        floor = len(sample) * (1e-9 * (1.0 + float(np.abs(joint).max(initial=0.0)))) ** 2
        strength = left / whole if whole > floor else 0.0
        found.append(Interaction(first, second, strength, len(sample)))
        if whole > floor and len(sample) > 1:
            apart = (joint - single[first] - single[second]) ** 2 - strength * joint**2
            worst = max(worst, float(np.sqrt(len(sample) / (len(sample) - 1) * (apart**2).sum())) / whole)
    return tuple(found), worst


def _centred(model: Any, sample: Any, features: tuple[int, ...], column: int | None) -> NDArray[np.float64]:
    """Return the centred partial dependence of ``features`` at each row of ``sample``, float64 (rows,)."""
    import numpy as np
    import pandas as pd

    size = len(sample)
    repeated = sample.iloc[np.tile(np.arange(size), size)].reset_index(drop=True)
    own = np.repeat(np.arange(size), size)
    mixed = {
        name: (sample.iloc[:, place].take(own).reset_index(drop=True) if place in features else repeated.iloc[:, place])
        for place, name in enumerate(sample.columns)
    }
    means = answers(model, pd.DataFrame(mixed), column).reshape(size, size).mean(axis=1)
    centred: NDArray[np.float64] = means - means.mean()
    return centred


def _floats(values: Any) -> tuple[float, ...]:
    return tuple(float(one) for one in values)
