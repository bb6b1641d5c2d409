"""How does a version get to production over HTTP? Asked for, decided by people, answered by the gate, reported."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from governance.models import Approval, GateDecision
from registry.ledger.clock import database_now
from tests.api.calls import ci, nothing_written, person, refused
from tests.builders import (
    a_checkpoint,
    a_concluded_run,
    a_promotable_version,
    a_version,
    an_approved_promotion,
    an_environment,
    an_open_promotion,
)
from tests.cast import Cast

pytestmark = pytest.mark.postgres

PROMOTIONS = "/api/v1/promotions/"
GATE = "/api/v1/gate/decisions/"


def test_a_promotion_is_opened_once_and_starts_its_validation(cast: Cast) -> None:
    version = a_promotable_version(cast)
    body = {"model": version.model_id, "version": "1.0", "environment": "production", "statement": "It is better."}
    first, second = (ci(cast).post(PROMOTIONS, body) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    shown = ci(cast).get(f"{PROMOTIONS}{first.json()['id']}/").json()
    assert shown == first.json() == second.json()
    assert (shown["state"], shown["validation_state"], shown["evidence_digest"]) == ("open", "queued", "")
    assert (shown["requested_by"], shown["requested_for"], shown["policy"]) == ("ci-bot", "ada", "test-policy/1")
    assert ci(cast).get(f"/api/v1/validations/{shown['validation']}/").json()["state"] == "queued"
    assert [row["id"] for row in ci(cast).get(f"{PROMOTIONS}?state=open").json()["results"]] == [shown["id"]]
    assert ci(cast).get(f"{PROMOTIONS}?state=rejected").json()["results"] == []


def test_a_request_says_who_may_decide_and_why_the_others_may_not(cast: Cast) -> None:
    request = an_open_promotion(cast)
    people = {one["person"]: one for one in person(cast.ravi).get(f"{PROMOTIONS}{request.pk}/").json()["eligible"]}
    assert {name for name, one in people.items() if one["may"]} == {"ravi", "pia", "vera"}
    assert [reason["code"] for reason in people["ada"]["reasons"]] == ["no-role", "requester"]


def test_a_concluded_validation_shows_results_with_their_measurements(cast: Cast) -> None:
    request = an_open_promotion(cast, passed=False)
    run = ci(cast).get(f"/api/v1/validations/{request.run_id}/").json()
    assert (run["state"], run["outcome"]) == ("concluded", "failed")
    auc = run["results"][0]
    assert (auc["key"], auc["check"], auc["severity"], auc["status"]) == (
        "auc", "performance.roc_auc", "blocking", "not_met",
    )  # fmt: skip
    assert (auc["measurement"]["value"], auc["measurement"]["n"], auc["evidence_fault"]) == (0.55, 4000, "")
    assert auc["mend"] == "Train it better."


def test_altered_evidence_is_shown_as_altered_and_not_as_a_number(cast: Cast) -> None:
    from registry.storage import artifacts

    request = an_open_promotion(cast)
    result = request.run.results.first()
    stored = artifacts().path(result.evidence_sha256)
    kept = stored.read_bytes()
    stored.chmod(0o644)
    stored.write_bytes(b"{}")
    try:
        shown = ci(cast).get(f"/api/v1/validations/{request.run_id}/").json()["results"][0]
    finally:
        stored.write_bytes(kept)
    assert (shown["measurement"], shown["evidence_fault"]) == (None, "bytes-altered")


def test_two_people_approve_and_the_gate_allows_with_an_attestation(cast: Cast) -> None:
    request = an_open_promotion(cast)
    evidence = request.run.evidence_digest
    for user in (cast.ravi, cast.pia):
        body = {"decision": "approve", "statement": "The evidence supports it.", "evidence_digest": evidence}
        given = person(user).post(f"{PROMOTIONS}{request.pk}/approvals/", body)
        assert given.status_code == 201, given.content
        assert given.json()["person"] == user.username
    a_checkpoint()
    digest = request.version.model_artifact().artifact_id
    asked = {"artifact_sha256": digest, "environment": "production", "nonce": "nonce-0001"}
    answer = ci(cast).post(GATE, asked)
    assert answer.status_code == 200
    decision = answer.json()
    assert (decision["decision"], decision["reasons"]) == ("allow", []), decision["reasons"]
    assert set(decision["attestation"]) == {"payloadType", "payload", "signatures"}
    assert ci(cast).get(f"{GATE}{decision['id']}/").json() == decision
    shown = person(cast.olga).get(f"{PROMOTIONS}{request.pk}/").json()
    assert [(one["person"], one["decision"]) for one in shown["approvals"]] == [("ravi", "approve"), ("pia", "approve")]
    assert shown["stage"] == "approved"

    report = {
        "model": decision["model"], "version": decision["version"], "environment": "production",
        "artifact_sha256": digest, "decision": decision["id"],
    }  # fmt: skip
    first, second = (ci(cast).post("/api/v1/deployments/", report) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert (first.json()["gated"], first.json()["finding"]) == (True, None)
    ended = ci(cast).post(f"/api/v1/deployments/{first.json()['id']}/end/")
    assert ended.json()["ended_at"] is not None


def test_the_gate_denies_with_reasons_and_how_to_mend_them(cast: Cast) -> None:
    request = an_open_promotion(cast, passed=False)
    digest = request.version.model_artifact().artifact_id
    asked = {"artifact_sha256": digest, "environment": "production", "nonce": "nonce-0002"}
    answer = ci(cast).post(GATE, asked).json()
    assert (answer["decision"], answer["attestation"]) == ("deny", None)
    unmet = next(reason for reason in answer["reasons"] if reason["item"] == "auc")
    assert set(unmet) == {"control", "clause", "text", "observed", "required", "mend", "item"}
    assert unmet["mend"] == "Train it better."
    assert "SOD-03" in {reason["control"] for reason in answer["reasons"]}


def test_unknown_bytes_and_an_unknown_place_are_denied_not_refused(cast: Cast) -> None:
    asked = {"artifact_sha256": "0" * 64, "environment": "nowhere", "nonce": "nonce-0003"}
    answer = ci(cast).post(GATE, asked)
    assert (answer.status_code, answer.json()["decision"]) == (200, "deny")
    assert {"INV-01", "GATE-03"} <= {reason["control"] for reason in answer.json()["reasons"]}


def test_a_nonce_is_answered_once(cast: Cast) -> None:
    asked = {"artifact_sha256": "0" * 64, "environment": "nowhere", "nonce": "nonce-0004"}
    ci(cast).post(GATE, asked)
    with nothing_written():
        refused(ci(cast).post(GATE, asked), 409, "nonce-used")
    assert GateDecision.objects.count() == 1


@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_a_token_never_decides(cast: Cast, decision: str) -> None:
    request = an_open_promotion(cast)
    body = {"decision": decision, "statement": "I am sure.", "evidence_digest": request.run.evidence_digest}
    with nothing_written():
        refused(ci(cast).post(f"{PROMOTIONS}{request.pk}/approvals/", body), 403, "session-required")


def test_who_registered_the_version_is_refused_whatever_role_they_hold(cast: Cast) -> None:
    from registry.actions.people import end_role, grant_role

    request = an_open_promotion(cast)
    body = {"decision": "approve", "statement": "Mine.", "evidence_digest": request.run.evidence_digest}
    address = f"{PROMOTIONS}{request.pk}/approvals/"
    with nothing_written():
        assert "no-role" in refused(person(cast.ada).post(address, body), 403, "self-approval")["reasons"]
    end_role(cast.ada.grants.get(), actor=cast.adam)
    grant_role(cast.ada, "approver", actor=cast.adam)
    with nothing_written():
        document = refused(person(cast.ada).post(address, body), 403, "self-approval")
    assert document["reasons"] == ["requester"]


def test_an_approval_on_evidence_that_has_changed_is_refused(cast: Cast) -> None:
    request = an_open_promotion(cast)
    body = {"decision": "approve", "statement": "Seen.", "evidence_digest": "0" * 64}
    with nothing_written():
        document = refused(
            person(cast.ravi).post(f"{PROMOTIONS}{request.pk}/approvals/", body), 409, "evidence-changed"
        )
    assert document["current"] == request.run.evidence_digest


def test_a_closed_request_takes_no_decision(cast: Cast) -> None:
    request = an_open_promotion(cast)
    address = f"{PROMOTIONS}{request.pk}/"
    withdrawn = ci(cast).post(f"{address}withdraw/", {"reason": "A better one comes."})
    assert (withdrawn.status_code, withdrawn.json()["state"]) == (200, "withdrawn")
    body = {"decision": "approve", "statement": "Yes.", "evidence_digest": request.run.evidence_digest}
    with nothing_written():
        refused(person(cast.ravi).post(f"{address}approvals/", body), 409, "request-closed")
        refused(ci(cast).post(f"{address}withdraw/", {"reason": "Again."}), 409, "request-closed")


def test_a_rejection_closes_the_request(cast: Cast) -> None:
    request = an_open_promotion(cast)
    body = {"decision": "reject", "statement": "Not enough.", "evidence_digest": request.run.evidence_digest}
    assert person(cast.pia).post(f"{PROMOTIONS}{request.pk}/approvals/", body).status_code == 201
    assert person(cast.pia).get(f"{PROMOTIONS}{request.pk}/").json()["state"] == "rejected"


def test_a_person_decides_once_and_may_take_it_back(cast: Cast) -> None:
    request = an_open_promotion(cast)
    body = {"decision": "approve", "statement": "Yes.", "evidence_digest": request.run.evidence_digest}
    given = person(cast.ravi).post(f"{PROMOTIONS}{request.pk}/approvals/", body).json()
    with nothing_written():
        refused(person(cast.ravi).post(f"{PROMOTIONS}{request.pk}/approvals/", body), 409, "already-decided")
        again = person(cast.pia).post(f"/api/v1/approvals/{given['id']}/withdraw/", {"reason": "Not mine."})
        refused(again, 403, "not-your-approval")
    taken = person(cast.ravi).post(f"/api/v1/approvals/{given['id']}/withdraw/", {"reason": "I erred."})
    assert taken.json()["withdrawn_reason"] == "I erred."
    assert not Approval.objects.filter(withdrawn_at__isnull=True).exists()


def test_an_approval_before_validation_has_concluded_is_refused(cast: Cast) -> None:
    request = an_open_promotion(cast, concluded=False)
    body = {"decision": "approve", "statement": "Yes.", "evidence_digest": ""}
    with nothing_written():
        refused(person(cast.ravi).post(f"{PROMOTIONS}{request.pk}/approvals/", body), 409, "validation-not-concluded")
    a_concluded_run(request.run, passed=False)
    request.run.refresh_from_db()
    body["evidence_digest"] = request.run.evidence_digest
    with nothing_written():
        refused(person(cast.ravi).post(f"{PROMOTIONS}{request.pk}/approvals/", body), 409, "validation-not-passed")


def test_a_deployment_without_a_decision_is_recorded_and_opens_a_finding(cast: Cast) -> None:
    version = a_version(cast)
    an_environment(cast)
    report = {
        "model": version.model_id, "version": "1.0", "environment": "production",
        "artifact_sha256": version.model_artifact().artifact_id, "decision": None,
    }  # fmt: skip
    answer = ci(cast).post("/api/v1/deployments/", report).json()
    assert answer["gated"] is False
    (finding,) = ci(cast).get("/api/v1/findings/?state=open").json()["results"]
    assert finding["id"] == answer["finding"]
    assert (finding["kind"], finding["severity"], finding["blocking"]) == ("ungated-deployment", "critical", True)
    shown = ci(cast).get("/api/v1/deployments/?environment=production").json()["results"]
    assert [row["id"] for row in shown] == [answer["id"]]


def test_a_decision_that_does_not_exist_does_not_stop_the_truth(cast: Cast) -> None:
    version = a_version(cast)
    an_environment(cast)
    report = {
        "model": version.model_id, "version": "1.0", "environment": "production",
        "artifact_sha256": "f" * 64, "decision": str(uuid.uuid4()),
    }  # fmt: skip
    answer = ci(cast).post("/api/v1/deployments/", report)
    assert answer.status_code == 201
    assert (answer.json()["gated"], answer.json()["decision"]) == (False, None)
    assert ci(cast).get("/api/v1/findings/").json()["results"][0]["kind"] == "hash-mismatch"


def test_a_finding_is_closed_or_accepted_by_people_who_may(cast: Cast) -> None:
    an_open_promotion(cast, passed=False)
    auc, ece = sorted(ci(cast).get("/api/v1/findings/").json()["results"], key=lambda row: row["title"])
    address = "/api/v1/findings/{}/{}/".format
    with nothing_written():
        refused(ci(cast).post(address(auc["id"], "close"), {"statement": "Fine."}), 403, "session-required")
        refused(person(cast.ada).post(address(auc["id"], "close"), {"statement": "Fine."}), 403, "role-missing")
        refused(person(cast.vera).post(address(auc["id"], "close"), {"statement": " "}), 422, "text-empty")
        past = {"statement": "For a while.", "until": "2001-01-01T00:00:00Z"}
        refused(person(cast.ravi).post(address(ece["id"], "accept"), past), 422, "date-in-the-past")
        for wrong in (
            "2030-01-01",
            "2030-01-01T00:00:00",
            "9999-12-31T23:59:59-12:00",
            1,
            None,
            "2030-06-30T23:59:60Z",
        ):
            response = person(cast.ravi).post(address(ece["id"], "accept"), past | {"until": wrong})
            refused(response, 422, "invalid-body")
    closed = person(cast.vera).post(address(auc["id"], "close"), {"statement": "Measured wrongly."}).json()
    assert (closed["state"], closed["resolved_by"], closed["resolution"]) == ("closed", "vera", "Measured wrongly.")
    day = database_now().date() + timedelta(days=90)
    until = {"statement": "For a quarter.", "until": f"{day}T12:00:00+02:00"}
    accepted = person(cast.ravi).post(address(ece["id"], "accept"), until).json()
    assert (accepted["state"], accepted["accepted_until"]) == ("accepted", f"{day}T10:00:00Z")


def test_the_approved_cast_is_allowed_again_with_a_new_nonce(cast: Cast) -> None:
    request = an_approved_promotion(cast)
    a_checkpoint()
    asked = {"artifact_sha256": request.version.model_artifact().artifact_id, "environment": "production"}
    answers = [ci(cast).post(GATE, asked | {"nonce": f"nonce-100{n}"}).json() for n in range(2)]
    assert [answer["decision"] for answer in answers] == ["allow", "allow"]
    assert len({answer["attestation"]["payload"] for answer in answers}) == 2
