"""Policies: which rules hold, where, since when; and how does a draft come into force?"""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _

from governance.actions.policies import draft_policy, policy_in_force, publish_policy
from governance.console.access import PEOPLE_WHO_READ, open_to, person_of
from governance.console.acts import attempt, posted, show
from governance.console.forms import EnvironmentForm, LimitsForm, PolicyForm
from governance.models import PolicyVersion
from governance.plans import rules_of
from registry.actions.deployments import register_environment, set_environment_limits
from registry.ledger.clock import database_now
from registry.models import Environment, Role, User


@open_to(PEOPLE_WHO_READ)
def policies(request: HttpRequest) -> HttpResponse:
    """List every version of every policy, which one is in force for each tier and place; name a place, state its limits."""
    person = person_of(request)
    form = EnvironmentForm(posted(request, "environment"))
    limits_form = LimitsForm(posted(request, "limits"))
    status = 200
    if limits_form.is_bound:
        stated, status = attempt(
            request, limits_form, lambda data: _state_limits(data, actor=person), done=_("The limits are stated.")
        )
        if stated:
            return redirect("admin:policies")
    elif request.method == "POST":
        named, status = attempt(
            request, form, lambda data: register_environment(actor=person, **data), done=_("The environment is named.")
        )
        if named:
            return redirect("admin:policies")
    now = database_now()
    places = list(Environment.objects.order_by("-gated", "slug"))
    in_force = [
        {
            "tier": tier,
            "cells": [(place, policy_in_force(tier=tier, environment=place.slug, at=now)) for place in places],
        }
        for tier in (1, 2, 3)
    ]
    context = {
        "policies": PolicyVersion.objects.select_related("drafted_by", "published_by").defer("body"),
        "places": places,
        "in_force": in_force,
        "may_draft": person.holds(Role.RISK_MANAGER),
        "may_name": person.holds(Role.RISK_MANAGER, Role.ADMINISTRATOR),
        "environment_form": form,
        "limits_form": limits_form,
    }
    return show(request, "policies", context, title=_("Policies"), status=status)


def _state_limits(data: dict[str, Any], *, actor: User) -> tuple[Environment, bool]:
    limits = {name: value for name, value in data.items() if name in Environment.LIMITS and value is not None}
    return set_environment_limits(data["environment"], limits=limits, actor=actor)


@open_to(PEOPLE_WHO_READ)
def policy(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Show one policy version as people read it, and publish it where it is a draft and this is a second person."""
    found = get_object_or_404(
        PolicyVersion.objects.select_related("drafted_by", "published_by"), policy=slug, number=number
    )
    person = person_of(request)
    form = forms.Form(posted(request))
    status = 200
    if request.method == "POST":
        done, status = attempt(
            request, form, lambda _data: publish_policy(found, actor=person), done=_("The policy has been published.")
        )
        if done:
            return redirect("admin:policy", slug=slug, number=number)
    entitled = person.holds(Role.RISK_MANAGER, Role.APPROVER)
    context = {
        "policy": found,
        "rules": rules_of(found),
        "form": form,
        "is_draft": found.state == PolicyVersion.State.DRAFT,
        "entitled": entitled,
        "own_draft": found.drafted_by_id == person.pk,
    }
    return show(request, "policy", context, title=found.title, status=status)


@open_to(frozenset({Role.RISK_MANAGER}))
def policy_draft(request: HttpRequest) -> HttpResponse:
    """Take the text of a policy and keep it as a draft."""
    person = person_of(request)
    form = PolicyForm(posted(request))
    status = 200
    if request.method == "POST":
        draft, status = attempt(
            request, form, lambda data: draft_policy(data["text"], actor=person), done=_("The draft has been kept.")
        )
        if draft:
            return redirect("admin:policy", slug=draft.policy, number=draft.number)
    return show(request, "policy_draft", {"form": form}, title=_("Draft a policy"), status=status)
