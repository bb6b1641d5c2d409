"""What is a section of the portfolio report? Facts counted from the register of then, blocks composed from them alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from django.utils.translation import gettext as _

from audits.dossier.content import Block, Notice, Section
from audits.dossier.contract import Ask, Facts, Words
from governance.portfolio.register import Register
from registry.catalogue import Catalogue

PORTFOLIO_SECTIONS: Catalogue[type[PortfolioSection]] = Catalogue(
    "portfolio-section", packages=("governance.portfolio.sections",), entry_point_group="cadastre.portfolio_sections"
)
"""Every section of the report. An upper room registers its own with ``@PORTFOLIO_SECTIONS.register(slug)``."""


class PortfolioSection(ABC):
    """One section. The class docstring's first line is its summary in the catalogue.

    ``asks`` is what the clauses demand and no part of the register records yet; it is printed, never left out.
    """

    slug: ClassVar[str]
    number: ClassVar[int]
    title: ClassVar[Words]
    required_by: ClassVar[str]
    asks: ClassVar[tuple[Ask, ...]] = ()

    @abstractmethod
    def gather(self, now: Register, before: Register | None) -> Facts:
        """Count the facts, as JSON; ``before`` is the register as of the report before this one, None without one."""

    @abstractmethod
    def blocks(self, facts: Facts, sections: Mapping[str, Facts]) -> list[Block]:
        """Return what the section prints, from its facts and those of the other sections alone."""

    def compose(self, sections: Mapping[str, Any]) -> Section:
        """Return the section; what it has no facts for, and what is asked besides, is said."""
        printed: list[Block] = list(self.blocks(sections[self.slug], sections))
        if not printed and not self.asks:
            printed = [Notice(_("No evidence recorded."), "missing", self.required_by)]
        return Section(self.slug, self.number, str(self.title), (*printed, *(ask.notice() for ask in self.asks)))
