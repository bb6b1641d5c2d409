"""Can the release before this one work on this schema, and this one on what that one left behind?

While a service is renewed both run at once. ``PREVIOUS`` names the last migrations of the release before.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.db.migrations import DeleteModel, RemoveField, RenameField, RenameModel, SeparateDatabaseAndState
from django.db.migrations.loader import MigrationLoader
from django.db.models import Model

from audits.actions.validation import sweep
from audits.models import ValidationRun
from audits.runs.steps import LATER
from registry.digests import digest_of
from registry.ledger.clock import database_now
from tests import builders
from tests.cast import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

ROOMS = ("registry", "audits", "governance")
PREVIOUS = [
    ("registry", "0001_inventory_and_ledger"),
    ("audits", "0001_evidence_and_findings"),
    ("governance", "0001_policies_promotions_and_gate"),
]


def before() -> Any:
    return MigrationLoader(connection).project_state(PREVIOUS).apps


def columns_of(model: type[Model]) -> dict[str, bool]:
    """Return each column of a table and whether the database fills it when an INSERT leaves it out."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT name, NOT [notnull] OR dflt_value IS NOT NULL FROM pragma_table_info(%s)", [table(model)])
        else:
            cursor.execute(
                "SELECT column_name, is_nullable = 'YES' OR column_default IS NOT NULL OR is_identity = 'YES'"
                " FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = %s",
                [table(model)],
            )
        return {name: bool(filled) for name, filled in cursor.fetchall()}


def table(model: type[Model]) -> str:
    return str(model._meta.db_table)


def unwritable(models: list[type[Model]]) -> list[str]:
    """Return the columns that a release writing these models leaves out of its INSERT and the database does not fill."""
    return [
        f"{table(model)}.{name}"
        for model in models
        for name, filled in columns_of(model).items()
        if not filled and name not in {field.column for field in model._meta.local_concrete_fields}
    ]


def operations(listed: list[Any]) -> Iterator[Any]:
    for operation in listed:
        inner = operation.database_operations if isinstance(operation, SeparateDatabaseAndState) else None
        yield from [operation] if inner is None else operations(inner)


def test_the_previous_release_finds_every_column_it_reads() -> None:
    models = [model for room in ROOMS for model in before().get_app_config(room).get_models()]
    assert len(models) > 20
    lost = [
        f"{table(model)}.{field.column}"
        for model in models
        for field in model._meta.local_concrete_fields
        if field.column not in columns_of(model)
    ]
    assert lost == []


def test_neither_release_leaves_out_a_column_that_must_be_given() -> None:
    assert unwritable([model for room in ROOMS for model in before().get_app_config(room).get_models()]) == []
    assert unwritable([model for room in ROOMS for model in apps.get_app_config(room).get_models()]) == []


def test_a_run_queued_by_the_previous_release_gets_its_steps_from_the_sweeper(cast: Cast) -> None:
    asked = builders.an_open_promotion(cast, concluded=False).run
    version = asked.version
    plan = {name: value for name, value in asked.plan.items() if name not in LATER}
    ValidationRun.objects.filter(pk=asked.pk).update(woken_at=database_now())
    old = before().get_model("audits", "ValidationRun")
    queued = old.objects.create(
        version_id=version.pk,
        reason="promotion",
        plan=plan,
        plan_digest=digest_of(plan),
        requested_by_id=cast.ravi.pk,
        requested_at=database_now() - timedelta(minutes=1),
        progress_total=3,
    )
    assert [run.pk for run in sweep()] == [queued.pk]
    run = ValidationRun.objects.get(pk=queued.pk)
    assert [step.key for step in run.steps.all()][:1] == ["score"]
    new = ValidationRun.objects.create(
        version=version,
        reason="promotion",
        plan=plan,
        plan_digest=run.plan_digest,
        requested_by=cast.ravi,
        requested_at=database_now(),
    )
    seen = old.objects.get(pk=new.pk)
    assert (seen.attempts, seen.fencing_token, seen.progress_done, seen.progress_message) == (0, 0, 0, "")


def test_no_column_or_table_goes_in_the_release_that_stops_using_it() -> None:
    """A column goes in two releases; the second one's migration says since when nobody uses it: ``unused_since``."""
    offences = [
        f"{room}.{name}: {operation.describe()}"
        for (room, name), migration in MigrationLoader(None).disk_migrations.items()
        if room in ROOMS and not hasattr(migration, "unused_since")
        for operation in operations(migration.operations)
        if isinstance(operation, (RemoveField, DeleteModel, RenameField, RenameModel))
    ]
    assert offences == []
