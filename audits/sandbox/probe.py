"""Does a rung hold? Start a child behind it that tries to get out by every known way; each must fail."""

from __future__ import annotations

import os
import secrets
import socket
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from audits.sandbox import answers, ground
from audits.sandbox.execution import run, workplace
from audits.sandbox.protocol import Limits, Rung
from registry.digests import digest_of
from registry.errors import DomainError

LIMITS = Limits(wall_seconds=30.0, cpu_seconds=20, memory_bytes=2**30, output_bytes=2**20, processes=16, open_files=64)


@dataclass(frozen=True)
class ProbeReport:
    """What the probe of one rung found.

    ``escapes``: each attempt and what it reached (None: it was stopped). ``failures``: each honest thing a model needs
    and why it did not work (None: it works). ``trouble``: why the probe gave no answer at all, or None.
    """

    rung: str
    escapes: dict[str, str | None]
    failures: dict[str, str | None]
    trouble: str | None = None

    @property
    def passed(self) -> bool:
        """True when every attempt was made and stopped, and every honest thing worked."""
        answered = self.trouble is None and bool(self.escapes) and bool(self.failures)
        return answered and not any(self.escapes.values()) and not any(self.failures.values())

    @property
    def digest(self) -> str:
        """The SHA-256 of the report, to be recorded in each run that relied on it."""
        return digest_of(asdict(self))


def probe(rung: Rung, *, limits: Limits = LIMITS) -> ProbeReport:
    """Try to escape from ``rung``, with real secrets placed where a careless rung would show them."""
    if obstacle := rung.obstacle():
        return ProbeReport(rung.slug, {}, {}, trouble=obstacle)
    with tempfile.TemporaryDirectory(prefix="cadastre-secret-") as folder, socket.socket() as listener:
        secret = Path(folder, "secret")
        secret.write_text(secrets.token_hex(16), encoding="ascii")
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(0)
        try:
            with workplace() as place:
                ended = run(
                    rung,
                    place,
                    _task(place.inputs, secret, listener, limits),
                    outputs=("answer", "spare"),
                    limits=limits,
                )
                answers.refuse_bad_end(ended, limits)
                answer = answers.read_answer(place.output("answer"))
            escapes, failures = _findings(answer.get("escapes")), _findings(answer.get("failures"))
        except DomainError as error:
            words = str(error.context.get("last_words", ""))
            return ProbeReport(rung.slug, {}, {}, trouble=f"{error} {words}".strip()[:500])
        except (ValueError, OSError) as error:
            return ProbeReport(rung.slug, {}, {}, trouble=str(error)[:500])
        escapes["seen-by-the-parent"] = _seen(listener, Path(folder))
    return ProbeReport(rung.slug, escapes, failures)


def _task(inputs: Path, secret: Path, listener: socket.socket, limits: Limits) -> dict[str, Any]:
    project = ground.PROJECT
    folders = [project, project / "var", Path.home(), secret.parent, Path("/etc"), Path("/proc"), Path("/var")]
    return {
        "kind": "probe",
        "inputs": str(inputs),
        "environment": list(ground.ENVIRONMENT),
        "readable": [str(path) for path in (*ground.readable(), inputs)],
        "forbidden_files": [str(secret), "/etc/shadow", "/etc/passwd", str(project / "manage.py"), "/proc/1/environ"],
        "forbidden_folders": [str(path) for path in folders],
        "parent": os.getpid(),
        "port": listener.getsockname()[1],
        "memory_bytes": limits.memory_bytes,
        "output_bytes": limits.output_bytes,
        "processes": limits.processes,
        "open_files": limits.open_files,
    }


def _findings(value: object) -> dict[str, str | None]:
    """Return the child's findings; raises ValueError unless they are a map from names to sentences or None."""
    if not isinstance(value, dict) or not all(found is None or isinstance(found, str) for found in value.values()):
        raise ValueError("the probe answered in another form")
    return {
        answers.inert(name, 100): None if found is None else answers.inert(found, 200) for name, found in value.items()
    }


def _seen(listener: socket.socket, folder: Path) -> str | None:
    """Look with the parent's own eyes: was there a connection, or a new file beside the secret?"""
    try:
        listener.accept()[0].close()
    except BlockingIOError:
        return "a new file beside the secret" if len(list(folder.iterdir())) != 1 else None
    return "a connection from the child"
