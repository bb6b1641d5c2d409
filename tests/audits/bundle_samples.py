"""A bundle of a dossier that was really issued, and what its receiver trusts: made once, read by many tests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audits.actions.bundles import make_bundle
from audits.actions.dossiers import build_dossier, request_dossier
from audits.dossier import verify
from registry.ledger import keys, signing
from registry.ledger.extract import own_chain
from tests import builders
from tests.cast import make_cast


@dataclass(frozen=True)
class Sample:
    """The zip, the trusted key, one checkpoint kept outside, and the private key for those who stole it."""

    data: bytes
    key: str
    kept: str
    private: Any
    dossier: str

    def files(self) -> dict[str, bytes]:
        """Return the files of the bundle."""
        return verify.unzipped(self.data)


def made() -> Sample:
    """Make a bundle in the test's database: approved, dissented, denied once, bundled once before."""
    cast = make_cast()
    approved = builders.an_approved_promotion(cast)
    asked, _ = request_dossier(approved.version, actor=cast.otto)
    issued = build_dossier(str(asked.pk))
    assert issued.state == "issued", issued.failure
    make_bundle(issued, actor=cast.otto)
    data = make_bundle(issued, actor=cast.otto)
    private = keys.load(signing.key_file())
    return Sample(data, own_chain().keys()[-1], issued.checkpoint, private, str(issued.pk))


def judged(folder: Path, data: bytes, *, key: str | None, kept: str | None = None) -> verify.Report:
    """Let ``verify.py`` judge a zip with what the receiver trusts."""
    (folder / "bundle.zip").write_bytes(data)
    given: dict[str, str | None] = {"key": None, "kept": None}
    for name, text in (("key", key), ("kept", kept)):
        if text is not None:
            (folder / name).write_text(text, encoding="utf-8")
            given[name] = str(folder / name)
    return verify.verify(str(folder / "bundle.zip"), given["key"], given["kept"], None)
