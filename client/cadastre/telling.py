"""What does a pipeline tell the service? What it built, what it wants promoted, what it deployed."""

from __future__ import annotations

import argparse
import functools
import hashlib

from cadastre import registration, session, waiting
from cadastre.outcomes import ALLOWED, Undecided
from cadastre.plain import plain
from cadastre.service import Service, identifier, sha256_of, write_file

say = functools.partial(print, flush=True)


def register(given: argparse.Namespace) -> int:
    """Register what the registration file names."""
    manifest = registration.read_manifest(str(given.manifest))
    answer = registration.register(
        session.service(given), manifest, folder=given.manifest.parent, version=given.model_version, say=say
    )
    session.save_json(given.json, answer)
    if answer.get("validation"):
        say(f"validation {identifier(answer, 'validation')}")
    return ALLOWED


def promote(given: argparse.Namespace) -> int:
    """Open a promotion request and print its id."""
    answer = session.service(given).promote(given.model, given.version, given.environment, given.statement)
    session.save_json(given.json, answer)
    say(f"promotion {identifier(answer)} {plain(answer.get('state'))}")
    if answer.get("validation"):
        say(f"validation {identifier(answer, 'validation')}")
    return ALLOWED


def deployed(given: argparse.Namespace) -> int:
    """Report a deployment: what really happened, allowed or not."""
    digest, _length = sha256_of(given.file)
    report = {
        "model": given.model,
        "version": given.version,
        "environment": given.environment,
        "artifact_sha256": digest,
        "decision": given.decision,
    }
    answer = session.service(given).deployed(report)
    session.save_json(given.json, answer)
    say(f"deployment {identifier(answer)} of sha256:{digest} in {plain(given.environment)}")
    return ALLOWED


def dossier(given: argparse.Namespace) -> int:
    """Have a dossier issued, wait for it and write its PDF."""
    service = session.service(given)
    kind = given.kind or ("full" if given.compared_with is None else "differences")
    issued = service.issue_dossier(given.model, given.version, kind, given.compared_with)
    _fetch(service, given, identifier(issued))
    return ALLOWED


def portfolio(given: argparse.Namespace) -> int:
    """Have the report on the whole register issued, wait for it and write its PDF."""
    service = session.service(given)
    _fetch(service, given, identifier(service.issue_portfolio_report(given.language, given.as_of)))
    return ALLOWED


def _fetch(service: Service, given: argparse.Namespace, issued: str) -> None:
    answer = waiting.until(
        lambda: service.dossier(issued),
        done=frozenset({"issued"}),
        broken=frozenset({"error"}),
        timeout=given.patience,
        interval=given.interval,
        say=say,
    )
    data = service.dossier_pdf(issued)
    digest = hashlib.sha256(data).hexdigest()
    if answer.get("sha256") not in (None, "", digest):
        raise Undecided("the PDF is not the one the service says it issued")
    write_file(given.output, data)
    say(f"dossier {issued}: {given.output}, {len(data)} bytes, sha256:{digest}")
