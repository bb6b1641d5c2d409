"""Does every catalogue load, and does the command print what is in it?"""

from __future__ import annotations

import importlib
import io
import json
import re

from django.core.management import call_command

SLUG = re.compile(r"^[a-z0-9]+(?:[.\-_][a-z0-9]+)*$|^[A-Z]+-[0-9]{2,3}$")
"""Plain words; controls have catalogue ids such as GATE-01."""


def printed() -> dict[str, list[dict[str, str]]]:
    """Return what ``manage.py catalogue --json`` prints."""
    out = io.StringIO()
    call_command("catalogue", "--json", stdout=out)
    listing: dict[str, list[dict[str, str]]] = json.loads(out.getvalue())
    return listing


def test_checks_controls_sections_and_sources_are_all_listed() -> None:
    listing = printed()
    assert {"check", "control", "section", "source"} <= set(listing)
    assert all(listing[kind] for kind in ("check", "control", "section", "source"))


def test_every_entry_has_a_plain_slug_a_one_line_summary_and_a_module_that_exists() -> None:
    for kind, entries in printed().items():
        assert len({entry["slug"] for entry in entries}) == len(entries), f"two entries of {kind} share a slug"
        for entry in entries:
            assert SLUG.match(entry["slug"]), f"{kind} {entry['slug']!r}"
            assert entry["summary"].strip(), f"{kind} {entry['slug']} has no summary"
            assert "\n" not in entry["summary"]
            importlib.import_module(entry["module"])
