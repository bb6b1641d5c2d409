"""What does a pipeline ask? Is validation done, may these bytes go there, and is this attestation true."""

from __future__ import annotations

import argparse
import functools
import json
from datetime import datetime, timezone
from typing import Any

from cadastre import attestation, bundle, session, waiting
from cadastre import gate as the_gate
from cadastre.outcomes import ALLOWED, DENIED, Ending, Undecided, WrongInput
from cadastre.plain import plain
from cadastre.service import identifier, sha256_of, write_file

say = functools.partial(print, flush=True)
RESULT_STATES = frozenset({"met", "not_met", "insufficient", "error"})


def wait(given: argparse.Namespace) -> int:
    """Wait for validation, print every result that is not met, and return 1 if a blocking one is among them."""
    service = session.service(given)
    session.remove_stale(given.json)
    run_id = given.validation or identifier(service.promotion(given.promotion), "validation")
    run = waiting.until(
        lambda: service.validation(run_id),
        done=frozenset({"concluded"}),
        broken=frozenset({"quarantined"}),
        timeout=given.patience,
        interval=given.interval,
        say=say,
    )
    session.save_json(given.json, run)
    results = _results(run)
    unmet = [one for one in results if one["status"] != "met"]
    for one in unmet:
        _print_reason(
            f"{plain(one.get('severity'))}  {plain(one.get('key'))} {plain(one['status']).replace('_', ' ')}", one
        )
    say(f"{len(results) - len(unmet)} of {len(results)} requirements met; outcome {plain(run.get('outcome'))}")
    against = run.get("outcome") != "passed" or any(one.get("severity") != "advisory" for one in unmet)
    return DENIED if against else ALLOWED


def gate(given: argparse.Namespace) -> int:
    """Ask the gate about a file, print the answer with its reasons, and return 0 for a verified allow only."""
    session.remove_stale(given.json, given.attestation)
    key = session.trusted_key(given)
    digest, _length = sha256_of(given.file)
    asked = {"artifact_sha256": digest, "environment": given.environment}
    try:
        service = session.service(given)
        verdict = the_gate.ask(service, artifact_sha256=digest, environment=given.environment, key=key)
    except Ending as ending:
        session.save_json(given.json, {**asked, "decision": "undecided", "verified": False, "problem": plain(ending)})
        raise
    session.save_json(given.json, {**verdict.answer, **asked, "verified": verdict.allow is not None})
    what = f"{plain(given.file)} (sha256:{digest})"
    if verdict.allow is None:
        count = f"{len(verdict.reasons)} reason{'' if len(verdict.reasons) == 1 else 's'}"
        say(f"DENIED: {what} may not go to {plain(given.environment)}. {count}:")
        for reason in verdict.reasons:
            clause = f"  [{reason['clause']}]" if reason["clause"] else ""
            _print_reason(f"{reason['control']}  {reason['text']}{clause}", reason)
        return DENIED
    if given.attestation:
        document = json.dumps(verdict.answer["attestation"], sort_keys=True, ensure_ascii=True)
        write_file(given.attestation, (document + "\n").encode("ascii"))
    allow = verdict.allow
    say(f"ALLOWED: {what}, {plain(allow.model)}/{plain(allow.version)}, may go to {plain(allow.environment)}")
    say(
        f"  decision {plain(allow.decision)}, until {allow.not_after:%Y-%m-%d %H:%M:%S} UTC, nonce {plain(allow.nonce)}"
    )
    return ALLOWED


def verify(given: argparse.Namespace) -> int:
    """Verify an attestation, the bundle of a dossier, or an export of the ledger, without the service."""
    if bundle.is_bundle(given.proof_of):
        if bundle.is_ledger(given.proof_of):
            report = bundle.verify_ledger(given.proof_of, given.key, given.checkpoint)
        else:
            report = bundle.verify(given.proof_of, given.key, given.checkpoint, given.proof)
        say(json.dumps(report.as_dict(), indent=1) if given.json else "\n".join(report.lines()))
        return report.code()
    if given.artifact is None or given.environment is None:
        raise WrongInput("an attestation is verified for a file and a place: --artifact FILE --environment NAME")
    key = session.trusted_key(given)
    digest, _length = sha256_of(given.artifact)
    envelope = attestation.read_envelope(given.proof_of)
    expected = attestation.Expected(digest, given.environment, given.nonce)
    allow = attestation.verify(envelope, key=key, expected=expected, now=datetime.now(timezone.utc))
    say(f"VERIFIED: sha256:{digest}, {plain(allow.model)}/{plain(allow.version)}, may go to {plain(allow.environment)}")
    say(f"  decision {plain(allow.decision)}, policy sha256:{allow.policy_digest}, signed with {key.key_id}")
    say(f"  until {allow.not_after:%Y-%m-%d %H:%M:%S} UTC, nonce {plain(allow.nonce)}")
    return ALLOWED


def _results(run: dict[str, Any]) -> list[dict[str, Any]]:
    found = run.get("results")
    if not isinstance(found, list) or not found:
        raise Undecided("the run has concluded without a single result")
    for one in found:
        if not isinstance(one, dict) or one.get("status") not in RESULT_STATES:
            raise Undecided(f"a result of the run cannot be read: {plain(one)}")
    return found


def _print_reason(head: str, reason: dict[str, Any]) -> None:
    say(f"- {head}")
    for name, label in (("observed", "observed"), ("required", "required"), ("mend", "to mend")):
        if text := plain(reason.get(name)):
            say(f"    {label + ':':<9} {text}")
