"""How do datasets and their snapshots come in?"""

from __future__ import annotations

from typing import Any

from django.db import transaction

from registry import texts
from registry.actions.inventory import inserted, require_role
from registry.errors import DomainError
from registry.ledger.append import append, declare_action
from registry.ledger.clock import database_now
from registry.models import Artifact, Dataset, DatasetVersion, Role, User
from registry.snapshots import checked_dialect, checked_task, snapshot_digest

declare_action("dataset.registered", "A dataset came in.")
declare_action("dataset.version_registered", "A snapshot of a dataset came in.")

ONE = ("target", "score", "prediction", "weight", "time", "baseline", "key")
MANY = ("sensitive", "features")


@transaction.atomic
def register_dataset(*, slug: str, name: str, actor: User, **fields: str) -> tuple[Dataset, bool]:
    """Enter a dataset; the same statement again is the same row. Fields: description, origin, lawful_basis, known_gaps."""
    require_role(actor, Role.DEVELOPER, Role.OWNER, Role.CI)
    key = texts.slug(slug, field="slug")
    unknown = sorted(set(fields) - {"description", "origin", "lawful_basis", "known_gaps"})
    if unknown:
        raise DomainError("unknown-field", f"These fields cannot be set: {', '.join(unknown)}.", fields=unknown)
    wanted = {"name": texts.line(name, field="name")} | {
        field: texts.prose(value, field=field, limit=200 if field == "lawful_basis" else 20_000)
        for field, value in fields.items()
    }
    dataset = Dataset(slug=key, registered_by=actor, registered_at=database_now(), **wanted)
    if inserted(dataset):
        append("dataset.registered", dataset, actor=actor)
        return dataset, True
    known = Dataset.objects.select_for_update().get(slug=key)
    differing = sorted(field for field, value in wanted.items() if getattr(known, field) != value)
    if differing:
        raise DomainError(
            "dataset-differs", f"{key} is registered with another {', '.join(differing)}.", kind="conflict",
            fields=differing,
        )  # fmt: skip
    return known, False


def checked_roles(roles: object) -> dict[str, Any]:
    """Return column roles in their canonical form: single columns as text, ``sensitive`` and ``features`` as lists.

    Raises ``missing-column-role``, ``unknown-column-role``, ``bad-column-role`` or ``column-in-two-roles``.
    """
    if not isinstance(roles, dict):
        raise DomainError("missing-column-role", "roles must name the column of each role; at least the target.")
    unknown = sorted(str(role) for role in set(roles) - {*ONE, *MANY, "class_scores"})
    if unknown:
        raise DomainError("unknown-column-role", f"Unknown column roles: {', '.join(unknown)}.", roles=unknown)
    if not roles.get("target"):
        raise DomainError("missing-column-role", "The table needs a column in the role of target.", role="target")
    if not any(roles.get(role) for role in ("features", "score", "prediction", "class_scores")):
        raise DomainError(
            "missing-column-role", "The table needs features, or what a model said of its rows.", role="features"
        )
    canonical: dict[str, Any] = {}
    for role in ONE:
        if roles.get(role):
            canonical[role] = texts.line(roles[role], field=f"roles.{role}", limit=128)
    for role in MANY:
        columns = roles.get(role) or []
        if not isinstance(columns, list) or len(columns) > 10_000:
            raise DomainError("bad-column-role", f"roles.{role} must be a list of column names.", role=role)
        canonical[role] = [texts.line(column, field=f"roles.{role}", limit=128) for column in columns]
        if len(set(canonical[role])) != len(canonical[role]):
            raise DomainError("bad-column-role", f"roles.{role} names a column twice.", role=role)
    if roles.get("class_scores"):
        canonical["class_scores"] = _checked_class_scores(roles["class_scores"])
    if canonical["target"] in canonical["features"]:
        raise DomainError("column-in-two-roles", "The target is among the features.", column=canonical["target"])
    return canonical


def _checked_class_scores(pairs: object) -> dict[str, str]:
    if not isinstance(pairs, dict) or not 2 <= len(pairs) <= 100:
        raise DomainError(
            "bad-column-role", "roles.class_scores names the column of 2 to 100 classes.", role="class_scores"
        )
    return {
        texts.line(label, field="roles.class_scores", limit=128): texts.line(
            name, field="roles.class_scores", limit=128
        )
        for label, name in pairs.items()
    }


@transaction.atomic
def register_dataset_version(
    dataset: Dataset,
    *,
    version: str,
    artifact: Artifact | None,
    format: str,
    roles: dict[str, Any],
    split: str,
    row_count: int,
    columns: list[dict[str, str]],
    actor: User,
    task: str = "binary",
    dialect: dict[str, Any] | None = None,
    source: str = "",
    locator: str = "",
    table_digest: str = "",
) -> tuple[DatasetVersion, bool]:
    """Enter a snapshot whose table has been read (``row_count``, ``columns``); the same statement again is the same row.

    Its table is the bytes of ``artifact``, or stays at ``locator`` in ``source``, where ``table_digest`` sums it up.
    Raises ``dataset-version-differs`` (conflict) when that version is known with other bytes or another statement.
    """
    require_role(actor, Role.DEVELOPER, Role.OWNER, Role.CI)
    name = texts.version_name(version)
    if format not in DatasetVersion.Format.values and (artifact is not None or format):
        raise DomainError("unknown-format", f"format must be one of {', '.join(DatasetVersion.Format.values)}.")
    if split not in DatasetVersion.Split.values:
        raise DomainError("unknown-split", f"split must be one of {', '.join(DatasetVersion.Split.values)}.")
    stated = {
        "sha256": artifact.sha256 if artifact else None, "source": source, "locator": locator, "format": format,
        "roles": roles, "task": checked_task(task), "dialect": checked_dialect(dialect or {}, format=format),
    }  # fmt: skip
    digest = snapshot_digest(stated, table_digest=table_digest)
    Dataset.objects.select_for_update().get(pk=dataset.pk)
    known = DatasetVersion.objects.filter(dataset=dataset, version=name).first()
    if known is not None:
        if known.digest != digest or known.split != split:
            raise DomainError(
                "dataset-version-differs", f"{known} is registered with other bytes, roles or split.", kind="conflict"
            )
        return known, False
    row = DatasetVersion.objects.create(
        dataset=dataset, version=name, artifact=artifact, format=format, roles=roles, split=split, row_count=row_count,
        columns=columns, digest=digest, registered_by=actor, registered_at=database_now(), task=task,
        dialect=stated["dialect"], source=source, locator=locator,
    )  # fmt: skip
    append("dataset.version_registered", row, actor=actor)
    return row, True
