"""How do all models stand together? The report for a board, on the whole register as of one instant."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audits.dossier.build import framed
from audits.dossier.content import Document, KeyValue, KeyValues, Paragraph, Section
from audits.dossier.contract import Facts
from audits.dossier.kind import KINDS, RegisterKind
from audits.dossier.measures import when
from audits.dossier.record import instant_iso
from governance.portfolio.register import Register
from governance.portfolio.section import PORTFOLIO_SECTIONS
from registry.digests import digest_of


@KINDS.register("portfolio")
class PortfolioReport(RegisterKind):
    """Fifteen sections over the whole register, from one page for a board to a row for each model."""

    slug, title = "portfolio", gettext_lazy("Portfolio report")

    def gather_register(self, as_of: datetime) -> Facts:
        """Read the register as of the instant and of the report before, and count each section once."""
        now = Register(as_of)
        before = Register(now.previous) if now.previous is not None else None
        sections = {one.slug: one.item().gather(now, before) for one in PORTFOLIO_SECTIONS}
        return {
            "sections": sections,
            "previous": instant_iso(now.previous) if now.previous is not None else "",
            "unfilled": [],
        }

    def compose(self, facts: Mapping[str, Any]) -> Document:
        """Return the cover and every section, in their order."""
        sections = [PORTFOLIO_SECTIONS.get(slug)().compose(facts["sections"]) for slug in facts["sections"]]
        cover = Section("cover", 0, str(self.title), _cover(facts))
        return framed(
            facts,
            (cover, *sorted(sections, key=lambda one: (one.number, one.slug))),
            title=str(self.title),
            subtitle=_("The whole register, as of %(instant)s") % {"instant": when(facts["as_of"])},
            left=_("Portfolio report"),
            checkpoint_size=(facts.get("dossier") or {}).get("checkpoint_size"),
        )


def _cover(facts: Mapping[str, Any]) -> tuple[KeyValues, Paragraph]:
    asked = facts.get("dossier") or {}
    none = _("not recorded")
    items = (
        KeyValue(_("As of"), when(facts["as_of"])),
        KeyValue(_("Report before this one"), when(facts["previous"]) if facts["previous"] else _("none")),
        KeyValue(_("Models"), f"{facts['sections']['inventory']['count']:,}"),
        KeyValue(_("Asked for by"), asked.get("requested_by_name") or none),
        KeyValue(_("Dossier"), asked.get("id") or none, "digest"),
        KeyValue(_("Entries in the ledger"), f"{asked['checkpoint_size']:,}" if asked else none),
        KeyValue(_("Digest of the facts"), digest_of(facts), "digest"),
    )
    text = _(
        "Everything here is counted from the ledger up to the instant above. What the register cannot hold is said where "
        "it is asked for. The same facts give the same bytes. Clauses are named in short for orientation; the texts of the "
        "editions in force bind. It is not legal advice."
    )
    return KeyValues(items), Paragraph(text, "small")
