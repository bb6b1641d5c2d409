"""Which fixtures does every test know? The real parts of tests/services.py, and a test database that is a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings

Alter = Callable[[Path, bytes], None]


@pytest.fixture
def alter() -> Iterator[Alter]:
    """Overwrite a stored file as somebody with access to the disk would; all tests share the store, so it is put back."""
    kept: dict[Path, tuple[bytes, int]] = {}

    def overwrite(path: Path, data: bytes) -> None:
        kept.setdefault(path, (path.read_bytes(), path.stat().st_mode))
        path.chmod(0o644)
        path.write_bytes(data)

    yield overwrite
    for path, (data, mode) in kept.items():
        path.unlink(missing_ok=True)
        path.write_bytes(data)
        path.chmod(mode)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Put the SQLite test database into a file: worker processes, a web server and other threads must see it."""
    from django.db import connections

    default = connections["default"].settings_dict
    if "sqlite" in default["ENGINE"]:
        default["TEST"]["NAME"] = str(Path(settings.VAR) / "test.sqlite3")


@pytest.fixture(autouse=True)
def _broker_for_transactions(request: pytest.FixtureRequest) -> None:
    """Start the broker for tests whose transactions really commit: their wake-ups are published for real."""
    marker = request.node.get_closest_marker("django_db")
    if "transactional_db" in request.fixturenames or (marker is not None and marker.kwargs.get("transaction")):
        request.getfixturevalue("broker_url")
