"""What is worked out beside the attributions where the plan asks for it? Effects, reasons and counterfactuals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from audits.explanations import counterfactuals, dependence, reasons
from audits.explanations.contract import Explanation
from audits.explanations.offers import answers
from audits.explanations.plan import ExplainPlan

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def with_effects(
    explanation: Explanation,
    model: Any,
    background: Any,
    sample: Any,
    *,
    values: NDArray[np.float64],
    places: NDArray[np.int64],
    column: int | None,
    plan: ExplainPlan,
    seed: int,
) -> Explanation:
    """Return the explanation with what the plan asks for; what fails is told in the notes and takes nothing away.

    ``values``: contributions of the explained rows, whose places in ``sample`` are ``places``. Rows and values asked
    for are bounded by the constants of each part, whatever the size of the tables.
    """
    notes = list(explanation.notes)

    def tried(name: str, work: Callable[[], Any], otherwise: Any) -> Any:
        try:
            return work()
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 -- a foreign model may raise anything at values it never saw
            notes.append(f"{name}: not possible, {type(error).__name__}")
            return otherwise

    if plan.effects:
        effects = tried("dependence", lambda: _dependence(explanation, model, background, sample, column), ())
        pairs = tried("interactions", lambda: _interactions(explanation, model, sample, column), ())
        explanation = replace(explanation, dependence=effects, interactions=pairs)
    if not (plan.local_rows or plan.counterfactual_rows or plan.previous):
        return replace(explanation, notes=tuple(notes)[:20])
    rows = sample.iloc[places]
    told = answers(model, rows, column)
    if plan.local_rows:
        names = list(explanation.features)
        explanation = replace(
            explanation,
            local=tried("local", lambda: reasons.local(values, told, places, names, plan), ()),
            fidelity=tried(
                "reason fidelity",
                lambda: reasons.fidelity(model, background, rows, values, told, column=column, plan=plan, seed=seed),
                None,
            ),
        )
    library = tried(
        "counterfactuals",
        lambda: counterfactuals.library(model, background, rows, told, column=column, plan=plan, seed=seed),
        None,
    )
    if library is not None and library.kept:
        notes.append(
            f"{len(library.kept)} sampled rows leave with their values, in the counterfactual library; no others."
        )
    return replace(explanation, counterfactuals=library, notes=tuple(notes)[:20])


def _most_important(explanation: Explanation, count: int) -> list[int]:
    order = sorted(range(len(explanation.features)), key=lambda at: (-explanation.mean_abs[at], at))
    return order[:count]


def _spaced(sample: Any, limit: int) -> Any:
    import numpy as np

    return sample.iloc[np.unique(np.linspace(0, len(sample) - 1, min(limit, len(sample))).astype(np.int64))]


def _dependence(explanation: Explanation, model: Any, background: Any, sample: Any, column: int | None) -> Any:
    rows = _spaced(sample, dependence.DEPENDENCE_ROWS)
    found = (
        dependence.dependence(model, background, rows, feature, column=column)
        for feature in _most_important(explanation, dependence.DEPENDENCE_FEATURES)
    )
    return tuple(one for one in found if one is not None)


def _interactions(explanation: Explanation, model: Any, sample: Any, column: int | None) -> Any:
    rows = _spaced(sample, dependence.INTERACTION_ROWS)
    features = _most_important(explanation, dependence.INTERACTION_FEATURES)
    return dependence.interactions(model, rows, features, column=column)
