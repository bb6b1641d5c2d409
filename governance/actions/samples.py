"""Which decisions does an auditor look at? A seeded random sample that anybody can draw again."""

from __future__ import annotations

import hashlib
import heapq
import secrets
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from django.db import models, transaction

from governance.models import Approval, DecisionSample, GateDecision, PromotionRequest
from registry import texts
from registry.actions.inventory import require_role
from registry.errors import DomainError
from registry.ledger.append import append, declare_action
from registry.ledger.clock import database_now
from registry.models import Role, User

DRAWN = declare_action("sample.drawn", "A random sample of decisions was drawn.")
MAY_SAMPLE = (Role.AUDITOR, Role.RISK_MANAGER)
LARGEST = 500
LONGEST_SEED = 200
SETTLED = timedelta(minutes=1)
"""So long a decision may still be under way whose instant lies before the end of the period."""

Kind = DecisionSample.Kind
POPULATION: dict[str, tuple[type[models.Model], str]] = {
    Kind.APPROVAL: (Approval, "decided_at"),
    Kind.GATE_DECISION: (GateDecision, "decided_at"),
    Kind.PROMOTION: (PromotionRequest, "requested_at"),
}


@transaction.atomic
def draw_sample(
    *, actor: User, kinds: Iterable[str], begins_at: datetime, ends_at: datetime, size: int, seed: str = ""
) -> DecisionSample:
    """Draw a sample of the decisions of a closed period, ``begins_at`` included and ``ends_at`` not.

    The first ``size`` by SHA-256 of ``seed:kind:id``; without a seed the service draws one, which is in the event with
    the population's size and digest. Raises ``role-missing``, ``unknown-kind``, ``bad-period``, ``period-not-over``,
    ``bad-sample-size`` and what ``texts`` refuses.
    """
    require_role(actor, *MAY_SAMPLE)
    given = texts.line(seed, field="seed", limit=LONGEST_SEED, required=False)
    chosen = sorted(set(kinds))
    if not chosen or not set(chosen) <= set(POPULATION):
        raise DomainError("unknown-kind", f"Kinds to sample are: {', '.join(sorted(POPULATION))}.")
    if begins_at >= ends_at:
        raise DomainError("bad-period", "The period ends after it begins.")
    now = database_now()
    if ends_at > now - SETTLED:
        raise DomainError("period-not-over", "A sample is drawn from a period that is over, for a minute at least.")
    if not 1 <= size <= LARGEST:
        raise DomainError("bad-sample-size", f"A sample has 1 to {LARGEST} items.", limit=LARGEST)
    used = given or secrets.token_hex(16)
    digest, count = hashlib.sha256(), 0

    def counted() -> Iterator[str]:
        nonlocal count
        for line in population(chosen, begins_at, ends_at):
            digest.update(f"{line}\n".encode())
            count += 1
            yield line

    items = heapq.nsmallest(size, counted(), key=lambda line: hashlib.sha256(f"{used}:{line}".encode()).digest())
    row = DecisionSample.objects.create(
        kinds=chosen,
        begins_at=begins_at,
        ends_at=ends_at,
        seed=used,
        seed_drawn=not given,
        wanted=size,
        population_size=count,
        population_digest=digest.hexdigest(),
        items=items,
        drawn_by=actor,
        drawn_at=now,
    )
    append(DRAWN, row, actor=actor)
    return row


def population(kinds: Iterable[str], begins_at: datetime, ends_at: datetime) -> Iterator[str]:
    """Yield "kind:id" of every decision of the period, sorted, without holding them all."""
    for kind in sorted(kinds):
        model, instant = POPULATION[kind]
        within = {f"{instant}__gte": begins_at, f"{instant}__lt": ends_at}
        ids = model._default_manager.filter(**within).order_by("pk").values_list("pk", flat=True)
        for pk in ids.iterator(chunk_size=10_000):
            yield f"{kind}:{pk}"
