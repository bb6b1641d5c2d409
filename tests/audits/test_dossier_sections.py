"""Does a dossier print what the rooms recorded as of an instant, name what is missing, and rebuild from its facts?"""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pypdf import PdfReader

from tests.audits.dossier_story import REQUIREMENTS, a_story
from tests.builders import a_version
from tests.conftest import Alter

if TYPE_CHECKING:
    from audits.dossier.content import Document, Section
    from registry.models import ModelVersion
    from tests.cast import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def story(cast: Cast) -> ModelVersion:
    """Return a registered, measured and deployed version."""
    return a_story(cast)


def facts_now(version: ModelVersion) -> dict[str, Any]:
    """Gather the facts as of now, with every event in its place."""
    from audits.dossier.build import gather_facts
    from registry.ledger.clock import database_now
    from registry.ledger.sequencer import sequence_all

    sequence_all()
    return gather_facts(version, database_now())


def section_of(document: Document, slug: str) -> Section:
    """Return one section of a document."""
    return next(one for one in document.sections if one.slug == slug)


def words_of(value: object) -> str:
    """Return every text of a section or block as one string."""
    from audits.dossier.content import to_json

    return json.dumps(to_json(value), ensure_ascii=False)


def printed(document: Document) -> str:
    """Return the text of the PDF."""
    from audits.dossier.render import render

    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(render(document))).pages)


def test_a_dossier_is_rebuilt_byte_for_byte_from_its_stored_facts(story: ModelVersion) -> None:
    from audits.dossier.build import compose
    from audits.dossier.render import render
    from registry.digests import canonical_json

    facts = facts_now(story)
    stored = canonical_json(facts)
    assert render(compose(json.loads(stored))) == render(compose(facts))


def test_gathering_again_for_the_same_instant_gives_the_same_facts_after_the_world_has_moved_on(
    story: ModelVersion, cast: Cast
) -> None:
    from audits.dossier.build import gather_facts
    from registry.actions.deployments import end_deployment
    from registry.ledger.clock import database_now
    from registry.ledger.sequencer import sequence_all

    sequence_all()
    instant = database_now()
    before = gather_facts(story, instant)
    finding = story.findings.order_by("opened_at").first()
    assert finding is not None
    from audits.actions.findings import close_finding

    close_finding(finding, actor=cast.ravi, statement="Looked at, and it is as it should be.")
    end_deployment(story.deployments.get(), actor=cast.ci_bot)
    sequence_all()
    after, later = gather_facts(story, instant), facts_now(story)
    assert after["sections"] == before["sections"]
    for slug in ("findings", "model", "ledger"):
        assert later["sections"][slug] != before["sections"][slug]


def test_the_labels_among_the_facts_are_in_the_language_of_the_dossier(story: ModelVersion) -> None:
    from django.utils import translation

    from audits.dossier.build import gather_facts
    from registry.ledger.clock import database_now
    from registry.ledger.sequencer import sequence_all

    sequence_all()
    instant = database_now()
    english = gather_facts(story, instant, language="en")
    with translation.override("de"):
        under_german = gather_facts(story, instant, language="en")
        assert translation.get_language() == "de"
    for slug in english["sections"]:
        assert under_german["sections"][slug] == english["sections"][slug]
    assert "Auswertung" not in json.dumps(under_german, ensure_ascii=False)
    german = gather_facts(story, instant, language="de")
    assert "Auswertung" in json.dumps(german, ensure_ascii=False)
    assert "Auswertung" not in json.dumps(english, ensure_ascii=False)


def test_every_planned_section_is_printed_in_order_and_none_vanishes(story: ModelVersion) -> None:
    from audits.dossier.build import compose
    from audits.dossier.outline import OUTLINE

    document = compose(facts_now(story))
    planned = [one.slug for one in OUTLINE]
    assert [one.slug for one in document.sections if one.slug in planned] == planned
    numbers = [one.number for one in document.sections]
    assert numbers == sorted(numbers)
    assert set(numbers) == set(range(29))
    security = section_of(document, "security")
    assert "No evidence recorded." in words_of(security)
    assert "EU AI Act Annex IV(2)(h)" in words_of(security)


def test_each_number_measured_stands_in_the_section_of_its_family_with_its_evidence_id(story: ModelVersion) -> None:
    from audits.dossier.build import compose

    facts = facts_now(story)
    document = compose(facts)
    index = words_of(section_of(document, "evidence"))
    told = {slug: words_of(section_of(document, slug)) for slug in ("performance", "explainability", "fairness")}
    homes = {"fairness": "fairness", "explainability": "explainability"}
    run = story.runs.get()
    assert run.results.count() == len(REQUIREMENTS)
    for result in run.results.all():
        text = told[homes.get(result.check_slug.split(".")[0], "performance")]
        assert result.requirement_key in text
        assert result.observed in text
        assert result.required in text
        assert result.evidence_sha256[:12] in text
        assert result.evidence_sha256 in index


def test_evidence_that_was_reproduced_says_when_by_whom_and_how_far(story: ModelVersion, cast: Cast) -> None:
    from audits.actions.reperformance import reperform_validation
    from audits.dossier.build import compose
    from tests.governance.judging import concluded, judged

    before = compose(facts_now(story))
    assert "Nobody had re-performed this run." in words_of(section_of(before, "evidence"))
    again, _ = reperform_validation(story.runs.get(), actor=cast.otto)
    again = concluded(again, judged(again))
    facts = facts_now(story)
    said = words_of(section_of(compose(facts), "evidence"))
    assert f"by Otto: 0 of {len(REQUIREMENTS)} measurements agree within 1e-09." in said
    assert again.agreement["difference_sha256"] in said
    assert facts["sections"]["performance"]["run"]["id"] == str(again.reperforms_id), "no repetition is the latest run"


def test_each_chart_stands_with_its_table(story: ModelVersion) -> None:
    from audits.dossier.build import compose
    from audits.dossier.content import Figure

    document = compose(facts_now(story))
    figures = [block for section in document.sections for block in section.blocks if isinstance(block, Figure)]
    kinds = {figure.chart["kind"] for figure in figures}
    assert kinds >= {"line", "points", "intervals", "lineage", "timeline"}
    assert all(figure.table.rows for figure in figures)


def test_the_printed_document_shows_the_identity_the_numbers_and_the_way_to_verify(story: ModelVersion) -> None:
    from audits.dossier.build import compose

    facts = facts_now(story)
    text = printed(compose(facts))
    checkpoint = facts["sections"]["ledger"]["checkpoint"]
    squeezed = "".join(text.split())
    for expected in (
        "Consumer credit default",
        "Decide on consumer loans.",
        story.model_artifact().artifact_id,
        story.manifest_digest,
        checkpoint["root"],
        checkpoint["verifier_key"],
        "loans/2026-09",
        "Ada",
        "manage.py verify_ledger",
        "deployment.recorded",
    ):
        assert "".join(expected.split()) in squeezed, expected


def test_what_is_missing_is_listed_with_its_clause_and_place_and_counted_on_the_cover(story: ModelVersion) -> None:
    from audits.dossier.build import compose
    from audits.dossier.content import KeyValues, Table

    document = compose(facts_now(story))
    table = next(block for block in section_of(document, "missing").blocks if isinstance(block, Table))
    rows = {(row[0], row[1]): row for row in table.rows}
    assert rows["4", "Prohibited use"][2:] == ("PRA SS1/23 P5.2; EU AI Act Annex IV(3)", "inventory entry")
    assert ("4", "A gate decision for the deployment in production") in rows
    assert ("9", "Lawful basis") in rows
    assert ("18", "A lock of the environment: every library with its digest") in rows
    assert ("4", "Intended use") not in rows
    cover = next(block for block in section_of(document, "cover").blocks if isinstance(block, KeyValues))
    assert next(item.value for item in cover.items if item.key == "Things missing") == str(len(table.rows))


def test_a_result_that_could_not_tell_is_a_gap_and_never_a_silent_pass(story: ModelVersion) -> None:
    from audits.dossier.build import compose

    facts = facts_now(story)
    untold = [
        one
        for slug in ("performance", "explainability", "fairness")
        for one in facts["sections"][slug]["results"]
        if one["status"] in {"insufficient", "error"}
    ]
    assert untold
    missing = words_of(section_of(compose(facts), "missing"))
    assert all(one["key"] in missing for one in untold)


def test_before_any_validation_the_measured_sections_say_that_nothing_is_recorded(cast: Cast) -> None:
    from audits.dossier.build import compose

    document = compose(facts_now(a_version(cast)))
    for slug in ("performance", "explainability", "fairness"):
        assert section_of(document, slug).is_empty
    assert "no evidence recorded" in printed(document)


def test_a_version_has_no_dossier_before_it_was_registered(story: ModelVersion) -> None:
    from audits.dossier.build import gather_facts
    from registry.errors import DomainError

    with pytest.raises(DomainError) as refusal:
        gather_facts(story, story.registered_at - timedelta(seconds=1))
    assert refusal.value.code == "version-not-there-yet"


def test_every_event_of_the_extract_is_under_the_checkpoint_and_its_leaf_hash_is_that_of_its_bytes(
    story: ModelVersion,
) -> None:
    from registry.ledger import proofs

    ledger = facts_now(story)["sections"]["ledger"]
    assert {one["action"] for one in ledger["events"]} >= {
        "model.registered",
        "version.registered",
        "validation.concluded",
        "deployment.recorded",
        "finding.opened",
        "dataset.version_registered",
    }
    assert all(one["index"] < ledger["checkpoint"]["size"] for one in ledger["events"])
    assert ledger["events"] == sorted(ledger["events"], key=lambda one: one["at"])
    assert proofs.latest_checkpoint().size >= ledger["checkpoint"]["size"]


def test_evidence_whose_bytes_were_altered_is_said_and_listed_as_missing(story: ModelVersion, alter: Alter) -> None:
    from audits.dossier.build import compose
    from registry.storage import artifacts

    result = story.runs.get().results.get(requirement_key="roc-auc")
    path = artifacts().path(result.evidence_sha256)
    alter(path, b"{}")
    document = compose(facts_now(story))
    assert "The evidence of roc-auc:" in words_of(section_of(document, "missing"))
    assert "cannot be read" in words_of(section_of(document, "performance"))


def test_a_section_of_another_room_joins_in_its_place_with_its_gaps(story: ModelVersion) -> None:
    from audits.dossier.build import compose
    from audits.dossier.content import Paragraph
    from audits.dossier.contract import SECTIONS, DossierSection, Gap

    class NearMisses(DossierSection):
        """Near misses of the test."""

        slug, number, title, required_by = "near-misses", 20, "Near misses", "EU AI Act Art. 73"

        def gather(self, version: Any, as_of: Any) -> dict[str, Any]:
            return {"count": 3}

        def compose(self, facts: dict[str, Any]) -> Any:
            return self.section(Paragraph(f"{facts['count']} near misses"))

        def gaps(self, facts: dict[str, Any]) -> list[Gap]:
            return [Gap("The third report", self.required_by, "near misses")]

    with SECTIONS.temporarily("near-misses", NearMisses):
        facts = facts_now(story)
        document = compose(facts)
        assert section_of(document, "near-misses").blocks == (Paragraph("3 near misses"),)
        assert "The third report" in words_of(section_of(document, "missing"))


def test_stored_facts_of_a_section_that_is_not_installed_are_refused_and_not_left_out(story: ModelVersion) -> None:
    from audits.dossier.build import compose
    from registry.errors import DomainError

    facts = facts_now(story)
    facts["sections"]["horoscope"] = {"sign": "aries"}
    with pytest.raises(DomainError) as refusal:
        compose(facts)
    assert refusal.value.code == "unknown-section"
    with pytest.raises(DomainError) as other:
        compose(facts | {"format": 99})
    assert other.value.code == "unknown-facts-format"


def test_composing_reads_nothing_but_the_facts(story: ModelVersion, django_assert_num_queries: Any) -> None:
    from audits.dossier.build import compose

    facts = facts_now(story)
    with django_assert_num_queries(0):
        compose(facts)
