"""What is a check? A measurement with a name, what it needs, and what one must know to use it. It knows no limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal

from audits.checks.measurement import (
    COUNTED,
    MEASURED_ONCE,
    GroupRow,
    GroupStatus,
    Measurement,
    Plot,
    PlotColumn,
    gettext_noop,
    intervals_plot,
    plain,
)
from audits.checks.subject import NEEDS, CheckSubject, Fitness
from registry.catalogue import Catalogue
from registry.errors import DomainError

__all__ = [
    "CHECKS",
    "COUNTED",
    "MEASURED_ONCE",
    "NEEDS",
    "TASKS",
    "CheckSpec",
    "CheckSubject",
    "Fitness",
    "GroupRow",
    "GroupStatus",
    "Insufficient",
    "Measurement",
    "Plot",
    "PlotColumn",
    "check",
    "gettext_noop",
    "intervals_plot",
    "plain",
]

Better = Literal["higher", "lower", "one", "none"]
Task = Literal["binary", "multiclass", "regression"]

TASKS: tuple[Task, ...] = ("binary", "multiclass", "regression")
SLUG_FAMILIES = (
    "performance",
    "calibration",
    "comparison",
    "fairness",
    "explainability",
    "drift",
    "data",
    "robustness",
    "fitness",
)


class Insufficient(Exception):
    """The subject does not hold what the check needs; ``mend`` says what to provide."""

    def __init__(self, reason: str, mend: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.mend = mend


CheckFunction = Callable[..., Measurement]


@dataclass(frozen=True)
class CheckSpec:
    """A registered check: its function and what one must know to use it.

    ``needs`` names what the subject must hold, ``better`` in which direction the value improves, ``parameters`` is
    the JSON Schema of the parameters, ``mend`` says what usually helps when a requirement on it is not met. ``tasks``
    are the kinds of model it measures; of another kind it answers that it is insufficient. ``perturbs`` names the
    changes of the evaluation rows it reads from ``subject.perturbed``, by the keys of ``audits.runs.perturbations``.
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
    tasks: tuple[Task, ...] = ("binary",)
    perturbs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        unknown = [need for need in self.needs if need not in NEEDS]
        if not self.tasks or set(self.tasks) - set(TASKS):
            raise ValueError(f"check {self.slug!r}: tasks are among {', '.join(TASKS)}")
        if unknown or self.family not in SLUG_FAMILIES or not self.slug.startswith(f"{self.family}."):
            raise ValueError(f"check {self.slug!r}: needs, family and slug must be of the known kinds")
        # the catalogue prints where a plug-in lives, which is where its function was written
        object.__setattr__(self, "__module__", self.function.__module__)

    def run(self, subject: CheckSubject, **params: Any) -> Measurement:
        """Measure ``subject``; raises Insufficient when it lacks what is needed, DomainError for bad parameters."""
        self.validate(params)
        if subject.task not in self.tasks:
            raise Insufficient(
                f"This measurement is for {' and '.join(self.tasks)} models; this one is a {subject.task} model.",
                "Take the requirement out of the policy for models of this kind, or name the measurement that fits them.",
            )
        for need in self.needs:
            holds, reason, mend = NEEDS[need]
            if not holds(subject):
                why = subject.unscored.get(need, "")
                raise Insufficient(f"{reason} {why}".strip(), mend)
        return self.function(subject, **params)

    def perturbations(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the keys of the perturbed rows it reads when called with ``params``, each once."""
        asked = params.get("perturbation")
        return tuple(dict.fromkeys([*self.perturbs, *([asked] if isinstance(asked, str) else [])]))

    def validate(self, params: Mapping[str, Any]) -> None:
        """Raise DomainError ``bad-check-parameters``, naming the parameter, unless ``params`` fits the schema.

        Beyond JSON Schema: a whole number is written as one (10, not 10.0), and a text is of one line that can be printed.
        """
        import jsonschema

        known = self._validator.schema["properties"]
        for name, value in params.items():
            if name not in known:
                raise self._refusal(str(name)[:80], f"is unknown; known are {', '.join(sorted(known))}")
            if not _is_printable(value):
                raise self._refusal(
                    name, f"holds a text with control characters, or of more than {MAX_TEXT} characters"
                )
        try:
            self._validator.validate(plain(params))
        except jsonschema.ValidationError as error:
            at = ".".join(str(part) for part in error.absolute_path) or "parameters"
            raise self._refusal(at, error.message[:200]) from None

    def _refusal(self, at: str, words: str) -> DomainError:
        message = f"Parameters of {self.slug} do not fit: {at}: {words}"
        return DomainError("bad-check-parameters", message, check=self.slug, at=at)

    @cached_property
    def _validator(self) -> Any:
        import jsonschema

        properties = dict(self.parameters.get("properties", {})) | {"confidence": CONFIDENCE_SCHEMA}
        schema = dict(self.parameters) | {"type": "object", "properties": properties, "additionalProperties": False}
        draft = jsonschema.Draft202012Validator
        whole = draft.TYPE_CHECKER.redefine("integer", _is_whole)
        strict: Any = jsonschema.validators.extend(draft, type_checker=whole)  # type: ignore[no-untyped-call]  # no stubs
        return strict(schema)


MAX_TEXT = 400


def _is_whole(_checker: Any, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_printable(value: object) -> bool:
    if isinstance(value, Mapping):
        return all(_is_printable(part) for pair in value.items() for part in pair)
    if isinstance(value, list | tuple):
        return all(map(_is_printable, value))
    return not isinstance(value, str) or (len(value) <= MAX_TEXT and value.isprintable())


CONFIDENCE_SCHEMA: Mapping[str, Any] = MappingProxyType(
    {"type": "number", "exclusiveMinimum": 0.5, "exclusiveMaximum": 1}
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
    tasks: tuple[Task, ...] = ("binary",),
    perturbs: tuple[str, ...] = (),
) -> Callable[[CheckFunction], CheckFunction]:
    """Register a function ``(subject, *, confidence=0.95, **params) -> Measurement`` as the check ``slug``.

    ``parameters`` maps the name of each parameter to its JSON Schema. The summary is the first line of the docstring.
    """

    def decorate(function: CheckFunction) -> CheckFunction:
        summary = (function.__doc__ or "").strip().split("\n", 1)[0]
        schema = MappingProxyType({"properties": dict(parameters or {})})
        spec = CheckSpec(slug, summary, family, function, needs, unit, better, schema, mend, tasks, perturbs)
        CHECKS.register(slug, summary=summary)(spec)
        return function

    return decorate
