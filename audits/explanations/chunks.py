"""How do explanations of parts of a sample become the explanation of the whole? By their sums, exactly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from audits.explanations.contract import MAX_POINTS, Explanation, Point
from audits.explanations.quality import lowest_rank_correlation
from audits.explanations.records import Cost, LocalExplanation

SAME = ("variant", "output", "explained", "features", "background_sha256", "background_rows", "seeds")


def joined(parts: Sequence[Explanation]) -> Explanation:
    """Return the explanation of all rows whose disjoint chunks ``parts`` explain, in the order of the chunks.

    Means, standard errors and the rankings of the seeds are those of the whole to rounding, because each is a sum over
    rows and seeds weigh a row by its content alone. Where a chunk was sampled, chunks are strata:
    mean = sum (N_c/N) mean_c and se^2 = sum (N_c/N)^2 se_c^2. ``sample_sha256`` is left empty for the caller, who knows
    the whole sample. Effects, reasons and counterfactuals are kept from the first chunk that holds them. Raises
    ValueError for no part, and where the parts do not answer one question.
    """
    if not parts:
        raise ValueError("there is no part to join")
    first = parts[0]
    differing = [name for name in SAME if any(getattr(part, name) != getattr(first, name) for part in parts)]
    tolerance = 1e-6 * (1.0 + max(part.output_scale for part in parts))
    if differing or any(abs(part.base_value - first.base_value) > tolerance for part in parts):
        raise ValueError(f"parts of one explanation differ in {', '.join(differing) or 'base value'}")
    if len(parts) == 1:
        return first
    means, errors = _pooled(parts) if all(part.whole for part in parts) else _stratified(parts)
    by_seed, weights = _seeds(parts)
    selections = list(dict.fromkeys(part.selection for part in parts))
    routes = list(dict.fromkeys(part.route for part in parts))
    notes = [f"chunks by routes {', '.join(routes)}"] if len(routes) > 1 else []
    notes += [note for part in parts for note in part.notes]
    return replace(
        first,
        sample_sha256="",
        sample_rows=sum(part.sample_rows for part in parts),
        asked_rows=sum(_asked(part) for part in parts),
        selection="; ".join(selections)[:200],
        mean_abs=means,
        mean_abs_se=errors,
        additivity_residual_max=max(part.additivity_residual_max for part in parts),
        output_scale=max(part.output_scale for part in parts),
        rank_stability=lowest_rank_correlation(by_seed),
        by_seed=by_seed,
        seed_weights=weights,
        beeswarm=_thinned(parts),
        notes=tuple(dict.fromkeys(notes))[:20],
        cost=_cost(parts),
        dependence=next((part.dependence for part in parts if part.dependence), ()),
        interactions=next((part.interactions for part in parts if part.interactions), ()),
        local=_local(parts),
        fidelity=next((part.fidelity for part in parts if part.fidelity), None),
        counterfactuals=next((part.counterfactuals for part in parts if part.counterfactuals), None),
    )


def _asked(part: Explanation) -> int:
    return max(part.asked_rows, part.sample_rows)


def _pooled(parts: Sequence[Explanation]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard error s/sqrt(n) of all rows from those of the parts."""
    total = sum(part.sample_rows for part in parts)
    means, errors = [], []
    for at in range(len(parts[0].features)):
        mean = math.fsum(part.sample_rows * part.mean_abs[at] for part in parts) / total
        squares = math.fsum(
            part.sample_rows * (part.sample_rows - 1) * part.mean_abs_se[at] ** 2
            + part.sample_rows * (part.mean_abs[at] - mean) ** 2
            for part in parts
        )
        means.append(mean)
        errors.append(math.sqrt(squares / (total * (total - 1))) if total > 1 else 0.0)
    return tuple(means), tuple(errors)


def _stratified(parts: Sequence[Explanation]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    total = sum(_asked(part) for part in parts)
    shares = [_asked(part) / total for part in parts]
    width = range(len(parts[0].features))
    means = (math.fsum(w * part.mean_abs[at] for w, part in zip(shares, parts, strict=True)) for at in width)
    errors = (
        math.sqrt(math.fsum((w * part.mean_abs_se[at]) ** 2 for w, part in zip(shares, parts, strict=True)))
        for at in width
    )
    return tuple(means), tuple(errors)


def _seeds(parts: Sequence[Explanation]) -> tuple[tuple[tuple[float, ...], ...], tuple[float, ...]]:
    """Return the mean |phi| of each seed over all parts, and its weight; nothing where a part has none."""
    if any(not part.by_seed for part in parts):
        return (), ()
    weights = tuple(math.fsum(part.seed_weights[at] for part in parts) for at in range(len(parts[0].by_seed)))
    rows = []
    for at, weight in enumerate(weights):
        sums = [
            math.fsum(part.seed_weights[at] * part.by_seed[at][feature] for part in parts)
            for feature in range(len(parts[0].features))
        ]
        rows.append(tuple(one / weight if weight > 0 else 0.0 for one in sums))
    return tuple(rows), weights


def _thinned(parts: Sequence[Explanation]) -> tuple[Point, ...]:
    """Keep an even choice of the parts' points, within the bound of one explanation."""
    points = [point for part in parts for point in part.beeswarm]
    if len(points) <= MAX_POINTS:
        return tuple(points)
    return tuple(points[at * len(points) // MAX_POINTS] for at in range(MAX_POINTS))


def _cost(parts: Sequence[Explanation]) -> Cost | None:
    costs = [part.cost for part in parts if part.cost is not None]
    if not costs:
        return None
    bounds = [cost.budget for cost in costs]
    considered: dict[str, float] = {}
    for cost in costs:
        for route, seconds in cost.considered:
            considered[route] = considered.get(route, 0.0) + seconds
    return Cost(
        math.fsum(cost.predicted for cost in costs),
        math.fsum(cost.used for cost in costs),
        None if None in bounds else math.fsum(bound for bound in bounds if bound is not None),
        tuple(considered.items()),
    )


def _local(parts: Sequence[Explanation]) -> tuple[LocalExplanation, ...]:
    """Keep the first chunk's rows that were explained singly, counted from the begin of the whole sample."""
    before = 0
    for part in parts:
        if part.local:
            return tuple(replace(one, row=one.row + before) for one in part.local)
        before += _asked(part)
    return ()
