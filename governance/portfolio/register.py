"""What did the whole register hold at an instant? Every governed row that the portfolio report counts, from the ledger."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from audits.models import Dossier, Finding, ValidationRun
from governance.gate.rules import PolicyRules
from governance.models import Approval, GateDecision, PolicyVersion, PromotionRequest, TierAssessment
from governance.plans import rules_of
from registry.ledger.past import Past
from registry.ledger.plain import instant_text, parse_instant
from registry.ledger.subject import LedgerSubject
from registry.models import (
    Contribution,
    Deployment,
    Divergence,
    Environment,
    Model,
    ModelVersion,
    User,
)

State = Mapping[str, Any]
ORDER_OF_STATES = (
    "in_production",
    "suspended",
    "approved",
    "pending_approval",
    "validated",
    "in_validation",
    "registered",
    "validation_failed",
    "rejected",
)
NO_VERSION, RETIRED = "no_version", "retired"
DEFAULT_MAX_AGE_DAYS = 365


@dataclass
class Asked:
    """What the gate was asked: answers by month and in all, the newest for each version and place, the first allows."""

    by_month: Counter[tuple[str, str]] = field(default_factory=Counter)
    by_outcome: Counter[str] = field(default_factory=Counter)
    about_unknown: int = 0
    newest: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    first_allow: dict[str, str] = field(default_factory=dict)

    def add(self, state: State) -> None:
        """Count one answer."""
        at, outcome = str(state["decided_at"]), str(state["outcome"])
        self.by_month[at[:7], outcome] += 1
        self.by_outcome[outcome] += 1
        if state["version"] is None:
            self.about_unknown += 1
        else:
            place = str(state["version"]), str(state["environment_slug"])
            self.newest[place] = max(self.newest.get(place, ("", "")), (at, outcome))
        if outcome == GateDecision.Outcome.ALLOW and state["request"] is not None:
            request = str(state["request"])
            self.first_allow[request] = min(self.first_allow.get(request, at), at)


class Register:
    """The governed rows as of an instant, by their ledger keys: plain states, as the ledger holds them."""

    def __init__(self, instant: datetime) -> None:
        self.instant = instant
        self.at = instant_text(instant)
        self.past = Past(instant)
        self.models = self._all(Model)
        self.versions = self._all(ModelVersion)

    def _all(self, model: type[LedgerSubject]) -> dict[str, State]:
        return dict(self.past.states(model))

    @cached_property
    def environments(self) -> dict[str, State]:
        """The places."""
        return self._all(Environment)

    @cached_property
    def findings(self) -> dict[str, State]:
        """Every finding, whatever became of it."""
        return self._all(Finding)

    @cached_property
    def promotions(self) -> dict[str, State]:
        """Every promotion request."""
        return self._all(PromotionRequest)

    @cached_property
    def approvals(self) -> list[State]:
        """Every decision of a person."""
        return list(self._all(Approval).values())

    @cached_property
    def contributions(self) -> set[tuple[str, str]]:
        """Who had a hand in which version."""
        return {(str(one["version"]), str(one["person"])) for _key, one in self.past.states(Contribution)}

    @cached_property
    def people(self) -> dict[str, State]:
        """Every person and service account, without names."""
        return self._all(User)

    @cached_property
    def divergences(self) -> list[State]:
        """Every row that was found not to be what the ledger says."""
        return list(self._all(Divergence).values())

    @cached_property
    def asked(self) -> Asked:
        """What the gate was asked."""
        found = Asked()
        for _key, state in self.past.states(GateDecision):
            found.add(state)
        return found

    @cached_property
    def tiers(self) -> dict[str, int]:
        """The newest risk tier of each model that has one."""
        newest: dict[str, tuple[str, str, int]] = {}
        for key, one in self.past.states(TierAssessment):
            slug = str(one["model"])
            newest[slug] = max(newest.get(slug, ("", "", 0)), (str(one["assessed_at"]), key, int(one["tier"])))
        return {slug: tier for slug, (_at, _key, tier) in newest.items()}

    @cached_property
    def policies(self) -> dict[str, State]:
        """Every version of a policy, without its text."""
        return self._all(PolicyVersion)

    @cached_property
    def rules(self) -> dict[str, PolicyRules]:
        """The text of each policy version that had been published, where it is the one whose digest the ledger holds."""
        published = {key for key, one in self.policies.items() if one["state"] == PolicyVersion.State.PUBLISHED}
        rows = [one for one in PolicyVersion.objects.all() if one.ledger_key() in published]
        found = {
            one.ledger_key(): rules_of(one) for one in rows if one.digest == self.policies[one.ledger_key()]["digest"]
        }
        return {key: rules for key, rules in sorted(found.items()) if rules is not None}

    @cached_property
    def previous(self) -> datetime | None:
        """The instant of the newest portfolio report issued before, None without one."""
        issued = [
            str(one["as_of"])
            for _key, one in self.past.states(Dossier)
            if one.get("kind") == Dossier.Kind.PORTFOLIO
            and one["state"] == Dossier.State.ISSUED
            and str(one["as_of"]) < self.at
        ]
        return parse_instant(max(issued)) if issued else None

    @cached_property
    def running(self) -> list[State]:
        """Every deployment that had not ended, in the order of version and place."""
        found = [one for _key, one in self.past.states(Deployment) if one["ended_at"] is None]
        return sorted(found, key=lambda one: (one["version"], one["environment"]))

    @cached_property
    def in_production(self) -> dict[str, list[str]]:
        """The models that ran in a gated place, each with its versions there."""
        found: dict[str, set[str]] = defaultdict(set)
        for one in self.running:
            if self.is_gated(one["environment"]):
                found[model_of(one["version"])].add(one["version"])
        return {slug: sorted(found[slug]) for slug in sorted(found)}

    @cached_property
    def runs(self) -> dict[str, tuple[str, State]]:
        """The newest run that was over of each version that has one, with its id; re-performances judge nothing."""
        found: dict[str, tuple[str, str]] = {}
        held: dict[str, State] = {}
        for key, one in self.past.states(ValidationRun):
            if one["concluded_at"] is None or one["reperforms"] is not None:
                continue
            version = str(one["version"])
            if (str(one["concluded_at"]), key) > found.get(version, ("", "")):
                found[version], held[version] = (str(one["concluded_at"]), key), one
        return {version: (found[version][1], held[version]) for version in found}

    @cached_property
    def states(self) -> dict[str, str]:
        """Where each model stood: the furthest of the stages of its versions."""
        stages: dict[str, set[str]] = defaultdict(set)
        for one in self.versions.values():
            stages[str(one["model"])].add(str(one["stage"]))
        return {slug: _state(one, stages[slug]) for slug, one in self.models.items()}

    @cached_property
    def live(self) -> list[str]:
        """The models that were not retired."""
        return [slug for slug in self.models if self.states[slug] != RETIRED]

    @cached_property
    def open_findings(self) -> dict[str, State]:
        """The findings that were open."""
        return {key: one for key, one in self.findings.items() if one["state"] == Finding.State.OPEN}

    @cached_property
    def names(self) -> dict[str, str]:
        """The names of today of everybody who is named; the ledger holds none."""
        return {str(one.pk): str(one) for one in User.objects.all()}

    def is_gated(self, place: object) -> bool:
        """Tell whether promotion to a place needed the gate."""
        return bool(self.environments.get(str(place), {}).get("gated"))

    def name_of(self, person: object) -> str:
        """Return the name of a person, empty for nobody."""
        return self.names.get(str(person), "") if person else ""

    def days_since(self, moment: object) -> int:
        """Return the whole days from an instant of the ledger to the instant of the report."""
        return (self.instant - parse_instant(str(moment))) // timedelta(days=1)

    def days_left(self, moment: object) -> int:
        """Return the whole days from the instant of the report to one of the ledger, rounded down."""
        return (parse_instant(str(moment)) - self.instant) // timedelta(days=1)

    def is_overdue(self, finding: State) -> bool:
        """Tell whether an open finding's day had passed."""
        return bool(finding["due_on"]) and str(finding["due_on"]) < self.at[:10]

    def standing_approvals(self, version: str) -> list[State]:
        """Return the approvals of a version that nobody had withdrawn, the first to end first."""
        return self._approvals_of.get(version, [])

    @cached_property
    def _approvals_of(self) -> dict[str, list[State]]:
        found: dict[str, list[State]] = defaultdict(list)
        for one in self.approvals:
            request = self.promotions.get(str(one["request"]))
            if request is not None and one["decision"] == Approval.Decision.APPROVE and not one["withdrawn_at"]:
                found[str(request["version"])].append(one)
        return {version: sorted(rows, key=lambda one: str(one["expires_at"])) for version, rows in found.items()}

    def max_age_of(self, version: str) -> int:
        """Return how many days old a version's evidence may be: by the policy of its newest request, else a year."""
        request = self._newest_request.get(version)
        rules = self.rules.get(str(request["policy"])) if request else None
        return rules.evidence.max_age_days if rules else DEFAULT_MAX_AGE_DAYS

    @cached_property
    def _newest_request(self) -> dict[str, State]:
        found: dict[str, State] = {}
        for one in sorted(self.promotions.values(), key=lambda one: str(one["requested_at"])):
            found[str(one["version"])] = one
        return found

    def lead_version(self, slug: str) -> str | None:
        """Return the version that stands for a model: the one in production, else the newest that was registered."""
        if slug in self.in_production:
            return max(self.in_production[slug], key=lambda key: str(self.versions[key]["registered_at"]))
        return self._newest_version.get(slug)

    @cached_property
    def _newest_version(self) -> dict[str, str]:
        found: dict[str, tuple[str, str]] = {}
        for key, one in self.versions.items():
            slug = str(one["model"])
            found[slug] = max(found.get(slug, ("", "")), (str(one["registered_at"]), key))
        return {slug: key for slug, (_at, key) in found.items()}


def model_of(version: object) -> str:
    """Return the model in the ledger key of a version."""
    return str(version).partition("/")[0]


def _state(model: State, stages: set[str]) -> str:
    if model["retired_at"]:
        return RETIRED
    if not stages:
        return NO_VERSION
    return next((one for one in ORDER_OF_STATES if one in stages), RETIRED)
