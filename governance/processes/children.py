"""How is a child process started, heard and ended? By its own process id and group; its name is put before its log."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

TETHER = Path(__file__).with_name("tether.py")


class NotStarted(RuntimeError):
    """A child process did not come up; its log says why."""


@dataclass(frozen=True)
class Command:
    """What to start: a name for the log, the absolute program with its arguments, and how it is asked to end."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM
    parting_signal: signal.Signals = signal.SIGTERM
    grace_seconds: float = 10.0
    inherited_descriptors: tuple[int, ...] = ()


class Child:
    """One running child process, leader of its own group, so that its own children end with it."""

    def __init__(self, command: Command, *, folder: Path, log: IO[str]) -> None:
        """Start ``command`` in ``folder``; every line it prints goes to ``log`` after its name."""
        self.command = command
        self._log = log
        tether = [sys.executable, "-I", "-S", str(TETHER), str(int(command.parting_signal)), str(os.getpid())]
        self.process = subprocess.Popen(
            [*tether, *command.argv],
            cwd=folder,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **command.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            pass_fds=command.inherited_descriptors,
        )
        self._reader = threading.Thread(target=self._copy_lines, name=f"log-{command.name}", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The process id, which is also the id of the process group."""
        return self.process.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code, or None while the child runs."""
        return self.process.poll()

    def ask_to_end(self) -> None:
        """Send the stop signal; a child that has ended already is left alone."""
        if self.exit_code is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(self.command.stop_signal)

    def end(self, *, within: float | None = None) -> int:
        """Ask the child to end, wait, then kill what is left of its group; return its exit code."""
        self.ask_to_end()
        try:
            self.process.wait(self.command.grace_seconds if within is None else within)
        except subprocess.TimeoutExpired:
            self.kill()
        self._kill_group()
        self._reader.join(timeout=2.0)
        if self.process.stdout is not None and not self._reader.is_alive():
            self.process.stdout.close()
        return self.process.wait()

    def kill(self) -> None:
        """Kill the child and its whole group without warning."""
        self._kill_group()
        self.process.wait()

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def _copy_lines(self) -> None:
        stream = self.process.stdout
        if stream is None:
            return
        for line in stream:
            self._log.write(f"{self.command.name:<7}| {line.rstrip()}\n")
            self._log.flush()


class ProcessGroup:
    """The children of one service, ended in the reverse order of their start."""

    def __init__(self, *, folder: Path, log: IO[str]) -> None:
        self._folder = folder
        self._log = log
        self.children: list[Child] = []

    def start(self, command: Command) -> Child:
        """Start one more child."""
        child = Child(command, folder=self._folder, log=self._log)
        self.children.append(child)
        return child

    def ended(self) -> Child | None:
        """Return a child that has ended although nobody asked it to, or None."""
        return next((child for child in self.children if child.exit_code is not None), None)

    def wait(self, stop: threading.Event, *, every: float = 0.2) -> Child | None:
        """Return None when ``stop`` is set, or the first child that ends on its own."""
        while not stop.wait(every):
            if child := self.ended():
                return child
        return None

    def end(self) -> None:
        """End every child, the last started first."""
        while self.children:
            self.children.pop().end()


@contextlib.contextmanager
def process_group(*, folder: Path, log: IO[str] | None = None) -> Iterator[ProcessGroup]:
    """Yield an empty group and end all that was started in it, whatever happens in the block."""
    group = ProcessGroup(folder=folder, log=log or sys.stderr)
    try:
        yield group
    finally:
        group.end()


def wait_until_true(
    probe: Callable[[], bool], *, child: Child, seconds: float, what: str, stop: threading.Event | None = None
) -> None:
    """Return when ``probe()`` is true; raise NotStarted when ``child`` ends, ``stop`` is set or time is over first."""
    deadline = time.monotonic() + seconds
    while not probe():
        if stop is not None and stop.is_set():
            raise NotStarted(f"The start was given up before {what} of {child.command.name}.")
        if child.exit_code is not None:
            raise NotStarted(f"{child.command.name} ended with exit code {child.exit_code} before {what}.")
        if time.monotonic() > deadline:
            raise NotStarted(f"{child.command.name}: {what} did not happen within {seconds:.0f} s.")
        time.sleep(0.05)
