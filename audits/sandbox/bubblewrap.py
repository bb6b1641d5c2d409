"""How is a child confined with namespaces? By bubblewrap: an empty root, no network, its own process table."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from audits.sandbox import seccomp
from audits.sandbox.protocol import Rung, Start

DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
_NOBODY = "65534"


def _obstacle() -> str | None:
    if not seccomp.supported():
        return "there is no system call filter for this processor"
    if shutil.which("bwrap", path="/usr/bin:/bin:/usr/local/bin") is None:
        return "the program bwrap is not installed"
    return None


def _command(start: Start) -> list[str]:
    """Build the bwrap line.

    As root the namespaces need no user namespace, and the child gives up root itself: it keeps just the two
    capabilities for that. As an ordinary user the user namespace makes it nobody. There is no /proc, no /tmp and
    nothing writable.
    """
    program = shutil.which("bwrap", path="/usr/bin:/bin:/usr/local/bin") or "bwrap"
    line = [program, "--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL"]
    if os.geteuid() == 0:
        line += ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
        line += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
        line += ["--cap-add", "CAP_DAC_READ_SEARCH"] if _closed(start) else []
    else:
        line += ["--unshare-all", "--uid", _NOBODY, "--gid", _NOBODY]
    line += ["--hostname", "sandbox"]
    for name, value in start.environment.items():
        line += ["--setenv", name, value]
    # bwrap makes missing parents for its own user only.
    parents = {parent for path in (*start.readable, *map(Path, DEVICES)) for parent in path.parents[:-1]}
    for parent in sorted(parents, key=lambda parent: len(parent.parts)):
        if not any(parent.is_relative_to(path) for path in start.readable):
            line += ["--perms", "0755", "--dir", str(parent)]
    for device in DEVICES:
        line += ["--dev-bind", device, device]
    for path in start.readable:
        line += ["--ro-bind", str(path), str(path)]
    return [*line, "--remount-ro", "/", "--chdir", "/", "--", *start.command]


def _confinement(start: Start) -> dict[str, Any]:
    return {"landlock": None, "walk_closed_folders": _closed(start)}


def _closed(start: Start) -> bool:
    """Tell whether the child gets a user id of its own and the interpreter or the sources are not open to all.

    It then keeps the right to read past file modes: behind bubblewrap there is nothing but what was bound for it.
    """
    return start.uid is not None and not all(path.stat().st_mode & 0o004 for path in start.readable[:-1])


RUNG = Rung(
    slug="bubblewrap",
    summary="bubblewrap namespaces with an empty root, system call filter, resource limits",
    obstacle=_obstacle,
    command=_command,
    confinement=_confinement,
    direct=False,
)
