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


LIMITS = {"artifact_bytes": 5_000_000, "load_seconds": 2.5, "peak_memory_bytes": 2**30, "latency_seconds": 0.05}


def _stated(client, limits) -> tuple[int, dict]:
    answer = client.post("/api/v1/environments/production-eu/limits/", limits, content_type="application/json")
    return answer.status_code, answer.json()


def test_what_a_place_can_bear_is_stated_replaced_and_recorded(cast: Cast) -> None:
    from registry.ledger.models import LedgerEvent

    ravi = signed_in(cast.ravi)
    ravi.post("/api/v1/environments/", PLACE, content_type="application/json")
    assert _stated(ravi, LIMITS)[1]["limits"] == LIMITS
    told = LedgerEvent.objects.filter(action="environment.limits_set").count()
    assert _stated(ravi, LIMITS) == (200, PLACE | {"limits": LIMITS})
    assert LedgerEvent.objects.filter(action="environment.limits_set").count() == told == 1
    assert _stated(signed_in(cast.adam), {"load_seconds": 3, "artifact_bytes": None})[1]["limits"] == {
        "load_seconds": 3
    }
    assert Environment.objects.get().limits == {"load_seconds": 3}


@pytest.mark.parametrize(
    "limits",
    [
        {"artifact_bytes": 0},
        {"artifact_bytes": 1.5},
        {"artifact_bytes": "5"},
        {"artifact_bytes": True},
        {"load_seconds": -1},
        {"peak_memory_bytes": 2**60},
    ],
)
def test_a_limit_that_is_none_is_refused_by_name_and_nothing_is_written(cast: Cast, limits) -> None:
    ravi = signed_in(cast.ravi)
    ravi.post("/api/v1/environments/", PLACE, content_type="application/json")
    status, said = _stated(ravi, limits)
    assert (status, said["code"]) == (422, "bad-limits")
    assert said["field"] == next(iter(limits))
    assert Environment.objects.get().limits == {}


def test_others_may_not_state_limits_and_an_unknown_place_has_none(cast: Cast) -> None:
    signed_in(cast.ravi).post("/api/v1/environments/", PLACE, content_type="application/json")
    assert _stated(signed_in(cast.vera), LIMITS)[0] == 403
    assert Environment.objects.get().limits == {}
    answer = signed_in(cast.ravi).post("/api/v1/environments/nowhere/limits/", LIMITS, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown-environment")
