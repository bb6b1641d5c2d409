"""What would the gate say when the dossier is built? Worked out for the sections that print it.

The rows are read as they stand at the time of building; only ends and ages (of approvals, waivers, evidence, policies)
go by the dossier's instant.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from audits.dossier.record import instant_text, names_of
from governance.gate.contract import Asked
from governance.gate.decide import decide
from governance.gate.eligibility import counting
from governance.gate.facts import gather_facts
from governance.models import PromotionRequest
from registry.models import Environment, ModelVersion

NONCE = "asked-for-a-dossier"


def answers(version: ModelVersion, as_of: datetime) -> list[dict[str, Any]]:
    """Return the gate's answer for each gated place the version was asked for or runs in; nothing is recorded by it.

    The answer rests on the rows at the time of building, judged by the clock of ``as_of``: what was closed, withdrawn or
    decided between the two is in it.
    """
    link = version.model_artifact()
    if link is None:
        return []
    found = []
    for environment in _places(version):
        facts = gather_facts(Asked(environment.slug, link.artifact_id, NONCE), as_of)
        decision = decide(facts, as_of)
        request = facts.request
        counted = counting(facts, facts.rules, as_of) if facts.rules else ()
        names = names_of(one.approver for one in counted)
        found.append(
            {
                "environment": environment.slug,
                "outcome": decision.outcome,
                "reasons": decision.as_json()["reasons"],
                "controls": decision.as_json()["controls"],
                "policy": f"{facts.policy.slug} v{facts.policy.number}" if facts.policy else "",
                "request": request.id if request else "",
                "approvals_end": instant_text(min((one.expires_at for one in counted), default=None)),
                "approved_by": [names.get(one.approver, "") for one in counted],
            }
        )
    return found


def _places(version: ModelVersion) -> list[Environment]:
    asked = PromotionRequest.objects.filter(version=version).values_list("environment_id", flat=True)
    runs = version.deployments.values_list("environment_id", flat=True)
    places = Environment.objects.filter(gated=True).order_by("slug")
    return list(places.filter(pk__in={*asked, *runs}) or places)
