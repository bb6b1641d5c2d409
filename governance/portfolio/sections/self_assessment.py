"""How does the firm judge itself? Nothing in this register records it yet."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_lazy

from audits.dossier.content import Block
from audits.dossier.contract import Ask, Facts
from governance.portfolio.register import Register
from governance.portfolio.section import PORTFOLIO_SECTIONS, PortfolioSection

CLAUSE = "PRA SS1/23 (annual self-assessment); ISO/IEC 42001 statement of applicability"


@PORTFOLIO_SECTIONS.register("self-assessment")
class SelfAssessment(PortfolioSection):
    """What is asked for, and that nothing is recorded."""

    slug, number, title, required_by = "self-assessment", 13, gettext_lazy("Self-assessment"), CLAUSE
    asks = (Ask(gettext_lazy("The self-assessment against the texts, with a plan to mend what is short"), CLAUSE),)

    def gather(self, now: Register, before: Register | None) -> Facts:
        """Return nothing: no part of the register records it."""
        return {}

    def blocks(self, facts: Facts, sections: Mapping[str, Facts]) -> list[Block]:
        """Return nothing but what is asked."""
        return []
