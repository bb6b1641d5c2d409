"""Can an auditor, without rights on the machine, have the ledger verified and read what was found?"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from registry.actions.verification import carry_out, request_verification, sweep_verifications
from registry.errors import DomainError
from registry.ledger import standing
from registry.ledger.anchors import anchor_latest
from registry.ledger.clock import database_now
from registry.ledger.models import LedgerEvent
from registry.ledger.proofs import latest_checkpoint
from registry.ledger.replay import differences
from registry.ledger.sequencer import sequence_all
from registry.models import Model, Verification
from tests import builders
from tests.cast import Cast, signed_in

pytestmark = pytest.mark.django_db


def an_anchored_ledger(cast: Cast) -> None:
    """Have a model, and every event of it sequenced and anchored."""
    builders.a_model(cast)
    sequence_all()
    anchor_latest()


def test_the_auditor_asks_on_the_page_and_reads_every_statement(cast: Cast) -> None:
    an_anchored_ledger(cast)
    otto = signed_in(cast.otto)
    asked = otto.post(reverse("admin:verifications"), {"kept_checkpoint": "", "trusted_key": ""})
    row = Verification.objects.get()
    assert asked["Location"] == reverse("admin:verification", args=[row.pk])
    waiting = otto.get(asked["Location"]).content.decode()
    assert "No worker has taken it yet." in waiting
    assert f'data-live="{reverse("admin:verification_progress", args=[row.pk])}"' in waiting
    done = carry_out(str(row.pk))
    assert (done.verdict, done.state, done.progress) == ("verified", "concluded", 100)
    page = otto.get(asked["Location"]).content.decode()
    assert done.root in page
    assert "the ledger extends every checkpoint that is kept outside the database" in page
    assert "data-live=" not in page
    assert "data-over" in otto.get(reverse("admin:verification_progress", args=[row.pk])).content.decode()
    listed = otto.get(reverse("admin:verifications")).content.decode()
    assert "verified" in listed
    assert "SHA-256 of the line" in listed
    ended = LedgerEvent.objects.get(action="verification.ended", subject_key=str(row.pk))
    assert b'"verdict":"verified"' in bytes(ended.body)
    assert ended.actor_id == str(cast.otto.pk)
    assert differences() == []


def test_a_changed_row_is_proven_false(cast: Cast) -> None:
    an_anchored_ledger(cast)
    Model.objects.update(name="Another name")
    row, _ = request_verification(actor=cast.otto)
    assert carry_out(str(row.pk)).verdict == "false"
    page = signed_in(cast.otto).get(reverse("admin:verification", args=[row.pk])).content.decode()
    assert "proven false" in page
    assert "Another name" in page


def test_what_the_auditor_brings_along_is_what_is_verified_with(cast: Cast) -> None:
    an_anchored_ledger(cast)
    newest = latest_checkpoint()
    assert newest is not None
    key = signed_in(cast.otto).get("/api/v1/keys/").json()["ledger"]
    for note, line, verdict in (
        (newest.note, key, "verified"),
        (newest.note.replace("\n", "\nA", 1), key, "false"),
        (newest.note, "no key", "unknown"),
    ):
        row, _ = request_verification(actor=cast.otto, kept_checkpoint=note, trusted_key=line)
        assert carry_out(str(row.pk)).verdict == verdict, line


def test_one_at_a_time_for_each_person_and_only_for_those_who_may(cast: Cast) -> None:
    row, created = request_verification(actor=cast.otto)
    assert created
    assert request_verification(actor=cast.otto) == (row, False)
    assert request_verification(actor=cast.ravi)[1]
    for person in (cast.adam, cast.ada, cast.vera, cast.ci_bot):
        with pytest.raises(DomainError, match="role-missing"):
            request_verification(actor=person)


def test_it_can_be_asked_for_while_the_register_is_read_only(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    an_anchored_ledger(cast)
    closed = standing.Standing("ledger-rolled-back", "It is older than what was anchored.")
    monkeypatch.setattr(standing, "standing", lambda: closed)
    otto = signed_in(cast.otto)
    answer = otto.post("/api/v1/ledger/verifications/", {}, content_type="application/json")
    assert answer.status_code == 202, answer.content
    row = carry_out(answer.json()["id"])
    assert row.state == "concluded"
    read = otto.get(f"/api/v1/ledger/verifications/{row.pk}/").json()
    assert read["verdict"] == row.verdict
    assert {one["slug"] for one in read["statements"]} >= {"bodies", "checkpoints", "anchors", "replay"}


def test_what_a_lost_worker_left_is_queued_again_and_set_aside_after_three(cast: Cast) -> None:
    row, _ = request_verification(actor=cast.otto)
    for attempt in (1, 2, 3):
        long_ago = database_now() - timedelta(minutes=10)
        Verification.objects.filter(pk=row.pk).update(state="running", attempts=attempt, alive_at=long_ago)
        sweep_verifications()
        row.refresh_from_db()
        assert row.state == ("queued" if attempt < 3 else "error")
    assert row.failure["code"] == "verification-quarantined"
    assert carry_out(str(row.pk)).state == "error"
    assert differences() == []


@pytest.mark.django_db(transaction=True)
def test_a_worker_tells_how_far_it_is_on_a_connection_of_its_own(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    from registry.actions import verification
    from registry.ledger.report import VerificationReport

    row, _ = request_verification(actor=cast.otto)
    seen: list[int] = []

    def slowly(_row: Verification, say: verification.Say) -> VerificationReport:
        import time

        say(40)
        limit = time.monotonic() + 20
        while not seen or seen[-1] != 40:
            seen.append(Verification.objects.get(pk=row.pk).progress)
            assert time.monotonic() < limit
            time.sleep(0.05)
        return VerificationReport([], 0, "")

    monkeypatch.setattr(verification, "TELL_EVERY_SECONDS", 0.05)
    monkeypatch.setattr(verification, "_verified", slowly)
    assert carry_out(str(row.pk), tell=True).state == "concluded"
