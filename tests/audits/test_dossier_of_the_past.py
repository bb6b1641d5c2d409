"""Does a dossier as of an instant that has passed give the answer of the gate of that instant?"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.audits.dossier_story import a_story
from tests.builders import POLICY, a_checkpoint, a_policy, an_approved_promotion
from tests.cast import in_session_of

if TYPE_CHECKING:
    from governance.models import PromotionRequest
    from registry.models import ModelVersion
    from tests.cast import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture
def approved(cast: Cast) -> PromotionRequest:
    """Return an approved promotion whose events have their places and are anchored."""
    request = an_approved_promotion(cast)
    a_checkpoint()
    return request


def now() -> datetime:
    """Return the database's clock."""
    from registry.ledger.clock import database_now

    return database_now()


def answer(version: ModelVersion, instant: datetime) -> dict[str, Any]:
    """Return what a dossier as of an instant says of the gate, for the one place there is."""
    from governance.dossier_sections.question import answers

    (one,) = answers(version, instant)
    return one


def refused_by(one: dict[str, Any]) -> set[str]:
    """Return the controls that said no."""
    return {reason["control"] for reason in one["reasons"]}


def test_an_approval_that_was_withdrawn_later_counts_at_the_instant_before(
    approved: PromotionRequest, cast: Cast
) -> None:
    from governance.actions.approvals import withdraw_approval

    before = now()
    first = answer(approved.version, before)
    assert first["outcome"] == "allow"
    assert sorted(first["approved_by"]) == ["Pia", "Ravi"]
    with in_session_of(cast.pia):
        withdraw_approval(approved.approvals.get(approver=cast.pia), actor=cast.pia, reason="On second thoughts.")
    assert answer(approved.version, before) == first
    later = answer(approved.version, now())
    assert (later["outcome"], later["approved_by"]) == ("deny", ["Ravi"])
    assert refused_by(later) == {"SOD-03"}


def test_what_was_opened_closed_edited_ended_or_published_later_has_no_part_in_it(
    approved: PromotionRequest, cast: Cast
) -> None:
    from audits.actions.findings import close_finding, open_finding
    from registry.actions.inventory import edit_model
    from registry.actions.people import deactivate, end_role
    from registry.models import Role

    version = approved.version
    before = now()
    first = answer(version, before)
    assert first["outcome"] == "allow"
    finding, _new = open_finding(
        version.model,
        version=version,
        kind="test",
        source_key="t",
        title="It fails at night.",
        severity="high",
        blocking=True,
        actor=cast.vera,
    )
    edit_model(version.model, intended_use="", actor=cast.olga)
    end_role(cast.ravi.grants.get(role=Role.RISK_MANAGER), actor=cast.adam)
    with_finding = now()
    assert refused_by(answer(version, with_finding)) >= {"FND-01", "INV-02", "SOD-03"}
    close_finding(finding, actor=cast.vera, statement="It was the clock.")
    deactivate(cast.pia, actor=cast.adam)
    assert answer(version, before) == first
    assert "FND-01" in refused_by(answer(version, with_finding)), "it was open then"
    assert "FND-01" not in refused_by(answer(version, now()))


def test_the_policy_of_the_instant_is_judged_by(approved: PromotionRequest, cast: Cast) -> None:
    before = now()
    first = answer(approved.version, before)
    a_policy(cast, text=POLICY.format(slug="test-policy", environment="production", auc=0.95))
    later = answer(approved.version, now())
    assert (first["policy"], later["policy"]) == ("test-policy v1", "test-policy v2")
    assert refused_by(later) >= {"REQ-01", "VAL-01"}
    assert answer(approved.version, before) == first


def test_before_anything_was_asked_or_measured_the_gate_of_then_had_no_evidence(cast: Cast) -> None:
    from tests.builders import a_promotable_version

    version = a_promotable_version(cast)
    a_checkpoint()
    early = now()
    an_approved_promotion(cast, version)
    one = answer(version, early)
    assert (one["outcome"], one["request"], one["approved_by"]) == ("deny", "", [])
    assert refused_by(one) >= {"REQ-01", "VAL-01", "SOD-03"}
    assert answer(version, now())["outcome"] == "allow"


@pytest.mark.parametrize("kind", ["approved", "story"])
def test_the_facts_of_the_present_instant_are_those_that_the_gate_itself_reads(cast: Cast, kind: str) -> None:
    from governance.gate.contract import Asked
    from governance.gate.facts import gather_facts
    from governance.gate.then import gather_facts_then
    from registry.ledger.past import Past

    version = an_approved_promotion(cast).version if kind == "approved" else a_story(cast)
    a_checkpoint()
    instant = now()
    asked = Asked("production", version.model_artifact().artifact_id, "nonce")
    live, then = gather_facts(asked, instant).as_json(), gather_facts_then(asked, Past(instant)).as_json()
    assert then == live
    unknown = Asked("nowhere", "0" * 64, "nonce")
    assert gather_facts_then(unknown, Past(instant)).as_json() == gather_facts(unknown, instant).as_json()


def test_an_event_that_waited_too_long_for_its_anchor_is_seen_in_the_past(
    approved: PromotionRequest, settings: Any
) -> None:
    from datetime import timedelta

    from governance.gate.contract import Asked
    from governance.gate.then import gather_facts_then
    from registry.ledger.anchors import configured
    from registry.ledger.past import Past

    instant = now()
    asked = Asked("production", approved.version.model_artifact().artifact_id, "nonce")
    (file,) = gather_facts_then(asked, Past(instant)).ledger.anchors
    assert file.waiting_seconds == 0
    path = configured().path
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    tomorrow = (instant + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    path.write_text("".join(json.dumps(line | {"anchored_at": tomorrow}) + "\n" for line in lines))
    (file,) = gather_facts_then(asked, Past(instant + timedelta(hours=2))).ledger.anchors
    assert file.waiting_seconds >= 7200, "the line of the file is of the day after"


def test_a_dossier_of_an_instant_prints_its_answer_and_says_of_which_instant(
    approved: PromotionRequest, cast: Cast
) -> None:
    from audits.actions.dossiers import build_dossier, request_dossier
    from audits.actions.evidence import read_evidence
    from audits.dossier.build import compose
    from governance.actions.approvals import withdraw_approval
    from tests.audits.test_dossier_sections import section_of, words_of

    before = now()
    with in_session_of(cast.pia):
        withdraw_approval(approved.approvals.get(approver=cast.pia), actor=cast.pia, reason="On second thoughts.")
    told = {}
    for as_of in (before, None):
        asked, _new = request_dossier(approved.version, actor=cast.otto, as_of=as_of)
        issued = build_dossier(str(asked.pk))
        assert (issued.state, issued.failure) == ("issued", None)
        document = compose(json.loads(read_evidence(issued.facts_sha256)))
        told[as_of] = words_of(section_of(document, "verdict")), words_of(section_of(document, "controls"))
    assert "The gate would allow these bytes" in told[before][0] or "Every control passes" in told[before][0]
    assert before.strftime("%Y-%m-%d %H:%M:%S UTC") in told[before][0]
    assert '"fail"' not in told[before][1]
    assert "The gate would refuse these bytes" in told[None][0]
    assert '"fail"' in told[None][1]
