"""What are the exact bytes of a statement, and what is their digest? The only way anything here is hashed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

SHA256_HEX = re.compile(r"\A[0-9a-f]{64}\Z")
CHUNK = 1 << 20


def canonical_json(value: Any) -> bytes:
    """Return the one byte form of a JSON value: sorted keys, no spaces, ASCII escapes, no NaN.

    Raises ValueError for NaN and infinities and TypeError for anything that is not JSON.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode("ascii")


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of ``data`` as 64 lower-case hexadecimal characters."""
    return hashlib.sha256(data).hexdigest()


def digest_of(value: Any) -> str:
    """Return the SHA-256 of the canonical JSON of ``value``."""
    return sha256_hex(canonical_json(value))


def is_sha256(text: object) -> bool:
    """Tell whether ``text`` is exactly 64 lower-case hexadecimal characters."""
    return isinstance(text, str) and SHA256_HEX.match(text) is not None


def chunks(stream: BinaryIO, size: int = CHUNK) -> Iterator[bytes]:
    """Yield the rest of ``stream`` in pieces of at most ``size`` bytes."""
    while piece := stream.read(size):
        yield piece


def sha256_of_stream(stream: BinaryIO) -> tuple[str, int]:
    """Return the SHA-256 and the length in bytes of the rest of ``stream``."""
    hasher, length = hashlib.sha256(), 0
    for piece in chunks(stream):
        hasher.update(piece)
        length += len(piece)
    return hasher.hexdigest(), length
