"""Is a place named on the policies page by who may, and by nobody else?"""

from __future__ import annotations

import pytest
from django.urls import reverse

from registry.models import Environment
from tests.cast import Cast, signed_in

pytestmark = pytest.mark.django_db
SAID = {"act": "environment", "slug": "production-eu", "name": "Production, EU", "gated": "on"}


@pytest.mark.parametrize("who", ["ravi", "adam"])
def test_a_risk_manager_or_administrator_names_a_gated_place(cast: Cast, who: str) -> None:
    client = signed_in(getattr(cast, who))
    assert client.post(reverse("admin:policies"), SAID).status_code == 302
    assert Environment.objects.get(pk="production-eu").gated
    assert "Production, EU" in client.get(reverse("admin:policies")).content.decode()


def test_a_bad_name_is_refused_beside_the_form_and_nothing_is_written(cast: Cast) -> None:
    answer = signed_in(cast.ravi).post(reverse("admin:policies"), SAID | {"slug": "Production EU"})
    assert answer.status_code == 400
    assert answer.context["environment_form"].errors
    assert not Environment.objects.exists()


@pytest.mark.parametrize("who", ["pia", "vera", "olga"])
def test_others_are_refused_and_nothing_is_written(cast: Cast, who: str) -> None:
    answer = signed_in(getattr(cast, who)).post(reverse("admin:policies"), SAID)
    assert answer.status_code == 403
    assert not Environment.objects.exists()


def test_limits_are_stated_beside_the_place_and_a_bad_one_is_refused(cast: Cast) -> None:
    client = signed_in(cast.ravi)
    client.post(reverse("admin:policies"), SAID)
    said = {"act": "limits", "environment": "production-eu", "load_seconds": "2.5", "artifact_bytes": "5000000"}
    assert client.post(reverse("admin:policies"), said).status_code == 302
    assert Environment.objects.get().limits == {"load_seconds": 2.5, "artifact_bytes": 5_000_000}
    assert "load_seconds" in client.get(reverse("admin:policies")).content.decode()
    answer = client.post(reverse("admin:policies"), said | {"load_seconds": "-1"})
    assert answer.status_code == 400
    assert answer.context["limits_form"].errors
    assert signed_in(cast.vera).post(reverse("admin:policies"), said | {"load_seconds": "9"}).status_code == 403
    assert Environment.objects.get().limits == {"load_seconds": 2.5, "artifact_bytes": 5_000_000}
