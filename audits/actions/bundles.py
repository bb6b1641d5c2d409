"""How does a dossier leave with its proof? Every bundle that is made is an event, and the bundle proves that event too.

A bundle is made when it is asked for, not stored: its proofs lead to the newest checkpoint, so the one made today also
shows what was withdrawn yesterday. It costs what its dossier names, and one pass over the ends of all histories.
"""

from __future__ import annotations

import json

from django.db import DEFAULT_DB_ALIAS, transaction

from audits.actions.dossiers import READERS
from audits.actions.evidence import read_evidence
from audits.dossier import bundle
from audits.models import Dossier
from registry.actions.inventory import require_role
from registry.digests import sha256_hex
from registry.errors import DomainError
from registry.ledger import heads
from registry.ledger.append import append, declare_action
from registry.ledger.extract import extract, wait_until_placed
from registry.ledger.snapshot import snapshot
from registry.models import User

declare_action("dossier.bundled", "A bundle of a dossier was made and handed out.")


def make_bundle(dossier: Dossier, *, actor: User) -> bytes:
    """Record that ``actor`` takes a dossier along, and return the zip with the proof of all it names and of this act.

    The same ledger gives the same bytes. Raises DomainError ``dossier-not-issued``, ``dossier-without-proof``,
    ``role-missing``, ``register-read-only``, ``ledger-busy``, ``bytes-missing`` or ``bytes-altered``.
    """
    require_role(actor, *READERS)
    if dossier.state != Dossier.State.ISSUED:
        raise DomainError("dossier-not-issued", "The dossier has not been issued.", kind="conflict")
    if not dossier.document_sha256:
        message = "This dossier was issued by an earlier release, without what its proof needs; issue it again."
        raise DomainError("dossier-without-proof", message, kind="conflict")
    facts = json.loads(read_evidence(dossier.facts_sha256))
    documents = bundle.documents_of(dossier, facts)
    with transaction.atomic():
        payload = {"manifest_sha256": sha256_hex(documents["manifest.json"])}
        taken = append("dossier.bundled", dossier, actor=actor, payload=payload)
    wait_until_placed(taken.pk)
    wait_until_placed(heads.record_heads(actor=actor).pk)
    with snapshot(DEFAULT_DB_ALIAS):
        proven = extract(bundle.subjects_of(dossier, facts), notes=bundle.notes_of(dossier))
    return bundle.zipped({**documents, **bundle.ledger_files(proven)})
