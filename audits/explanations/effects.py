"""What is worked out beside the attributions where the plan asks for it? Effects, reasons and counterfactuals."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from audits.explanations import counterfactuals, dependence, reasons
from audits.explanations.contract import Explanation
from audits.explanations.offers import answers
from audits.explanations.plan import ExplainPlan
from audits.explanations.quality import importance
from audits.explanations.records import MAX_KEPT, Dependence, Interaction
from audits.explanations.strata import Selection, everything, stratified

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHARE = 1 / 3
"""Dependence, interactions and counterfactuals may each take this much of what the attributions may take."""
TRIAL_ROWS = 200


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

    ``values``: contributions of the explained rows, whose places in ``sample`` are ``places``. What asking the model
    costs is measured first; each part takes as many rows as its share of the plan's budget affords, at most a constant,
    stratified by the model's answers where they are not all, and the notes give rows and standard error.
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

    unbounded = Asking(model, sample, column, None, 0.0, 0.0, seed)
    asking = tried("cost of asking", lambda: unbounded.measured(plan), unbounded)
    if plan.effects:
        effects, said = tried("dependence", lambda: _dependence(explanation, asking, background), ((), ""))
        pairs, told = tried("interactions", lambda: _interactions(explanation, asking), ((), ""))
        notes += [one for one in (said, told) if one]
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
    within = replace(plan, counterfactual_rows=min(plan.counterfactual_rows, asking.searched(sample.shape[1])))
    library = tried(
        "counterfactuals",
        lambda: counterfactuals.library(model, background, rows, told, column=column, plan=within, seed=seed),
        None,
    )
    if library is not None and library.asked == within.counterfactual_rows < plan.counterfactual_rows:
        notes.append(
            f"counterfactuals: {plan.counterfactual_rows} rows are over the budget; {library.asked} drawn at random "
            "were searched"
        )
    if library is not None and library.kept:
        notes.append(
            f"{len(library.kept)} sampled rows leave with their values, in the counterfactual library; no others."
        )
    return replace(explanation, counterfactuals=library, notes=tuple(notes)[:20])


def _most_important(explanation: Explanation, count: int) -> list[int]:
    order = sorted(range(len(explanation.features)), key=lambda at: (-explanation.mean_abs[at], at))
    return order[:count]


@dataclass(frozen=True)
class Asking:
    """What asking a model costs, in seconds of processor time a call and a row, and the rows it may be asked of."""

    model: Any
    sample: Any
    column: int | None
    budget: float | None
    per_call: float
    per_row: float
    seed: int

    def measured(self, plan: ExplainPlan) -> Asking:
        """Return the same with the plan's budget and both costs, measured by asking of one row and of a few hundred."""
        if plan.budget_seconds is None or not (plan.effects or plan.counterfactual_rows):
            return self
        many = self.sample.iloc[[at % len(self.sample) for at in range(TRIAL_ROWS)]].reset_index(drop=True)
        alone = _seconds(lambda: answers(self.model, many.iloc[:1], self.column))
        together = _seconds(lambda: answers(self.model, many, self.column))
        each = max(0.0, together - alone) / TRIAL_ROWS
        return replace(self, budget=plan.budget_seconds, per_call=alone, per_row=each)

    def selected(self, most: int, *, calls: int, squared: bool) -> Selection:
        """Return the rows to take: all up to ``most`` and to what the budget affords, else stratified by the answers.

        Each of ``calls`` questions is asked of every row, or where ``squared`` of every pair of rows.
        """
        affordable = most
        if self.budget is not None:
            each = self.budget * SHARE / calls - self.per_call
            affordable = int(max(0.0, each) / self.per_row) if self.per_row > 0.0 else most**2
            affordable = int(affordable**0.5) if squared else affordable
        count = min(most, affordable)
        if count >= len(self.sample):
            return everything(len(self.sample))
        return stratified(answers(self.model, self.sample, self.column), count, seed=self.seed)

    def searched(self, width: int) -> int:
        """Return for how many rows the budget affords the search of a counterfactual, at least one."""
        changes, candidates, halvings = (
            counterfactuals.MAX_CHANGES,
            counterfactuals.CANDIDATES,
            counterfactuals.HALVINGS,
        )
        calls = 2 * changes + changes * halvings + 1
        each = calls * self.per_call + (changes * candidates * width + calls) * self.per_row
        affords = self.budget is None or each <= 0.0
        return MAX_KEPT if affords or self.budget is None else max(1, int(self.budget * SHARE / each))


def _seconds(work: Callable[[], Any]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _dependence(explanation: Explanation, asking: Asking, background: Any) -> tuple[tuple[Dependence, ...], str]:
    features = _most_important(explanation, dependence.DEPENDENCE_FEATURES)
    grids = {feature: dependence.grid(background.iloc[:, feature]) for feature in features}
    grids = {feature: found for feature, found in grids.items() if len(found[0]) > 1}
    calls = sum(len(values) for values, _ in grids.values())
    if not calls:
        return (), ""
    chosen = asking.selected(dependence.DEPENDENCE_ROWS, calls=calls, squared=False)
    rows, error, found = asking.sample.iloc[chosen.rows], 0.0, []
    for feature, (values, ordered) in grids.items():
        curves = dependence.curves_of(asking.model, rows, feature, values, column=asking.column)
        found.append(dependence.summed_up(feature, values, curves, ordered=ordered))
        # a shift moves no standard error, and makes each answer its own absolute value
        error = max(error, float(importance(curves - curves.min(), chosen.strata, chosen.sizes)[1].max()))
    return tuple(found), _told("dependence", chosen, asking, f"of a mean at most {error:.2g}")


def _interactions(explanation: Explanation, asking: Asking) -> tuple[tuple[Interaction, ...], str]:
    features = _most_important(explanation, dependence.INTERACTION_FEATURES)
    calls = max(1, len(features) * (len(features) + 1) // 2)
    chosen = asking.selected(dependence.INTERACTION_ROWS, calls=calls, squared=True)
    found, error = dependence.interactions(
        asking.model, asking.sample.iloc[chosen.rows], features, column=asking.column
    )
    return found, _told("interactions", chosen, asking, f"of a strength at most {error:.2g}")


def _told(name: str, chosen: Selection, asking: Asking, error: str) -> str:
    """Say of how many rows a part is, unless it is of all."""
    if len(chosen.rows) == len(asking.sample):
        return ""
    return f"{name}: {chosen.words}; standard error {error}"
