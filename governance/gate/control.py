"""What is a control? A small pure function over the facts and the rules, found by its id, never skipped in silence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeVar

from governance.gate.contract import GateFacts
from governance.gate.rules import PolicyRules
from registry.catalogue import Catalogue

ControlStatus = Literal["pass", "fail", "not_applicable", "no_evidence"]


@dataclass(frozen=True)
class Part:
    """One thing among several that a control looked at and found wanting, such as one requirement of many."""

    key: str
    text: str
    observed: str
    required: str
    mend: str
    clause: str


@dataclass(frozen=True)
class ControlResult:
    """What a control found: what was observed, what is required, and how to mend it where the two differ.

    An empty ``clause`` means the clause the control was registered with. ``parts`` says it item by item; when it is not
    empty the decision gives one reason for each part in place of one for the whole.
    """

    status: ControlStatus
    observed: str
    required: str
    mend: str = ""
    clause: str = ""
    parts: tuple[Part, ...] = ()


Judge = Callable[[GateFacts, PolicyRules, datetime], ControlResult]
J = TypeVar("J", bound=Judge)


@dataclass(frozen=True)
class Control:
    """A registered control. One that is ``always`` judged cannot be left out by a policy; one that does not need the
    policy's rules is judged even where none is in force, so that the first thing to mend is named first."""

    slug: str
    title: str
    clause: str
    always: bool
    needs_policy: bool
    judge: Judge


CONTROLS: Catalogue[Control] = Catalogue(
    "control", packages=("governance.gate.controls",), entry_point_group="cadastre.controls"
)


def control(slug: str, *, title: str, clause: str, always: bool = False, needs_policy: bool = True) -> Callable[[J], J]:
    """Register the decorated judge under its catalogue id (``SOD-01``); ``title`` says what holds when it passes."""

    def decorate(judge: J) -> J:
        item = Control(slug, title, clause, always, needs_policy, judge)
        object.__setattr__(item, "__module__", judge.__module__)  # the catalogue lists where the rule is written
        CONTROLS.register(slug, summary=title)(item)
        return judge

    return decorate


def passed(observed: str, required: str) -> ControlResult:
    """Return a result that stands in nobody's way."""
    return ControlResult("pass", observed, required)


def failed(observed: str, required: str, mend: str, *, parts: tuple[Part, ...] = ()) -> ControlResult:
    """Return a result that denies, with how to mend it."""
    return ControlResult("fail", observed, required, mend, parts=parts)


def no_evidence(observed: str, required: str, mend: str) -> ControlResult:
    """Return a result that denies because what it would judge is not there."""
    return ControlResult("no_evidence", observed, required, mend)


def not_applicable(required: str) -> ControlResult:
    """Return a result for a rule that does not apply here."""
    return ControlResult("not_applicable", "does not apply", required)
