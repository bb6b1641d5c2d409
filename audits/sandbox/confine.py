"""How does the child give up everything it does not need? Runs inside, once, before anything foreign is touched."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import struct
from pathlib import Path
from typing import Any

from audits.sandbox import landlock, seccomp

_PR_SET_PDEATHSIG, _PR_SET_KEEPCAPS, _PR_SET_NO_NEW_PRIVS = 1, 8, 38
_CAPABILITY_VERSION_3 = 0x20080522
_CAP_DAC_READ_SEARCH = 1 << 2


def confine(order: dict[str, Any]) -> None:
    """Take on the limits, the identity and the filters of ``order``; raises OSError when any of them fails.

    ``order``: ``limits`` (the fields of Limits), ``uid`` (int or None), ``landlock`` (readable paths or None),
    ``walk_closed_folders`` (bool), ``devices`` (paths), ``parent`` (process id, or None inside a process namespace).
    """
    limits = order["limits"]
    _limit_resources(limits, threads=limits["processes"] + _tasks_of(order["uid"]))
    os.chdir("/")
    os.umask(0o077)
    if order["uid"] is not None:
        _become(order["uid"], walk_closed_folders=order["walk_closed_folders"])
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if order["parent"] is not None and os.getppid() != order["parent"]:
        raise OSError("the parent is gone")
    if order["landlock"] is not None:
        landlock.restrict(readable=order["landlock"], devices=order["devices"])
    seccomp.install()


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    nothing = ctypes.c_ulong(0)
    if libc.prctl(option, ctypes.c_ulong(value), nothing, nothing, nothing) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option} was refused")


def _tasks_of(uid: int | None) -> int:
    """Count the threads this user already runs, since the kernel's limit counts them too; 0 where /proc is absent."""
    owner = os.getuid() if uid is None else uid
    count = 0
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if entry.stat().st_uid == owner:
                count += len(os.listdir(entry / "task"))
        except OSError:  # it ended while we looked
            continue
    return count


def _limit_resources(limits: dict[str, Any], *, threads: int) -> None:
    cpu = int(limits["cpu_seconds"])
    # A core limit of 1 byte also stops a core_pattern that pipes to a program; 0 does not.
    for what, soft, hard in (
        (resource.RLIMIT_CORE, 1, 1),
        (resource.RLIMIT_CPU, cpu, cpu + 1),
        (resource.RLIMIT_AS, limits["memory_bytes"], limits["memory_bytes"]),
        (resource.RLIMIT_FSIZE, limits["output_bytes"], limits["output_bytes"]),
        (resource.RLIMIT_NOFILE, limits["open_files"], limits["open_files"]),
        (resource.RLIMIT_NPROC, threads, threads),
        (resource.RLIMIT_MEMLOCK, 0, 0),
        (resource.RLIMIT_MSGQUEUE, 0, 0),
    ):
        ceiling = resource.getrlimit(what)[1]
        bound = hard if ceiling == resource.RLIM_INFINITY else min(hard, ceiling)
        resource.setrlimit(what, (min(soft, bound), bound))


def _become(uid: int, *, walk_closed_folders: bool) -> None:
    """Change from root to ``uid`` for ever, with at most the one capability to walk through closed folders."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    if walk_closed_folders:
        _prctl(_PR_SET_KEEPCAPS, 1)
    os.setresuid(uid, uid, uid)
    kept = _CAP_DAC_READ_SEARCH if walk_closed_folders else 0
    header = struct.pack("<Ii", _CAPABILITY_VERSION_3, 0)
    sets = struct.pack("<6I", kept, kept, 0, 0, 0, 0)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.capset(header, sets) != 0:
        raise OSError(ctypes.get_errno(), "the capabilities could not be dropped")
