"""Who takes part in the demo? A fixed cast with one role each, set up by the administrator through the actions."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

from governance.actions.credentials import SCOPES, make_credential
from governance.actions.people import make_link
from governance.actions.policies import draft_policy, publish_policy
from governance.actions.tiers import assess_tier
from registry.actions.deployments import register_environment, set_environment_limits
from registry.actions.inventory import assign_owner
from registry.actions.people import grant_role, register_person, register_service_account, set_up_first_person
from registry.models import Model, Role, User

CAST = {
    "ada": ("Ada", Role.DEVELOPER),
    "olga": ("Olga", Role.OWNER),
    "vera": ("Vera", Role.VALIDATOR),
    "ravi": ("Ravi", Role.RISK_MANAGER),
    "pia": ("Pia", Role.APPROVER),
    "otto": ("Otto", Role.AUDITOR),
}
POLICY_FILES = ("consumer-credit-2026-11.yaml", "baseline-2026-11.yaml")
PRODUCTION_LIMITS = {
    "artifact_bytes": 20_000_000,
    "load_seconds": 30.0,
    "peak_memory_bytes": 1_000_000_000,
    "latency_seconds": 0.5,
}
TIER_ANSWERS = {"exposure": "high", "purpose": "rights_of_people", "complexity": "low"}


@dataclass(frozen=True)
class Cast:
    """The people of the demo by user name, their administrator, and the pipeline's token."""

    administrator: User
    people: dict[str, User]
    token: str

    def link(self, username: str) -> str:
        """Make a one-time link for one of the people; it is shown only now."""
        return make_link(self.people[username], actor=self.administrator)


def set_up() -> Cast:
    """Register everybody, the environments, the policies (drafted by one person, published by another) and the token."""
    administrator = set_up_first_person(username="adam", display_name="Adam")
    people = {"adam": administrator}
    for username, (name, role) in CAST.items():
        people[username] = register_person(username=username, display_name=name, actor=administrator)
        grant_role(people[username], role, actor=administrator)
    pipeline = register_service_account(
        username="ci-bot", display_name="CI pipeline", responsible=people["ada"], actor=administrator
    )
    ravi = people["ravi"]
    register_environment(slug="staging", name="Staging", gated=False, actor=ravi)
    production, _ = register_environment(slug="production", name="Production", gated=True, actor=ravi)
    set_environment_limits(production, limits=PRODUCTION_LIMITS, actor=ravi)
    for name in POLICY_FILES:
        text = files("governance.policy_packs").joinpath(name).read_text(encoding="utf-8")
        publish_policy(draft_policy(text, actor=ravi), actor=people["pia"])
    _, token = make_credential(pipeline, name="demo pipeline", scopes=sorted(SCOPES), days=30, actor=administrator)
    return Cast(administrator, people, token)


def take_charge(cast: Cast, model: Model) -> None:
    """Name the owner and work out the risk tier, as the risk manager does in the console."""
    assign_owner(model, cast.people["olga"], actor=cast.people["ravi"])
    assess_tier(model, answers=TIER_ANSWERS, actor=cast.people["ravi"])
