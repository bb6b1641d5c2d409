"""Which key signs dossiers when none is configured? An ECDSA key with its own certificate, made at the first start."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.conf import settings

from audits.dossier.signers.contract import SIGNERS
from registry.errors import DomainError
from registry.ledger.keys import write_once

if TYPE_CHECKING:
    from pyhanko.sign.signers import Signer

CERTIFICATE_YEARS = 20
LONGEST_NAME = 64


@SIGNERS.register("file", summary="A PEM file with a private key and its certificate chain, the signer's first.")
def open_file() -> Signer:
    """Return the signer in ``DOSSIER_SIGNING_KEY_FILE``; the first caller makes key and self-signed certificate.

    Raises DomainError ``signing-key-missing`` or ``signing-key-malformed``.
    """
    path = Path(settings.DOSSIER_SIGNING_KEY_FILE)
    if not path.exists():
        write_once(path, self_signed(settings.REGISTER_NAME))
    try:
        content = path.read_bytes()
    except OSError as error:
        message = f"The signing key {path.name} cannot be read: {error.strerror}."
        raise DomainError("signing-key-missing", message, kind="unavailable") from error
    try:
        return _signer(content)
    except (ValueError, TypeError) as error:
        message = f"The signing key {path.name} is not a PEM file with a private key and its certificate."
        raise DomainError("signing-key-malformed", message, kind="unavailable") from error


def self_signed(name: str) -> bytes:
    """Return a fresh P-256 key and a certificate for it as PEM. The subject is ``name``, cut to 64 characters."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:LONGEST_NAME])])
    start = datetime.now(UTC) - timedelta(minutes=5)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=365 * CERTIFICATE_YEARS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


def _usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _signer(content: bytes) -> Signer:
    from asn1crypto.keys import PrivateKeyInfo
    from asn1crypto.x509 import Certificate
    from pyhanko.sign.signers import SimpleSigner
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    key = serialization.load_pem_private_key(content, password=None)
    first, *chain = x509.load_pem_x509_certificates(content)
    spki = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*spki) != first.public_key().public_bytes(*spki):
        raise ValueError("the first certificate is of another key")
    private = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    known = SimpleCertificateStore()  # type: ignore[no-untyped-call]  # the library leaves it unannotated
    known.register_multiple(Certificate.load(one.public_bytes(serialization.Encoding.DER)) for one in (first, *chain))
    return SimpleSigner(
        signing_cert=Certificate.load(first.public_bytes(serialization.Encoding.DER)),
        signing_key=PrivateKeyInfo.load(private),
        cert_registry=known,
    )
