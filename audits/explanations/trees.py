"""Which exact routes fit a model of trees? Tables for many rows, quadrature for deep trees, shap for few rows."""

from __future__ import annotations

from typing import Any

from audits.explanations import boosters, native, oblivious, quadrature, shap_trees, sklearn_trees, tables
from audits.explanations.columns import split
from audits.explanations.forest import Forest
from audits.explanations.offers import Offer

FEW_ROWS = 5


def offers(model: Any, features: list[str], *, column: int | None, rows: int | None = None) -> list[Offer]:
    """Return every route that explains ``model`` exactly, of both variants; none for a model not known here.

    Where only ``rows`` rows are to be explained along the paths, and a library does that in less time than the other
    routes take to be made ready, these are not made ready.
    """
    few = rows is not None and rows <= FEW_ROWS and column is not None
    forest = None if few and boosters.library_of(split(model)[1]) else read(model, features, column=column)
    own = native.offer(model, features, forest, column=column)
    if forest is None:
        tabulated = [] if few else oblivious.offers(model, features, column=column)
        return [offer for offer in (*tabulated, own) if offer is not None]
    told = [shap_trees.offer(forest, model, variant, column) for variant in ("interventional", "path-dependent")]
    made = [offer for offer in (own, *told) if offer is not None]
    quick = [offer.seconds(rows, 0) for offer in made if offer.variant == "path-dependent"] if rows is not None else []
    if not quick or min(quick) > tables.least_seconds(forest):
        made = [*tables.offers(forest), *made]
    quick = [offer.seconds(rows, 0) for offer in made if offer.variant == "path-dependent"] if rows is not None else []
    if not quick or min(quick) > quadrature.least_seconds():
        made += [offer for offer in (quadrature.offer(forest),) if offer is not None]
    return made


def read(model: Any, features: list[str], *, column: int | None) -> Forest | None:
    """Return the trees of ``model``; None where they cannot be read."""
    if boosters.library_of(split(model)[1]):
        return boosters.forest(model, features, column=column)
    return sklearn_trees.forest(model, features, column=column)
