"""Why was this row decided against, and do the reasons that are named really move the answer?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audits.explanations.dependence import changed
from audits.explanations.offers import answers
from audits.explanations.plan import ExplainPlan
from audits.explanations.records import LocalExplanation, ReasonFidelity

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FIDELITY_ROWS = 100
DRAWS = 20


def favourable(told: NDArray[np.float64], plan: ExplainPlan) -> NDArray[np.bool_]:
    """Tell which answers decide in favour; nothing does without a threshold."""
    import numpy as np

    if plan.threshold is None:
        return np.zeros(len(told), dtype=bool)
    return told >= plan.threshold if plan.favourable_high else told < plan.threshold


def named_against(values: NDArray[np.float64], plan: ExplainPlan) -> list[list[int]]:
    """Return for each row the features that push most against the favourable answer, most adverse first.

    ``values``: contributions, float64 (rows, features). A feature that does not push against it is never named.
    """
    import numpy as np

    adverse = -values if plan.favourable_high else values
    order = np.argsort(-adverse, axis=1, kind="stable")[:, : plan.named_reasons]
    return [
        [int(feature) for feature in chosen if push[feature] > 0] for chosen, push in zip(order, adverse, strict=True)
    ]


def local(
    values: NDArray[np.float64],
    told: NDArray[np.float64],
    places: NDArray[np.int64],
    names: list[str],
    plan: ExplainPlan,
) -> tuple[LocalExplanation, ...]:
    """Explain rows decided against one by one, evenly spaced by answer; without a threshold, rows of every answer.

    ``places``: the place in the sample of each row of ``values`` and ``told``.
    """
    import numpy as np

    known = plan.threshold is not None
    candidates = np.flatnonzero(~favourable(told, plan)) if known else np.arange(len(told))
    candidates = candidates[np.argsort(told[candidates], kind="stable")]
    if not len(candidates) or not plan.local_rows:
        return ()
    chosen = np.unique(np.linspace(0, len(candidates) - 1, min(plan.local_rows, len(candidates))).astype(np.int64))
    rows = candidates[chosen]
    found = []
    for row, against in zip(rows.tolist(), named_against(values[rows], plan), strict=True):
        pairs = tuple((feature, float(values[row, feature])) for feature in against)
        words = tuple(str(plan.reasons.get(names[feature], names[feature]))[:500] for feature in against)
        found.append(LocalExplanation(int(places[row]), float(told[row]), True if known else None, pairs, words))
    return tuple(found)


def typical(rows: Any) -> dict[int, Any]:
    """Return the median of each number and the most frequent of each category; a feature without values is left out."""
    import pandas as pd

    found: dict[int, Any] = {}
    for place in range(rows.shape[1]):
        present = rows.iloc[:, place].dropna()
        if not len(present):
            continue
        if pd.api.types.is_numeric_dtype(present) and not isinstance(present.dtype, pd.CategoricalDtype):
            found[place] = float(present.astype("float64").quantile(0.5, interpolation="nearest"))
        else:
            counts = present.astype(str).value_counts()
            found[place] = min(counts.index, key=lambda name: (-counts[name], name))
    return found


def fidelity(
    model: Any,
    background: Any,
    rows: Any,
    values: NDArray[np.float64],
    told: NDArray[np.float64],
    *,
    column: int | None,
    plan: ExplainPlan,
    seed: int,
) -> ReasonFidelity | None:
    """Put typical values of favourably decided rows in the place of the named factors, and see whether the answer moves.

    A row decided against counts as faithful when its answer moves towards the favourable one, and by more than on
    average over ``DRAWS`` random choices of as many features. None without a threshold, without a row decided against,
    or without a background row decided favourably. The background decides what is typical, and is only summed up.
    """
    import numpy as np

    if plan.threshold is None:
        return None
    good = background[favourable(answers(model, background, column), plan)]
    denied = np.flatnonzero(~favourable(told, plan))
    if not len(good) or not len(denied):
        return None
    denied = denied[np.unique(np.linspace(0, len(denied) - 1, min(FIDELITY_ROWS, len(denied))).astype(np.int64))]
    usual = typical(good)
    sign = 1.0 if plan.favourable_high else -1.0
    width = values.shape[1]
    rng = np.random.default_rng(seed)
    named = np.zeros((len(denied), width), dtype=bool)
    for row, features in enumerate(named_against(values[denied], plan)):
        named[row, features] = True
    counts = named.sum(axis=1)
    cases = rows.iloc[denied]

    def move(chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
        return sign * (answers(model, _replaced(cases, chosen, usual), column) - told[denied])

    by_named = move(named)
    draws = [
        move(rng.random((len(denied), width)).argsort(axis=1).argsort(axis=1) < counts[:, None]) for _ in range(DRAWS)
    ]
    by_random = np.mean(draws, axis=0)
    faithful = (by_named > 0) & (by_named > by_random)
    return ReasonFidelity(
        denied=len(denied),
        faithful=int(faithful.sum()),
        named=plan.named_reasons,
        draws=DRAWS,
        move_named=float(by_named.mean()),
        move_random=float(by_random.mean()),
    )


def _replaced(rows: Any, chosen: NDArray[np.bool_], usual: dict[int, Any]) -> Any:
    """Return ``rows`` with the chosen cells (rows, features) set to the usual value of their feature."""
    import numpy as np

    values: dict[int, Any] = {}
    for place, usually in usual.items():
        if chosen[:, place].any():
            own = rows.iloc[:, place].to_numpy(dtype=object)
            values[place] = np.where(chosen[:, place], np.array(usually, dtype=object), own)
    return changed(rows, values)
