"""How is a dossier asked for and issued? Facts are stored first; the PDF is made from the stored facts alone."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, transaction
from django.db.models import F

from audits.actions.evidence import read_evidence, store_evidence
from audits.dossier.kind import FULL, KINDS, is_of_register
from audits.models import Dossier, Evidence
from registry.actions.inventory import require_role
from registry.digests import canonical_json, sha256_hex
from registry.errors import DomainError
from registry.ledger.anchoring import DOSSIER, keep_receipt
from registry.ledger.append import append, declare_action
from registry.ledger.clock import database_now
from registry.ledger.context import ActContext, acting
from registry.ledger.heads import record_heads
from registry.ledger.past import first_instant
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
READERS_OF_ALL = (Role.RISK_MANAGER, Role.AUDITOR, Role.CI)
MOST_ATTEMPTS = 3
State = Dossier.State


@transaction.atomic
def request_dossier(
    version: ModelVersion,
    *,
    actor: User,
    kind: str = Dossier.Kind.FULL,
    language: str = "en",
    as_of: datetime | None = None,
    compared_with: ModelVersion | None = None,
) -> tuple[Dossier, bool]:
    """Ask for a dossier of a version, as of now unless an earlier instant is given; built by a worker.

    One of the same kind, language and instant that the actor has queued already is the same row (then False is
    returned beside it). Raises DomainError ``unknown-dossier-kind``, ``dossier-of-the-register``, ``unknown-language``,
    ``as-of-in-the-future``, ``version-not-there-yet``, ``nothing-to-compare`` and ``not-comparable``.
    """
    require_role(actor, *READERS)
    Model.objects.select_for_update().get(pk=version.model_id)
    now = database_now()
    _refuse_words(kind, language)
    if is_of_register(kind):
        raise DomainError("dossier-of-the-register", "This kind is about the whole register.", field="version")
    _refuse_instant(version, as_of, now)
    _refuse_comparison(version, kind, compared_with, as_of or now)
    wanted = {"version": version, "kind": kind, "language": language, "compared_with": compared_with}
    return _queued(wanted, actor=actor, as_of=as_of, now=now)


@transaction.atomic
def request_register_report(
    *, actor: User, kind: str = Dossier.Kind.PORTFOLIO, language: str = "en", as_of: datetime | None = None
) -> tuple[Dossier, bool]:
    """Ask for a report on the whole register, as of now unless an earlier instant is given; built by a worker.

    Raises DomainError ``role-missing``, ``unknown-dossier-kind``, ``dossier-of-a-version``, ``unknown-language``,
    ``as-of-in-the-future`` and ``as-of-before-the-register``.
    """
    require_role(actor, *READERS_OF_ALL)
    User.objects.select_for_update().get(pk=actor.pk)
    now = database_now()
    _refuse_words(kind, language)
    if not is_of_register(kind):
        raise DomainError("dossier-of-a-version", "This kind is about one version; name it.", field="version")
    if as_of is not None and as_of > now:
        raise DomainError("as-of-in-the-future", "A dossier shows what was recorded up to an instant.", field="as_of")
    first = first_instant()
    if first is None or (as_of or now) < first:
        message = "The register knows nothing from before its first entry."
        raise DomainError("as-of-before-the-register", message, field="as_of")
    wanted = {"version": None, "kind": kind, "language": language, "compared_with": None}
    return _queued(wanted, actor=actor, as_of=as_of, now=now)


def _queued(wanted: dict[str, Any], *, actor: User, as_of: datetime | None, now: datetime) -> tuple[Dossier, bool]:
    queued = Dossier.objects.filter(**wanted, state=State.QUEUED, requested_by=actor)
    found = (queued.filter(as_of=as_of) if as_of else queued.filter(as_of=F("requested_at"))).first()
    if found is not None:
        return found, False
    row = Dossier.objects.create(**wanted, as_of=as_of or now, requested_by=actor, requested_at=now)
    append("dossier.requested", row, actor=actor)
    transaction.on_commit(lambda: _wake(row))
    return row, True


def _refuse_words(kind: str, language: str) -> None:
    if kind != FULL and kind not in KINDS:
        raise DomainError("unknown-dossier-kind", f"There is no dossier of the kind {kind!r}.", field="kind")
    if language not in dict(settings.LANGUAGES):
        raise DomainError("unknown-language", f"There is no dossier in the language {language!r}.", field="language")


def _refuse_instant(version: ModelVersion, as_of: datetime | None, now: datetime) -> None:
    if as_of is not None and as_of > now:
        raise DomainError("as-of-in-the-future", "A dossier shows what was recorded up to an instant.", field="as_of")
    if version.registered_at > (as_of or now):
        raise DomainError("version-not-there-yet", "The version was not registered at that instant.", field="as_of")


def _refuse_comparison(version: ModelVersion, kind: str, other: ModelVersion | None, instant: datetime) -> None:
    compares = kind != FULL and KINDS.get(kind).compares
    if compares and other is None:
        raise DomainError("nothing-to-compare", "Name the version to compare with.", field="compared_with")
    if other is None:
        return
    if not compares:
        message = "Only a report on differences compares with another version."
        raise DomainError("not-comparable", message, field="compared_with")
    if other.pk == version.pk or other.model_id != version.model_id or other.registered_at > instant:
        message = "The version to compare with is another one of the same model, registered by that instant."
        raise DomainError("not-comparable", message, field="compared_with")


def build_dossier(dossier_id: str) -> Dossier:
    """Build a queued dossier; one that is over is left as it is. A failure is recorded with its code."""
    dossier = Dossier.objects.select_related("version__model", "compared_with__model", "requested_by").get(
        pk=dossier_id
    )
    if dossier.state != State.QUEUED:
        return dossier
    with acting(ActContext(request_id=f"dossier-{dossier_id}", authentication="task")):
        if not _counted(dossier):
            message = f"{MOST_ATTEMPTS} workers were lost while they built it."
            return _fail(dossier, DomainError("dossier-quarantined", message))
        try:
            return _build(dossier)
        except DomainError as error:
            return _fail(dossier, error)
        except Exception as error:
            log.exception("Dossier %s failed.", dossier_id)
            return _fail(dossier, DomainError("internal-error", f"The dossier failed with {type(error).__name__}."))


def render_again(dossier: Dossier) -> bytes:
    """Render an issued dossier anew from its stored facts: the bytes that were signed, without the signature.

    Raises DomainError ``dossier-not-issued``, and ``bytes-altered`` when the stored facts are not those of the dossier.
    """
    from audits.dossier.build import document_and_pdf

    if dossier.state != State.ISSUED:
        raise DomainError("dossier-not-issued", "The dossier has not been issued.", kind="conflict")
    _document, pdf = document_and_pdf(read_evidence(dossier.facts_sha256))
    return pdf


def _counted(dossier: Dossier) -> bool:
    """Count one more attempt; False when so many workers were lost that none shall be tried again."""
    dossier.refresh_from_db(fields=["attempts"])
    if dossier.attempts >= MOST_ATTEMPTS:
        return False
    Dossier.objects.filter(pk=dossier.pk, state=State.QUEUED).update(attempts=F("attempts") + 1)
    return True


def _progress(dossier: Dossier, percent: int) -> None:
    Dossier.objects.filter(pk=dossier.pk, state=State.QUEUED).update(progress=percent)


def sweep() -> None:
    """Wake dossiers that were asked for a while ago and are still queued."""
    late = database_now() - timedelta(seconds=60)
    for row in Dossier.objects.filter(state=State.QUEUED, requested_at__lt=late).order_by("requested_at")[:50]:
        _wake(row)


def _wake(dossier: Dossier) -> None:
    from audits.tasks import issue_dossier, send

    send(issue_dossier, str(dossier.pk))


def _build(dossier: Dossier) -> Dossier:
    from audits.dossier.build import document_and_pdf, gather_facts, gather_register_facts
    from audits.dossier.sign import sign

    _progress(dossier, 5)
    sequence_all()
    record_heads(actor=dossier.requested_by)  # so that its bundle can show that it leaves no newest event out
    sequence_all()
    with snapshot(DEFAULT_DB_ALIAS):  # the facts and the checkpoint that covers them are of one state
        newest = latest_checkpoint()
        if dossier.version is None:
            facts = gather_register_facts(dossier.as_of, kind=dossier.kind, language=dossier.language)
        else:
            version = ModelVersion.objects.select_related("model").get(pk=dossier.version.pk)
            facts = gather_facts(
                version,
                dossier.as_of,
                language=dossier.language,
                kind=dossier.kind,
                compared_with=dossier.compared_with,
            )
    _progress(dossier, 50)
    asked_by = {"requested_by": str(dossier.requested_by_id), "requested_by_name": str(dossier.requested_by)}
    facts["dossier"] = {
        "id": str(dossier.pk),
        "kind": dossier.kind,
        "as_of": instant_text(dossier.as_of),
        **({} if _is_public(dossier.kind) else asked_by),
        "checkpoint": newest.note if newest else "",
        "checkpoint_size": newest.size if newest else 0,
        "verification": f"{settings.PUBLIC_URL.rstrip('/')}/verify/",
    }
    content = canonical_json(facts)
    document, pdf = document_and_pdf(content)
    _progress(dossier, 85)
    signed = sign(pdf)
    stored = store_evidence(content, kind=Evidence.Kind.DOSSIER_FACTS, media_type="application/json")
    kept = store_evidence(signed, kind=Evidence.Kind.DOSSIER_PDF, media_type="application/pdf")
    return _issue(
        dossier,
        facts_sha256=stored.sha256,
        content_digest=document.digest(),
        document_sha256=sha256_hex(pdf),
        pdf_sha256=kept.sha256,
        checkpoint=newest.note if newest else "",
    )


def _is_public(kind: str) -> bool:
    return kind != FULL and KINDS.get(kind).public


@transaction.atomic
def _issue(dossier: Dossier, **digests: str) -> Dossier:
    same = Dossier.objects.filter(
        version=dossier.version,
        kind=dossier.kind,
        language=dossier.language,
        compared_with=dossier.compared_with,
    )
    earlier = same.filter(state=State.ISSUED, as_of__lt=dossier.as_of).order_by("-as_of").first()
    moved = Dossier.objects.filter(pk=dossier.pk, state=State.QUEUED).update(
        state=State.ISSUED, progress=100, supersedes=earlier, issued_at=database_now(), **digests
    )
    dossier.refresh_from_db()
    if moved == 1:
        append("dossier.issued", dossier, actor=dossier.requested_by)
        if dossier.checkpoint:
            receipt = {"dossier": str(dossier.pk), "pdf_sha256": dossier.pdf_sha256}
            keep_receipt(DOSSIER, dossier.checkpoint, receipt, reference=str(dossier.pk))
    return dossier


@transaction.atomic
def _fail(dossier: Dossier, error: DomainError) -> Dossier:
    failure = {"code": error.code, "message": error.message[:2000]}
    moved = Dossier.objects.filter(pk=dossier.pk, state=State.QUEUED).update(state=State.ERROR, failure=failure)
    dossier.refresh_from_db()
    if moved == 1:
        append("dossier.failed", dossier, actor=dossier.requested_by)
    return dossier
