"""Does the signature cover the file, leave the rendered bytes alone, and break when anything is changed?"""

from __future__ import annotations

import io
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko_certvalidator import ValidationContext

from audits.dossier.render import render
from audits.dossier.sign import sign
from audits.dossier.signers.contract import SIGNERS
from audits.dossier.signers.file import open_file, self_signed
from registry.errors import DomainError
from tests.audits.dossier_samples import document
from tests.registry.anchor_services import make_authority, serving

DIGEST = "0123456789abcdef"


@pytest.fixture
def key_file(settings, tmp_path) -> Path:
    """Return where the signing key will be made."""
    settings.DOSSIER_SIGNING_KEY_FILE = tmp_path / "keys" / "dossier.pem"
    return settings.DOSSIER_SIGNING_KEY_FILE


def validated(pdf: bytes):
    """Return what pyHanko says of the only signature, trusting its own certificate."""
    (signature,) = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
    return validate_pdf_signature(signature, ValidationContext(trust_roots=[signature.signer_cert]))


def test_the_signed_file_begins_with_the_rendered_bytes_and_is_valid(key_file):
    pdf = render(document(), b'{"facts": 1}')
    signed = sign(pdf)
    found = validated(signed)
    assert signed.startswith(pdf)
    assert (found.bottom_line, found.coverage.name, found.docmdp_ok) == (True, "ENTIRE_FILE", True)
    (signature,) = PdfFileReader(io.BytesIO(signed)).embedded_signatures
    assert signature.sig_object["/SubFilter"] == "/ETSI.CAdES.detached"


def test_the_key_is_made_once_readable_by_us_alone_and_used_again(key_file):
    first, second = open_file().signing_cert, open_file().signing_cert
    assert first.dump() == second.dump()
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o400


@pytest.mark.parametrize("place", [0.02, 0.4, 0.7, 0.95])
def test_a_changed_byte_of_a_stream_breaks_the_signature(key_file, place):
    signed = bytearray(sign(render(document())))
    at = signed.index(b"stream\n", int(len(signed) * place * 0.5)) + 12
    signed[at] ^= 0x01
    try:
        found = validated(bytes(signed))
    except SignatureValidationError:
        return
    assert not (found.intact and found.valid)


def test_something_appended_after_the_signature_is_noticed(key_file):
    signed = sign(render(document()))
    again = sign_with_update(signed)
    assert not validated(again).bottom_line


def sign_with_update(signed: bytes) -> bytes:
    """Return the signed file with an incremental update that changes its title."""
    from pyhanko.pdf_utils import generic
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

    writer, out = IncrementalPdfFileWriter(io.BytesIO(signed)), io.BytesIO()
    writer.root["/Lang"] = generic.pdf_string("xx")
    writer.update_root()
    writer.write(out)
    return out.getvalue()


@pytest.mark.parametrize(
    "content", [b"", b"no key at all", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_a_file_that_is_no_key_is_refused_by_name_only(key_file, content):
    key_file.parent.mkdir()
    key_file.write_bytes(content)
    with pytest.raises(DomainError, match="signing-key-malformed") as refusal:
        sign(render(document()))
    assert "dossier.pem" in refusal.value.message


def test_a_certificate_of_another_key_is_refused(key_file):
    key_file.parent.mkdir()
    one, other = self_signed("one"), self_signed("other")
    certificate = x509.load_pem_x509_certificates(other)[0].public_bytes(serialization.Encoding.PEM)
    key_file.write_bytes(one.split(b"-----BEGIN CERTIFICATE-----")[0] + certificate)
    with pytest.raises(DomainError, match="signing-key-malformed"):
        sign(render(document()))


def test_another_package_can_bring_a_signer(key_file, settings):
    opened = []

    def elsewhere():
        opened.append(True)
        return open_file()

    settings.DOSSIER_SIGNER = "elsewhere"
    with SIGNERS.temporarily("elsewhere", elsewhere, summary="A key elsewhere."):
        assert validated(sign(render(document()))).bottom_line
    assert opened == [True]
    with pytest.raises(DomainError, match="unknown-document-signer"):
        sign(render(document()))


@pytest.fixture
def authority(tmp_path) -> Iterator[str]:
    """Return the address of a real timestamp authority."""
    with serving(make_authority(tmp_path / "tsa")) as found:
        yield found.url


def test_a_configured_authority_stamps_the_signature(key_file, settings, authority):
    settings.TIMESTAMP_URL = authority
    signed = sign(render(document()))
    (signature,) = PdfFileReader(io.BytesIO(signed)).embedded_signatures
    found = validate_pdf_signature(signature, ValidationContext(trust_roots=[signature.signer_cert]))
    assert found.intact
    assert found.timestamp_validity is not None
    assert found.timestamp_validity.intact


def test_an_authority_that_is_away_is_said_and_nothing_is_signed_without_it(key_file, settings):
    settings.TIMESTAMP_URL = "http://127.0.0.1:9/"
    with pytest.raises(DomainError, match="timestamp-unavailable"):
        sign(render(document()))
