"""Is the directory of this zip file fit to be read? Bounds are checked before a list of its files is built."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

MAX_ENTRIES = 10_000
MAX_DIRECTORY_BYTES = 8 * 2**20
MAX_TOTAL_BYTES = 8 * 2**30
MAX_RATIO = 1_000
_END, _END_64 = b"PK\x05\x06", b"PK\x06\x07"


class ArchiveRefused(ValueError):
    """The zip is malformed, misleading or larger than is read here; the message says which."""


def entries(path: Path) -> list[zipfile.ZipInfo]:
    """Return the entries of the zip ``path``; raises ArchiveRefused for one that is not plain and bounded.

    Refused: more than ``MAX_ENTRIES`` entries, a directory beyond ``MAX_DIRECTORY_BYTES``, more than
    ``MAX_TOTAL_BYTES`` unpacked, a ratio beyond ``MAX_RATIO``, overlapping or encrypted entries, symbolic links, names
    that leave their folder and names that differ in case only.
    """
    _refuse_large_directory(path)
    try:
        with zipfile.ZipFile(path) as archive:
            found = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, struct.error) as error:
        raise ArchiveRefused("its directory cannot be read") from error
    size = path.stat().st_size
    total = sum(entry.file_size for entry in found)
    if len(found) > MAX_ENTRIES:
        raise ArchiveRefused(f"it has more than {MAX_ENTRIES} entries")
    if total > MAX_TOTAL_BYTES or total > MAX_RATIO * size:
        raise ArchiveRefused(f"it claims to unpack to {total} bytes")
    if len({entry.filename.casefold() for entry in found}) != len(found):
        raise ArchiveRefused("two entries have the same name")
    for entry in found:
        _refuse_entry(entry)
    place = 0
    for entry in sorted(found, key=lambda entry: entry.header_offset):
        if entry.header_offset < place:
            raise ArchiveRefused("its entries overlap")
        place = entry.header_offset + 30 + entry.compress_size
    if place > size:
        raise ArchiveRefused("its entries reach beyond its end")
    return found


def _refuse_large_directory(path: Path) -> None:
    """Read the end record by hand: zipfile would build a list of a million entries before anyone can object."""
    size = path.stat().st_size
    with open(path, "rb") as stream:
        stream.seek(max(0, size - 65_557))
        tail = stream.read()
        place = tail.rfind(_END)
        if place < 0 or len(tail) < place + 22:
            raise ArchiveRefused("it has no directory")
        count, length = struct.unpack_from("<HI", tail, place + 10)
        if (locator := tail.rfind(_END_64, 0, place)) >= 0 and len(tail) >= locator + 20:
            stream.seek(min(struct.unpack_from("<Q", tail, locator + 8)[0], size))
            record = stream.read(56)
            if len(record) < 56 or not record.startswith(b"PK\x06\x06"):
                raise ArchiveRefused("its large directory cannot be read")
            count, length = struct.unpack_from("<QQ", record, 32)
    if count > MAX_ENTRIES:
        raise ArchiveRefused(f"it has {count} entries, {MAX_ENTRIES} are read")
    if length > MAX_DIRECTORY_BYTES:
        raise ArchiveRefused("its directory is too large")


def _refuse_entry(entry: zipfile.ZipInfo) -> None:
    name = entry.orig_filename
    parts = name.replace("\\", "/").split("/")
    if "\x00" in name or ".." in parts or parts[0] == "" or ":" in parts[0] or len(name) > 255:
        raise ArchiveRefused("an entry's name leaves its folder")
    if entry.flag_bits & 0x1:
        raise ArchiveRefused("an entry is encrypted")
    if entry.external_attr >> 28 not in (0, 0o10, 0o04):
        raise ArchiveRefused("an entry is neither a file nor a folder")
