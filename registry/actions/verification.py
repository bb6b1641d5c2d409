"""How does somebody without rights on the machine have the whole ledger verified? They ask, a worker does it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from django.db import DatabaseError, connection, transaction
from django.db.models import F

from registry import texts
from registry.actions.inventory import require_role
from registry.errors import DomainError
from registry.ledger.append import append, declare_action
from registry.ledger.clock import database_now
from registry.ledger.context import ActContext, acting
from registry.ledger.proofs import latest_checkpoint
from registry.ledger.report import VerificationReport
from registry.ledger.verify import Say, verify_all
from registry.models import Role, User, Verification

REQUESTED = declare_action("verification.requested", "A verification of the ledger was asked for.", always=True)
ENDED = declare_action("verification.ended", "A verification of the ledger came to its end.", always=True)
MAY_VERIFY = (Role.AUDITOR, Role.RISK_MANAGER)
LONGEST_NOTE = 100_000
LONGEST_KEY = 1_000
MOST_ATTEMPTS = 3
SILENT = timedelta(minutes=2)
TELL_EVERY_SECONDS = 2.0
State = Verification.State

log = logging.getLogger("cadastre.verification")


@transaction.atomic
def request_verification(*, actor: User, kept_checkpoint: str = "", trusted_key: str = "") -> tuple[Verification, bool]:
    """Ask for the ledger to be verified, also while the register is read-only. Returns the row and whether it is new.

    ``kept_checkpoint`` is a signed note (or anything else that ``verify_ledger --anchors`` takes as a file), and
    ``trusted_key`` a verifier key of the register that the actor got elsewhere. While one of the actor's is under way,
    that one is returned. Raises ``role-missing`` and what ``texts`` refuses.
    """
    require_role(actor, *MAY_VERIFY)
    note = texts.prose(kept_checkpoint, field="kept_checkpoint", limit=LONGEST_NOTE)
    key = texts.line(trusted_key, field="trusted_key", limit=LONGEST_KEY, required=False)
    User.objects.select_for_update(no_key=True).get(pk=actor.pk)
    under_way = Verification.objects.filter(requested_by=actor, state__in=[State.QUEUED, State.RUNNING]).first()
    if under_way is not None:
        return under_way, False
    row = Verification.objects.create(
        requested_by=actor,
        requested_at=database_now(),
        kept_checkpoint=f"{note}\n" if note else "",  # a signed note ends with a new line, which the form took away
        trusted_key=key,
    )
    append(REQUESTED, row, actor=actor)
    transaction.on_commit(lambda: _wake(row))
    return row, True


def carry_out(verification_id: str, *, tell: bool = False) -> Verification:
    """Verify for a queued row; one that is over or that another worker has is left as it is.

    With ``tell`` the percentage done is written by a thread with a connection of its own: the verification itself reads
    one state of the database from beginning to end, in which nothing can be written.
    """
    moved = Verification.objects.filter(pk=verification_id, state=State.QUEUED).update(
        state=State.RUNNING, attempts=F("attempts") + 1, alive_at=database_now(), progress=0
    )
    row = Verification.objects.select_related("requested_by").get(pk=verification_id)
    if moved != 1:
        return row
    with acting(ActContext(request_id=f"verify-{verification_id}", authentication="task")):
        try:
            newest = latest_checkpoint()
            row.checkpoint = newest.note if newest else ""
            with _telling(row) if tell else _silent() as say:
                return _conclude(row, _verified(row, say))
        except DomainError as error:
            return _fail(row, error)
        except (DatabaseError, OSError) as error:
            log.exception("Verification %s failed.", verification_id)
            return _fail(row, DomainError("ledger-unreadable", f"The ledger cannot be read: {type(error).__name__}."))


def sweep_verifications() -> None:
    """Wake what nobody took, and queue again what a lost worker left; set aside what lost too many."""
    now = database_now()
    silent = Verification.objects.filter(state=State.RUNNING, alive_at__lt=now - SILENT)
    for row in silent.filter(attempts__gte=MOST_ATTEMPTS).select_related("requested_by"):
        _fail(row, DomainError("verification-quarantined", f"{MOST_ATTEMPTS} workers were lost while they verified."))
    silent.filter(attempts__lt=MOST_ATTEMPTS).update(state=State.QUEUED, alive_at=now)
    for row in Verification.objects.filter(state=State.QUEUED, requested_at__lt=now - timedelta(seconds=30))[:20]:
        _wake(row)


def _verified(row: Verification, say: Say) -> VerificationReport:
    with TemporaryDirectory(prefix="verification-") as folder:
        note, key = Path(folder) / "checkpoint.txt", Path(folder) / "trusted-key.pub"
        note.write_text(row.kept_checkpoint, encoding="utf-8")
        key.write_text(row.trusted_key, encoding="utf-8")
        return verify_all(
            anchor_path=note if row.kept_checkpoint else None, key_path=key if row.trusted_key else None, say=say
        )


@transaction.atomic
def _conclude(row: Verification, report: VerificationReport) -> Verification:
    found = report.as_dict()
    return _ended(
        row,
        state=State.CONCLUDED,
        progress=100,
        verdict=found["verdict"],
        size=report.size,
        root=report.root,
        checkpoint=row.checkpoint,
        report=found,
    )


@transaction.atomic
def _fail(row: Verification, error: DomainError) -> Verification:
    return _ended(row, state=State.ERROR, failure={"code": error.code, "message": error.message[:2000]})


def _ended(row: Verification, **values: object) -> Verification:
    """End a running row, unless it was given to another worker meanwhile."""
    mine = Verification.objects.filter(pk=row.pk, state=State.RUNNING, attempts=row.attempts)
    moved = mine.update(ended_at=database_now(), **values)
    row.refresh_from_db()
    if moved == 1:
        append(ENDED, row, actor=row.requested_by)
    return row


@contextmanager
def _silent() -> Iterator[Say]:
    yield lambda _percent: None


@contextmanager
def _telling(row: Verification) -> Iterator[Say]:
    over, reached = threading.Event(), [0]

    def tell() -> None:
        try:
            while not over.wait(TELL_EVERY_SECONDS):
                mine = Verification.objects.filter(pk=row.pk, state=State.RUNNING, attempts=row.attempts)
                mine.update(progress=reached[0], alive_at=database_now())
        except DatabaseError as error:  # then nobody hears of it for a while; the verification itself goes on
            log.warning("How far verification %s is could not be written: %s", row.pk, error)
        finally:
            connection.close()

    def say(percent: int) -> None:
        reached[0] = min(99, percent)

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield say
    finally:
        over.set()
        teller.join()


def _wake(row: Verification) -> None:
    from registry.tasks import send, verify_ledger

    send(verify_ledger, str(row.pk))
