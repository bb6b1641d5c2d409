"""By which route is a model explained? The cheapest exact one by predicted cost; asking many times is the last resort."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from audits.explanations import linear, sampled, trees
from audits.explanations.contract import Explanation
from audits.explanations.effects import with_effects
from audits.explanations.offers import Offer, answers, explained_class
from audits.explanations.plan import ExplainPlan
from audits.explanations.quality import (
    Contributions,
    beeswarm,
    importance,
    is_exact,
    lowest_rank_correlation,
    redrawn,
    residual,
    scale,
)
from audits.explanations.records import Cost
from audits.explanations.strata import Selection, everything, stratified

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def offers(
    model: Any, features: list[str], *, column: int | None, variant: str = "any", rows: int | None = None
) -> list[Offer]:
    """Return the exact routes that fit ``model``, linear closed form and trees, of the ``variant`` asked for.

    "any" takes the interventional routes whose cost does not grow with rows times background, else the path-dependent
    ones: a choice by the model alone, so that every chunk of a sample is explained alike. ``rows``: how many are to be
    explained, where routes that cannot pay off for so few need not be made ready.
    """
    closed = linear.offer(model, features, column=column)
    if closed is not None:
        return [closed] if variant in ("any", closed.variant) else []
    found = trees.offers(model, features, column=column, rows=rows if variant == "path-dependent" else None)
    if variant == "any":
        affordable = [offer for offer in found if offer.variant == "interventional" and offer.route != "tree-shap"]
        variant = "interventional" if affordable else "path-dependent"
        variant = variant if any(offer.variant == variant for offer in found) else "interventional"
    return [offer for offer in found if offer.variant == variant]


def attributions(
    model: Any,
    background: Any,
    sample: Any,
    *,
    column: int | None = 1,
    variant: str = "any",
    route: str = "",
) -> Contributions:
    """Return the Shapley values of ``sample`` alone, by the cheapest exact route or by the ``route`` named.

    For measuring: neither seeds, nor effects, nor a budget; frames as for ``explain``. Raises ValueError where no exact
    route fits.
    """
    rows = None if route else len(sample)
    known = offers(model, [str(name) for name in sample.columns], column=column, variant=variant, rows=rows)
    known = [offer for offer in known if route in ("", offer.route)]
    if not known:
        raise ValueError(f"no exact route{f' {route!r}' if route else ''} fits this model")
    cheapest = min(known, key=lambda offer: offer.seconds(len(sample), len(background)))
    return cheapest.contributions(background, sample)


@lru_cache(maxsize=1)
def _thread_pools(modules: int) -> Any:
    """Return what limits threads; looked for again when ``modules``, so many are loaded, may have brought another pool."""
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]  # it has no types

    return ThreadpoolController()


def explain(
    model: Any,
    background: Any,
    sample: Any,
    *,
    column: int | None,
    seeds: tuple[int, ...] = (0, 1, 2),
    plan: ExplainPlan | None = None,
) -> Explanation:
    """Explain ``model`` on ``sample`` against the whole ``background`` (frames of the same columns); in the sandbox only.

    ``column`` is the class explained, None for a predicted value. The first seed's numbers are those of the data as they
    are; each other seed re-draws the rows, and the background where the values hang on it, and tells how stable the
    ranking is. Where the predicted cost is over the plan's budget, a sample stratified by the model's answers is
    explained and its standard error given. An exact route whose additivity residual is too large is given up, and the
    explanation notes it. The digests are left empty for the parent to fill in. Raises ValueError for an empty table or
    no seed.
    """
    plan = plan or ExplainPlan()
    if len(background) == 0 or len(sample) == 0 or not seeds:
        raise ValueError("an explanation needs a background, a sample and a seed")
    began = time.process_time()
    features = [str(name) for name in sample.columns]
    with _thread_pools(len(sys.modules)).limit(limits=1):
        found = _attributed(model, background, sample, column=column, seeds=seeds, plan=plan)
    mean, error = importance(found.first.values, found.chosen.strata, found.chosen.sizes)
    if found.first.background_rows < len(background):
        found.notes.append(
            f"background: {found.first.background_rows} of {len(background)} rows, evenly spaced, took part; its digest is "
            "that of all of them"
        )
    explanation = Explanation(
        route=found.first.route,
        variant=found.first.variant,
        library=found.first.library,
        output=found.first.output,
        features=tuple(features),
        background_sha256="",
        background_rows=found.first.background_rows,
        sample_sha256="",
        sample_rows=len(found.chosen.rows),
        base_value=found.first.base,
        mean_abs=tuple(mean.tolist()),
        mean_abs_se=tuple(error.tolist()),
        additivity_residual_max=residual(found.first),
        rank_stability=lowest_rank_correlation([ranking for ranking, _ in found.rankings]),
        seeds=tuple(seeds),
        beeswarm=beeswarm(found.first.values, sample.iloc[found.chosen.rows], background),
        notes=tuple(found.notes)[:20],
        explained=explained_class(model, column),
        asked_rows=len(sample),
        selection=found.chosen.words,
        output_scale=scale(found.first),
        by_seed=tuple(tuple(ranking) for ranking, _ in found.rankings),
        seed_weights=tuple(weight for _, weight in found.rankings),
    )
    used = time.process_time() - began
    explanation = replace(explanation, cost=Cost(found.predicted, used, plan.budget_seconds, found.considered))
    return with_effects(
        explanation,
        model,
        background,
        sample,
        values=found.first.values,
        places=found.chosen.rows,
        column=column,
        plan=plan,
        seed=seeds[0],
    )


@dataclass(frozen=True)
class _Attributed:
    first: Contributions
    chosen: Selection
    rankings: list[tuple[list[float], float]]
    notes: list[str]
    predicted: float
    considered: tuple[tuple[str, float], ...]


def _attributed(
    model: Any, background: Any, sample: Any, *, column: int | None, seeds: tuple[int, ...], plan: ExplainPlan
) -> _Attributed:
    """Try the offers from the cheapest on; the first that is exact is taken."""
    notes: list[str] = []
    names = [str(name) for name in sample.columns]
    known = offers(model, names, column=column, variant=plan.variant, rows=len(sample))
    known = sorted(known, key=lambda offer: _predicted(offer, len(sample), len(background), seeds))
    considered = [
        (f"{offer.route}, {offer.variant}"[:50], _predicted(offer, len(sample), len(background), seeds))
        for offer in known
    ]
    for offer in known:
        try:
            found = _by(offer, model, background, sample, column=column, seeds=seeds, plan=plan)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 -- a foreign model may raise anything; the next route is tried
            notes.append(f"{offer.route}: not possible, {type(error).__name__}")
            continue
        if is_exact(found.first):
            return replace(found, notes=notes, considered=tuple(considered))
        notes.append(f"{offer.route}: given up, additivity residual {residual(found.first):.3g} {found.first.output}")
    last = sampled.offer(model, background, column=column, seed=seeds[0])
    considered.append((f"{last.route}, {last.variant}", _predicted(last, len(sample), len(background), seeds)))
    found = _by(last, model, background, sample, column=column, seeds=seeds, plan=plan)
    return replace(found, notes=notes, considered=tuple(considered))


def _by(
    offer: Offer,
    model: Any,
    background: Any,
    sample: Any,
    *,
    column: int | None,
    seeds: tuple[int, ...],
    plan: ExplainPlan,
) -> _Attributed:
    """Explain by one route: the data as they are, and the rankings of the seeds."""
    chosen = _chosen(offer, model, background, sample, column=column, seeds=seeds, plan=plan)
    predicted = _predicted(offer, len(chosen.rows), len(background), seeds)
    rows = sample if len(chosen.rows) == len(sample) else sample.iloc[chosen.rows]
    counts = [_counts(len(background), seed) for seed in seeds[1:]] if offer.varies else []
    first = offer.contributions(background, rows, counts)
    rankings = []
    for place, seed in enumerate(seeds):
        weights = chosen.weights * redrawn(rows, seed) if place else chosen.weights
        values = first.redrawn[place - 1] if place and offer.varies else first.values
        rankings.append(_ranking(values, weights))
    return _Attributed(replace(first, redrawn=()), chosen, rankings, [], predicted, ())


def _counts(rows: int, seed: int) -> NDArray[np.float64]:
    """Return how often each row of a background is drawn again, float64 (rows,)."""
    import numpy as np

    drawn = np.random.default_rng(seed).integers(0, rows, size=rows)
    return np.bincount(drawn, minlength=rows).astype(np.float64)


def _predicted(offer: Offer, rows: int, background_rows: int, seeds: tuple[int, ...]) -> float:
    """Return the predicted cost of all seeds: each other seed adds to the work where the values hang on the background."""
    return offer.seconds(rows, background_rows, len(seeds) if offer.varies else 1)


def _chosen(
    offer: Offer,
    model: Any,
    background: Any,
    sample: Any,
    *,
    column: int | None,
    seeds: tuple[int, ...],
    plan: ExplainPlan,
) -> Selection:
    """Return every row where that fits into the budget, else as many as do, stratified by the model's answers."""
    total, size = len(sample), len(background)
    budget = plan.budget_seconds
    if budget is None or _predicted(offer, total, size, seeds) <= budget:
        return everything(total)
    fixed = _predicted(offer, 0, size, seeds)
    each = (_predicted(offer, total, size, seeds) - fixed) / total
    affordable = int((budget - fixed) / each) if each > 0 else total
    return stratified(answers(model, sample, column), affordable, seed=seeds[0])


def _ranking(values: NDArray[np.float64], weights: NDArray[np.float64]) -> tuple[list[float], float]:
    """Return mean |phi| over rows of which each counts with its weight, and the sum of the weights."""
    import numpy as np

    total = float(weights.sum())
    means = weights @ np.abs(values) / total if total > 0 else np.zeros(values.shape[1])
    return [float(one) for one in means], total
