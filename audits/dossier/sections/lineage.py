"""What did the version come from, and what came from it? The lineage as a figure and as a table."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from audits.dossier.content import Column, Figure, Section, Table
from audits.dossier.contract import SECTIONS, DossierSection, Facts, Gap
from audits.dossier.outline import BY_SLUG
from audits.dossier.record import instant_text, names_of
from registry.lineage import ancestors, descendants
from registry.models import LineageEdge, ModelVersion

PLANNED = BY_SLUG["lineage"]


@SECTIONS.register(PLANNED.slug)
class Lineage(DossierSection):
    """Dataset, version, artifact and deployment, joined by who recorded each edge and when."""

    slug, number, title, required_by = PLANNED.slug, PLANNED.number, PLANNED.title, PLANNED.required_by

    def gather(self, version: ModelVersion, as_of: datetime) -> Facts:
        """Walk the graph both ways from the version, over edges recorded up to the instant."""
        node = (version.ledger_kind, version.ledger_key())
        edges = {edge.pk: edge for edge in [*ancestors(node), *descendants(node)] if edge.recorded_at <= as_of}
        ordered = sorted(edges.values(), key=lambda edge: (edge.recorded_at, str(edge.pk)))
        people = names_of(str(edge.recorded_by_id) for edge in ordered)
        relations = dict(LineageEdge.Relation.choices)
        return {
            "edges": [
                {
                    "source": [edge.source_kind, edge.source_key],
                    "relation": edge.relation,
                    "relation_text": str(relations.get(edge.relation, edge.relation)),
                    "target": [edge.target_kind, edge.target_key],
                    "recorded_by": people.get(str(edge.recorded_by_id), ""),
                    "recorded_at": instant_text(edge.recorded_at),
                }
                for edge in ordered
            ],
            "node": list(node),
            "subjects": [["lineage", edge.ledger_key()] for edge in ordered],
        }

    def has_evidence(self, facts: Facts) -> bool:
        """Tell whether an edge is recorded."""
        return bool(facts.get("edges"))

    def compose(self, facts: Facts) -> Section:
        """Return the figure with its table."""
        edges = facts.get("edges", ())
        if not edges:
            return self.section()
        chart = {
            "kind": "lineage",
            "nodes": _nodes(edges, facts["node"]),
            "edges": [
                {"source": _id(edge["source"]), "target": _id(edge["target"]), "text": edge["relation_text"]}
                for edge in edges
            ],
        }
        rows = tuple(
            (
                _named(edge["source"]),
                edge["relation_text"],
                _named(edge["target"]),
                edge["recorded_by"] or "–",
                edge["recorded_at"],
            )
            for edge in edges
        )
        columns = (
            Column(_("From"), weight=2),
            Column(_("Relation"), weight=1.2),
            Column(_("To"), weight=2),
            Column(_("Recorded by"), weight=1.1),
            Column(_("Recorded"), weight=1.4),
        )
        return self.section(
            Figure(_("From data to deployment"), chart, Table(columns, rows, _("Edges of the lineage")))
        )

    def gaps(self, facts: Facts) -> list[Gap]:
        """Return the edges that a complete lineage of a version has and this one lacks."""
        node = facts.get("node")
        into = {edge["relation"] for edge in facts.get("edges", ()) if edge["target"] == node}
        asked = {
            LineageEdge.Relation.TRAINED_ON.value: _("An edge from the training data to the version"),
            LineageEdge.Relation.EVALUATED_ON.value: _("An edge from the evaluation data to the version"),
        }
        return [Gap(what, self.required_by, _("lineage")) for relation, what in asked.items() if relation not in into]


def _id(node: list[str]) -> str:
    return "\n".join(node)


def _named(node: list[str]) -> str:
    kind, key = node
    return f"{kind.replace('_', ' ')} {key}"


def _nodes(edges: list[Mapping[str, Any]], subject: list[str]) -> list[dict[str, Any]]:
    """Return each node once, in the order of the edges; keys that are digests are shortened for the figure."""
    found: dict[str, dict[str, Any]] = {}
    for node in [subject, *(end for edge in edges for end in (edge["source"], edge["target"]))]:
        kind, key = node
        long = len(key) == 64
        found.setdefault(
            _id(node),
            {
                "id": _id(node),
                "kind": kind,
                "kind_text": kind.replace("_", " ").capitalize(),
                "title": f"{key[:16]}…" if long else key,
                "detail": "SHA-256" if long else "",
                "subject": node == subject,
            },
        )
    return list(found.values())
