"""What came from what? The lineage as boxes in layers with arrows from left to right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from audits.dossier.charts.plot import TINY, new_drawing, write
from audits.dossier.fonts import BOLD, SANS, width_of
from audits.dossier.palette import BLUE, BRAND, GREEN, MUTED, ORANGE, PAPER, RULE, SKY
from audits.dossier.pen import Drawing

MOST_NODES = 40
BOX_HEIGHT = 42.0
GAP = 14.0
TITLE = 6.6
KIND_COLOURS = {
    "dataset": GREEN,
    "dataset_version": GREEN,
    "artifact": SKY,
    "version": BLUE,
    "deployment": ORANGE,
    "person": MUTED,
}


def layers_of(nodes: list[str], edges: list[tuple[str, str]]) -> dict[str, int]:
    """Return the layer of each node: one more than its furthest source; a cycle stops growing after as many rounds.

    Longest-path layering by relaxation; nodes that nothing feeds stand in layer 0.
    """
    layer = dict.fromkeys(nodes, 0)
    for _round in range(len(nodes)):
        moved = False
        for source, target in edges:
            if layer[target] <= layer[source] < len(nodes) - 1:
                layer[target] = layer[source] + 1
                moved = True
        if not moved:
            break
    used = {value: index for index, value in enumerate(sorted(set(layer.values())))}
    return {node: used[value] for node, value in layer.items()}


def lineage(chart: Mapping[str, Any], width: float, label: Callable[[object], str]) -> Drawing:
    """Draw a directed graph.

    ``nodes``: list of ``{id, kind, title, detail, subject}`` (``subject`` marks the one the dossier is about);
    ``edges``: list of ``{source, target, text}``. At most 40 nodes are drawn, the table under the figure has all.
    """
    nodes = list(chart.get("nodes", ()))[:MOST_NODES]
    ids = [str(node["id"]) for node in nodes]
    edges = [edge for edge in chart.get("edges", ()) if str(edge["source"]) in ids and str(edge["target"]) in ids]
    layer = layers_of(ids, [(str(edge["source"]), str(edge["target"])) for edge in edges])
    columns = [[node for node in nodes if layer[str(node["id"])] == depth] for depth in sorted(set(layer.values()))]
    tallest = max((len(column) for column in columns), default=1)
    height = tallest * (BOX_HEIGHT + GAP) + 14
    drawing = new_drawing(width, height)
    count = max(len(columns), 1)
    room = 96.0 if count <= 3 else 30.0
    box = min(150.0, (width - room * (count - 1)) / count)
    if count > 1:
        room = (width - box * count) / (count - 1)
    place: dict[str, tuple[float, float]] = {}
    for depth, column in enumerate(columns):
        offset = (height - len(column) * (BOX_HEIGHT + GAP) + GAP) / 2
        for index, node in enumerate(column):
            place[str(node["id"])] = (depth * (box + room), height - offset - index * (BOX_HEIGHT + GAP) - BOX_HEIGHT)
    sources = Counter(str(edge["source"]) for edge in edges)
    for edge in edges:
        source, target = str(edge["source"]), str(edge["target"])
        _arrow(drawing, place[source], place[target], box, text=label(edge.get("text", "")), early=sources[source] > 1)
    for node in nodes:
        _node(drawing, node, place[str(node["id"])], box, label)
    left_out = len(chart.get("nodes", ())) - len(nodes)
    if left_out > 0:
        write(drawing, 0, 2, f"{left_out:,} further nodes are in the table only", size=TINY, colour=MUTED)
    return drawing


def _node(
    drawing: Drawing, node: Mapping[str, Any], at: tuple[float, float], box: float, label: Callable[[object], str]
) -> None:
    x, y = at
    subject = bool(node.get("subject"))
    colour = KIND_COLOURS.get(str(node.get("kind", "")), MUTED)
    stroke, weight = (BRAND, 1.6) if subject else (RULE, 0.8)
    drawing.rect(x, y, box, BOX_HEIGHT, fill=PAPER, stroke=stroke, weight=weight)
    drawing.rect(x, y, 3.2, BOX_HEIGHT, fill=colour)
    inside = box - 14
    kind = label(node.get("kind_text") or node.get("kind", ""))
    write(drawing, x + 9, y + BOX_HEIGHT - 9, kind, size=5.4, colour=MUTED, within=inside)
    for index, part in enumerate(_two_lines(label(node.get("title", "")), inside)):
        title_at = y + BOX_HEIGHT - 18 - index * 8.4
        write(drawing, x + 9, title_at, part, size=TITLE, bold=True, within=inside)
    write(drawing, x + 9, y + 4.6, label(node.get("detail", "")), size=5.8, colour=MUTED, within=inside)


def _two_lines(text: str, width: float) -> list[str]:
    """Return a title in one line if it fits, else in two, broken after a separator where one is near the end."""
    if width_of(text[:200], BOLD, TITLE) <= width:
        return [text]
    fits = len(text[:200])
    while fits > 1 and width_of(text[:fits], BOLD, TITLE) > width:
        fits -= 1
    cut = max((text.rfind(sign, 0, fits) + 1 for sign in "/- ._"), default=0)
    cut = cut if cut > fits // 2 else fits
    return [text[:cut], text[cut:]]


def _arrow(
    drawing: Drawing,
    source: tuple[float, float],
    target: tuple[float, float],
    box: float,
    *,
    text: str,
    early: bool,
) -> None:
    """Draw an arrow from the right side of one box to the left side of another.

    It bends ``early`` when several arrows leave the box, else late, so that its text stands on a line of its own.
    """
    x1, y1 = source[0] + box, source[1] + BOX_HEIGHT / 2
    x2, y2 = target[0], target[1] + BOX_HEIGHT / 2
    if x2 <= x1:
        x1, x2 = source[0] + box / 2, target[0] + box / 2
        y1, y2 = source[1], target[1] + BOX_HEIGHT
        points = [x1, y1, x1, (y1 + y2) / 2, x2, (y1 + y2) / 2, x2, y2]
        head = [x2, y2, x2 - 2.6, y2 + 5, x2 + 2.6, y2 + 5]
    else:
        bend = x1 + 14 if early else x2 - 16
        points = [x1, y1, bend, y1, bend, y2, x2 - 4, y2]
        head = [x2, y2, x2 - 5.4, y2 + 2.7, x2 - 5.4, y2 - 2.7]
    drawing.polyline(points, stroke=MUTED, weight=0.9)
    drawing.polygon(head, fill=MUTED)
    if text and width_of(text[:80], SANS, 5.4) <= x2 - x1 - 22:
        write(drawing, x1 + (17 if early else 3), (y2 if early else y1) + 2.6, text, size=5.4, colour=MUTED)
