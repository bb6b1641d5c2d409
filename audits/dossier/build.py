"""How is a dossier made? Facts are read once, then everything is composed from the facts alone.

A dossier is rebuilt from its stored facts JSON: ``render(compose(json.loads(stored)))`` gives the issued bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _

from audits.dossier.content import Document, Frame, Notice, Section
from audits.dossier.contract import (
    SECTIONS,
    DossierSection,
    Facts,
    Gap,
    LateSection,
    NumberedGap,
    OverviewSection,
    Whole,
)
from audits.dossier.kind import FULL, KINDS, Order, RegisterKind
from audits.dossier.measures import when
from audits.dossier.outline import OUTLINE
from audits.dossier.record import instant_iso
from registry.digests import canonical_json
from registry.errors import DomainError
from registry.models import ModelVersion

FORMAT = 1


def gather_facts(
    version: ModelVersion,
    as_of: datetime,
    *,
    language: str = "en",
    marking: str = "",
    kind: str = FULL,
    compared_with: ModelVersion | None = None,
) -> dict[str, Any]:
    """Read the facts of a kind of dossier as of an instant; the result is plain JSON, ready to be stored.

    Labels among the facts are in ``language``, whatever language is active. Raises DomainError
    ``version-not-there-yet`` when the version was registered later than ``as_of``, and ``unknown-dossier-kind``.
    """
    if version.registered_at > as_of:
        raise DomainError("version-not-there-yet", "The version was not registered at that instant.", field="as_of")
    with translation.override(language):
        if kind == FULL:
            found = gather_sections(version, as_of)
        else:
            found = KINDS.get(kind)().gather(Order(version, as_of, compared_with)) | {"kind": kind}
        facts = found | {"language": language, "marking": marking}
        stored: dict[str, Any] = json.loads(canonical_json(facts))
    return stored


def gather_register_facts(as_of: datetime, *, kind: str, language: str = "en", marking: str = "") -> dict[str, Any]:
    """Read the facts of a report on the whole register as of an instant, ready to be stored.

    Raises DomainError ``unknown-dossier-kind``, and ``dossier-of-a-version`` for a kind that is about one version.
    """
    made = KINDS.get(kind)()
    if not isinstance(made, RegisterKind):
        raise DomainError("dossier-of-a-version", "This kind is about one version; name it.", field="version")
    with translation.override(language):
        own = {"format": FORMAT, "kind": kind, "language": language, "marking": marking, "as_of": instant_iso(as_of)}
        stored: dict[str, Any] = json.loads(canonical_json(made.gather_register(as_of) | own))
    return stored


def gather_sections(version: ModelVersion, as_of: datetime, *, only: frozenset[str] | None = None) -> dict[str, Any]:
    """Read the facts of every registered section, or of ``only`` some of the outline."""
    registered = [entry.item() for entry in SECTIONS if only is None or entry.slug in only]
    found: dict[str, Facts] = {}
    for section in registered:
        if not isinstance(section, LateSection):
            found[section.slug] = section.gather(version, as_of)
    early = dict(found)
    for section in registered:
        if isinstance(section, LateSection):
            found[section.slug] = section.gather_late(version, as_of, early)
    return facts_about(version, as_of) | {
        "sections": found,
        "unfilled": [
            {"number": one.number, "slug": one.slug, "title": str(one.title), "required_by": one.required_by}
            for one in OUTLINE
            if one.slug not in found and (only is None or one.slug in only)
        ],
    }


def facts_about(version: ModelVersion, as_of: datetime) -> dict[str, Any]:
    """Return what the facts of every dossier of a version begin with."""
    return {
        "format": FORMAT,
        "model": version.model_id,
        "model_name": version.model.name,
        "version": version.version,
        "as_of": instant_iso(as_of),
    }


def compose(facts: Mapping[str, Any]) -> Document:
    """Return the document of stored facts. Pure: no table, clock or network has a part in it.

    Raises DomainError ``unknown-section`` when facts belong to a section that is not installed, ``unknown-dossier-kind``
    likewise, and ``unknown-facts-format`` for facts of another format.
    """
    if facts.get("format") != FORMAT:
        raise DomainError("unknown-facts-format", "These facts are not of a format that this version can print.")
    with translation.override(facts["language"]):
        if facts.get("kind", FULL) != FULL:
            return KINDS.get(facts["kind"])().compose(facts)
        sections = [SECTIONS.get(slug)() for slug in facts["sections"]]
        gaps = tuple(sorted(_gaps(sections, facts), key=lambda one: one.section))
        whole = Whole(facts, facts["sections"], gaps, {section.slug: section.number for section in sections})
        printed = [printed_section(section, facts, whole) for section in sections]
        printed += [unfilled_section(one) for one in facts["unfilled"]]
        return document_of(facts, tuple(sorted(printed, key=lambda one: (one.number, one.slug))), whole)


def document_and_pdf(stored: bytes) -> tuple[Document, bytes]:
    """Return the document of facts as they are stored (canonical JSON), and its PDF with those very bytes embedded.

    Pure: the same bytes of facts give the same bytes of PDF, in any process and on any day.
    """
    from audits.dossier.render import render

    document = compose(json.loads(stored))
    return document, render(document, stored)


def printed_section(section: DossierSection, facts: Mapping[str, Any], whole: Whole) -> Section:
    """Return a section of the facts of a whole dossier."""
    own: Facts = facts["sections"][section.slug]
    return section.compose_over(own, whole) if isinstance(section, OverviewSection) else section.compose(own)


def unfilled_section(one: Mapping[str, Any]) -> Section:
    """Return a section that nobody fills: the notice that nothing is recorded."""
    notice = Notice(_("No evidence recorded."), "missing", one["required_by"])
    return Section(one["slug"], one["number"], one["title"], (notice,))


def _gaps(sections: list[DossierSection], facts: Mapping[str, Any]) -> Iterator[NumberedGap]:
    """Yield the gaps of every section, and one for each section that nobody fills."""
    for section in sections:
        for gap in section.gaps(facts["sections"][section.slug]):
            yield NumberedGap(section.number, gap)
    for one in facts["unfilled"]:
        yield NumberedGap(one["number"], Gap(one["title"], one["required_by"], _("nowhere yet in this register")))


def document_of(facts: Mapping[str, Any], sections: tuple[Section, ...], whole: Whole) -> Document:
    """Return the document of composed sections of a version, with the words around every page."""
    checkpoint = whole.of("ledger").get("checkpoint") or {}
    told = {"version": facts["version"], "instant": when(facts["as_of"])}
    return framed(
        facts,
        sections,
        title=facts["model_name"],
        subtitle=_("Version %(version)s, as of %(instant)s") % told,
        left=_("%(model)s  ·  version %(version)s") % {"model": facts["model"], "version": facts["version"]},
        checkpoint_size=checkpoint.get("size"),
    )


def framed(
    facts: Mapping[str, Any],
    sections: tuple[Section, ...],
    *,
    title: str,
    subtitle: str,
    left: str,
    checkpoint_size: int | None,
) -> Document:
    """Return a document of composed sections; ``left`` stands at the head of every page."""
    frame = Frame(
        left=left,
        footer=_("As of %(instant)s") % {"instant": when(facts["as_of"])},
        page_of=_("Page {page} of {pages}"),
        contents=_("Contents"),
        table=_("Table"),
        figure=_("Figure"),
        evidence=_("Evidence"),
        required_by=_("Required by"),
        content_digest=_("SHA-256 of the content of this document; its first digits stand on every page"),
        short_digest=_("content"),
        checkpoint=_("checkpoint"),
        nothing=_("no evidence recorded"),
        numbers_follow=_(". The numbers stand in the table that follows."),
    )
    return Document(
        title=title,
        subtitle=subtitle,
        as_of=facts["as_of"],
        sections=sections,
        language=facts["language"],
        marking=facts["marking"],
        checkpoint_size=checkpoint_size,
        verification=(facts.get("dossier") or {}).get("verification", ""),
        frame=frame,
    )
