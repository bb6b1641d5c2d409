"""People: who is registered, in which roles, with which links and tokens? For administrators, who decide nothing."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _

from governance.actions.credentials import make_credential, revoke_credential
from governance.actions.people import LINK_HOURS, make_link
from governance.console.access import RUN_THE_SYSTEM, open_to, person_of
from governance.console.acts import attempt, posted, show
from governance.console.forms import EndForm, PersonForm, RoleForm, ServiceAccountForm, TokenForm
from registry.actions.people import (
    deactivate,
    end_role,
    grant_role,
    register_person,
    register_service_account,
    set_end,
)
from registry.ledger.clock import database_now
from registry.models import RoleGrant, User


@open_to(RUN_THE_SYSTEM)
def people(request: HttpRequest) -> HttpResponse:
    """List people and service accounts, and register a new one."""
    actor = person_of(request)
    act = request.POST.get("act", "")
    person_form = PersonForm(posted(request, "person"), prefix="person")
    account_form = ServiceAccountForm(posted(request, "account"), prefix="account")
    status = 200
    if request.method == "POST" and act in {"person", "account"}:
        form, verb = (person_form, register_person) if act == "person" else (account_form, register_service_account)
        made, status = attempt(
            request, form, lambda data: verb(**data, actor=actor), done=_("The account has been registered.")
        )
        if made:
            return redirect("admin:person", person_id=made.pk)
    live = Prefetch("grants", queryset=RoleGrant.objects.filter(ended_at__isnull=True), to_attr="live_grants")
    accounts = User.objects.select_related("responsible").prefetch_related(live)
    context = {
        "people": [one for one in accounts if one.is_person],
        "accounts": [one for one in accounts if not one.is_person],
        "person_form": person_form,
        "account_form": account_form,
    }
    return show(request, "people", context, title=_("People"), status=status)


@open_to(RUN_THE_SYSTEM)
def person(request: HttpRequest, person_id: uuid.UUID) -> HttpResponse:
    """Show one account with its roles, links and tokens, and do what is asked for it.

    A link or a token is shown in the answer to the form that made it and never again: it is stored as a digest.
    """
    found = get_object_or_404(User.objects.select_related("responsible"), pk=person_id)
    actor = person_of(request)
    act = request.POST.get("act", "") if request.method == "POST" else ""
    role_form = RoleForm(posted(request, "role"), prefix="role")
    token_form = TokenForm(posted(request, "token"), prefix="token")
    end_form = EndForm(posted(request, "end"), prefix="end")
    plain = forms.Form(request.POST if act else None)
    once: dict[str, Any] = {}
    status = 200
    if act == "role":
        done, status = attempt(
            request,
            role_form,
            lambda typed: grant_role(found, typed["role"], actor=actor),
            done=_("The role has been given."),
        )
        if done:
            return redirect("admin:person", person_id=found.pk)
    elif act == "end-role":
        grant = get_object_or_404(found.grants, pk=_id(request, "grant"))
        done, status = attempt(
            request, plain, lambda _typed: end_role(grant, actor=actor), done=_("The role has ended.")
        )
        if done:
            return redirect("admin:person", person_id=found.pk)
    elif act == "link":
        link, status = attempt(request, plain, lambda _typed: make_link(found, actor=actor), done="")
        once = {"link": link}
    elif act == "token":
        made, status = attempt(
            request,
            token_form,
            lambda typed: make_credential(
                found,
                name=typed["name"],
                scopes=typed["scopes"],
                days=typed["days"],
                models=[model.pk for model in typed["models"]] or None,
                actor=actor,
            ),
            done="",
        )
        once = {"token": made[1], "credential": made[0]} if made else {}
        token_form = TokenForm(None, prefix="token") if made else token_form
    elif act == "revoke":
        credential = get_object_or_404(found.credentials, pk=_id(request, "credential"))
        revoked, status = attempt(
            request,
            plain,
            lambda _typed: revoke_credential(credential, actor=actor),
            done=_("The token is taken away."),
        )
        if revoked:
            return redirect("admin:person", person_id=found.pk)
    elif act == "end":
        changed, status = attempt(
            request,
            end_form,
            lambda typed: set_end(found, typed["ends_at"], actor=actor),
            done=_("The end of the account is set."),
        )
        if changed:
            return redirect("admin:person", person_id=found.pk)
    elif act == "deactivate":
        shut, status = attempt(
            request, plain, lambda _typed: deactivate(found, actor=actor), done=_("The account is shut out.")
        )
        if shut:
            return redirect("admin:person", person_id=found.pk)
    context = {
        "account": found,
        "grants": found.grants.select_related("granted_by", "ended_by").order_by("ended_at", "granted_at"),
        "links": found.links.order_by("-made_at")[:5],
        "credentials": found.credentials.select_related("made_by").order_by("-made_at"),
        "role_form": role_form if found.is_person and found.pk != actor.pk else None,
        "token_form": None if found.is_person else token_form,
        "end_form": None if found.pk == actor.pk else end_form,
        "plain": plain,
        "link_hours": LINK_HOURS,
        "now": database_now(),
        "oneself": found.pk == actor.pk,
        **once,
    }
    return show(request, "person", context, title=str(found), status=status)


def _id(request: HttpRequest, name: str) -> uuid.UUID:
    """Return the id a button carries; anything else names nothing."""
    try:
        return uuid.UUID(request.POST.get(name, ""))
    except ValueError:
        return uuid.UUID(int=0)
