"""How is a dossier asked for and issued? Facts are stored first; the PDF is made from the stored facts alone."""

from __future__ import annotations

import json
import logging
from datetime import timedelta

from django.db import DEFAULT_DB_ALIAS, transaction

from audits.actions.evidence import read_evidence, store_evidence, store_json
from audits.models import Dossier, Evidence
from registry.actions.inventory import require_role
from registry.digests import canonical_json
from registry.errors import DomainError
from registry.ledger.anchoring import DOSSIER, keep_receipt
from registry.ledger.append import append, declare_action
from registry.ledger.clock import database_now
from registry.ledger.context import ActContext, acting
from registry.ledger.heads import record_heads
from registry.ledger.plain import instant_text
from registry.ledger.proofs import latest_checkpoint
from registry.ledger.sequencer import sequence_all
from registry.ledger.snapshot import snapshot
from registry.models import Model, ModelVersion, Role, User

declare_action("dossier.requested", "A dossier was asked for.")
declare_action("dossier.issued", "A dossier was issued.")
declare_action("dossier.failed", "A dossier could not be built.")

log = logging.getLogger("cadastre.dossiers")
READERS = (Role.AUDITOR, Role.RISK_MANAGER, Role.VALIDATOR, Role.APPROVER, Role.OWNER, Role.DEVELOPER, Role.CI)
State = Dossier.State


@transaction.atomic
def request_dossier(version: ModelVersion, *, actor: User) -> tuple[Dossier, bool]:
    """Ask for the dossier of a version as of now; built by a worker. One that is queued already is the same row."""
    require_role(actor, *READERS)
    Model.objects.select_for_update().get(pk=version.model_id)
    queued = Dossier.objects.filter(version=version, state=State.QUEUED, requested_by=actor).first()
    if queued is not None:
        return queued, False
    now = database_now()
    row = Dossier.objects.create(version=version, as_of=now, requested_by=actor, requested_at=now)
    append("dossier.requested", row, actor=actor)
    transaction.on_commit(lambda: _wake(row))
    return row, True


def build_dossier(dossier_id: str) -> Dossier:
    """Build a queued dossier; one that is over is left as it is. A failure is recorded with its code."""
    dossier = Dossier.objects.select_related("version__model", "requested_by").get(pk=dossier_id)
    if dossier.state != State.QUEUED:
        return dossier
    with acting(ActContext(request_id=f"dossier-{dossier_id}", authentication="task")):
        try:
            return _build(dossier)
        except DomainError as error:
            return _fail(dossier, error)
        except Exception as error:
            log.exception("Dossier %s failed.", dossier_id)
            return _fail(dossier, DomainError("internal-error", f"The dossier failed with {type(error).__name__}."))


def render_again(dossier: Dossier) -> bytes:
    """Render an issued dossier anew from its stored facts: the same bytes, or ``bytes-altered``."""
    from audits.dossier.build import compose
    from audits.dossier.render import render

    if dossier.state != State.ISSUED:
        raise DomainError("dossier-not-issued", "The dossier has not been issued.", kind="conflict")
    return render(compose(json.loads(read_evidence(dossier.facts_sha256))))


def sweep() -> None:
    """Wake dossiers that were asked for a while ago and are still queued."""
    late = database_now() - timedelta(seconds=60)
    for row in Dossier.objects.filter(state=State.QUEUED, requested_at__lt=late).order_by("requested_at")[:50]:
        _wake(row)


def _wake(dossier: Dossier) -> None:
    from audits.tasks import issue_dossier, send

    send(issue_dossier, str(dossier.pk))


def _build(dossier: Dossier) -> Dossier:
    from audits.dossier.build import compose, gather_facts
    from audits.dossier.render import render

    sequence_all()
    record_heads(actor=dossier.requested_by)  # so that its bundle can show that it leaves no newest event out
    sequence_all()
    with snapshot(DEFAULT_DB_ALIAS):  # the facts and the checkpoint that covers them are of one state
        newest = latest_checkpoint()
        version = ModelVersion.objects.select_related("model").get(pk=dossier.version_id)
        facts = gather_facts(version, dossier.as_of)
    facts["dossier"] = {
        "id": str(dossier.pk),
        "as_of": instant_text(dossier.as_of),
        "requested_by": str(dossier.requested_by_id),
        "requested_by_name": str(dossier.requested_by),
        "checkpoint": newest.note if newest else "",
        "checkpoint_size": newest.size if newest else 0,
    }
    stored = store_json(facts, kind=Evidence.Kind.DOSSIER_FACTS)
    pdf = store_evidence(
        render(compose(json.loads(canonical_json(facts)))),
        kind=Evidence.Kind.DOSSIER_PDF,
        media_type="application/pdf",
    )
    return _issue(dossier, facts_sha256=stored.sha256, pdf_sha256=pdf.sha256, checkpoint=newest.note if newest else "")


@transaction.atomic
def _issue(dossier: Dossier, *, facts_sha256: str, pdf_sha256: str, checkpoint: str) -> Dossier:
    earlier = (
        Dossier.objects.filter(version=dossier.version, state=State.ISSUED, as_of__lt=dossier.as_of)
        .order_by("-as_of")
        .first()
    )
    moved = Dossier.objects.filter(pk=dossier.pk, state=State.QUEUED).update(
        state=State.ISSUED,
        facts_sha256=facts_sha256,
        pdf_sha256=pdf_sha256,
        checkpoint=checkpoint,
        supersedes=earlier,
        issued_at=database_now(),
    )
    dossier.refresh_from_db()
    if moved == 1:
        append("dossier.issued", dossier, actor=dossier.requested_by)
        if checkpoint:
            receipt = {"dossier": str(dossier.pk), "pdf_sha256": pdf_sha256}
            keep_receipt(DOSSIER, checkpoint, receipt, reference=str(dossier.pk))
    return dossier


@transaction.atomic
def _fail(dossier: Dossier, error: DomainError) -> Dossier:
    failure = {"code": error.code, "message": error.message[:2000]}
    moved = Dossier.objects.filter(pk=dossier.pk, state=State.QUEUED).update(state=State.ERROR, failure=failure)
    dossier.refresh_from_db()
    if moved == 1:
        append("dossier.failed", dossier, actor=dossier.requested_by)
    return dossier
