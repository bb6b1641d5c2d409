"""Which tags do the console's templates use? Signs for states, digests, ages, and text with nothing hidden in it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from governance.console import wording
from registry.models import Role

register = template.Library()


@register.filter
def shown(value: object) -> str:
    """Return user text with invisible and direction characters written out, a list one after the other; escaped like all."""
    if isinstance(value, list | tuple):
        value = ", ".join(map(str, value))
    return "" if value is None else wording.visible(value)


@register.filter
def state(value: object) -> SafeString:
    """Return a state as word, sign and colour in one badge."""
    sign = wording.sign_of(value)
    return format_html(
        '<span class="state {}"><span class="sign" aria-hidden="true">{}</span> {}</span>',
        sign.tone,
        sign.sign,
        sign.word,
    )


@register.filter
def yes_no(value: object) -> SafeString:
    """Return a truth as a badge."""
    return state("yes" if value else "no")


@register.filter
def digest(value: object) -> SafeString:
    """Return the beginning of a digest; the whole of it as a tooltip and for screen readers."""
    whole = wording.visible(value)
    if not whole:
        return format_html("{}", "–")
    return format_html('<code class="digest" title="sha256:{}">{}…</code>', whole, whole[:12])


@register.filter
def whole_digest(value: object) -> SafeString:
    """Return a digest in full, broken where the line ends."""
    whole = wording.visible(value)
    return format_html('<code class="digest whole">sha256:{}</code>', whole) if whole else format_html("{}", "–")


@register.filter
def moment(value: datetime | None) -> SafeString:
    """Return an instant to the minute, with its zone; the exact one as machine-readable time."""
    if value is None:
        return format_html("{}", "–")
    local = timezone.localtime(value)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        value.isoformat(),
        value.isoformat(),
        local.strftime("%Y-%m-%d %H:%M %Z"),
    )


@register.filter
def age(value: datetime | None) -> SafeString:
    """Return how long ago an instant was, in its largest unit; the instant itself as a tooltip."""
    if value is None:
        return format_html("{}", "–")
    passed = timesince(value, depth=1) if timezone.now() - value >= timedelta(minutes=1) else _("just now")
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        value.isoformat(),
        timezone.localtime(value).strftime("%Y-%m-%d %H:%M %Z"),
        passed,
    )


@register.filter
def role_name(value: object) -> str:
    """Return the label of a role."""
    return str(dict(Role.choices).get(str(value), value))


@register.filter
def kind_name(value: object) -> str:
    """Return the kind of a thing in the lineage in words."""
    words = {
        "dataset_version": _("dataset version"),
        "dataset": _("dataset"),
        "artifact": _("artifact"),
        "version": _("model version"),
        "environment": _("environment"),
        "deployment": _("deployment"),
        "commit": _("code commit"),
        "person": _("person"),
    }
    return words.get(str(value), wording.visible(value))


@register.filter
def listed(value: object) -> str:
    """Return a value of a policy as people write it: lists by commas, truths as words."""
    if isinstance(value, list | tuple):
        return ", ".join(wording.visible(part) for part in value)
    return str(wording.sign_of("yes" if value else "no").word) if isinstance(value, bool) else wording.visible(value)


@register.inclusion_tag("console/parts/field.html")
def field(bound: Any) -> dict[str, Any]:
    """Show one form field: label, control, help and what is wrong with it, tied together for screen readers."""
    described = " ".join(
        f"{bound.auto_id}-{part}" for part, present in (("help", bound.help_text), ("errors", bound.errors)) if present
    )
    if described:
        bound.field.widget.attrs["aria-describedby"] = described
    if bound.errors:
        bound.field.widget.attrs["aria-invalid"] = "true"
    return {"bound": bound, "kind": type(bound.field.widget).__name__.lower()}
