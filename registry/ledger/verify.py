"""Is the whole ledger as it was written? Every byte, leaf, root, signature, anchor, chain, trigger, and the tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connections, router

from registry.errors import DomainError
from registry.ledger import anchoring, anchors, heads, keys, replay, signing, tree, triggers
from registry.ledger.checkpoint import Checkpoint, NoteInvalid, parse, parse_verifier_key
from registry.ledger.event import BodyInvalid, read
from registry.ledger.faults import AnchorDown, LedgerFault
from registry.ledger.models import LedgerAnchor, LedgerCheckpoint, LedgerEvent
from registry.ledger.report import Statement, VerificationReport
from registry.ledger.scan import Scan
from registry.ledger.snapshot import snapshot
from registry.ledger.subject import subject_models
from registry.ledger.succession import Succession, SuccessionInvalid

Say = Callable[[int], None]
"""Is told how many percent are done."""


@dataclass(frozen=True)
class Outside:
    """The checkpoints that are kept outside the database; ``brought`` when an auditor handed them in."""

    notes: list[str]
    brought: bool


def verify_all(
    *,
    anchor_path: Path | None = None,
    key_path: Path | None = None,
    ask_remote: bool = False,
    say: Say = lambda _percent: None,
) -> VerificationReport:
    """Verify one committed state of the database against its signatures and what was anchored outside it.

    ``anchor_path`` names an anchor folder, an anchor file, a receipt, the facts of a dossier, or a file with one signed
    note that an auditor kept; ``key_path`` a file with a trusted verifier key in C2SP form. Without them the
    installation's own are used. ``ask_remote`` reads anchors over the network too. What cannot be read is never taken
    for good: the outcome of that statement is unknown.
    """
    using = router.db_for_read(LedgerEvent)
    trusted = Statement("key", "the key to verify signatures with is known")
    turns = Statement("succession", "each signing key hands over to the next, and each new epoch says what it gave up")
    anchored = Statement("anchors", "the ledger extends every checkpoint that is kept outside the database")
    outside = _outside(anchor_path, anchored, ask_remote=ask_remote)  # first: an anchor never runs ahead
    receipts = list(LedgerAnchor.objects.using(using).order_by("id"))

    signed = Statement("checkpoints", "every checkpoint is signed and states the root of the tree at its size")
    kept = Statement("receipts", "every receipt of an anchor stands and is for the tree")
    ends = Statement("heads", "the newest recorded heads are the last events of their subjects")
    guards = Statement("triggers", "the database refuses to change the ledger")
    replayed = Statement("replay", "replaying the ledger gives the tables as they are")
    with snapshot(using):
        chain = _chain(using, key_path, trusted, turns)
        checkpoints = list(LedgerCheckpoint.objects.using(using).order_by("size"))
        scan = Scan(wanted=_wanted(checkpoints, [*outside.notes, *(row.note for row in receipts)], chain))
        scan.run(using, say)
        _check_turns(chain, scan, turns)
        _check_checkpoints(checkpoints, scan, chain, signed)
        _check_anchors(outside, scan, chain, anchored)
        _check_receipts(receipts, scan, chain, kept, ask_remote=ask_remote)
        _check_heads(scan.compact.size, ends)
        absent = triggers.missing(connections[using])
        guards.checked = len(triggers.expected(connections[using]))
        for table, name in absent:
            guards.refute(f"the trigger {name} on {table} is missing, switched off or changed")
        for difference in replay.differences():
            replayed.refute(str(difference))
        replayed.checked = sum(model.ledger_rows(using).count() for model in subject_models().values())
    if chain is None and (checkpoints or outside.notes):
        trusted.doubt("there is no key, so no signature could be checked")
    statements = [trusted, turns, *scan.statements(), signed, anchored, kept, ends, guards, replayed]
    return VerificationReport(statements, scan.compact.size, scan.compact.root().hex())


def _chain(using: str, path: Path | None, trusted: Statement, turns: Statement) -> Succession | None:
    """Return the keys and epochs to verify with, or None when there is no key to be had."""
    try:
        if path is not None:
            name, public = parse_verifier_key(path.read_text(encoding="ascii"))
        elif held := keys.holding(signing.key_file()):
            name, public = str(signing.register_name()), held[0].public_key()
        else:
            return None
    except (OSError, ValueError, DomainError) as error:
        trusted.doubt(f"the key cannot be read: {error}")
        return None
    trusted.checked = 1
    trusted.note = f"key {keys.key_id(public)[:16]} of {name}"
    try:
        return signing.succession_of(using, trusted=public if path else None, name=name)
    except (SuccessionInvalid, LedgerFault) as error:
        turns.refute(str(error))
        return Succession(name, public)


def _outside(path: Path | None, statement: Statement, *, ask_remote: bool) -> Outside:
    try:
        if path is None:
            found = [place for place in anchors.places() if ask_remote or not place.remote]
            return Outside([note for place in found for note in place.notes()], brought=False)
        if path.is_dir():
            return Outside(list(anchors.FileAnchor(path).notes()), brought=True)
        return Outside(_brought(path.read_text(encoding="utf-8"), statement), brought=True)
    except (OSError, ValueError, LedgerFault, AnchorDown) as error:
        statement.doubt(f"the anchor cannot be read: {error}")
        return Outside([], brought=path is not None)


def _brought(text: str, statement: Statement) -> list[str]:
    """Return the notes in what an auditor hands in: a signed note, lines of an anchor file, a receipt, dossier facts."""
    if not text.startswith("{"):
        return [text]
    try:
        document = json.loads(text)
    except ValueError:
        return list(anchors.notes_in(text))
    dossier = document.get("dossier")
    note = dossier.get("checkpoint") if isinstance(dossier, dict) else document.get("note")
    if not isinstance(note, str):
        raise LedgerFault("anchor-damaged", "The document holds no checkpoint.")
    if document.get("kind") == "rfc3161":
        _confirm(LedgerAnchor(kind="rfc3161", note=note, receipt=document.get("receipt")), statement, remote=False)
    return [note]


def _confirm(row: LedgerAnchor, statement: Statement, *, remote: bool) -> None:
    """Check a receipt with its anchor: false when it is, unknown when that cannot be told."""
    name = f"the receipt of {row.kind} over {parse(row.note).size}"
    try:
        if not anchoring.confirm(row, remote=remote) and row.kind != "s3":
            statement.doubt(f"{name}: this anchor is not configured, so its receipt cannot be checked")
    except LedgerFault as error:
        statement.refute(f"{name}: {error.message}")
    except (AnchorDown, NoteInvalid) as error:
        statement.doubt(f"{name}: {error}")


def _wanted(checkpoints: Iterable[LedgerCheckpoint], notes: list[str], chain: Succession | None) -> set[int]:
    sizes = {checkpoint.size for checkpoint in checkpoints} | _sizes(notes)
    if chain is not None:
        sizes |= {turn.last_size for turn in chain.rotations} | {declared.size for declared in chain.declarations}
    return sizes


def _sizes(notes: list[str]) -> set[int]:
    sizes = set()
    for note in notes:
        try:
            sizes.add(parse(note).size)
        except NoteInvalid:
            continue  # judged, and reported, by _check_anchors
    return sizes


def _check_turns(chain: Succession | None, scan: Scan, statement: Statement) -> None:
    if chain is None:
        return
    for turn in chain.rotations:
        holds = scan.roots.get(turn.last_size, tree.EMPTY_ROOT).hex() == turn.last_root
        statement.require(holds, f"the key retired after {turn.last_size} entries signed another tree")
    for declared in chain.declarations:
        holds = scan.roots.get(declared.size, tree.EMPTY_ROOT).hex() == declared.root
        statement.require(holds, f"epoch {declared.epoch} began after {declared.size} entries of another tree")
    given_up = [
        f"epoch {one.epoch} gave up what was anchored beyond {one.kept_size} entries, up to {one.abandoned_size}"
        for one in chain.declarations
    ]
    statement.note = "; ".join([f"{len(chain.rotations) + 1} keys", *given_up])


def _check_checkpoints(
    checkpoints: list[LedgerCheckpoint], scan: Scan, chain: Succession | None, statement: Statement
) -> None:
    latest = None
    for row in checkpoints:
        name = f"checkpoint {row.size}"
        stated = _stated(row.note, chain, statement, name)
        if stated is None:
            continue
        agrees = (stated.size, stated.root) == (row.size, bytes(row.root)) and stated.root == scan.roots.get(row.size)
        if chain is not None and agrees:
            agrees = chain.epoch_stated(stated) == chain.epoch_at(row.size)
        statement.require(agrees, f"{name} does not state the root of the first {row.size} entries")
        if scan.peaks.get(row.size) != bytes(row.compact_range):
            statement.refute(f"{name} keeps a compact range that is not the tree's")
        if latest is not None and row.instant < latest:
            statement.refute(f"{name} is dated before the one it follows")
        latest = row.instant
    newest = checkpoints[-1].size if checkpoints else 0
    if newest != scan.compact.size:
        statement.refute(f"the newest checkpoint covers {newest} of {scan.compact.size} leaves")


def _check_anchors(outside: Outside, scan: Scan, chain: Succession | None, statement: Statement) -> None:
    size, covered, given_up = scan.compact.size, 0, 0
    for number, note in enumerate(outside.notes, start=1):
        name = f"anchored checkpoint {number}"
        stated = _stated(note, chain, statement, name)
        if stated is None:
            continue
        if chain is not None and (declared := _gave_up(stated, chain)) is not None:
            given_up += 1
            if outside.brought:
                lost = f"{stated.size - declared.kept_size} of its {stated.size} entries"
                statement.doubt(f"{name}: {lost} were lost and given up by the declaration of epoch {declared.epoch}")
            continue
        statement.require(*_extends(stated, scan, name))
        covered = max(covered, stated.size)
    if size and not outside.notes and not statement.unknown:
        statement.doubt("nothing is anchored, so a rollback or a rewrite with a stolen key would not be seen")
    elif covered < size:
        statement.note = f"the last {size - covered} entries are not anchored yet"
    if given_up:
        told = f"{given_up} checkpoints state entries that were given up by a declared rollback"
        statement.note = "; ".join(filter(None, [statement.note, told]))


def _check_receipts(
    receipts: list[LedgerAnchor], scan: Scan, chain: Succession | None, statement: Statement, *, ask_remote: bool
) -> None:
    for row in receipts:
        name = f"the receipt of {row.kind} over {row.size}"
        stated = _stated(row.note, chain, statement, name)
        if stated is None:
            continue
        statement.require(*_extends(stated, scan, name))
        if stated.size != row.size:
            statement.refute(f"{name} is for a checkpoint over {stated.size} entries")
        if row.kind != anchors.FileAnchor.slug:  # the lines of the file have been looked at one by one
            _confirm(row, statement, remote=ask_remote)


def _gave_up(stated: Checkpoint, chain: Succession) -> Any:
    try:
        return chain.gave_up(stated)
    except NoteInvalid:
        return None


def _extends(stated: Checkpoint, scan: Scan, name: str) -> tuple[bool, str]:
    """Tell whether the scanned tree extends ``stated``, with what to say if it does not."""
    size = scan.compact.size
    root = tree.EMPTY_ROOT if stated.size == 0 else scan.roots.get(stated.size)
    if stated.size > size:
        return False, f"{name} covers {stated.size} entries and the ledger has {size}: it was rolled back"
    return stated.root == root, (
        f"{name} has another root over the first {stated.size} entries: the ledger was rewritten"
    )


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


def _stated(note: str, chain: Succession | None, statement: Statement, name: str) -> Checkpoint | None:
    """Return what ``note`` states. A wrong signature refutes the claim, and the note's content is still compared."""
    try:
        if chain is None:
            statement.doubt(f"{name}: no key to check the signature with")
            return parse(note)
        return chain.read(note)
    except NoteInvalid as error:
        statement.refute(f"{name}: {error}")
    try:
        return parse(note)
    except NoteInvalid:
        return None
