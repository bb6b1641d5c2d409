"""Which table sources are configured, and does what is configured make sense?

A source is named by its slug in ``CADASTRE_TABLE_SOURCES``; no row, log line or error holds more of it than that name.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from registry.errors import DomainError

SLUG = re.compile(r"\A[a-z0-9]+(?:-[a-z0-9]+)*\Z")
SECRETS = ("dsn", "access_key", "secret_key", "session_token")
KEYS: Mapping[str, Mapping[str, type]] = {
    "folder": {"path": str},
    "postgres": {"dsn": str, "schemas": list, "timeout_seconds": int},
    "s3": {
        "bucket": str,
        "prefix": str,
        "endpoint": str,
        "region": str,
        "access_key": str,
        "secret_key": str,
        "session_token": str,
    },
    "spark": {"master": str, "config": dict, "path": str},
}
NEEDED = {"folder": ("path",), "postgres": ("dsn",), "s3": ("bucket",), "spark": ("master",)}
FILES = ("folder", "s3")
"""Kinds whose tables are files, so that a format must be named."""


class Source(Mapping[str, Any]):
    """The settings of one source; printed, it tells its kind alone, wherever a debugger or a log shows it."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = dict(settings)

    def __getitem__(self, key: str) -> Any:
        return self._settings[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._settings)

    def __len__(self) -> int:
        return len(self._settings)

    def __repr__(self) -> str:
        return f"<table source of kind {self._settings['kind']}>"


Sources = Mapping[str, Mapping[str, Any]]
NONE: Sources = MappingProxyType({})


def sources_from(text: str) -> Sources:
    """Read the configuration; raises ValueError that says what is wrong and quotes no value.

    ``text`` is a JSON object from the name of a source to its settings: ``kind``, and what the kind takes. A secret may be
    given as ``<name>_env`` (a variable) or ``<name>_file`` (a path) in its place.
    """
    if not text.strip():
        return NONE
    try:
        given = json.loads(text)
    except ValueError:
        raise ValueError("CADASTRE_TABLE_SOURCES is not JSON.") from None
    if not isinstance(given, dict):
        raise ValueError("CADASTRE_TABLE_SOURCES must hold an object: name of the source to its settings.")
    return MappingProxyType({name: _source(name, settings) for name, settings in given.items()})


def source_named(sources: Sources, name: str) -> Mapping[str, Any]:
    """Return the settings of a source; DomainError ``unknown-table-source`` when none of that name is configured."""
    if name not in sources:
        known = sorted(sources)
        message = f"No table source {name[:80]!r} is configured; known are {', '.join(known) or 'none'}."
        raise DomainError("unknown-table-source", message, known=known)
    return sources[name]


def _source(name: str, settings: object) -> Mapping[str, Any]:
    where = f"CADASTRE_TABLE_SOURCES[{name[:80]!r}]"
    if not SLUG.match(name):
        raise ValueError(f"{where}: a source is named by lower-case letters, digits and single hyphens.")
    if not isinstance(settings, dict) or settings.get("kind") not in KEYS:
        raise ValueError(f"{where}: kind must be one of {', '.join(KEYS)}.")
    kind = settings["kind"]
    read: dict[str, Any] = {"kind": kind}
    for key, value in settings.items():
        if key == "kind":
            continue
        plain, how = next(((s, key[len(s) + 1 :]) for s in SECRETS if key in (f"{s}_env", f"{s}_file")), (key, ""))
        if plain not in KEYS[kind] or (not how and not isinstance(value, KEYS[kind][plain])):
            raise ValueError(f"{where}: {key!r} is not among its settings, or of the wrong kind.")
        read[plain] = _secret(where, key, value, how) if how else value
    lacking = [key for key in NEEDED[kind] if not read.get(key)]
    if lacking:
        raise ValueError(f"{where}: a source of kind {kind} needs {', '.join(lacking)}.")
    return Source(read)


def _secret(where: str, key: str, value: object, how: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{where}: {key!r} names a variable or a file.")
    if how == "env":
        if value not in os.environ:
            raise ValueError(f"{where}: {key!r} names a variable that is not set.")
        return os.environ[value]
    try:
        return Path(value).read_text(encoding="utf-8").strip()
    except OSError:
        raise ValueError(f"{where}: {key!r} names a file that cannot be read.") from None
