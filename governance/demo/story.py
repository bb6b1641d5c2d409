"""How is the walk told? One line a step as it happens, with the time; a step that does not do what it should ends it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TextIO


class NotAsItShould(RuntimeError):
    """A step did something else than it should; the demo ends with exit code 1."""


@dataclass
class Story:
    """Prints the steps; ``begun`` is the start on the monotonic clock."""

    out: TextIO
    begun: float = field(default_factory=time.monotonic)

    def chapter(self, title: str) -> None:
        """Begin a part of the walk."""
        self.out.write(f"\n{title}\n")
        self.out.flush()

    def say(self, text: str) -> None:
        """Tell one step."""
        self.out.write(f"  [{time.monotonic() - self.begun:5.1f} s] {text}\n")
        self.out.flush()

    def quote(self, text: str, *, limit: int = 60) -> None:
        """Show what a program printed, indented."""
        lines = text.splitlines()
        for line in lines[:limit]:
            self.out.write(f"            | {line}\n")
        if len(lines) > limit:
            self.out.write(f"            | ... {len(lines) - limit} more lines\n")
        self.out.flush()

    def expect(self, holds: bool, text: str, *, shown: str = "") -> None:
        """Tell a step that must hold, or end the walk."""
        if not holds:
            raise NotAsItShould(f"{text}\n{shown}".strip())
        self.say(text)
