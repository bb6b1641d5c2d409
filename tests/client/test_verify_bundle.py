"""Does `cadastre verify` judge a bundle as the verifier inside the bundle does?"""

from __future__ import annotations

from pathlib import Path

import cadastre.bundle
import pytest
from cadastre.command import main

from audits.dossier.bundle import VERIFIER
from tests.audits.bundle_samples import made


def test_the_client_carries_the_verifier_of_the_bundles_to_the_byte() -> None:
    assert Path(cadastre.bundle.__file__).read_bytes() == VERIFIER.read_bytes()


@pytest.mark.django_db
def test_a_bundle_is_verified_offline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sample = made()
    path, key = tmp_path / "bundle.zip", tmp_path / "key"
    path.write_bytes(sample.data)
    key.write_text(sample.key)
    assert main(["verify", str(path), "--key", str(key)]) == 0
    assert capsys.readouterr().out.endswith("VERIFIED\n")
    path.write_bytes(sample.data[:-1])
    assert main(["verify", str(path), "--key", str(key)]) == 2
    assert "another layout" in capsys.readouterr().out


def test_an_attestation_still_needs_a_file_and_a_place(tmp_path: Path) -> None:
    (tmp_path / "attestation.json").write_text("{}")
    assert main(["verify", str(tmp_path / "attestation.json")]) == 2
