"""What does the register hold of each point of Annex IV to the EU AI Act, in the order of its points?

The points are named in short and in our words; the text of the regulation in force binds.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from audits.dossier.arranged import ArrangedKind, Chapter
from audits.dossier.contract import Ask
from audits.dossier.kind import KINDS

A4 = "EU AI Act Annex IV"


@KINDS.register("annex-iv")
class AnnexIV(ArrangedKind):
    """Technical documentation in the order of points 1 to 9 of Annex IV; what a point asks and nobody records is a gap."""

    slug, title = "annex-iv", _("Technical documentation in the order of Annex IV")
    chapters = (
        Chapter(
            "annex-iv-1",
            _("Annex IV, point 1: general description of the AI system"),
            ("model", "roles", "scope"),
            (
                Ask(_("How it works with hardware and software that is not part of it"), f"{A4}(1)(b)"),
                Ask(_("Versions of relevant software and firmware, and duties to update them"), f"{A4}(1)(c)"),
                Ask(_("The forms in which it is placed on the market or put into service"), f"{A4}(1)(d)"),
                Ask(_("The hardware it is meant to run on"), f"{A4}(1)(e)"),
                Ask(_("Where it is part of a product: pictures of the product"), f"{A4}(1)(f)"),
                Ask(_("The interface that the deployer works with"), f"{A4}(1)(g)"),
                Ask(_("Instructions for use for the deployer"), f"{A4}(1)(h)"),
            ),
        ),
        Chapter(
            "annex-iv-2",
            _("Annex IV, point 2: its elements and how it was developed"),
            ("design", "data", "lineage", "oversight", "security", "evidence"),
            (
                Ask(_("System architecture and computing resources"), f"{A4}(2)(c)"),
                Ask(_("Changes determined in advance"), f"{A4}(2)(f)"),
            ),
            _(
                "Validation and testing, point 2(g): the measurements stand under points 3 and 4, dated and with digests."
            ),
        ),
        Chapter(
            "annex-iv-3",
            _("Annex IV, point 3: monitoring, functioning and control"),
            ("fairness", "explainability", "verdict"),
            (Ask(_("Foreseeable unintended outcomes and sources of risk"), f"{A4}(3)"),),
        ),
        Chapter(
            "annex-iv-4",
            _("Annex IV, point 4: the measures of performance and why they are appropriate"),
            ("performance",),
            (Ask(_("Why these measures are appropriate for this system"), f"{A4}(4)"),),
        ),
        Chapter(
            "annex-iv-5",
            _("Annex IV, point 5: risk management system"),
            ("determination", "tier", "findings", "controls"),
        ),
        Chapter(
            "annex-iv-6",
            _("Annex IV, point 6: changes over the life of the system"),
            ("changes", "approvals"),
        ),
        Chapter(
            "annex-iv-7",
            _("Annex IV, point 7: standards applied"),
            ("standards",),
        ),
        Chapter(
            "annex-iv-8",
            _("Annex IV, point 8: EU declaration of conformity"),
            (),
            (Ask(_("A copy of the EU declaration of conformity"), f"{A4}(8); EU AI Act Art. 47"),),
        ),
        Chapter(
            "annex-iv-9",
            _("Annex IV, point 9: evaluation after it is on the market"),
            ("monitoring", "incidents"),
            (Ask(_("The plan for monitoring after placing on the market"), f"{A4}(9); EU AI Act Art. 72(3)"),),
        ),
        Chapter("ledger", _("Beside Annex IV: ledger extract"), ("ledger",)),
    )
