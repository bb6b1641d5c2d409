"""What does the environment say? Readers that refuse a bad value instead of guessing, with `_FILE` for secrets."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from audits.tables.sources import Sources, sources_from


def text(name: str, default: str = "") -> str:
    """Return the variable, or the content of the file that ``NAME_FILE`` names, or the default."""
    if path := os.environ.get(f"{name}_FILE"):
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE names {path!r}, which cannot be read: {error}") from error
    return os.environ.get(name, default)


def flag(name: str, default: bool) -> bool:
    """Return True or False; anything but 1/0, true/false, yes/no, on/off is refused."""
    value = text(name, "1" if default else "0").strip().lower()
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}.")


def integer(name: str, default: int, *, low: int = 0, high: int = 2**31) -> int:
    """Return a whole number between ``low`` and ``high``."""
    value = text(name, str(default))
    try:
        number = int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from None
    if not low <= number <= high:
        raise ImproperlyConfigured(f"{name} must lie between {low} and {high}, not {number}.")
    return number


def names(name: str, default: str = "") -> list[str]:
    """Return a comma-separated list without empty entries."""
    return [part.strip() for part in text(name, default).split(",") if part.strip()]


def http_address(name: str) -> str:
    """Return an http or https address without credentials in it, or nothing; anything else is refused."""
    value = text(name).strip()
    parts = urlsplit(value)
    if value and (parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.password):
        raise ImproperlyConfigured(f"{name} must be an http:// or https:// address without user and password.")
    return value


def needed_with(name: str, other: str) -> str:
    """Return the variable; where ``other`` is set it may not be empty."""
    value = text(name).strip()
    if other and not value:
        raise ImproperlyConfigured(f"{name} must be set as well: without it {other} cannot be trusted.")
    return value


def table_sources(name: str) -> Sources:
    """Return the configured table sources; what makes no sense stops the process, and no secret is quoted."""
    try:
        return sources_from(text(name))
    except ValueError as error:
        raise ImproperlyConfigured(str(error)) from None


def database(url: str, *, sqlite_default: Path) -> dict[str, object]:
    """Return Django's database settings for a ``postgresql://`` or ``sqlite:///`` address; empty means SQLite."""
    if not url:
        return {"ENGINE": "registry.sqlite", "NAME": str(sqlite_default)}
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return {"ENGINE": "registry.sqlite", "NAME": unquote(parts.path[1:]) or str(sqlite_default)}
    if parts.scheme in {"postgres", "postgresql"}:
        query = dict(parse_qsl(parts.query))
        host = query.pop("host", None) or unquote(parts.hostname or "")
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": unquote(parts.path.lstrip("/")),
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": host,
            "PORT": str(parts.port or query.pop("port", "") or ""),
            "CONN_MAX_AGE": 60,
            "CONN_HEALTH_CHECKS": True,
            "OPTIONS": {"connect_timeout": 10, **query},
        }
    raise ImproperlyConfigured(f"DATABASE_URL names {parts.scheme!r}; sqlite and postgresql are supported.")


def made_once(path: Path, size: int = 64) -> str:
    """Return the secret kept in ``path``; on the first start it is drawn at random and written readable by us alone.

    Of several processes that start at once, one draws it and all read the same: the file appears whole or not at all.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="ascii") as stream:
                stream.write(os.urandom(size).hex())
            Path(temporary).chmod(0o400)
            with contextlib.suppress(FileExistsError):
                os.link(temporary, path)
        finally:
            Path(temporary).unlink()
    return path.read_text(encoding="ascii").strip()
