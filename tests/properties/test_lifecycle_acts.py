"""Whatever people and machines do, in whatever order: is a version ever approved, or allowed, without its evidence?"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as configured
from django.db import transaction
from hypothesis import HealthCheck, Phase, event, given
from hypothesis import strategies as st

from audits.actions.steps import claim, fail
from audits.models import ValidationRun
from governance.actions.approvals import approve, reject, withdraw_approval
from governance.actions.deployments import report_deployment
from governance.actions.promotions import open_promotion, take_up_validation, withdraw_promotion
from governance.models import Approval, PromotionRequest
from registry.actions.deployments import end_deployment
from registry.actions.inventory import edit_model
from registry.errors import DomainError
from registry.ledger.event import read
from registry.ledger.models import LedgerEvent
from registry.ledger.replay import differences
from registry.lifecycle import Stage, may_move
from registry.models import Deployment, ModelVersion
from tests import builders
from tests.cast import in_session_of
from tests.drawing import examples
from tests.governance.asking_the_gate import ask
from tests.governance.judging import concluded, judged

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


class Register:
    """The acts of one register with one version, each of which may be refused."""

    def __init__(self, cast: Any, version: ModelVersion) -> None:
        self.cast, self.version = cast, version
        self.place = builders.an_environment(cast)
        self.edits = 0

    def request(self) -> PromotionRequest:
        found = PromotionRequest.objects.order_by("-requested_at", "-id").first()
        if found is None:
            raise DomainError("nothing-asked", "There is no request.")
        return found

    def ask(self) -> None:
        version = ModelVersion.objects.get(pk=self.version.pk)
        open_promotion(version, environment=self.place, actor=self.cast.ci_bot)

    def measure(self, how: str) -> None:
        run = ValidationRun.objects.filter(state="queued").order_by("requested_at").first()
        if run is None:
            return
        if how == "error":
            fail(claim(str(run.pk), worker="w"), error=DomainError("unreadable-table", "It is none."))
        else:
            concluded(run, judged(run, passed=how == "pass"))
        take_up_validation(ValidationRun.objects.get(pk=run.pk))

    def decide(self, verb: Callable[..., Any], name: str) -> None:
        person, request = getattr(self.cast, name), self.request()
        digest = request.run.evidence_digest if request.run else ""
        with in_session_of(person):
            verb(request, actor=person, statement="So be it.", evidence_digest=digest)

    def take_back_approval(self, name: str) -> None:
        person = getattr(self.cast, name)
        mine = Approval.objects.filter(approver=person, withdrawn_at__isnull=True).first()
        if mine is not None:
            with in_session_of(person):
                withdraw_approval(mine, actor=person, reason="I was mistaken.")

    def take_back_request(self) -> None:
        withdraw_promotion(self.request(), actor=self.cast.ci_bot, reason="Asked too early.")

    def edit(self) -> None:
        self.edits += 1
        edit_model(self.version.model, intended_use=f"Use {self.edits}.", actor=self.cast.ci_bot)

    def deploy(self) -> None:
        version = ModelVersion.objects.get(pk=self.version.pk)
        sha256 = version.model_artifact().artifact_id
        report_deployment(
            version, environment=self.place, artifact_sha256=sha256, decision_id=ask(self.cast, version).pk,
            actor=self.cast.ci_bot,
        )  # fmt: skip

    def end(self) -> None:
        if running := Deployment.objects.filter(ended_at__isnull=True).first():
            end_deployment(running, actor=self.cast.ci_bot)


ACTS: dict[str, Callable[[Register], None]] = {
    "ask": Register.ask,
    "measure: pass": lambda register: register.measure("pass"),
    "measure: fail": lambda register: register.measure("fail"),
    "measure: error": lambda register: register.measure("error"),
    "Ravi approves": lambda register: register.decide(approve, "ravi"),
    "Pia approves": lambda register: register.decide(approve, "pia"),
    "Ada approves": lambda register: register.decide(approve, "ada"),
    "Vera rejects": lambda register: register.decide(reject, "vera"),
    "Pia takes it back": lambda register: register.take_back_approval("pia"),
    "ci-bot takes it back": Register.take_back_request,
    "edit the intended use": Register.edit,
    "deploy": Register.deploy,
    "end": Register.end,
}
LIKELY = ["ask", "measure: pass", "Ravi approves", "Pia approves"]
SCRIPTS = st.one_of(
    st.lists(st.sampled_from([*ACTS, *LIKELY, *LIKELY]), min_size=3, max_size=9),
    st.lists(st.sampled_from(sorted(ACTS)), min_size=1, max_size=5).map(lambda more: LIKELY + more),
)


def has_its_evidence(request: PromotionRequest, cast: Any) -> bool:
    """Work out anew, from the rows alone, whether two people who may said yes to a passed run of this request."""
    run = request.run
    yes = Approval.objects.filter(request=request, decision="approve", withdrawn_at__isnull=True)
    people = set(yes.filter(evidence_digest=run.evidence_digest).values_list("approver__username", flat=True))
    return run.outcome == "passed" and len(people & {"ravi", "pia", "vera"}) >= 2


@pytest.fixture
def begin_anew():
    """Return a function that takes the database and the anchors back to where they were; examples share the test."""
    point = transaction.savepoint()

    def begin() -> None:
        transaction.savepoint_rollback(point)
        shutil.rmtree(configured.LEDGER_ANCHOR_DIR, ignore_errors=True)

    return begin


@examples(
    16,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(script=SCRIPTS)
def test_no_order_of_acts_approves_or_allows_without_a_passed_validation_and_a_quorum(cast, begin_anew, script):
    begin_anew()
    version = builders.a_promotable_version(cast, data=uuid4().bytes)
    register = Register(cast, version)
    for name in script:
        try:
            ACTS[name](register)
        except DomainError as refusal:
            event(f"{name}: {refusal.code}")
        version.refresh_from_db()
        open_one = PromotionRequest.objects.filter(state="open")
        assert open_one.count() <= 1
        if version.stage == Stage.APPROVED and not Deployment.objects.exists():
            event("approved")
            assert has_its_evidence(open_one.get(), cast), script
        answer = ask(cast, version)
        if answer.outcome == "allow":
            event("allowed")
            assert has_its_evidence(open_one.get(), cast), script
            assert open_one.get().covers["intended_use"] == version.model.__class__.objects.get().intended_use
    moves = [
        read(bytes(one.body)).payload for one in LedgerEvent.objects.filter(action="version.stage_moved").order_by("id")
    ]
    for move in moves:
        assert may_move(Stage(move["from"]), Stage(move["to"])), move
    assert [move["to"] for move in moves[:-1]] == [move["from"] for move in moves[1:]], "no move is missing"
    assert not Approval.objects.filter(approver=cast.ada).exists()
    assert differences() == []
