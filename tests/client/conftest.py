"""What do tests of the client stand on? The client's own folder, a key, and a local server that answers as told."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

CLIENT = Path(__file__).resolve().parents[2] / "client"
sys.path.insert(0, str(CLIENT))

import pytest  # noqa: E402  # the path comes first, so that `cadastre` is the one beside us
from cadastre import transport  # noqa: E402  # see above

from governance.gate.attestation import public_key_line  # noqa: E402  # see above
from tests.client.answers import KEY, Server  # noqa: E402  # see above


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "PAUSES", (0.0, 0.0))
    for name in (
        "CADASTRE_URL",
        "CADASTRE_TOKEN",
        "CADASTRE_KEY",
        "http_proxy",
        "HTTP_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[Server]:
    """A server on this machine that gives the answers a test hands it."""
    with Server() as running:
        yield running


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """The public key the user trusts."""
    path = tmp_path / "cadastre.pub"
    path.write_text(public_key_line(KEY.public_key()) + "\n")
    return path


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    """The file the gate is asked about."""
    path = tmp_path / "model.skops"
    path.write_bytes(b"these exact bytes")
    return path
