"""Does an auditor come from the one-time link to a verified bundle, by the way that docs/how-to/audit-a-model.md tells?"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.urls import reverse

from audits.models import Dossier
from governance.actions.people import make_link
from governance.actions.request_list import ask_item
from registry.actions.people import set_end
from registry.ledger import anchoring
from registry.ledger.anchors import anchor_latest
from registry.ledger.clock import database_now
from registry.ledger.extract import own_chain
from registry.ledger.models import LedgerEvent
from registry.ledger.sequencer import sequence_all
from tests import builders
from tests.cast import PASSWORD, Cast, signed_in

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "audit-a-model.md"


@pytest.mark.django_db
def test_an_empty_room_says_what_is_not_there_yet(cast: Cast) -> None:
    page = signed_in(cast.otto).get(reverse("admin:room")).content.decode()
    for said in (
        "It has no end set.",
        "Nobody has had the ledger verified here yet.",
        "No dossier has been asked for yet.",
        "No sample has been drawn yet.",
        "Nothing on the request list waits.",
    ):
        assert said in page, said
    assert f'href="{reverse("admin:room")}" aria-current="page"' in page


@pytest.mark.django_db
def test_the_room_shows_what_is_there_and_leads_to_it(cast: Cast) -> None:
    builders.a_model(cast)
    sequence_all()
    anchor_latest()
    until = database_now() + timedelta(days=20)
    set_end(cast.otto, until, actor=cast.adam)
    item = ask_item(actor=cast.otto, title="Minutes", text="All.", due_on=(database_now() + timedelta(days=2)).date())
    page = signed_in(cast.otto).get(reverse("admin:room")).content.decode()
    assert f'It ends on <time datetime="{until.isoformat()}"' in page
    assert reverse("admin:item", args=[item.pk]) in page
    assert "Signed checkpoint" in page
    anchors = anchoring.how_it_stands()["anchors"]
    assert anchors
    for one in anchors:
        assert f'<th scope="row">{one["kind"]}</th>' in page
    for name in ("verifications", "samples", "items", "audit"):
        assert reverse(f"admin:{name}") in page
    assert f'href="{reverse("admin:room")}"' not in signed_in(cast.ada).get(reverse("admin:index")).content.decode()


@pytest.mark.chromium
@pytest.mark.worker
@pytest.mark.django_db(transaction=True)
def test_from_the_one_time_link_to_a_verified_bundle(
    cast: Cast, web_address: str, start_worker: Callable[..., Any], page: Any, tmp_path: Path
) -> None:
    version = builders.an_approved_promotion(cast).version
    start_worker()  # only now: it would take the run that the builder concludes
    guide = " ".join(GUIDE.read_text(encoding="utf-8").split())
    link = make_link(cast.otto, actor=cast.adam)
    page.goto(f"{web_address}{urlsplit(link).path}")
    for field in page.locator("input[type=password]").all():
        field.fill(PASSWORD)
    click(page, guide, "Set the password and sign in")
    page.get_by_role("link", name=named(guide, "Auditor's room")).click()
    asking = page.locator("#dossiers")
    asking.get_by_label("Version", exact=True).select_option(str(version.pk))
    click(page, guide, "Ask for a dossier as of now")
    page.get_by_role("link", name="Auditor's room").click()
    ready = page.locator("#dossiers").get_by_role("link", name=named(guide, "With proof"))
    for _ in range(120):
        if ready.count():
            break
        page.wait_for_timeout(1_000)
        page.reload()
    with page.expect_download() as download:
        ready.first.click()
    download.value.save_as(tmp_path / "bundle.zip")
    away = tmp_path / "another-machine"
    with zipfile.ZipFile(tmp_path / "bundle.zip") as bundle:
        bundle.extractall(away)
    key = own_chain().keys()[-1]
    assert key in page.request.get(f"{web_address}/api/v1/keys/").text()
    (away / "trusted-key.pub").write_text(f"{key}\n", encoding="utf-8")
    assert "python3 -I verify.py --key trusted-key.pub" in guide
    said = verified(away)
    assert said.returncode == 0, said.stdout + said.stderr
    victim = away / Dossier.objects.get().file_name()
    victim = victim if victim.exists() else next(away.rglob("*.pdf"))
    victim.write_bytes(victim.read_bytes().replace(b"%PDF", b"%pdf", 1))
    assert verified(away).returncode == 1
    assert LedgerEvent.objects.filter(action="dossier.bundled", actor_id=str(cast.otto.pk)).exists()


def named(guide: str, words: str) -> str:
    """Return ``words``, which the guide must name."""
    assert words in guide, words
    return words


def click(page: Any, guide: str, words: str) -> None:
    """Press the button that the guide names so."""
    page.get_by_role("button", name=named(guide, words)).click()


def verified(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the bundle's verifier as on a machine that has nothing but Python."""
    line = [sys.executable, "-I", "verify.py", "--key", "trusted-key.pub"]
    bare = {"PATH": os.environ["PATH"]}
    return subprocess.run(line, cwd=folder, check=False, capture_output=True, text=True, env=bare, timeout=120)
