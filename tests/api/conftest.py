"""How do hundreds of refusals stay quick? One cast for each file, and each test in a savepoint upon it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import pytest

from tests.cast import Cast, make_cast


@pytest.fixture(scope="module")
def cast_of_the_file(django_db_setup: None, django_db_blocker: Any) -> Iterator[Cast]:
    """Return a cast in a transaction that is rolled back after the last test of the file."""
    from django.db import transaction

    with django_db_blocker.unblock(), transaction.atomic():
        yield make_cast()
        transaction.set_rollback(True)


@pytest.fixture
def cast(cast_of_the_file: Cast, db: None) -> Cast:
    """Return the cast, read anew: what an earlier test did to it has been rolled back, and so must be what it cached."""
    from registry.models import User

    made = {field.name: getattr(cast_of_the_file, field.name) for field in fields(Cast)}
    ids = {name: user.pk for name, user in made.items() if isinstance(user, User)}
    fresh = User.objects.select_related("responsible").in_bulk(list(ids.values()))
    return replace(cast_of_the_file, **{name: fresh[pk] for name, pk in ids.items()})
