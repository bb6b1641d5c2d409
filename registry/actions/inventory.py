"""How does a model enter the inventory, and how does its entry change?"""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, models, transaction

from registry import texts
from registry.errors import DomainError
from registry.ledger.append import append, declare_action
from registry.ledger.clock import database_now
from registry.models import Model, Role, User

declare_action("model.registered", "A model entered the inventory.")
declare_action("model.edited", "Descriptive fields of a model changed.")
declare_action("model.owner_assigned", "The accountable person was named.")

PROSE = ("description", "intended_use", "prohibited_use")
EDITABLE = frozenset({"name", "business_line", "kind", "origin", "affects_people", *PROSE})


@transaction.atomic
def register_model(*, slug: str, name: str, actor: User, **fields: Any) -> tuple[Model, bool]:
    """Enter a model; the same statement again is the same row. Returns the model and whether it is new.

    ``fields`` may hold what EDITABLE lists. Raises ``model-differs`` (conflict) when the slug is taken by another entry.
    """
    require_role(actor, Role.DEVELOPER, Role.OWNER, Role.RISK_MANAGER, Role.CI)
    key = texts.slug(slug, field="slug")
    wanted = {"name": texts.line(name, field="name")} | _checked(fields)
    model = Model(slug=key, registered_by=actor, registered_at=database_now(), **wanted)
    if inserted(model):
        append("model.registered", model, actor=actor)
        return model, True
    known = Model.objects.select_for_update().get(slug=key)
    differing = sorted(field for field, value in wanted.items() if getattr(known, field) != value)
    if differing:
        raise DomainError(
            "model-differs", f"{key} is registered with another {', '.join(differing)}.", kind="conflict",
            fields=differing,
        )  # fmt: skip
    return known, False


@transaction.atomic
def edit_model(model: Model, *, actor: User, **fields: Any) -> Model:
    """Change descriptive fields of an entry. Intended use is covered by approvals: changing it voids them."""
    require_role(actor, Role.DEVELOPER, Role.OWNER, Role.RISK_MANAGER, Role.CI)
    wanted = _checked(fields)
    locked = Model.objects.select_for_update().get(pk=model.pk)
    changed = [field for field, value in wanted.items() if getattr(locked, field) != value]
    if not changed:
        return locked
    for field in changed:
        setattr(locked, field, wanted[field])
    locked.save(update_fields=changed)
    append("model.edited", locked, actor=actor, payload={"fields": sorted(changed)})
    return locked


@transaction.atomic
def assign_owner(model: Model, owner: User, *, actor: User) -> Model:
    """Name the accountable person."""
    require_role(actor, Role.RISK_MANAGER, Role.OWNER)
    if not (owner.is_person and owner.holds(Role.OWNER)):
        raise DomainError("not-an-owner", "The owner must be an active person who holds the role of owner.")
    locked = Model.objects.select_for_update().get(pk=model.pk)
    locked.owner = owner
    locked.save(update_fields=["owner"])
    append("model.owner_assigned", locked, actor=actor)
    return locked


def inserted(row: models.Model) -> bool:
    """Insert a row under its natural key; False when it is there already, also when somebody else was just faster."""
    if type(row)._base_manager.filter(pk=row.pk).exists():
        return False
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        if type(row)._base_manager.filter(pk=row.pk).exists():
            return False
        raise
    return True


def require_role(actor: User, *roles: str) -> None:
    """Raise ``role-missing`` unless the actor is active and holds one of ``roles`` now."""
    if not actor.holds(*roles):
        labels = ", ".join(str(Role(role).label) for role in roles)
        raise DomainError(
            "role-missing", f"This takes one of the roles: {labels}.", kind="forbidden", roles=list(roles)
        )


def _checked(fields: dict[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(fields) - EDITABLE)
    if unknown:
        raise DomainError("unknown-field", f"These fields cannot be set: {', '.join(unknown)}.", fields=unknown)
    checked = dict(fields)
    for field in PROSE:
        if field in checked:
            checked[field] = texts.prose(checked[field], field=field)
    if "name" in checked:
        checked["name"] = texts.line(checked["name"], field="name")
    if "business_line" in checked:
        checked["business_line"] = texts.line(
            checked["business_line"], field="business_line", limit=120, required=False
        )
    for field, choices in (("kind", Model.Kind.values), ("origin", Model.Origin.values)):
        if field in checked and checked[field] not in choices:
            raise DomainError(f"unknown-{field}", f"{field} must be one of {', '.join(choices)}.", field=field)
    if "affects_people" in checked and not isinstance(checked["affects_people"], bool):
        raise DomainError("not-a-boolean", "affects_people must be true or false.", field="affects_people")
    return checked
