"""How is a child confined where namespaces are forbidden? By Landlock, which it puts on itself, for ever."""

from __future__ import annotations

import ctypes
import os
import struct
from pathlib import Path
from typing import Any

from audits.sandbox import seccomp
from audits.sandbox.protocol import Rung, Start

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG = 1
_RULE_PATH_BENEATH = 1
_READ_FILE, _READ_DIR, _WRITE_FILE = 1 << 2, 1 << 3, 1 << 1
_FILE_RIGHTS_BY_ABI = {4: (1 << 15) - 1, 5: (1 << 16) - 1}
_NETWORK_RIGHTS = 0b11
_SCOPES = 0b11
MINIMUM_ABI = 4
OWN_MAP = "/proc/self/maps"
"""The child's list of its own libraries, by which scikit-learn finds its thread pools where there is a /proc."""

pinned: list[int] = []
"""Open handles that only keep a rule alive: a rule on a file of /proc is lost when the kernel forgets the file."""


def abi() -> int:
    """Return the Landlock version of the running kernel, 0 where there is none."""
    libc = ctypes.CDLL(None, use_errno=True)
    return max(0, int(libc.syscall(_CREATE_RULESET, None, 0, _VERSION_FLAG)))


def restrict(*, readable: list[str], devices: list[str]) -> None:
    """Give up every file right but reading beneath ``readable`` and using ``devices``; needs no-new-privileges first.

    Also gives up TCP (binding and connecting) and, from version 6 on, signals and abstract sockets across its border.
    Raises OSError when the kernel refuses any of it.
    """
    version = abi()
    handled = _FILE_RIGHTS_BY_ABI[min(version, 5)]
    attributes = struct.pack("<QQQ", handled, _NETWORK_RIGHTS, _SCOPES)[: 24 if version >= 6 else 16]
    libc = ctypes.CDLL(None, use_errno=True)

    def call(number: int, *arguments: Any) -> int:
        answer = int(libc.syscall(number, *arguments))
        if answer < 0:
            raise OSError(ctypes.get_errno(), f"Landlock call {number} was refused")
        return answer

    ruleset = call(_CREATE_RULESET, attributes, len(attributes), 0)
    for path, rights in [(name, _READ_FILE | _READ_DIR) for name in (*readable, OWN_MAP)] + [
        (name, _READ_FILE | _WRITE_FILE) for name in devices
    ]:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
        granted = rights if Path(path).is_dir() else rights & ~_READ_DIR
        call(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, struct.pack("<Qi", granted, handle), 0)
        if path == OWN_MAP:
            pinned.append(handle)
        else:
            os.close(handle)
    call(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def _obstacle() -> str | None:
    if not seccomp.supported():
        return "there is no system call filter for this processor"
    version = abi()
    if version < MINIMUM_ABI:
        return f"the kernel offers Landlock version {version}, {MINIMUM_ABI} is needed"
    return None


def _open_to_all(path: Path) -> bool:
    """Tell whether any user may walk down to ``path``."""
    return all(parent.stat().st_mode & 0o001 for parent in path.resolve().parents)


def _confinement(start: Start) -> dict[str, Any]:
    """Restrict oneself; keep the right to walk through closed folders only where an interpreter lies behind one.

    With that right the child reads what Landlock grants and nothing more: Landlock decides after the file modes.
    """
    closed = start.uid is not None and not all(_open_to_all(path) for path in start.readable)
    return {"landlock": [str(path) for path in start.readable], "walk_closed_folders": closed}


RUNG = Rung(
    slug="landlock",
    summary="Landlock file and network rules, system call filter, resource limits",
    obstacle=_obstacle,
    command=lambda start: list(start.command),
    confinement=_confinement,
    direct=True,
)
