"""What are the peers? Pinned sets of packages, each in an environment of its own, refused when a version differs."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PINS = Path(__file__).parent / "peers"
ENVIRONMENTS = ROOT / "var" / "bench" / "peers"
OURS = "cadastre"

LIST_PACKAGES = (
    "import importlib.metadata, json;"
    "print(json.dumps({d.metadata['Name']: d.version for d in importlib.metadata.distributions()}))"
)


class NotInstalled(Exception):
    """A peer's environment could not be made; the text says why."""


class WrongVersion(Exception):
    """A peer's environment holds other versions than those pinned: nothing measured there would be what it says."""


def known() -> tuple[str, ...]:
    """Return the names of the pinned peers."""
    return tuple(sorted(path.stem for path in PINS.glob("*.txt")))


def pinned(text: str) -> dict[str, str]:
    """Return package and version of each line ``name==version`` of a requirements file, names in their plain form."""
    found = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", text, flags=re.MULTILINE)
    return {plain(name): version for name, version in found}


def plain(name: str) -> str:
    """Return a package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def refuse_other_versions(name: str, pins: Mapping[str, str], installed: Mapping[str, str]) -> None:
    """Raise WrongVersion unless everything pinned is installed in exactly that version."""
    there = {plain(package): version for package, version in installed.items()}
    wrong = [
        f"{package} is {there.get(package, 'absent')}, pinned is {version}"
        for package, version in sorted(pins.items())
        if there.get(package) != version
    ]
    if wrong:
        more = f" (and {len(wrong) - 5} more)" if len(wrong) > 5 else ""
        raise WrongVersion(f"The environment of {name} is not the pinned one: {'; '.join(wrong[:5])}{more}.")


@dataclass(frozen=True)
class Environment:
    """A Python interpreter and the versions in its environment that matter to a reader."""

    name: str
    python: Path
    versions: Mapping[str, str]


def ours() -> Environment:
    """Return the environment that this process runs in."""
    return Environment(OURS, Path(sys.executable), _versions(Path(sys.executable)))


def provide(name: str, *, say: Callable[[str], None] = print) -> Environment:
    """Return a peer's environment, made first where it is not there or its pins have changed.

    Raises NotInstalled, and WrongVersion when what is there differs from the pins in any package.
    """
    pins = (PINS / f"{name}.txt").read_text(encoding="utf-8")
    folder, digest = ENVIRONMENTS / name, hashlib.sha256(pins.encode()).hexdigest()
    made_from, python = folder / "pins.sha256", folder / "bin" / "python"
    if not made_from.is_file() or made_from.read_text(encoding="ascii") != digest:
        say(f"Installing {name} (once, a minute or so) ...")
        _make(folder, PINS / f"{name}.txt")
        made_from.write_text(digest, encoding="ascii")
    installed = _versions(python)
    refuse_other_versions(name, pinned(pins), installed)
    return Environment(name, python, installed)


def _make(folder: Path, requirements: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    for command in (
        [sys.executable, "-m", "venv", str(folder)],
        [*pip, "--require-hashes", "--no-deps", "-r", str(requirements)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
            raise NotInstalled(lines[-1][:300] if lines else f"exit code {done.returncode}")


def _versions(python: Path) -> dict[str, str]:
    done = subprocess.run([str(python), "-I", "-c", LIST_PACKAGES], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotInstalled(f"its interpreter does not start: {done.stderr.strip()[-200:]}")
    found: dict[str, str] = json.loads(done.stdout)
    return found
