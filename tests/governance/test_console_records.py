"""Are the records windows only? Nothing is added, changed, deleted or acted upon in a row."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.db.models import Model as Row
from django.urls import reverse

from governance.models import IdempotentCall
from registry.ledger.models import LedgerEvent
from registry.models import Model
from tests import builders
from tests.cast import Cast, signed_in

pytestmark = pytest.mark.django_db
WINDOWS: list[tuple[type[Row], ModelAdmin[Row]]] = sorted(
    admin.site._registry.items(), key=lambda pair: pair[0]._meta.label
)


def named(row: type[Row], page: str) -> str:
    return f"admin:{row._meta.app_label}_{row._meta.model_name}_{page}"


def test_every_window_opens_and_offers_nothing_to_do(cast: Cast, subtests: pytest.Subtests) -> None:
    builders.an_approved_promotion(cast)
    client = signed_in(cast.otto)
    for row, window in WINDOWS:
        with subtests.test(row=row._meta.label):
            answer = client.get(reverse(named(row, "changelist")))
            assert answer.status_code == 200
            page = answer.content.decode()
            assert 'name="action"' not in page
            assert "_save" not in page
            assert window.get_actions(answer.wsgi_request) == {}
            found = row._default_manager.first()
            if found is not None:
                one = client.get(reverse(named(row, "change"), args=[found.pk]))
                assert one.status_code == 200
                assert "_save" not in one.content.decode()


def test_adding_changing_and_deleting_are_refused_to_everybody(cast: Cast, subtests: pytest.Subtests) -> None:
    builders.an_approved_promotion(cast)
    clients = [signed_in(person) for person in (cast.ravi, cast.adam)]
    for row, _ in WINDOWS:
        with subtests.test(row=row._meta.label):
            found = row._default_manager.first()
            before = row._default_manager.count()
            events = LedgerEvent.objects.count()
            for client in clients:
                assert client.post(reverse(named(row, "add")), {}).status_code == 403
                if found is not None:
                    for page, said in (("change", {"_save": "1"}), ("delete", {"post": "yes"})):
                        assert client.post(reverse(named(row, page), args=[found.pk]), said).status_code == 403
            bulk = {"action": "delete_selected", "_selected_action": [str(found.pk)] if found else [], "post": "yes"}
            clients[0].post(reverse(named(row, "changelist")), bulk)
            assert row._default_manager.count() == before
            assert LedgerEvent.objects.count() == events


def test_digests_of_tokens_and_links_and_passwords_are_in_no_window(cast: Cast) -> None:
    credential = cast.ci_bot.credentials.get()
    page = signed_in(cast.otto).get(reverse("admin:governance_apicredential_change", args=[credential.pk])).content
    assert credential.prefix.encode() in page
    assert credential.digest.encode() not in page
    person = signed_in(cast.otto).get(reverse("admin:registry_user_change", args=[cast.ravi.pk])).content.decode()
    assert cast.ravi.password not in person
    assert IdempotentCall not in admin.site._registry


@pytest.mark.parametrize("window", ["registry_user", "registry_rolegrant", "governance_apicredential"])
def test_personal_windows_are_for_those_who_look_after_them(cast: Cast, window: str) -> None:
    address = reverse(f"admin:{window}_changelist")
    opened = {person.username for person in cast.people if signed_in(person).get(address).status_code == 200}
    assert opened == {"adam", "otto"}


def test_the_history_of_a_record_is_what_the_ledger_says(cast: Cast) -> None:
    model = builders.a_model(cast)
    page = signed_in(cast.otto).get(reverse("admin:registry_model_history", args=[model.pk])).content.decode()
    assert "model.registered" in page
    assert "model.owner_assigned" in page


def test_a_name_with_markup_is_shown_literally_in_every_window(cast: Cast) -> None:
    builders.a_model(cast, name="<img src=x onerror=alert(1)>")
    assert Model.objects.count() == 1
    for page in ("changelist", "change", "history"):
        arguments = [] if page == "changelist" else ["consumer-credit-default"]
        shown = signed_in(cast.ravi).get(reverse(f"admin:registry_model_{page}", args=arguments)).content.decode()
        assert "<img src=x" not in shown
        assert "&lt;img src=x" in shown
