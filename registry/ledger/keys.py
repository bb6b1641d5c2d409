"""With which keys does this installation sign? Ed25519 seeds in files of mode 0400, made at the first start."""

from __future__ import annotations

import fcntl
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
        write_once(path, os.urandom(SEED_BYTES))
    return load(path)


def holding(path: Path) -> list[Ed25519PrivateKey]:
    """Return every key of an installation: the one in ``path``, the next one and retired ones beside it."""
    try:
        lying = sorted(os.listdir(path.parent))
    except FileNotFoundError:
        return []
    ours = [name for name in lying if name == f"{path.name}.next" or name.startswith(f"{path.name}.retired-")]
    return [load(path.with_name(name)) for name in ([path.name] if path.name in lying else []) + ours]


def find(path: Path, public: Ed25519PublicKey) -> Ed25519PrivateKey:
    """Return the private half of ``public``, in ``path`` or beside it; DomainError when this installation lacks it."""
    if path.exists() and _is_half_of(present := load(path), public):
        return present
    for key in holding(path) or [load(path)]:
        if _is_half_of(key, public):
            return key
    message = f"None of the keys beside {path.name} is the one that signs now, {key_id(public)[:16]}."
    raise DomainError("signing-key-not-in-force", message, kind="unavailable")


def _is_half_of(key: Ed25519PrivateKey, public: Ed25519PublicKey) -> bool:
    return key.public_key().public_bytes_raw() == public.public_bytes_raw()


def next_file(path: Path) -> Path:
    """Return where the key lies to which the ledger is about to be handed over."""
    return path.with_name(f"{path.name}.next")


def hand_over(path: Path) -> None:
    """Put the next key into ``path`` and the present one aside; safe to repeat, also by several at once."""
    following = next_file(path)
    with path.with_name(f"{path.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not following.exists():
            return
        if path.exists():
            retired = path.with_name(f"{path.name}.retired-{key_id(load(path).public_key())[:16]}")
            os.replace(path, retired)
        os.replace(following, path)


def write_once(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path``, mode 0400 and synced, unless something is there by then: the first writer wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, prefix=".new-key-") as fresh:
        os.fchmod(fresh.fileno(), 0o400)
        fresh.write(content)
        fresh.flush()
        os.fsync(fresh.fileno())
        try:
            os.link(fresh.name, path)
        except FileExistsError:
            return
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def key_id(public: Ed25519PublicKey) -> str:
    """Return the SHA-256 of the 32 public bytes in hexadecimal, by which attestations name their key."""
    return sha256_hex(public.public_bytes_raw())
