"""What answers the calls? The real WSGI server for both sides, and the processor time of its processes."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from governance.processes.children import Child, Command, ProcessGroup, wait_until_true
from governance.processes.running import address_of, listening

TICKS = os.sysconf("SC_CLK_TCK")


class Client:
    """One kept-alive connection that sends and expects JSON."""

    def __init__(self, address: str, *, token: str = "") -> None:
        parts = urlsplit(address)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60.0)
        self._headers = {"Content-Type": "application/json", "Connection": "keep-alive"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    def renew(self) -> None:
        """Open a new connection: while the other side plays, the server closes an idle one."""
        self._connection.close()
        self._connection.connect()

    def post(self, path: str, body: Mapping[str, Any], *, expect: tuple[int, ...]) -> Any:
        """Post ``body`` and return the answer; any other status than those expected ends the benchmark."""
        self._connection.request("POST", path, body=json.dumps(body), headers=self._headers)
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status not in expect:
            raise RuntimeError(f"POST {path} answered {answer.status}: {text[:2000].decode(errors='replace')}")
        return json.loads(text)


def processor_seconds(group_id: int) -> float:
    """Return user and system time of every process in the group, and of its members that have ended."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[2]) == group_id:
                ticks += sum(int(field) for field in fields[11:15])
    return ticks / TICKS


@contextlib.contextmanager
def wsgi_server(group: ProcessGroup, application: str, environment: Mapping[str, str]) -> Iterator[tuple[str, Child]]:
    """Start gunicorn with two processes of four threads each; yield its address and its leading process."""
    with listening("127.0.0.1", 0) as listener:
        address = address_of(listener)
        command = Command(
            name=application.partition(".")[0][:7],
            argv=[
                *(sys.executable, "-m", "gunicorn", application, "--bind", f"fd://{listener.fileno()}"),
                *("--worker-class", "gthread", "--workers", "2", "--threads", "4"),
                *("--keep-alive", "30", "--log-level", "warning", "--no-control-socket"),
            ],
            environment=environment,
            inherited_descriptors=(listener.fileno(),),
        )
        child = group.start(command)
        wait_until_true(lambda: _speaks(address), child=child, seconds=60.0, what="an answer")
        yield address, child


def _speaks(address: str) -> bool:
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5.0)
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    else:
        return True
    finally:
        connection.close()
