"""How do people and service accounts come in, and who gives them their roles?"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from registry import texts
from registry.actions.erasure import commit_to
from registry.errors import DomainError
from registry.ledger.append import append, declare_action
from registry.ledger.clock import database_now
from registry.models import Role, RoleGrant, User

declare_action("person.registered", "A person or service account came in.")
declare_action("role.granted", "A role was given.")
declare_action("role.ended", "A role ended.")
declare_action("person.deactivated", "An account was shut out.")
declare_action("person.password_set", "A person set their password.")
declare_action("person.end_set", "An administrator set when an account ends.")

ITSELF = "cadastre"
OUTSIDE_AT_MOST = timedelta(days=366)
"""Someone from outside is let in for a year at a time; an administrator sets another end."""
DECIDING = frozenset({Role.OWNER, Role.VALIDATOR, Role.RISK_MANAGER, Role.APPROVER})


@transaction.atomic
def set_up_first_person(*, username: str, display_name: str) -> User:
    """Make the first administrator. Works once, on an empty register; that person is the actor of their own coming."""
    if User.objects.select_for_update().exists():
        raise DomainError("already-set-up", "The register already has people.", kind="conflict")
    person = _new_account(username=username, display_name=display_name, email="", kind=User.Kind.PERSON)
    append("person.registered", person, actor=person)
    _grant(person, Role.ADMINISTRATOR, actor=person)
    return person


@transaction.atomic
def register_person(
    *,
    username: str,
    display_name: str,
    email: str = "",
    outside: bool = False,
    ends_at: datetime | None = None,
    actor: User,
) -> User:
    """Make a person without a password: they set one themselves through a one-time link.

    Someone from ``outside``, such as an outside auditor, has an end. Raises ``outside-without-end``, ``end-in-the-past``
    or ``end-too-far``.
    """
    _require_administrator(actor)
    _refuse_end(ends_at, outside=outside)
    if email:
        email = _free_email(email)
    person = _new_account(
        username=username,
        display_name=display_name,
        email=email,
        kind=User.Kind.PERSON,
        outside=outside,
        ends_at=ends_at,
    )
    append("person.registered", person, actor=actor)
    return person


@transaction.atomic
def register_service_account(*, username: str, display_name: str, responsible: User, actor: User) -> User:
    """Make a service account for which a person answers: what the account contributes, that person contributed."""
    _require_administrator(actor)
    if not responsible.is_person or not responsible.may_act:
        raise DomainError("responsible-not-a-person", "An active person must answer for a service account.")
    account = _new_account(
        username=username, display_name=display_name, email="", kind=User.Kind.SERVICE, responsible=responsible
    )
    append("person.registered", account, actor=actor)
    _grant(account, Role.CI, actor=actor)
    return account


@transaction.atomic
def register_account() -> User | None:
    """Return the service account that acts where the register does something by itself; None while there is nobody.

    Made when it is first needed, in the name of the first administrator of those there are; it has no role and no token.
    """
    account = User.objects.filter(username=ITSELF, kind=User.Kind.SERVICE).first()
    if account is not None:
        return account
    first = _administrators().select_related("person").order_by("granted_at", "id").first()
    if first is None:
        return None
    account = _new_account(
        username=ITSELF, display_name="Cadastre", email="", kind=User.Kind.SERVICE, responsible=first.person
    )
    append("person.registered", account, actor=account)
    return account


@transaction.atomic
def grant_role(person: User, role: str, *, actor: User) -> RoleGrant:
    """Give a role. Nobody gives one to themselves; an administrator runs the system and decides nothing."""
    _require_administrator(actor)
    person = User.objects.select_for_update(no_key=True).get(pk=person.pk)
    if role not in Role.values:
        raise DomainError("unknown-role", f"There is no role {role!r}.", known=list(Role.values))
    if actor.person.pk == person.person.pk:
        raise DomainError("role-to-oneself", "Nobody gives a role to themselves.", kind="forbidden")
    if not person.is_person or role == Role.CI:
        raise DomainError("role-not-for-this-account", "Roles other than CI are for people, and CI is not for people.")
    held = frozenset(person.grants.filter(ended_at__isnull=True).values_list("role", flat=True))
    if role in held:
        return person.grants.get(role=role, ended_at__isnull=True)
    if Role.ADMINISTRATOR in {*held, role} and ({*held, role} & DECIDING):
        raise DomainError("administrator-decides-nothing", "An administrator holds no role that decides.")
    if Role.AUDITOR in {*held, role} and len({*held, role}) > 1:
        raise DomainError("auditor-only-reads", "An auditor holds no other role.")
    return _grant(person, role, actor=actor)


@transaction.atomic
def end_role(grant: RoleGrant, *, actor: User) -> RoleGrant:
    """End a role; approvals given in it die with it. The last administrator stays: nobody could name another.

    One whose account has an end does not count as the last.
    """
    _require_administrator(actor)
    _lock_administrators(actor)
    if not _administrators().filter(person__ends_at__isnull=True).exclude(pk=grant.pk).exists():
        raise DomainError("last-administrator", "The last administrator keeps the role.", kind="conflict")
    ended = RoleGrant.objects.filter(pk=grant.pk, ended_at__isnull=True).update(ended_at=database_now(), ended_by=actor)
    if ended != 1:
        raise DomainError("role-already-ended", "That role has already ended.", kind="conflict")
    grant.refresh_from_db()
    append("role.ended", grant, actor=actor)
    return grant


@transaction.atomic
def deactivate(account: User, *, actor: User) -> User:
    """Shut an account out. Its history stays; its approvals no longer count."""
    _require_administrator(actor)
    if actor.pk == account.pk:
        raise DomainError("not-oneself", "Nobody deactivates themselves.", kind="forbidden")
    _lock_administrators(actor)
    _keep_a_lasting_administrator(account)
    if User.objects.filter(pk=account.pk, is_active=True).update(is_active=False) != 1:
        raise DomainError("already-inactive", "The account is already inactive.", kind="conflict")
    account.refresh_from_db()
    append("person.deactivated", account, actor=actor)
    return account


@transaction.atomic
def set_end(account: User, ends_at: datetime | None, *, actor: User) -> User:
    """Set when an account ends by itself, None for never; also of one that has ended, which opens it again.

    Raises ``not-oneself``, ``outside-without-end``, ``end-in-the-past``, ``end-too-far`` or ``last-administrator``.
    """
    _require_administrator(actor)
    if actor.pk == account.pk:
        raise DomainError("not-oneself", "Nobody sets their own end.", kind="forbidden")
    _lock_administrators(actor)
    found = User.objects.select_for_update(no_key=True).get(pk=account.pk)
    _refuse_end(ends_at, outside=found.outside)
    if ends_at is not None:
        _keep_a_lasting_administrator(found)
    if found.ends_at == ends_at:
        return found
    found.ends_at = ends_at
    found.save(update_fields=["ends_at"])
    append("person.end_set", found, actor=actor)
    return found


@transaction.atomic
def set_password(person: User, password: str, *, actor: User) -> None:
    """Set a person's password, by that person only; the password itself never reaches the ledger."""
    if actor.pk != person.pk or not person.is_person or not person.may_act:
        raise DomainError("not-your-password", "A person sets their own password.", kind="forbidden")
    try:
        validate_password(password, person)
    except ValidationError as error:
        raise DomainError("weak-password", " ".join(error.messages)) from error
    person.set_password(password)
    person.save(update_fields=["password"])
    append("person.password_set", person, actor=actor)


def _administrators() -> QuerySet[RoleGrant]:
    lasting = Q(person__ends_at__isnull=True) | Q(person__ends_at__gt=database_now())
    return RoleGrant.objects.filter(lasting, role=Role.ADMINISTRATOR, ended_at__isnull=True, person__is_active=True)


def _lock_administrators(actor: User) -> None:
    """Hold every administrator's grant, in order, and make sure that the actor is still one of them.

    Two administrators who shut each other out at once would otherwise leave none.
    """
    list(_administrators().select_for_update(of=("self",)).order_by("pk"))
    if not _administrators().filter(person=actor).exists():
        raise DomainError("not-an-administrator", "Only an administrator may do this.", kind="forbidden")


def _keep_a_lasting_administrator(besides: User) -> None:
    if not _administrators().filter(person__ends_at__isnull=True).exclude(person=besides).exists():
        message = "The last administrator whose account has no end stays."
        raise DomainError("last-administrator", message, kind="conflict")


def _require_administrator(actor: User) -> None:
    if not (actor.is_person and actor.holds(Role.ADMINISTRATOR)):
        raise DomainError("not-an-administrator", "Only an administrator may do this.", kind="forbidden")


def _refuse_end(ends_at: datetime | None, *, outside: bool) -> None:
    now = database_now()
    if ends_at is None:
        if outside:
            raise DomainError("outside-without-end", "An account of someone from outside has an end.", field="ends_at")
    elif ends_at <= now:
        raise DomainError("end-in-the-past", "An account ends at an instant to come.", field="ends_at")
    elif outside and ends_at > now + OUTSIDE_AT_MOST:
        message = f"Someone from outside is let in for at most {OUTSIDE_AT_MOST.days} days at a time."
        raise DomainError("end-too-far", message, field="ends_at")


def _new_account(
    *,
    username: str,
    display_name: str,
    email: str,
    kind: str,
    responsible: User | None = None,
    outside: bool = False,
    ends_at: datetime | None = None,
) -> User:
    name = texts.slug(username.casefold() if isinstance(username, str) else username, field="username")
    if len(name) > 64:
        raise DomainError("bad-slug", "username must have at most 64 characters.", field="username")
    account = User(
        username=name,
        display_name=texts.line(display_name, field="display_name", limit=120),
        email=email,
        kind=kind,
        responsible=responsible,
        created_at=database_now(),
        outside=outside,
        ends_at=ends_at,
    )
    account.set_unusable_password()
    try:
        with transaction.atomic():
            account.save(force_insert=True)
            if account.is_person:
                commit_to(account)
    except IntegrityError as error:
        if not User.objects.filter(username=name).exists():
            raise
        raise DomainError("username-taken", f"There is already an account {name!r}.", kind="conflict") from error
    return account


def _free_email(email: str) -> str:
    folded = texts.line(email, field="email", limit=254).casefold()
    try:
        validate_email(folded)
    except ValidationError as error:
        raise DomainError("bad-email", "That is not an e-mail address.") from error
    if User.objects.filter(email=folded).exists():
        raise DomainError("email-taken", "One person has one account: this e-mail is in use.", kind="conflict")
    return folded


def _grant(person: User, role: str, *, actor: User) -> RoleGrant:
    grant = RoleGrant.objects.create(person=person, role=role, granted_by=actor, granted_at=database_now())
    append("role.granted", grant, actor=actor)
    return grant
