"""Where does a version come from, and where did it go? Its lineage as boxes and arrows, and as a table."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.safestring import SafeString

from governance.console.charts.graph import Edge, Node, lineage
from governance.console.tags import kind_name
from registry.lineage import ancestors, descendants
from registry.models import LineageEdge, ModelVersion


@dataclass(frozen=True)
class Ancestry:
    """The drawing and the edges it shows."""

    drawing: SafeString | None
    edges: list[LineageEdge]


def ancestry_of(version: ModelVersion) -> Ancestry:
    """Return the lineage of a version: all that led to it, and what came directly of it."""
    here = (version.ledger_kind, version.ledger_key())
    edges = ancestors(here) + [edge for edge in descendants(here) if (edge.source_kind, edge.source_key) == here]
    nodes: dict[tuple[str, str], Node] = {here: _node(here, here)}
    for edge in edges:
        for place in ((edge.source_kind, edge.source_key), (edge.target_kind, edge.target_key)):
            nodes.setdefault(place, _node(place, here))
    arrows = [
        Edge(
            "/".join((edge.source_kind, edge.source_key)),
            "/".join((edge.target_kind, edge.target_key)),
            edge.get_relation_display(),
        )
        for edge in edges
    ]
    return Ancestry(lineage(list(nodes.values()), arrows), edges)


def _node(place: tuple[str, str], here: tuple[str, str]) -> Node:
    kind, key = place
    label = f"sha256:{key[:12]}…" if kind == "artifact" else key[:12] if kind == "commit" else key
    return Node("/".join(place), kind_name(kind), label, subject=place == here)
