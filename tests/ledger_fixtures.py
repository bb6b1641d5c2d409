"""How is a database with an append-only ledger emptied between tests? Loaded as a plugin by tests/environment.py."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest


@contextmanager
def walls_down(using: str = "default") -> Iterator[None]:
    """Drop the triggers of ledger and approvals for a ``with`` block, as somebody who owns the tables could."""
    from django.db import connections

    from governance import walls
    from registry.ledger import triggers

    triggers.remove(connections[using])
    walls.remove(connections[using])
    try:
        yield
    finally:
        triggers.install(connections[using])
        walls.install(connections[using])


@pytest.fixture(scope="session", autouse=True)
def _flush_passes_the_walls() -> Iterator[None]:
    """Let Django empty the tables after a test whose transactions really commit."""
    from django.test import TransactionTestCase

    teardown = TransactionTestCase._fixture_teardown

    def teardown_without_walls(case: Any) -> None:
        with walls_down():
            teardown(case)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", teardown_without_walls)
        yield


@pytest.fixture(autouse=True)
def _anchors_forgotten() -> Iterator[None]:
    """Forget what was anchored: the next test begins with an empty ledger, which would look rolled back."""
    from django.conf import settings

    from registry.ledger import anchors, standing

    standing.look_again()
    yield
    for place in ("s3", "rfc3161"):
        anchors.remember(place, None)
    standing.look_again()
    shutil.rmtree(settings.LEDGER_ANCHOR_DIR, ignore_errors=True)
