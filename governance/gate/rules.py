"""What does a policy demand? Its text, read strictly into frozen rules; anything it does not understand is refused."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import jsonschema
import yaml

from governance.gate.codec import from_json, to_json
from registry.digests import digest_of
from registry.errors import DomainError

Op = Literal[">=", "<=", ">", "<"]
JudgedOn = Literal["estimate", "bound"]
MAX_POLICY_CHARACTERS = 200_000
DEEPEST_NESTING = 20


@dataclass(frozen=True)
class RequirementRule:
    """One requirement: a check, a comparison, a limit, and what to do when it is not met."""

    key: str
    check: str
    op: Op
    limit: float
    severity: Literal["blocking", "advisory"]
    clause: str
    mend: str
    params: Mapping[str, Any] = field(default_factory=dict)
    judged_on: JudgedOn = "estimate"
    confidence: float = 0.95
    min_group_size: int = 20

    def as_json(self) -> dict[str, Any]:
        """Return the JSON form, every member written out."""
        data: dict[str, Any] = to_json(self)
        return data


@dataclass(frozen=True)
class AppliesTo:
    """The risk tiers and environments a policy is for."""

    tiers: tuple[int, ...]
    environments: tuple[str, ...]


@dataclass(frozen=True)
class ApprovalRules:
    """How many distinct people must approve, in which roles, and for how long their yes holds."""

    quorum: int
    roles: tuple[str, ...]
    valid_days: int
    second_line_required: bool = False
    second_line_roles: tuple[str, ...] = ("risk_manager", "validator")


@dataclass(frozen=True)
class EvidenceRules:
    """How old the evidence may be."""

    max_age_days: int


@dataclass(frozen=True)
class LineageRules:
    """Which ends of the lineage must be known."""

    training_required: bool = True
    evaluation_required: bool = True


@dataclass(frozen=True)
class AnchorRules:
    """How many kinds of anchor must cover the ledger, and how long one may lag; None leaves it to the installation."""

    needed: int | None = None
    max_down_hours: int | None = None


@dataclass(frozen=True)
class RuleSource:
    """A text the policy leans on, and how it was read; shown beside every clause that cites it."""

    name: str
    mark: str
    read_on: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class PolicyRules:
    """A whole policy. ``controls`` None means all that are registered; what is always judged cannot be left out."""

    slug: str
    title: str
    edition: str
    effective_from: date
    applies_to: AppliesTo
    requirements: tuple[RequirementRule, ...]
    approvals: ApprovalRules
    evidence: EvidenceRules
    artifact_formats: tuple[str, ...]
    lineage: LineageRules = field(default_factory=LineageRules)
    controls: tuple[str, ...] | None = None
    superseded_on: date | None = None
    sources: tuple[RuleSource, ...] = ()
    anchors: AnchorRules | None = None

    @classmethod
    def from_json(
        cls,
        body: Any,
        *,
        known_checks: Collection[str] | None = None,
        known_controls: Collection[str] | None = None,
    ) -> PolicyRules:
        """Return the rules of a policy body.

        Raises DomainError: ``policy-invalid`` (``problems`` lists where and what), ``policy-unknown-key``,
        ``policy-duplicate-requirement``, ``policy-roles-missing``, ``policy-unknown-check``,
        ``policy-unknown-control``.
        """
        _refuse_unshaped(body)
        try:
            rules = from_json(cls, body)
        except ValueError as error:
            raise DomainError(
                "policy-invalid", f"The policy cannot be read: {error}.", problems=[str(error)]
            ) from error
        _refuse_senseless(rules)
        _refuse_unknown("check", [rule.check for rule in rules.requirements], known_checks)
        _refuse_unknown("control", rules.controls or (), known_controls)
        return rules

    def as_json(self) -> dict[str, Any]:
        """Return the JSON form, defaults written out; :meth:`from_json` rebuilds equal rules from it."""
        data: dict[str, Any] = _without_nones(to_json(self))
        return data

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON of these rules."""
        return digest_of(self.as_json())

    def applies(self, *, tier: int, environment: str, on: date) -> bool:
        """Tell whether these rules are for that tier and environment and in force on that day."""
        in_force = self.effective_from <= on and (self.superseded_on is None or on < self.superseded_on)
        return in_force and tier in self.applies_to.tiers and environment in self.applies_to.environments


def parse_policy(
    text: str, *, known_checks: Collection[str] | None = None, known_controls: Collection[str] | None = None
) -> PolicyRules:
    """Return the rules of a policy written in YAML.

    Raises DomainError: ``policy-too-large``, ``policy-not-yaml`` (also for aliases, tags and duplicate keys), and all
    that :meth:`PolicyRules.from_json` raises.
    """
    if len(text) > MAX_POLICY_CHARACTERS:
        raise DomainError(
            "policy-too-large",
            f"A policy has at most {MAX_POLICY_CHARACTERS} characters.",
            kind="too-large",
            observed=len(text),
        )
    try:
        body = yaml.load(text, Loader=_StrictLoader)  # noqa: S506  # a SafeLoader that refuses even more
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DomainError("policy-not-yaml", f"The policy is not plain YAML: {error}") from error
    return PolicyRules.from_json(body, known_checks=known_checks, known_controls=known_controls)


@cache
def policy_schema() -> Mapping[str, Any]:
    """Return the JSON Schema of a policy body."""
    text = files("governance.policy_packs").joinpath("schema.json").read_text(encoding="utf-8")
    schema: Mapping[str, Any] = json.loads(text)
    return schema


def packs() -> Iterator[tuple[str, PolicyRules]]:
    """Yield (file name, rules) of every policy pack that ships, by name."""
    for entry in sorted(files("governance.policy_packs").iterdir(), key=lambda found: found.name):
        if entry.name.endswith(".yaml"):
            yield entry.name, parse_policy(entry.read_text(encoding="utf-8"))


class _StrictLoader(yaml.SafeLoader):
    """Plain YAML only: no alias (they multiply), no duplicate key (the last would win in silence), dates as text."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def fetch_flow_collection_start(self, TokenClass: Any) -> None:  # the name is PyYAML's
        if self.flow_level >= DEEPEST_NESTING:
            raise yaml.YAMLError("nested too deeply")
        super().fetch_flow_collection_start(TokenClass)

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not allowed")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _value in node.value]
        if repeated := [key for key, count in Counter(map(str, keys)).items() if count > 1]:
            raise yaml.YAMLError(f"the key {repeated[0]!r} appears twice")
        return super().construct_mapping(node, deep=deep)


def _refuse_unshaped(body: Any) -> None:
    if not isinstance(body, Mapping):
        raise DomainError("policy-invalid", "A policy is a mapping of names to rules.", problems=["not a mapping"])
    if not _is_finite(body):
        raise DomainError("policy-invalid", "A number in the policy is not finite.", problems=["not a finite number"])
    found = list(jsonschema.Draft202012Validator(dict(policy_schema())).iter_errors(body))
    faults = sorted(found, key=lambda fault: [str(step) for step in fault.absolute_path])
    if not faults:
        return
    problems = [
        {"at": "/".join(map(str, fault.absolute_path)) or "(top)", "problem": fault.message[:300]}
        for fault in faults[:20]
    ]
    unknown = any(fault.validator == "additionalProperties" for fault in faults)
    code = "policy-unknown-key" if unknown else "policy-invalid"
    first = problems[0]
    raise DomainError(code, f"The policy is not valid at {first['at']}: {first['problem']}", problems=problems)


def _without_nones(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nones(item) for name, item in value.items() if item is not None}
    return [_without_nones(item) for item in value] if isinstance(value, list) else value


def _is_finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, Mapping):
        return all(isinstance(name, str) and _is_finite(item) for name, item in value.items())
    if isinstance(value, list):
        return all(_is_finite(item) for item in value)
    return True


def _refuse_senseless(rules: PolicyRules) -> None:
    counted = Counter(rule.key for rule in rules.requirements)
    if repeated := [key for key, count in counted.items() if count > 1]:
        raise DomainError(
            "policy-duplicate-requirement", f"The requirement {repeated[0]!r} appears twice.", requirements=repeated
        )
    wanted = rules.approvals
    if wanted.quorum and not wanted.roles:
        raise DomainError("policy-roles-missing", "A quorum needs at least one role that may approve.")
    if wanted.second_line_required and not set(wanted.roles) & set(wanted.second_line_roles):
        raise DomainError(
            "policy-roles-missing", "The second line is required, but none of its roles may approve.",
            roles=list(wanted.roles), second_line_roles=list(wanted.second_line_roles),
        )  # fmt: skip


def _refuse_unknown(kind: str, named: Collection[str], known: Collection[str] | None) -> None:
    if known is None:
        return
    if missing := sorted(set(named) - set(known)):
        raise DomainError(
            f"policy-unknown-{kind}",
            f"The policy names a {kind} that is not registered: {missing[0]}.",
            unknown=missing,
        )
