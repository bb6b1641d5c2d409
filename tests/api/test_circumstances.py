"""What does the ledger record about a request? Its id, its token or session, and for whom it was made."""

from __future__ import annotations

import json
import uuid

import pytest

from governance.models import ApiCredential
from registry.ledger.models import LedgerEvent
from tests.api.calls import Caller, ci, nobody, person
from tests.cast import Cast

MODELS = "/api/v1/models/"


def last_event() -> dict[str, object]:
    """Return the body of the newest event."""
    body: dict[str, object] = json.loads(bytes(LedgerEvent.objects.order_by("-id")[0].body))
    return body


def test_an_act_of_a_token_names_the_credential_and_who_answers_for_it(cast: Cast) -> None:
    ci(cast).post(MODELS, {"slug": "one", "name": "One"}, **{"X-Request-ID": "pipeline-4711"})
    event = last_event()
    assert event["action"] == "model.registered"
    assert event["actor"] == {"id": str(cast.ci_bot.pk), "kind": "service"}
    assert event["authentication"] == "token"
    assert event["credential"] == str(ApiCredential.objects.get(name="pipeline").pk)
    assert event["on_behalf_of"] == str(cast.ada.pk)
    assert event["request_id"] == "pipeline-4711"


def test_an_act_in_a_session_is_the_persons_own(cast: Cast) -> None:
    person(cast.ada).post(MODELS, {"slug": "two", "name": "Two"})
    event = last_event()
    assert event["actor"] == {"id": str(cast.ada.pk), "kind": "person"}
    assert (event["authentication"], event["credential"], event["on_behalf_of"]) == ("session", None, None)


def test_a_token_beside_a_session_acts_as_the_token(cast: Cast) -> None:
    from tests.cast import signed_in

    both = Caller(signed_in(cast.ravi), Authorization=f"Bearer {cast.token}")
    assert both.post(MODELS, {"slug": "three", "name": "Three"}).status_code == 201
    assert last_event()["authentication"] == "token"


def test_a_request_id_is_echoed_when_it_is_one() -> None:
    assert nobody().get("/health/live", **{"X-Request-ID": "build-2026.1_a"})["X-Request-ID"] == "build-2026.1_a"


@pytest.mark.parametrize("sent", ["short", "x" * 65, "with space", "a;b=c,d{e}", "\u00fcberlang", ""])
def test_a_request_id_that_is_none_is_replaced(sent: str) -> None:
    answered = nobody().get("/health/live", **{"X-Request-ID": sent})["X-Request-ID"]
    assert str(uuid.UUID(answered)) == answered
