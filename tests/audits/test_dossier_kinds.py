"""Does each kind of dossier print its own sections from the same facts, say what is missing, and rebuild to the byte?"""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from pypdf import PdfReader

from tests.audits.dossier_story import a_story
from tests.builders import a_version
from tests.drawing import sampled

if TYPE_CHECKING:
    from audits.dossier.content import Document
    from registry.models import ModelVersion
    from tests.cast import Cast

pytestmark = pytest.mark.django_db
ARRANGED = ("validation", "annex-iv", "card", "decommission")


@pytest.fixture
def story(cast: Cast) -> ModelVersion:
    """Return a registered, measured and deployed version."""
    return a_story(cast)


def facts_of(version: ModelVersion, kind: str, **more: Any) -> dict[str, Any]:
    """Gather the facts of a kind as of now, with every event in its place."""
    from audits.dossier.build import gather_facts
    from registry.ledger.clock import database_now
    from registry.ledger.sequencer import sequence_all

    sequence_all()
    return gather_facts(version, database_now(), kind=kind, **more)


def composed(version: ModelVersion, kind: str, **more: Any) -> Document:
    """Return the document of a kind, through its stored facts."""
    from audits.dossier.build import document_and_pdf
    from registry.digests import canonical_json

    stored = canonical_json(facts_of(version, kind, **more))
    document, pdf = document_and_pdf(stored)
    assert document_and_pdf(stored)[1] == pdf
    return document


def pages_of(document: Document) -> list[str]:
    """Return the text of each page."""
    from audits.dossier.render import render

    return [page.extract_text() for page in PdfReader(io.BytesIO(render(document))).pages]


def words_of(value: Any) -> str:
    """Return every text of a part of a document."""
    from audits.dossier.content import to_json

    return json.dumps(to_json(value), ensure_ascii=False)


@pytest.mark.parametrize("kind", ARRANGED)
def test_a_kind_is_rebuilt_from_its_facts_without_a_query_and_bears_its_name(
    story: ModelVersion, kind: str, django_assert_num_queries: Any
) -> None:
    from audits.dossier.build import compose
    from audits.models import Dossier

    facts = facts_of(story, kind)
    with django_assert_num_queries(0):
        document = compose(facts)
    cover = document.sections[0]
    assert (cover.number, cover.title) == (0, Dossier.Kind(kind).label)
    assert [one.number for one in document.sections] == list(range(len(document.sections)))


@pytest.mark.parametrize("kind", sampled([(kind, kind) for kind in ARRANGED], one_in=len(ARRANGED)))
def test_a_kind_is_issued_superseded_by_its_own_kind_only_and_rendered_again(
    story: ModelVersion, cast: Cast, kind: str
) -> None:
    from audits.actions.dossiers import build_dossier, render_again, request_dossier
    from audits.actions.evidence import read_evidence

    full = build_dossier(str(request_dossier(story, actor=cast.otto)[0].pk))
    first = build_dossier(str(request_dossier(story, actor=cast.otto, kind=kind)[0].pk))
    second = build_dossier(str(request_dossier(story, actor=cast.otto, kind=kind)[0].pk))
    assert (first.state, first.failure, first.supersedes) == ("issued", None, None)
    assert (second.supersedes, full.superseded_by.count()) == (first, 0)
    assert read_evidence(second.pdf_sha256).startswith(render_again(second))


def test_a_validation_report_begins_with_the_verdict_and_what_is_missing(story: ModelVersion) -> None:
    document = composed(story, "validation")
    assert [one.slug for one in document.sections[:3]] == ["cover", "verdict", "missing"]
    printed = words_of(document.sections)
    for key in ("roc-auc", "selection-ratio", "importance", "calibration"):
        assert f'"{key}"' in printed
    opinion = next(one for one in document.sections if one.slug == "validation")
    listed = words_of(document.sections[2])
    assert not opinion.is_empty or f'["{opinion.number}", "Independent validation"' in listed


def test_annex_iv_names_its_nine_points_in_order_and_lists_what_nobody_records(story: ModelVersion) -> None:
    from audits.dossier.kinds.annex_iv import AnnexIV

    document = composed(story, "annex-iv")
    titles = [one.title for one in document.sections]
    for point in range(1, 10):
        assert titles[point].startswith(f"Annex IV, point {point}: ")
    missing = words_of(document.sections[0])
    for number, chapter in enumerate(AnnexIV.chapters, start=1):
        for ask in chapter.asks:
            assert f'["{number}", "{ask.what}", "{ask.required_by}"' in missing
            assert str(ask.what) in words_of(document.sections[number]) or len(chapter.asks) == 1
    assert "No evidence recorded." in words_of(document.sections[8])
    parts = [slug for chapter in AnnexIV.chapters for slug in chapter.parts]
    assert len(parts) == len(set(parts))


def test_a_decommission_record_tells_the_stages_and_says_what_still_runs(story: ModelVersion, cast: Cast) -> None:
    from registry.actions.deployments import end_deployment

    before = composed(story, "decommission")
    assert "It still runs in: production." in words_of(before.sections[1])
    assert "The end of the deployment in production" in words_of(before.sections[2])
    end_deployment(story.deployments.get(), actor=cast.ci_bot)
    after = composed(story, "decommission")
    assert "It still runs" not in words_of(after.sections[1])
    assert "The end of the deployment" not in words_of(after.sections[2])
    assert "That the version is retired" in words_of(after.sections[2])
    assert story.stage.replace("_", " ") in words_of(after.sections[1])


def test_a_card_is_one_page_with_its_numbers(story: ModelVersion) -> None:
    pages = pages_of(composed(story, "card"))
    assert len(pages) == 1
    assert "selection-ratio" in pages[0]
    assert "Page 1 of 1" in pages[0]


LONG = [("letters", "W" * 5000), ("words", "word " * 2000), ("lines", "line\n" * 2000), ("signs", "\u4e00" * 5000)]


@pytest.mark.parametrize("text", sampled(LONG, one_in=len(LONG)))
def test_a_card_is_one_page_whatever_was_written(story: ModelVersion, text: str) -> None:
    from audits.dossier.build import compose

    facts = facts_of(story, "card")
    facts["model_name"] = facts["version"] = text
    facts["sections"]["cover"] |= {"owner": text, "stage": text}
    facts["sections"]["model"]["model"] |= {"intended_use": text, "prohibited_use": text, "name": text}
    (answer, *_rest) = facts["sections"]["verdict"]["answers"]
    facts["sections"]["verdict"]["answers"] = [answer | {"environment": text}] * 9
    for slug in ("performance", "fairness"):
        for one in facts["sections"][slug]["results"]:
            one |= {"key": text, "required": text}
    assert len(pages_of(compose(facts))) == 1


def test_a_card_before_any_validation_says_so(cast: Cast) -> None:
    pages = pages_of(composed(a_version(cast), "card"))
    assert len(pages) == 1
    assert "No validation run was over" in pages[0]


def test_a_kind_that_is_not_there_is_refused(story: ModelVersion, cast: Cast) -> None:
    from audits.actions.dossiers import request_dossier
    from registry.errors import DomainError

    with pytest.raises(DomainError, match="unknown-dossier-kind"):
        request_dossier(story, actor=cast.otto, kind="poem")
    with pytest.raises(DomainError, match="not-comparable"):
        request_dossier(story, actor=cast.otto, kind="card", compared_with=story)


LL144 = {
    "key": "ll144",
    "check": "fairness.ll144_selection",
    "params": {"sex": "sex", "race_ethnicity": "region"},
    "op": ">=",
    "limit": 0.8,
    "severity": "advisory",
}


def test_a_public_summary_tells_rates_and_ratios_and_names_nobody(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    from audits.actions.dossiers import build_dossier, request_dossier
    from audits.actions.evidence import read_evidence
    from registry.models import Artifact, User
    from tests.audits import dossier_story

    monkeypatch.setattr(dossier_story, "REQUIREMENTS", [*dossier_story.REQUIREMENTS, LL144])
    version = a_story(cast)
    measured = version.runs.get().results.get(check_slug="fairness.ll144_selection").measurement
    issued = build_dossier(str(request_dossier(version, actor=cast.otto, kind="ll144")[0].pk))
    assert issued.state == "issued", issued.failure
    stored = read_evidence(issued.facts_sha256).decode()
    document = composed(version, "ll144")
    printed = words_of(document.sections)
    tables = [one for one in to_blocks(document) if "rows" in one]
    assert [len(one["rows"]) for one in tables] == [len(one["rows"]) for one in measured["detail"]["tables"]]
    assert len(tables) == 3
    for table, drawn in zip(measured["detail"]["tables"], tables, strict=True):
        assert f"unknown: {table['unknown_shown']}." in drawn["note"]
        for row, shown in zip(table["rows"], drawn["rows"], strict=True):
            assert shown[0] == row["category"]
            assert (shown[3], shown[4]) == (row["rate_shown"] or "–", row["ratio_shown"] or "–")
    assert version.runs.get().concluded_at.date().isoformat() in printed
    assert version.deployments.get().started_at.date().isoformat() in printed
    people = User.objects.exclude(username="")
    private = {str(one) for one in people} | {one.username for one in people} | {one.email for one in people}
    private |= {*Artifact.objects.values_list("sha256", flat=True), version.manifest_digest, "requested_by", "@"}
    said = json.loads(stored)
    del said["dossier"]["checkpoint"]
    for text in (json.dumps(said), printed):
        assert [one for one in private if one and re.search(rf"(?<!\w){re.escape(one)}(?!\w)", text)] == []


def to_blocks(document: Document) -> list[dict[str, Any]]:
    """Return every block of a document as JSON."""
    from audits.dossier.content import to_json

    return [to_json(block) for section in document.sections for block in section.blocks]


def test_addresses_and_digests_that_somebody_wrote_into_a_statement_are_masked() -> None:
    from audits.dossier.kinds.ll144 import masked

    assert masked(f"Ask ann@bank.example about {'a' * 64}, 2024 rows.") == "Ask […] about […], 2024 rows."


def test_a_public_summary_without_an_audit_says_that_nothing_is_recorded(cast: Cast) -> None:
    printed = words_of(composed(a_version(cast), "ll144").sections)
    assert printed.count("No evidence recorded.") >= 3


def test_the_verdict_points_to_where_its_own_kind_lists_what_is_missing(story: ModelVersion) -> None:
    from audits.dossier.build import compose

    documents: dict[str, Document] = {}
    for kind, chapter, where in (
        ("full", 1, "(section 2)"),
        ("validation", 1, "(section 2)"),
        ("annex-iv", 3, "(on the cover)"),
    ):
        facts = facts_of(story, kind)
        for answer in facts["sections"]["verdict"]["answers"]:
            answer["reasons"] *= 3
        document = documents[kind] = compose(facts)
        assert where in words_of(document.sections[chapter]), kind
        (listing,) = [one for one in document.sections if "What is missing, by section" in words_of(one)]
        assert where == (f"(section {listing.number})" if listing.number else "(on the cover)")
    verdict = words_of(documents["validation"].sections[1])
    assert "more" in verdict
    assert "in the control matrix" not in verdict, "it has none"
    assert "in the control matrix (section 5)" in words_of(documents["annex-iv"].sections[3])
    assert "AUD-01" in words_of(documents["annex-iv"].sections[5])
    assert "in the control matrix (section 26)" in words_of(documents["full"].sections[1])


def test_a_run_without_the_measurements_of_a_bias_audit_is_not_dated_as_one(story: ModelVersion) -> None:
    facts = facts_of(story, "ll144")
    assert facts["sections"]["ll144"]["audits"] == []
    assert facts["sections"]["ll144"]["audited_on"] == ""
    assert '"Date of the bias audit", "value": "No evidence recorded."' in words_of(
        composed(story, "ll144").sections[0]
    )
