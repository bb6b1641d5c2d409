"""What is a source of models, and what does it hand over? A connector to one place where versions lie."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO, ClassVar, Protocol

import jsonschema

from registry.catalogue import Catalogue
from registry.digests import is_sha256
from registry.errors import DomainError
from registry.scoring import checked_scoring

MODEL_ROLE = "model"
HIDDEN = "(hidden)"


@dataclass(frozen=True)
class ExternalArtifact:
    """One file of a version: where it lies, what it is for, its format, and the digest of the bytes ``open`` gives.

    ``path`` is for people and never opened by anybody but the connector. ``size`` is in bytes.
    """

    path: str
    role: str
    format: str
    sha256: str
    size: int
    open: Callable[[], BinaryIO] = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        if not is_sha256(self.sha256) or self.size < 0:
            raise ValueError("an external artifact has a SHA-256 and a size")


@dataclass(frozen=True)
class ExternalVersion:
    """A version as its platform states it; what its texts may hold is for the actions to say.

    ``model_fields`` states the inventory entry; None means that the model is registered already. ``datasets`` holds
    (dataset, version, role) of snapshots that are registered here, ``contributors`` (user name, kind) of people who are,
    ``declared`` what else is said of scoring ("favourable", "immutable"), ``metadata`` what is known of the version's
    origin.
    """

    entry: str
    model: str
    name: str | None
    version: str
    artifacts: tuple[ExternalArtifact, ...]
    model_fields: Mapping[str, Any] = field(default_factory=dict)
    datasets: tuple[tuple[str, str, str], ...] = ()
    contributors: tuple[tuple[str, str], ...] = ()
    threshold: float = 0.5
    positive_label: int = 1
    declared: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.artifacts:
            raise DomainError("artifact-missing", f"{self.entry} names no artifact.")
        if sum(one.role == MODEL_ROLE for one in self.artifacts) > 1:
            raise DomainError("several-model-artifacts", f"{self.entry} names more than one artifact that scores.")
        if len({(one.sha256, one.role) for one in self.artifacts}) != len(self.artifacts):
            raise DomainError("artifact-twice", f"{self.entry} names the same bytes twice in one role.")
        checked_scoring(self.scoring)

    @property
    def scoring(self) -> dict[str, Any]:
        """What the registration says of scoring."""
        given = {"threshold": float(self.threshold), "positive_label": self.positive_label}
        return given | dict(self.declared)


@dataclass(frozen=True)
class BadEntry:
    """Something that lies in the source and is no version: which entry, and the refusal that says why."""

    entry: str
    refusal: DomainError


class Source(Protocol):
    """A connector, made with its checked settings.

    ``settings_schema`` is the JSON Schema of the settings, ``secret_fields`` names those that are never shown.
    """

    slug: ClassVar[str]
    settings_schema: ClassVar[Mapping[str, Any]]
    secret_fields: ClassVar[frozenset[str]]

    def __init__(self, settings: Mapping[str, Any]) -> None: ...

    def iter_versions(self, since: datetime | None) -> Iterator[ExternalVersion | BadEntry]:
        """Yield what was last written at ``since`` or later (everything for None); a bad entry does not end it.

        Raises DomainError when the source as a whole cannot be read.
        """
        ...


SOURCES: Catalogue[type[Source]] = Catalogue(
    "source", packages=("registry.sources",), entry_point_group="cadastre.sources"
)


def open_source(slug: str, settings: Mapping[str, Any]) -> Source:
    """Return the connector called ``slug`` with these settings.

    Raises DomainError ``unknown-source``, or ``bad-source-settings``, which names the setting and never its value.
    """
    kind = SOURCES.get(slug)
    fault = next(iter(jsonschema.Draft202012Validator(dict(kind.settings_schema)).iter_errors(dict(settings))), None)
    if fault is not None:
        at = ".".join(map(str, fault.absolute_path)) or "settings"
        rule = f"{fault.validator} {fault.validator_value!r}" if fault.validator != "type" else fault.validator_value
        message = f"The settings of {slug} do not fit at {at}: {rule}."
        raise DomainError("bad-source-settings", message, source=slug, at=at)
    return kind(settings)


def shown_settings(slug: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings for people: the value of a secret field is replaced."""
    secret = SOURCES.get(slug).secret_fields
    return {name: HIDDEN if name in secret else value for name, value in sorted(settings.items())}
