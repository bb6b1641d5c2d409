"""As of which instant does a person read the console, and what may they do meanwhile? Read only, and be told so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time
from functools import wraps
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_time
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from governance.api.past import AS_OF, moment_of
from governance.console.access import PEOPLE_WHO_READ, open_to
from governance.console.acts import said, show
from registry.errors import DomainError

View = Callable[..., HttpResponse]
ALWAYS_OPEN = frozenset({"as_of", "logout", "login"})


def instant_set(request: HttpRequest) -> datetime | None:
    """Return the instant that this session reads the console as of; None for now."""
    kept = request.session.get(AS_OF) if hasattr(request, "session") else None
    return datetime.fromisoformat(kept) if kept else None


def in_time(view: View) -> View:
    """Show a page as of the instant that is set: the page of the past of the same name, or that there is none.

    While an instant is set nothing is done: a post is answered 409 with the code ``as-of-only-reads``.
    """

    @wraps(view)
    def placed(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        from governance.console.pages.past import PAGES

        name = request.resolver_match.url_name if request.resolver_match else ""
        if name in ALWAYS_OPEN or instant_set(request) is None:
            return view(request, *args, **kwargs)
        if request.method not in {"GET", "HEAD"}:
            code, status = "as-of-only-reads", 409
        elif (then := PAGES.get(name or "")) is not None:
            return then(request, *args, **kwargs)
        else:
            code, status = "as-of-not-here", 200
        answer = show(request, "past/stop", {"code": code}, title=_("This page knows only the present"), status=status)
        answer["X-Cadastre-Code"] = code
        return answer

    return placed


@open_to(PEOPLE_WHO_READ)
def as_of(request: HttpRequest) -> HttpResponse:
    """Set the day, and where given the time, that pages are shown as of; or come back to now."""
    if request.method != "POST":
        return redirect("admin:index")
    if request.POST.get("act") == "now":
        request.session.pop(AS_OF, None)
        return _back(request)
    try:
        moment = _moment(request.POST.get("day", ""), request.POST.get("time", ""))
        request.session[AS_OF] = moment_of(moment.isoformat()).isoformat()
    except DomainError as refusal:
        messages.error(request, said(refusal))
    return _back(request)


def _moment(day: str, clock: str) -> datetime:
    """Return the instant a person named, in the time zone of the register; a day alone is its last instant, or now."""
    try:
        named: date | None = parse_date(day[:10])
        at: time | None = parse_time(clock[:15]) if clock else time.max
    except ValueError:
        named = at = None
    if named is None or at is None:
        raise DomainError("bad-instant", _("A day is written like 2026-03-03."), field=AS_OF)
    moment = datetime.combine(named, at, tzinfo=timezone.get_current_timezone())
    now = timezone.now()
    return now if not clock and moment > now and named == timezone.localdate() else moment


def _back(request: HttpRequest) -> HttpResponseRedirect:
    """Return to the page where the day was set, if it is one of ours."""
    asked = request.POST.get("next", "")
    ours = url_has_allowed_host_and_scheme(asked, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return HttpResponseRedirect(asked if ours else reverse("admin:index"))
