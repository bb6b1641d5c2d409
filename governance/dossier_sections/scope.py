"""Under which rules was the version judged, in which edition, read how?"""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audits.dossier.content import Block, Column, KeyValue, KeyValues, Paragraph, Section, Table
from audits.dossier.contract import SECTIONS, DossierSection, Facts
from audits.dossier.outline import BY_SLUG
from audits.dossier.record import instant_text, names_of
from governance.models import PromotionRequest
from registry.models import ModelVersion

PLANNED = BY_SLUG["scope"]


@SECTIONS.register(PLANNED.slug)
class Scope(DossierSection):
    """The policy version the last promotion request was opened under, its requirements and its sources."""

    slug, number, title, required_by = PLANNED.slug, PLANNED.number, PLANNED.title, PLANNED.required_by
    recorded_in = gettext_lazy("promotion request")

    def gather(self, version: ModelVersion, as_of: datetime) -> Facts:
        """Read the policy of the last request up to the instant."""
        asked = PromotionRequest.objects.filter(version=version, requested_at__lte=as_of).select_related("policy")
        request = asked.order_by("-requested_at", "-id").first()
        if request is None:
            return {}
        policy = request.policy
        names = names_of([policy.drafted_by_id, policy.published_by_id])
        return {
            "policy": policy.policy,
            "number": policy.number,
            "title": policy.title,
            "digest": policy.digest,
            "edition": policy.body.get("edition", ""),
            "effective_from": instant_text(policy.effective_from),
            "drafted_by": names.get(str(policy.drafted_by_id), ""),
            "published_by": names.get(str(policy.published_by_id), ""),
            "requirements": policy.body.get("requirements", []),
            "sources": policy.body.get("sources", []),
            "subjects": [["policy", policy.ledger_key()]],
        }

    def compose(self, facts: Facts) -> Section:
        """Return the policy, its requirements as set before the measurements, and how each source was read."""
        if not facts.get("policy"):
            return self.section()
        blocks: list[Block] = [
            Paragraph(
                _(
                    "Clauses are named for orientation and marked with how their source was read; this is not legal "
                    "advice and no statement of conformity."
                ),
                "small",
            ),
            KeyValues(
                (
                    KeyValue(_("Policy"), f"{facts['title']} ({facts['policy']} v{facts['number']})"),
                    KeyValue(_("Edition"), facts["edition"]),
                    KeyValue(_("In force since"), facts["effective_from"]),
                    KeyValue(_("Drafted by"), facts["drafted_by"]),
                    KeyValue(_("Published by"), facts["published_by"]),
                    KeyValue(_("Digest"), facts["digest"], "digest"),
                )
            ),
            Table(
                (
                    Column(_("Requirement"), weight=1.6),
                    Column(_("Check"), weight=2),
                    Column(_("Limit"), "right", 0.8, "number"),
                    Column(_("Judged on"), weight=0.8),
                    Column(_("Severity"), weight=0.8),
                    Column(_("Clause"), weight=2),
                ),
                tuple(
                    (
                        one["key"],
                        one["check"],
                        f"{one['op']} {one['limit']:g}",
                        one.get("judged_on", "estimate"),
                        one["severity"],
                        one.get("clause", ""),
                    )
                    for one in facts["requirements"]
                ),
                _("Requirements, set before the measurements"),
            ),
        ]
        if facts["sources"]:
            columns = (
                Column(_("Source"), weight=2),
                Column(_("Read"), weight=0.9),
                Column(_("On"), weight=0.7),
                Column(_("Note"), weight=2),
            )
            rows = tuple(
                (one["name"], one["mark"], one.get("read_on", ""), one.get("note", "")) for one in facts["sources"]
            )
            blocks.append(Table(columns, rows, _("Sources")))
        return self.section(*blocks)
