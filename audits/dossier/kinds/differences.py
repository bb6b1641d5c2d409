"""What changed between two versions of a model: fields, data, lineage, measurements, decisions and findings?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audits.dossier.build import document_of, gather_sections
from audits.dossier.content import Block, Column, Document, KeyValue, KeyValues, Notice, Paragraph, Section, Table
from audits.dossier.contract import Facts, Whole
from audits.dossier.differences import changed, told
from audits.dossier.in_short import metrics_table, moved, summary
from audits.dossier.kind import KINDS, DossierKind, Order
from audits.dossier.measures import NONE, evidence_id, interval_text, measurement_of, number_text, status_text
from audits.dossier.outline import BY_SLUG
from registry.digests import canonical_json
from registry.errors import DomainError

MEASURED = ("performance", "explainability", "fairness")
FIELDS = ("cover", "model", "roles", "tier", "scope", "design")
DECIDED = ("approvals", "findings")
TAKEN = frozenset({*FIELDS, "data", "lineage", *MEASURED, *DECIDED, "evidence", "ledger"})
LEFT = frozenset({"subjects", "evidence", "as_of", "version", "registered_at"})


@KINDS.register("differences")
class Differences(DossierKind):
    """The facts of two versions side by side: what changed is printed, what did not is counted."""

    slug, title, compares = "differences", gettext_lazy("Differences between two versions"), True

    def gather(self, order: Order) -> Facts:
        """Read the same sections of both versions as of the same instant."""
        if order.compared_with is None:
            raise DomainError("nothing-to-compare", "Name the version to compare with.", field="compared_with")
        other = gather_sections(order.compared_with, order.as_of, only=TAKEN - {"evidence", "ledger"})
        return gather_sections(order.version, order.as_of, only=TAKEN) | {"compared": other}

    def compose(self, facts: Mapping[str, Any]) -> Document:
        """Return one section for each sort of change."""
        earlier, later = facts["compared"]["sections"], facts["sections"]
        names = facts["compared"]["version"], facts["version"]
        parts = (
            ("short", _("What changed, in short"), summary(earlier, later, names)),
            ("fields", _("Changed fields"), _fields(FIELDS, earlier, later, names)),
            ("data", _("Changed data"), _fields(("data",), earlier, later, names)),
            ("lineage", _("Changed lineage"), _lineage(earlier, later, names)),
            ("measurements", _("Measurements side by side"), _measurements(earlier, later, names)),
            ("approvals", _("Decisions side by side"), _decisions(earlier, later, names)),
            ("findings", _("Changed findings"), _findings(earlier, later, names)),
        )
        lead = _(
            "Both versions are told as of the same instant. One page says it in short; the details follow. What did not "
            "change is counted and not repeated."
        )
        cover = KeyValues(
            (
                KeyValue(_("Model"), facts["model"]),
                KeyValue(_("Compared with version"), names[0]),
                KeyValue(_("Version"), names[1]),
            )
        )
        sections = [Section("cover", 0, str(self.title), (cover, Paragraph(lead, "small")))]
        sections += [Section(slug, at, title, blocks) for at, (slug, title, blocks) in enumerate(parts, start=1)]
        return document_of(facts, tuple(sections), Whole(facts, later))


def _text(value: Any) -> str:
    """Return a value in one cell; an object or list by its values that are not empty, each with its name."""
    if isinstance(value, Mapping | list):
        parts = [(path.replace("_", " "), _text(leaf)) for path, leaf in told(value)]
        return "; ".join(f"{path}: {leaf}" for path, leaf in parts) or NONE
    if value is None or value == "":
        return NONE
    return value if isinstance(value, str) else canonical_json(value).decode("ascii")


def _counted(same: int) -> Paragraph:
    return Paragraph(_("Unchanged: %(count)s.") % {"count": f"{same:,}"}, "small")


def _nothing() -> Notice:
    return Notice(_("Nothing changed here."))


def _fields(
    slugs: tuple[str, ...], earlier: Mapping[str, Facts], later: Mapping[str, Facts], names: tuple[str, str]
) -> tuple[Block, ...]:
    rows: list[tuple[str, ...]] = []
    same = 0
    for slug in slugs:
        sides = [{k: v for k, v in one.get(slug, {}).items() if k not in LEFT} for one in (earlier, later)]
        found, unchanged = changed(slug, *sides)
        same += unchanged
        title = str(BY_SLUG[slug].title)
        rows += [(title, one.path.replace("_", " "), _text(one.earlier), _text(one.later)) for one in found]
    if not rows:
        return (_nothing(), _counted(same))
    columns = (Column(_("Section")), Column(_("Field"), weight=1.6), *(Column(name, weight=2) for name in names))
    return (Table(columns, tuple(rows), _("Values that differ")), _counted(same))


def _lineage(earlier: Mapping[str, Facts], later: Mapping[str, Facts], names: tuple[str, str]) -> tuple[Block, ...]:
    before, after = (_edges(one.get("lineage", {})) for one in (earlier, later))
    only = [(edge, names[0]) for edge in sorted(before - after)] + [(edge, names[1]) for edge in sorted(after - before)]
    if not only:
        return (_nothing(), _counted(len(before & after)))
    columns = (Column(_("From"), weight=2), Column(_("Relation")), Column(_("To"), weight=2), Column(_("Only of")))
    rows = tuple((*edge, name) for edge, name in only)
    return (Table(columns, rows, _("Edges that one of the two has")), _counted(len(before & after)))


def _edges(facts: Facts) -> set[tuple[str, str, str]]:
    """Return the edges, with the version itself called the same on both sides."""
    own = facts.get("node")

    def called(node: list[str]) -> str:
        return _("the version") if node == own else f"{node[0].replace('_', ' ')} {node[1]}"

    return {(called(one["source"]), one["relation_text"], called(one["target"])) for one in facts.get("edges", ())}


def _measurements(
    earlier: Mapping[str, Facts], later: Mapping[str, Facts], names: tuple[str, str]
) -> tuple[Block, ...]:
    before, after = _results(earlier), _results(later)
    rows: list[tuple[str, ...]] = []
    evidence: list[str] = []
    same = 0
    for key in sorted(before.keys() | after.keys()):
        sides = before.get(key), after.get(key)
        words = [_told(one) for one in sides]
        if None not in sides and words[0] == words[1]:
            same += 1
            continue
        rows.append((key, *words[0], *words[1]))
        evidence += [evidence_id(one["evidence"]) for one in sides if one and one["evidence"]]
    if not rows:
        return (_nothing(), _counted(same))
    both = [one for one in moved(earlier, later) if one.difference]
    apart = (metrics_table(both, names, _("What was measured of both in the same way, and differs")),) if both else ()
    columns = [Column(_("Requirement"), weight=1.4)]
    for name in names:
        columns += [
            Column(_("%(version)s: value") % {"version": name}, "right", 1.5, "number"),
            Column("n", "right", 0.6, "number"),
            Column(_("Answer"), weight=1.2, kind="status"),
        ]
    caption = _("Value, interval, n and answer of each requirement")
    table = Table(tuple(columns), tuple(rows), caption, tuple(dict.fromkeys(evidence)))
    return (*apart, table, _counted(same))


def _decisions(earlier: Mapping[str, Facts], later: Mapping[str, Facts], names: tuple[str, str]) -> tuple[Block, ...]:
    """Return every decision on either version: it binds to one version, so none is the same on both sides."""
    rows = tuple(
        (
            name,
            request["environment"],
            one["approver"],
            one["role"],
            _("withdrawn") if one["withdrawn_at"] else _("yes") if one["decision"] == "approve" else _("no (dissent)"),
            one["decided_at"],
            one["evidence_digest"][:12],
        )
        for side, name in zip((earlier, later), names, strict=True)
        for request in side.get("approvals", {}).get("requests", ())
        for one in request["decisions"]
    )
    asked = [len(side.get("approvals", {}).get("requests", ())) for side in (earlier, later)]
    told_of = _("Requests: %(before)s for %(earlier)s, %(after)s for %(later)s.") % {
        "before": asked[0],
        "earlier": names[0],
        "after": asked[1],
        "later": names[1],
    }
    if not rows:
        return (Paragraph(told_of), Notice(_("Nobody has decided on either version.")))
    columns = (
        Column(_("Version"), weight=0.7),
        Column(_("Environment"), weight=0.9),
        Column(_("Person"), weight=0.8),
        Column(_("Role"), weight=0.9),
        Column(_("Decision"), weight=0.8),
        Column(_("On"), weight=1.3),
        Column(_("On evidence"), weight=1.1, kind="digest"),
    )
    return (Paragraph(told_of), Table(columns, rows, _("Decisions on both versions")))


def _findings(earlier: Mapping[str, Facts], later: Mapping[str, Facts], names: tuple[str, str]) -> tuple[Block, ...]:
    """Return the findings that one of the two has alone; those of the model as a whole are the same on both sides."""
    sides = [{one["id"]: one for one in side.get("findings", {}).get("findings", ())} for side in (earlier, later)]
    rows = tuple(
        (
            name,
            one["title"],
            one["severity"],
            one["state"] + (f", {_('blocks')}" if one["blocking"] and one["state"] == "open" else ""),
            str(one["opened_at"])[:10],
        )
        for own, other, name in ((sides[0], sides[1], names[0]), (sides[1], sides[0], names[1]))
        for ident, one in own.items()
        if ident not in other
    )
    same = len(sides[0].keys() & sides[1].keys())
    if not rows:
        return (_nothing(), _counted(same))
    columns = (
        Column(_("Only of"), weight=0.7),
        Column(_("Finding"), weight=3.4),
        Column(_("Severity"), weight=0.8),
        Column(_("State"), weight=1),
        Column(_("Opened"), weight=0.9),
    )
    return (Table(columns, rows, _("Findings that one of the two has")), _counted(same))


def _results(sections: Mapping[str, Facts]) -> dict[str, Mapping[str, Any]]:
    return {
        f"{one['key']} ({one['required']})": one
        for slug in MEASURED
        for one in sections.get(slug, {}).get("results", ())
    }


def _told(result: Mapping[str, Any] | None) -> tuple[str, str, str]:
    if result is None:
        return NONE, NONE, _("not measured")
    measured = measurement_of(result)
    value = f"{number_text(measured.get('value'))} {interval_text(measured)}"
    return value, number_text(measured.get("n")), status_text(result["status"])
