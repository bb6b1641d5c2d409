"""How do the versions of another platform come in? Each entry by the ordinary actions, one bad one stopping no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import IntegrityError, transaction

from registry import texts
from registry.actions.artifacts import store_artifact
from registry.actions.inventory import register_model, require_role
from registry.actions.versions import ArtifactRef, DatasetRef, Origin, register_version
from registry.digests import chunks
from registry.errors import DomainError
from registry.models import Artifact, DatasetVersion, Model, Role, User, VersionArtifact, VersionDataset
from registry.scoring import checked_scoring
from registry.sources.contract import BadEntry, ExternalArtifact, ExternalVersion, Source
from registry.storage import artifacts as artifact_store

ORIGIN_FIELDS = frozenset(Origin.__dataclass_fields__)


@dataclass(frozen=True)
class RefusedEntry:
    """An entry that was not taken in, with the stable code and the sentence that say why."""

    entry: str
    code: str
    message: str


@dataclass(frozen=True)
class ImportResult:
    """What one import did: versions that are new here, versions that were known as they are, entries refused."""

    source: str
    registered: tuple[str, ...]
    known: tuple[str, ...]
    refused: tuple[RefusedEntry, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the result for JSON."""
        return {"source": self.source, "registered": list(self.registered), "known": list(self.known)} | {
            "refused": [asdict(one) for one in self.refused]
        }


Inspect = Callable[[Path, str], object]
"""Looks at a stored file without loading it and raises DomainError when it is not of the format it is said to be."""


def import_from_source(source: Source, *, actor: User, inspect: Inspect, since: datetime | None = None) -> ImportResult:
    """Register every version that ``source`` holds, with its model and artifacts; what is known stays as it is.

    Each entry is its own transaction with its own events. Doing it again changes nothing. An import says what exists:
    it starts no validation and opens no promotion. ``inspect`` looks at each model file.

    Raises ``role-missing``, and what ``iter_versions`` raises when the source as a whole cannot be read.
    """
    require_role(actor, Role.DEVELOPER, Role.CI)
    registered: list[str] = []
    known: list[str] = []
    refused: list[RefusedEntry] = []
    for found in source.iter_versions(since):
        if isinstance(found, BadEntry):
            refused.append(RefusedEntry(found.entry, found.refusal.code, found.refusal.message))
            continue
        try:
            version, created = _take_in(found, actor=actor, inspect=inspect)
        except DomainError as refusal:
            refused.append(RefusedEntry(found.entry, refusal.code, refusal.message))
        except IntegrityError:
            message = "Somebody wrote the same thing meanwhile. Import again."
            refused.append(RefusedEntry(found.entry, "written-meanwhile", message))
        else:
            (registered if created else known).append(version)
    return ImportResult(source.slug, tuple(registered), tuple(known), tuple(refused))


def _take_in(found: ExternalVersion, *, actor: User, inspect: Inspect) -> tuple[str, bool]:
    """Store the bytes first, then register in one transaction: a row never names bytes that are not there."""
    texts.slug(found.model, field="model")
    texts.version_name(found.version)
    origin = _origin(found)
    refs = [_stored(one, actor=actor) for one in found.artifacts]
    for ref in refs:
        if ref.role == VersionArtifact.Role.MODEL:
            inspect(artifact_store().path(ref.artifact.sha256), ref.format)
    with transaction.atomic():
        row, created = register_version(
            _model(found, actor=actor),
            version=found.version,
            artifacts=refs,
            datasets=[_dataset(*one) for one in found.datasets],
            scoring=checked_scoring(found.scoring),
            origin=origin,
            contributors=[(_person(username), kind) for username, kind in found.contributors],
            actor=actor,
        )
        return str(row), created


def _origin(found: ExternalVersion) -> Origin:
    unknown = sorted(set(found.metadata) - ORIGIN_FIELDS)
    if unknown:
        raise DomainError("unknown-field", f"Unknown facts of origin: {', '.join(unknown)}.", fields=unknown)
    return Origin(**found.metadata)


def _stored(one: ExternalArtifact, *, actor: User) -> ArtifactRef:
    if one.role not in VersionArtifact.Role.values:
        raise DomainError("unknown-artifact-role", f"role is one of {', '.join(VersionArtifact.Role.values)}.")
    format_name = texts.line(one.format, field="format", limit=20, required=False)
    row = Artifact.objects.select_related("uploaded_by__responsible").filter(pk=one.sha256).first()
    if row is None or not artifact_store().holds(one.sha256):
        row, _ = store_artifact(one.sha256, _pieces(one), actor=actor, declared=one.size)
    return ArtifactRef(row, one.role, format_name)


def _pieces(one: ExternalArtifact) -> Iterator[bytes]:
    try:
        with one.open() as stream:
            yield from chunks(stream)
    except OSError as error:
        raise DomainError(
            "source-unreadable", f"{one.path} cannot be read: {error.strerror}.", kind="unavailable"
        ) from error


def _model(found: ExternalVersion, *, actor: User) -> Model:
    """Return the model: as stated where the entry states a name, else the one that is registered under the slug."""
    if found.name is not None:
        model, _ = register_model(slug=found.model, name=found.name, actor=actor, **found.model_fields)
        return model
    known = Model.objects.filter(pk=found.model).first()
    if known is None:
        raise DomainError("unknown-model", f"There is no model {found.model}; state its name to register it.")
    return known


def _dataset(dataset: str, version: str, role: str) -> DatasetRef:
    row = DatasetVersion.objects.filter(dataset=dataset, version=version).first()
    if row is None:
        raise DomainError("unknown-dataset-version", f"There is no dataset version {dataset}/{version}.")
    if role not in VersionDataset.Role.values:
        raise DomainError("unknown-dataset-role", f"role is one of {', '.join(VersionDataset.Role.values)}.")
    return DatasetRef(row, role)


def _person(username: str) -> User:
    person = User.objects.filter(username=username.casefold(), kind=User.Kind.PERSON).first()
    if person is None:
        raise DomainError("unknown-contributor", f"There is no person {username!r}.")
    return person
