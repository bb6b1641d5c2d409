"""How does a machine get a token, and how is one recognised and taken away?"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction

from governance.models import ApiCredential
from registry import texts
from registry.digests import sha256_hex
from registry.errors import DomainError
from registry.ledger.append import append, declare_action
from registry.ledger.clock import database_now
from registry.models import Model, Role, User

declare_action("credential.made", "A token was made for a service account.")
declare_action("credential.revoked", "A token was taken away.")

SCOPES = frozenset(
    {
        "inventory:read", "inventory:write", "artifacts:write", "promotions:read", "promotions:write",
        "validations:read", "validations:write", "gate:decide", "deployments:write", "dossiers:read",
        "dossiers:write", "ledger:read",
    }
)  # fmt: skip
MAX_DAYS = 366
PREFIX = "cad_"


@transaction.atomic
def make_credential(
    account: User,
    *,
    name: str,
    scopes: Sequence[str],
    days: int,
    actor: User,
    models: Sequence[str] | None = None,
) -> tuple[ApiCredential, str]:
    """Make a token for a service account. Returns the credential and the token, which is shown only now.

    ``models`` limits the token to those models; None means every model. Raises ``unknown-scope``, ``bad-expiry``,
    ``unknown-model``, ``token-for-a-person``.
    """
    if not (actor.is_person and actor.holds(Role.ADMINISTRATOR)):
        raise DomainError("not-an-administrator", "Only an administrator may do this.", kind="forbidden")
    if account.is_person or not account.may_act:
        raise DomainError("token-for-a-person", "Tokens are for active service accounts; a person signs in.")
    unknown = sorted(set(scopes) - SCOPES)
    if unknown or not scopes:
        raise DomainError("unknown-scope", "A token needs scopes that exist.", unknown=unknown, known=sorted(SCOPES))
    if not 1 <= days <= MAX_DAYS:
        raise DomainError("bad-expiry", f"A token lives between 1 and {MAX_DAYS} days.")
    if models is not None:
        missing = sorted(set(models) - set(Model.objects.filter(pk__in=models).values_list("pk", flat=True)))
        if missing:
            raise DomainError("unknown-model", f"There is no model {', '.join(missing)}.", missing=missing)
    token = PREFIX + secrets.token_urlsafe(32)
    now = database_now()
    credential = ApiCredential.objects.create(
        account=account,
        name=texts.line(name, field="name", limit=120),
        prefix=token[:12],
        digest=sha256_hex(token.encode()),
        scopes=sorted(set(scopes)),
        models_allowed=sorted(set(models)) if models is not None else None,
        made_by=actor,
        made_at=now,
        expires_at=now + timedelta(days=days),
    )
    append("credential.made", credential, actor=actor)
    return credential, token


@transaction.atomic
def revoke_credential(credential: ApiCredential, *, actor: User) -> ApiCredential:
    """Take a token away, at once: by an administrator, or by the person who answers for its account."""
    if not (actor.is_person and (actor.holds(Role.ADMINISTRATOR) or actor.pk == credential.account.responsible_id)):
        raise DomainError("not-an-administrator", "Only an administrator may do this.", kind="forbidden")
    if ApiCredential.objects.filter(pk=credential.pk, revoked_at__isnull=True).update(revoked_at=database_now()) != 1:
        raise DomainError("already-revoked", "The token has been taken away already.", kind="conflict")
    credential.refresh_from_db()
    append("credential.revoked", credential, actor=actor)
    return credential


def credential_of(token: str) -> ApiCredential | None:
    """Return the live credential of a token; None when unknown, revoked, expired, or its account is shut out.

    Raises ``account-ended`` (forbidden) when the account, or that of the person who answers for it, has come to its end.
    """
    if not token.startswith(PREFIX) or len(token) > 200:
        return None
    credential = (
        ApiCredential.objects.select_related("account", "account__responsible")
        .filter(digest=sha256_hex(token.encode("utf-8", "replace")), revoked_at__isnull=True)
        .first()
    )
    if credential is None or credential.expires_at <= database_now() or not credential.account.is_active:
        return None
    responsible = credential.account.responsible
    if responsible is None or not responsible.is_active:
        return None
    if credential.account.has_ended or responsible.has_ended:
        raise DomainError("account-ended", "The account of this token has ended.", kind="forbidden")
    return credential
