"""Is what an auditor looks at or takes along in the ledger before they have it, and is nobody else watched?"""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from audits.actions.dossiers import build_dossier, request_dossier
from governance.actions.looks import address_of, record_look
from governance.console.pages.looks import MOST
from governance.models import Look
from registry.actions.erasure import erase_person
from registry.actions.people import deactivate, grant_role, register_person
from registry.errors import DomainError
from registry.ledger import standing
from registry.ledger.event import read
from registry.ledger.models import LedgerEvent
from registry.ledger.replay import differences
from tests import builders
from tests.cast import Cast, signed_in

pytestmark = pytest.mark.django_db


def looked() -> list[tuple[str, str]]:
    return [(row.kind, row.address) for row in Look.objects.order_by("id")]


def events(action: str) -> int:
    return LedgerEvent.objects.filter(action=f"auditor.{action}").count()


def test_a_page_is_one_event_an_hour_with_the_auditor_and_the_address(cast: Cast) -> None:
    builders.a_model(cast)
    otto, address = signed_in(cast.otto), reverse("admin:model", args=["consumer-credit-default"])
    assert [otto.get(address, {"q": "ada"}).status_code for _ in range(3)] == [200, 200, 200]
    assert looked() == [("view", address)]
    (event,) = LedgerEvent.objects.filter(action="auditor.viewed")
    stated = read(bytes(event.body))
    assert (stated.actor_id, stated.state["person"]) == (str(cast.otto.pk), str(cast.otto.pk))
    assert (stated.state["address"], stated.authentication) == (address, "session")
    assert differences() == []
    Look.objects.update(hour=Look.objects.get().hour - timedelta(hours=1))  # as if the look was an hour ago
    otto.get(address)
    assert events("viewed") == 2


def test_an_answer_of_the_api_counts_like_a_page_and_names_the_instant_but_no_search_word(cast: Cast) -> None:
    builders.a_model(cast)
    otto = signed_in(cast.otto)
    assert otto.get("/api/v1/models/?page_size=5").status_code == 200
    assert otto.get("/api/v1/findings/?state=open").status_code == 200
    assert otto.get("/api/v1/models/?as_of=2131-01-01T00:00:00Z").status_code == 422
    assert otto.get("/api/v1/models/unknown/").status_code == 404
    assert otto.get("/api/v1/keys/").status_code == 200
    assert looked() == [("view", "/api/v1/models/"), ("view", "/api/v1/findings/")]
    asked = [("as_of", "2026-11-01T00:00:00Z"), ("owner", "ada"), ("cursor", "x")]
    assert address_of("/api/v1/models/", asked) == "/api/v1/models/?as_of=2026-11-01T00%3A00%3A00Z"


def test_every_download_is_an_event_of_its_own(cast: Cast) -> None:
    approved = builders.an_approved_promotion(cast)
    dossier = build_dossier(str(request_dossier(approved.version, actor=cast.otto)[0].pk))
    otto = signed_in(cast.otto)
    taken = [
        *(reverse(f"admin:{name}", args=[dossier.pk]) for name in ("dossier_pdf", "dossier_pdf", "dossier_bundle")),
        *(f"/api/v1/dossiers/{dossier.pk}/{name}" for name in ("pdf", "bundle", "bundle")),
        "/api/v1/ledger/entries/?limit=2&start=1",
    ]
    assert {otto.get(address).status_code for address in taken} == {200}
    assert looked() == [("download", address) for address in taken]
    assert (events("downloaded"), events("viewed")) == (len(taken), 0)
    assert differences() == []


def test_records_and_pages_of_the_past_are_watched_too(cast: Cast) -> None:
    model = builders.a_model(cast)
    otto = signed_in(cast.otto)
    window = reverse("admin:registry_model_change", args=[model.pk])
    assert otto.get(window).status_code == 200
    assert otto.post(reverse("admin:verifications"), {"trusted_key": "x" * 2000}).status_code == 400
    otto.post(reverse("admin:as_of"), {"act": "set", "day": timezone.localdate().isoformat(), "time": ""})
    assert otto.get(reverse("admin:models")).status_code == 200
    assert [address.partition("T")[0] for _kind, address in looked()] == [
        window, reverse("admin:verifications"), f"{reverse('admin:models')}?as_of={timezone.localdate()}",
    ]  # fmt: skip


def test_what_is_refused_is_no_look(cast: Cast) -> None:
    otto = signed_in(cast.otto)
    assert otto.get(reverse("admin:people")).status_code == 403
    assert otto.get(reverse("admin:model", args=["unknown"])).status_code == 404
    assert otto.get(reverse("admin:password")).status_code == 200
    assert looked() == []


@pytest.mark.parametrize("name", ["ada", "olga", "vera", "ravi", "pia", "adam"])
def test_people_of_other_roles_are_not_watched(cast: Cast, name: str) -> None:
    client = signed_in(getattr(cast, name))
    assert (client.get(reverse("admin:models")).status_code, client.get("/api/v1/models/").status_code) == (200, 200)
    assert looked() == []
    with pytest.raises(DomainError, match="role-missing"):
        record_look(actor=getattr(cast, name), address="/console/")


def test_a_look_is_recorded_while_the_register_is_read_only(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    builders.a_model(cast)
    closed = standing.Standing("database-rolled-back", "The database is older than the newest anchor.")
    monkeypatch.setattr(standing, "standing", lambda: closed)
    assert signed_in(cast.otto).get(reverse("admin:models")).status_code == 200
    assert signed_in(cast.otto).get("/api/v1/models/").status_code == 200
    assert signed_in(cast.otto).get("/api/v1/ledger/entries/").status_code == 200
    assert (events("viewed"), events("downloaded")) == (2, 1)


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="the trigger is written for SQLite")
def test_what_cannot_be_recorded_is_not_shown(cast: Cast) -> None:
    builders.a_model(cast)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TRIGGER full BEFORE INSERT ON governance_look BEGIN SELECT RAISE(ABORT, 'full'); END")
    otto = signed_in(cast.otto)
    page = otto.get(reverse("admin:models"))
    assert (page.status_code, page["X-Cadastre-Code"]) == (503, "look-not-recorded")
    answer = otto.get("/api/v1/models/")
    assert (answer.status_code, json.loads(answer.content)["code"]) == (503, "look-not-recorded")
    entries = otto.get("/api/v1/ledger/entries/")
    assert entries.status_code == 503
    for shown in (page, answer, entries):
        assert b"consumer-credit-default" not in shown.content
    assert signed_in(cast.ada).get(reverse("admin:models")).status_code == 200
    assert (looked(), events("viewed"), events("downloaded")) == ([], 0, 0)


def another_auditor(cast: Cast):
    nora = register_person(username="nora", display_name="Nora Example", actor=cast.adam)
    grant_role(nora, "auditor", actor=cast.adam)
    return nora


def test_an_auditor_sees_their_own_looks_and_those_who_watch_see_all(cast: Cast) -> None:
    nora, address = another_auditor(cast), reverse("admin:looks")
    assert "No auditor has looked at anything" in signed_in(cast.ravi).get(address).content.decode()
    record_look(actor=nora, address="/of-nora/")
    record_look(actor=cast.otto, address="/of-otto/", downloaded=True)
    assert f'href="{address}"' in signed_in(cast.otto).get(reverse("admin:room")).content.decode()
    assert f'href="{address}"' in signed_in(cast.adam).get(reverse("admin:people")).content.decode()
    of_otto = signed_in(cast.otto).get(address, {"person": str(nora.pk)}).content.decode()
    assert ("/of-otto/" in of_otto, "/of-nora/" in of_otto) == (True, False)
    for person in (cast.ravi, cast.adam):
        shown = signed_in(person).get(address).content.decode()
        assert ("/of-otto/" in shown, "/of-nora/" in shown) == (True, True)
        narrowed = signed_in(person).get(address, {"person": str(nora.pk)}).content.decode()
        assert ("/of-otto/" in narrowed, "/of-nora/" in narrowed) == (False, True)
        kinds = signed_in(person).get(address, {"kind": "download", "person": "no id"}).content.decode()
        assert ("/of-otto/" in kinds, "/of-nora/" in kinds) == (True, False)


def test_the_api_lists_the_same(cast: Cast) -> None:
    nora = another_auditor(cast)
    record_look(actor=nora, address="/of-nora/")
    record_look(actor=cast.otto, address="/of-otto/", downloaded=True)

    def listed(person, query: str = "") -> list[str]:
        answer = signed_in(person).get(f"/api/v1/looks/{query}")
        assert answer.status_code == 200
        return [row["address"] for row in answer.json()["results"]]

    assert listed(cast.ravi) == listed(cast.adam) == ["/of-otto/", "/of-nora/"]
    assert listed(cast.adam, "?person=nora") == listed(cast.adam, "?kind=view") == ["/of-nora/"]
    assert listed(cast.otto, "?person=nora") == []
    assert listed(cast.otto) == ["/api/v1/looks/", "/of-otto/"]
    assert signed_in(cast.adam).get("/api/v1/looks/?kind=glance").json()["code"] == "unknown-look-kind"


def test_the_list_is_paged(cast: Cast) -> None:
    for number in range(MOST + 1):
        record_look(actor=cast.otto, address=f"/page/{number:03}/")
    first = signed_in(cast.ravi).get(reverse("admin:looks")).content.decode()
    assert ("/page/050/" in first, "/page/000/" in first, "page 1 of 2" in first) == (True, False, True)
    last = signed_in(cast.ravi).get(reverse("admin:looks"), {"page": "2"}).content.decode()
    assert ("/page/050/" in last, "/page/000/" in last) == (False, True)


def test_a_look_holds_no_name_and_survives_the_erasure_of_the_person(cast: Cast) -> None:
    nora = another_auditor(cast)
    signed_in(nora).get(reverse("admin:models"), {"q": "Nora Example"})
    (event,) = LedgerEvent.objects.filter(action="auditor.viewed")
    assert b"nora" not in bytes(event.body).lower()
    deactivate(nora, actor=cast.adam)
    erase_person(nora, reason="Asked for.", actor=cast.adam)
    assert differences() == []
    assert b"Nora" not in signed_in(cast.ravi).get(reverse("admin:looks")).content
