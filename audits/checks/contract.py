"""What is a check, what is it given, and what does it return? A check measures; it knows nothing of limits."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, cast

from registry.catalogue import Catalogue
from registry.errors import DomainError

if TYPE_CHECKING:
    from audits.explanations.contract import Explanation
    from audits.tables.contract import EvaluationTable

Better = Literal["higher", "lower", "one", "none"]
GroupStatus = Literal["measured", "suppressed", "too-small"]

SLUG_FAMILIES = ("performance", "calibration", "fairness", "explainability", "drift", "robustness")


class Insufficient(Exception):
    """The subject does not hold what the check needs; ``mend`` says what to provide."""

    def __init__(self, reason: str, mend: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.mend = mend


@dataclass(frozen=True)
class GroupRow:
    """What was measured of one group of people.

    ``n`` is None for a suppressed group (fewer than three people). ``values`` holds named rates and ``low``, ``high``
    the interval of the first of them; both are empty unless ``status`` is "measured". ``note`` says why.
    """

    attribute: str
    group: str
    n: int | None
    values: Mapping[str, float | None]
    low: float | None
    high: float | None
    status: GroupStatus
    note: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", plain(self.values))
        if self.status != "measured" and (self.values or self.low is not None or self.high is not None):
            raise ValueError("a group that is not measured shows no rate")
        if self.status == "suppressed" and self.n is not None:
            raise ValueError("a suppressed group does not show how many people it has")


@dataclass(frozen=True)
class Measurement:
    """One number with its unit, interval, sample size, groups and notes; nothing in it judges.

    ``value`` is None where the data give no answer, and ``reason`` then says why. ``n`` counts the rows the value is
    over. ``method`` names the interval. ``detail`` is a JSON object with series for tables and plots. NaN and
    infinities never occur: they are refused in the value and its interval and become None in ``detail``.
    """

    value: float | None
    unit: str
    low: float | None
    high: float | None
    confidence: float
    n: int
    method: str
    groups: tuple[GroupRow, ...] = ()
    notes: tuple[str, ...] = ()
    detail: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""

    def __post_init__(self) -> None:
        for name in ("value", "low", "high"):
            number = getattr(self, name)
            if number is not None and not math.isfinite(number):
                raise ValueError(f"a measurement's {name} is a finite number or None")
            object.__setattr__(self, name, None if number is None else float(number) + 0.0)
        if (self.low is None) != (self.high is None):
            raise ValueError("an interval has two ends or none")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError("the lower end of an interval is not above the upper end")
        if (self.value is None) != bool(self.reason):
            raise ValueError("a measurement has either a value or a reason why it has none")
        object.__setattr__(self, "detail", plain(self.detail))
        object.__setattr__(self, "groups", tuple(self.groups))
        object.__setattr__(self, "notes", tuple(self.notes))

    def as_json(self) -> dict[str, Any]:
        """Return the measurement as JSON (no NaN); ``from_json`` gives it back equal."""
        groups = [
            {name: getattr(row, name) for name in GROUP_FIELDS} | {"values": dict(row.values)} for row in self.groups
        ]
        fields = {name: getattr(self, name) for name in MEASUREMENT_FIELDS}
        return fields | {"groups": groups, "notes": list(self.notes), "detail": dict(self.detail)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Measurement:
        """Read what ``as_json`` wrote; raises ValueError or TypeError when it is not that."""
        rows = tuple(GroupRow(**row) for row in data["groups"])
        return cls(**(dict(data) | {"groups": rows, "notes": tuple(data["notes"])}))


GROUP_FIELDS = ("attribute", "group", "n", "low", "high", "status", "note")
MEASUREMENT_FIELDS = ("value", "unit", "low", "high", "confidence", "n", "method", "reason")


@dataclass(frozen=True)
class CheckSubject:
    """What a check may look at.

    ``evaluation`` is the table with outcomes and scores, ``reference`` the training table with scores,
    ``explanation`` the model's explanation, ``perturbed`` the same rows scored after a change named by the key
    ("missing-0.1": a tenth of the values blanked at random), ``seed`` fixes every resampling.
    """

    evaluation: EvaluationTable
    reference: EvaluationTable | None = None
    explanation: Explanation | None = None
    perturbed: Mapping[str, EvaluationTable] = field(default_factory=dict)
    seed: int = 0


CheckFunction = Callable[..., Measurement]


@dataclass(frozen=True)
class CheckSpec:
    """A registered check: its function and what one must know to use it.

    ``needs`` names what the subject must hold, ``better`` in which direction the value improves, ``parameters`` is
    the JSON Schema of the parameters, ``mend`` says what usually helps when a requirement on it is not met.
    """

    slug: str
    summary: str
    family: str
    function: CheckFunction
    needs: tuple[str, ...]
    unit: str
    better: Better
    parameters: Mapping[str, Any]
    mend: str = ""

    def __post_init__(self) -> None:
        unknown = [need for need in self.needs if need not in NEEDS]
        if unknown or self.family not in SLUG_FAMILIES or not self.slug.startswith(f"{self.family}."):
            raise ValueError(f"check {self.slug!r}: needs, family and slug must be of the known kinds")
        # the catalogue prints where a plug-in lives, which is where its function was written
        object.__setattr__(self, "__module__", self.function.__module__)

    def run(self, subject: CheckSubject, **params: Any) -> Measurement:
        """Measure ``subject``; raises Insufficient when it lacks what is needed, DomainError for bad parameters."""
        self.validate(params)
        for need in self.needs:
            holds, reason, mend = NEEDS[need]
            if not holds(subject):
                raise Insufficient(reason, mend)
        return self.function(subject, **params)

    def validate(self, params: Mapping[str, Any]) -> None:
        """Raise DomainError ``bad-check-parameters`` unless ``params`` fits the schema."""
        import jsonschema

        properties = dict(self.parameters.get("properties", {})) | {"confidence": CONFIDENCE_SCHEMA}
        schema = dict(self.parameters) | {"type": "object", "properties": properties, "additionalProperties": False}
        try:
            jsonschema.Draft202012Validator(schema).validate(plain(params))
        except jsonschema.ValidationError as error:
            at = ".".join(str(part) for part in error.absolute_path) or "parameters"
            message = f"Parameters of {self.slug} do not fit: {at}: {error.message[:200]}"
            raise DomainError("bad-check-parameters", message, check=self.slug, at=at) from None


CONFIDENCE_SCHEMA: Mapping[str, Any] = MappingProxyType(
    {"type": "number", "exclusiveMinimum": 0.5, "exclusiveMaximum": 1}
)

NEEDS: Mapping[str, tuple[Callable[[CheckSubject], bool], str, str]] = MappingProxyType(
    {
        "labels": (
            lambda subject: subject.evaluation.roles.target is not None,
            "The evaluation table has no outcome column.",
            "Name the column with outcomes 0 and 1 as 'target' in the roles of the dataset version.",
        ),
        "scores": (
            lambda subject: subject.evaluation.roles.score is not None,
            "The evaluation table has no score column.",
            "Name the score column, or let the service score the table with the model.",
        ),
        "selection": (
            lambda subject: subject.evaluation.selects,
            "Nothing says who is selected: there is neither a score with a threshold nor a decision column.",
            "Give the version its decision threshold, or name a decision column.",
        ),
        "sensitive": (
            lambda subject: bool(subject.evaluation.roles.sensitive),
            "The evaluation table names no sensitive attribute.",
            "Name the sensitive attributes in the roles of the dataset version.",
        ),
        "features": (
            lambda subject: bool(subject.evaluation.roles.features),
            "The evaluation table names no features.",
            "Name the features in the roles of the dataset version.",
        ),
        "reference": (
            lambda subject: subject.reference is not None,
            "There is no reference table to compare with.",
            "Record the training dataset version in the lineage of the model version.",
        ),
        "reference-scores": (
            lambda subject: subject.reference is not None and subject.reference.roles.score is not None,
            "There is no scored reference table to compare with.",
            "Record the training dataset version in the lineage, so that the service can score it too.",
        ),
        "explanation": (
            lambda subject: subject.explanation is not None,
            "There is no explanation of the model.",
            "Upload the model in a format the service can load in its sandbox.",
        ),
        "perturbed": (
            lambda subject: bool(subject.perturbed),
            "The model was not scored on perturbed rows.",
            "Upload the model in a format the service can load in its sandbox.",
        ),
    }
)

CHECKS: Catalogue[CheckSpec] = Catalogue("check", packages=("audits.checks",), entry_point_group="cadastre.checks")


def check(
    slug: str,
    *,
    family: str,
    needs: tuple[str, ...],
    unit: str,
    better: Better,
    parameters: Mapping[str, Any] | None = None,
    mend: str = "",
) -> Callable[[CheckFunction], CheckFunction]:
    """Register a function ``(subject, *, confidence=0.95, **params) -> Measurement`` as the check ``slug``.

    ``parameters`` maps the name of each parameter to its JSON Schema. The summary is the first line of the docstring.
    """

    def decorate(function: CheckFunction) -> CheckFunction:
        summary = (function.__doc__ or "").strip().split("\n", 1)[0]
        schema = MappingProxyType({"properties": dict(parameters or {})})
        spec = CheckSpec(slug, summary, family, function, needs, unit, better, schema, mend)
        CHECKS.register(slug, summary=summary)(spec)
        return function

    return decorate


def plain(value: Any) -> Any:
    """Return ``value`` as JSON: numpy scalars and arrays unwrapped, tuples as lists, NaN and infinities as None."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(cast("Any", value).tolist())
    raise TypeError(f"{type(value).__name__} cannot stand in a measurement")
