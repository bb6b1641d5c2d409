"""How does a posted form become one action, and how is a refusal said to the person who posted it?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, QueryDict
from django.template.response import TemplateResponse
from django.utils.cache import patch_cache_control
from django.utils.translation import get_language

from governance.console.refusals import REFUSALS
from governance.console.wording import visible
from registry.errors import DomainError

T = TypeVar("T")
STATUS = {"invalid": 400, "conflict": 409, "not-found": 404, "forbidden": 403, "too-large": 413, "unavailable": 503}


def show(
    request: HttpRequest, template: str, context: dict[str, Any], *, title: str, status: int = 200
) -> TemplateResponse:
    """Return a page of the console; nothing of it may be kept by a cache."""
    whole = {**admin.site.each_context(request), "title": title, **context}
    response = TemplateResponse(request, f"console/{template}.html", whole, status=status)
    patch_cache_control(response, no_store=True, private=True)
    return response


def posted(request: HttpRequest, act: str = "") -> QueryDict | None:
    """Return what was posted, only where the form names ``act``; None where nothing was, so that a form stays unbound."""
    if request.method != "POST" or request.POST.get("act", "") != act:
        return None
    return request.POST


def said(refusal: DomainError) -> str:
    """Return a refusal in the person's language: our own words for its code where that is not English."""
    if (get_language() or "en").startswith("en"):
        return visible(refusal.message)
    known = REFUSALS.get(refusal.code)
    return f"{known}" if known else visible(refusal.message)


def attempt(
    request: HttpRequest, form: forms.Form, action: Callable[[dict[str, Any]], T], *, done: str
) -> tuple[T | None, int]:
    """Run ``action`` on the form's clean data. Returns its result and 200, or None and the status of the refusal.

    A refusal is added to the form, so that the page shows it beside what was typed; nothing has been written then.
    """
    if not form.is_valid():
        return None, 400
    try:
        result = action(form.cleaned_data)
    except DomainError as refusal:
        form.add_error(None, forms.ValidationError(said(refusal), code=refusal.code))
        return None, STATUS[refusal.kind]
    if done:
        messages.success(request, done)
    return result, 200
