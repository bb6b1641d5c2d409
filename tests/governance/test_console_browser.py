"""Does the console work in a real browser: without script, without a broken policy, by keyboard alone?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import reverse

from governance.console.wording import visible
from governance.models import Approval, PromotionRequest
from registry.models import User
from tests.cast import PASSWORD, Cast, give_password, signed_in
from tests.governance.console_sample import BIDI, HOSTILE, SCRIPT, a_rich_promotion

pytestmark = [pytest.mark.chromium, pytest.mark.worker, pytest.mark.django_db(transaction=True)]
SAID = "I compared the intervals with the limits."


@pytest.fixture
def asked(cast: Cast) -> PromotionRequest:
    """Return an open request whose names are hostile."""
    return a_rich_promotion(cast, name=f"Loans {SCRIPT}", group=f"{SCRIPT}{BIDI}")


@pytest.fixture
def quiet(page: Any) -> Iterator[Any]:
    """Return a page that fails the test on any error in its console, a broken policy included."""
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type in {"error", "warning"} else None)
    yield page
    assert errors == []


def sign_in_by_form(page: Any, address: str, person: User) -> None:
    """Sign in as a person does."""
    give_password(person)
    page.goto(address + reverse("admin:login"))
    page.get_by_label("User name").fill(person.username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", level=1, name="Today").wait_for()


def sign_in(page: Any, address: str, person: User) -> None:
    """Give the browser a session of the person, made by the same database."""
    session = signed_in(person).cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": session, "url": address}])


def test_a_risk_manager_finds_the_request_reads_it_and_approves(
    cast: Cast, asked: PromotionRequest, web_address: str, quiet: Any
) -> None:
    sign_in_by_form(quiet, web_address, cast.ravi)
    waiting = quiet.locator("#waiting")
    waiting.get_by_role("link", name="Review").click()
    quiet.get_by_label("Approve", exact=True).check()
    quiet.get_by_label("Your statement").fill(SAID)
    quiet.get_by_label("I have read the evidence above").check()
    quiet.get_by_role("button", name="Record my decision").click()
    quiet.get_by_text("Your decision has been recorded.").wait_for()
    row = Approval.objects.get()
    assert (row.approver, row.statement) == (cast.ravi, SAID)
    assert quiet.locator("#decide").get_by_text(SAID).is_visible()


def test_who_had_a_hand_in_it_sees_why_and_hostile_names_are_literal_text(
    cast: Cast, asked: PromotionRequest, web_address: str, quiet: Any
) -> None:
    sign_in(quiet, web_address, cast.ada)
    quiet.goto(web_address + reverse("admin:promotion", args=[asked.pk]))
    aside = quiet.locator("#decide")
    assert "requested this promotion or answers for the account that did" in aside.inner_text()
    assert aside.locator("textarea").count() == 0
    assert "may not decide" in quiet.locator("#people tr.oneself").inner_text()
    assert "owned" not in quiet.title()
    assert SCRIPT in quiet.get_by_role("heading", level=1).inner_text()
    assert "⟨U+202E⟩" in quiet.locator("#plots").inner_text()
    drawings = quiet.locator("#plots details[open] svg.chart")
    assert drawings.count() >= 5
    for at in range(drawings.count()):
        box = drawings.nth(at).bounding_box()
        assert box["width"] > 200
        assert box["height"] > 60


@pytest.mark.parametrize("page_of", ["run", "promotion"])
def test_hostile_features_classes_and_bins_are_literal_text_in_every_chart(
    cast: Cast, web_address: str, quiet: Any, page_of: str
) -> None:
    asked = a_rich_promotion(cast, group=HOSTILE[1], names=HOSTILE)
    sign_in(quiet, web_address, cast.ravi)
    before = quiet.evaluate("document.title")
    address = {"run": ("admin:run", asked.run_id), "promotion": ("admin:promotion", asked.pk)}[page_of]
    assert quiet.goto(web_address + reverse(address[0], args=[address[1]])).status == 200
    quiet.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
    for chart in quiet.locator("svg.chart").all():
        chart.hover(position={"x": 5, "y": 5}, force=True)
    said = quiet.evaluate("[...document.querySelectorAll('svg.chart')].map(chart => chart.textContent).join(' ')")
    told = quiet.locator("main").inner_text()
    for hostile in HOSTILE:
        assert "".join(visible(hostile).split()) in "".join(said.split()), hostile
        assert "".join(visible(hostile).split()) in "".join(told.split()), hostile
    assert quiet.title() != "owned"
    assert before != "owned"
    found = quiet.evaluate(
        "[...document.querySelectorAll('main script, main img, main iframe, main a[href^=javascript], main *')]"
        ".filter(part => ['SCRIPT', 'IMG', 'IFRAME'].includes(part.tagName.toUpperCase())"
        " || [...part.attributes].some(one => one.name.startsWith('on') || one.value.startsWith('javascript:'))).length"
    )
    assert found == 0


def test_the_decision_is_reached_and_given_by_keyboard_alone(
    cast: Cast, asked: PromotionRequest, web_address: str, quiet: Any
) -> None:
    sign_in(quiet, web_address, cast.pia)
    quiet.goto(web_address + reverse("admin:promotion", args=[asked.pk]))
    quiet.keyboard.press("Tab")
    assert quiet.evaluate("document.activeElement.textContent") == "Skip to the content"
    quiet.keyboard.press("Enter")
    focused = "[document.activeElement.name, document.activeElement.type].join(' ')"
    for _step in range(400):
        quiet.keyboard.press("Tab")
        if quiet.evaluate(focused) == "decision radio":
            break
    else:
        pytest.fail("the decision cannot be reached by the Tab key")
    assert quiet.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    quiet.keyboard.press("Space")
    quiet.keyboard.press("Tab")
    quiet.keyboard.type(SAID)
    quiet.keyboard.press("Tab")
    quiet.keyboard.press("Space")
    quiet.keyboard.press("Tab")
    quiet.keyboard.press("Enter")
    quiet.get_by_text("Your decision has been recorded.").wait_for()
    row = Approval.objects.get()
    assert (row.approver, row.decision) == (cast.pia, "approve")


def test_every_page_fits_its_screen_light_and_dark_and_keeps_the_policy(
    cast: Cast, asked: PromotionRequest, web_address: str, quiet: Any
) -> None:
    sign_in(quiet, web_address, cast.ravi)
    names = (
        "index",
        "models",
        "promotions",
        "findings",
        "policies",
        "policy_draft",
        "audit",
        "room",
        "verifications",
        "samples",
        "items",
        "portfolio",
        "records",
    )
    addresses = [
        *(reverse(f"admin:{name}") for name in names),
        reverse("admin:promotion", args=[asked.pk]),
        reverse("admin:model", args=[asked.model_id]),
        reverse("admin:run", args=[asked.run_id]),
        reverse("admin:policy", args=["test-policy", 1]),
        reverse("admin:registry_modelversion_changelist"),
        reverse("admin:registry_modelversion_change", args=[asked.version_id]),
    ]
    for address in addresses:
        assert quiet.goto(web_address + address).status == 200
        for scheme, width in (("light", 1280), ("dark", 820)):
            quiet.set_viewport_size({"width": width, "height": 900})
            quiet.emulate_media(color_scheme=scheme)
            beyond = quiet.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert (address, width, beyond) == (address, width, 0)
        assert quiet.evaluate("document.querySelectorAll('[style], style, script').length") == 0
