"""What is an evaluation table: which columns play which role, where is it read, and what identifies it?"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from registry.errors import DomainError

SINGLE_ROLES = ("target", "score", "prediction", "weight", "time")
MULTIPLE_ROLES = ("sensitive", "features")
MAX_COLUMNS = 5_000


@dataclass(frozen=True)
class ColumnRoles:
    """Which column of a table plays which role; a role that nobody plays is None or empty.

    ``target`` holds the outcome (0 or 1), ``score`` the model's probability of outcome 1, ``prediction`` a decision the
    model made (0 or 1), ``sensitive`` the attributes by which groups are compared, ``features`` the model's inputs,
    ``weight`` a positive sampling weight and ``time`` the instant a row belongs to.
    """

    target: str | None = None
    score: str | None = None
    prediction: str | None = None
    sensitive: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    weight: str | None = None
    time: str | None = None

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
        taken = [name for role in ("target", "score", "prediction", "weight") if (name := getattr(self, role))]
        twice = sorted({name for name in taken if taken.count(name) > 1 or name in self.features})
        if twice:
            raise DomainError(
                "column-in-two-roles",
                f"Columns {', '.join(map(repr, twice))}: an outcome, score, decision or weight plays no other of "
                "these roles and is no feature.",
                columns=twice,
            )

    def columns(self) -> tuple[str, ...]:
        """Return every column that plays a role, once, in the order of the roles."""
        named = [name for role in SINGLE_ROLES if (name := getattr(self, role)) is not None]
        return tuple(dict.fromkeys([*named, *self.sensitive, *self.features]))

    def as_json(self) -> dict[str, Any]:
        """Return the roles as the JSON object that ``from_json`` reads."""
        single = {role: getattr(self, role) for role in SINGLE_ROLES}
        return single | {role: list(getattr(self, role)) for role in MULTIPLE_ROLES}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ColumnRoles:
        """Read roles from JSON; an unknown role raises DomainError ``unknown-column-role``."""
        unknown = sorted(set(data) - set(SINGLE_ROLES) - set(MULTIPLE_ROLES))
        if unknown:
            raise DomainError("unknown-column-role", f"Unknown column roles: {', '.join(unknown)}.", roles=unknown)
        return cls(**{role: value for role, value in data.items() if value is not None})


@dataclass(frozen=True)
class EvaluationTable:
    """A table that a check may ask for aggregates: an Ibis expression with roles, and the digest of what was read.

    ``digest`` is the SHA-256 of the file's bytes (``digest_kind`` "bytes"), or, for a table in a database, of its
    schema, row count and per-column summaries (``digest_kind`` "summary"). A row is *selected* when ``score >=
    threshold``; where there is no score or no threshold, when ``prediction`` is 1.
    """

    table: Any = field(repr=False, compare=False)
    roles: ColumnRoles
    threshold: float | None
    digest: str
    rows: int
    engine: str
    digest_kind: str = "bytes"

    def __post_init__(self) -> None:
        refuse_bad_threshold(self.threshold)

    @property
    def selects(self) -> bool:
        """Tell whether rows of this table can be called selected or not selected."""
        return self.roles.prediction is not None or (self.roles.score is not None and self.threshold is not None)

    def describe(self) -> dict[str, Any]:
        """Return what a measurement records about the table it was made on."""
        return {
            "digest": self.digest,
            "digest_kind": self.digest_kind,
            "rows": self.rows,
            "engine": self.engine,
            "threshold": self.threshold,
            "roles": self.roles.as_json(),
        }

    def close(self) -> None:
        """Close the connection to the engine; the table cannot be asked afterwards."""
        self.table.get_backend().disconnect()


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
