"""Where did a thing come from, and what depends on it? Walks of the lineage graph, bounded in depth and size."""

from __future__ import annotations

from registry.errors import DomainError
from registry.models.lineage import LineageEdge

Node = tuple[str, str]
NODE_LIMIT = 5_000


def ancestors(node: Node) -> list[LineageEdge]:
    """Return the edges that lead to ``node``, nearest first."""
    return _walk(node, upstream=True)


def descendants(node: Node) -> list[LineageEdge]:
    """Return the edges that lead away from ``node``, nearest first."""
    return _walk(node, upstream=False)


def reaches(start: Node, goal: Node) -> bool:
    """Tell whether ``goal`` is downstream of ``start``."""
    return any((edge.target_kind, edge.target_key) == goal for edge in descendants(start))


def _walk(start: Node, *, upstream: bool) -> list[LineageEdge]:
    near, far = ("target", "source") if upstream else ("source", "target")
    seen, frontier, found = {start}, [start], list[LineageEdge]()
    while frontier:
        keys = {key for _, key in frontier}
        edges = LineageEdge.objects.filter(**{f"{near}_key__in": keys})  # the field name is ours, never user text
        wanted, frontier = set(frontier), []
        for edge in edges.order_by("recorded_at", "id"):
            if (getattr(edge, f"{near}_kind"), getattr(edge, f"{near}_key")) not in wanted:
                continue
            found.append(edge)
            node = (getattr(edge, f"{far}_kind"), getattr(edge, f"{far}_key"))
            if node not in seen:
                seen.add(node)
                frontier.append(node)
        if len(seen) > NODE_LIMIT:
            raise DomainError("lineage-too-large", f"The lineage has more than {NODE_LIMIT} nodes.")
    return found
