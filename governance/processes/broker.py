"""Is there a queue to talk to? Starts the embedded Valkey on a unix socket, and asks any broker whether it answers."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

from governance.processes import commands
from governance.processes.children import Child, ProcessGroup, wait_until_true


def start_embedded(group: ProcessGroup, *, socket_path: Path, folder: Path) -> Child:
    """Start Valkey in ``group`` with its data in ``folder``; return when it answers PING on ``socket_path``."""
    for needed in (socket_path.parent, folder):
        needed.mkdir(parents=True, exist_ok=True, mode=0o700)
    child = group.start(commands.broker(socket_path=socket_path, folder=folder))
    wait_until_true(lambda: answers(socket_path), child=child, seconds=15.0, what="an answer to PING")
    return child


def answers(socket_path: Path) -> bool:
    """Return True when a Valkey or Redis server answers PING on the unix socket."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(1.0)
        connection.connect(str(socket_path))
        connection.sendall(b"PING\r\n")
        return connection.recv(16).startswith(b"+PONG")
    return False


def socket_path_of(broker_url: str) -> Path:
    """Return the path in a ``redis+socket:///path`` address; ValueError for any other address."""
    scheme, _, rest = broker_url.partition("://")
    if scheme != "redis+socket" or not rest.startswith("/"):
        raise ValueError(f"{scheme}:// is not the address of a unix socket.")
    return Path(rest.partition("?")[0])
