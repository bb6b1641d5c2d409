"""How does a snapshot of a dataset come in? Its table is read in another process first, and refused if it is not sound."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from django.conf import settings

from audits.tables.sources import source_named
from registry.actions.datasets import checked_roles, register_dataset_version
from registry.digests import canonical_json
from registry.errors import DomainError
from registry.models import Artifact, Dataset, DatasetVersion, User
from registry.snapshots import checked_dialect, checked_place, checked_task
from registry.storage import artifacts

log = logging.getLogger("cadastre.datasets")

READ_SECONDS = 40
CLUSTER_SECONDS = 180
ANSWER_BYTES = 4 * 2**20


def admit_dataset_version(
    dataset: Dataset,
    *,
    version: str,
    roles: Mapping[str, Any],
    split: str,
    actor: User,
    artifact_sha256: str = "",
    source: str = "",
    locator: str = "",
    format: str = "",
    dialect: Mapping[str, Any] | None = None,
    task: str = "binary",
) -> tuple[DatasetVersion, bool]:
    """Enter a snapshot once its table has been read where it lies. Returns it and whether it is new.

    The table is an uploaded artifact, or stays at ``locator`` in the configured table source ``source``. Raises
    ``table-place-unclear``, ``unknown-artifact``, ``unknown-table-source``, what ``checked_roles``, ``checked_dialect``
    and ``open_dataset`` refuse (``empty-table``, ``one-class-target``, ``label-outside-0-1``, ``unknown-column`` and so
    on), and ``table-not-read`` (unavailable) when reading took too long.
    """
    if bool(artifact_sha256) == bool(source) or bool(source) != bool(locator):
        raise DomainError("table-place-unclear", "Give artifact_sha256, or source and locator of a table that stays.")
    artifact = Artifact.objects.filter(pk=artifact_sha256).first()
    if artifact_sha256 and artifact is None:
        raise DomainError("unknown-artifact", "Upload the table first: PUT /api/v1/artifacts/{sha256}.")
    if format not in DatasetVersion.Format.values and (format or not source):
        raise DomainError("unknown-format", f"format must be one of {', '.join(DatasetVersion.Format.values)}.")
    canonical = checked_roles(dict(roles))
    place = checked_place(source, locator) if source else ("", "")
    declared = checked_dialect(dialect or {}, format=format)
    described = {
        "sha256": artifact.sha256 if artifact else None, "source": place[0], "locator": place[1], "format": format,
        "roles": canonical, "task": checked_task(task), "dialect": declared,
    }  # fmt: skip
    found = _profile(described, artifact)
    return register_dataset_version(
        dataset, version=version, artifact=artifact, format=format, roles=canonical, split=split,
        row_count=found["rows"], columns=found["columns"], actor=actor, task=task, dialect=declared,
        source=place[0], locator=place[1], table_digest=found["digest"],
    )  # fmt: skip


def _profile(described: Mapping[str, Any], artifact: Artifact | None) -> dict[str, Any]:
    """Read the table in a process of its own, which learns of one table source at most."""
    name = described["source"]
    settings_of = {name: dict(source_named(settings.TABLE_SOURCES, name))} if name else {}
    distant = any(source["kind"] == "spark" for source in settings_of.values())
    request = {
        "path": str(artifacts().path(artifact.sha256)) if artifact else "",
        "described": dict(described),
        "sources": settings_of,
    }
    seconds = CLUSTER_SECONDS if distant else READ_SECONDS
    environment = {"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", "HOME": str(settings.SCRATCH_DIR)}
    if name:
        # Java, and an object store's own way of finding keys, are told where to look by these
        environment |= {key: value for key, value in os.environ.items() if key.startswith(("AWS_", "JAVA_", "SPARK_"))}
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "audits.tables.profile"],
            input=canonical_json(request) + b"\n",
            capture_output=True,
            timeout=seconds,
            cwd=settings.BASE_DIR,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _not_read(f"it took longer than {seconds} seconds") from error
    if ended.returncode != 0:
        told = ended.stderr[-2000:] if artifact else b"(not logged: it may name the source)"
        log.error("The reader of table %s ended with %d: %s", described["sha256"] or name, ended.returncode, told)
    if ended.returncode != 0 or len(ended.stdout) > ANSWER_BYTES:
        raise _not_read("its reader ended without an answer")
    answer: dict[str, Any] = json.loads(ended.stdout)
    if refused := answer.get("error"):
        raise DomainError(refused["code"], refused["message"], kind=refused["kind"], **refused["context"])
    return answer


def _not_read(why: str) -> DomainError:
    return DomainError("table-not-read", f"The table could not be read: {why}.", kind="unavailable")
