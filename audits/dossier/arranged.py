"""How is a dossier made of some of the sections, in another order and under other headings?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from django.utils.translation import gettext as _

from audits.dossier.build import document_of, gather_sections, printed_section, unfilled_section
from audits.dossier.content import Block, Document, Notice, Section, Subheading
from audits.dossier.contract import SECTIONS, Ask, Facts, Gap, NumberedGap, Whole, Words
from audits.dossier.kind import DossierKind, Order
from audits.dossier.outline import BY_SLUG

COVER = "cover"
MISSING = "missing"


@dataclass(frozen=True)
class Chapter:
    """A numbered part: the sections it prints, what it asks for besides, and a sentence on where the rest stands."""

    slug: str
    title: Words
    parts: tuple[str, ...] = ()
    asks: tuple[Ask, ...] = ()
    note: Words = ""


def chapter_of(slug: str) -> Chapter:
    """Return a section as a chapter of its own, under its own title."""
    return Chapter(slug, BY_SLUG[slug].title, (slug,))


class ArrangedKind(DossierKind):
    """Sections under chapters, numbered from 1. What is missing stands on the cover if no chapter prints it."""

    chapters: ClassVar[tuple[Chapter, ...]]

    def gather(self, order: Order) -> Facts:
        """Read the facts of the sections that the chapters name, and of the cover."""
        return gather_sections(order.version, order.as_of, only=frozenset({COVER, MISSING, *self._parts()}))

    def compose(self, facts: Mapping[str, Any]) -> Document:
        """Return the cover and the chapters; a section without a class says that nothing is recorded."""
        whole = Whole(facts, facts["sections"], tuple(self._gaps(facts)), self._places())
        found = {slug: printed_section(SECTIONS.get(slug)(), facts, whole) for slug in facts["sections"]}
        found |= {one["slug"]: unfilled_section(one) for one in facts["unfilled"]}
        chapters = [self._chapter(number, one, found, facts) for number, one in enumerate(self.chapters, start=1)]
        cover = replace(found[COVER], number=0, title=str(self.title))
        if MISSING not in self._parts():
            cover = replace(cover, blocks=cover.blocks + found[MISSING].blocks)
        return document_of(facts, (cover, *chapters), whole)

    def own_blocks(self, chapter: str, facts: Mapping[str, Any]) -> tuple[Block, ...]:
        """Return what a kind prints in a chapter of its own, before the sections."""
        return ()

    def own_gaps(self, chapter: str, facts: Mapping[str, Any]) -> list[Gap]:
        """Return what is missing for a chapter of its own."""
        return []

    def _places(self) -> dict[str, int]:
        """Return the chapter of each section; what is missing stands on the cover where no chapter has it."""
        chapters = enumerate(self.chapters, start=1)
        return {MISSING: 0} | {slug: number for number, chapter in chapters for slug in chapter.parts}

    def _parts(self) -> tuple[str, ...]:
        return tuple(slug for chapter in self.chapters for slug in chapter.parts)

    def _chapter(
        self, number: int, chapter: Chapter, found: Mapping[str, Section], facts: Mapping[str, Any]
    ) -> Section:
        blocks: list[Block] = [*self.own_blocks(chapter.slug, facts)]
        several = len(chapter.parts) + len(chapter.asks) > 1
        if chapter.note:
            blocks.append(Notice(str(chapter.note)))
        for slug in chapter.parts:
            if several:
                blocks.append(Subheading(found[slug].title))
            blocks.extend(found[slug].blocks)
        for ask in chapter.asks:
            if several:
                blocks.append(Subheading(str(ask.what)))
            blocks.append(Notice(_("No evidence recorded."), "missing", ask.required_by))
        return Section(chapter.slug, number, str(chapter.title), tuple(blocks))

    def _gaps(self, facts: Mapping[str, Any]) -> Iterator[NumberedGap]:
        """Yield the gaps in the order of the chapters, under their numbers; what a chapter asks for itself is its gap."""
        asked = {str(ask.what) for chapter in self.chapters for ask in chapter.asks}
        nowhere = _("nowhere yet in this register")
        unfilled = {one["slug"]: one for one in facts["unfilled"]}
        for number, chapter in enumerate(self.chapters, start=1):
            for gap in self.own_gaps(chapter.slug, facts):
                yield NumberedGap(number, gap)
            for slug in chapter.parts:
                if slug in unfilled:
                    one = unfilled[slug]
                    yield NumberedGap(number, Gap(one["title"], one["required_by"], nowhere))
                    continue
                found = SECTIONS.get(slug)().gaps(facts["sections"][slug])
                yield from (NumberedGap(number, gap) for gap in found if gap.what not in asked)
            for ask in chapter.asks:
                yield NumberedGap(number, ask.gap())
