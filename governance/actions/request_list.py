"""How does an auditor get what they ask for? An item is asked, answered, and accepted or returned; or withdrawn."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import F

from audits.models import Dossier, Evidence
from governance.models import WantedItem
from registry import texts
from registry.actions.inventory import require_role
from registry.errors import DomainError
from registry.ledger.append import append, declare_action
from registry.ledger.clock import database_now
from registry.models import Model, ModelVersion, Role, User

declare_action("item.asked", "An auditor asked for an item.")
declare_action("item.answered", "An item that an auditor asked for was answered.")
declare_action("item.returned", "An auditor returned the answer to an item with a reason.")
declare_action("item.accepted", "An auditor accepted the answer to an item.")
declare_action("item.withdrawn", "An auditor withdrew an item.")

S = WantedItem.State
MOVES: dict[str, frozenset[str]] = {
    S.OPEN: frozenset({S.ANSWERED, S.WITHDRAWN}),
    S.ANSWERED: frozenset({S.OPEN, S.ACCEPTED, S.WITHDRAWN}),
    S.ACCEPTED: frozenset(),
    S.WITHDRAWN: frozenset(),
}
"""To which state an item may go; from answered to open is the return."""
MAY_ASK = (Role.AUDITOR,)
MAY_ANSWER = (Role.DEVELOPER, Role.OWNER, Role.VALIDATOR, Role.RISK_MANAGER, Role.APPROVER)
LONGEST_TITLE = 200
LONGEST_TEXT = 2_000
LONGEST_REASON = 400
"""All of them in the widest characters still fit into one event."""


@transaction.atomic
def ask_item(
    *,
    actor: User,
    title: str,
    text: str,
    due_on: date,
    model: Model | None = None,
    version: ModelVersion | None = None,
) -> WantedItem:
    """Put an item on the request list. Raises ``role-missing``, ``version-of-another-model``, ``due-in-the-past``."""
    require_role(actor, *MAY_ASK)
    named = texts.line(title, field="title", limit=LONGEST_TITLE)
    said = texts.prose(text, field="text", limit=LONGEST_TEXT, required=True)
    if version is not None and model is not None and version.model_id != model.pk:
        raise DomainError("version-of-another-model", "The version is not one of the model.")
    now = database_now()
    if due_on < now.date():
        raise DomainError("due-in-the-past", "An item is due today or later.")
    row = WantedItem.objects.create(
        title=named,
        text=said,
        model=version.model if version is not None else model,
        version=version,
        due_on=due_on,
        asked_by=actor,
        asked_at=now,
    )
    append("item.asked", row, actor=actor)
    return row


@transaction.atomic
def answer_item(
    item: WantedItem, *, actor: User, answer: str, dossier: Dossier | None = None, evidence: str = ""
) -> WantedItem:
    """Answer an open item with text, and with a dossier or a piece of evidence where there is one.

    Raises ``role-missing``, ``unknown-evidence``, ``dossier-not-issued`` and ``item-state``.
    """
    require_role(actor, *MAY_ANSWER)
    said = texts.prose(answer, field="answer", limit=LONGEST_TEXT, required=True)
    digest = texts.line(evidence, field="evidence", limit=71, required=False).removeprefix("sha256:").lower()
    if digest and not Evidence.objects.filter(pk=digest).exists():
        raise DomainError("unknown-evidence", "There is no evidence of this digest.")
    if dossier is not None and dossier.state != Dossier.State.ISSUED:
        raise DomainError("dossier-not-issued", "Only an issued dossier answers an item.", kind="conflict")
    return _move(
        item,
        S.ANSWERED,
        "item.answered",
        actor=actor,
        answer=said,
        answer_dossier=dossier,
        answer_evidence=digest,
        answered_by=actor,
        answered_at=database_now(),
    )


@transaction.atomic
def return_item(item: WantedItem, *, actor: User, reason: str) -> WantedItem:
    """Return an answer with a reason: the item is open again. Raises ``role-missing`` and ``item-state``."""
    require_role(actor, *MAY_ASK)
    said = texts.line(reason, field="reason", limit=LONGEST_REASON)
    return _move(item, S.OPEN, "item.returned", actor=actor, returned_reason=said, returns=F("returns") + 1)


@transaction.atomic
def accept_item(item: WantedItem, *, actor: User) -> WantedItem:
    """Accept an answer. Raises ``role-missing`` and ``item-state``."""
    require_role(actor, *MAY_ASK)
    return _move(item, S.ACCEPTED, "item.accepted", actor=actor, closed_by=actor, closed_at=database_now())


@transaction.atomic
def withdraw_item(item: WantedItem, *, actor: User) -> WantedItem:
    """Take an item from the list that is not over. Raises ``role-missing`` and ``item-state``."""
    require_role(actor, *MAY_ASK)
    return _move(item, S.WITHDRAWN, "item.withdrawn", actor=actor, closed_by=actor, closed_at=database_now())


def _move(item: WantedItem, state: str, action: str, *, actor: User, **values: Any) -> WantedItem:
    """Move an item where the table allows it, whatever the caller's copy of the row says."""
    before = [old for old, targets in MOVES.items() if state in targets]
    moved = WantedItem.objects.filter(pk=item.pk, state__in=before).update(state=state, **values)
    row = WantedItem.objects.select_related("model", "version", "answer_dossier", "asked_by", "answered_by").get(
        pk=item.pk
    )
    if moved != 1:
        raise DomainError("item-state", f"The item is {row.state}: it cannot become {state}.", kind="conflict")
    append(action, row, actor=actor)
    return row
