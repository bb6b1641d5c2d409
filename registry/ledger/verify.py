"""Is the whole ledger as it was written? Every byte, leaf, root, signature, anchor, chain, trigger, and the tables."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.conf import settings
from django.db import connections, router

from registry.errors import DomainError
from registry.ledger import anchors, heads, keys, replay, tree, triggers
from registry.ledger.checkpoint import Checkpoint, NoteInvalid, parse, parse_verifier_key, verify_note
from registry.ledger.event import BodyInvalid, read
from registry.ledger.faults import LedgerFault
from registry.ledger.models import LedgerCheckpoint, LedgerEvent
from registry.ledger.report import Statement, VerificationReport
from registry.ledger.scan import Scan
from registry.ledger.snapshot import snapshot
from registry.ledger.subject import subject_models


def verify_all(*, anchor_path: Path | None = None, key_path: Path | None = None) -> VerificationReport:
    """Verify one committed state of the database against its signatures and what was anchored outside it.

    ``anchor_path`` names an anchor folder, an anchor file, or a file with one signed note that an auditor kept;
    ``key_path`` a file with the trusted verifier key in C2SP form. Without them the installation's own are used.
    What cannot be read is never taken for good: the outcome of that statement is unknown.
    """
    using = router.db_for_read(LedgerEvent)
    trusted = Statement("key", "the key to verify signatures with is known")
    public, origin = _trusted_key(key_path, trusted)
    anchored = Statement("anchors", "the ledger extends every checkpoint that is kept outside the database")
    outside = _anchored_notes(anchor_path, anchored)  # read first: an anchor never runs ahead of the database

    signed = Statement("checkpoints", "every checkpoint is signed and states the root of the tree at its size")
    ends = Statement("heads", "the newest recorded heads are the last events of their subjects")
    guards = Statement("triggers", "the database refuses to change the ledger")
    replayed = Statement("replay", "replaying the ledger gives the tables as they are")
    with snapshot(using):
        checkpoints = list(LedgerCheckpoint.objects.using(using).order_by("size"))
        scan = Scan(wanted={checkpoint.size for checkpoint in checkpoints} | _sizes(outside))
        scan.run(using)
        _check_checkpoints(checkpoints, scan, public, origin, signed)
        _check_anchors(outside, scan, public, origin, anchored)
        _check_heads(scan.compact.size, ends)
        absent = triggers.missing(connections[using])
        guards.checked = len(triggers.expected(connections[using]))
        for table, name in absent:
            guards.refute(f"the trigger {name} on {table} is missing, switched off or changed")
        for difference in replay.differences():
            replayed.refute(str(difference))
        replayed.checked = sum(model.ledger_rows(using).count() for model in subject_models().values())
    if public is None and (checkpoints or outside):
        trusted.doubt("there is no key, so no signature could be checked")
    statements = [trusted, *scan.statements(), signed, anchored, ends, guards, replayed]
    return VerificationReport(statements, scan.compact.size, scan.compact.root().hex())


def _trusted_key(path: Path | None, statement: Statement) -> tuple[Ed25519PublicKey | None, str]:
    """Return the public key and the origin to verify with, or None when there is no key to be had."""
    origin = str(settings.REGISTER_NAME)
    try:
        if path is not None:
            origin, public = parse_verifier_key(path.read_text(encoding="ascii"))
        elif Path(settings.LEDGER_KEY_FILE).exists():
            public = keys.load(Path(settings.LEDGER_KEY_FILE)).public_key()
        else:
            return None, origin
    except (OSError, ValueError, DomainError) as error:
        statement.doubt(f"the key cannot be read: {error}")
        return None, origin
    statement.checked = 1
    statement.note = f"key {keys.key_id(public)[:16]} of {origin}"
    return public, origin


def _anchored_notes(path: Path | None, statement: Statement) -> list[str]:
    try:
        if path is None:
            return list(anchors.configured().notes())
        if path.is_dir():
            return list(anchors.FileAnchor(path).notes())
        text = path.read_text(encoding="utf-8")
        return list(anchors.notes_in(text)) if text.startswith("{") else [text]
    except (OSError, ValueError, LedgerFault) as error:
        statement.doubt(f"the anchor cannot be read: {error}")
        return []


def _sizes(notes: list[str]) -> set[int]:
    sizes = set()
    for note in notes:
        try:
            sizes.add(parse(note).size)
        except NoteInvalid:
            continue  # judged, and reported, by _check_anchors
    return sizes


def _check_checkpoints(
    checkpoints: list[LedgerCheckpoint],
    scan: Scan,
    public: Ed25519PublicKey | None,
    origin: str,
    statement: Statement,
) -> None:
    latest = None
    for row in checkpoints:
        name = f"checkpoint {row.size}"
        stated = _stated(row.note, public, origin, statement, name)
        if stated is None:
            continue
        root = scan.roots.get(row.size)
        agrees = stated == Checkpoint(origin, row.size, bytes(row.root)) and stated.root == root
        statement.require(agrees, f"{name} does not state the root of the first {row.size} entries")
        if scan.peaks.get(row.size) != bytes(row.compact_range):
            statement.refute(f"{name} keeps a compact range that is not the tree's")
        if latest is not None and row.instant < latest:
            statement.refute(f"{name} is dated before the one it follows")
        latest = row.instant
    newest = checkpoints[-1].size if checkpoints else 0
    if newest != scan.compact.size:
        statement.refute(f"the newest checkpoint covers {newest} of {scan.compact.size} leaves")


def _check_anchors(
    notes: list[str], scan: Scan, public: Ed25519PublicKey | None, origin: str, statement: Statement
) -> None:
    size, covered = scan.compact.size, 0
    for number, note in enumerate(notes, start=1):
        name = f"anchored checkpoint {number}"
        stated = _stated(note, public, origin, statement, name)
        if stated is None:
            continue
        root = tree.EMPTY_ROOT if stated.size == 0 else scan.roots.get(stated.size)
        if stated.size > size:
            problem = f"{name} covers {stated.size} entries and the ledger has {size}: it was rolled back"
        else:
            problem = f"{name} has another root over the first {stated.size} entries: the ledger was rewritten"
        statement.require(stated.size <= size and stated.root == root, problem)
        covered = max(covered, stated.size)
    if size and not notes and not statement.unknown:
        statement.doubt("nothing is anchored, so a rollback or a rewrite with a stolen key would not be seen")
    elif covered < size:
        statement.note = f"the last {size - covered} entries are not anchored yet"


def _check_heads(size: int, statement: Statement) -> None:
    row = LedgerEvent.objects.filter(action=heads.RECORDED).order_by("-subject_seq").first()
    if row is None:
        statement.note = "none has been recorded"
        return
    try:
        stated = read(bytes(row.body)).state
        found = heads.heads_at(stated["size"])
        agrees = {
            "size": stated["size"],
            "subjects": len(found),
            "heads_root": tree.root(head.leaf() for head in found).hex(),
        } == dict(stated)
        statement.require(agrees and stated["size"] <= size, f"event {row.id} states other heads")
    except (BodyInvalid, KeyError, TypeError) as error:
        statement.require(False, f"event {row.id} states no heads: {error}")


def _stated(
    note: str, public: Ed25519PublicKey | None, origin: str, statement: Statement, name: str
) -> Checkpoint | None:
    """Return what ``note`` states. A wrong signature refutes the claim, and the note's content is still compared."""
    try:
        if public is None:
            statement.doubt(f"{name}: no key to check the signature with")
            return parse(note)
        return verify_note(note, public, name=origin)
    except NoteInvalid as error:
        statement.refute(f"{name}: {error}")
    try:
        return parse(note)
    except NoteInvalid:
        return None
