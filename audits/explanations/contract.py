"""What does an explanation have to state to count as evidence? Plain data, JSON in and out."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

ROUTES = ("linear-closed-form", "tree", "permutation")
OUTPUTS = ("log-odds", "probability")
MAX_FEATURES = 2_000
MAX_POINTS_PER_FEATURE = 200
MAX_POINTS = 4_000

Point = tuple[int, float | None, float]
"""Index of the feature, quantile of its value among the sample (None: missing), contribution."""


@dataclass(frozen=True)
class Explanation:
    """Shapley values of a model's output over a sample, summed up, with what is needed to judge them.

    For a row x, the contributions phi_1(x) .. phi_M(x) add up to f(x) - ``base_value``, where ``base_value`` is the
    mean of f over the background (Lundberg and Lee 2017). ``output`` is the unit of f, of every contribution and of
    ``base_value``.

    ``mean_abs``: mean of |phi_j| over the sample, 0 = the feature moved no row's output. ``mean_abs_se``: its standard
    error over the rows. ``additivity_residual_max``: largest |base + sum(phi) - f(x)| over the sample, 0 = the
    contributions explain the output wholly. ``rank_stability``: lowest Kendall tau-b between the rankings of features
    by ``mean_abs`` under different seeds, each drawing another background; 1 = the same ranking, 0 = unrelated; None
    where there is nothing to compare. ``beeswarm``: points for a plot, bounded, without raw values.
    """

    route: str
    variant: str
    library: str
    output: str
    features: tuple[str, ...]
    background_sha256: str
    background_rows: int
    sample_sha256: str
    sample_rows: int
    base_value: float
    mean_abs: tuple[float, ...]
    mean_abs_se: tuple[float, ...]
    additivity_residual_max: float
    rank_stability: float | None
    seeds: tuple[int, ...]
    beeswarm: tuple[Point, ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the explanation as JSON values."""
        return {
            name: [list(part) if isinstance(part, tuple) else part for part in value]
            if isinstance(value, tuple)
            else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, value: object) -> Explanation:
        """Return the explanation a JSON value holds; raises ValueError, TypeError or KeyError for any other value."""
        if not isinstance(value, dict) or set(value) != set(cls.__dataclass_fields__):
            raise ValueError("an explanation has other fields")
        features = tuple(_text(name, 1_000) for name in _list(value["features"], MAX_FEATURES))
        found = cls(
            route=_among(value["route"], ROUTES),
            variant=_text(value["variant"], 100),
            library=_text(value["library"], 100),
            output=_among(value["output"], OUTPUTS),
            features=features,
            background_sha256=_text(value["background_sha256"], 64),
            background_rows=_count(value["background_rows"]),
            sample_sha256=_text(value["sample_sha256"], 64),
            sample_rows=_count(value["sample_rows"]),
            base_value=_number(value["base_value"]),
            mean_abs=tuple(_size(part) for part in _list(value["mean_abs"], MAX_FEATURES)),
            mean_abs_se=tuple(_size(part) for part in _list(value["mean_abs_se"], MAX_FEATURES)),
            additivity_residual_max=_size(value["additivity_residual_max"]),
            rank_stability=None if value["rank_stability"] is None else _number(value["rank_stability"]),
            seeds=tuple(_count(seed) for seed in _list(value["seeds"], 100)),
            beeswarm=tuple(_point(part, len(features)) for part in _list(value["beeswarm"], MAX_POINTS)),
            notes=tuple(_text(note, 500) for note in _list(value["notes"], 20)),
        )
        if not len(found.features) == len(found.mean_abs) == len(found.mean_abs_se):
            raise ValueError("an explanation has one number for each feature")
        if found.rank_stability is not None and not -1.0 <= found.rank_stability <= 1.0:
            raise ValueError("a rank correlation lies between -1 and 1")
        return found


def _list(value: object, limit: int) -> list[Any]:
    if not isinstance(value, list) or len(value) > limit:
        raise ValueError(f"expected a list of at most {limit}")
    return value


def _text(value: object, limit: int) -> str:
    if not isinstance(value, str) or len(value) > limit:
        raise ValueError(f"expected a text of at most {limit} characters")
    return value


def _among(value: object, known: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"expected one of {', '.join(known)}")
    return value


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**53:
        raise ValueError("expected a whole number")
    return value


def _number(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise ValueError("expected a finite number")
    return float(value)


def _size(value: object) -> float:
    number = _number(value)
    if number < 0:
        raise ValueError("expected a number that is not negative")
    return number


def _point(value: object, features: int) -> Point:
    index, quantile, contribution = _list(value, 3)
    place = None if quantile is None else _number(quantile)
    if _count(index) >= features or (place is not None and not 0.0 <= place <= 1.0):
        raise ValueError("a point lies outside the plot")
    return index, place, _number(contribution)
