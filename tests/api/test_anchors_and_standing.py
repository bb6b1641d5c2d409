"""Does the API show receipts and standing, refuse every act while the register is read-only, and lead back?"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from django.conf import settings
from django.db.models import Q
from django.urls import reverse

from registry.ledger import anchoring, anchors, keys, sequencer, signing, standing, tree
from registry.ledger.checkpoint import Checkpoint, sign_note
from registry.ledger.heads import record_heads
from registry.ledger.models import LedgerAnchor, LedgerEvent
from registry.ledger.verify import verify_all
from tests.api.calls import ci, nobody, person, refused
from tests.api.test_permission_table import TABLE, call
from tests.cast import Cast, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]
LEDGER = "/api/v1/ledger/"
READ_ONLY = "register-read-only"
DIGEST = "5" * 64


@pytest.fixture
def closed(cast: Cast) -> Cast:
    """The cast of a register whose anchor knows of entries that the database does not have."""
    sequencer.sequence_all()
    anchors.anchor_latest()
    size = anchors.health().newest_size + 5
    lost = Checkpoint(settings.REGISTER_NAME, size, hashlib.sha256(b"what is lost").digest())
    anchors.configured().keep(sign_note(lost, keys.load(signing.key_file())), instant="2026-01-02T03:04:05.000000Z")
    standing.look_again()
    return cast


def test_receipts_are_listed_by_kind_and_each_can_be_given_to_the_verifier(cast: Cast, tmp_path: Any) -> None:
    sequencer.sequence_all()
    anchoring.anchor_everywhere()
    note = anchors.configured().newest() or ""
    anchoring.keep_receipt("dossier", note, {"dossier": "d", "pdf_sha256": DIGEST}, reference="d")
    anchoring.keep_receipt("dossier", note, {"dossier": "d", "pdf_sha256": DIGEST}, reference="d")
    page = person(cast.otto).get(f"{LEDGER}anchors/").json()
    assert [row["kind"] for row in page["results"]] == ["dossier", "file"]
    (receipt,) = ci(cast).get(f"{LEDGER}anchors/?kind=dossier").json()["results"]
    assert receipt["note"] == note
    (tmp_path / "receipt.json").write_text(json.dumps(receipt, indent=1))
    assert verify_all(anchor_path=tmp_path / "receipt.json").verified
    (tmp_path / "twin.json").write_text(json.dumps({"dossier": {"checkpoint": note}}))
    assert verify_all(anchor_path=tmp_path / "twin.json").verified
    (tmp_path / "other.json").write_text(json.dumps({"dossier": {}}))
    assert verify_all(anchor_path=tmp_path / "other.json").exit_code == 2
    refused(person(cast.otto).get(f"{LEDGER}anchors/?kind=paper"), 422, "unknown-anchor")
    with pytest.raises(Exception, match="append-only"):
        LedgerAnchor.objects.get(kind="file").delete()


def test_the_standing_says_how_far_each_anchor_covers(cast: Cast) -> None:
    sequencer.sequence_all()
    anchors.anchor_latest()
    entries = LedgerEvent.objects.count()  # that this is read is one more
    shown = person(cast.otto).get(f"{LEDGER}standing/").json()
    assert (shown["read_only"], shown["healthy"], shown["needed"]) == (False, True, 1)
    assert [(one["kind"], one["fault"]) for one in shown["anchors"]] == [("file", "")]
    assert shown["anchors"][0]["size"] == entries


def test_completeness_of_a_subject_is_proven_by_the_api(cast: Cast) -> None:
    refused(person(cast.otto).get(f"{LEDGER}proofs/?kind=person&key=x"), 409, "heads-not-recorded")
    sequencer.sequence_all()
    record_heads(actor=cast.adam)
    sequencer.sequence_all()
    key = str(cast.otto.pk)
    proof = person(cast.otto).get(f"{LEDGER}proofs/?kind=person&key={key}").json()
    last = LedgerEvent.objects.filter(subject_key=key).order_by("-subject_seq").first()
    assert (proof["seq"], proof["leaf_hash"]) == (last.subject_seq, tree.leaf_hash(bytes(last.body)).hex())
    head = json.dumps([proof["kind"], proof["key"], proof["seq"], proof["leaf_hash"]], separators=(",", ":")).encode()
    path = [bytes.fromhex(step) for step in proof["path"]]
    root = bytes.fromhex(proof["heads_root"])
    assert tree.verify_inclusion(tree.leaf_hash(head), proof["index"], proof["count"], path, root)
    recorded = json.loads(base64.b64decode(proof["recorded"]["body"]))["state"]
    assert recorded == {"size": proof["size"], "subjects": proof["count"], "heads_root": proof["heads_root"]}
    refused(person(cast.otto).get(f"{LEDGER}proofs/?kind=person&key=nobody"), 404, "unknown-subject")


def test_every_write_is_refused_and_every_read_answers(closed: Cast) -> None:
    callers = {role: person(one) for one in closed.people for role in one.roles()} | {"machine": ci(closed)}
    looks_and_verifications = Q(action__startswith="auditor.") | Q(action__startswith="verification.")
    governed = LedgerEvent.objects.exclude(looks_and_verifications)
    before = governed.count()
    open_ones = {
        "api/v1/ledger/verifications/",
        "api/v1/gate/decisions/",
        "api/v1/ledger/rollback/",
        "api/v1/ledger/rollback/confirm/",
    }
    for row in TABLE:
        who = "machine" if row.scope not in (None, "public") else sorted(row.roles)[0]
        status, code = call(callers[who], row)
        if row.method in {"GET", "HEAD"}:
            assert status == (200 if row.route.endswith("checkpoint/") else row.status), row
        elif row.route not in open_ones:
            assert (status, code) == (503, READ_ONLY), row
        else:
            assert code != READ_ONLY, row
    assert governed.count() == before


def test_the_gate_denies_and_says_why(closed: Cast) -> None:
    body = {"artifact_sha256": DIGEST, "environment": "production", "nonce": "nonce-0001"}
    answer = ci(closed).post("/api/v1/gate/decisions/", body).json()
    assert answer["decision"] == "deny"
    told = {reason["control"]: reason["observed"] for reason in answer["reasons"]}
    assert "it was rolled back" in told["AUD-01"]


def test_an_anchor_that_is_down_too_long_denies_by_name(cast: Cast, settings: Any, tmp_path: Any) -> None:
    settings.TIMESTAMP_URL, settings.TIMESTAMP_ROOTS = "http://127.0.0.1:9/tsr", str(tmp_path / "roots.pem")
    sequencer.sequence_all()
    faults = anchoring.anchor_everywhere()
    assert set(faults) == {"rfc3161"}

    def reasons(nonce: str) -> dict[str, str]:
        body = {"artifact_sha256": DIGEST, "environment": "production", "nonce": nonce}
        answer = ci(cast).post("/api/v1/gate/decisions/", body).json()
        return {reason["control"]: reason["observed"] for reason in answer["reasons"]}

    assert "AUD-01" not in reasons("nonce-0001"), "promotions go on for the time that is allowed"
    settings.LEDGER_ANCHOR_GRACE_SECONDS = -1
    told = reasons("nonce-0002")["AUD-01"]
    assert "for the anchor rfc3161" in told
    settings.LEDGER_ANCHORS_NEEDED = 1
    sequencer.sequence_all()
    anchors.anchor_latest()
    settings.LEDGER_ANCHOR_GRACE_SECONDS = 60
    assert "AUD-01" not in reasons("nonce-0003"), "one anchor is enough where the installation says so"


def test_readiness_and_every_page_of_the_console_say_so(closed: Cast) -> None:
    response = nobody().get("/health/ready")
    assert response.status_code == 503
    assert "it was rolled back" in response.json()["reasons"]["ledger_history"]
    for who, page in ((closed.otto, "admin:audit"), (closed.ravi, "admin:index"), (closed.adam, "admin:standing")):
        shown = signed_in(who).get(reverse(page))
        assert shown.status_code == 200
        assert 'id="read-only"' in shown.content.decode()
    assert 'id="read-only"' in nobody().client.get("/console/login/").content.decode()
    answer = signed_in(closed.ravi).post(reverse("admin:policy_draft"), {"text": "slug: x"})
    assert answer.status_code < 500


def test_two_people_lead_back_by_the_api(closed: Cast) -> None:
    ravi, adam = person(closed.ravi), person(closed.adam)
    refused(ravi.post(f"{LEDGER}rollback/confirm/"), 409, "rollback-not-requested")
    asked = ravi.post(f"{LEDGER}rollback/", {"reason": "The newer disk is gone."})
    assert asked.status_code == 201, asked.content
    assert asked.json()["waiting"]["reason"] == "The newer disk is gone."
    refused(ravi.post(f"{LEDGER}rollback/confirm/"), 403, "second-person-needed")
    refused(ci(closed).post(f"{LEDGER}rollback/confirm/"), 403, "session-required")
    done = adam.post(f"{LEDGER}rollback/confirm/")
    assert done.status_code == 200, done.content
    assert (done.json()["waiting"], done.json()["declared"][0]["epoch"]) == (None, 2)
    standing.look_again()
    assert person(closed.otto).get(f"{LEDGER}standing/").json()["read_only"] is False
    created = ci(closed).post("/api/v1/models/", {"slug": "after", "name": "After", "owner": "olga"})
    assert created.json().get("code") != READ_ONLY


def test_two_people_lead_back_in_the_console(closed: Cast) -> None:
    page = reverse("admin:standing")
    ravi, adam = signed_in(closed.ravi), signed_in(closed.adam)
    assert 'value="confirm"' not in ravi.get(page).content.decode()
    assert ravi.post(page, {"act": "ask", "reason": "<script>alert(1)</script> gone"}).status_code == 302
    assert "&lt;script&gt;" in adam.get(page).content.decode()
    assert 'value="confirm"' not in ravi.get(page).content.decode(), "who asked is not offered the second word"
    assert ravi.post(page, {"act": "confirm"}).status_code == 403
    assert 'value="confirm"' in adam.get(page).content.decode()
    assert adam.post(page, {"act": "confirm"}).status_code == 302
    standing.look_again()
    shown = signed_in(closed.otto).get(page).content.decode()
    assert 'id="read-only"' not in shown
    assert 'id="declared"' in shown
    assert signed_in(closed.otto).post(page, {"act": "ask", "reason": "x"}).status_code == 403
