"""How does a time-stamping authority witness a checkpoint? RFC 3161 over HTTP, within one time limit."""

from __future__ import annotations

import base64
import binascii
import contextlib
import http.client
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from registry.ledger.faults import AnchorDown, LedgerFault
from registry.ledger.places.contract import Receipt
from registry.ledger.plain import instant_text

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

ASKS, ANSWERS = "application/timestamp-query", "application/timestamp-reply"
LARGEST_ANSWER = 64 * 1024


@dataclass(frozen=True)
class TimestampAnchor:
    """A time-stamping authority. It keeps nothing, so its receipt is the whole proof: signed bytes with an instant.

    ``roots`` is a PEM file: the certificates to trust, and any between them and the authority's own.
    """

    url: str
    roots: Path
    seconds: float = 10.0

    slug = "rfc3161"
    remote = True

    def newest(self) -> str | None:
        """Return None: the authority gives nothing back."""
        return None

    def notes(self) -> Iterator[str]:
        """Yield nothing: the authority gives nothing back."""
        yield from ()

    def keep(self, note: str, *, instant: str) -> Receipt:
        """Have ``note`` stamped; the answer is verified before it counts."""
        from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

        builder = TimestampRequestBuilder().data(note.encode()).hash_algorithm(HashAlgorithm.SHA256)
        request = builder.cert_request(cert_request=True).nonce(nonce=True).build()
        answer = self._ask(request.as_bytes())
        try:
            stamped = self._verified(answer, note, nonce=request.nonce)
        except LedgerFault as fault:
            raise AnchorDown(self.slug, fault.message) from fault
        return {"response": base64.b64encode(answer).decode(), "stamped_at": stamped, "authority": self.url}

    def confirm(self, note: str, receipt: Receipt) -> str:
        """Verify the stored answer of the authority for ``note``, with the trusted certificates alone."""
        try:
            answer = base64.b64decode(receipt["response"], validate=True)
        except (KeyError, TypeError, ValueError, binascii.Error) as error:
            raise LedgerFault("anchor-receipt-false", "The receipt holds no time stamp.") from error
        stamped = self._verified(answer, note)
        if receipt.get("stamped_at") != stamped:
            raise LedgerFault("anchor-receipt-false", "The receipt states another instant than its time stamp.")
        return f"stamped at {stamped}"

    def _verified(self, answer: bytes, note: str, *, nonce: int | None = None) -> str:
        from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response

        anchors, between = self._certificates()
        verifier = VerifierBuilder(roots=anchors, intermediates=between, nonce=nonce).build()
        try:
            response = decode_timestamp_response(answer)
            verifier.verify_message(response, note.encode())
            return instant_text(response.tst_info.gen_time)
        except (VerificationError, ValueError) as error:
            message = f"The time stamp does not stand: {error}."
            raise LedgerFault("anchor-receipt-false", message) from error

    def _certificates(self) -> tuple[list[Certificate], list[Certificate]]:
        from cryptography import x509

        try:
            found = x509.load_pem_x509_certificates(self.roots.read_bytes())
        except (OSError, ValueError) as error:
            raise AnchorDown(self.slug, f"the certificates to trust cannot be read: {error}.") from error
        own = [one for one in found if one.issuer == one.subject]
        if not own:
            raise AnchorDown(self.slug, "there is no root among the certificates to trust.")
        return own, [one for one in found if one.issuer != one.subject]

    def _ask(self, query: bytes) -> bytes:
        """Post the query and return the answer; whatever the other side does, it is over after ``seconds``."""
        parts = urlsplit(self.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=self.seconds)
        path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
        over = threading.Event()
        end = threading.Timer(self.seconds, over.set)
        try:
            connection.connect()
            end = threading.Timer(self.seconds, _cut, args=(connection.sock, over))
            end.daemon = True
            end.start()
            connection.request("POST", path, body=query, headers={"Content-Type": ASKS, "Accept": ANSWERS})
            with connection.getresponse() as response:
                answer = response.read(LARGEST_ANSWER + 1)
        except (OSError, http.client.HTTPException) as error:
            told = f"no answer within {self.seconds:g} s" if over.is_set() else str(error) or type(error).__name__
            raise AnchorDown(self.slug, f"{told}.") from error
        finally:
            end.cancel()
            connection.close()
        if over.is_set():
            raise AnchorDown(self.slug, f"no answer within {self.seconds:g} s.")
        if response.status != http.HTTPStatus.OK or response.headers.get_content_type() != ANSWERS:
            raise AnchorDown(self.slug, f"it answers {response.status} {response.headers.get_content_type()}.")
        if len(answer) > LARGEST_ANSWER:
            raise AnchorDown(self.slug, f"it answers more than {LARGEST_ANSWER} bytes.")
        return answer


def _cut(open_socket: socket.socket, over: threading.Event) -> None:
    """Break a connection that drips: the time-out of a socket begins anew with every byte."""
    over.set()
    with contextlib.suppress(OSError):  # it has ended meanwhile
        open_socket.shutdown(socket.SHUT_RDWR)
