"""What does the API say about an earlier instant, and what does it refuse?"""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance.actions.deployments import report_deployment
from governance.actions.promotions import open_promotion
from registry.ledger.clock import database_now
from registry.ledger.models import LedgerEvent
from tests.api.calls import ci, machine, nothing_written, person, refused
from tests.builders import (
    TABLE,
    a_dataset,
    a_dataset_version,
    a_model,
    a_policy,
    a_tier,
    a_version,
    an_approved_promotion,
    an_environment,
)
from tests.cast import Cast

pytestmark = pytest.mark.postgres
API = "/api/v1/"
LISTS = ("models/", "models/credit/versions/", "promotions/", "deployments/", "findings/", "policies/", "environments/",
         "datasets/", "datasets/loans/versions/")  # fmt: skip


def text(instant: datetime) -> str:
    """Return an instant as it stands in an address."""
    return instant.isoformat().replace("+00:00", "Z")


def test_an_instant_to_come_is_refused_everywhere(cast: Cast) -> None:
    a_version(cast, model=a_model(cast, "credit"))
    later = text(database_now() + timedelta(days=1))
    for path in (*LISTS, "models/credit/", "models/credit/versions/1.0/"):
        refused(ci(cast).get(f"{API}{path}?as_of={later}"), 422, "as-of-in-the-future")


def test_an_instant_before_the_first_entry_is_refused_everywhere(cast: Cast) -> None:
    a_version(cast, model=a_model(cast, "credit"))
    earlier = LedgerEvent.objects.order_by("instant").first().instant - timedelta(microseconds=1)
    for path in (*LISTS, "models/credit/"):
        document = refused(ci(cast).get(f"{API}{path}?as_of={text(earlier)}"), 422, "as-of-before-the-register")
        assert document["first"] == (earlier + timedelta(microseconds=1)).isoformat()


def test_what_is_later_than_the_instant_is_not_there(cast: Cast) -> None:
    instant = text(database_now())
    a_version(cast, model=a_model(cast, "credit"))
    a_policy(cast)
    refused(ci(cast).get(f"{API}models/credit/?as_of={instant}"), 404, "unknown-model")
    refused(ci(cast).get(f"{API}models/credit/versions/1.0/?as_of={instant}"), 404, "unknown-version")
    refused(ci(cast).get(f"{API}policies/test-policy/1/?as_of={instant}"), 404, "unknown-policy")
    for path in LISTS:
        assert ci(cast).get(f"{API}{path}?as_of={instant}").json()["results"] == []


def test_nothing_is_written_in_the_past(cast: Cast) -> None:
    a_model(cast, "credit")
    instant = text(database_now())
    with nothing_written():
        for path in ("models/", "promotions/", "deployments/"):
            refused(ci(cast).post(f"{API}{path}?as_of={instant}", {}), 422, "as-of-only-reads")
        refused(ci(cast).patch(f"{API}models/credit/?as_of={instant}", {"name": "Other"}), 422, "as-of-only-reads")


def test_a_token_sees_its_own_models_in_the_past_too(cast: Cast) -> None:
    from governance.actions.credentials import make_credential

    for slug in ("cards", "credit"):
        a_version(cast, model=a_model(cast, slug), data=slug.encode())
    _, token = make_credential(
        cast.ci_bot, name="one model", scopes=["inventory:read"], days=1, models=["credit"], actor=cast.adam
    )
    instant = text(database_now())
    listed = machine(token).get(f"{API}models/?as_of={instant}").json()["results"]
    assert [one["slug"] for one in listed] == ["credit"]
    refused(machine(token).get(f"{API}models/cards/?as_of={instant}"), 403, "token-not-for-this-model")


def test_the_names_are_those_of_today_beside_the_ids_of_then(cast: Cast) -> None:
    request = an_approved_promotion(cast)
    instant = text(database_now())
    type(cast.pia).objects.filter(pk=cast.pia.pk).update(display_name="Pia Neu", username="pia-neu")
    shown = person(cast.otto).get(f"{API}promotions/{request.pk}/?as_of={instant}").json()
    assert [one["person"] for one in shown["approvals"]] == ["ravi", "pia-neu"]
    assert {"id": str(cast.pia.pk), "person": "pia-neu", "name": "Pia Neu"} in shown["people"]
    assert shown["eligible"] == []
    assert shown["manifest"] == request.covers


def test_the_past_is_told_by_the_ledger_not_by_the_tables(cast: Cast) -> None:
    a_version(cast, model=a_model(cast, "credit"))
    instant = text(database_now())
    paths = ("models/credit/", "models/credit/versions/1.0/", "models/credit/versions/")
    before = [ci(cast).get(f"{API}{path}?as_of={instant}").content for path in paths]
    with connection.cursor() as cursor:
        cursor.execute("UPDATE registry_model SET intended_use = 'Anything.'")
        cursor.execute("UPDATE registry_modelversion SET stage = 'approved', hyperparameters = '{}'")
    assert [ci(cast).get(f"{API}{path}?as_of={instant}").content for path in paths] == before
    assert ci(cast).get(f"{API}models/credit/").json()["intended_use"] == "Anything."


def grow(cast: Cast, number: int) -> None:
    """Add to the register one of each kind that a list shows; the version runs without a gate, which is a finding."""
    model = a_model(cast, f"credit-{number}")
    a_tier(cast, model)
    a_policy(cast, f"policy-{number}", environment=f"place-{number}")
    a_dataset_version(cast, f"2025-1{number}", data=TABLE + b"%d,1,a,0\n" % number)
    a_dataset(cast, f"data-{number}")
    a_version(cast, f"{number}.1", model=a_model(cast, "credit"), data=b"%d" % number)
    version = a_version(cast, model=model, data=b"credit %d" % number)
    place = an_environment(cast, f"place-{number}")
    open_promotion(version, environment=place, actor=cast.ci_bot)
    sha256 = version.model_artifact().artifact_id
    report_deployment(version, environment=place, artifact_sha256=sha256, decision_id=None, actor=cast.ci_bot)


def test_a_longer_page_of_the_past_asks_no_more_questions(cast: Cast) -> None:
    def asked(path: str) -> tuple[int, int]:
        with CaptureQueriesContext(connection) as queries:
            response = ci(cast).get(f"{API}{path}?as_of={text(database_now())}")
        assert response.status_code == 200, response.content
        return len(response.json()["results"]), len(queries)

    for number in (0, 4):
        grow(cast, number)
    asked("models/")  # notes the use of the token, once a minute
    few = {path: asked(path) for path in LISTS}
    for number in (1, 2, 3):
        grow(cast, number)
    many = {path: asked(path) for path in LISTS}
    for path in LISTS:
        assert many[path][0] >= few[path][0] + 3, path
        assert many[path][1] <= few[path][1] <= 16, path
