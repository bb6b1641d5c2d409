"""How does a snapshot of a dataset come in? Its table is read in another process first, and refused if it is not sound."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from django.conf import settings

from registry.actions.datasets import checked_roles, register_dataset_version
from registry.digests import canonical_json
from registry.errors import DomainError
from registry.models import Artifact, Dataset, DatasetVersion, User
from registry.storage import artifacts

log = logging.getLogger("cadastre.datasets")

READ_SECONDS = 40
ANSWER_BYTES = 4 * 2**20


def admit_dataset_version(
    dataset: Dataset,
    *,
    version: str,
    artifact_sha256: str,
    format: str,
    roles: Mapping[str, Any],
    split: str,
    actor: User,
) -> tuple[DatasetVersion, bool]:
    """Enter a snapshot once its table has been read. Returns it and whether it is new.

    Raises ``unknown-artifact``, what ``checked_roles`` and ``open_file`` refuse (``empty-table``, ``one-class-target``,
    ``label-outside-0-1``, ``unknown-column`` and so on), and ``table-not-read`` (unavailable) when reading took too long.
    """
    artifact = Artifact.objects.filter(pk=artifact_sha256).first()
    if artifact is None:
        raise DomainError("unknown-artifact", "Upload the table first: PUT /api/v1/artifacts/{sha256}.")
    if format not in DatasetVersion.Format.values:
        raise DomainError("unknown-format", f"format must be one of {', '.join(DatasetVersion.Format.values)}.")
    canonical = checked_roles(dict(roles))
    found = _profile(artifact, format, canonical)
    return register_dataset_version(
        dataset, version=version, artifact=artifact, format=format, roles=canonical, split=split,
        row_count=found["rows"], columns=found["columns"], actor=actor,
    )  # fmt: skip


def _profile(artifact: Artifact, format: str, roles: Mapping[str, Any]) -> dict[str, Any]:
    request = {
        "path": str(artifacts().path(artifact.sha256)),
        "format": format,
        "sha256": artifact.sha256,
        "roles": dict(roles),
    }
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "audits.tables.profile"],
            input=canonical_json(request) + b"\n",
            capture_output=True,
            timeout=READ_SECONDS,
            cwd=settings.BASE_DIR,
            env={"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", "HOME": str(settings.SCRATCH_DIR)},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _not_read(f"it took longer than {READ_SECONDS} seconds") from error
    if ended.returncode != 0:
        log.error("The reader of table %s ended with %d: %s", artifact.sha256, ended.returncode, ended.stderr[-2000:])
    if ended.returncode != 0 or len(ended.stdout) > ANSWER_BYTES:
        raise _not_read("its reader ended without an answer")
    answer: dict[str, Any] = json.loads(ended.stdout)
    if refused := answer.get("error"):
        raise DomainError(refused["code"], refused["message"], kind=refused["kind"], **refused["context"])
    return answer


def _not_read(why: str) -> DomainError:
    return DomainError("table-not-read", f"The table could not be read: {why}.", kind="unavailable")
