"""Does every section print what the register really holds of its subject, and say by clause what it cannot hold yet?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.audits.dossier_story import a_story
from tests.audits.test_dossier_sections import facts_now, section_of, words_of
from tests.builders import MODEL_BYTES, a_model, a_version, an_approval, an_approved_promotion

if TYPE_CHECKING:
    from audits.dossier.content import Section, Table
    from registry.models import ModelVersion
    from tests.cast import Cast

pytestmark = pytest.mark.django_db
NOW_FILLED = (
    "determination",
    "validation",
    "oversight",
    "security",
    "monitoring",
    "incidents",
    "changes",
    "reviews",
    "third-party",
    "standards",
    "retention",
)


@pytest.fixture
def story(cast: Cast) -> ModelVersion:
    """Return a registered, measured and deployed version."""
    return a_story(cast)


def printed(version: ModelVersion, slug: str) -> Section:
    """Return one section of the dossier of a version as of now."""
    from audits.dossier.build import compose

    return section_of(compose(facts_now(version)), slug)


def tables_of(section: Section) -> list[Table]:
    """Return the tables of a section."""
    from audits.dossier.content import Table

    return [block for block in section.blocks if isinstance(block, Table)]


def values_of(section: Section) -> dict[str, str]:
    """Return every named fact of a section."""
    from audits.dossier.content import KeyValues

    return {item.key: item.value for block in section.blocks if isinstance(block, KeyValues) for item in block.items}


def gaps_of(facts: dict[str, Any], number: int) -> dict[str, tuple[str, str]]:
    """Return what section 2 lists for a section: what, by which clause, and where it would be recorded."""
    from audits.dossier.build import compose

    (table,) = tables_of(section_of(compose(facts), "missing"))
    return {row[1]: (row[2], row[3]) for row in table.rows if row[0] == str(number)}


def test_no_planned_section_is_left_without_a_class_and_each_ask_is_printed_and_listed_with_its_clause(
    story: ModelVersion,
) -> None:
    from audits.dossier.build import compose
    from audits.dossier.contract import SECTIONS
    from audits.dossier.outline import OUTLINE

    facts = facts_now(story)
    assert facts["unfilled"] == []
    assert {one.slug for one in OUTLINE} <= {entry.slug for entry in SECTIONS}
    document = compose(facts)
    asked = 0
    for slug in NOW_FILLED:
        section = SECTIONS.get(slug)()
        listed = gaps_of(facts, section.number)
        notices = {
            (block.text, block.required_by)
            for block in section_of(document, slug).blocks
            if hasattr(block, "required_by")
        }
        for ask in section.asked(facts["sections"][slug]):
            asked += 1
            assert (f"{ask.what}: No evidence recorded.", ask.required_by) in notices
            assert listed[str(ask.what)] == (ask.required_by, "nowhere yet in this register")
    assert asked > 15


def test_the_determination_prints_what_bears_on_the_question_and_draws_no_class(story: ModelVersion) -> None:
    section = printed(story, "determination")
    assert values_of(section) == {
        "Kind": "Machine-learning model",
        "Origin": "Built here",
        "Decides about people": "yes",
        "Purpose, as answered for the risk tier": "rights of people",
        "Answered by": "Ravi",
        "On": values_of(section)["On"],
    }
    assert "EU AI Act Art. 6" in words_of(section)


def test_the_validation_prints_runs_opinions_and_reperformances_with_their_evidence(
    story: ModelVersion, cast: Cast
) -> None:
    from audits.actions.reperformance import reperform_validation
    from tests.governance.judging import concluded, judged

    run = story.runs.get()
    before = facts_now(story)
    assert set(gaps_of(before, 14)) >= {
        "The opinion of a validator that stands",
        "A re-performance of a run by somebody else than who asked for it",
    }
    again, _new = reperform_validation(run, actor=cast.otto)
    again = concluded(again, judged(again))
    facts = facts_now(story)
    assert "A re-performance of a run by somebody else than who asked for it" not in gaps_of(facts, 14)
    section = printed(story, "validation")
    runs, repeated, raised = tables_of(section)
    assert runs.rows[0][1].startswith("CI (")
    assert runs.rows[0][2] == "loans/2026-09, loans/2026-10"
    assert runs.rows[0][-1] == run.evidence_digest[:12]
    assert runs.evidence == (run.evidence_digest[:12],)
    met = run.results.filter(status="met").count()
    assert f"{met} " in runs.rows[0][5]
    assert repeated.rows[0][1:3] == ("Otto", f"0 of {run.results.count()} within 1e-09")
    assert again.agreement["difference_sha256"].startswith(repeated.rows[0][-1])
    assert {row[1] for row in raised.rows} == set(story.findings.values_list("title", flat=True))
    index = words_of(printed(story, "evidence"))
    assert run.evidence_digest in index
    assert "Statement" in index


def test_the_opinion_of_a_validator_is_printed_in_full_and_one_that_was_withdrawn_says_so(cast: Cast) -> None:
    from governance.actions.approvals import withdraw_approval
    from tests.cast import in_session_of

    request = an_approved_promotion(cast)
    given = an_approval(request, cast.vera, "The calibration was looked at by hand.")
    assert "The calibration was looked at by hand." in words_of(printed(request.version, "validation"))
    assert "The opinion of a validator that stands" not in gaps_of(facts_now(request.version), 14)
    with in_session_of(cast.vera):
        withdraw_approval(given, actor=cast.vera, reason="The data had changed.")
    assert ": withdrawn" in words_of(printed(request.version, "validation"))
    assert "The opinion of a validator that stands" in gaps_of(facts_now(request.version), 14)


def test_oversight_prints_uses_threshold_and_the_card_and_asks_for_instructions_without_one(
    story: ModelVersion, cast: Cast
) -> None:
    from registry.actions.versions import ArtifactRef, DatasetRef, Origin, register_version
    from tests.builders import a_dataset_version, an_artifact

    facts = facts_now(story)
    assert values_of(printed(story, "oversight"))["Threshold of a decision"] == "0.5"
    assert gaps_of(facts, 17)["Instructions for use (a model card among the artifacts)"] == (
        "EU AI Act Art. 13",
        "registration of the version",
    )
    assert "How a person affected by a decision reaches a human being" in gaps_of(facts, 17)
    card = an_artifact(cast, b"# Card\nAsk a person above 40,000.")
    other, _ = register_version(
        story.model,
        version="3.0.0",
        artifacts=[
            ArtifactRef(an_artifact(cast, MODEL_BYTES + b"3"), "model", "skops"),
            ArtifactRef(card, "card", "md"),
        ],
        datasets=[DatasetRef(a_dataset_version(cast), "evaluation")],
        scoring={"threshold": 0.4, "positive_label": 1, "reasons": {"income": "Income is low"}},
        origin=Origin(change_summary="With a card."),
        actor=cast.ci_bot,
    )
    told = values_of(printed(other, "oversight"))
    assert told["Model card, SHA-256"] == card.sha256
    assert told["Reasons given with a decision"] == "income: Income is low"
    assert card.sha256 in words_of(printed(other, "evidence"))
    assert "Instructions for use (a model card among the artifacts)" not in gaps_of(facts_now(other), 17)


def test_security_prints_what_the_file_is_where_it_ran_and_which_libraries(cast: Cast) -> None:
    from tests.builders import a_promotable_version, an_open_promotion
    from tests.governance.judging import concluded, judged

    version = a_promotable_version(cast)
    request = an_open_promotion(cast, version, concluded=False)
    assert "A run of the artifact in a sandbox that says what it confines" in gaps_of(facts_now(version), 18)
    sandbox = {
        "rung": "bubblewrap",
        "probe_digest": "d" * 64,
        "libraries": {"scikit-learn": "1.7.2"},
        "made_with": {"scikit-learn": "1.7.1"},
        "estimator": "LogisticRegression",
        "inspection": {"container": "skops", "opaque": False, "globals": ["sklearn.linear_model.LogisticRegression"]},
        "peak_memory_bytes": 123456789,
    }
    run = concluded(request.run, judged(request.run), manifest={"sandbox": sandbox})
    section = printed(version, "security")
    told = values_of(section)
    assert told["Rung of the sandbox"] == "bubblewrap"
    assert told["Largest memory, bytes"] == "123,456,789"
    assert told["Followed to its end"] == "yes"
    assert told["Names the file asks for"] == "sklearn.linear_model.LogisticRegression"
    assert told["Evidence"] == run.manifest["manifest_sha256"][:12]
    artifacts, libraries = tables_of(section)
    assert artifacts.rows[0][:3] == ("Model", "skops", "no")
    assert libraries.rows == (("scikit-learn", "–", "1.7.1", "1.7.2"),)
    assert run.manifest["manifest_sha256"] in words_of(printed(version, "evidence"))
    listed = gaps_of(facts_now(version), 18)
    assert "A run of the artifact in a sandbox that says what it confines" not in listed
    assert "A lock of the environment: every library with its digest" in listed


def test_monitoring_tells_runs_since_it_went_live_from_those_before(story: ModelVersion, cast: Cast) -> None:
    from audits.actions.validation import start_validation
    from tests.audits.dossier_story import a_measured_run

    facts = facts_now(story)
    assert gaps_of(facts, 19)["A run since it went live"] == ("PRA SS1/23 P4.4; SR 26-2", "validation run")
    section = printed(story, "monitoring")
    assert "No run was over since it went live." in words_of(section)
    (drift,) = tables_of(section)
    measured = {one.requirement_key: one for one in story.runs.get().results.filter(check_slug__startswith="drift.")}
    assert {row[1] for row in drift.rows} == set(measured) == {"stability", "stability-score"}
    assert all(measured[row[1]].evidence_sha256.startswith(row[-1]) for row in drift.rows)
    run = start_validation(story, plan=story.runs.get().plan, reason="monitoring", actor=cast.vera)
    a_measured_run(run)
    section = printed(story, "monitoring")
    since, drift = tables_of(section)
    assert [row[1] for row in since.rows] == ["monitoring"]
    assert len(drift.rows) == 4
    assert "A run since it went live" not in gaps_of(facts_now(story), 19)


def test_incidents_print_what_the_register_noticed_and_that_no_incident_is_recorded(story: ModelVersion) -> None:
    section = printed(story, "incidents")
    (noticed,) = tables_of(section)
    assert [row[1:] for row in noticed.rows] == [("ran without a valid gate decision", "production", "–")]
    assert "EU AI Act Art. 73" in words_of(section)


def test_changes_print_each_version_what_differs_and_each_edit_of_the_entry(story: ModelVersion, cast: Cast) -> None:
    from audits.dossier.build import gather_facts
    from registry.actions.inventory import edit_model
    from registry.ledger.clock import database_now
    from registry.ledger.sequencer import sequence_all

    sequence_all()
    instant = database_now()
    a_version(cast, "3.0.0", model=story.model, data=MODEL_BYTES + b"3")
    edit_model(story.model, prohibited_use="Not for pricing.", actor=cast.olga)
    versions, edits = tables_of(printed(story, "changes"))
    assert [(row[0], row[4], row[5]) for row in versions.rows] == [("2.0.0", "–", "–"), ("3.0.0", "2.0.0", "artifacts")]
    assert versions.rows[0][6] == "requests: 1; yes: 0, no: 0"
    assert [(row[1], row[2]) for row in edits.rows] == [("Ravi", "owner"), ("Olga", "prohibited use")]
    assert "Version 3.0.0." in words_of(printed(story, "changes"))
    then = gather_facts(story, instant)["sections"]["changes"]
    assert [one["version"] for one in then["versions"]] == ["2.0.0"]
    assert [one["fields"] for one in then["edits"]] == [["owner"]]


def test_reviews_print_assessments_and_until_when_approvals_hold(cast: Cast) -> None:
    from tests.builders import a_tier

    request = an_approved_promotion(cast)
    a_tier(cast, request.model, {"exposure": "low", "purpose": "internal", "complexity": "low"})
    assessed, approvals = tables_of(printed(request.version, "reviews"))
    assert [(row[1], row[2]) for row in assessed.rows] == [("Ravi", "1"), ("Ravi", "3")]
    assert {(row[0], row[4]) for row in approvals.rows} == {("Ravi", "holds"), ("Pia", "holds")}
    assert all(row[5] == request.run.evidence_digest[:12] for row in approvals.rows)


def test_third_parties_are_asked_about_unless_the_model_was_built_here(story: ModelVersion, cast: Cast) -> None:
    assert "Who the vendor is, and the contract" not in gaps_of(facts_now(story), 23)
    assert "nothing is asked about a vendor" in words_of(printed(story, "third-party"))
    bought = a_version(cast, "1.0", model=a_model(cast, "bought", origin="vendor"), data=MODEL_BYTES + b"b")
    assert set(gaps_of(facts_now(bought), 23)) >= {"Who the vendor is, and the contract", "How to leave the vendor"}
    assert values_of(printed(bought, "third-party"))["Origin of the model"] == "Vendor"


def test_the_registration_data_stand_point_by_point_and_empty_ones_are_gaps(story: ModelVersion) -> None:
    section = printed(story, "standards")
    (table,) = tables_of(section)
    told = {row[0]: row[2] for row in table.rows}
    assert told["A(4)"].startswith("Consumer credit default; consumer-credit-default/2.0.0; ")
    assert told["A(5)"] == "Decide on consumer loans."
    assert told["A(6)"] == "Columns of the data: age, income"
    assert told["A(7)"] == "in service: production"
    assert told["A(1)"] == "No evidence recorded."
    listed = gaps_of(facts_now(story), 24)
    assert listed["Name, address and contact of the provider"][0] == "EU AI Act Annex VIII A(1)"
    assert listed["Instructions for use"] == ("EU AI Act Annex VIII A(12)", "registration of the version")
    assert "Intended purpose" not in listed


def test_retention_prints_the_stage_and_the_legal_holds_on_the_people_involved(story: ModelVersion, cast: Cast) -> None:
    from audits.dossier.build import gather_facts
    from registry.actions.erasure import place_legal_hold
    from registry.actions.versions import move_stage
    from registry.ledger.clock import database_now
    from registry.lifecycle import Stage

    assert values_of(printed(story, "retention"))["Stage"] == "in production"
    instant = database_now()
    place_legal_hold(cast.ada, reason="Proceedings.", actor=cast.ravi)
    place_legal_hold(cast.vera, reason="Other proceedings.", actor=cast.ravi)
    move_stage(story, Stage.RETIRED, actor=cast.ravi, reason="Replaced.")
    section = printed(story, "retention")
    (holds,) = tables_of(section)
    assert [(row[0], row[2]) for row in holds.rows] == [("Ada", "stands")], "Vera had no hand in it"
    assert values_of(section)["Version retired"] != "no"
    then = gather_facts(story, instant)["sections"]["retention"]
    assert (then["stage"], then["holds"]) == ("in_production", [])


def test_what_is_told_of_an_instant_stays_the_same_when_the_world_moves_on(story: ModelVersion, cast: Cast) -> None:
    from audits.actions.reperformance import reperform_validation
    from audits.dossier.build import gather_facts
    from registry.actions.inventory import edit_model
    from registry.ledger.clock import database_now
    from registry.ledger.sequencer import sequence_all
    from tests.builders import a_tier
    from tests.governance.judging import concluded, judged

    sequence_all()
    instant = database_now()
    before = gather_facts(story, instant)["sections"]
    again, _new = reperform_validation(story.runs.get(), actor=cast.otto)
    concluded(again, judged(again))
    a_tier(cast, story.model, {"exposure": "low", "purpose": "internal", "complexity": "low"})
    edit_model(story.model, origin="vendor", affects_people=False, actor=cast.olga)
    a_version(cast, "3.0.0", model=story.model, data=MODEL_BYTES + b"3")
    after = gather_facts(story, instant)["sections"]
    for slug in NOW_FILLED:
        assert after[slug] == before[slug], slug


def test_a_version_of_which_nothing_but_its_registration_is_known_still_has_every_section(cast: Cast) -> None:
    from audits.dossier.build import compose

    facts = facts_now(a_version(cast))
    document = compose(facts)
    for slug in NOW_FILLED:
        section = section_of(document, slug)
        assert section.blocks
        assert "No evidence recorded." in words_of(section) or slug == "third-party", slug
        assert gaps_of(facts, section.number), slug


def test_every_gap_says_where_it_would_be_recorded(story: ModelVersion, cast: Cast) -> None:
    from audits.dossier.build import compose

    for version in (story, a_version(cast, "3.0.0", model=a_model(cast, "bare"), data=MODEL_BYTES + b"bare")):
        (table,) = tables_of(section_of(compose(facts_now(version)), "missing"))
        assert not [row for row in table.rows if row[3] in ("", "–") or not row[2]]


def test_two_sections_of_one_number_never_share_the_number_of_a_table(cast: Cast) -> None:
    import re

    from audits.dossier.build import compose
    from tests.audits.test_dossier_sections import printed as text_of
    from tests.governance.asking_the_gate import ask

    request = an_approved_promotion(cast)
    ask(cast, request.version)
    numbered = re.findall(r"Table (16\.\d+) ", text_of(compose(facts_now(request.version))))
    assert len(numbered) == len(set(numbered)) == 3
