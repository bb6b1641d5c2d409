"""Do the migrations match the models, and can each be undone?"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

ROOMS = ("registry", "audits", "governance")
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


@pytest.mark.django_db
def test_every_operation_can_be_undone() -> None:
    loader = MigrationLoader(connection)
    operations = [
        (f"{label}.{name}", operation)
        for (label, name), migration in loader.disk_migrations.items()
        if label in ROOMS
        for operation in migration.operations
    ]
    assert operations
    assert [f"{name}: {operation.describe()}" for name, operation in operations if not operation.reversible] == []


@pytest.mark.django_db
def test_no_two_migrations_of_a_room_are_both_last() -> None:
    assert MigrationLoader(connection).detect_conflicts() == {}


def test_the_custom_user_is_in_the_first_migration() -> None:
    assert apps.get_app_config("registry").get_model("User").__name__ == "User"
    on_disk = MigrationLoader(None).disk_migrations
    first = on_disk[min((room, name) for room, name in on_disk if room == "registry")]
    assert "User" in {getattr(operation, "name", "") for operation in first.operations}


@pytest.mark.thorough
def test_every_room_can_be_taken_back_to_nothing_and_built_again(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "CADASTRE_VAR": str(tmp_path),
        "DATABASE_URL": f"sqlite:///{tmp_path / 'scratch.sqlite3'}",
        "DJANGO_SETTINGS_MODULE": "governance.settings",
    }
    script = """
import django
from django.core.management import call_command
django.setup()
call_command("migrate", verbosity=0)
for room in ("governance", "audits"):
    call_command("migrate", room, "zero", verbosity=0)
call_command("migrate", verbosity=0)
"""
    answer = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
