"""What of a stored measurement speaks of single rows, thus perhaps of people? It is left out wherever one is read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

ONE_BY_ONE = "Rows explained one by one"
SCATTER = "Contribution against the place of the value among the background"
"""Titles under which such plots were stored."""


def unlinked(points: Iterable[Sequence[Any]]) -> list[Sequence[Any]]:
    """Return points of a scatter by feature (as they came), then by value: in the order of rows they join to rows."""
    given = list(points)
    order = {feature: at for at, feature in enumerate(dict.fromkeys(point[0] for point in given))}
    return sorted(given, key=lambda point: (order[point[0]], point[1] is None, point[1] or 0.0, point[2]))


def without_single_rows(measurement: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a stored measurement without what earlier releases wrote about single rows; nothing else is changed."""
    if measurement is None:
        return None
    told = measurement | {}
    detail = measurement.get("detail") or {}
    if "local" in detail:
        told["detail"] = {name: value for name, value in detail.items() if name != "local"}
    elif "beeswarm" in detail:
        told["detail"] = detail | {"beeswarm": unlinked(detail["beeswarm"])}
    if "plots" in measurement:
        told["plots"] = [_plot(plot) for plot in measurement["plots"] or () if plot.get("title") != ONE_BY_ONE]
    return told


def _plot(plot: dict[str, Any]) -> dict[str, Any]:
    return plot | {"rows": unlinked(plot["rows"])} if plot.get("title") == SCATTER else plot
