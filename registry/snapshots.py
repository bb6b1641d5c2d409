"""What does a snapshot of a dataset declare of its table, and what identifies it?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from registry import texts
from registry.digests import digest_of
from registry.errors import DomainError

TASKS = ("binary", "multiclass", "regression")
MARKS = ("delimiter", "quote", "decimal")
MAX_MISSING = 50
PLAIN_LOCATOR = re.compile(r"\A[A-Za-z0-9_][A-Za-z0-9_$./=-]{0,499}\Z")


def checked_task(task: object) -> str:
    """Return what the outcome is; DomainError ``unknown-task`` for anything but the three kinds."""
    if task not in TASKS:
        raise DomainError("unknown-task", f"A model's task is one of {', '.join(TASKS)}.", known=list(TASKS))
    return str(task)


def checked_dialect(dialect: object, *, format: str) -> dict[str, Any]:
    """Return a declared dialect in its canonical form: only what differs from a plain CSV file, texts sorted.

    ``missing`` lists texts that mean a missing value, compared after stripping blanks where ``trim`` is true;
    ``delimiter``, ``quote`` and ``decimal`` are one character each. Raises ``bad-dialect``, ``unknown-dialect-key``, and
    ``dialect-not-for-format`` for a dialect of anything but a CSV file.
    """
    if not isinstance(dialect, dict):
        raise DomainError("bad-dialect", "A dialect is an object with 'missing', 'trim', 'delimiter' and so on.")
    unknown = sorted(str(key) for key in set(dialect) - {"missing", "trim", *MARKS})
    if unknown:
        raise DomainError("unknown-dialect-key", f"A dialect does not declare {', '.join(unknown)}.", keys=unknown)
    if dialect and format != "csv":
        raise DomainError("dialect-not-for-format", "Only a CSV file has a dialect; other tables say what is missing.")
    canonical: dict[str, Any] = {}
    if missing := _missing(dialect.get("missing", []), trim=dialect.get("trim") is True):
        canonical["missing"] = missing
    if not isinstance(dialect.get("trim", False), bool):
        raise DomainError("bad-dialect", "dialect.trim is true or false.", key="trim")
    if dialect.get("trim"):
        canonical["trim"] = True
    plain = {"delimiter": ",", "quote": '"', "decimal": "."}
    marks = {name: dialect.get(name, plain[name]) for name in MARKS}
    for name, mark in marks.items():
        if not isinstance(mark, str) or len(mark) != 1 or mark in "\r\n\0" or (name != "delimiter" and mark.isspace()):
            raise DomainError("bad-dialect", f"dialect.{name} is one character.", key=name)
        if mark.isalnum() or ord(mark) > 126 or mark == "-":
            raise DomainError("bad-dialect", f"dialect.{name} is no letter, digit or minus sign.", key=name)
    if marks["quote"] in (marks["delimiter"], marks["decimal"]):
        raise DomainError("bad-dialect", "dialect.quote is another character than delimiter and decimal.", key="quote")
    return canonical | {name: mark for name, mark in marks.items() if mark != plain[name]}


def _missing(given: object, *, trim: bool) -> list[str]:
    if not isinstance(given, list) or len(given) > MAX_MISSING or not all(isinstance(one, str) for one in given):
        raise DomainError("bad-dialect", f"dialect.missing lists at most {MAX_MISSING} texts.", key="missing")
    if any(len(one) > 100 or any(ord(sign) < 32 or "\ud800" <= sign <= "\udfff" for sign in one) for one in given):
        raise DomainError("bad-dialect", "dialect.missing lists short texts without control characters.", key="missing")
    return sorted({one.strip(" ") if trim else one for one in given} - {""})


def checked_place(source: object, locator: object) -> tuple[str, str]:
    """Return the name of a table source and of the table or path in it.

    Raises ``bad-locator`` for what is no plain name: no empty part, none that leads upwards, no quotes, no address.
    """
    name = texts.slug(source, field="source")
    if not isinstance(locator, str) or not PLAIN_LOCATOR.match(locator):
        raise DomainError("bad-locator", "A table or path is named by letters, digits and _ $ . / = - alone.")
    if any(part in ("", ".", "..") for part in locator.rstrip("/").split("/")):
        raise DomainError("bad-locator", "A path has no empty part and none that leads upwards.")
    return name, locator


def snapshot_digest(stated: Mapping[str, Any], *, table_digest: str) -> str:
    """Return what identifies a snapshot: its bytes or, where the table stays, its place and the summary of the table.

    ``stated``: sha256 or source and locator, format, roles, and task and dialect where they are not the plain ones.
    """
    said: dict[str, Any] = {"format": stated["format"], "roles": stated["roles"]}
    if stated.get("source"):
        said |= {"source": stated["source"], "locator": stated["locator"], "table": table_digest}
    else:
        said["sha256"] = stated["sha256"]
    if stated.get("task", "binary") != "binary":
        said["task"] = stated["task"]
    if stated.get("dialect"):
        said["dialect"] = stated["dialect"]
    return digest_of(said)
