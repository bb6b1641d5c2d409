"""What does an explanation have to state to count as evidence? Plain data, JSON in and out."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from audits.explanations import bounded
from audits.explanations.records import (
    MAX_FEATURES,
    MAX_LOCAL,
    Cost,
    CounterfactualLibrary,
    Dependence,
    Interaction,
    LocalExplanation,
    ReasonFidelity,
)

ROUTES = ("linear-closed-form", "tree-tables", "tree-quadrature", "tree-shap", "native", "permutation")
OUTPUTS = ("log-odds", "probability", "margin", "value")
MAX_POINTS_PER_FEATURE = 200
MAX_POINTS = 4_000
MAX_SEEDS = 10
MAX_EFFECTS = 40

Point = tuple[int, float | None, float]
"""Index of the feature, quantile of its value among the background (None: missing or unordered), contribution."""


@dataclass(frozen=True)
class Explanation:
    """Shapley values of a model's output over a sample, summed up, with what is needed to judge them.

    For a row x, the contributions phi_1(x) .. phi_M(x) add up to f(x) - ``base_value`` (Lundberg and Lee 2017).
    ``output`` is the unit of f, of every contribution and of ``base_value``: log-odds or probability of the class
    ``explained``, its raw score before softmax (margin), or the predicted value. ``variant`` "interventional": the base
    is the mean of f over the background; "path-dependent": it is the mean over the rows the trees were grown on, as
    they recorded them, and the background enters only into plots and effects.

    ``mean_abs``: mean of |phi_j| over the rows asked for, 0 = the feature moved no row's output; ``mean_abs_se``: its
    standard error over the explained rows. ``sample_rows`` were explained of the ``asked_rows``; ``selection`` says how
    they were chosen, which is never by cutting off. ``additivity_residual_max``: largest |base + sum(phi) - f(x)|,
    0 = the contributions explain the output wholly; ``output_scale``: largest |f(x)|, to see the residual against.
    ``rank_stability``: lowest Kendall tau-b between the rankings of features by ``mean_abs`` under different seeds, each
    re-drawing rows and background; 1 = the same ranking, 0 = unrelated; None where there is nothing to compare.
    ``by_seed`` holds the mean |phi| of each seed, ``seed_weights`` how many re-drawn rows each is over. ``beeswarm``:
    points for a plot, bounded, without raw values. The records at the end are there where the plan asked for them.
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
    explained: str = ""
    asked_rows: int = 0
    selection: str = "all rows"
    output_scale: float = 0.0
    by_seed: tuple[tuple[float, ...], ...] = ()
    seed_weights: tuple[float, ...] = ()
    cost: Cost | None = None
    dependence: tuple[Dependence, ...] = ()
    interactions: tuple[Interaction, ...] = ()
    local: tuple[LocalExplanation, ...] = ()
    fidelity: ReasonFidelity | None = None
    counterfactuals: CounterfactualLibrary | None = None

    @property
    def whole(self) -> bool:
        """Tell whether every row asked for was explained."""
        return self.sample_rows >= self.asked_rows

    def to_json(self) -> dict[str, Any]:
        """Return the explanation as JSON values; ``from_json`` gives it back equal."""
        plain: dict[str, Any] = bounded.plain(self)
        return plain

    @classmethod
    def from_json(cls, value: object) -> Explanation:
        """Return the explanation a JSON value holds; raises ValueError, TypeError or KeyError for any other value.

        The fields that came later may be lacking in stored evidence; the earlier ones may not.
        """
        if not isinstance(value, dict):
            raise ValueError("an explanation is an object")
        known = {part.name for part in fields(cls)}
        found = {name: value.get(name, default) for name, default in LATER.items()} | value
        if set(found) != known:
            raise ValueError("an explanation has other fields")
        features = bounded.several(found["features"], MAX_FEATURES, lambda name: bounded.text(name, 1_000))

        def sizes(part: object) -> tuple[float, ...]:
            return bounded.several(part, MAX_FEATURES, bounded.size)

        made = cls(
            route=bounded.among(found["route"], ROUTES),
            variant=bounded.text(found["variant"], 100),
            library=bounded.text(found["library"], 100),
            output=bounded.among(found["output"], OUTPUTS),
            features=features,
            background_sha256=bounded.text(found["background_sha256"], 64),
            background_rows=bounded.count(found["background_rows"]),
            sample_sha256=bounded.text(found["sample_sha256"], 64),
            sample_rows=bounded.count(found["sample_rows"]),
            base_value=bounded.number(found["base_value"]),
            mean_abs=sizes(found["mean_abs"]),
            mean_abs_se=sizes(found["mean_abs_se"]),
            additivity_residual_max=bounded.size(found["additivity_residual_max"]),
            rank_stability=bounded.maybe(found["rank_stability"], bounded.number),
            seeds=bounded.several(found["seeds"], MAX_SEEDS, bounded.count),
            beeswarm=bounded.several(found["beeswarm"], MAX_POINTS, _point),
            notes=bounded.several(found["notes"], 20, bounded.text),
            explained=bounded.text(found["explained"], 200),
            asked_rows=bounded.count(found["asked_rows"]),
            selection=bounded.text(found["selection"], 200),
            output_scale=bounded.size(found["output_scale"]),
            by_seed=bounded.several(found["by_seed"], MAX_SEEDS, sizes),
            seed_weights=bounded.several(found["seed_weights"], MAX_SEEDS, bounded.size),
            cost=bounded.maybe(found["cost"], Cost.from_json),
            dependence=bounded.several(found["dependence"], MAX_EFFECTS, Dependence.from_json),
            interactions=bounded.several(found["interactions"], MAX_EFFECTS, Interaction.from_json),
            local=bounded.several(found["local"], MAX_LOCAL, LocalExplanation.from_json),
            fidelity=bounded.maybe(found["fidelity"], ReasonFidelity.from_json),
            counterfactuals=bounded.maybe(found["counterfactuals"], CounterfactualLibrary.from_json),
        )
        _agree(made)
        return made


LATER: dict[str, Any] = {
    "explained": "",
    "asked_rows": 0,
    "selection": "all rows",
    "output_scale": 0.0,
    "by_seed": [],
    "seed_weights": [],
    "cost": None,
    "dependence": [],
    "interactions": [],
    "local": [],
    "fidelity": None,
    "counterfactuals": None,
}


def _point(value: object) -> Point:
    index, quantile, contribution = bounded.listed(value, 3)
    return bounded.count(index), bounded.maybe(quantile, bounded.share), bounded.number(contribution)


def _agree(made: Explanation) -> None:
    """Raise ValueError where parts of an explanation contradict each other."""
    width = len(made.features)
    if not all(len(part) == width for part in (made.mean_abs, made.mean_abs_se, *made.by_seed)):
        raise ValueError("an explanation has one number for each feature")
    if len(made.by_seed) != len(made.seed_weights):
        raise ValueError("each seed has a weight")
    if made.rank_stability is not None and not -1.0 <= made.rank_stability <= 1.0:
        raise ValueError("a rank correlation lies between -1 and 1")
    if made.asked_rows and made.sample_rows > made.asked_rows:
        raise ValueError("no more rows can be explained than were asked for")
    named = [index for index, _, _ in made.beeswarm]
    named += [effect.feature for effect in made.dependence]
    named += [index for pair in made.interactions for index in (pair.first, pair.second)]
    named += [index for one in made.local for index, _ in one.against]
    kept = made.counterfactuals.kept if made.counterfactuals else ()
    named += [index for one in kept for index, _ in one.changes]
    if any(index >= width for index in named) or any(len(one.values) != width for one in kept):
        raise ValueError("a part of the explanation names a feature that is not there")
    if any(one.row >= max(made.asked_rows, made.sample_rows) for one in made.local):
        raise ValueError("a row lies outside the sample")
