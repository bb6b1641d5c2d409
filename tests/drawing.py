"""How many examples does a property draw, and which? The same ones in every run, unless a search for new ones is asked.

CADASTRE_TEST_SEARCH  by how much to multiply the examples; they are then drawn at random, and a failing one is printed
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

SEARCH = int(os.environ.get("CADASTRE_TEST_SEARCH", "0"))
SLOW = [HealthCheck.too_slow, HealthCheck.large_base_example, HealthCheck.data_too_large]


def choose_profile() -> None:
    """Make the same examples come in every run: a change is judged by what it changed, not by what was drawn."""
    common: dict[str, Any] = {"deadline": None, "print_blob": True, "database": None}
    settings.register_profile("same", derandomize=True, **common)
    settings.register_profile(
        "search", derandomize=False, max_examples=100 * max(1, SEARCH), suppress_health_check=SLOW, **common
    )
    settings.load_profile("search" if SEARCH else "same")


def sampled(rows: Sequence[tuple[Any, ...]], *, one_in: int) -> list[Any]:
    """Return the named rows of a corpus as parameters: one in so many runs in the inner loop, the rest with the thorough."""
    marks = [() if at % one_in == 0 else (pytest.mark.thorough,) for at in range(len(rows))]
    return [pytest.param(*row[1:], id=row[0], marks=mark) for row, mark in zip(rows, marks, strict=True)]


def examples(number: int, **more: Any) -> settings:
    """Return the settings of a property that draws ``number`` examples, and so many times more in a search."""
    if SEARCH:
        more["suppress_health_check"] = [*more.get("suppress_health_check", ()), *SLOW]
    return settings(max_examples=number * max(1, SEARCH), **more)
