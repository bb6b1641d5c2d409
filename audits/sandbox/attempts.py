"""What would an escape try? Each attempt must fail; run inside the sandbox by the probe, harmless if it succeeds."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from audits.sandbox import landlock

Attempt = Callable[[dict[str, Any], dict[str, int]], str | None]
"""Returns None when it was stopped, else what it reached."""

_PUBLIC_FOLDERS = ("/tmp", "/dev/shm", "/var/tmp", "/run", "/")  # noqa: S108 -- the attempt is to write there
_SYSCALLS = """
ptrace 101 117|unshare 272 97|setns 308 268|mount 165 40|bpf 321 280|keyctl 250 219|io_uring_setup 425 425
userfaultfd 323 282|perf_event_open 298 241|process_vm_readv 310 270|memfd_create 319 279|pidfd_open 434 434
open_by_handle_at 304 265|shmget 29 194|inotify_init1 294 26|init_module 175 105|chroot 161 51|setxattr 188 5
sched_setaffinity 203 122|socketpair 53 199|setsid 112 157|execveat 322 281|fchmodat 268 53|fchownat 260 54
"""
"""Calls that lead out or do harm: name, number on x86-64, number on arm64."""


def attempt_everything(task: dict[str, Any], outputs: dict[str, int]) -> dict[str, Any]:
    """Try every escape and every honest thing; return what each reached (None: it was stopped, or it works)."""
    escapes = {name: _outcome(attempt, task, outputs) for name, attempt in _ATTEMPTS.items()}
    column = 0 if os.uname().machine == "x86_64" else 1
    for name, *numbers in (cell.split() for line in _SYSCALLS.split("\n") for cell in line.split("|") if cell):
        escapes[f"system-call-{name}"] = _reached(int(numbers[column]))
    return {"escapes": escapes, "failures": {name: _outcome(work, task, outputs) for name, work in _HONEST.items()}}


def _outcome(attempt: Attempt, task: dict[str, Any], outputs: dict[str, int]) -> str | None:
    try:
        return attempt(task, outputs)
    except (OSError, MemoryError, RuntimeError, ValueError, ImportError) as error:
        return f"{type(error).__name__}: {error}"[:200] if attempt in _HONEST.values() else None


def _reached(number: int) -> str | None:
    """Make a system call with senseless arguments: any answer but "not permitted" comes from behind the filter."""
    libc = ctypes.CDLL(None, use_errno=True)
    wrong = ctypes.c_long(-1)
    answer = libc.syscall(number, wrong, wrong, wrong, wrong, wrong, wrong)
    code = ctypes.get_errno()
    if answer == -1 and code in (errno.EPERM, errno.ENOSYS):
        return None
    return f"answered {answer} ({errno.errorcode.get(code)})"


def _environment(task: dict[str, Any], outputs: dict[str, int]) -> str | None:
    strange = sorted(set(os.environ) - set(task["environment"]) - {"PWD", "LC_CTYPE"})
    return f"variables {strange}" if strange else None


def _foreign_environments(task: dict[str, Any], outputs: dict[str, int]) -> str | None:
    for pid in {*(int(name) for name in _names("/proc") if name.isdigit()), 1, os.getppid(), task["parent"]}:
        if pid != os.getpid():
            try:
                if Path(f"/proc/{pid}/environ").read_bytes():
                    return f"environment of process {pid}"
            except OSError:
                continue
    return None


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _secret_files(task: dict[str, Any], outputs: dict[str, int]) -> str | None:
    for name in task["forbidden_files"]:
        try:
            with open(name, "rb") as stream:
                stream.read(1)
        except OSError:
            continue
        return f"read {name}"
    return None


def _secret_folders(task: dict[str, Any], outputs: dict[str, int]) -> str | None:
    for name in task["forbidden_folders"]:
        granted = {Path(path).relative_to(name).parts[0] for path in task["readable"] if _strictly_below(path, name)}
        if strange := sorted(set(_names(name)) - granted):
            return f"listed {name}: {strange[:3]}"
    return None


def _strictly_below(path: str, folder: str) -> bool:
    return path != folder and Path(path).is_relative_to(folder)


def _write_anywhere(task: dict[str, Any], outputs: dict[str, int]) -> str | None:
    folders = [*task["forbidden_folders"], *task["readable"], *_PUBLIC_FOLDERS, task["inputs"]]
    for folder in folders:
        name = f"{folder}/cadastre-probe-{os.getpid()}"
        try:
            os.close(os.open(name, os.O_CREAT | os.O_WRONLY, 0o600))
        except OSError:
            continue
        os.unlink(name)
        return f"wrote into {folder}"
    return None


def _change_inputs(task: dict[str, Any], outputs: dict[str, int]) -> str | None:
    order = f"{task['inputs']}/order.json"
    actions: tuple[Callable[[], None], ...] = (
        lambda: os.close(os.open(order, os.O_WRONLY)),
        lambda: os.chmod(order, 0o600),
        lambda: os.unlink(order),
    )
    for action in actions:
        try:
            action()
        except OSError:
            continue
        return "changed its own inputs"
    return None


def _network(task: dict[str, Any], outputs: dict[str, int]) -> str | None:
    for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, socket.AF_NETLINK):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            try:
                socket.socket(family, kind).close()
            except OSError:
                continue
            return f"opened a socket of family {family}"
    return None


def _loopback(task: dict[str, Any], outputs: dict[str, int]) -> str | None:
    with socket.create_connection(("127.0.0.1", task["port"]), timeout=1):
        return "connected to the parent"


def _signal_the_parent(task: dict[str, Any], outputs: dict[str, int]) -> str | None:
    for pid in {task["parent"], os.getppid(), 1} - {os.getpid(), 0}:
        try:
            os.kill(pid, 0)
        except OSError:
            continue
        return f"may signal process {pid}"
    return None


def _new_process(task: dict[str, Any], outputs: dict[str, int]) -> str | None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return "forked"


def _new_program(task: dict[str, Any], outputs: dict[str, int]) -> str | None:
    subprocess.run([sys.executable, "-c", ""], check=False, timeout=5)
    return "ran a program"


def _become_root(task: dict[str, Any], outputs: dict[str, int]) -> str | None:
    os.setuid(0)
    return "became root"


def _much_memory(task: dict[str, Any], outputs: dict[str, int]) -> str | None:
    mmap.mmap(-1, task["memory_bytes"] + mmap.PAGESIZE).close()
    return "mapped more memory than allowed"


def _many_threads(task: dict[str, Any], outputs: dict[str, int]) -> str | None:
    release, threads = threading.Event(), []
    try:
        for _ in range(task["processes"] + 8):
            thread = threading.Thread(target=release.wait, daemon=True)
            thread.start()
            threads.append(thread)
    finally:
        release.set()
        for thread in threads:
            thread.join()
    return f"ran {len(threads)} threads"


def _large_file(task: dict[str, Any], outputs: dict[str, int]) -> str | None:
    os.pwrite(outputs["spare"], b"x", task["output_bytes"])
    return "wrote beyond the limit of a file"


def _many_files(task: dict[str, Any], outputs: dict[str, int]) -> str | None:
    handles: list[int] = []
    try:
        for _ in range(task["open_files"] + 8):
            handles.append(os.open("/dev/null", os.O_RDONLY))
    finally:
        for handle in handles:
            os.close(handle)
    return "opened more files than allowed"


def _core_dump(task: dict[str, Any], outputs: dict[str, int]) -> str | None:
    soft, _ = resource.getrlimit(resource.RLIMIT_CORE)
    return f"core limit {soft}" if soft > 1 else None


def _raise_limits(task: dict[str, Any], outputs: dict[str, int]) -> str | None:
    resource.setrlimit(resource.RLIMIT_CPU, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return "lifted its processor time"


def _inherited_files(task: dict[str, Any], outputs: dict[str, int]) -> str | None:
    expected = {0, 1, 2, *outputs.values(), *landlock.pinned}
    strange = []
    for handle in range(256):
        try:
            os.fstat(handle)
        except OSError:
            continue
        if handle not in expected:
            strange.append(handle)
    return f"inherited {strange}" if strange else None


def _use_inputs_and_outputs(task: dict[str, Any], outputs: dict[str, int]) -> str | None:
    os.pwrite(outputs["spare"], b"ok", 0)
    return None if Path(task["inputs"], "order.json").stat().st_size else "the order is empty"


def _use_threads(task: dict[str, Any], outputs: dict[str, int]) -> str | None:
    done = threading.Event()
    thread = threading.Thread(target=done.set)
    thread.start()
    thread.join(5)
    return None if done.is_set() else "no thread ran"


def _use_numpy(task: dict[str, Any], outputs: dict[str, int]) -> str | None:
    import numpy as np

    return None if float(np.eye(16).dot(np.ones(16)).sum()) == 16.0 else "numpy computes wrongly"


_ATTEMPTS: dict[str, Attempt] = {
    "inherited-files": _inherited_files,
    "own-environment": _environment,
    "foreign-environments": _foreign_environments,
    "secret-files": _secret_files,
    "secret-folders": _secret_folders,
    "write-anywhere": _write_anywhere,
    "change-inputs": _change_inputs,
    "network": _network,
    "loopback": _loopback,
    "signal-the-parent": _signal_the_parent,
    "new-process": _new_process,
    "new-program": _new_program,
    "become-root": _become_root,
    "much-memory": _much_memory,
    "many-threads": _many_threads,
    "large-file": _large_file,
    "many-files": _many_files,
    "core-dump": _core_dump,
    "raise-limits": _raise_limits,
}
_HONEST: dict[str, Attempt] = {
    "use-inputs-and-outputs": _use_inputs_and_outputs,
    "use-threads": _use_threads,
    "use-numpy": _use_numpy,
}
