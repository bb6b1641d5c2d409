"""Who vouches for the bytes of a dossier? A PAdES signature, appended to them: what was rendered stays as it was."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from django.conf import settings

from audits.dossier.signers.contract import SIGNERS
from registry.errors import DomainError

if TYPE_CHECKING:
    from pyhanko.sign.timestamps import TimeStamper

FIELD = "Cadastre"
REASON = "Issued by this register"


def sign(pdf: bytes) -> bytes:
    """Return ``pdf`` followed by a PAdES signature (B-B; B-T with the timestamp of a configured authority).

    The result begins with the bytes of ``pdf``; the certification forbids any later change. The key is that of
    ``DOSSIER_SIGNER``, by default a file. Raises DomainError ``signing-key-missing`` or ``signing-key-malformed`` when
    there is no key, and ``timestamp-unavailable`` when the configured authority does not answer.
    """
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign import PdfSignatureMetadata, PdfSigner
    from pyhanko.sign.fields import MDPPerm, SigFieldSpec, SigSeedSubFilter
    from pyhanko.sign.timestamps import TimestampRequestError

    metadata = PdfSignatureMetadata(
        field_name=FIELD,
        md_algorithm="sha256",
        subfilter=SigSeedSubFilter.PADES,
        name=settings.REGISTER_NAME,
        reason=REASON,
        certify=True,
        docmdp_permissions=MDPPerm.NO_CHANGES,
    )
    signer = PdfSigner(
        metadata, SIGNERS.get(settings.DOSSIER_SIGNER)(), timestamper=_timestamper(), new_field_spec=SigFieldSpec(FIELD)
    )
    out = io.BytesIO()
    try:
        signer.sign_pdf(IncrementalPdfFileWriter(io.BytesIO(pdf)), output=out)
    except (TimestampRequestError, OSError, TimeoutError) as error:
        message = f"The timestamp authority did not answer as it should ({type(error).__name__})."
        raise DomainError("timestamp-unavailable", message, kind="unavailable") from error
    signed = out.getvalue()
    if not signed.startswith(pdf):
        raise DomainError("bytes-altered", "The signature did not leave the rendered bytes as they were.")
    return signed


def _timestamper() -> TimeStamper | None:
    from pyhanko.sign.timestamps import HTTPTimeStamper

    url = settings.TIMESTAMP_URL
    return HTTPTimeStamper(url, timeout=settings.LEDGER_ANCHOR_TIMEOUT_SECONDS) if url else None
