"""What would the gate have said at an instant? Worked out from the ledger, for the sections that print it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from audits.dossier.record import instant_text, names_of
from governance.gate.contract import Asked
from governance.gate.decide import decide
from governance.gate.eligibility import counting
from governance.gate.then import gather_facts_then
from governance.models import PromotionRequest
from registry.ledger.past import Past, key_of
from registry.models import Deployment, Environment, ModelVersion

NONCE = "asked-for-a-dossier"


def answers(version: ModelVersion, as_of: datetime) -> list[dict[str, Any]]:
    """Return the gate's answer for each gated place the version was asked for or had run in; nothing is recorded by it.

    What was withdrawn, closed, opened or decided after ``as_of`` has no part in it, however long ago that is.
    """
    link = version.model_artifact()
    if link is None:
        return []
    found = []
    past = Past(as_of)
    for environment in _places(version, past):
        facts = gather_facts_then(Asked(environment, link.artifact_id, NONCE), past)
        decision = decide(facts, as_of)
        request = facts.request
        counted = counting(facts, facts.rules, as_of) if facts.rules else ()
        names = names_of(one.approver for one in counted)
        found.append(
            {
                "environment": environment,
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


def _places(version: ModelVersion, past: Past) -> list[str]:
    """Return the gated places of then that the version had to do with; all of them where it had with none."""
    gated = [key_of(row) for row in past.rows(Environment) if row.gated]
    mine = {"version": [version.ledger_key()]}
    used = {row.environment_id for row in past.rows(PromotionRequest, where=mine)}
    used |= {row.environment_id for row in past.rows(Deployment, where=mine)}
    return [slug for slug in gated if slug in used] or gated
