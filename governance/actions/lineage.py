"""How does lineage come in from the pipelines? A finished run, with what it read and what it wrote, in one act."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from registry.actions.inventory import require_role
from registry.actions.lineage import link
from registry.errors import DomainError
from registry.models import LineageEdge, Role, User

MOST_ENDS = 200

Node = tuple[str, str]


@transaction.atomic
def record_pipeline_run(
    job: Node, *, inputs: Sequence[Node], outputs: Sequence[Node], actor: User
) -> list[LineageEdge]:
    """Record that a job read ``inputs`` and built ``outputs`` (kind and key each): all of its edges, or none.

    Raises ``role-missing``, ``lineage-too-large`` or ``lineage-cycle``.
    """
    require_role(actor, Role.DEVELOPER, Role.CI)
    if len(inputs) + len(outputs) > MOST_ENDS:
        raise DomainError("lineage-too-large", f"A run has at most {MOST_ENDS} inputs and outputs.", kind="too-large")
    read = [link(node, LineageEdge.Relation.READ_BY.value, job, actor=actor)[0] for node in inputs]
    return read + [link(job, LineageEdge.Relation.BUILT_BY.value, node, actor=actor)[0] for node in outputs]
