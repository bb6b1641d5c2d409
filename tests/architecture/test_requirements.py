"""Do the lock files pin every package by hash, agree with each other, and name no address?"""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.architecture.sources import ROOT

LOCKS = ("requirements.lock", "requirements-dev.lock")
PIN = re.compile(r"^(?P<name>[a-z0-9][a-z0-9._-]*)(?:\[[a-z0-9,._-]+\])?==(?P<version>[^ ;\\]+)(?: ;[^\\]+)? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}(?: \\)?$")


def pins(lock: str) -> dict[str, str]:
    """Return the version of each package in a lock file; every line must be a pin or a hash of the pin above."""
    found: dict[str, str] = {}
    hashes = 0
    for number, line in enumerate((ROOT / lock).read_text(encoding="utf-8").splitlines(), 1):
        if match := PIN.match(line):
            assert not found or hashes, f"{lock}:{number}: the package before has no hash"
            found[match["name"]] = match["version"]
            hashes = 0
        else:
            assert HASH.match(line), f"{lock}:{number}: neither a pin nor a hash: {line!r}"
            hashes += 1
    assert hashes, f"{lock}: the last package has no hash"
    return found


def canonical(requirement: str) -> str:
    """Return the name of a requirement line in the form that lock files use."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0]).lower()


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_is_a_pin_or_its_hash(lock: str) -> None:
    assert len(pins(lock)) > 50


def test_the_service_lock_is_part_of_the_development_lock() -> None:
    service, development = pins("requirements.lock"), pins("requirements-dev.lock")
    assert {name: version for name, version in service.items() if development.get(name) != version} == {}


def test_every_declared_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = project["dependency-groups"]
    service = {canonical(line) for line in [*project["project"]["dependencies"], *groups["demo"]]}
    development = service | {canonical(line) for line in groups["dev"]}
    assert service - set(pins("requirements.lock")) == set()
    assert development - set(pins("requirements-dev.lock")) == set()
