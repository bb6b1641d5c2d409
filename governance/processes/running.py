"""How is the whole service run from one process? Broker, web server, worker and beat as children that end together."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import os
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from django.conf import settings

from governance.processes import broker, commands
from governance.processes.children import Child, NotStarted, ProcessGroup, process_group, wait_until_true

READY_SECONDS = 90.0


@dataclass(frozen=True)
class RunningService:
    """A service that answers: its address, and the processes it is made of."""

    base_url: str
    group: ProcessGroup
    web: Child
    worker: Child


@contextlib.contextmanager
def running_service(
    *,
    port: int = 0,
    host: str = "127.0.0.1",
    environment: Mapping[str, str] | None = None,
    log: IO[str] | None = None,
    stop: threading.Event | None = None,
    web_processes: int = 2,
    worker_processes: int = 2,
) -> Iterator[RunningService]:
    """Start every part on the current settings, wait until ``/health/ready`` answers 200, and end all of it afterwards.

    Port 0 takes a free one. ``environment`` is added to that of the children; ``log`` gets their lines (default: the
    standard error stream); ``stop`` gives up the start. Raises NotStarted when a part does not come up, when the port
    is taken, or when another service already runs on the same CADASTRE_VAR folder.
    """
    with (
        only_one(settings.VAR),
        listening(host, port) as listener,
        process_group(folder=settings.BASE_DIR, log=log) as group,
    ):
        address = address_of(listener)
        environment = {"CADASTRE_PUBLIC_URL": os.environ.get("CADASTRE_PUBLIC_URL", address), **(environment or {})}
        if settings.EMBEDDED_BROKER:
            socket_path = broker.socket_path_of(settings.BROKER_URL)
            broker.start_embedded(group, socket_path=socket_path, folder=settings.VAR / "valkey")
        web = group.start(commands.web(listener=listener.fileno(), environment=environment, processes=web_processes))
        worker = group.start(commands.worker(environment=environment, processes=worker_processes))
        group.start(commands.beat(schedule_file=settings.VAR / "run" / "beat-schedule", environment=environment))
        wait_until_true(
            lambda: has_started(address), child=web, seconds=READY_SECONDS, what="a ready answer", stop=stop
        )
        yield RunningService(base_url=address, group=group, web=web, worker=worker)


def is_ready(address: str) -> bool:
    """Return True when ``/health/ready`` of the service at ``address`` answers 200."""
    return _readiness(address)[0] == HTTPStatus.OK


def has_started(address: str) -> bool:
    """Return True when the service is ready, or when nothing but the proof of its ledger keeps it from being so.

    A register that was restored from an older copy starts: it is read, and people find the way back in its console.
    """
    status, failing = _readiness(address)
    return status == HTTPStatus.OK or (bool(failing) and failing <= {"ledger_anchor", "ledger_history"})


def _readiness(address: str) -> tuple[int, frozenset[str]]:
    """Return the status of ``/health/ready`` and the names of the checks that fail; 0 where nobody answers."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5.0)
    try:
        # Behind a proxy that ends TLS, plain requests are redirected; the question comes from this machine.
        connection.request("GET", "/health/ready", headers={"X-Forwarded-Proto": "https"})
        response = connection.getresponse()
        checks = json.loads(response.read()).get("checks", {})
        return response.status, frozenset(name for name, state in checks.items() if state != "ok")
    except (OSError, ValueError, http.client.HTTPException):
        return 0, frozenset()
    finally:
        connection.close()


def address_of(listener: socket.socket) -> str:
    """Return the address at which this machine reaches ``listener``, also when it listens on every interface."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  (compared, not bound)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Yield a listening socket that children inherit, so that a taken port is refused before anything is started."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise NotStarted(
                f"Port {port} of {host} cannot be used: {error.strerror}. Choose another by --port."
            ) from error
        listener.listen(2048)
        yield listener


@contextlib.contextmanager
def only_one(var: Path) -> Iterator[None]:
    """Hold the lock of the folder ``var``: two services on one folder would take each other's queue away."""
    folder = var / "run"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "service.lock").open("a+", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise NotStarted(
                f"A service (process {lock.read().strip()}) already runs on {var}. End it first."
            ) from None
        lock.seek(0)
        lock.truncate()
        lock.write(str(os.getpid()))
        lock.flush()
        yield
