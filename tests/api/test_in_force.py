"""What decided on a day that has passed, on which data, validated how, and who let it?"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance.actions.deployments import report_deployment
from registry.actions.deployments import end_deployment
from registry.ledger.clock import database_now
from registry.models import Environment
from tests.api.calls import ci, person, refused
from tests.builders import a_model, a_version, an_approved_promotion, an_environment
from tests.cast import Cast
from tests.governance.asking_the_gate import ask

pytestmark = pytest.mark.postgres
LOANS = "/api/v1/models/consumer-credit-default/in-force/"


def text(instant: datetime) -> str:
    """Return an instant as it stands in an address."""
    return instant.isoformat().replace("+00:00", "Z")


def at(cast: Cast, instant: datetime) -> dict[str, Any]:
    """Return what was in force."""
    response = person(cast.otto).get(f"{LOANS}?as_of={text(instant)}")
    assert response.status_code == 200, response.content
    answer: dict[str, Any] = response.json()
    return answer


def test_one_answer_says_what_ran_on_which_data_validated_how_and_who_let_it(cast: Cast) -> None:
    promotion = an_approved_promotion(cast)
    version, place = promotion.version, Environment.objects.get(pk="production")
    before = database_now()
    decision = ask(cast, version)
    sha256 = version.model_artifact().artifact_id
    deployed, _, _ = report_deployment(
        version, environment=place, artifact_sha256=sha256, decision_id=decision.pk, actor=cast.ci_bot
    )
    during = database_now()
    end_deployment(deployed, actor=cast.ci_bot)
    after = database_now()

    assert at(cast, before)["running"] == at(cast, after)["running"] == []
    answer = at(cast, during)
    (one,) = answer["running"]
    assert (one["deployment"]["id"], one["deployment"]["ended_at"], one["deployment"]["gated"]) == (
        str(deployed.pk), None, True,
    )  # fmt: skip
    assert [link["sha256"] for link in one["version"]["artifacts"]] == [sha256]
    assert {(used["role"], used["dataset"], used["version"]) for used in one["version"]["datasets"]} == {
        ("training", "loans", "2026-09"),
        ("evaluation", "loans", "2026-10"),
    }
    promotion.run.refresh_from_db()
    assert (one["validation"]["outcome"], one["validation"]["evidence_digest"]) == (
        "passed", promotion.run.evidence_digest,
    )  # fmt: skip
    assert (one["gate"]["id"], one["gate"]["decision"]) == (str(decision.pk), "allow")
    assert one["promotion"]["id"] == str(promotion.pk)
    assert [(given["person"], given["decision"]) for given in one["approvals"]] == [
        ("ravi", "approve"), ("pia", "approve"),
    ]  # fmt: skip
    assert (one["policy"]["policy"], one["policy"]["number"]) == ("test-policy", 1)
    assert (one["policy"]["drafted_by"], one["policy"]["published_by"]) == ("ravi", "pia")
    named = {found["id"]: found["person"] for found in answer["people"]}
    assert {str(who.pk): who.username for who in (cast.ravi, cast.pia, cast.ci_bot, cast.olga)}.items() <= named.items()
    assert answer["model"]["owner"] == "olga"
    assert answer["findings"] == []


def test_what_no_gate_allowed_is_shown_with_its_finding(cast: Cast) -> None:
    version = a_version(cast)
    place, sha256 = an_environment(cast), version.model_artifact().artifact_id
    report_deployment(version, environment=place, artifact_sha256=sha256, decision_id=None, actor=cast.ci_bot)
    (one,) = at(cast, database_now())["running"]
    empty = {name: one[name] for name in ("validation", "gate", "promotion", "policy", "approvals")}
    assert empty == {"validation": None, "gate": None, "promotion": None, "policy": None, "approvals": []}
    assert one["deployment"]["gated"] is False
    assert len(at(cast, database_now())["findings"]) == 1


def test_without_an_instant_it_is_about_now(cast: Cast) -> None:
    a_version(cast)
    before = database_now()
    answer = ci(cast).get(LOANS).json()
    assert before <= datetime.fromisoformat(answer["as_of"]) <= database_now()
    assert answer["running"] == []


def test_a_model_that_was_not_there_yet_is_unknown(cast: Cast) -> None:
    before = database_now()
    a_model(cast)
    refused(ci(cast).get(f"{LOANS}?as_of={text(before)}"), 404, "unknown-model")


def test_more_that_runs_asks_no_more_questions(cast: Cast) -> None:
    model = a_model(cast)

    def run(number: int) -> None:
        version = a_version(cast, f"{number}", model=model, data=b"%d" % number)
        place, sha256 = an_environment(cast, f"place-{number}"), version.model_artifact().artifact_id
        report_deployment(version, environment=place, artifact_sha256=sha256, decision_id=None, actor=cast.ci_bot)

    def asked() -> tuple[int, int]:
        with CaptureQueriesContext(connection) as queries:
            response = person(cast.ravi).get(f"{LOANS}?as_of={text(database_now())}")  # nobody records his looks
        return len(response.json()["running"]), len(queries)

    run(0)
    run(1)
    few = asked()
    for number in (2, 3, 4):
        run(number)
    many = asked()
    assert (few[0], many[0]) == (2, 5)
    assert many[1] <= few[1] <= 40
