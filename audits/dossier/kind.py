"""What is a kind of dossier? What it gathers of a version or the register, and the document it makes of just that."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from audits.dossier.content import Document
from audits.dossier.contract import Facts, Words
from registry.catalogue import Catalogue
from registry.errors import DomainError
from registry.models import ModelVersion

FULL = "full"

KINDS: Catalogue[type[DossierKind]] = Catalogue(
    "dossier-kind", packages=("audits.dossier.kinds",), entry_point_group="cadastre.dossier_kinds"
)
"""Every kind of dossier but the full one, which prints every registered section in the order of the outline."""


@dataclass(frozen=True)
class Order:
    """What was asked for: of which version, as of when, and compared with which other version of the model."""

    version: ModelVersion
    as_of: datetime
    compared_with: ModelVersion | None = None


class DossierKind(ABC):
    """One kind. The class docstring's first line is its summary in the catalogue.

    ``compares`` tells whether it needs a second version. A ``public`` kind does not say who asked for it. One that is
    ``of_register`` is about the whole register and derives from ``RegisterKind``.
    """

    slug: ClassVar[str]
    title: ClassVar[Words]
    compares: ClassVar[bool] = False
    public: ClassVar[bool] = False
    of_register: ClassVar[bool] = False

    @abstractmethod
    def gather(self, order: Order) -> Facts:
        """Read the facts, as JSON, with at least ``sections``. The only place of a kind that may touch the tables."""

    @abstractmethod
    def compose(self, facts: Mapping[str, Any]) -> Document:
        """Return the document from the stored facts alone: the same facts give the same document."""


class RegisterKind(DossierKind):
    """A kind that is about the whole register and no version of it."""

    of_register = True

    def gather(self, order: Order) -> Facts:
        """Refuse: there is no such report of one version."""
        raise DomainError("dossier-of-the-register", "This kind is about the whole register.", field="version")

    @abstractmethod
    def gather_register(self, as_of: datetime) -> Facts:
        """Read the facts of the register as of an instant, as JSON, with at least ``sections``."""


def is_of_register(kind: str) -> bool:
    """Tell whether a kind is about the whole register; False too for one that does not exist."""
    return kind in KINDS and KINDS.get(kind).of_register
