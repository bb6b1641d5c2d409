"""What does the auditor take away? Dossiers as inert downloads, and the proofs of the ledger."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid

import pytest

from registry.ledger.models import LedgerEvent
from tests.api.calls import ci, machine, nobody, nothing_written, person, refused
from tests.builders import MODEL_BYTES, a_checkpoint, a_model, a_version
from tests.cast import Cast

pytestmark = pytest.mark.postgres
LEDGER = "/api/v1/ledger/"


def test_a_dossier_is_asked_for_once_while_it_is_queued(cast: Cast) -> None:
    version = a_version(cast)
    body = {"model": version.model_id, "version": "1.0"}
    first, second = (person(cast.otto).post("/api/v1/dossiers/", body) for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["id"] == second.json()["id"]
    shown = person(cast.otto).get(f"/api/v1/dossiers/{first.json()['id']}/").json()
    assert (shown["state"], shown["sha256"]) == ("queued", "")
    with nothing_written():
        refused(person(cast.otto).get(f"/api/v1/dossiers/{shown['id']}/pdf"), 409, "dossier-not-issued")
        refused(person(cast.otto).post("/api/v1/dossiers/", body | {"version": "9"}), 404, "unknown-version")


def test_a_report_on_differences_names_the_version_it_compares_with(cast: Cast) -> None:
    older, newer = a_version(cast), a_version(cast, "2.0", data=MODEL_BYTES + b"2")
    body = {"model": newer.model_id, "version": "2.0", "kind": "differences"}
    refused(person(cast.otto).post("/api/v1/dossiers/", body), 422, "nothing-to-compare")
    refused(person(cast.otto).post("/api/v1/dossiers/", body | {"compared_with": "9"}), 404, "unknown-version")
    shown = person(cast.otto).post("/api/v1/dossiers/", body | {"compared_with": older.version}).json()
    assert (shown["kind"], shown["version"], shown["compared_with"]) == ("differences", "2.0", "1.0")


def test_a_report_on_the_register_names_no_version_and_is_for_tokens_that_see_every_model(cast: Cast) -> None:
    from governance.actions.credentials import make_credential

    body = {"kind": "portfolio", "language": "de"}
    shown = person(cast.ravi).post("/api/v1/dossiers/", body)
    assert shown.status_code == 202, shown.json()
    told = shown.json()
    assert (told["kind"], told["model"], told["version"], told["language"]) == ("portfolio", None, None, "de")
    assert ci(cast).post("/api/v1/dossiers/", body).status_code == 202
    model = a_model(cast)
    _, token = make_credential(
        cast.ci_bot,
        name="one",
        scopes=["dossiers:read", "dossiers:write"],
        days=9,
        models=[model.slug],
        actor=cast.adam,
    )
    with nothing_written():
        limited = machine(token)
        refused(limited.post("/api/v1/dossiers/", body), 403, "token-not-for-this-model")
        refused(limited.get(f"/api/v1/dossiers/{told['id']}/"), 403, "token-not-for-this-model")
        refused(person(cast.ada).post("/api/v1/dossiers/", body), 403, "role-missing")
        refused(person(cast.ravi).post("/api/v1/dossiers/", body | {"model": "x"}), 422, "dossier-of-the-register")
        refused(person(cast.ravi).post("/api/v1/dossiers/", {"kind": "card"}), 422, "dossier-of-a-version")


def test_an_issued_dossier_is_an_inert_download_of_the_bytes_that_were_issued(cast: Cast) -> None:
    from audits.actions.dossiers import build_dossier

    version = a_version(cast)
    asked = person(cast.otto).post("/api/v1/dossiers/", {"model": version.model_id, "version": "1.0"}).json()
    dossier = build_dossier(asked["id"])
    assert dossier.state == "issued", dossier.failure
    shown = person(cast.otto).get(f"/api/v1/dossiers/{asked['id']}/").json()
    response = person(cast.otto).get(f"/api/v1/dossiers/{asked['id']}/pdf", Accept="application/pdf")
    assert response.content.startswith(b"%PDF-")
    assert hashlib.sha256(response.content).hexdigest() == shown["sha256"]
    assert response["Content-Type"] == "application/pdf"
    told = f"dossier-consumer-credit-default-1.0-full-{dossier.as_of:%Y%m%dT%H%M%SZ}.pdf"
    assert response["Content-Disposition"] == f'attachment; filename="{told}"'
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == "sandbox; default-src 'none'"


def test_the_checkpoint_is_a_signed_note_and_json_on_request(cast: Cast) -> None:
    from django.conf import settings

    from registry.ledger.checkpoint import parse_verifier_key, verify_note

    refused(person(cast.otto).get(f"{LEDGER}checkpoint/"), 404, "no-checkpoint")
    size = a_checkpoint()
    response = person(cast.otto).get(f"{LEDGER}checkpoint/")
    assert response["Content-Type"].startswith("text/plain")
    name, key = parse_verifier_key(nobody().get("/api/v1/keys/").json()["ledger"])
    stated = verify_note(response.content.decode(), key, name=name)
    assert (name, stated.size) == (settings.REGISTER_NAME, size)
    shown = person(cast.otto).get(f"{LEDGER}checkpoint/", Accept="application/json").json()
    assert (shown["size"], shown["note"]) == (size, response.content.decode())
    assert base64.b64decode(shown["root"]) == stated.root


def test_the_entries_are_the_exact_bytes_in_the_order_of_the_tree(cast: Cast) -> None:
    size = a_checkpoint()
    first = person(cast.otto).get(f"{LEDGER}entries/?start=0&limit=5").json()
    rest = person(cast.otto).get(f"{LEDGER}entries/?start={first['next']}&limit=1000").json()
    entries = first["entries"] + rest["entries"]
    assert [entry["index"] for entry in entries] == list(range(size))
    assert rest["next"] is None
    for entry in entries:
        body = base64.b64decode(entry["body"])
        assert json.loads(body)["id"] == entry["event_id"]
        assert hashlib.sha256(b"\0" + body).hexdigest() == entry["leaf_hash"]


def test_inclusion_and_consistency_are_proven(cast: Cast) -> None:
    from registry.ledger import tree

    old = a_checkpoint()
    a_model(cast)
    new = a_checkpoint()
    event = LedgerEvent.objects.order_by("id")[2]
    proof = person(cast.otto).get(f"{LEDGER}proofs/?event={event.pk}").json()
    body, path = base64.b64decode(proof["body"]), [bytes.fromhex(step) for step in proof["path"]]
    assert body == bytes(event.body)
    assert tree.verify_inclusion(tree.leaf_hash(body), proof["index"], new, path, bytes.fromhex(proof["root"]))
    extends = ci(cast).get(f"{LEDGER}proofs/?old={old}&new={new}").json()
    roots = [bytes.fromhex(extends[name]) for name in ("old_root", "new_root")]
    assert tree.verify_consistency(old, new, *roots, [bytes.fromhex(step) for step in extends["path"]])
    assert ci(cast).get(f"{LEDGER}proofs/?event={event.pk}&size={old}").json()["size"] == old


@pytest.mark.parametrize(
    ("question", "status", "code"),
    [
        ("proofs/", 422, "bad-proof-question"),
        ("proofs/?old=1", 422, "bad-proof-question"),
        (f"proofs/?event={uuid.UUID(int=1)}&old=1&new=2", 422, "bad-proof-question"),
        (f"proofs/?event={uuid.UUID(int=1)}", 404, "unknown-event"),
        ("proofs/?event=1", 404, "unknown-event"),
        ("proofs/?event=%00", 404, "unknown-event"),
        ("proofs/?old=5&new=3", 422, "unknown-tree-size"),
        ("proofs/?old=0&new=9999999", 422, "unknown-tree-size"),
        ("proofs/?old=-1&new=2", 422, "bad-number"),
        ("entries/?start=-1", 422, "bad-number"),
        ("entries/?start=99999999999999999999", 422, "bad-number"),
        ("entries/?limit=0", 422, "bad-page"),
        ("entries/?limit=1001", 422, "bad-page"),
        ("entries/?start=1e3", 422, "bad-number"),
    ],
)
def test_a_question_that_makes_no_sense_gets_no_proof(cast: Cast, question: str, status: int, code: str) -> None:
    a_checkpoint()
    refused(person(cast.otto).get(LEDGER + question), status, code)


def test_an_event_that_has_no_place_yet_is_no_secret(cast: Cast) -> None:
    a_checkpoint()
    a_model(cast)
    event = LedgerEvent.objects.order_by("-id")[0]
    refused(person(cast.otto).get(f"{LEDGER}proofs/?event={event.pk}"), 409, "not-sequenced")


def test_the_keys_are_the_lines_that_key_files_hold(db: None) -> None:
    shown = nobody().get("/api/v1/keys/").json()
    name, key_id, raw = shown["attestation"].split("+", 2)
    assert name == "cadastre-attestation"
    assert hashlib.sha256(base64.b64decode(raw)).hexdigest() == key_id
    assert set(shown) == {"attestation", "ledger"}
