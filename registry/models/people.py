"""Who acts? People and service accounts, and the roles they hold and held."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from registry.ledger.clock import database_now
from registry.ledger.subject import LedgerSubject
from registry.models.identity import new_id


class Role(models.TextChoices):
    """What a person may do; no role includes another, and none switches the rules off."""

    DEVELOPER = "developer", _("Developer")
    OWNER = "owner", _("Owner")
    VALIDATOR = "validator", _("Validator")
    RISK_MANAGER = "risk_manager", _("Risk manager")
    APPROVER = "approver", _("Approver")
    AUDITOR = "auditor", _("Auditor")
    CI = "ci", _("CI service account")
    ADMINISTRATOR = "administrator", _("Administrator")


class Accounts(BaseUserManager["User"]):
    """Looks accounts up. Writing is the business of registry.actions.people."""

    def get_by_natural_key(self, username: str | None) -> User:
        """Return the account whose folded user name is ``username``."""
        return self.get(username=(username or "").casefold())

    def create_superuser(self, *args: Any, **kwargs: Any) -> User:
        """Refuse: there is no superuser in Cadastre. The first start prints a one-time set-up link instead."""
        raise NotImplementedError("Cadastre has no superuser. Run 'manage.py setup_link' for a one-time set-up link.")


class User(LedgerSubject, AbstractBaseUser):
    """One person, or one service account that acts for a responsible person. Never deleted, only deactivated.

    ``ends_at`` is when the account ends by itself, None where it does not; someone from ``outside`` always has such an
    end. ``commitment`` is the salted digest of name and address, which is all of them that the ledger holds. Once they are
    erased and the salt with them, nobody can tell from it who it was.
    """

    class Kind(models.TextChoices):
        PERSON = "person", _("Person")
        SERVICE = "service", _("Service account")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    username = models.CharField(_("user name"), max_length=64, unique=True)
    display_name = models.CharField(_("name"), max_length=120)
    email = models.EmailField(_("e-mail"), blank=True)
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.PERSON)
    responsible = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="service_accounts"
    )
    is_active = models.BooleanField(default=True)
    outside = models.BooleanField(_("from outside the organisation"), default=False, db_default=False)
    ends_at = models.DateTimeField(_("ends on"), null=True, blank=True)
    created_at = models.DateTimeField()
    commitment = models.CharField(max_length=64, blank=True, default="", db_default="")
    erased_at = models.DateTimeField(null=True, blank=True)

    objects = Accounts()
    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    ledger_kind = "person"
    ledger_exclude = frozenset({"username", "display_name", "email", "password", "last_login"})

    class Meta:
        verbose_name = _("person or service account")
        verbose_name_plural = _("people and service accounts")
        ordering = ["username"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="person", responsible__isnull=True) | Q(kind="service", responsible__isnull=False),
                name="service_account_has_a_responsible_person",
            ),
            models.CheckConstraint(
                condition=Q(outside=False) | Q(ends_at__isnull=False), name="outside_account_has_an_end"
            ),
        ]

    def __str__(self) -> str:
        return self.display_name or self.username

    def ledger_key(self) -> str:
        """Return the id: names are personal data and stay out of the ledger."""
        return str(self.pk)

    @property
    def is_person(self) -> bool:
        """Whether this is a human being."""
        return self.kind == self.Kind.PERSON

    @property
    def person(self) -> User:
        """The human being behind the account: itself, or the person responsible for the service account."""
        return self if self.responsible is None else self.responsible

    @property
    def has_ended(self) -> bool:
        """Whether the account had an end and it has come."""
        return self.ends_at is not None and self.ends_at <= database_now()

    @property
    def may_act(self) -> bool:
        """Whether the account is neither shut out nor at its end."""
        return self.is_active and not self.has_ended

    def may_act_at(self, instant: datetime) -> bool:
        """Tell whether the account, as this row has it, is neither shut out nor at its end at ``instant``."""
        return self.is_active and (self.ends_at is None or instant < self.ends_at)

    def roles(self) -> frozenset[str]:
        """Return the roles held now; none while deactivated or ended."""
        if not self.may_act:
            return frozenset()
        held: frozenset[str] | None = self.__dict__.get("_roles_now")
        if held is None:
            held = frozenset(self.grants.filter(ended_at__isnull=True).values_list("role", flat=True))
            self.__dict__["_roles_now"] = held
        return held

    def holds(self, *roles: str) -> bool:
        """Tell whether at least one of ``roles`` is held now."""
        return bool(self.roles() & set(roles))

    @property
    def is_staff(self) -> bool:
        """Whether the console may be opened: any person who holds a role now."""
        return self.is_person and bool(self.roles())

    def has_perm(self, perm: str, obj: object | None = None) -> bool:
        """Allow viewing to whoever may open the console; every write goes through an action, never a permission."""
        return self.is_staff and perm.rsplit(".", 1)[-1].startswith("view_")

    def has_module_perms(self, app_label: str) -> bool:
        """Tell whether the pages of an app may be listed."""
        return self.is_staff


class RoleGrant(LedgerSubject):
    """That a person held a role from one time to another."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    person = models.ForeignKey(User, on_delete=models.PROTECT, related_name="grants")
    role = models.CharField(max_length=16, choices=Role)
    granted_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="grants_given")
    granted_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="grants_ended")

    ledger_kind = "role_grant"

    class Meta:
        verbose_name = _("role grant")
        verbose_name_plural = _("role grants")
        ordering = ["granted_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["person", "role"], condition=Q(ended_at__isnull=True), name="role_held_once_at_a_time"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person}: {self.get_role_display()}"
