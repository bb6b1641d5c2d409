"""What could somebody do who owns the database, and perhaps the signing key? Raw rows, walls down; tests only."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import connection, models

from registry.digests import canonical_json
from registry.ledger import event, keys, tree
from registry.ledger.checkpoint import Checkpoint, sign_note
from registry.ledger.models import LedgerCheckpoint, LedgerEvent, LedgerLeaf, LedgerNode, LedgerPending
from tests.ledger_fixtures import walls_down

TABLES: tuple[type[models.Model], ...] = (LedgerEvent, LedgerLeaf, LedgerNode, LedgerCheckpoint, LedgerPending)


def wipe(*tables: type[models.Model], where: str = "1 = 1") -> None:
    """Delete rows behind the walls."""
    with walls_down(), connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"DELETE FROM {table._meta.db_table} WHERE {where}")  # noqa: S608  (tests only)


def bodies() -> list[bytes]:
    """Return the bodies in the order of the tree."""
    by_id = {row.id: bytes(row.body) for row in LedgerEvent.objects.all()}
    return [by_id[leaf.event_id] for leaf in LedgerLeaf.objects.order_by("index")]


def put_body(number: int, body: bytes, *, fix_hash: bool = False) -> None:
    """Overwrite the body of leaf ``number`` behind the walls, and its leaf hash if wanted."""
    with walls_down():
        overwrite(number, body, fix_hash=fix_hash)


def overwrite(number: int, body: bytes, *, fix_hash: bool = False) -> None:
    """Overwrite the body of leaf ``number``; the walls must be down."""
    leaf = LedgerLeaf.objects.get(index=number)
    ident = leaf.event_id if connection.vendor == "postgresql" else leaf.event_id.hex
    with connection.cursor() as cursor:
        cursor.execute("UPDATE registry_ledgerevent SET body = %s WHERE id = %s", [body, ident])
        if fix_hash:
            cursor.execute(
                'UPDATE registry_ledgerleaf SET leaf_hash = %s WHERE "index" = %s', [tree.leaf_hash(body), number]
            )


def edited(body: bytes, **changes: Any) -> bytes:
    """Return the body with top-level fields replaced, in canonical form."""
    return canonical_json(json.loads(body) | changes)


def rechained(items: Sequence[bytes]) -> list[bytes]:
    """Return the bodies renumbered and with each subject's previous hash mended."""
    ends: dict[tuple[str, str], tuple[int, str | None]] = {}
    result = []
    for item in items:
        value = json.loads(item)
        subject = value["subject"]["kind"], value["subject"]["key"]
        seq, prev = ends.get(subject, (0, None))
        body = edited(item, subject_seq=seq + 1, prev=prev)
        ends[subject] = seq + 1, tree.leaf_hash(body).hex()
        result.append(body)
    return result


def rebuild(items: Sequence[bytes], *, sizes: Sequence[int], key: Ed25519PrivateKey | None) -> None:
    """Replace events, leaves and nodes by ``items``; with a key also the checkpoints, at ``sizes``."""
    copies = list(LedgerCheckpoint.objects.order_by("size"))
    wipe(LedgerEvent, LedgerLeaf, LedgerNode, LedgerPending, *([LedgerCheckpoint] if key else []))
    compact = tree.CompactRange()
    for index, body in enumerate(items):
        stated = event.read(body)
        LedgerEvent.objects.create(
            id=stated.id,
            body=body,
            action=stated.action,
            subject_kind=stated.subject_kind,
            subject_key=stated.subject_key,
            subject_seq=stated.subject_seq,
            actor_id=stated.actor_id,
            instant=stated.instant,
        )
        leaf = tree.leaf_hash(body)
        LedgerLeaf.objects.create(index=index, event_id=stated.id, leaf_hash=leaf)
        list(compact.append(leaf))
        if key and compact.size in sizes:
            note = sign_note(Checkpoint(settings.REGISTER_NAME, compact.size, compact.root()), key)
            LedgerCheckpoint.objects.create(
                size=compact.size,
                root=compact.root(),
                compact_range=compact.to_bytes(),
                note=note,
                instant=copies[0].instant + timedelta(seconds=index),
            )


def stolen_key() -> Ed25519PrivateKey:
    """Return the installation's own signing key."""
    return keys.load(Path(settings.LEDGER_KEY_FILE))
