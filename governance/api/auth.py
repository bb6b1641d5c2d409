"""Who is asking, and may they? Tokens for machines, sessions for people; what is not declared is refused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, CSRFCheck, SessionAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from governance.actions.credentials import PREFIX, credential_of
from governance.api.errors import Refusal
from governance.models import ApiCredential
from registry.errors import DomainError
from registry.ledger.clock import database_now
from registry.models import Role, User

if TYPE_CHECKING:
    from rest_framework.views import APIView

EVERYBODY = frozenset(Role.values) - {Role.CI.value}
"""Any person with a role may read the inventory."""
WORKING = EVERYBODY - {Role.AUDITOR.value, Role.ADMINISTRATOR.value}
"""An auditor only reads, and an administrator decides nothing."""
QUERY_NAMES = frozenset({"token", "access_token", "api_key", "apikey", "authorization", "bearer"})
USE_NOTED_EVERY = timedelta(minutes=1)


class CredentialAuthentication(BaseAuthentication):
    """``Authorization: Bearer cad_...`` of a service account. A header that is there and wrong is never passed over."""

    def authenticate(self, request: Request) -> tuple[User, ApiCredential] | None:
        """Return account and credential, None without a header; 401 for a token that does not let in."""
        if any(
            name.lower() in QUERY_NAMES or value.startswith(PREFIX)
            for name, values in request.query_params.lists()
            for value in values
        ):
            raise exceptions.AuthenticationFailed(
                _("A token goes into the header, never the address."), "token-in-query"
            )
        header = request.headers.get("Authorization")
        if header is None:
            return None
        scheme, _space, token = header.partition(" ")
        try:
            credential = credential_of(token) if scheme.lower() == "bearer" else None
        except DomainError as ended:
            raise exceptions.AuthenticationFailed(_("The account of this token has ended."), ended.code) from ended
        if credential is None:
            raise exceptions.AuthenticationFailed(
                _("The token is unknown, expired or has been taken away."), "token-not-valid"
            )
        _note_use(credential)
        return credential.account, credential

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge of a 401."""
        return 'Bearer realm="cadastre"'


class PersonSessionAuthentication(SessionAuthentication):
    """A signed-in session of an active person, with Django's protection against forged requests."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        """Return the person, or None without a session."""
        found = super().authenticate(request)
        if found is None or not isinstance(found[0], User) or not found[0].is_person:
            return None
        return found[0], None

    def enforce_csrf(self, request: Request) -> None:
        """Refuse a write whose token does not match the cookie.

        Django's own request is asked, not DRF's: that one would parse the body, which is read once and later.
        """
        check = CSRFCheck(lambda _request: None)  # type: ignore[arg-type]  # its answer is never used
        check.process_request(request._request)
        if reason := check.process_view(request._request, None, (), {}):  # type: ignore[arg-type]  # as DRF calls it
            raise Refusal(403, "csrf-failed", _("The request does not come from our page: %s") % reason)


def _note_use(credential: ApiCredential) -> None:
    """Record that a token was used, at most once a minute; working data that the ledger does not govern."""
    now = database_now()
    if credential.last_used_at is not None and credential.last_used_at > now - USE_NOTED_EVERY:
        return
    stale = Q(last_used_at__isnull=True) | Q(last_used_at__lte=now - USE_NOTED_EVERY)
    with transaction.atomic():
        ApiCredential.objects.filter(stale, pk=credential.pk).update(last_used_at=now)


class Permitted(BasePermission):
    """Lets through what the view declares for the method: a scope for tokens, roles for people. Nothing else."""

    anybody: ClassVar[Mapping[str, Any]] = {}

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Return True, or raise: 401 for nobody, 403 ``scope-missing``, ``role-missing`` or ``session-required``."""
        method = request.method or ""
        public: frozenset[str] = getattr(view, "public", frozenset())
        scopes: Mapping[str, str] = getattr(view, "scopes", self.anybody)
        roles: Mapping[str, frozenset[str]] = getattr(view, "roles", self.anybody)
        if method == "HEAD" and method not in {*scopes, *roles, *public}:
            method = "GET"
        if method in public:
            return True
        if method.lower() not in view.http_method_names or not hasattr(view, method.lower()):
            raise exceptions.MethodNotAllowed(method)
        if not isinstance(request.user, User):
            return False
        if isinstance(request.auth, ApiCredential):
            _require_scope(request.auth, scopes.get(method), people=method in roles)
        else:
            _require_role(request.user, roles.get(method, frozenset()), machines=method in scopes)
        return True


def _require_scope(credential: ApiCredential, scope: str | None, *, people: bool) -> None:
    if scope is None and people:
        raise DomainError("session-required", _("This is done in a signed-in session of a person."), kind="forbidden")
    if scope is None:
        raise DomainError("not-permitted", _("Nobody may do this."), kind="forbidden")
    if scope not in credential.scopes:
        raise DomainError("scope-missing", _("The token lacks the scope %s.") % scope, kind="forbidden", required=scope)


def _require_role(person: User, roles: frozenset[str], *, machines: bool) -> None:
    if not roles:
        code = "token-required" if machines else "not-permitted"
        raise DomainError(code, _("This is not done in a session."), kind="forbidden")
    if not person.holds(*roles):
        raise DomainError(
            "role-missing", _("None of your roles lets you do this."), kind="forbidden", required=sorted(roles)
        )


def credential_in(request: Request) -> ApiCredential | None:
    """Return the token of a request, or None in a session."""
    return request.auth if isinstance(request.auth, ApiCredential) else None


def may_see(request: Request, model: str | None) -> bool:
    """Tell whether the token of a request is for a model; None stands for a thing that belongs to no model."""
    credential = credential_in(request)
    return credential is None or credential.models_allowed is None or model in credential.models_allowed


def require_model(request: Request, model: str | None) -> None:
    """Refuse a token that was made for other models with 403 ``token-not-for-this-model``."""
    if not may_see(request, model):
        raise DomainError(
            "token-not-for-this-model", _("The token was made for other models."), kind="forbidden", model=model
        )


def models_seen(request: Request) -> list[str] | None:
    """Return the models that a token is limited to, None when it (or the person) sees all."""
    credential = credential_in(request)
    return None if credential is None else credential.models_allowed
