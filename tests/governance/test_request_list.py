"""Does an auditor get what they ask for, and is every step of it in the ledger?"""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import product

import pytest
from django.urls import reverse

from audits.actions.evidence import store_json
from governance.actions import request_list
from governance.actions.request_list import MOVES, accept_item, answer_item, ask_item, return_item, withdraw_item
from governance.models import WantedItem
from registry.errors import DomainError
from registry.ledger.clock import database_now
from registry.ledger.models import LedgerEvent
from registry.ledger.replay import differences
from tests import builders
from tests.api.calls import person, refused
from tests.cast import Cast, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]
State = WantedItem.State
HOSTILE = "=cmd|' /C calc'!A0 <script>document.title='owned'</script>"


def an_item(cast: Cast) -> WantedItem:
    """Have Otto ask for something that is due in a week."""
    due = (database_now() + timedelta(days=7)).date()
    return ask_item(actor=cast.otto, title="Minutes", text="Of the last review.", due_on=due)


def in_state(cast: Cast, state: str) -> WantedItem:
    """Return an item that has come to ``state``."""
    item = an_item(cast)
    if state in {State.ANSWERED, State.ACCEPTED}:
        item = answer_item(item, actor=cast.olga, answer="Here.")
    if state == State.ACCEPTED:
        item = accept_item(item, actor=cast.otto)
    return withdraw_item(item, actor=cast.otto) if state == State.WITHDRAWN else item


def test_an_item_is_asked_answered_returned_answered_again_and_accepted_on_the_pages(cast: Cast) -> None:
    version = builders.a_version(cast)
    evidence = store_json({"minutes": 1}, kind="measurement")
    otto, olga = signed_in(cast.otto), signed_in(cast.olga)
    assert "No auditor has asked for anything yet." in otto.get(reverse("admin:items")).content.decode()
    due = (database_now() + timedelta(days=7)).date()
    wish = {"title": HOSTILE, "text": "Of the review.", "version": version.pk, "due_on": due.isoformat()}
    assert 'id="ask"' not in olga.get(reverse("admin:items")).content.decode()
    page = otto.post(reverse("admin:items"), wish)["Location"]
    assert "<script>document" not in otto.get(page).content.decode()
    assert HOSTILE.split(maxsplit=1)[0].replace("'", "&#x27;") in otto.get(page).content.decode()
    reply = {"act": "answer", "answer-answer": "See the digest.", "answer-evidence": f"sha256:{evidence.sha256}"}
    assert olga.post(page, reply).status_code == 302
    assert evidence.sha256 in otto.get(page).content.decode()
    assert olga.post(page, {"act": "accept"}).status_code == 403
    assert otto.post(page, {"act": "return", "return-reason": "One page is missing."}).status_code == 302
    shown = olga.get(page).content.decode()
    assert "One page is missing." in shown
    assert olga.post(page, reply).status_code == 302
    assert otto.post(page, {"act": "accept"}).status_code == 302
    row = WantedItem.objects.get()
    assert (row.state, row.returns, row.model_id) == ("accepted", 1, version.model_id)
    late = olga.post(page, reply)
    assert late.status_code == 409
    actions = LedgerEvent.objects.filter(subject_kind="wanted_item").order_by("subject_seq")
    told = ["item.asked", "item.answered", "item.returned", "item.answered", "item.accepted"]
    assert list(actions.values_list("action", flat=True)) == told
    assert differences() == []


@pytest.mark.parametrize(("before", "after"), list(product(State.values, State.values)))
def test_only_the_moves_of_the_table_are_made(cast: Cast, before: str, after: str) -> None:
    item = in_state(cast, before)
    acts = {
        State.OPEN: lambda: return_item(item, actor=cast.otto, reason="Not that."),
        State.ANSWERED: lambda: answer_item(item, actor=cast.olga, answer="That."),
        State.ACCEPTED: lambda: accept_item(item, actor=cast.otto),
        State.WITHDRAWN: lambda: withdraw_item(item, actor=cast.otto),
    }
    events = LedgerEvent.objects.count()
    if after in MOVES[before]:
        assert acts[State(after)]().state == after
        assert LedgerEvent.objects.count() == events + 1
    else:
        with pytest.raises(DomainError, match="item-state"):
            acts[State(after)]()
        item.refresh_from_db()
        assert item.state == before
        assert LedgerEvent.objects.count() == events
    assert differences() == []


def test_auditors_ask_and_judge_and_the_two_lines_answer(cast: Cast) -> None:
    item = an_item(cast)
    due = (database_now() + timedelta(days=7)).date()
    for one in (cast.adam, cast.ada, cast.olga, cast.vera, cast.ravi, cast.pia, cast.ci_bot):
        with pytest.raises(DomainError, match="role-missing"):
            ask_item(actor=one, title="a", text="b", due_on=due)
        with pytest.raises(DomainError, match="role-missing"):
            withdraw_item(item, actor=one)
    for one in (cast.adam, cast.otto, cast.ci_bot):
        with pytest.raises(DomainError, match="role-missing"):
            answer_item(item, actor=one, answer="a")
    assert signed_in(cast.adam).get(reverse("admin:item", args=[item.pk])).status_code == 403


def test_the_api_does_the_same_and_refuses_what_does_not_fit(cast: Cast) -> None:
    version = builders.a_version(cast)
    otto, vera = person(cast.otto), person(cast.vera)
    due = (database_now() + timedelta(days=1)).date().isoformat()
    wish = {"title": "Logs", "text": "All.", "due_on": due, "model": version.model_id, "version": version.version}
    refused(otto.post("/api/v1/requests/", {**wish, "due_on": "2020-01-01"}), 422, "due-in-the-past")
    refused(otto.post("/api/v1/requests/", {**wish, "title": "a\nb"}), 422, "text-has-control-characters")
    refused(
        otto.post("/api/v1/requests/", {"title": "a", "text": "b", "due_on": due, "version": "1"}), 422, "model-missing"
    )
    assert not WantedItem.objects.exists()
    address = f"/api/v1/requests/{json.loads(otto.post('/api/v1/requests/', wish).content)['id']}/"
    refused(vera.post(f"{address}answer/", {"answer": "a", "evidence": "0" * 64}), 422, "unknown-evidence")
    refused(vera.post(f"{address}answer/", {"answer": " "}), 422, "text-empty")
    assert json.loads(vera.post(f"{address}answer/", {"answer": "Here."}).content)["state"] == "answered"
    assert json.loads(otto.post(f"{address}return/", {"reason": "No."}).content)["state"] == "open"
    refused(otto.post(f"{address}accept/", {}), 409, "item-state")
    assert json.loads(otto.post(f"{address}withdraw/", {}).content)["state"] == "withdrawn"
    found = json.loads(vera.get(address).content)
    assert (found["model"], found["version"], found["returns"]) == (version.model_id, version.version, 1)
    assert len(json.loads(vera.get("/api/v1/requests/").content)["results"]) == 1


def test_the_longest_texts_still_fit_into_one_event(cast: Cast) -> None:
    due = (database_now() + timedelta(days=1)).date()
    widest = "\U0001f4dc" * request_list.LONGEST_TEXT
    item = ask_item(actor=cast.otto, title="\U0001f4dc" * request_list.LONGEST_TITLE, text=widest, due_on=due)
    answered = answer_item(item, actor=cast.olga, answer=widest)
    assert return_item(answered, actor=cast.otto, reason="\U0001f4dc" * request_list.LONGEST_REASON).returns == 1
    assert differences() == []
