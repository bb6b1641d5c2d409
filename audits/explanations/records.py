"""What does an explanation hold besides its attributions? Effects, reasons and counterfactuals, as bounded records."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, TypeVar

from audits.explanations import bounded

MAX_GRID = 40
MAX_CURVES = 50
MAX_LOCAL = 50
MAX_KEPT = 100
MAX_FEATURES = 2_000
MAX_REASONS = 20

Cell = float | str | None
R = TypeVar("R")


def _named(kind: type[R], value: object) -> dict[str, Any]:
    return bounded.fields(value, {part.name for part in fields(kind)})  # type: ignore[arg-type]  # every R is a dataclass


@dataclass(frozen=True)
class Cost:
    """What the explanation was predicted to cost and did cost, in seconds of processor time.

    ``considered`` pairs each route that fits the model with its predicted cost for all rows asked for; ``budget`` None:
    no bound was set.
    """

    predicted: float
    used: float
    budget: float | None
    considered: tuple[tuple[str, float], ...] = ()

    @classmethod
    def from_json(cls, value: object) -> Cost:
        """Return the record a JSON value holds; raises ValueError for any other value."""
        found = _named(cls, value)
        pairs = [bounded.listed(pair, 2) for pair in bounded.listed(found["considered"], 20)]
        return cls(
            bounded.size(found["predicted"]),
            bounded.size(found["used"]),
            bounded.maybe(found["budget"], bounded.size),
            tuple((bounded.text(route, 50), bounded.size(seconds)) for route, seconds in pairs),
        )


@dataclass(frozen=True)
class Dependence:
    """How the model's answer moves along one feature while the others stay (Friedman 2001; Goldstein et al. 2015).

    ``grid``: values of the feature, numbers in rising order or names of categories; ``mean``: mean answer with the
    feature set to each; ``low`` and ``high``: tenth and ninetieth percentile over the rows; ``curves``: the answers of
    single rows (ICE), a bounded choice; ``rows``: how many rows the means are over. ``falling`` and ``rising``: share of
    rows whose own curve falls (rises) anywhere by more than 1e-9, None for categories.
    """

    feature: int
    grid: tuple[Cell, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    curves: tuple[tuple[float, ...], ...]
    rows: int
    falling: float | None
    rising: float | None

    @classmethod
    def from_json(cls, value: object) -> Dependence:
        """Return the record a JSON value holds; raises ValueError for any other value."""
        found = _named(cls, value)

        def answers(part: object) -> tuple[float, ...]:
            return bounded.several(part, MAX_GRID, bounded.number)

        made = cls(
            feature=bounded.count(found["feature"]),
            grid=bounded.several(found["grid"], MAX_GRID, bounded.cell),
            mean=answers(found["mean"]),
            low=answers(found["low"]),
            high=answers(found["high"]),
            curves=bounded.several(found["curves"], MAX_CURVES, answers),
            rows=bounded.count(found["rows"]),
            falling=bounded.maybe(found["falling"], bounded.share),
            rising=bounded.maybe(found["rising"], bounded.share),
        )
        if any(len(line) != len(made.grid) for line in (made.mean, made.low, made.high, *made.curves)):
            raise ValueError("a curve has one answer for each value of its grid")
        return made


@dataclass(frozen=True)
class Interaction:
    """How much of the joint effect of two features is not the sum of their own (Friedman and Popescu 2008, eq. 44).

    ``strength``: their H squared, 0 = the effects add up, 1 = the joint effect is interaction alone. ``rows``: rows the
    partial dependences are over.
    """

    first: int
    second: int
    strength: float
    rows: int

    @classmethod
    def from_json(cls, value: object) -> Interaction:
        """Return the record a JSON value holds; raises ValueError for any other value."""
        found = _named(cls, value)
        first, second = bounded.count(found["first"]), bounded.count(found["second"])
        return cls(first, second, bounded.size(found["strength"]), bounded.count(found["rows"]))


@dataclass(frozen=True)
class LocalExplanation:
    """Why one row was answered as it was: its answer, and its largest contributions against the favourable answer.

    ``row``: its place in the sample; ``answer``: the model's answer (probability of the explained class, or the value);
    ``unfavourable``: whether that answer is against the person, None where no threshold is known; ``against``: pairs of
    feature and contribution, most adverse first; ``reasons``: the words declared for these features, or their names.
    """

    row: int
    answer: float
    unfavourable: bool | None
    against: tuple[tuple[int, float], ...]
    reasons: tuple[str, ...]

    @classmethod
    def from_json(cls, value: object) -> LocalExplanation:
        """Return the record a JSON value holds; raises ValueError for any other value."""
        found = _named(cls, value)
        pairs = [bounded.listed(pair, 2) for pair in bounded.listed(found["against"], MAX_REASONS)]
        made = cls(
            bounded.count(found["row"]),
            bounded.number(found["answer"]),
            bounded.maybe(found["unfavourable"], bounded.yes),
            tuple((bounded.count(feature), bounded.number(part)) for feature, part in pairs),
            bounded.several(found["reasons"], MAX_REASONS, bounded.text),
        )
        if len(made.against) != len(made.reasons):
            raise ValueError("each named feature has one reason")
        return made


@dataclass(frozen=True)
class ReasonFidelity:
    """Whether the factors named as reasons really move the answer of rows decided against.

    Of ``denied`` rows, ``faithful`` moved towards the favourable answer, and by more than the mean over ``draws`` random
    choices of as many features, when their ``named`` most adverse features were set to typical values of favourably
    decided rows. ``move_named`` and ``move_random``: mean move over the rows, in the unit of the answer.
    """

    denied: int
    faithful: int
    named: int
    draws: int
    move_named: float
    move_random: float

    def __post_init__(self) -> None:
        if self.faithful > self.denied:
            raise ValueError("no more rows can be faithful than were examined")

    @classmethod
    def from_json(cls, value: object) -> ReasonFidelity:
        """Return the record a JSON value holds; raises ValueError for any other value."""
        found = _named(cls, value)
        return cls(
            denied=bounded.count(found["denied"]),
            faithful=bounded.count(found["faithful"]),
            named=bounded.count(found["named"]),
            draws=bounded.count(found["draws"]),
            move_named=bounded.number(found["move_named"]),
            move_random=bounded.number(found["move_random"]),
        )


@dataclass(frozen=True)
class Counterfactual:
    """A row decided against, and the nearest changed row found that is decided favourably.

    ``values``: the row as it was, one cell a feature; ``changes``: pairs of feature and new value; ``distance``: sum over
    the changed features of the change in units of the background's interquartile range (1 for a category). ``plausible``:
    every new value lies within the background's range, or is a category that occurs there. ``flips``: the model was
    asked again and decides the changed row favourably.
    """

    values: tuple[Cell, ...]
    changes: tuple[tuple[int, Cell], ...]
    distance: float
    plausible: bool
    flips: bool

    @classmethod
    def from_json(cls, value: object) -> Counterfactual:
        """Return the record a JSON value holds; raises ValueError for any other value."""
        found = _named(cls, value)
        values = bounded.several(found["values"], MAX_FEATURES, bounded.cell)
        pairs = [bounded.listed(pair, 2) for pair in bounded.listed(found["changes"], MAX_REASONS)]
        changes = tuple((bounded.count(feature), bounded.cell(new)) for feature, new in pairs)
        if any(feature >= len(values) for feature, _ in changes):
            raise ValueError("a change names a feature the row does not have")
        plausible, flips = bounded.yes(found["plausible"]), bounded.yes(found["flips"])
        return cls(values, changes, bounded.size(found["distance"]), plausible, flips)


@dataclass(frozen=True)
class CounterfactualLibrary:
    """Counterfactuals searched for and kept, and what became of those kept from the version in place.

    ``asked``: rows decided against that were searched; ``found``: those with a counterfactual that the model, asked
    again, decides favourably; ``plausible``: those of them within the background's ranges; ``kept``: at most 100 rows
    with their values, the only rows that leave the sandbox. ``rechecked``: kept rows of the version in place put to this
    model and still decided against; ``still_flip``: those whose stored change still leads to a favourable decision.
    ``fixed``: features that were not to be changed.
    """

    asked: int
    found: int
    plausible: int
    kept: tuple[Counterfactual, ...]
    rechecked: int
    still_flip: int
    fixed: tuple[int, ...]

    def __post_init__(self) -> None:
        if not (self.plausible <= self.found <= self.asked and self.still_flip <= self.rechecked):
            raise ValueError("no more counterfactuals can be found than rows were searched")

    @classmethod
    def from_json(cls, value: object) -> CounterfactualLibrary:
        """Return the record a JSON value holds; raises ValueError for any other value."""
        found = _named(cls, value)
        asked, hit, plausible, again, still = (
            bounded.count(found[name]) for name in ("asked", "found", "plausible", "rechecked", "still_flip")
        )
        kept = bounded.several(found["kept"], MAX_KEPT, Counterfactual.from_json)
        return cls(
            asked, hit, plausible, kept, again, still, bounded.several(found["fixed"], MAX_FEATURES, bounded.count)
        )
