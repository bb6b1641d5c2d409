"""What does somebody who has one minute need to know of a version? Exactly one page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audits.dossier.arranged import ArrangedKind, chapter_of
from audits.dossier.content import Block, Column, Document, KeyValue, KeyValues, Paragraph, Section, Table
from audits.dossier.contract import Whole
from audits.dossier.kind import KINDS
from audits.dossier.layout import lay_out
from audits.dossier.measures import interval_text, measurement_of, number_text, status_text
from audits.dossier.outline import BY_SLUG
from registry.errors import DomainError

MOST_PLACES = 3
MEASURED = ("performance", "explainability", "fairness")


@dataclass(frozen=True)
class Room:
    """How many characters a statement, a name and a cell of the table may have, and how many rows the table."""

    long: int
    short: int
    cell: int
    rows: int


ROOMS = (Room(300, 80, 60, 12), Room(180, 60, 40, 8), Room(90, 30, 20, 6), Room(40, 16, 12, 4), Room(12, 6, 5, 3))


@KINDS.register("card")
class Card(ArrangedKind):
    """Purpose, tier, the gate's answer, the results and the number of open findings and gaps, on one page.

    Long texts are cut and say so; what is cut stands in the full dossier.
    """

    slug, title = "card", gettext_lazy("One-page card")
    chapters = tuple(chapter_of(slug) for slug in ("model", "tier", "verdict", *MEASURED, "findings", "approvals"))

    def compose(self, facts: Mapping[str, Any]) -> Document:
        """Return a document that is nothing but its cover."""
        arranged = super().compose(facts)
        whole = Whole(facts, facts["sections"], tuple(self._gaps(facts)))
        for room in ROOMS:
            document = replace(
                arranged,
                title=cut(arranged.title, room.short),
                subtitle=cut(arranged.subtitle, room.long),
                sections=(Section("cover", 0, str(self.title), _blocks(whole, room)),),
            )
            if len(lay_out(document).pages()) == 1:
                return document
        raise DomainError("card-too-long", "What is recorded of this version does not fit on one page.")


def _blocks(whole: Whole, room: Room) -> tuple[Block, ...]:
    told = _("What is cut, and everything behind these lines, stands in the full dossier.")
    return (_identity(whole, room), *_results(whole, room), Paragraph(told, "small"))


def cut(text: object, most: int) -> str:
    """Return a text on one line, cut to at most so many characters with a mark where it was."""
    line = " ".join(str(text or "").split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _identity(whole: Whole, room: Room) -> KeyValues:
    none = _("not recorded")
    cover, model = whole.of("cover"), whole.of("model").get("model") or {}
    tier, findings = whole.of("tier").get("tier"), whole.of("findings").get("findings", [])
    live = [one for one in findings if one["state"] == "open"]
    items = [
        KeyValue(_("Intended use"), cut(model.get("intended_use"), room.long) or none),
        KeyValue(_("Prohibited use"), cut(model.get("prohibited_use"), room.long) or none),
        KeyValue(_("Decides about people"), _("yes") if model.get("affects_people") else _("no")),
        KeyValue(_("Owner"), cut(cover.get("owner"), room.short) or none),
        KeyValue(_("Stage"), cut(str(cover.get("stage") or none).replace("_", " "), room.short)),
        KeyValue(str(BY_SLUG["tier"].title), str(tier or none)),
        *_answers(whole, room),
        KeyValue(
            _("Open findings"),
            _("%(open)s, of which %(blocking)s block promotion")
            % {"open": len(live), "blocking": sum(bool(one["blocking"]) for one in live)},
        ),
        KeyValue(_("Missing of what this card tells"), str(len(whole.gaps))),
        KeyValue(_("As of"), cover.get("as_of") or none),
        KeyValue(_("Model artifact, SHA-256"), cover.get("artifact") or none, "digest"),
    ]
    return KeyValues(tuple(items))


def _answers(whole: Whole, room: Room) -> list[KeyValue]:
    answers = whole.of("verdict").get("answers", [])
    found = [
        KeyValue(
            _("Gate, %(place)s") % {"place": cut(one["environment"], room.cell)},
            (_("allow") if one["outcome"] == "allow" else _("deny"))
            + (f", {_('%(count)s reasons') % {'count': len(one['reasons'])}}" if one["reasons"] else ""),
        )
        for one in answers[:MOST_PLACES]
    ]
    if len(answers) > MOST_PLACES:
        found.append(KeyValue(_("Gate, other places"), str(len(answers) - MOST_PLACES)))
    return found


def _results(whole: Whole, room: Room) -> tuple[Block, ...]:
    results = [one for slug in MEASURED for one in whole.of(slug).get("results", [])]
    if not results:
        return (Paragraph(_("No validation run was over at the instant.")),)
    ordered = sorted(results, key=lambda one: (one["status"] == "met", one["severity"] != "blocking"))
    counts = Counter(one["status"] for one in results)
    told = ", ".join(f"{count} {status_text(status)}" for status, count in sorted(counts.items()))
    rows = []
    for one in ordered[: room.rows]:
        measured = measurement_of(one)
        value = f"{number_text(measured.get('value'))} {interval_text(measured)}"
        row = (one["key"], value, number_text(measured.get("n")), one["required"], status_text(one["status"]))
        rows.append(tuple(cut(cell, room.cell) for cell in row))
    columns = (
        Column(_("Requirement"), weight=1.6),
        Column(_("Value and interval"), "right", 1.7, "number"),
        Column("n", "right", 0.6, "number"),
        Column(_("Required"), weight=1.1),
        Column(_("Answer"), weight=1.1, kind="status"),
    )
    caption = _("%(told)s. Those not met come first; %(shown)s of %(count)s are shown") % {
        "told": told,
        "shown": len(rows),
        "count": len(results),
    }
    return (Table(columns, tuple(rows), caption),)
