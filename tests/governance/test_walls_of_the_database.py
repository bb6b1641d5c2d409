"""What does the database itself refuse, when somebody goes around the actions with SQL of their own?"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import Model as Row

from governance import walls
from governance.models import Approval, GateDecision, PolicyVersion
from registry.actions.people import grant_role, register_service_account
from registry.ledger.clock import database_now
from registry.ledger.replay import differences
from registry.models import Role, User
from registry.models.identity import new_id
from tests import builders
from tests.governance.asking_the_gate import ask, said_no
from tests.governance.test_approval_people import HANDS_IN_IT

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def insert(row: Row, *, verb: str = "INSERT") -> None:
    """Insert a row with SQL of our own: no action, no model, no signal."""
    fields = row._meta.concrete_fields
    names = ", ".join(connection.ops.quote_name(field.column) for field in fields)
    values = [field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields]
    marks = ", ".join(["%s"] * len(fields))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"{verb} INTO {row._meta.db_table} ({names}) VALUES ({marks})", values)


def sql(statement: str, *values: object) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


def forged(request, approver, **fields) -> Approval:
    """Return an approval that lies about who asked, so that only the walls can know better."""
    stranger = User.objects.get(username="adam")
    now = database_now()
    given = {
        "request": request, "approver": approver, "requested_by": stranger, "requested_for": stranger,
        "decision": "approve", "role": "approver", "statement": "Forged.", "manifest": request.covers,
        "manifest_digest": request.covers_digest, "evidence_digest": request.run.evidence_digest, "decided_at": now,
        "expires_at": now + timedelta(days=90),
    }  # fmt: skip
    return Approval(id=new_id(), **given | fields)


@pytest.mark.parametrize("identity", HANDS_IN_IT, ids=lambda identity: identity.__name__.replace("_", " "))
def test_the_approval_of_whoever_had_a_hand_in_it_is_refused_by_the_database(cast, identity):
    request, person = identity(cast)
    with pytest.raises(IntegrityError, match="contributed"):
        insert(forged(request, person))
    assert not Approval.objects.exists()


def test_the_approval_of_a_service_account_is_refused_by_the_database(cast):
    request = builders.an_open_promotion(cast)
    bot = register_service_account(username="far-bot", display_name="Bot", responsible=cast.vera, actor=cast.adam)
    for account in (cast.ci_bot, bot):
        with pytest.raises(IntegrityError, match="contributed"):
            insert(forged(request, account))


def test_the_checks_stand_without_the_triggers(cast):
    request = builders.an_open_promotion(cast)
    walls.remove(connection)
    try:
        for fields, constraint in (
            ({"requested_by": cast.ada}, "approver_is_not_the_requester"),
            ({"requested_for": cast.ada}, "approver_is_not_responsible"),
            ({"approver": cast.pia, "statement": ""}, "approval_has_a_statement"),
        ):
            with pytest.raises(IntegrityError, match=constraint):
                insert(forged(request, **{"approver": cast.ada} | fields))
    finally:
        walls.install(connection)


def test_a_second_live_decision_of_one_person_is_refused_by_the_database(cast):
    request = builders.an_open_promotion(cast)
    builders.an_approval(request, cast.pia)
    with pytest.raises(IntegrityError):
        insert(forged(request, cast.pia))


def test_a_forged_approval_of_an_eligible_person_is_told_by_the_ledger(cast):
    request = builders.an_open_promotion(cast)
    forgery = forged(request, cast.pia)
    insert(forgery)
    assert [(one.kind, one.key) for one in differences()] == [("approval", str(forgery.pk))]


def test_a_forged_approval_of_somebody_without_the_role_does_not_count(cast):
    request = builders.an_open_promotion(cast)
    builders.an_approval(request, cast.pia)
    insert(forged(request, cast.otto))
    assert {"SOD-03", "APP-05"} == set(said_no(ask(cast, request.version)))


CHANGES = {
    "decision": "reject", "role": "validator", "statement": "Changed.", "manifest_digest": "0" * 64,
    "evidence_digest": "0" * 64, "decided_at": database_now, "expires_at": database_now, "approver_id": "vera",
    "requested_by_id": "vera", "requested_for_id": "vera", "id": new_id,
}  # fmt: skip


@pytest.mark.parametrize("column", sorted(CHANGES))
def test_nothing_of_an_approval_can_be_changed(cast, column):
    given = builders.an_approval(builders.an_open_promotion(cast), cast.pia)
    value = CHANGES[column]
    value = cast.vera.pk if value == "vera" else value() if callable(value) else value
    with pytest.raises(IntegrityError, match="only withdrawn"), transaction.atomic():
        Approval.objects.filter(pk=given.pk).update(**{column: value})
    before = (given.decision, given.role, given.statement, given.expires_at, given.approver_id)
    given.refresh_from_db()
    assert (given.decision, given.role, given.statement, given.expires_at, given.approver_id) == before


def test_an_approval_can_be_withdrawn_once_and_never_revived_or_deleted(cast):
    given = builders.an_approval(builders.an_open_promotion(cast), cast.pia)
    for statement in ("DELETE FROM governance_approval", "UPDATE governance_approval SET manifest = '{}'"):
        with pytest.raises(IntegrityError, match="only withdrawn"):
            sql(statement)
    Approval.objects.filter(pk=given.pk).update(withdrawn_at=database_now())
    for value in (None, database_now()):
        with pytest.raises(IntegrityError, match="only withdrawn"), transaction.atomic():
            Approval.objects.filter(pk=given.pk).update(withdrawn_at=value)


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="INSERT OR REPLACE is SQLite's own")
@pytest.mark.parametrize("recursive", [0, 1])
@pytest.mark.parametrize("other_id", [False, True])
def test_insert_or_replace_does_not_get_past_the_walls(cast, recursive, other_id):
    given = builders.an_approval(builders.an_open_promotion(cast), cast.pia)
    given.expires_at += timedelta(days=1000)
    given.id = new_id() if other_id else given.id
    sql(f"PRAGMA recursive_triggers = {recursive}")
    try:
        with pytest.raises(IntegrityError, match="only withdrawn"):
            insert(given, verb="INSERT OR REPLACE")
    finally:
        sql("PRAGMA recursive_triggers = 1")
    assert not Approval.objects.filter(expires_at=given.expires_at).exists()


def test_the_walls_come_back_when_somebody_dropped_them(cast):
    walls.remove(connection)
    walls.install_after_migrate(using="default")
    grant_role(cast.ada, Role.APPROVER, actor=cast.adam)
    request = builders.an_open_promotion(cast)
    with pytest.raises(IntegrityError, match="contributed"):
        insert(forged(request, cast.ada))


def test_a_policy_cannot_be_published_by_its_drafter_in_the_database_either(cast):
    policy = builders.a_policy(cast)
    with pytest.raises(IntegrityError), transaction.atomic():
        PolicyVersion.objects.filter(pk=policy.pk).update(published_by=policy.drafted_by)
    with pytest.raises(IntegrityError), transaction.atomic():
        PolicyVersion.objects.filter(pk=policy.pk).update(published_by=None)


def test_a_denial_cannot_carry_an_attestation_nor_an_allow_go_without(cast):
    request = builders.an_approved_promotion(cast)
    allowed = ask(cast, request.version)
    assert allowed.outcome == "allow"
    for change in ({"outcome": "deny"}, {"attestation": None}, {"request": None}, {"policy": None}):
        with pytest.raises(DatabaseError), transaction.atomic():
            GateDecision.objects.filter(pk=allowed.pk).update(**change)
