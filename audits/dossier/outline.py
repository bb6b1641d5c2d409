"""Which sections must a dossier have? The full list with the clauses behind each, whether or not a room fills them.

A section that no room has registered is printed as "No evidence recorded" with its clauses: what is missing is said,
never left out. Clauses are named in short, for orientation; the texts of the editions in force bind.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Planned:
    """A section that a complete dossier has."""

    number: int
    slug: str
    title: str | Promise
    required_by: str


SS = "PRA SS1/23"
A4 = "EU AI Act Annex IV"

OUTLINE: tuple[Planned, ...] = (
    Planned(0, "cover", _("Model dossier"), f"{A4}(1)"),
    Planned(1, "verdict", _("Verdict"), f"{SS} P4.2; SR 26-2"),
    Planned(2, "missing", _("What is missing"), f"{A4}; {SS} P3.5"),
    Planned(3, "scope", _("Scope, regimes and editions"), f"SR 26-2; {SS}; OSFI E-23"),
    Planned(4, "model", _("Model and use"), f"SR 26-2; {SS} P1.2; OSFI E-23 Appendix 1; {A4}(1)"),
    Planned(5, "roles", _("Roles and accountability"), f"{SS} P2.2 and P2.4; OSFI E-23 1.2; NIST AI RMF GOVERN 2"),
    Planned(6, "determination", _("Model determination and classification"), f"SR 26-2; {SS} P1.1; EU AI Act Art. 6"),
    Planned(7, "tier", _("Risk tier"), f"{SS} P1.3; OSFI E-23 2.2; SR 26-2"),
    Planned(8, "design", _("Description and design"), f"{A4}(2)(a) to (c); OSFI E-23 3.3"),
    Planned(9, "data", _("Data"), f"{A4}(2)(d); EU AI Act Art. 10; OSFI E-23 3.2; BCBS 239"),
    Planned(10, "lineage", _("Lineage"), f"BCBS 239; {A4}(2); OSFI E-23 3.2"),
    Planned(11, "performance", _("Performance and calibration"), f"SR 26-2; {A4}(2)(g) and (4); {SS} P3.3"),
    Planned(12, "explainability", _("Explainability"), "SR 26-2; OSFI E-23 3.3; MAS AI risk guidelines"),
    Planned(
        13,
        "fairness",
        _("Measurements by group"),
        f"{A4}(2)(g) and (3); MAS AI risk guidelines; NIST AI RMF MEASURE 2.11",
    ),
    Planned(14, "validation", _("Independent validation"), f"SR 26-2; {SS} P4; OSFI E-23 3.4"),
    Planned(15, "findings", _("Findings"), f"{SS} P4.2 and P5; SR 26-2"),
    Planned(16, "approvals", _("Approvals and dissent"), f"{SS} P2.4 and P4.2; SR 26-2"),
    Planned(17, "oversight", _("Human oversight and instructions for use"), "EU AI Act Art. 13 and 14; GDPR Art. 22"),
    Planned(18, "security", _("Cybersecurity and supply chain"), f"{A4}(2)(h); ISO/IEC 42001 A.10"),
    Planned(19, "monitoring", _("Ongoing monitoring"), f"{SS} P4.4; EU AI Act Art. 72; SR 26-2"),
    Planned(20, "incidents", _("Incidents"), "EU AI Act Art. 73"),
    Planned(21, "changes", _("Changes over the life"), f"{A4}(2)(f) and (6); {SS} P3.4"),
    Planned(22, "reviews", _("Reviews and attestations"), f"OSFI E-23 3.4; {SS} P4.5"),
    Planned(23, "third-party", _("Third parties"), "SR 26-2; OSFI E-23; ISO/IEC 42001 A.10"),
    Planned(24, "standards", _("Standards, declaration and registration"), f"{A4}(7) and (8); EU AI Act Annex VIII"),
    Planned(25, "retention", _("Retention and disposal"), "EU AI Act Art. 18 and 19"),
    Planned(26, "controls", _("Control matrix"), "NIST AI RMF; ISO/IEC 42001 statement of applicability"),
    Planned(27, "evidence", _("Evidence index"), f"{A4}(2)(g)"),
    Planned(28, "ledger", _("Ledger extract"), "EU AI Act Art. 12; BCBS 239"),
)
BY_SLUG = {planned.slug: planned for planned in OUTLINE}
