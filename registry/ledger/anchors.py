"""Which checkpoints are kept outside the database, and does the ledger still agree with them?"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import router
from django.db.models import Subquery

from registry.errors import DomainError
from registry.ledger import nodes, signing, tree
from registry.ledger.checkpoint import Checkpoint, NoteInvalid, epoch_of, parse
from registry.ledger.clock import database_now
from registry.ledger.faults import AnchorDown, LedgerFault
from registry.ledger.models import LedgerAnchor, LedgerCheckpoint, LedgerEvent, LedgerLeaf, LedgerPending
from registry.ledger.places.contract import Anchor
from registry.ledger.places.file import FileAnchor, notes_in
from registry.ledger.plain import instant_text
from registry.ledger.succession import Succession

__all__ = ["FileAnchor", "notes_in"]

MISSING = "anchors-missing"
"""The code of health when the ledger is sound and fewer anchors than needed cover it in time."""

log = logging.getLogger("cadastre.ledger")
_seen: dict[str, str] = {}
"""The newest note that this process has read back from each remote anchor, by the anchor's kind."""


def configured() -> FileAnchor:
    """Return the file anchor of this installation, which every process can read at once."""
    return FileAnchor(Path(settings.LEDGER_ANCHOR_DIR))


def places() -> list[Anchor]:
    """Return every anchor of this installation; the file is always one of them."""
    found: list[Anchor] = [configured()]
    if settings.TIMESTAMP_URL:
        from registry.ledger.places.timestamp import TimestampAnchor

        roots = Path(settings.TIMESTAMP_ROOTS)
        found.append(TimestampAnchor(settings.TIMESTAMP_URL, roots, seconds=settings.LEDGER_ANCHOR_TIMEOUT_SECONDS))
    if settings.OBJECT_LOCK_BUCKET:
        from registry.ledger.places.object_lock import ObjectLockAnchor

        found.append(
            ObjectLockAnchor(
                settings.OBJECT_LOCK_BUCKET,
                register=str(settings.REGISTER_NAME),
                prefix=settings.OBJECT_LOCK_PREFIX,
                days=settings.OBJECT_LOCK_RETENTION_DAYS,
                endpoint=settings.OBJECT_LOCK_ENDPOINT or None,
                region=settings.OBJECT_LOCK_REGION or None,
                seconds=settings.LEDGER_ANCHOR_TIMEOUT_SECONDS,
            )
        )
    return found


def remember(kind: str, note: str | None) -> None:
    """Keep in mind what a remote anchor gave back, so that the ledger is judged by it without asking it again."""
    if note is None:
        _seen.pop(kind, None)
    else:
        _seen[kind] = note


def outside_notes() -> Iterator[tuple[str, str]]:
    """Yield kind and newest note of each anchor that is known here. A file that cannot be read now is passed over."""
    place = configured()
    try:
        note = place.newest()
    except AnchorDown as error:
        log.warning("%s", error.message)
    else:
        if note is not None:
            yield place.slug, note
    yield from list(_seen.items())


def refuse_if_forked(using: str, *, thorough: bool = False, chain: Succession | None = None) -> Checkpoint | None:
    """Return what the anchor file covers; LedgerFault when the tree does not extend a checkpoint kept outside.

    Unless ``thorough``, it is enough that the very note is among the kept checkpoints, which is one row to read;
    otherwise its signature is checked, and the root is worked out from the stored leaves and nodes.
    """
    covered: Checkpoint | None = None
    for kind, note in outside_notes():
        judged = None if thorough else _kept(note, using)
        if judged is None:
            chain = chain or signing.own_succession(using)
            judged = judge(note, chain, using)
        if kind == FileAnchor.slug:
            covered = judged
    return covered


def _kept(note: str, using: str) -> Checkpoint | None:
    """Return what ``note`` states when it is, letter by letter, a checkpoint of this database."""
    try:
        stated = parse(note)
    except NoteInvalid:
        return None
    row = LedgerCheckpoint.objects.using(using).filter(size=stated.size).first()
    return stated if row is not None and row.note == note else None


def judge(note: str, chain: Succession, using: str) -> Checkpoint:
    """Return up to where ``note`` shows the tree covered; LedgerFault when the tree does not extend it."""
    foreign = ""
    try:
        stated = chain.read(note)
    except NoteInvalid as error:
        foreign = f"An anchored checkpoint does not stand: {error}."
        try:
            stated = signing.read_by_any_key(note, chain)
        except NoteInvalid:
            raise LedgerFault("anchor-damaged", foreign) from error
    if not foreign and (given_up := chain.gave_up(stated)) is not None:
        return Checkpoint(chain.name, given_up.kept_size, b"")
    _refuse_behind(stated, chain, using)
    if foreign:
        raise LedgerFault("anchor-damaged", foreign)
    return stated


def _refuse_behind(stated: Checkpoint, chain: Succession, using: str) -> None:
    epoch = epoch_of(stated.origin, chain.name) or 1
    if epoch > chain.epoch:
        message = f"The ledger is in epoch {chain.epoch}, but a checkpoint of epoch {epoch} was anchored: it is older."
        raise LedgerFault("ledger-rolled-back", message)
    size = leaf_count(using)
    if size < stated.size:
        message = (
            f"The ledger has {size} entries, but a checkpoint over {stated.size} was anchored: it was rolled back."
        )
        raise LedgerFault("ledger-rolled-back", message)
    if root_at(stated.size, using) != stated.root:
        message = (
            f"The first {stated.size} entries are not those that were anchored: the ledger was forked or rewritten."
        )
        raise LedgerFault("ledger-forked", message)


def root_at(size: int, using: str) -> bytes:
    """Return the root over the first ``size`` entries as they are stored; LedgerFault when the tree has a gap."""
    try:
        return tree.root_at(size, nodes.stored_nodes(using))
    except nodes.NodeMissing as error:
        raise LedgerFault("ledger-damaged", f"The tree has a gap: {error}.") from error


def anchor_latest() -> int:
    """Keep the newest checkpoint in the anchor file unless it is there already; return the size that it now covers.

    Never asks a remote anchor. Raises LedgerFault when the ledger does not extend what was anchored, and AnchorDown
    when the file cannot be written, or is gone though the ledger knows that it held checkpoints.
    """
    using = router.db_for_write(LedgerEvent)
    anchored = refuse_if_forked(using)
    covered = anchored.size if anchored else 0
    head = LedgerCheckpoint.objects.using(using).order_by("-size").first()
    if head is None or head.size <= covered:
        return covered
    place = configured()
    if not place.path.exists() and LedgerAnchor.objects.using(using).filter(kind=place.slug).exists():
        told = "the file that held checkpoints is gone. Bring it back, or put an empty one in its place to begin anew."
        raise AnchorDown(place.slug, told)
    place.keep(head.note, instant=instant_text(database_now(using)))
    return int(head.size)


@dataclass(frozen=True)
class Coverage:
    """How far one anchor covers the ledger, for how long an event has waited for it, and what is wrong with it now."""

    kind: str
    size: int
    waiting_seconds: int
    fault: str = ""


@dataclass(frozen=True)
class Health:
    """Whether the ledger is covered by its anchors, how far, and since when not. ``reason`` is empty when healthy.

    ``newest_size`` and ``oldest_uncovered_seconds`` are those of the anchor that covers most; ``needed`` is how many
    anchors must cover the ledger in time where a policy says nothing else.
    """

    healthy: bool
    newest_size: int
    ledger_size: int
    pending: int
    oldest_uncovered_seconds: int
    reason: str
    code: str = ""
    needed: int = 1
    coverage: tuple[Coverage, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for JSON."""
        return asdict(self)


def health() -> Health:
    """Measure how well the ledger is anchored; never raises for a fault of ledger or anchor, but says it in ``reason``.

    Unhealthy means that the gate denies: the ledger does not extend its anchors, or fewer of them than needed cover
    every event that is older than ``LEDGER_ANCHOR_GRACE_SECONDS``. No remote anchor is asked: its receipts are counted.
    """
    using = router.db_for_write(LedgerEvent)
    size = leaf_count(using)
    pending = LedgerPending.objects.using(using).count()
    covered, code, reason = 0, "", ""
    try:
        anchored = refuse_if_forked(using, thorough=True)
        covered = anchored.size if anchored else 0
    except DomainError as error:
        code, reason = error.code, error.message
    found = tuple(_coverage(place, covered, using) for place in places())
    needed = settings.LEDGER_ANCHORS_NEEDED or len(found)
    if not reason:
        reason = shortfall(found, needed=needed, seconds=settings.LEDGER_ANCHOR_GRACE_SECONDS)
        code = MISSING if reason else ""
    newest = max(one.size for one in found)
    waiting = min(one.waiting_seconds for one in found)
    return Health(not reason, newest, size, pending, waiting, reason, code, needed, found)


def shortfall(found: tuple[Coverage, ...], *, needed: int, seconds: int) -> str:
    """Return why fewer than ``needed`` anchors cover every event older than ``seconds``; empty when enough do."""
    late = [one for one in found if one.waiting_seconds > seconds]
    if len(found) < needed:
        kinds = ", ".join(one.kind for one in found)
        return f"{needed} kinds of anchor are needed and {len(found)} are configured: {kinds}."
    if len(found) - len(late) >= needed:
        return ""
    told = [
        f"An event has waited {one.waiting_seconds} seconds for the anchor {one.kind}; {seconds} are allowed."
        + (f" {one.fault}" if one.fault else "")
        for one in late
    ]
    return " ".join(told)


def _coverage(place: Anchor, in_file: int, using: str) -> Coverage:
    fault, covered = "", in_file
    if not isinstance(place, FileAnchor):
        covered = receipted(place.slug, using)
    else:
        try:
            place.newest()
        except AnchorDown as error:
            fault, covered = error.message, receipted(place.slug, using)
        except LedgerFault as error:
            fault, covered = error.message, 0
    return Coverage(place.slug, covered, _oldest_uncovered_seconds(using, covered), fault)


def receipted(kind: str, using: str) -> int:
    """Return the largest size for which an anchor of this kind has given a receipt."""
    row = LedgerAnchor.objects.using(using).filter(kind=kind).order_by("-size").first()
    return int(row.size) if row else 0


def leaf_count(using: str) -> int:
    """Return how many leaves the tree has, by its last index."""
    last = LedgerLeaf.objects.using(using).order_by("-index").values_list("index", flat=True).first()
    return 0 if last is None else int(last) + 1


def _oldest_uncovered_seconds(using: str, covered: int) -> int:
    leaves = LedgerLeaf.objects.using(using).filter(index__gte=covered).order_by("index").values("event_id")
    pending = LedgerPending.objects.using(using).order_by("event_id").values("event_id")
    events = LedgerEvent.objects.using(using).order_by().values_list("instant", flat=True)
    waiting = [events.filter(id=Subquery(first[:1])) for first in (leaves, pending)]
    oldest = min(waiting[0].union(waiting[1], all=True), default=None)
    return max(0, int((database_now(using) - oldest).total_seconds())) if oldest else 0
