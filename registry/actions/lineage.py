"""How does an edge of lineage come in?"""

from __future__ import annotations

from django.db import transaction

from registry.errors import DomainError
from registry.ledger.append import append, declare_action
from registry.ledger.clock import database_now
from registry.lineage import reaches
from registry.models import LineageEdge, User

declare_action("lineage.linked", "An edge of lineage was recorded.")


@transaction.atomic
def link(source: tuple[str, str], relation: str, target: tuple[str, str], *, actor: User) -> tuple[LineageEdge, bool]:
    """Record that ``source`` (kind, key) led to ``target``; the same edge again is the same row.

    Raises ``lineage-cycle`` when the target already leads to the source.
    """
    if relation not in LineageEdge.Relation.values:
        raise DomainError("unknown-relation", f"There is no relation {relation!r}.", known=LineageEdge.Relation.values)
    if source == target or reaches(target, source):
        raise DomainError("lineage-cycle", f"{target[1]} already leads to {source[1]}.", kind="conflict")
    edge, created = LineageEdge.objects.get_or_create(
        source_kind=source[0], source_key=source[1], relation=relation, target_kind=target[0], target_key=target[1],
        defaults={"recorded_by": actor, "recorded_at": database_now()},
    )  # fmt: skip
    if created:
        append("lineage.linked", edge, actor=actor)
    return edge, created
