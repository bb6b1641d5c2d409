"""What is a section of a dossier? Facts read once from the tables, blocks composed from those facts alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from audits.dossier.content import Block, Notice, Section
from registry.catalogue import Catalogue
from registry.models import ModelVersion

Facts = dict[str, Any]
Words = str | Promise

SECTIONS: Catalogue[type[DossierSection]] = Catalogue(
    "section", packages=("audits.dossier.sections",), entry_point_group="cadastre.sections"
)
"""Every registered section class. An upper room registers its own with ``@SECTIONS.register(slug)``."""


@dataclass(frozen=True)
class Gap:
    """Something that should be recorded and is not: what, which clause demands it, and where it would be recorded."""

    what: str
    required_by: str
    source: str = ""


@dataclass(frozen=True)
class Ask:
    """Something a text asks for that no part of the register records: always a gap."""

    what: Words
    required_by: str

    def notice(self) -> Notice:
        """Return the sentence that takes the place of what is asked for."""
        return Notice(f"{self.what}: {_('No evidence recorded.')}", "missing", self.required_by)

    def gap(self) -> Gap:
        """Return the gap, which no field of this register could close."""
        return Gap(str(self.what), self.required_by, _("nowhere yet in this register"))


@dataclass(frozen=True)
class NumberedGap:
    """A gap with the section it belongs to."""

    section: int
    gap: Gap


@dataclass(frozen=True)
class Whole:
    """The facts of the whole dossier, for the sections that look over all of it.

    ``places`` holds the number under which each section is printed in this kind of dossier, 0 for the cover.
    """

    facts: Mapping[str, Any]
    sections: Mapping[str, Facts]
    gaps: Sequence[NumberedGap] = field(default_factory=tuple)
    places: Mapping[str, int] = field(default_factory=dict)

    def of(self, slug: str) -> Facts:
        """Return the facts of one section; empty when there is none."""
        return self.sections.get(slug, {})


class DossierSection(ABC):
    """One section. The class docstring's first line is its summary in the catalogue.

    ``number`` is its place (dossiers are printed in this order), ``required_by`` the clauses that demand it, ``asks``
    what they demand and no part of the register records yet, ``recorded_in`` where the rest is recorded. Two keys of the
    facts mean the same in every section: ``subjects``, a list of ``[kind, key]``, names the ledger subjects of the
    extract; ``evidence``, a list of ``[sha256, what]``, the bytes its numbers come from, for the index of evidence.
    """

    slug: ClassVar[str]
    number: ClassVar[int]
    title: ClassVar[Words]
    required_by: ClassVar[str]
    asks: ClassVar[tuple[Ask, ...]] = ()
    recorded_in: ClassVar[Words] = ""

    @abstractmethod
    def gather(self, version: ModelVersion, as_of: datetime) -> Facts:
        """Read the facts as of an instant, as JSON. The only place of a section that may touch the tables."""

    @abstractmethod
    def compose(self, facts: Facts) -> Section:
        """Return the section from its facts alone: the same facts give the same section."""

    def gaps(self, facts: Facts) -> list[Gap]:
        """Return what is missing; unless a section says more, that it has no facts at all, and what it asks besides."""
        own = [] if self.has_evidence(facts) else [self.whole_gap()]
        return own + [ask.gap() for ask in self.asked(facts)]

    def whole_gap(self) -> Gap:
        """Return that nothing is recorded of what the section is about, with the place where it would be."""
        return Gap(str(self.title), self.required_by, str(self.recorded_in))

    def asked(self, facts: Facts) -> tuple[Ask, ...]:
        """Return what the clauses ask for and no part of the register records; for some facts it may be less."""
        return self.asks

    def has_evidence(self, facts: Facts) -> bool:
        """Tell whether anything is recorded beyond the names of ledger subjects."""
        return any(value for key, value in facts.items() if key != "subjects")

    def section(self, *blocks: Block) -> Section:
        """Return a section of ``blocks``; without any, the notice that nothing is recorded: it never vanishes."""
        return Section(self.slug, self.number, str(self.title), blocks or (self.missing(),))

    def with_asks(self, facts: Facts, *blocks: Block) -> Section:
        """Return a section of ``blocks``, or of the notice that nothing is recorded, and then of what is asked besides."""
        return self.section(*(blocks or (self.missing(),)), *(ask.notice() for ask in self.asked(facts)))

    def missing(self, text: str = "") -> Notice:
        """Return the notice that something required is not recorded."""
        return Notice(text or _("No evidence recorded."), "missing", self.required_by)


class OverviewSection(DossierSection):
    """A section that is composed from the facts of all sections: the cover, the verdict, what is missing."""

    def gather(self, version: ModelVersion, as_of: datetime) -> Facts:
        """Read nothing of its own unless a subclass does."""
        return {}

    def compose(self, facts: Facts) -> Section:
        """Compose without the rest of the dossier (as when its facts were lost)."""
        return self.compose_over(facts, Whole({}, {}))

    @abstractmethod
    def compose_over(self, facts: Facts, whole: Whole) -> Section:
        """Return the section from its own facts and those of the whole dossier."""

    def gaps(self, facts: Facts) -> list[Gap]:
        """Return nothing: an overview demands no evidence of its own."""
        return []


class LateSection(DossierSection):
    """A section whose facts depend on those of the others: the evidence index, the ledger extract."""

    def gather(self, version: ModelVersion, as_of: datetime) -> Facts:
        """Read the facts of a dossier that has no other section."""
        return self.gather_late(version, as_of, {})

    @abstractmethod
    def gather_late(self, version: ModelVersion, as_of: datetime, sections: Mapping[str, Facts]) -> Facts:
        """Read the facts, given those of all other sections."""
