"""Did the owners attest to their records? Nothing in this register records it yet."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_lazy

from audits.dossier.content import Block
from audits.dossier.contract import Ask, Facts
from governance.portfolio.register import Register
from governance.portfolio.section import PORTFOLIO_SECTIONS, PortfolioSection

CLAUSE = "PRA SS1/23 P2.2; OSFI E-23 1.2"


@PORTFOLIO_SECTIONS.register("attestation")
class Attestation(PortfolioSection):
    """What is asked for, and that nothing is recorded."""

    slug, number, title, required_by = "attestation", 12, gettext_lazy("Attestation"), CLAUSE
    asks = (
        Ask(gettext_lazy("The share of owners who attested that their records are right, and who did not"), CLAUSE),
    )

    def gather(self, now: Register, before: Register | None) -> Facts:
        """Return nothing: no part of the register records it."""
        return {}

    def blocks(self, facts: Facts, sections: Mapping[str, Facts]) -> list[Block]:
        """Return nothing but what is asked."""
        return []
