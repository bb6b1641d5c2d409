"""What may be typed into the console? One form for each action; the rules themselves are the actions'."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from governance.actions.credentials import MAX_DAYS, SCOPES
from governance.console.wording import Words
from governance.models import Approval
from governance.tier_rule import POINTS
from registry.models import Environment, Model, Role, User

QUESTIONS: dict[str, Words] = {
    "exposure": _("How much is exposed to the model?"),
    "purpose": _("What do its results touch?"),
    "complexity": _("How hard is it to see through?"),
}
ANSWERS: dict[str, Words] = {
    "low": _("low"),
    "medium": _("medium"),
    "high": _("high"),
    "internal": _("internal processes"),
    "customers": _("customers"),
    "rights_of_people": _("rights of people"),
}


def _prose(label: Words, help_text: Words = "", rows: int = 4) -> forms.CharField:
    return forms.CharField(
        label=label, help_text=help_text, max_length=4000, widget=forms.Textarea(attrs={"rows": rows, "cols": 60})
    )


def end_of(day: date | None) -> datetime | None:
    """Return the last instant of a day in the time zone of the register; None for none."""
    return None if day is None else timezone.make_aware(datetime.combine(day, time.max))


class DecisionForm(forms.Form):
    """Yes or no to a promotion, on exactly the evidence shown."""

    decision = forms.ChoiceField(
        label=_("Your decision"),
        choices=[(Approval.Decision.APPROVE.value, _("Approve")), (Approval.Decision.REJECT.value, _("Reject"))],
        widget=forms.RadioSelect,
    )
    statement = _prose(
        _("Your statement"),
        _("Say what you looked at and why you decide so. It is recorded under your name and printed in every dossier."),
    )
    confirm = forms.BooleanField(
        label=_("I have read the evidence above, and I decide in my own name."),
    )
    evidence_digest = forms.CharField(max_length=64, widget=forms.HiddenInput)


class ReasonForm(forms.Form):
    """Why an approval is taken back."""

    reason = _prose(_("Reason"), rows=2)


class CloseFindingForm(forms.Form):
    """Why an issue is over."""

    statement = _prose(_("What was done, and how was it checked?"))


class AcceptFindingForm(forms.Form):
    """Why one lives with an issue, and until when."""

    statement = _prose(_("Why is the risk accepted, and what keeps it small?"))
    until = forms.DateField(label=_("Accepted until"), widget=forms.DateInput(attrs={"type": "date"}))

    def clean_until(self) -> datetime:
        """Return the end of that day."""
        return timezone.make_aware(datetime.combine(self.cleaned_data["until"], time(23, 59, 59)))


class TierForm(forms.Form):
    """The answers the tier rule scores."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for question, answers in POINTS.items():
            self.fields[question] = forms.ChoiceField(
                label=QUESTIONS.get(question, question),
                choices=[(answer, ANSWERS.get(answer, answer)) for answer in answers],
            )


class OwnerForm(forms.Form):
    """Who answers for a model."""

    owner = forms.ModelChoiceField(label=_("Owner"), queryset=User.objects.none())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["owner"]
        if isinstance(field, forms.ModelChoiceField):
            field.queryset = User.objects.filter(
                is_active=True, grants__role=Role.OWNER, grants__ended_at__isnull=True
            ).distinct()


class PolicyForm(forms.Form):
    """A policy in YAML."""

    text = forms.CharField(
        label=_("Policy text (YAML)"),
        help_text=_("It becomes a draft. A second person publishes it; from then on it never changes."),
        widget=forms.Textarea(attrs={"rows": 24, "cols": 100, "spellcheck": "false", "class": "code"}),
    )


class EnvironmentForm(forms.Form):
    """A place a version can run."""

    slug = forms.CharField(label=_("Short name"), max_length=80, help_text=_("Lower-case letters, digits and hyphens."))
    name = forms.CharField(label=_("Name"), max_length=120)
    gated = forms.BooleanField(
        label=_("The gate guards it"), required=False, initial=True,
        help_text=_("Promotion to a gated place needs approvals; what runs there without an allow becomes a finding."),
    )  # fmt: skip


class LimitsForm(forms.Form):
    """What a place can bear of an artifact; an empty field is no limit."""

    environment = forms.ModelChoiceField(Environment.objects.order_by("slug"), label=_("Environment"))
    artifact_bytes = forms.IntegerField(label=_("Size of the file, in bytes"), required=False)
    load_seconds = forms.FloatField(label=_("Time to load it, in seconds"), required=False)
    peak_memory_bytes = forms.IntegerField(label=_("Memory it takes, in bytes"), required=False)
    latency_seconds = forms.FloatField(
        label=_("Time for one row, in seconds"), required=False,
        help_text=_("The 99th percentile of single rows. An empty field is no limit; what was stated before is replaced."),
    )  # fmt: skip


class PersonForm(forms.Form):
    """A person who comes in."""

    username = forms.CharField(
        label=_("User name"), max_length=64, help_text=_("Lower-case letters, digits and hyphens.")
    )
    display_name = forms.CharField(label=_("Name"), max_length=120)
    email = forms.EmailField(label=_("E-mail"), required=False)
    outside = forms.BooleanField(
        label=_("From outside the organisation"),
        required=False,
        help_text=_("Such as an outside auditor. The account then needs an end, within a year."),
    )
    ends_at = forms.DateField(
        label=_("Ends on"), required=False, widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("The last day on which the person can sign in. Empty: no end."),
    )  # fmt: skip

    def clean_ends_at(self) -> datetime | None:
        """Return the end of that day."""
        return end_of(self.cleaned_data["ends_at"])


class EndForm(forms.Form):
    """When an account ends."""

    ends_at = forms.DateField(
        label=_("Ends on"), required=False, widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("The last day on which the account can be used. Empty: no end."),
    )  # fmt: skip

    def clean_ends_at(self) -> datetime | None:
        """Return the end of that day."""
        return end_of(self.cleaned_data["ends_at"])


class ServiceAccountForm(forms.Form):
    """A machine that comes in, and the person who answers for it."""

    username = forms.CharField(
        label=_("User name"), max_length=64, help_text=_("Lower-case letters, digits and hyphens.")
    )
    display_name = forms.CharField(label=_("Name"), max_length=120)
    responsible = forms.ModelChoiceField(
        label=_("Who answers for it"),
        help_text=_("What the account contributes, this person contributed."),
        queryset=User.objects.filter(kind=User.Kind.PERSON, is_active=True),
    )


class RoleForm(forms.Form):
    """A role to give."""

    role = forms.ChoiceField(
        label=_("Role"), choices=[(role.value, role.label) for role in Role if role is not Role.CI]
    )


class TokenForm(forms.Form):
    """A token to make."""

    name = forms.CharField(
        label=_("Name"), max_length=120, help_text=_("Where it will be used, for instance a pipeline.")
    )
    days = forms.IntegerField(label=_("Valid for (days)"), min_value=1, max_value=MAX_DAYS, initial=90)
    scopes = forms.MultipleChoiceField(
        label=_("Scopes"),
        choices=[(scope, scope) for scope in sorted(SCOPES)],
        widget=forms.CheckboxSelectMultiple,
    )
    models = forms.ModelMultipleChoiceField(
        label=_("Models"),
        help_text=_("None chosen: every model."),
        queryset=Model.objects.all(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )


class PasswordForm(forms.Form):
    """A new password, typed twice."""

    password = forms.CharField(
        label=_("New password"),
        help_text=_("At least 12 characters; a sentence is easier to remember than signs."),
        strip=False,
        max_length=1024,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label=_("The same once more"),
        strip=False,
        max_length=1024,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean(self) -> dict[str, Any] | None:
        """Refuse two different passwords."""
        data = super().clean() or {}
        if data.get("password") and data.get("again") and data["password"] != data["again"]:
            self.add_error("again", _("The two passwords differ."))
        return data


class OwnPasswordForm(PasswordForm):
    """A new password, and the present one as proof."""

    present = forms.CharField(
        label=_("Present password"),
        strip=False,
        max_length=1024,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    field_order = ("present", "password", "again")
