"""Does the report on the whole register count what the ledger holds, say what it cannot hold, and rebuild to the byte?"""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from pypdf import PdfReader

from tests.audits.dossier_story import a_story
from tests.builders import HIGH_RISK, a_model, a_tier, a_version
from tests.cast import in_session_of

if TYPE_CHECKING:
    from datetime import datetime

    from audits.dossier.content import Document
    from audits.models import Dossier
    from registry.models import ModelVersion, User
    from tests.cast import Cast

pytestmark = pytest.mark.django_db
CLAUSED = ("incidents", "attestation", "self-assessment")


@pytest.fixture
def story(cast: Cast) -> ModelVersion:
    """Return a registered, measured and deployed version."""
    return a_story(cast)


def facts_now(instant: datetime | None = None, language: str = "en") -> dict[str, Any]:
    """Gather the facts as of now or an instant, with every event in its place."""
    from audits.dossier.build import gather_register_facts
    from registry.ledger.clock import database_now
    from registry.ledger.sequencer import sequence_all

    sequence_all()
    return gather_register_facts(instant or database_now(), kind="portfolio", language=language)


def composed(facts: dict[str, Any]) -> Document:
    """Return the document of facts, which gives the same bytes twice."""
    from audits.dossier.build import document_and_pdf
    from registry.digests import canonical_json

    stored = canonical_json(facts)
    document, pdf = document_and_pdf(stored)
    assert document_and_pdf(stored)[1] == pdf
    return document


def issued(actor: User, **more: Any) -> Dossier:
    """Have a report issued as the worker does."""
    from audits.actions.dossiers import build_dossier, request_register_report

    return build_dossier(str(request_register_report(actor=actor, **more)[0].pk))


def words_of(value: Any) -> str:
    """Return every text of a part of a document."""
    from audits.dossier.content import to_json

    return json.dumps(to_json(value), ensure_ascii=False)


def test_the_report_has_fifteen_sections_in_order_and_is_rebuilt_without_a_query(
    story: ModelVersion, django_assert_num_queries: Any
) -> None:
    facts = facts_now()
    with django_assert_num_queries(0):
        document = composed(facts)
    assert [one.number for one in document.sections] == list(range(16))
    assert (document.title, document.sections[0].title) == ("Portfolio report", "Portfolio report")


def test_the_board_s_page_is_one_page_and_shows_the_rule_of_each_answer(story: ModelVersion) -> None:
    from audits.dossier.render import render

    document = composed(facts_now())
    pages = [page.extract_text() for page in PdfReader(io.BytesIO(render(document))).pages]
    mine = [text for text in pages[2:] if "Decisions asked" in text or "Three messages" in text]
    assert len(mine) == 1
    for needed in ("Three messages", "green: 0; red: more", "Decisions asked", "appetite for model risk"):
        assert needed in mine[0]
    assert f"Page 1 of {len(pages)}" in pages[0]


def test_what_the_register_cannot_hold_is_printed_with_its_source(story: ModelVersion) -> None:
    document = composed(facts_now())
    by_slug = {one.slug: one for one in document.sections}
    for slug in CLAUSED:
        assert by_slug[slug].is_empty
        assert "No evidence recorded." in words_of(by_slug[slug])
    assert '"required_by": "EU AI Act Art. 73"' in words_of(by_slug["incidents"])
    assert "EU AI Act Art. 113" in words_of(by_slug["obligations"])


def test_the_counts_are_those_of_the_story(story: ModelVersion, cast: Cast) -> None:
    from registry.actions.inventory import assign_owner

    other = a_model(cast, "a-vendor-s-model", origin="vendor", affects_people=False, business_line="Cards")
    sections = facts_now()["sections"]
    assert sections["inventory"]["by_tier"] == {"1": 1, "none": 1}
    assert sections["inventory"]["by_origin"] == {"internal": 1, "vendor": 1}
    assert sections["inventory"]["by_line"]["Cards"] == 1
    measures = {one["key"]: one for one in sections["position"]["measures"]}
    assert (measures["ungated"]["count"], measures["ungated"]["colour"]) == (1, "red")
    assert (measures["untiered"]["count"], measures["untiered"]["of"]) == (1, 2)
    assert measures["four_eyes"]["count"] == 0
    assert sections["position"]["decisions"]["untiered"] == 1
    assert [row[0] for row in sections["third-parties"]["models"]] == [other.slug]
    assert sections["working"]["not_working"][0][:2] == ["consumer-credit-default/2.0.0", "production"]
    assert sections["people"]["models"] == 1
    assert sections["people"]["results"]["fairness|not_met"] >= 1
    assert {row["model"]: row["tier"] for row in sections["method"]["rows"]} == {other.slug: None, story.model_id: 1}
    before = sections["data-quality"]["filled"]["owner"]
    assign_owner(other, cast.olga, actor=cast.ravi)
    assert facts_now()["sections"]["data-quality"]["filled"]["owner"] == before + (other.owner_id is None)


def test_what_moved_since_the_report_before_is_told(story: ModelVersion, cast: Cast) -> None:
    first = issued(cast.ravi)
    assert (first.state, first.failure, first.supersedes) == ("issued", None, None)
    new = a_model(cast, "newcomer")
    low = {"exposure": "low", "purpose": "internal", "complexity": "low"}
    a_tier(cast, story.model, low)
    moved = facts_now()["sections"]["inventory"]["moved"]
    assert moved["new"] == [new.slug]
    assert ["consumer-credit-default", "tier", "1", "3"] in moved["changed"]
    second = issued(cast.ravi)
    assert second.supersedes == first
    assert facts_now(first.as_of)["previous"] == ""


def test_a_report_of_an_instant_that_has_passed_says_what_was_said_then(story: ModelVersion, cast: Cast) -> None:
    from audits.actions.findings import close_finding
    from audits.models import Finding
    from registry.ledger.clock import database_now

    then = database_now()
    said = facts_now(then)
    assert said["sections"]["findings"]["open"] > 0
    a_version(cast, "3.0.0", model=story.model, data=b"another", contributors=((cast.olga, "trained"),))
    a_tier(cast, story.model, HIGH_RISK | {"exposure": "low"})
    finding = Finding.objects.filter(state="open").first()
    assert finding is not None
    with in_session_of(cast.vera):
        close_finding(finding, actor=cast.vera, statement="Looked at, and explained.")
    issued(cast.ravi)
    assert facts_now(then) == said
    assert facts_now()["sections"]["findings"] != said["sections"]["findings"]


def test_an_empty_register_is_reported_and_german_is_another_document(cast: Cast) -> None:
    facts = facts_now()
    assert "No model is registered." in words_of(composed(facts).sections)
    german = composed(facts | {"language": "de"})
    assert german.language == "de"
    assert german.digest() != composed(facts).digest()


def test_who_may_ask_and_what_is_refused(story: ModelVersion, cast: Cast) -> None:
    from datetime import timedelta

    from audits.actions.dossiers import request_dossier, request_register_report
    from registry.errors import DomainError
    from registry.ledger.clock import database_now

    now = database_now()
    refused = (
        (lambda: request_register_report(actor=cast.ada), "role-missing"),
        (lambda: request_register_report(actor=cast.adam), "role-missing"),
        (lambda: request_register_report(actor=cast.otto, kind="card"), "dossier-of-a-version"),
        (lambda: request_register_report(actor=cast.otto, kind="nothing"), "unknown-dossier-kind"),
        (lambda: request_register_report(actor=cast.otto, language="fr"), "unknown-language"),
        (lambda: request_register_report(actor=cast.otto, as_of=now + timedelta(days=1)), "as-of-in-the-future"),
        (
            lambda: request_register_report(actor=cast.otto, as_of=now - timedelta(days=999)),
            "as-of-before-the-register",
        ),
        (lambda: request_dossier(story, actor=cast.otto, kind="portfolio"), "dossier-of-the-register"),
    )
    for act, code in refused:
        with pytest.raises(DomainError) as caught:
            act()
        assert caught.value.code == code
    asked, created = request_register_report(actor=cast.otto)
    assert (created, request_register_report(actor=cast.otto)) == (True, (asked, False))
    assert request_register_report(actor=cast.ravi)[1]


def test_the_number_of_queries_does_not_grow_with_the_register(cast: Cast) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    asked = []
    for count in (3, 12):
        for number in range(count):
            a_model(cast, f"model-{count}-{number}")
        with CaptureQueriesContext(connection) as seen:
            facts_now()
        asked.append(sum("SELECT" in one["sql"] for one in seen.captured_queries))
    assert asked[1] <= asked[0] + 2


def test_a_row_of_ten_thousand_costs_what_a_row_of_a_thousand_costs(story: ModelVersion) -> None:
    """Measured without the collector, whose walks over all that is alive are no work on a row."""
    import gc
    import time

    from audits.dossier.build import document_and_pdf
    from registry.digests import canonical_json

    facts, spent = facts_now(), []
    (row,) = facts["sections"]["method"]["rows"]
    for count in (1_000, 10_000):
        facts["sections"]["method"]["rows"] = [row | {"model": f"model-{number:05}"} for number in range(count)]
        stored = canonical_json(facts)
        gc.disable()
        try:
            started = time.process_time()
            document_and_pdf(stored)
            spent.append(time.process_time() - started)
        finally:
            gc.enable()
    assert spent[1] < 20 * spent[0], spent


def verdicts(report: Dossier, actor: User, folder: Any) -> tuple[int, int]:
    """Return what ``verify.py`` and the service's own verifier say of a report's bundle."""
    from audits.actions.bundles import make_bundle
    from audits.dossier.bundle_check import verify_bundle
    from registry.ledger.extract import own_chain
    from tests.audits.bundle_samples import judged

    assert (report.state, report.failure) == ("issued", None)
    bundle, key = make_bundle(report, actor=actor), own_chain().keys()[-1]
    theirs = judged(folder, bundle, key=key, kept=report.checkpoint)
    return theirs.code(), verify_bundle(bundle, key=key, checkpoint=report.checkpoint).exit_code


def test_both_verifiers_accept_its_bundle(story: ModelVersion, cast: Cast, tmp_path: Any) -> None:
    from audits.actions.dossiers import render_again
    from audits.actions.evidence import read_evidence

    report = issued(cast.otto)
    assert read_evidence(report.pdf_sha256).startswith(render_again(report))
    assert verdicts(report, cast.otto, tmp_path) == (0, 0)


@pytest.mark.parametrize("lie", ["a model", "a finding"])
def test_both_verifiers_prove_a_report_false_that_tells_rows_otherwise_than_the_ledger(
    story: ModelVersion, cast: Cast, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, lie: str
) -> None:
    from audits.dossier import build

    honest = build.gather_register_facts

    def lying(*given: Any, **named: Any) -> dict[str, Any]:
        facts = honest(*given, **named)
        if lie == "a model":
            facts["sections"]["method"]["rows"][0]["origin"] = "vendor"
        else:
            facts["sections"]["findings"]["largest"][0][3] = "low"
        return facts

    with monkeypatch.context() as patch:
        patch.setattr(build, "gather_register_facts", lying)
        report = issued(cast.otto)
    assert verdicts(report, cast.otto, tmp_path) == (1, 1)
