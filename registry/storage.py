"""Where are the bytes? A content-addressed folder: a name is the SHA-256 of what it holds, checked on write and read."""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from registry.digests import is_sha256, sha256_of_stream
from registry.errors import DomainError

log = logging.getLogger("cadastre.storage")


class ByteStore:
    """A folder of immutable files named by digest. Writing is atomic: a truncated upload leaves nothing behind."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, sha256: str) -> Path:
        """Return where the bytes called ``sha256`` lie or would lie; refuses anything that is not a digest."""
        if not is_sha256(sha256):
            raise DomainError("bad-digest", "A SHA-256 is 64 lower-case hexadecimal characters.")
        return self.root / sha256[:2] / sha256

    def holds(self, sha256: str) -> bool:
        """Tell whether the bytes are there."""
        return self.path(sha256).is_file()

    def put(self, sha256: str, pieces: Iterable[bytes], *, limit: int, declared: int | None = None) -> int:
        """Store the bytes and return their length.

        A file of that name with other bytes is an alteration: it is set aside beside the right one, and logged.
        Raises DomainError ``artifact-too-large``, ``upload-truncated`` or ``digest-mismatch``; then nothing is kept.
        """
        target = self.path(sha256)
        if declared is not None and declared > limit:
            raise _too_large(limit)
        target.parent.mkdir(parents=True, exist_ok=True)
        hasher, length = hashlib.sha256(), 0
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".upload-")
        try:
            with os.fdopen(handle, "wb") as stream:
                for piece in pieces:
                    length += len(piece)
                    if length > limit:
                        raise _too_large(limit)
                    hasher.update(piece)
                    stream.write(piece)
                stream.flush()
                os.fsync(stream.fileno())
            if declared is not None and length != declared:
                raise DomainError(
                    "upload-truncated", f"{declared} bytes were declared and {length} arrived.", received=length
                )
            if hasher.hexdigest() != sha256:
                raise DomainError(
                    "digest-mismatch",
                    "The bytes are not those the name promises.",
                    promised=sha256,
                    observed=hasher.hexdigest(),
                )
            Path(temporary).chmod(0o444)
            self._set_aside_altered(sha256)
            os.replace(temporary, target)
            _sync_folder(target.parent)
        finally:
            Path(temporary).unlink(missing_ok=True)
        return length

    def altered(self, sha256: str) -> str:
        """Return the digest of what lies under the name where it is another; empty when it is right or not there."""
        try:
            with self.path(sha256).open("rb") as stream:
                found, _ = sha256_of_stream(stream)
        except FileNotFoundError:
            return ""
        return "" if found == sha256 else found

    def _set_aside_altered(self, sha256: str) -> None:
        if observed := self.altered(sha256):
            target = self.path(sha256)
            kept = target.with_name(f"{sha256}.altered-{observed[:16]}")
            log.error("The stored bytes of sha256:%s were altered; they are kept as %s.", sha256, kept.name)
            target.rename(kept)

    def open_checked(self, sha256: str) -> BinaryIO:
        """Open the bytes after re-hashing them; raises DomainError ``bytes-missing`` or ``bytes-altered``."""
        try:
            stream = self.path(sha256).open("rb")
        except FileNotFoundError:
            raise DomainError(
                "bytes-missing", f"The bytes sha256:{sha256} are not in the store.", kind="not-found"
            ) from None
        found, _ = sha256_of_stream(stream)
        if found != sha256:
            stream.close()
            raise DomainError("bytes-altered", f"The stored bytes of sha256:{sha256} have changed.", observed=found)
        stream.seek(0)
        return stream

    def read(self, sha256: str) -> bytes:
        """Return the bytes, re-hashed."""
        with self.open_checked(sha256) as stream:
            return stream.read()


def _too_large(limit: int) -> DomainError:
    return DomainError("artifact-too-large", f"At most {limit} bytes are taken.", kind="too-large", limit=limit)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def artifacts() -> ByteStore:
    """Return the store that holds artifacts and evidence."""
    return ByteStore(settings.ARTIFACT_DIR)
