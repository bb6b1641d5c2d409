"""How does a person come in for the first time, and how do they change their own password?"""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import login, update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters

from governance.actions.people import person_of_link, use_link
from governance.console.access import person_of
from governance.console.acts import attempt, posted, show
from governance.console.forms import OwnPasswordForm, PasswordForm
from registry.actions.people import set_password
from registry.errors import DomainError


@sensitive_post_parameters()
@never_cache
@csrf_protect
def enter(request: HttpRequest, token: str) -> HttpResponse:
    """Let in whoever holds a live one-time link: they set a password, the link is used up, and they are signed in."""
    try:
        person = person_of_link(token)
    except DomainError:
        return show(request, "link_not_valid", {}, title=_("This link is not valid"), status=404)
    form = PasswordForm(posted(request))
    status = 200
    if request.method == "POST":
        let_in, status = attempt(request, form, lambda data: use_link(token, password=data["password"]), done="")
        if let_in:
            login(request, let_in, backend="django.contrib.auth.backends.ModelBackend")
            messages.success(request, _("Your password is set, and you are signed in."))
            return redirect("admin:index")
    # The site-wide Referrer-Policy same-origin keeps the token from other hosts. no-referrer would make a browser send
    # "Origin: null" with the form, which is refused as forged.
    return show(request, "enter", {"form": form, "person": person}, title=_("Set your password"), status=status)


@sensitive_post_parameters()
def password(request: HttpRequest) -> HttpResponse:
    """Change one's own password; the present one is asked for."""
    person = person_of(request)
    form = OwnPasswordForm(posted(request))
    status = 200
    if request.method == "POST":
        if form.is_valid() and not person.check_password(form.cleaned_data["present"]):
            form.add_error("present", _("That is not your present password."))
        done, status = attempt(
            request,
            form,
            lambda data: (set_password(person, data["password"], actor=person), True),
            done=_("Your password has been changed."),
        )
        if done:
            update_session_auth_hash(request, person)
            return redirect("admin:index")
    return show(request, "password", {"form": form}, title=_("Your password"), status=status)
