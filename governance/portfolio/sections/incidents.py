"""What went wrong, and were the clocks met? Nothing in this register records it yet."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_lazy

from audits.dossier.content import Block
from audits.dossier.contract import Ask, Facts
from governance.portfolio.register import Register
from governance.portfolio.section import PORTFOLIO_SECTIONS, PortfolioSection

CLAUSE = "EU AI Act Art. 73"


@PORTFOLIO_SECTIONS.register("incidents")
class Incidents(PortfolioSection):
    """What is asked for, and that nothing is recorded."""

    slug, number, title, required_by = "incidents", 10, gettext_lazy("Incidents and near misses"), CLAUSE
    asks = (
        Ask(
            gettext_lazy("Incidents and near misses, each with the statutory clocks and whether they were met"), CLAUSE
        ),
    )

    def gather(self, now: Register, before: Register | None) -> Facts:
        """Return nothing: no part of the register records it."""
        return {}

    def blocks(self, facts: Facts, sections: Mapping[str, Facts]) -> list[Block]:
        """Return nothing but what is asked."""
        return []
