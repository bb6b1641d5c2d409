"""How is one child started, bounded, ended and cleared away? The mechanism under scoring and under the probe."""

from __future__ import annotations

import json
import os
import random
import re
import selectors
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from audits.sandbox import ground
from audits.sandbox.bubblewrap import DEVICES
from audits.sandbox.protocol import Limits, Rung, SandboxError, Start

KEPT_TALK = 64 * 1024
ALLOWED_TALK = 8 * 2**20
_UIDS = range(61184, 65520)
_GRACE_SECONDS = 5.0
_HELD = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


@dataclass(frozen=True)
class Ended:
    """How a child ended: exit code (0-255, or None), signal number (or None), why we ended it, and what it used."""

    code: int | None
    signal: int | None
    stopped_for: str | None
    stdout: bytes
    stderr: bytes
    seconds: float
    peak_memory_bytes: int

    @property
    def last_words(self) -> str:
        """The end of its standard error as inert ASCII, at most 2,000 characters, for people who must mend a model."""
        text = self.stderr.decode("ascii", "replace")[-2000:]
        return "".join(sign if sign.isprintable() and sign.isascii() else " " for sign in text).strip()


class Workplace:
    """A new empty folder for one execution: ``inputs`` is all the child sees of it, ``outputs`` are open files."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.inputs = root / "in"
        self.inputs.mkdir(mode=0o700)
        (root / "out").mkdir(mode=0o700)

    def output(self, name: str) -> Path:
        """Return the file behind the output called ``name``."""
        return self.root / "out" / name


@contextmanager
def workplace() -> Iterator[Workplace]:
    """Make a folder for one execution and remove it afterwards, whatever happened."""
    root = Path(tempfile.mkdtemp(prefix="cadastre-sandbox-")).resolve()
    try:
        yield Workplace(root)
    finally:
        (root / "in").chmod(0o700)
        shutil.rmtree(root)


def run(rung: Rung, place: Workplace, task: Mapping[str, Any], *, outputs: Sequence[str], limits: Limits) -> Ended:
    """Run ``task`` in a child confined by ``rung`` and return how it ended; every process of it is gone then.

    The child gets no folder to write to: only the open files ``outputs``, each bounded by ``limits.output_bytes``.
    Raises SandboxError("sandbox-unavailable") when the program of the rung cannot be started.
    """
    uid = _unused_uid() if os.geteuid() == 0 else None
    order_path = place.inputs / "order.json"
    start = Start(
        command=ground.command(order_path),
        readable=(*ground.readable(), place.inputs),
        environment=ground.ENVIRONMENT,
        uid=uid,
    )
    handles = {name: os.open(place.output(name), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600) for name in outputs}
    # The kernel closes our end when we die; a child that finds it closed has outlived us and does nothing.
    theirs, ours = os.pipe()
    try:
        order = {
            **rung.confinement(start),
            "limits": asdict(limits),
            "uid": uid,
            "devices": list(DEVICES),
            "parent": os.getpid() if rung.direct else None,
            "outputs": handles,
            "lifeline": theirs,
            "task": dict(task),
        }
        order_path.write_text(json.dumps(order), encoding="ascii")
        _hand_over(place, uid)
        began = time.monotonic()
        try:
            process = subprocess.Popen(
                rung.command(start),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(ground.ENVIRONMENT) if rung.direct else {},
                cwd="/",
                pass_fds=(*handles.values(), theirs),
                start_new_session=True,
            )
        except OSError as error:
            raise SandboxError("sandbox-unavailable", str(error), kind="unavailable", rung=rung.slug) from error
        return _attend(process, began, limits)
    finally:
        for handle in (*handles.values(), theirs, ours):
            os.close(handle)


def _unused_uid() -> int:
    """Pick a user id that nobody has and no process runs under, so that two executions share nothing."""
    busy = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            busy.add(entry.stat().st_uid)
        except OSError:  # it ended while we looked
            continue
    return random.SystemRandom().choice([uid for uid in _UIDS if uid not in busy])


def _hand_over(place: Workplace, uid: int | None) -> None:
    """Make the inputs read-only, and the child's own where it has a user id, so that nobody else can read them.

    Root's group keeps its right to read: behind bubblewrap root has no other, and reads the order before it steps down.
    """
    for path in place.inputs.iterdir():
        path.chmod(0o400 if uid is None else 0o440)
    place.inputs.chmod(0o500 if uid is None else 0o550)
    if uid is not None:
        place.root.chmod(0o710)
        for path in (*place.inputs.iterdir(), place.inputs, place.root):
            os.chown(path, uid, os.getegid())


def _attend(process: subprocess.Popen[bytes], began: float, limits: Limits) -> Ended:
    """Listen to the child until it ends or breaks a bound; then end everything of it."""
    deadline = began + limits.wall_seconds
    talk: dict[int, bytearray] = {}
    heard, stopped_for, peak = 0, None, 0
    status: tuple[int, Any] | None = None
    with selectors.DefaultSelector() as selector:
        streams: list[IO[bytes]] = [stream for stream in (process.stdout, process.stderr) if stream is not None]
        for stream in streams:
            os.set_blocking(stream.fileno(), False)
            selector.register(stream, selectors.EVENT_READ)
            talk[stream.fileno()] = bytearray()
        while selector.get_map() or status is None:
            if stopped_for is None and (time.monotonic() >= deadline or heard > ALLOWED_TALK):
                stopped_for = "sandbox-timeout" if heard <= ALLOWED_TALK else "sandbox-output-exceeded"
                _kill(process.pid)
                deadline = time.monotonic() + _GRACE_SECONDS
            elif stopped_for is not None and time.monotonic() >= deadline:
                break
            for key, _ in selector.select(timeout=0.02 if not selector.get_map() else 0.05):
                piece = os.read(key.fd, 65536)
                heard += len(piece)
                talk[key.fd] = (talk[key.fd] + piece)[-KEPT_TALK:]
                if not piece:
                    selector.unregister(key.fileobj)
            peak = max(peak, _resident_peak(process.pid))
            status = status or _reap(process.pid)
        for stream in streams:
            stream.close()
    if status is None:
        _kill(process.pid)
        status = os.wait4(process.pid, 0)[1:]
    # Popen must not wait for a process that wait4 has collected.
    process.returncode = os.waitstatus_to_exitcode(status[0])
    code, number = _meaning(process.returncode)
    heard_out, heard_err = (bytes(talk[fd]) for fd in talk)
    return Ended(code, number, stopped_for, heard_out, heard_err, time.monotonic() - began, peak)


def _resident_peak(pid: int) -> int:
    """Return the most memory, in bytes, that ``pid`` or a process below it has held so far; 0 once they are gone.

    Asked while they live, since what the kernel reports of an ended child includes the memory of the parent it was
    forked from.
    """
    waiting, most = [str(pid)], 0
    while waiting:
        one = waiting.pop()
        try:
            status = Path(f"/proc/{one}/status").read_text(encoding="ascii", errors="replace")
            waiting += Path(f"/proc/{one}/task/{one}/children").read_text(encoding="ascii").split()
        except OSError:  # it ended while we looked
            continue
        held = _HELD.search(status)
        most = max(most, int(held[1]) * 1024 if held else 0)
    return most


def _reap(pid: int) -> tuple[int, Any] | None:
    found, status, usage = os.wait4(pid, os.WNOHANG)
    return (status, usage) if found else None


def _kill(pid: int) -> None:
    """End the whole process group; the child cannot leave it, since it may neither fork nor change its group."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:  # it ended by itself a moment ago
        return


def _meaning(returncode: int) -> tuple[int | None, int | None]:
    """Split a return code into exit code and signal; bwrap reports a signal of its child as 128 plus its number."""
    if returncode < 0:
        return None, -returncode
    if returncode > 128:
        return None, returncode - 128
    return returncode, None
