"""Which plug-ins are there? The one registry class for sources, checks, controls, sections and model formats."""

from __future__ import annotations

import importlib
import pkgutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar

from registry.errors import DomainError

T = TypeVar("T")
U = TypeVar("U")

ALL: dict[str, Catalogue[Any]] = {}


@dataclass(frozen=True)
class Entry(Generic[T]):
    """One registered plug-in: its slug, a one-line summary, the module it lives in, and the thing itself."""

    slug: str
    summary: str
    module: str
    item: T


class Catalogue(Generic[T]):
    """Plug-ins of one kind, found in listed packages and in an entry-point group.

    A plug-in that cannot be imported stops the process: a check that silently is not there would be a check that passes.
    """

    def __init__(self, kind: str, *, packages: tuple[str, ...] = (), entry_point_group: str | None = None) -> None:
        self.kind = kind
        self.packages = packages
        self.entry_point_group = entry_point_group or f"cadastre.{kind}s"
        self._entries: dict[str, Entry[T]] = {}
        self._loaded = False
        self._within = False
        self._loading = threading.RLock()
        ALL[kind] = self

    def register(self, slug: str, *, summary: str = "") -> Callable[[U], U]:
        """Register the decorated object under ``slug``; a duplicate slug raises ValueError at import."""

        def decorate(item: U) -> U:
            if slug in self._entries:
                raise ValueError(f"{self.kind} {slug!r} is registered twice")
            text = summary or (getattr(item, "__doc__", None) or "").strip().split("\n", 1)[0]
            module = getattr(item, "__module__", type(item).__module__)
            self._entries[slug] = Entry(slug, text, module, item)  # type: ignore[arg-type]  # U is what T stores
            return item

        return decorate

    def load(self) -> None:
        """Import every listed package with its modules, then the entry points; once, and whole before anyone looks."""
        if self._loaded:
            return
        with self._loading:
            if self._loaded or self._within:
                return
            self._within = True  # a module that asks while it is being imported sees what is there so far
            try:
                for name in self.packages:
                    package = importlib.import_module(name)
                    for found in pkgutil.walk_packages(package.__path__, prefix=f"{name}."):
                        importlib.import_module(found.name)
                for point in entry_points(group=self.entry_point_group):
                    point.load()
            finally:
                self._within = False
            self._loaded = True

    def get(self, slug: str) -> T:
        """Return the plug-in called ``slug``, or raise DomainError naming those that exist."""
        return self.entry(slug).item

    def entry(self, slug: str) -> Entry[T]:
        """Return the entry called ``slug``, or raise DomainError naming those that exist."""
        self.load()
        try:
            return self._entries[slug]
        except KeyError:
            known = sorted(self._entries)
            message = f"There is no {self.kind} {slug!r}. Registered: {', '.join(known) or 'none'}."
            raise DomainError(f"unknown-{self.kind}", message, slug=slug, known=known) from None

    def __iter__(self) -> Iterator[Entry[T]]:
        self.load()
        return iter(sorted(self._entries.values(), key=lambda entry: entry.slug))

    def __contains__(self, slug: object) -> bool:
        self.load()
        return slug in self._entries

    @contextmanager
    def temporarily(self, slug: str, item: T, *, summary: str = "") -> Iterator[None]:
        """Register ``item`` for the length of a ``with`` block (for tests of the mechanism)."""
        self.load()
        self.register(slug, summary=summary)(item)
        try:
            yield
        finally:
            del self._entries[slug]
