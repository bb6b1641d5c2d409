"""Is a write that is sent twice done once? The key, its lease, and the answer that is repeated."""

from __future__ import annotations

from datetime import timedelta

import pytest

from governance.models import IdempotentCall
from registry.ledger.clock import database_now
from registry.models import Model
from tests.api.calls import ci, everything, nothing_written, person, refused
from tests.cast import Cast

pytestmark = pytest.mark.postgres

MODELS = "/api/v1/models/"
KEY = {"Idempotency-Key": "build-17"}
BODY = {"slug": "credit", "name": "Credit"}


def test_the_same_request_with_the_same_key_is_answered_the_same(cast: Cast) -> None:
    first = ci(cast).post(MODELS, BODY, **KEY)
    rows = everything()
    second = ci(cast).post(MODELS, BODY, **KEY)
    assert (first.status_code, first.content) == (second.status_code, second.content) == (201, first.content)
    assert "Idempotency-Replayed" not in first
    assert second["Idempotency-Replayed"] == "true"
    assert second["Content-Type"] == "application/json"
    assert everything() == rows


def test_without_a_key_the_second_is_a_repetition_of_a_true_statement(cast: Cast) -> None:
    assert ci(cast).post(MODELS, BODY).status_code == 201
    assert ci(cast).post(MODELS, BODY).status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [(MODELS, BODY | {"name": "Other"}), ("/api/v1/datasets/", BODY)],
    ids=["other body", "other address"],
)
def test_the_same_key_for_another_request_is_refused(cast: Cast, path: str, body: dict[str, str]) -> None:
    ci(cast).post(MODELS, BODY, **KEY)
    with nothing_written():
        refused(ci(cast).post(path, body, **KEY), 422, "idempotency-key-reused")


def test_keys_are_of_one_account(cast: Cast) -> None:
    ci(cast).post(MODELS, BODY, **KEY)
    assert person(cast.ada).post("/api/v1/datasets/", {"slug": "a", "name": "A"}, **KEY).status_code == 201


def test_a_refusal_is_repeated_too(cast: Cast) -> None:
    first = ci(cast).post(MODELS, {"slug": "NO SLUG", "name": "x"}, **KEY)
    second = ci(cast).post(MODELS, {"slug": "NO SLUG", "name": "x"}, **KEY)
    assert (first.status_code, second.status_code, second.content) == (422, 422, first.content)
    assert second["Idempotency-Replayed"] == "true"


def test_a_conflict_is_not_kept_since_it_may_pass(cast: Cast) -> None:
    ci(cast).post(MODELS, BODY)
    refused(ci(cast).post(MODELS, BODY | {"name": "Other"}, **KEY), 409, "model-differs")
    assert not IdempotentCall.objects.exists()


def test_while_the_first_runs_the_second_is_told_to_wait(cast: Cast) -> None:
    ci(cast).post(MODELS, BODY, **KEY)
    IdempotentCall.objects.update(status=None, body=None, lease_until=database_now() + timedelta(seconds=30))
    with nothing_written():
        response = ci(cast).post(MODELS, BODY, **KEY)
    refused(response, 409, "idempotency-key-running")
    assert int(response["Retry-After"]) >= 1


def test_a_lease_that_ran_out_is_taken_over(cast: Cast) -> None:
    ci(cast).post(MODELS, BODY, **KEY)
    IdempotentCall.objects.update(status=None, body=None, lease_until=database_now() - timedelta(seconds=1))
    response = ci(cast).post(MODELS, BODY, **KEY)
    assert response.status_code == 200
    assert "Idempotency-Replayed" not in response
    assert IdempotentCall.objects.get().status == 200


def test_a_failure_of_the_service_frees_the_key(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    from governance.api.v1 import inventory

    def fails(**_fields: object) -> None:
        raise RuntimeError("a fault that nobody expected, with a secret in it")

    with monkeypatch.context() as patch:
        patch.setattr(inventory, "register_model", fails)
        document = refused(ci(cast).post(MODELS, BODY, **KEY), 500, "internal-error")
    assert "secret" not in str(document)
    assert not IdempotentCall.objects.exists()
    assert ci(cast).post(MODELS, BODY, **KEY).status_code == 201


def test_keys_are_forgotten_after_a_day(cast: Cast) -> None:
    ci(cast).post(MODELS, BODY, **KEY)
    long_ago = database_now() - timedelta(hours=25)
    IdempotentCall.objects.update(made_at=long_ago, lease_until=long_ago)
    assert ci(cast).post(MODELS, BODY | {"slug": "debit"}, **KEY).status_code == 201
    assert Model.objects.count() == 2


@pytest.mark.parametrize("key", ["", "a" * 129, "with space", "tab\tinside", "\u00fc"])
def test_a_key_that_is_none_is_refused(cast: Cast, key: str) -> None:
    with nothing_written():
        refused(ci(cast).post(MODELS, BODY, **{"Idempotency-Key": key}), 422, "bad-idempotency-key")


def test_a_key_does_not_hide_that_the_right_was_taken_away(cast: Cast) -> None:
    from registry.actions.people import end_role

    ada = person(cast.ada)
    assert ada.post(MODELS, BODY, **KEY).status_code == 201
    end_role(cast.ada.grants.get(), actor=cast.adam)
    refused(ada.post(MODELS, BODY, **KEY), 403, "role-missing")
