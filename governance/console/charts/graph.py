"""What came from what? The lineage as boxes in columns, with labelled arrows from left to right."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from governance.console.charts import svg

BOX = (216, 46)
GAP = (84, 18)
MOST_NODES = 40


@dataclass(frozen=True)
class Node:
    """One box: ``kind`` in words above, ``label`` below; ``subject`` marks the one the page is about."""

    key: str
    kind: str
    label: str
    subject: bool = False


@dataclass(frozen=True)
class Edge:
    """One arrow, from what was there first to what came of it."""

    source: str
    target: str
    label: str


def lineage(nodes: list[Node], edges: list[Edge]) -> SafeString | None:
    """Draw at most 40 boxes; an arrow between boxes that are not both drawn is left out."""
    kept = nodes[:MOST_NODES]
    if not kept:
        return None
    keys = [node.key for node in kept]
    arrows = [edge for edge in edges if edge.source in keys and edge.target in keys]
    columns = _columns(keys, arrows)
    width = len(columns) * (BOX[0] + GAP[0]) - GAP[0] + 8
    tallest = max(len(column) for column in columns)
    height = tallest * (BOX[1] + GAP[1]) - GAP[1] + 8
    place: dict[str, tuple[float, float]] = {}
    for at, column in enumerate(columns):
        top = 4 + (tallest - len(column)) * (BOX[1] + GAP[1]) / 2
        for row, key in enumerate(column):
            place[key] = (4 + at * (BOX[0] + GAP[0]), top + row * (BOX[1] + GAP[1]))
    said = "; ".join(f"{edge.source} {edge.label} {edge.target}" for edge in arrows)
    tip = svg.tag("path", d="M0 0L8 4L0 8z", class_="arrowhead")
    head = svg.tag(
        "marker", tip, id="arrow", viewBox="0 0 8 8", refX=8, refY=4, markerWidth=8, markerHeight=8, orient="auto"
    )
    return svg.drawing(
        width,
        height,
        svg.tag("defs", head),
        *(_arrow(place[edge.source], place[edge.target], edge.label) for edge in arrows),
        *(_box(node, *place[node.key]) for node in kept),
        title=_("Lineage"),
        description=said or _("No edges are recorded."),
    )


def _columns(keys: list[str], edges: list[Edge]) -> list[list[str]]:
    """Return the keys by column: each one column right of its furthest source; a cycle stops after as many rounds."""
    depth = dict.fromkeys(keys, 0)
    for _round in keys:
        for edge in edges:
            depth[edge.target] = max(depth[edge.target], min(depth[edge.source] + 1, len(keys)))
    used = sorted(set(depth.values()))
    return [[key for key in keys if depth[key] == level] for level in used]


def _box(node: Node, x: float, y: float) -> SafeString:
    return svg.tag(
        "g",
        svg.tag("rect", x=x, y=y, width=BOX[0], height=BOX[1], rx=6, class_="box subject" if node.subject else "box"),
        svg.text(x + 12, y + 18, node.kind, kind="small", within=30),
        svg.text(x + 12, y + 35, node.label, kind="strong", within=25),
    )


def _arrow(start: tuple[float, float], end: tuple[float, float], label: str) -> SafeString:
    x1, y1, x2, y2 = start[0] + BOX[0], start[1] + BOX[1] / 2, end[0] - 2, end[1] + BOX[1] / 2
    middle = (x1 + x2) / 2
    curve = f"M{x1:.1f} {y1:.1f}C{middle:.1f} {y1:.1f} {middle:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
    return svg.tag(
        "g",
        svg.tag("path", svg.tag("title", label), d=curve, class_="arrow", marker_end="url(#arrow)"),
    )
