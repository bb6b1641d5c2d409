"""What is an explanation asked to hold, and how much may it cost? Plain data that goes into the sandbox."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from audits.explanations import bounded
from audits.explanations.records import MAX_KEPT, MAX_LOCAL, Counterfactual

if TYPE_CHECKING:
    from audits.explanations.contract import Explanation

VARIANTS = ("any", "interventional", "path-dependent")


@dataclass(frozen=True)
class ExplainPlan:
    """What to explain besides the attributions, and within which bounds.

    ``variant``: which Shapley values; "any" takes interventional ones where they are exact within the budget, else
    path-dependent ones, and the explanation says which. ``budget_seconds``: processor time the attributions may take,
    and again what is worked out beside them; over it a stratified sample is explained, and said so. ``threshold``: a
    row is decided favourably when its answer is at least this, or below it where ``favourable_high`` is False; None:
    nothing is decided. ``effects``: whether partial dependence and interactions are worked out; ``local_rows`` and
    ``counterfactual_rows``: how many rows decided against are explained one by one, and searched for counterfactuals.
    ``reasons``, ``monotone``, ``fixed``: declared words for a feature, direction ("increasing", "decreasing"), and
    features nobody can change (immutable and sensitive ones).
    ``previous``: counterfactuals kept from the version in place, to be put to this model, and ``previous_features`` the
    features of that version in the order of their cells.
    """

    variant: str = "any"
    budget_seconds: float | None = 60.0
    threshold: float | None = None
    favourable_high: bool = True
    effects: bool = False
    local_rows: int = 0
    named_reasons: int = 4
    counterfactual_rows: int = 0
    reasons: Mapping[str, str] = field(default_factory=dict)
    monotone: Mapping[str, str] = field(default_factory=dict)
    fixed: tuple[str, ...] = ()
    previous: tuple[Counterfactual, ...] = ()
    previous_features: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS or not 1 <= self.named_reasons <= 20:
            raise ValueError(f"a variant is one of {', '.join(VARIANTS)}; 1 to 20 reasons are named")
        if not 0 <= self.local_rows <= MAX_LOCAL or not 0 <= self.counterfactual_rows <= MAX_KEPT:
            raise ValueError(f"at most {MAX_LOCAL} rows are explained singly, {MAX_KEPT} searched for counterfactuals")

    def to_json(self) -> dict[str, Any]:
        """Return the plan as JSON values; ``from_json`` gives it back equal."""
        from dataclasses import asdict

        plain: dict[str, Any] = bounded.plain(asdict(self))
        return plain

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ExplainPlan:
        """Read what ``to_json`` wrote."""
        kept = tuple(Counterfactual.from_json(one) for one in value["previous"])
        names = {name: tuple(value[name]) for name in ("fixed", "previous_features")}
        return cls(**(dict(value) | names | {"previous": kept}))


EFFECTS = ("dependence_range", "dependence_against_declared", "interaction_strength")
CASES = {"reason_fidelity": 20}
SEARCHED = {"counterfactual_coverage": 30, "counterfactual_validity": 30}


def asked_for(
    checks: Collection[str],
    *,
    threshold: float | None,
    declared: Mapping[str, Any],
    sensitive: Collection[str] = (),
    previous: Explanation | None = None,
    budget_seconds: float | None = 60.0,
    first: bool = True,
) -> ExplainPlan:
    """Return what the named checks need of an explanation, for the ``first`` chunk of a sample or a later one.

    Effects, reasons and counterfactuals are worked out once, with the first chunk. ``declared`` is what the version says
    of itself: words for features ("reasons"), "monotone", features nobody can change ("immutable"), and "favourable":
    "low" where a low answer is the good one. Sensitive features are never changed.
    """
    if not first:
        return ExplainPlan(budget_seconds=budget_seconds)
    names = {slug.rpartition(".")[2] for slug in checks if slug.startswith("explainability.")}
    kept = previous.counterfactuals if previous is not None else None
    searches = bool(names & set(SEARCHED))
    return ExplainPlan(
        budget_seconds=budget_seconds,
        threshold=threshold,
        favourable_high=declared.get("favourable", "high") != "low",
        effects=bool(names & set(EFFECTS)),
        local_rows=max((CASES[name] for name in names & set(CASES)), default=0),
        counterfactual_rows=max((SEARCHED[name] for name in names & set(SEARCHED)), default=0),
        reasons=dict(declared.get("reasons") or {}),
        monotone=dict(declared.get("monotone") or {}),
        fixed=tuple(dict.fromkeys([*sensitive, *(declared.get("immutable") or ())])),
        previous=kept.kept if kept is not None and searches else (),
        previous_features=previous.features if previous is not None and kept is not None and searches else (),
    )
