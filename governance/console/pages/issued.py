"""Was this page issued here? The public answer for the digits that a dossier prints; it tells nothing else about it."""

from __future__ import annotations

import re

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from audits.dossier.printed_digits import PRINTED_DIGITS
from audits.models import Dossier
from governance.console.acts import show
from registry.ledger.checkpoint import NoteInvalid, parse

DIGITS = re.compile(rf"\A[0-9a-f]{{{PRINTED_DIGITS},64}}\Z")


@require_safe
@never_cache
def ask(request: HttpRequest) -> HttpResponse:
    """Take the digits that someone typed from a page, with or without spaces, and go to their answer."""
    typed = re.sub(r"\s", "", request.GET.get("digits", "")).lower()
    if DIGITS.match(typed):
        return redirect("issued", digits=typed)
    context = {"typed": typed[:80], "wrong": bool(typed), "least": PRINTED_DIGITS}
    return show(request, "issued", context, title=_title(), status=400 if typed else 200)


@require_safe
@never_cache
def issued(request: HttpRequest, digits: str) -> HttpResponse:
    """Say whether this register issued the document, at which checkpoint, and whether a later one supersedes it."""
    found = None
    if DIGITS.match(digits):
        rows = Dossier.objects.filter(content_digest__startswith=digits, state=Dossier.State.ISSUED)
        found = rows.order_by("issued_at").first()
    context = {
        "asked": True,
        "found": found is not None,
        "digits": digits[:64],
        "least": PRINTED_DIGITS,
        "checkpoint": _checkpoint(found),
        "superseded": found is not None and found.superseded_by.exists(),
    }
    return show(request, "issued", context, title=_title(), status=200 if found else 404)


def _title() -> str:
    return _("Was this document issued here?")


def _checkpoint(dossier: Dossier | None) -> dict[str, object] | None:
    if dossier is None or not dossier.checkpoint:
        return None
    try:
        stated = parse(dossier.checkpoint)
    except NoteInvalid:
        return None
    return {"origin": stated.origin, "size": stated.size, "root": stated.root.hex()}
