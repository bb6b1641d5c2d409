"""With which keys does this installation sign? Ed25519 seeds in files of mode 0400, made at the first start."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import NamedTemporaryFile

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from registry.digests import sha256_hex
from registry.errors import DomainError

SEED_BYTES = 32


def load(path: Path) -> Ed25519PrivateKey:
    """Return the key whose 32-byte seed is in ``path``; DomainError when the file is missing or is no seed."""
    try:
        seed = path.read_bytes()
    except OSError as error:
        message = f"The signing key {path.name} cannot be read: {error.strerror}."
        raise DomainError("signing-key-missing", message, kind="unavailable") from error
    if len(seed) != SEED_BYTES:
        message = f"The signing key {path.name} is not a file of {SEED_BYTES} bytes."
        raise DomainError("signing-key-malformed", message, kind="unavailable")
    return Ed25519PrivateKey.from_private_bytes(seed)


def load_or_create(path: Path) -> Ed25519PrivateKey:
    """Return the key in ``path``; the first caller draws it at random, readable by us alone.

    Two processes that start together end with the same key: the file appears complete or not at all.
    """
    path = Path(path)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=path.parent, prefix=".new-key-") as fresh:
            os.fchmod(fresh.fileno(), 0o400)
            fresh.write(os.urandom(SEED_BYTES))
            fresh.flush()
            os.fsync(fresh.fileno())
            try:
                os.link(fresh.name, path)
            except FileExistsError:
                return load(path)
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    return load(path)


def key_id(public: Ed25519PublicKey) -> str:
    """Return the SHA-256 of the 32 public bytes in hexadecimal, by which attestations name their key."""
    return sha256_hex(public.public_bytes_raw())
