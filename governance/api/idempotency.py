"""Was this write asked before? A key of the caller, a lease while it runs, and the same answer ever after."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.http import HttpResponse
from django.utils.translation import gettext as _
from rest_framework.request import Request

from governance.api.auth import models_seen
from governance.api.errors import Refusal
from governance.models import IdempotentCall
from registry.digests import digest_of, sha256_hex
from registry.ledger.clock import database_now
from registry.models import User

HEADER = "Idempotency-Key"
KEY = re.compile(r"\A[\x21-\x7e]{1,128}\Z")
LEASE = timedelta(seconds=90)
KEPT = timedelta(hours=24)
LARGEST_ANSWER = 1 << 20
NEVER_STORED = frozenset({409, 429})


class AnsweredBefore(Exception):
    """The write was carried out before; ``response`` repeats the answer it was given."""

    def __init__(self, response: HttpResponse) -> None:
        super().__init__("answered before")
        self.response = response


@dataclass(frozen=True)
class OpenCall:
    """A write that is running under its key: either its answer is kept, or the key is set free."""

    row: int
    lease_until: Any

    def end(self, response: HttpResponse) -> None:
        """Keep an answer that will not change by asking again; else free the key."""
        mine = IdempotentCall.objects.filter(pk=self.row, lease_until=self.lease_until, status__isnull=True)
        lasting = response.status_code < 500 and response.status_code not in NEVER_STORED
        with transaction.atomic():
            if lasting and len(response.content) <= LARGEST_ANSWER:
                mine.update(
                    status=response.status_code,
                    content_type=response.headers.get("Content-Type", "")[:100],
                    body=response.content,
                )
            else:
                mine.delete()


def begin(request: Request, account: User, body: bytes) -> OpenCall | None:
    """Take the key of a write, or None when it carries none.

    Raises AnsweredBefore with the stored answer, Refusal ``idempotency-key-running`` (409, with Retry-After) while the
    first call runs, ``idempotency-key-reused`` (422) for another request, ``bad-idempotency-key`` (422).
    """
    key = request.headers.get(HEADER)
    if key is None:
        return None
    if not KEY.match(key):
        raise Refusal(422, "bad-idempotency-key", _("An Idempotency-Key has 1 to 128 visible ASCII characters."))
    digest = digest_of(
        {
            "method": request.method,
            "path": request.get_full_path(),
            "body": sha256_hex(body),
            "models": models_seen(request),
        }
    )
    return _take(account, key, digest)


@transaction.atomic
def _take(account: User, key: str, digest: str) -> OpenCall:
    now = database_now()
    IdempotentCall.objects.filter(account=account, made_at__lt=now - KEPT, lease_until__lt=now).delete()
    row, fresh = IdempotentCall.objects.select_for_update().get_or_create(
        account=account, key=key, defaults={"request_digest": digest, "lease_until": now + LEASE, "made_at": now}
    )
    if fresh:
        return OpenCall(row.pk, row.lease_until)
    if row.request_digest != digest:
        raise Refusal(422, "idempotency-key-reused", _("This key was used for another request."))
    if row.status is not None:
        raise AnsweredBefore(_stored(row, row.status))
    if row.lease_until > now:
        seconds = str(max(1, int((row.lease_until - now).total_seconds())))
        raise Refusal(
            409, "idempotency-key-running", _("The first request with this key is running."),
            headers={"Retry-After": min(seconds, "2", key=int)},
        )  # fmt: skip
    IdempotentCall.objects.filter(pk=row.pk).update(lease_until=now + LEASE)
    return OpenCall(row.pk, now + LEASE)


def _stored(row: IdempotentCall, status: int) -> HttpResponse:
    response = HttpResponse(bytes(row.body or b""), status=status, content_type=row.content_type or None)
    response["Idempotency-Replayed"] = "true"
    return response
