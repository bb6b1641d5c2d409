"""Whatever people and machines do: is what ``as_of`` answers later what was answered at that instant?"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from audits.actions.findings import close_finding
from audits.dossier.build import gather_register_facts
from audits.models import Finding
from governance.models import GateDecision, PromotionRequest, TierAssessment
from registry.actions.deployments import set_environment_limits
from registry.actions.inventory import assign_owner
from registry.errors import DomainError
from registry.ledger.clock import database_now
from registry.models import Deployment, Model
from tests import builders
from tests.api.calls import Caller, ci
from tests.cast import in_session_of
from tests.properties.test_lifecycle_acts import ACTS, LIKELY, Register, begin_anew

__all__ = ["begin_anew"]  # a fixture, taken over from the acts

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]
API = "/api/v1/"
MODEL = "models/consumer-credit-default/"
LISTS = (
    "models/", f"{MODEL}versions/", "promotions/", "promotions/?state=open", "deployments/", "findings/",
    "findings/?model=consumer-credit-default&state=closed", "policies/", "environments/", "datasets/",
    "datasets/loans/versions/",
)  # fmt: skip
SINGLE = (MODEL, f"{MODEL}versions/1.0/", "policies/test-policy/1/", "policies/test-policy/2/")


def close_one(register: Register) -> None:
    finding = Finding.objects.filter(state="open").first()
    if finding is not None:
        with in_session_of(register.cast.vera):
            close_finding(finding, actor=register.cast.vera, statement="Looked at, and explained.")


def own_anew(register: Register) -> None:
    register.edits += 1
    assign_owner(register.version.model, register.cast.olga, actor=register.cast.ravi)


def tier_anew(register: Register) -> None:
    register.edits += 1
    low = {"exposure": "low", "purpose": "internal", "complexity": "low"}
    answers = builders.HIGH_RISK if register.edits % 2 else low
    builders.a_tier(register.cast, register.version.model, answers)


def limit_anew(register: Register) -> None:
    register.edits += 1
    limits = {"latency_seconds": 0.25 * register.edits, "artifact_bytes": 1000 * register.edits}
    set_environment_limits(register.place, limits=limits, actor=register.cast.ravi)


def policy_anew(register: Register) -> None:
    register.edits += 1
    builders.a_policy(register.cast, auc=0.6 + register.edits / 100)


def version_anew(register: Register) -> None:
    register.edits += 1
    builders.a_version(
        register.cast, f"2.{register.edits}", model=register.version.model, data=uuid4().bytes,
        contributors=((register.cast.olga, "trained"),),
    )  # fmt: skip


MORE = ACTS | {
    "close a finding": close_one,
    "name the owner": own_anew,
    "assess the tier": tier_anew,
    "state limits": limit_anew,
    "publish a policy": policy_anew,
    "register another version": version_anew,
}
SCRIPTS = st.one_of(
    st.lists(st.sampled_from([*MORE, *LIKELY]), min_size=2, max_size=6),
    st.lists(st.sampled_from(sorted(MORE)), min_size=1, max_size=4).map(lambda more: [*LIKELY, "deploy", *more]),
)


def portfolio_at(instant: datetime) -> dict[str, Any]:
    """Return what the report on the whole register says as of an instant; asked at once, all there is then."""
    return gather_register_facts(instant, kind="portfolio")


def portfolio_now(instant: datetime) -> dict[str, Any]:
    """Return the report as of now, of which the counts are those of the present tables."""
    told = portfolio_at(instant)
    sections = told["sections"]
    newest = {one.model_id: one.tier for one in TierAssessment.objects.order_by("assessed_at", "id")}
    running = Deployment.objects.filter(ended_at=None)
    assert sections["findings"]["open"] == Finding.objects.filter(state="open").count()
    assert sections["findings"]["all"] == Finding.objects.count()
    assert sections["working"]["running"] == running.count()
    assert len(sections["controls"]["ungated"]) == running.filter(gated=False, environment__gated=True).count()
    assert sections["controls"]["denials"] == GateDecision.objects.filter(outcome="deny").count()
    waiting = PromotionRequest.objects.filter(state="open").count()
    assert sections["position"]["decisions"]["promotions"] == waiting
    rows = {one["model"]: (one["tier"], one["owner"]) for one in sections["method"]["rows"]}
    assert rows == {one.slug: (newest.get(one.slug), str(one.owner or "")) for one in Model.objects.all()}
    return told


def answers(caller: Caller, paths: list[str], instant: datetime | None) -> dict[str, Any]:
    """Return what the API says at each address; of a request without who may decide, which is asked of the present."""
    found = {}
    for path in paths:
        asked = "" if instant is None else f"{'&' if '?' in path else '?'}as_of={instant.isoformat()[:-6]}Z"
        response = caller.get(f"{API}{path}{asked}")
        body = response.json()
        if response.status_code == 404:
            found[path] = "there is none"
            continue
        assert response.status_code == 200, (path, body)
        rows = body.get("results", [body])
        found[path] = [
            {name: value for name, value in row.items() if name not in {"as_of", "people", "eligible"}} for row in rows
        ]
    return found


@settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(script=SCRIPTS, data=st.data())
def test_the_answer_about_an_instant_is_the_answer_that_was_given_then(cast, begin_anew, script, data):
    begin_anew()
    version = builders.a_promotable_version(cast, data=uuid4().bytes)
    register, caller = Register(cast, version), ci(cast)
    moments, given_then = [database_now()], [answers(caller, [*LISTS, *SINGLE], None)]
    portfolios, ends = [portfolio_now(moments[0])], [database_now()]
    for name in script:
        try:
            MORE[name](register)
        except DomainError as refusal:
            event(f"{name}: {refusal.code}")
        asked_for = [f"promotions/{pk}/" for pk in PromotionRequest.objects.values_list("pk", flat=True)]
        moments.append(database_now())
        given_then.append(answers(caller, [*LISTS, *SINGLE, *asked_for], None))
        portfolios.append(portfolio_now(moments[-1]))
        ends.append(database_now())
    for number in sorted(data.draw(st.sets(st.integers(0, len(script)), min_size=1, max_size=4), "instants")):
        within = data.draw(st.floats(0, 1), "where between the acts")
        instant = moments[number] + (ends[number] - moments[number]) * within
        assert portfolio_at(moments[number]) == portfolios[number], (script, number)
        said_then = given_then[number]
        assert answers(caller, list(said_then), instant) == said_then, (script, number)
