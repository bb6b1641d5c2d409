"""What went wrong in use? What the register noticed by itself; nothing else is recorded of incidents yet."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audits.dossier.content import Column, Notice, Section, Table
from audits.dossier.contract import SECTIONS, Ask, DossierSection, Facts, Gap
from audits.dossier.measures import when
from audits.dossier.outline import BY_SLUG
from audits.dossier.record import instant_iso, state_at
from registry.ledger.replay import history
from registry.lifecycle import Stage
from registry.models import Divergence, ModelVersion

PLANNED = BY_SLUG["incidents"]


@SECTIONS.register(PLANNED.slug)
class Incidents(DossierSection):
    """Deployments without a gate decision, suspensions, and rows that were not what the ledger says."""

    slug, number, title, required_by = PLANNED.slug, PLANNED.number, PLANNED.title, PLANNED.required_by
    asks = (
        Ask(
            gettext_lazy("Serious incidents: when one became aware, what was reported to whom, and by which day"),
            "EU AI Act Art. 73",
        ),
    )

    def gather(self, version: ModelVersion, as_of: datetime) -> Facts:
        """Read what was noticed up to the instant."""
        found: list[dict[str, Any]] = []
        ungated = list(version.deployments.filter(started_at__lte=as_of, gated=False).order_by("started_at", "id"))
        for row in ungated:
            found.append({"at": instant_iso(row.started_at), "what": "ungated", "about": row.environment_id})
        for event in history(version.ledger_kind, version.ledger_key()):
            if event.instant <= as_of and event.state.get("stage") == Stage.SUSPENDED:
                found.append({"at": instant_iso(event.instant), "what": "suspended", "about": version.version})
        differed = Divergence.objects.filter(found_at__lte=as_of).order_by("found_at", "id")
        mine = [one for one in differed if version.model_id in one.concerns]
        for one in mine:
            state = state_at(one, as_of) or {}
            about = f"{one.subject_kind} {one.subject_key}"
            found.append(
                {
                    "at": instant_iso(one.found_at),
                    "what": "divergence",
                    "about": about,
                    "resolved_at": str(state.get("resolved_at") or ""),
                }
            )
        return {
            "noticed": sorted(found, key=lambda one: (one["at"], one["what"], one["about"])),
            "subjects": [["deployment", row.ledger_key()] for row in ungated]
            + [["divergence", one.ledger_key()] for one in mine],
        }

    def gaps(self, facts: Facts) -> list[Gap]:
        """Return what is asked and recorded nowhere; that the register noticed nothing is no gap."""
        return [ask.gap() for ask in self.asked(facts)]

    def compose(self, facts: Facts) -> Section:
        """Return what was noticed, and that incidents as the law means them are not recorded."""
        if not facts.get("noticed"):
            return self.with_asks(facts)
        words = {
            "ungated": _("ran without a valid gate decision"),
            "suspended": _("was suspended"),
            "divergence": _("a row was not what the ledger says"),
        }
        rows = tuple(
            (when(one["at"]), words[one["what"]], one["about"], when(one["resolved_at"]) if _ended(one) else "–")
            for one in facts["noticed"]
        )
        columns = (
            Column(_("When"), weight=1.2),
            Column(_("What the register noticed"), weight=2),
            Column(_("Where"), weight=1.6),
            Column(_("Resolved"), weight=1.2),
        )
        text = _("The register noticed this by itself. Whether it is an incident in the sense of the law is not told.")
        return self.with_asks(facts, Notice(text), Table(columns, rows, _("What was noticed")))


def _ended(one: dict[str, Any]) -> bool:
    return bool(one.get("resolved_at"))
