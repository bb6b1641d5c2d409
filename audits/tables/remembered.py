"""Was this table asked this before? One scan serves every check of a run that needs the same aggregate."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar, cast

from audits.tables.contract import EvaluationTable

T = TypeVar("T")


def remembered(table: EvaluationTable, question: Hashable, ask: Callable[[], T]) -> T:
    """Return what ``ask`` gave when this very table was first asked ``question``; nobody may change what comes back.

    The answers live as long as the table object: a table opened anew, or with other roles, is asked again.
    """
    if question not in table.answers:
        table.answers[question] = ask()
    return cast("T", table.answers[question])
