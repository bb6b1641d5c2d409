"""Which sections does the room of decisions add to a dossier? Importing this package registers them."""

from governance.dossier_sections import approvals, controls, gate_answers, scope, tier, verdict

__all__ = ["approvals", "controls", "gate_answers", "scope", "tier", "verdict"]
