"""Which exact routes fit a model of trees? Tables for many rows, quadrature for deep trees, shap for few rows."""

from __future__ import annotations

from typing import Any

from audits.explanations import boosters, native, quadrature, shap_trees, sklearn_trees, tables
from audits.explanations.columns import split
from audits.explanations.forest import Forest
from audits.explanations.offers import Offer


def offers(model: Any, features: list[str], *, column: int | None) -> list[Offer]:
    """Return every route that explains ``model`` exactly, of both variants; none for a model not known here."""
    forest = read(model, features, column=column)
    found: list[Offer | None] = [native.offer(model, features, forest, column=column)]
    if forest is not None:
        found += tables.offers(forest)
        found.append(quadrature.offer(forest))
        found += [shap_trees.offer(forest, model, variant, column) for variant in ("interventional", "path-dependent")]
    return [offer for offer in found if offer is not None]


def read(model: Any, features: list[str], *, column: int | None) -> Forest | None:
    """Return the trees of ``model``; None where they cannot be read."""
    if boosters.library_of(split(model)[1]):
        return boosters.forest(model, features, column=column)
    return sklearn_trees.forest(model, features, column=column)
