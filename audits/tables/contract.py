"""What is an evaluation table: which columns play which role, where is it read, and what identifies it?"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from registry.errors import DomainError

if TYPE_CHECKING:
    from audits.tables.scan import ParquetScan, Scan

Task = Literal["binary", "multiclass", "regression"]

SINGLE_ROLES = ("target", "score", "prediction", "weight", "time", "baseline", "key")
MULTIPLE_ROLES = ("sensitive", "features")
ALONE = ("target", "score", "prediction", "weight", "baseline", "key")
TASKS: tuple[Task, ...] = ("binary", "multiclass", "regression")
MAX_CLASSES = 100
MAX_COLUMNS = 5_000


@dataclass(frozen=True)
class ColumnRoles:
    """Which column of a table plays which role; a role that nobody plays is None or empty.

    ``target`` holds the outcome, ``score`` a binary model's probability of outcome 1, ``prediction`` what the model
    decided, ``baseline`` what another version said of the same rows (its score for a binary model, else its
    prediction), ``sensitive`` the attributes by which groups are compared, ``features`` the model's inputs, ``weight`` a
    positive sampling weight, ``time`` the instant a row belongs to, ``key`` tells a row from all others, so that a
    sample can be drawn by it, and ``class_scores`` pairs of class and column with its probability. Outcomes and
    predictions are 0 or 1 for a binary model, the name of a class for a multiclass one, a number for regression.
    """

    target: str | None = None
    score: str | None = None
    prediction: str | None = None
    sensitive: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    weight: str | None = None
    time: str | None = None
    baseline: str | None = None
    key: str | None = None
    class_scores: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        for role in SINGLE_ROLES:
            name = getattr(self, role)
            if name is not None and (not isinstance(name, str) or not name):
                raise DomainError("bad-column-role", f"The role {role!r} must name one column.", role=role)
        for role in MULTIPLE_ROLES:
            names = getattr(self, role)
            if isinstance(names, str) or not all(isinstance(name, str) and name for name in names):
                raise DomainError("bad-column-role", f"The role {role!r} must be a list of column names.", role=role)
            object.__setattr__(self, role, tuple(names))
            if len(set(names)) != len(tuple(names)):
                raise DomainError("duplicate-column", f"The role {role!r} names a column twice.", role=role)
        self._pair_classes()
        taken = [name for role in ALONE if (name := getattr(self, role))]
        taken += [column for _, column in self.class_scores]
        twice = sorted({name for name in taken if taken.count(name) > 1 or name in self.features})
        if twice:
            raise DomainError(
                "column-in-two-roles",
                f"Columns {', '.join(map(repr, twice))}: an outcome, score, decision, weight or key plays no other of "
                "these roles and is no feature.",
                columns=twice,
            )

    def _pair_classes(self) -> None:
        given = self.class_scores
        pairs = list(given.items()) if isinstance(given, Mapping) else [tuple(pair) for pair in given]
        texts = [part for pair in pairs for part in pair]
        if any(len(pair) != 2 for pair in pairs) or not all(isinstance(part, str) and part for part in texts):
            raise DomainError(
                "bad-column-role", "The role 'class_scores' names a column for each class.", role="class_scores"
            )
        if len(pairs) > MAX_CLASSES or len({label for label, _ in pairs}) != len(pairs) or len(pairs) == 1:
            message = f"The role 'class_scores' names 2 to {MAX_CLASSES} classes, each once."
            raise DomainError("bad-column-role", message, role="class_scores")
        object.__setattr__(self, "class_scores", tuple(sorted(pairs)))

    def columns(self) -> tuple[str, ...]:
        """Return every column that plays a role, once, in the order of the roles."""
        named = [name for role in SINGLE_ROLES if (name := getattr(self, role)) is not None]
        scores = [column for _, column in self.class_scores]
        return tuple(dict.fromkeys([*named, *scores, *self.sensitive, *self.features]))

    def as_json(self) -> dict[str, Any]:
        """Return the roles as the JSON object that ``from_json`` reads."""
        single = {role: getattr(self, role) for role in SINGLE_ROLES}
        several = {role: list(getattr(self, role)) for role in MULTIPLE_ROLES}
        return single | several | {"class_scores": dict(self.class_scores)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ColumnRoles:
        """Read roles from JSON; an unknown role raises DomainError ``unknown-column-role``."""
        unknown = sorted(set(data) - {*SINGLE_ROLES, *MULTIPLE_ROLES, "class_scores"})
        if unknown:
            raise DomainError("unknown-column-role", f"Unknown column roles: {', '.join(unknown)}.", roles=unknown)
        return cls(**{role: value for role, value in data.items() if value is not None})


class Unopened:
    """A table whose engine is opened when its expression is first asked for; ``scan`` reads the file in passing."""

    def __init__(self, make: Callable[[], Any], scan: ParquetScan) -> None:
        self._make, self._made = make, False
        self._expression: Any = None
        self.scan = scan

    @property
    def expression(self) -> Any:
        """The Ibis expression of the whole table."""
        if not self._made:
            self._expression, self._made = self._make(), True
        return self._expression

    def close(self) -> None:
        """End the connection to the engine, if one was made."""
        if self._made and self._expression is not None:
            self._expression.get_backend().disconnect()
        self._expression, self._made = None, True


class _Expression:
    """The field of an evaluation table that holds an Ibis expression, or what makes one."""

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        held = owner.__dict__["_table"]
        return held.expression if isinstance(held, Unopened) else held

    def __set__(self, owner: Any, value: Any) -> None:
        owner.__dict__["_table"] = value


@dataclass(frozen=True)
class EvaluationTable:
    """A table that a check may ask for aggregates: an Ibis expression with roles, and the digest of what was read.

    ``digest`` is the SHA-256 of the file's bytes (``digest_kind`` "bytes"), or, for a table in a database, of its
    schema, row count and per-column summaries (``digest_kind`` "summary"). A row is *selected* when ``score >=
    threshold``; where there is no score or no threshold, when ``prediction`` is 1. ``task`` says what outcomes and
    predictions are; of a multiclass model a row is selected when the class in ``favourable`` is predicted, and of a binary
    one "low" there says that not to be selected is the good decision. ``answers`` keeps aggregates that were asked before.
    """

    table: Any = field(repr=False, compare=False)
    roles: ColumnRoles
    threshold: float | None
    digest: str
    rows: int
    engine: str
    digest_kind: str = "bytes"
    task: Task = "binary"
    favourable: str | None = None
    answers: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        refuse_bad_threshold(self.threshold)
        if self.task not in TASKS:
            raise DomainError("unknown-task", f"A model's task is one of {', '.join(TASKS)}.", known=list(TASKS))

    @property
    def scan(self) -> ParquetScan | None:
        """The reader in passing of a Parquet file; None for a table of an engine and for any view of a table."""
        held = self.__dict__["_table"]
        return held.scan if isinstance(held, Unopened) else None

    @property
    def reader(self) -> Scan | None:
        """The reader in passing of a file, or of a table whose engine is in this process; None for any other engine."""
        if self.scan is not None or self.engine != "duckdb":
            return self.scan
        from audits.tables.scan import EngineScan

        return EngineScan(self.table)

    @property
    def columns(self) -> list[str]:
        """The names of all columns; asking for them opens no engine where the file is read in passing."""
        return list(self.table.columns) if self.scan is None else list(self.scan.schema.names)

    @property
    def favours_low(self) -> bool:
        """Tell whether a low score is the good answer of a binary model, as of one that predicts default."""
        return self.task == "binary" and self.favourable == "low"

    @property
    def selects(self) -> bool:
        """Tell whether rows of this table can be called selected or not selected."""
        if self.task == "multiclass":
            return self.favourable is not None and self.predicts
        if self.task == "regression":
            return False
        return self.roles.prediction is not None or (self.roles.score is not None and self.threshold is not None)

    @property
    def predicts(self) -> bool:
        """Tell whether this table says what the model predicted of each row."""
        if self.task == "binary":
            return self.selects
        return self.roles.prediction is not None or bool(self.roles.class_scores)

    def describe(self) -> dict[str, Any]:
        """Return what a measurement records about the table it was made on."""
        return {
            "digest": self.digest,
            "digest_kind": self.digest_kind,
            "rows": self.rows,
            "engine": self.engine,
            "threshold": self.threshold,
            "task": self.task,
            "favourable": self.favourable,
            "roles": self.roles.as_json(),
        }

    def close(self) -> None:
        """Close the connection to the engine; the table cannot be asked afterwards."""
        held = self.__dict__["_table"]
        if isinstance(held, Unopened):
            held.close()
        elif self.engine != "spark":  # its session belongs to the process, not to one table
            held.get_backend().disconnect()


EvaluationTable.table = _Expression()  # so that an engine is opened no sooner than a check asks it


def refuse_bad_threshold(threshold: float | None) -> None:
    """Raise DomainError ``threshold-outside-0-1`` unless the threshold is None or a number in [0, 1]."""
    if threshold is None:
        return
    number = isinstance(threshold, int | float) and not isinstance(threshold, bool)
    if not number or not math.isfinite(threshold) or not 0.0 <= threshold <= 1.0:
        raise DomainError("threshold-outside-0-1", "The decision threshold must be a number between 0 and 1.")


def refuse_missing_roles(roles: ColumnRoles, required: Iterable[str]) -> None:
    """Raise DomainError ``missing-column-role`` when a required role is played by no column."""
    missing = [role for role in required if not getattr(roles, role)]
    if missing:
        message = (
            f"No column plays the role {', '.join(map(repr, missing))}. Name one in the column roles of the dataset."
        )
        raise DomainError("missing-column-role", message, roles=missing)


def refuse_bad_columns(names: list[str], roles: ColumnRoles) -> None:
    """Raise DomainError for too many columns, one that occurs twice (letter case ignored), or an absent role."""
    if len(names) > MAX_COLUMNS:
        raise DomainError("too-many-columns", f"The table has {len(names)} columns; at most {MAX_COLUMNS} are read.")
    folded = Counter(name.lower() for name in names)
    twice = sorted({name for name in names if folded[name.lower()] > 1})
    if twice:
        shown = ", ".join(repr(name[:80]) for name in twice[:5])
        raise DomainError("duplicate-column", f"Columns occur more than once: {shown}.", columns=twice[:5])
    absent = [name for name in roles.columns() if name not in names]
    if absent:
        shown = ", ".join(repr(name[:80]) for name in absent[:5])
        raise DomainError(
            "unknown-column", f"The column roles name columns that are not there: {shown}.", columns=absent[:5]
        )
