"""Looks: what did auditors look at and take along? Each sees their own; the risk manager and the administrator all."""

from __future__ import annotations

from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from governance.actions.looks import WHO_SEES_LOOKS
from governance.console.access import open_to, person_of
from governance.console.acts import show
from governance.models import Look
from registry.models import Role, User

MOST = 50
WHO_SEES_ALL = (Role.RISK_MANAGER, Role.ADMINISTRATOR)


@open_to(frozenset(WHO_SEES_LOOKS))
def looks(request: HttpRequest) -> HttpResponse:
    """List looks, the newest first; ``person`` and ``kind`` narrow the list."""
    person = person_of(request)
    rows = Look.objects.select_related("person").order_by("-looked_at", "-id")
    people: list[User] = []
    asked = {name: request.GET.get(name, "")[:40] for name in ("person", "kind")}
    if not person.holds(*WHO_SEES_ALL):
        rows = rows.filter(person=person)
    else:
        people = list(User.objects.filter(pk__in=Look.objects.values("person")).order_by("username"))
        if chosen := _id(asked["person"]):
            rows = rows.filter(person=chosen)
    if asked["kind"] in Look.Kind.values:
        rows = rows.filter(kind=asked["kind"])
    page = Paginator(rows, MOST).get_page(request.GET.get("page", "1")[:10])
    page.object_list = list(
        page.object_list
    )  # now: rendered later, it would hold the look at this page and lack another
    context = {"page": page, "asked": asked, "people": people, "kinds": Look.Kind.choices}
    return show(request, "looks", context, title=_("What auditors looked at"))


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
