"""By which route is a model explained? The fastest exact one that fits it; asking many times is the last resort."""

from __future__ import annotations

from typing import Any

from audits.explanations import linear, sampled, trees
from audits.explanations.contract import Explanation
from audits.explanations.quality import Contributions, beeswarm, importance, is_exact, rank_stability, residual

MAX_SAMPLE_ROWS = 2_000
_EXACT_ROUTES = (("linear-closed-form", linear.contributions), ("tree", trees.contributions))


def explain(
    model: Any,
    background: Any,
    sample: Any,
    *,
    column: int,
    seeds: tuple[int, ...] = (0, 1, 2),
    max_background_rows: int = 100,
) -> Explanation:
    """Explain ``model`` on ``sample`` against ``background`` (data frames with the same columns); in the sandbox only.

    Each seed draws another background of at most ``max_background_rows`` rows: without replacement where there are
    more, else as a bootstrap sample. The first seed's numbers are reported; the others measure how stable the ranking
    is. An exact route whose additivity residual is too large is given up, and the explanation notes it. The digests
    are left empty for the parent to fill in. Raises ValueError for an empty table or no seed.
    """
    if len(background) == 0 or len(sample) == 0 or not seeds:
        raise ValueError("an explanation needs a background, a sample and a seed")
    sample = sample.iloc[:MAX_SAMPLE_ROWS]
    notes: list[str] = []
    drawn = _background(background, seeds[0], max_background_rows, first=True)
    first, route = _first(model, drawn, sample, column=column, seed=seeds[0], notes=notes)
    rankings = [importance(first)[0]]
    for seed in seeds[1:]:
        drawn = _background(background, seed, max_background_rows, first=False)
        found = _along(route, model, drawn, sample, column=column, seed=seed)
        if found is not None:
            rankings.append(importance(found)[0])
    mean, error = importance(first)
    return Explanation(
        route=first.route,
        variant=first.variant,
        library=first.library,
        output=first.output,
        features=tuple(str(name) for name in sample.columns),
        background_sha256="",
        background_rows=first.background_rows,
        sample_sha256="",
        sample_rows=len(first.rows),
        base_value=first.base,
        mean_abs=tuple(mean.tolist()),
        mean_abs_se=tuple(error.tolist()),
        additivity_residual_max=residual(first),
        rank_stability=rank_stability(rankings),
        seeds=tuple(seeds),
        beeswarm=beeswarm(first, sample),
        notes=tuple(notes),
    )


def _first(
    model: Any, background: Any, sample: Any, *, column: int, seed: int, notes: list[str]
) -> tuple[Contributions, str]:
    """Return the contributions by the first route that fits and is exact, and its name."""
    for route, contributions in _EXACT_ROUTES:
        try:
            found = contributions(model, background, sample, column=column)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 -- shap refuses models it does not know in many ways
            notes.append(f"{route}: not possible, {type(error).__name__}")
            continue
        if found is not None and is_exact(found):
            return found, route
        if found is not None:
            notes.append(f"{route}: given up, additivity residual {residual(found):.3g} {found.output}")
    return sampled.contributions(model, background, sample, column=column, seed=seed), "permutation"


def _along(route: str, model: Any, background: Any, sample: Any, *, column: int, seed: int) -> Contributions | None:
    for name, contributions in _EXACT_ROUTES:
        if name == route:
            return contributions(model, background, sample, column=column)
    return sampled.contributions(model, background, sample, column=column, seed=seed)


def _background(table: Any, seed: int, limit: int, *, first: bool) -> Any:
    """Draw the background of one seed; the first seed takes a small table whole."""
    import numpy as np

    rng = np.random.default_rng(seed)
    if len(table) > limit:
        return table.iloc[np.sort(rng.choice(len(table), size=limit, replace=False))]
    return table if first else table.iloc[rng.integers(0, len(table), size=len(table))]
