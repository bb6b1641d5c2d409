"""How does a test ask the gate about a version, and which controls said no?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tests.cast import Cast

if TYPE_CHECKING:
    from governance.models import GateDecision
    from registry.models import ModelVersion


def ask(cast: Cast, version: ModelVersion, *, environment: str = "production", sha256: str = "") -> GateDecision:
    """Ask, as ci-bot with a fresh nonce, whether the version's model file may go to production.

    A test's transaction never commits, so what follows a commit, the sequencing of the ledger, is done here.
    """
    from governance.actions.gates import decide_gate
    from registry.ledger.sequencer import sequence_all

    sequence_all()
    link = version.model_artifact()
    asked = sha256 or (link.artifact_id if link else "")
    return decide_gate(artifact_sha256=asked, environment=environment, nonce=f"nonce-{uuid4()}", actor=cast.ci_bot)


def said_no(decision: GateDecision) -> dict[str, Any]:
    """Return what each control observed, of those that denied."""
    assert (decision.outcome, decision.attestation) == ("deny", None)
    assert decision.valid_until == decision.decided_at
    found: dict[str, Any] = {}
    for reason in decision.reasons:
        assert reason["mend"], "a denial says how to mend it"
        assert reason["required"], "a denial says what is required"
        found.setdefault(reason["control"], reason["observed"])
    return found
