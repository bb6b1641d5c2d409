"""Does the page of a run follow it in a real browser, without being loaded again, until the run is over?"""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from audits.actions.steps import claim, finish, heartbeat
from tests import builders
from tests.cast import Cast
from tests.governance.judging import judged
from tests.governance.test_console_browser import sign_in

pytestmark = [pytest.mark.chromium, pytest.mark.worker, pytest.mark.django_db(transaction=True)]

LOOKS_EVERY = 2_000
PATIENCE = 15_000


def test_progress_changes_without_a_reload_and_the_end_is_shown(cast: Cast, web_address: str, page: Any) -> None:
    run = builders.an_open_promotion(cast, concluded=False).run
    sign_in(page, web_address, cast.vera)
    page.goto(web_address + reverse("admin:run", args=[run.pk]))
    page.evaluate("window.kept = 'since the page was loaded'")
    page.get_by_text("No worker has taken this run yet.").wait_for()
    lease = claim(str(run.pk), worker="w")
    heartbeat(lease, message="Scoring <b>the tables</b>")
    page.get_by_text("Scoring <b>the tables</b>").wait_for(timeout=PATIENCE)
    assert "0 of 2 steps" in page.locator("#live-status").inner_text()
    finish(lease)
    page.locator("[data-live] progress[value='1']").wait_for(timeout=PATIENCE)
    page.locator("#live-status").get_by_text("1 of 2 steps").wait_for(timeout=PATIENCE)
    assert page.evaluate("window.kept") == "since the page was loaded"
    assert page.locator("#live-problem").is_hidden()

    page.route("**/progress/", lambda route: route.abort())
    page.locator("#live-problem").wait_for(state="visible", timeout=PATIENCE)
    page.unroute("**/progress/")
    page.locator("#live-problem").wait_for(state="hidden", timeout=PATIENCE)
    assert page.evaluate("window.kept") == "since the page was loaded"

    finish(claim(str(run.pk), worker="w"), results=judged(run))
    page.locator("[data-live]").wait_for(state="detached", timeout=PATIENCE)
    assert page.evaluate("window.kept === undefined"), "the page of a run that is over is loaded once more"
    assert "performance.roc_auc" in str(page.locator("#results").text_content())
    run.refresh_from_db()
    assert run.state == "concluded"
    polls: list[str] = []
    page.on("request", lambda request: polls.append(request.url))
    page.wait_for_timeout(2 * LOOKS_EVERY)
    assert polls == [], "a run that is over is not asked about"
