"""With which public keys does this installation sign, and by which short digits does a person compare them?"""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS

from governance.gate.attestation import public_key_line
from registry.digests import sha256_hex
from registry.ledger import keys, signing
from registry.ledger.checkpoint import verifier_key
from registry.ledger.faults import LedgerFault
from registry.ledger.proofs import latest_checkpoint


@dataclass(frozen=True)
class PublicKey:
    """One key as the line that a key file holds; ``fingerprint`` is the SHA-256 of that line without its end."""

    use: str
    line: str
    fingerprint: str


def ledger_keys() -> list[str]:
    """Return every verifier key of the ledger, the one that signs now last. LedgerFault where their chain is broken."""
    # A ledger that has signed already has its key; a new one in its place would be another ledger's.
    if latest_checkpoint() is None:
        return [verifier_key(settings.REGISTER_NAME, keys.load_or_create(settings.LEDGER_KEY_FILE).public_key())]
    return signing.own_succession(DEFAULT_DB_ALIAS).keys()


def attestation_key() -> str:
    """Return the key that attestations of the gate are signed with."""
    return public_key_line(keys.load_or_create(settings.ATTESTATION_KEY_FILE).public_key())


def public_keys() -> list[PublicKey]:
    """Return the keys for a page; without those of the ledger where their chain does not hold, which the page says."""
    try:
        of_ledger = ledger_keys()
    except LedgerFault:
        of_ledger = []
    named = [*(("ledger", line) for line in of_ledger), ("attestation", attestation_key())]
    return [PublicKey(use, line, sha256_hex(line.strip().encode())) for use, line in named]
