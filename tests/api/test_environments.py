"""Are places named once, by people who may, and read by everybody?"""

from __future__ import annotations

import pytest

from registry.models import Environment
from tests.cast import Cast, signed_in

pytestmark = pytest.mark.django_db
PLACE = {"slug": "production-eu", "name": "Production, EU", "gated": True}


def test_a_place_is_named_once_and_the_same_statement_is_the_same_row(cast: Cast) -> None:
    ravi = signed_in(cast.ravi)
    assert ravi.post("/api/v1/environments/", PLACE, content_type="application/json").status_code == 201
    assert ravi.post("/api/v1/environments/", PLACE, content_type="application/json").status_code == 200
    other = ravi.post("/api/v1/environments/", PLACE | {"gated": False}, content_type="application/json")
    assert (other.status_code, other.json()["code"]) == (409, "environment-differs")
    assert Environment.objects.get().gated
    listed = signed_in(cast.otto).get("/api/v1/environments/").json()
    assert [row["slug"] for row in listed["results"]] == ["production-eu"]
