"""What does a policy require of a measurement, and is it met, not met, or can nobody tell?"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from audits.checks.contract import CHECKS, MEASURED_ONCE, CheckSubject, Insufficient, Measurement, plain
from registry.errors import DomainError

Status = Literal["met", "not_met", "insufficient", "error"]
JudgedOn = Literal["estimate", "bound"]
Severity = Literal["blocking", "advisory"]

OPS: Mapping[str, str] = {"<=": "at most", ">=": "at least", "<": "below", ">": "above"}
FIELDS = frozenset({"key", "check", "params", "op", "limit", "judged_on", "confidence", "min_group_size", "severity"})
DEFAULT_MIN_GROUP_SIZE = 20
TOLERANCE = 1e-12

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Requirement:
    """A line of policy: a check with parameters, a comparison, a limit, what is compared, and how serious a miss is.

    ``judged_on`` "estimate" compares the value; "bound" asks that the whole interval lies on the good side.
    ``min_group_size`` is the least number of rows a rate by group is over, and the least number of rows of any
    measurement that is over rows.
    """

    key: str
    check: str
    op: str
    limit: float
    params: Mapping[str, Any] = field(default_factory=dict)
    judged_on: JudgedOn = "estimate"
    confidence: float = 0.95
    min_group_size: int = DEFAULT_MIN_GROUP_SIZE
    severity: Severity = "blocking"

    @classmethod
    def from_policy(cls, data: Mapping[str, Any]) -> Requirement:
        """Read a requirement from policy data.

        Raises DomainError ``bad-requirement`` (missing or unknown field), ``bad-requirement-key``, ``unknown-check``,
        ``bad-comparison``, ``bad-limit``, ``bad-confidence``, ``bad-min-group-size``, ``bad-judged-on``,
        ``bad-severity`` and ``bad-check-parameters``.
        """
        if not isinstance(data, Mapping):
            raise DomainError("bad-requirement", "A requirement is an object of named fields.")
        odd = sorted(str(name)[:80] for name in set(data) - FIELDS) or sorted(
            {"key", "check", "op", "limit"} - set(data)
        )
        if odd:
            raise DomainError(
                "bad-requirement", f"A requirement has missing or unknown fields: {', '.join(odd)}.", fields=odd
            )
        key = data["key"]
        if not isinstance(key, str) or not 1 <= len(key) <= 100 or not key.isprintable():
            raise DomainError("bad-requirement-key", "A requirement's key is a text of 1 to 100 characters.")
        spec = CHECKS.get(data["check"]) if isinstance(data["check"], str) else CHECKS.get("")
        if not isinstance(data["op"], str) or data["op"] not in OPS:
            raise DomainError("bad-comparison", f"{key}: the comparison is one of {', '.join(OPS)}.", key=key)
        limit = _number(data["limit"], "bad-limit", f"{key}: the limit must be a finite number.")
        confidence = _number(data.get("confidence", 0.95), "bad-confidence", f"{key}: confidence must be a number.")
        if not 0.5 < confidence < 1.0:
            raise DomainError("bad-confidence", f"{key}: confidence must lie between 0.5 and 1.", key=key)
        least = data.get("min_group_size", DEFAULT_MIN_GROUP_SIZE)
        if not isinstance(least, int) or isinstance(least, bool) or not 3 <= least <= 1_000_000:
            raise DomainError("bad-min-group-size", f"{key}: min_group_size is a whole number from 3 on.", key=key)
        judged_on, severity = data.get("judged_on", "estimate"), data.get("severity", "blocking")
        if judged_on not in ("estimate", "bound"):
            raise DomainError("bad-judged-on", f"{key}: judged_on is 'estimate' or 'bound'.", key=key)
        if severity not in ("blocking", "advisory"):
            raise DomainError("bad-severity", f"{key}: severity is 'blocking' or 'advisory'.", key=key)
        params = data.get("params", {})
        if not isinstance(params, Mapping) or {"confidence", "min_group_size"} & set(params):
            message = f"{key}: params is an object; confidence and min_group_size are fields of the requirement itself."
            raise DomainError("bad-check-parameters", message, key=key)
        spec.validate(params)
        return cls(key, spec.slug, data["op"], limit, plain(params), judged_on, confidence, least, severity)

    def as_json(self) -> dict[str, Any]:
        """Return the policy data that ``from_policy`` reads back to an equal requirement."""
        return {name: getattr(self, name) for name in sorted(FIELDS)} | {"params": dict(self.params)}

    def arguments(self) -> dict[str, Any]:
        """Return the keyword arguments the check is called with."""
        schema = CHECKS.get(self.check).parameters["properties"]
        sized = {"min_group_size": self.min_group_size} if "min_group_size" in schema else {}
        return dict(self.params) | sized | {"confidence": self.confidence}

    def required(self) -> str:
        """Say in words what is required."""
        text = f"{OPS[self.op]} {figure(self.limit)}"
        if self.judged_on == "bound":
            text += f" for the whole {_percent(self.confidence)} interval"
        return text


@dataclass(frozen=True)
class Judgement:
    """A measurement held against a requirement: one of four answers, in words a person can act on."""

    status: Status
    observed: str
    required: str
    reason: str
    mend: str

    def as_json(self) -> dict[str, str]:
        """Return the judgement as JSON."""
        return {name: getattr(self, name) for name in ("status", "observed", "required", "reason", "mend")}


@dataclass(frozen=True)
class CheckOutcome:
    """What came of one requirement: the measurement, where there is one, and the judgement."""

    requirement: Requirement
    measurement: Measurement | None
    judgement: Judgement

    def as_json(self) -> dict[str, Any]:
        """Return the outcome as JSON, for evidence."""
        measured = self.measurement.as_json() if self.measurement is not None else None
        return {
            "requirement": self.requirement.as_json(),
            "measurement": measured,
            "judgement": self.judgement.as_json(),
        }


def judge(requirement: Requirement, measurement: Measurement) -> Judgement:
    """Hold a measurement against a requirement.

    On the estimate: met or not met. On the bound: met when the whole interval is on the good side, not met when it is
    wholly on the bad side, insufficient when it straddles the limit or there is none. Without a value, or with fewer
    rows than ``min_group_size``: insufficient. Numbers within a relative 1e-12 of the limit count as equal to it.
    """
    mend, required = CHECKS.get(requirement.check).mend, requirement.required()
    observed = observed_text(measurement, limit=requirement.limit)

    def answer(status: Status, reason: str, mend: str = mend) -> Judgement:
        return Judgement(status, observed, required, reason, mend if status != "met" else "")

    if measurement.value is None:
        return answer("insufficient", measurement.reason, "Provide enough rows of each kind for this measurement.")
    if measurement.n < requirement.min_group_size and measurement.method != MEASURED_ONCE:
        reason = f"The measurement is over {measurement.n} rows; at least {requirement.min_group_size} are required."
        return answer("insufficient", reason, "Evaluate on more rows.")
    if requirement.judged_on == "estimate":
        good = _holds(measurement.value, requirement.op, requirement.limit)
        return answer("met" if good else "not_met", f"The value is{'' if good else ' not'} {required}.")
    if measurement.low is None or measurement.high is None:
        return answer("insufficient", "There is no interval to hold against the limit.", "Evaluate on more rows.")
    interval = f"{_percent(measurement.confidence)} interval"
    limit = f"{OPS[requirement.op]} {figure(requirement.limit)}"
    sides = [_holds(end, requirement.op, requirement.limit) for end in (measurement.low, measurement.high)]
    if all(sides):
        return answer(
            "met",
            f"The whole {interval} is {limit}.",
        )
    if not any(sides):
        return answer(
            "not_met",
            f"No part of the {interval} is {limit}.",
        )
    return answer(
        "insufficient",
        f"The {_percent(measurement.confidence)} interval lies on both sides of the limit {figure(requirement.limit)}.",
        f"Evaluate on more rows, so that the interval becomes narrower. If the gap is real: {mend}"
        if mend
        else "Evaluate on more rows.",
    )


def measure(requirement: Requirement, subject: CheckSubject) -> CheckOutcome:
    """Run a requirement's check on a subject and judge it; whatever goes wrong becomes an answer, never a pass.

    Raises nothing of the check's own but that memory has run out, which is the whole step's affair: a refusal or a
    fault gives status "error" without a measurement.
    """
    spec = CHECKS.get(requirement.check)
    try:
        found = spec.run(subject, **requirement.arguments())
        return CheckOutcome(requirement, found, judge(requirement, found))
    except Insufficient as lack:
        return _without(requirement, "insufficient", lack.reason, lack.mend)
    except DomainError as refusal:
        return _without(
            requirement,
            "error",
            f"{refusal.message} ({refusal.code})",
            "Mend the data or the requirement and run again.",
        )
    except Exception as fault:
        if is_out_of_memory(fault):
            raise
        # Third-party checks may raise anything, and every fault must end as an answer. The text of a foreign exception
        # may quote rows of the table, so only its kind is stored; the log has the rest.
        logger.exception("check failed", extra={"check": requirement.check, "requirement": requirement.key})
        reason = f"The check {requirement.check} failed with {type(fault).__name__}."
        return _without(requirement, "error", reason, "Ask the administrator to read the worker's log, then run again.")


def is_out_of_memory(fault: BaseException | None) -> bool:
    """Tell whether a fault, or what it came from, says that there was no memory; engines have their own words for it."""
    while fault is not None:
        if isinstance(fault, MemoryError) or "OutOfMemory" in type(fault).__name__:
            return True
        fault = fault.__cause__ or fault.__context__
    return False


def observed_text(measurement: Measurement, *, limit: float | None = None) -> str:
    """Say in words what was measured: value, interval and number of rows, each on its side of ``limit``."""
    if measurement.value is None:
        return f"no value, n = {measurement.n}"
    text = figure(measurement.value, limit)
    if measurement.low is not None and measurement.high is not None:
        low, high = figure(measurement.low, limit), figure(measurement.high, limit)
        text += f" ({_percent(measurement.confidence)} interval {low} to {high})"
    return f"{text}, n = {measurement.n}"


def figure(value: float, limit: float | None = None) -> str:
    """Write a number with four significant digits, and with more where rounding would hide its side of ``limit``."""
    digits = 4
    if limit is not None and not math.isclose(value, limit, rel_tol=TOLERANCE, abs_tol=TOLERANCE):
        while digits < 17 and _side(float(f"{value:.{digits}g}"), limit) != _side(value, limit):
            digits += 1
    return f"{value:.{digits}g}"


def _without(requirement: Requirement, status: Status, reason: str, mend: str) -> CheckOutcome:
    return CheckOutcome(requirement, None, Judgement(status, "nothing measured", requirement.required(), reason, mend))


def _holds(value: float, op: str, limit: float) -> bool:
    equal = math.isclose(value, limit, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    if op in ("<=", ">="):
        return equal or (value < limit if op == "<=" else value > limit)
    return not equal and (value < limit if op == "<" else value > limit)


def _side(value: float, limit: float) -> int:
    return (value > limit) - (value < limit)


def _percent(confidence: float) -> str:
    return f"{confidence * 100:.4g} %"


def _number(value: Any, code: str, message: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DomainError(code, message)
    try:
        number = float(value)
    except OverflowError:
        raise DomainError(code, message) from None
    if not math.isfinite(number):
        raise DomainError(code, message)
    return number + 0.0
