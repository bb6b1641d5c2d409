"""Under which addresses is everything found? The API, the probes, and the console."""

from __future__ import annotations

from django.urls import include, path

from governance.api.health import live, ready
from governance.api.metrics import Metrics

urlpatterns = [
    path("api/v1/", include("governance.api.v1.urls")),
    path("health/live", live),
    path("health/ready", ready),
    path("metrics", Metrics.as_view()),
    path("", include("governance.console.urls")),
]
handler400 = "governance.api.errors.bad_request"
handler404 = "governance.api.errors.not_found"
handler500 = "governance.api.errors.server_error"
