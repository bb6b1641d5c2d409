"""Which versions lie in a folder? One folder per version with a manifest.json; nothing outside it is ever read."""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, ClassVar, NoReturn

import jsonschema

from registry.digests import sha256_of_stream
from registry.errors import DomainError
from registry.sources.contract import SOURCES, BadEntry, ExternalArtifact, ExternalVersion

MANIFEST = "manifest.json"
MANIFEST_BYTES = 1 << 20
MOST_ENTRIES = 10_000
MOST_ARTIFACTS = 50
LARGEST_ARTIFACT = 2 * 2**30
DEEPEST_PATH = 16
TEXT = {"type": "string"}
NAMED = {"type": "object", "additionalProperties": False}

MANIFEST_SCHEMA: Mapping[str, Any] = MappingProxyType(
    {
        **NAMED,
        "required": ["model", "version", "artifacts"],
        "properties": {
            "model": {
                **NAMED,
                "required": ["slug"],
                "properties": {
                    **dict.fromkeys(("slug", "name", "description", "intended_use", "prohibited_use"), TEXT),
                    **dict.fromkeys(("business_line", "kind", "origin"), TEXT),
                    "affects_people": {"type": "boolean"},
                },
            },
            "version": TEXT,
            "artifacts": {
                "type": "array",
                "minItems": 1,
                "maxItems": MOST_ARTIFACTS,
                "items": {
                    **NAMED,
                    "required": ["file"],
                    "properties": {
                        "file": TEXT,
                        "role": {"enum": ["model", "code", "environment", "card"]},
                        "format": {"type": "string", "maxLength": 20},
                        "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
                    },
                },
            },
            "datasets": {
                "type": "array",
                "maxItems": 2,
                "items": {
                    **NAMED,
                    "required": ["dataset", "version", "role"],
                    "properties": {"dataset": TEXT, "version": TEXT, "role": {"enum": ["training", "evaluation"]}},
                },
            },
            "contributors": {
                "type": "array",
                "maxItems": 50,
                "items": {
                    **NAMED,
                    "required": ["person", "kind"],
                    "properties": {"person": TEXT, "kind": {"enum": ["trained", "committed"]}},
                },
            },
            "scoring": {
                **NAMED,
                "properties": {
                    "threshold": {"type": "number", "minimum": 0, "maximum": 1},
                    "positive_label": {"type": "integer", "enum": [0, 1]},
                    "favourable": {"enum": ["high", "low"]},
                    "immutable": {"type": "array", "maxItems": 2_000, "items": TEXT},
                },
            },
            "origin": {
                **NAMED,
                "properties": {
                    **dict.fromkeys(("change_summary", "code_commit", "training_run"), TEXT),
                    "library_versions": {"type": "object", "additionalProperties": TEXT},
                    "hyperparameters": {"type": "object"},
                    "seed": {"type": "integer", "minimum": 0, "maximum": 2**53},
                },
            },
        },
    }
)


@SOURCES.register("folder")
class FolderSource:
    """Versions in the folders below one folder, each described by its manifest.json."""

    slug: ClassVar[str] = "folder"
    settings_schema: ClassVar[Mapping[str, Any]] = MappingProxyType(
        {
            **NAMED,
            "required": ["path"],
            "properties": {
                "path": {"type": "string", "minLength": 1},
                "max_artifact_bytes": {"type": "integer", "minimum": 1, "maximum": 2**40},
            },
        }
    )
    secret_fields: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.root = Path(settings["path"])
        self.largest = int(settings.get("max_artifact_bytes", LARGEST_ARTIFACT))

    def iter_versions(self, since: datetime | None) -> Iterator[ExternalVersion | BadEntry]:
        """Yield the version of each folder, by name; hidden folders and plain files are passed over.

        ``since`` is compared with the time of the manifest's last change. Raises ``source-unreadable`` when the folder
        cannot be listed and ``source-too-large`` when it holds more than ``MOST_ENTRIES`` folders.
        """
        try:
            with os.scandir(self.root) as listing:
                names = sorted(one.name for one in listing if _is_entry(one))
        except OSError as error:
            raise DomainError(
                "source-unreadable", f"The folder cannot be listed: {error.strerror}.", kind="unavailable"
            ) from error
        if len(names) > MOST_ENTRIES:
            raise DomainError(
                "source-too-large", f"The folder holds {len(names)} folders; {MOST_ENTRIES} are read.",
                kind="too-large", observed=len(names), required=MOST_ENTRIES,
            )  # fmt: skip
        for name in names:
            try:
                found = self._version(name, since)
            except DomainError as refusal:
                yield BadEntry(name, refusal)
            else:
                if found is not None:
                    yield found

    def _version(self, name: str, since: datetime | None) -> ExternalVersion | None:
        with _open_inside(self.root, (name, MANIFEST)) as stream:
            changed = datetime.fromtimestamp(os.fstat(stream.fileno()).st_mtime, UTC)
            if since is not None and changed < since:
                return None
            data = _read(stream, MANIFEST_BYTES + 1)
        manifest = read_manifest(data)
        entry, scoring = manifest["model"], manifest.get("scoring", {})
        return ExternalVersion(
            entry=name,
            model=entry["slug"],
            name=entry.get("name"),
            version=manifest["version"],
            artifacts=tuple(self._artifact(name, one) for one in manifest["artifacts"]),
            model_fields={field: value for field, value in entry.items() if field not in ("slug", "name")},
            datasets=tuple((one["dataset"], one["version"], one["role"]) for one in manifest.get("datasets", ())),
            contributors=tuple((one["person"], one["kind"]) for one in manifest.get("contributors", ())),
            threshold=float(scoring.get("threshold", 0.5)),
            positive_label=int(scoring.get("positive_label", 1)),
            declared={name: scoring[name] for name in ("favourable", "immutable") if name in scoring},
            metadata=_whole(manifest.get("origin", {})),
        )

    def _artifact(self, name: str, stated: Mapping[str, Any]) -> ExternalArtifact:
        parts = (name, *_parts(stated["file"]))
        with _open_inside(self.root, parts) as stream:
            size = os.fstat(stream.fileno()).st_size
            if size > self.largest:
                raise DomainError(
                    "source-artifact-too-large", f"{stated['file']} has {size} bytes; {self.largest} are read.",
                    kind="too-large", observed=size, required=self.largest,
                )  # fmt: skip
            try:
                sha256, length = sha256_of_stream(stream)
            except OSError as error:
                _unreadable(stated["file"], error)
        if stated.get("sha256") not in (None, sha256):
            raise DomainError(
                "digest-mismatch", f"{stated['file']} is not what its manifest promises.",
                promised=stated["sha256"], observed=sha256,
            )  # fmt: skip
        opened: Callable[[], BinaryIO] = partial(_open_inside, self.root, parts)
        return ExternalArtifact(
            "/".join(parts), stated.get("role", "model"), stated.get("format", ""), sha256, length, opened
        )


def read_manifest(data: bytes) -> dict[str, Any]:
    """Return a manifest that fits the schema.

    Raises ``source-manifest-too-large``, ``source-manifest-not-json`` (also for names that appear twice and for NaN) or
    ``source-manifest-invalid``, which says where.
    """
    if len(data) > MANIFEST_BYTES:
        raise DomainError(
            "source-manifest-too-large", f"A manifest has at most {MANIFEST_BYTES} bytes.", kind="too-large"
        )
    try:
        manifest = json.loads(
            data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant, parse_float=_finite
        )
        _refuse_unclean(manifest)
    except (ValueError, RecursionError) as error:
        raise DomainError("source-manifest-not-json", f"The manifest is not plain JSON: {error}"[:300]) from error
    try:
        fault = next(iter(jsonschema.Draft202012Validator(dict(MANIFEST_SCHEMA)).iter_errors(manifest)), None)
    except RecursionError as error:
        raise DomainError("source-manifest-not-json", "The manifest is nested too deeply.") from error
    if fault is not None:
        at = "/".join(map(str, fault.absolute_path)) or "(top)"
        raise DomainError("source-manifest-invalid", f"The manifest is not valid at {at}: {fault.message[:200]}", at=at)
    read: dict[str, Any] = manifest
    return read


def _is_entry(found: os.DirEntry[str]) -> bool:
    """Tell whether this could be a version; a link is, so that it is refused aloud and not passed over."""
    return not found.name.startswith(".") and (found.is_dir(follow_symlinks=False) or found.is_symlink())


def _parts(file: str) -> tuple[str, ...]:
    parts = tuple(file.split("/"))
    odd = any(part in ("", ".", "..") or "\\" in part or "\0" in part for part in parts)
    if odd or len(parts) > DEEPEST_PATH or not file.isprintable():
        raise DomainError("source-path-outside", "A file is named by a plain path inside the folder of its version.")
    return parts


def _open_inside(root: Path, parts: tuple[str, ...]) -> BinaryIO:
    """Open a plain file below ``root``, step by step from an open folder to the next, following no link.

    Raises ``source-symlink``, ``source-not-a-file``, ``source-file-missing`` or ``source-unreadable``.
    """
    shown = "/".join(parts[1:])
    with ExitStack() as folders:
        try:
            folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            folders.callback(os.close, folder)
            for part in parts[:-1]:
                _refuse_link(part, folder)
                folder = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
                folders.callback(os.close, folder)
            _refuse_link(parts[-1], folder)
            handle = os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise DomainError("source-file-missing", f"There is no file {shown}.", file=shown) from error
        except OSError as error:
            _unreadable(shown, error)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise DomainError("source-not-a-file", f"{shown} is not a plain file.", file=shown)
    return os.fdopen(handle, "rb")


def _refuse_link(part: str, folder: int) -> None:
    """Say that a link is one. Were it put there a moment later, O_NOFOLLOW would still refuse it."""
    if stat.S_ISLNK(os.stat(part, dir_fd=folder, follow_symlinks=False).st_mode):
        raise DomainError("source-symlink", f"{part} is a symbolic link, which is never followed.", file=part)


def _read(stream: BinaryIO, size: int) -> bytes:
    try:
        return stream.read(size)
    except OSError as error:
        _unreadable(MANIFEST, error)


def _unreadable(what: str, error: OSError) -> NoReturn:
    raise DomainError("source-unreadable", f"{what} cannot be read: {error.strerror}.", kind="unavailable") from error


def _whole(origin: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the origin with its seed as the whole number it is: JSON may write 7 as 7.0."""
    return {**origin, "seed": int(origin["seed"])} if "seed" in origin else origin


def _refuse_unclean(value: Any) -> None:
    if isinstance(value, dict):
        for name, item in value.items():
            _refuse_unclean(name)
            _refuse_unclean(item)
    elif isinstance(value, list):
        for item in value:
            _refuse_unclean(item)
    elif isinstance(value, str) and ("\0" in value or any("\ud800" <= character <= "\udfff" for character in value)):
        raise ValueError("a text holds a NUL or half of a surrogate pair")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name appears twice in one object")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is not finite")
    return number
