"""A validation run: how far is it, what did it find, and who worked on it?"""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from audits.models import ValidationRun
from governance.console.access import PEOPLE_WHO_READ, open_to
from governance.console.acts import show
from governance.console.results import results_of

REFRESH_SECONDS = 3


@open_to(PEOPLE_WHO_READ)
def run(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    """Show one run; while it is not over, the page loads itself again every few seconds."""
    found = get_object_or_404(ValidationRun.objects.select_related("version__model", "requested_by"), pk=run_id)
    context = {
        "run": found,
        "version": found.version,
        "results": results_of(found),
        "tries": found.tries.order_by("number"),
        "promotions": found.promotions.select_related("environment", "version"),
        "sandbox": found.manifest.get("sandbox") if isinstance(found.manifest, dict) else None,
        "refresh": None if found.concluded_at else REFRESH_SECONDS,
    }
    return show(request, "run", context, title=_("Validation run"))
