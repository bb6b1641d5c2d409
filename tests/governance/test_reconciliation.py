"""Is every raw change of a governed row found within one cycle, does the gate then deny, and can a person resolve it?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, models, transaction

from audits.actions.dossiers import request_dossier
from audits.actions.findings import open_finding
from governance.actions.credentials import make_credential
from governance.actions.deployments import report_deployment
from governance.actions.looks import record_look
from governance.actions.people import make_link
from governance.actions.promotions import open_promotion
from governance.actions.request_list import ask_item
from governance.actions.samples import draw_sample
from registry.actions.divergences import explain_divergence, reconcile, restore_from_ledger
from registry.actions.erasure import place_legal_hold
from registry.actions.inventory import edit_model
from registry.actions.lineage import link
from registry.actions.people import grant_role
from registry.actions.verification import request_verification
from registry.errors import DomainError
from registry.ledger.clock import database_now
from registry.ledger.models import LedgerEvent
from registry.ledger.replay import differences
from registry.ledger.subject import subject_models
from registry.models import Deployment, Divergence, Environment, Model, ModelVersion, User
from registry.models.identity import new_id
from registry.tasks import reconcile_ledger
from tests import builders
from tests.cast import Cast, signed_in
from tests.governance.asking_the_gate import ask, said_no
from tests.ledger_fixtures import walls_down

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

KINDS = sorted(subject_models())


@pytest.fixture
def version(cast: Cast) -> ModelVersion:
    """One row of every governed kind, made by acts alone; the model is approved for production."""
    request = builders.an_approved_promotion(cast)
    found: ModelVersion = request.version
    ask(cast, found)
    artifact = found.model_artifact()
    assert artifact is not None
    place = builders.an_environment(cast, "sandbox", gated=False)
    report_deployment(
        found, environment=place, artifact_sha256=artifact.artifact_id, decision_id=None, actor=cast.ci_bot
    )
    open_finding(
        found.model, kind="test", source_key="t", title="A finding", severity="low", actor=cast.vera, version=found
    )
    request_dossier(found, actor=cast.vera)
    make_credential(cast.ci_bot, name="Token", scopes=["inventory:read"], days=3, actor=cast.adam)
    make_link(cast.ada, actor=cast.adam)
    link(("version", str(found)), "deployed_as", ("deployment", "somewhere"), actor=cast.ci_bot)
    request_verification(actor=cast.otto)
    record_look(actor=cast.otto, address="/console/models/")
    now = database_now()
    draw_sample(
        actor=cast.otto,
        kinds=["gate_decision"],
        begins_at=now - timedelta(days=9),
        ends_at=now - timedelta(days=8),
        size=1,
    )
    ask_item(actor=cast.otto, title="Minutes", text="The minutes, please.", due_on=(now + timedelta(days=3)).date())
    place_legal_hold(cast.ada, reason="Proceedings.", actor=cast.ravi)
    assert differences() == []
    assert reconcile() == []
    User.objects.filter(pk=cast.ada.pk).update(email="new@example.org")  # personal, and not governed
    assert reconcile() == []
    return found


def rows(kind: str) -> Any:
    return subject_models()[kind]._base_manager.order_by("pk")


def other(field: models.Field[Any, Any], value: Any) -> Any:
    """Return another value of the same column."""
    if isinstance(field, models.BooleanField):
        return not value
    if isinstance(field, models.DateTimeField):
        return value + timedelta(seconds=1)
    if isinstance(field, models.IntegerField):
        return value + 1
    return value[:-1] + ("0" if value[-1:] != "0" else "1")


CHANGED = {
    "person": "created_at", "role_grant": "granted_at", "model": "name", "version": "change_summary",
    "contribution": "recorded_at", "artifact": "uploaded_at", "dataset": "name", "dataset_version": "registered_at",
    "environment": "name", "deployment": "started_at", "lineage": "target_key", "tier": "assessed_at",
    "credential": "name", "one_time_link": "made_at", "gate_decision": "facts_digest", "policy": "title",
    "approval": "statement", "promotion": "statement", "dossier": "requested_at", "finding": "title", "run": "reason",
    "divergence": "found_at", "legal_hold": "reason",
    "verification": "requested_at", "look": "address", "decision_sample": "seed", "wanted_item": "title",
}  # fmt: skip


def raw(statement: str, *values: Any) -> None:
    with walls_down(), connection.cursor() as cursor:
        cursor.execute(statement, values)


def an_open_divergence() -> Divergence:
    name = Model.objects.get().name
    raw("UPDATE registry_model SET name = 'Other'")
    (found,) = reconcile()
    raw("UPDATE registry_model SET name = %s", name)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_a_raw_update_of_any_governed_row_is_found_in_one_cycle(version: ModelVersion, kind: str) -> None:
    if kind == "divergence":
        an_open_divergence()
    row = rows(kind).first()
    field = row._meta.get_field(CHANGED[kind])
    value = field.get_db_prep_save(other(field, field.value_from_object(row)), connection)
    identity = row._meta.pk.get_db_prep_save(row.pk, connection)
    key = row.ledger_key()
    raw(f"UPDATE {row._meta.db_table} SET {field.column} = %s WHERE {row._meta.pk.column} = %s", value, identity)  # noqa: S608  (tests only)
    assert reconcile_ledger() == 1
    found = Divergence.objects.get(subject_kind=kind, subject_key=key)
    assert found.fields == [field.name]
    assert LedgerEvent.objects.filter(action="divergence.found", subject_key=str(found.pk)).exists()


@pytest.mark.parametrize("kind", KINDS)
def test_a_raw_insert_of_any_governed_row_is_found_in_one_cycle(version: ModelVersion, kind: str) -> None:
    if kind == "divergence":
        an_open_divergence()
    row = rows(kind).first()
    row.pk = "f" * 64 if kind == "artifact" else "forged" if not isinstance(row.pk, type(new_id())) else new_id()
    if kind == "approval":
        row.approver = User.objects.get(username="otto")
    for name, value in FORGED.get(kind, {}).items():
        setattr(row, name, value)
    fields = row._meta.concrete_fields
    names = ", ".join(connection.ops.quote_name(field.column) for field in fields)
    values = [field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields]
    raw(f"INSERT INTO {row._meta.db_table} ({names}) VALUES ({', '.join(['%s'] * len(fields))})", *values)  # noqa: S608  (tests only)
    assert reconcile_ledger() == 1
    assert Divergence.objects.get(subject_kind=kind, subject_key=row.ledger_key()).fields == ["(row)"]


FORGED: dict[str, dict[str, Any]] = {
    "person": {"username": "forged"},
    "role_grant": {"role": "approver", "ended_at": None},
    "version": {"version": "forged"},
    "dataset_version": {"version": "forged"},
    "contribution": {"kind": "trained"},
    "deployment": {"environment_id": "production"},
    "lineage": {"target_key": "forged"},
    "credential": {"digest": "0" * 64},
    "one_time_link": {"digest": "0" * 64},
    "gate_decision": {"nonce": "forged"},
    "policy": {"number": 9},
    "finding": {"source_key": "forged"},
    "promotion": {"state": "withdrawn"},
    "divergence": {"subject_key": "forged"},
    "verification": {"state": "error"},
    "look": {"address": "/forged/"},
    "legal_hold": {"lifted_at": datetime(2026, 1, 1, tzinfo=UTC)},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_raw_delete_of_any_governed_row_is_found_in_one_cycle(version: ModelVersion, kind: str) -> None:
    if kind == "divergence":
        an_open_divergence()
    row = rows(kind).last()
    key, table, column = row.ledger_key(), row._meta.db_table, row._meta.pk.column
    identity = row._meta.pk.get_db_prep_save(row.pk, connection)
    with unlinked():
        raw(f"DELETE FROM {table} WHERE {column} = %s", identity)  # noqa: S608  (tests only)
        assert reconcile_ledger() > 0
        assert Divergence.objects.get(subject_kind=kind, subject_key=key).fields == ["(row)"]


class unlinked:
    """Let a row be deleted that others point to, and undo the deletion before the constraints are looked at."""

    def __enter__(self) -> None:
        self.point = transaction.savepoint()
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL DEFERRED")

    def __exit__(self, *_: object) -> None:
        transaction.savepoint_rollback(self.point)


def test_the_gate_denies_for_the_model_until_the_row_is_put_back(cast: Cast, version: ModelVersion) -> None:
    assert ask(cast, version).outcome == "allow"
    raw("UPDATE registry_model SET intended_use = 'Anything.'")
    assert reconcile_ledger() == 1
    assert reconcile_ledger() == 0, "one divergence is recorded once"
    observed = said_no(ask(cast, version))
    assert observed["AUD-02"] == "model consumer-credit-default (intended_use)"
    found = Divergence.objects.get()
    assert found.concerns == ["consumer-credit-default"]
    with pytest.raises(DomainError) as refusal:
        restore_from_ledger(found, reason="I own it.", actor=cast.olga)
    assert refusal.value.kind == "forbidden"
    restore_from_ledger(found, reason="Written by a maintenance script.", actor=cast.adam)
    assert Model.objects.get().intended_use == "Decide on consumer loans."
    assert differences() == []
    assert ask(cast, version).outcome == "allow"
    with pytest.raises(DomainError) as again:
        restore_from_ledger(found, reason="Again.", actor=cast.adam)
    assert again.value.code == "divergence-resolved"


def test_an_explained_divergence_is_found_again_only_when_it_changes(cast: Cast, version: ModelVersion) -> None:
    raw("UPDATE registry_model SET business_line = 'Elsewhere'")
    (found,) = reconcile()
    with pytest.raises(DomainError) as refusal:
        explain_divergence(found, explanation="It was me.", actor=cast.adam)
    assert refusal.value.kind == "forbidden"
    with pytest.raises(DomainError, match="does not resolve it"):
        explain_divergence(found, explanation="I named the owner.", actor=cast.ravi)
    Divergence.objects.get()
    grant_role(cast.pia, "risk_manager", actor=cast.adam)
    pia = User.objects.get(pk=cast.pia.pk)
    explain_divergence(found, explanation="The split of the business line was imported.", actor=pia)
    assert reconcile() == []
    raw("UPDATE registry_model SET business_line = 'Nowhere'")
    assert [one.fields for one in reconcile()] == [["business_line"]]


def test_another_model_is_not_held_up_and_what_belongs_to_no_model_holds_up_all(
    cast: Cast, version: ModelVersion
) -> None:
    builders.a_model(cast, "other")
    raw("UPDATE registry_model SET name = 'X' WHERE slug = 'other'")
    raw("UPDATE registry_environment SET gated = %s WHERE slug = 'sandbox'", True)
    assert {one.subject_kind for one in reconcile()} == {"model", "environment"}
    assert ask(cast, version).outcome == "allow"
    raw("UPDATE registry_rolegrant SET ended_at = %s WHERE role = 'auditor'", "2026-01-01 00:00:00+00:00")
    assert reconcile()
    assert set(said_no(ask(cast, version))) == {"AUD-02"}


def test_the_rows_of_a_model_are_looked_at_when_its_promotion_is_asked_for(cast: Cast, version: ModelVersion) -> None:
    raw("UPDATE registry_model SET business_line = 'Elsewhere'")
    open_promotion(version, environment=Environment.objects.get(slug="production"), actor=cast.ci_bot)
    assert Divergence.objects.get().concerns == [version.model_id]


def test_a_forged_row_is_taken_out_and_a_deleted_row_put_back(cast: Cast, version: ModelVersion) -> None:
    running = Deployment.objects.get()
    state = running.ledger_state()
    raw("DELETE FROM registry_deployment")
    tier = rows("tier").first()
    tier.pk, tier.tier = new_id(), 3
    tier.save(force_insert=True)
    for found in reconcile():
        restore_from_ledger(found, reason="Nobody meant it.", actor=cast.adam)
    assert differences() == []
    assert Deployment.objects.get().ledger_state() == state


def test_what_the_ledger_does_not_hold_whole_is_not_put_back(cast: Cast, version: ModelVersion) -> None:
    for statement in (
        "UPDATE registry_modelversion SET scoring = '{}'",
        "DELETE FROM registry_versiondataset",
    ):
        raw(statement)
    (found,) = reconcile()
    with pytest.raises(DomainError) as refusal:
        restore_from_ledger(found, reason="Try.", actor=cast.adam)
    assert refusal.value.code == "divergence-not-restorable"
    assert ModelVersion.objects.get().scoring == {}, "nothing was written"
    assert Divergence.objects.get().resolved_at is None


def test_a_field_of_a_later_release_and_a_retired_one_are_no_difference(
    version: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Older events lack a field that a later release added, and name one that it took away."""
    whole = Model.ledger_state
    monkeypatch.setattr(Model, "ledger_exclude", frozenset({"prohibited_use"}))
    assert differences() == [], "a field that is not governed any more"
    monkeypatch.undo()
    with monkeypatch.context() as older:
        older.setattr(Model, "ledger_exclude", frozenset({"business_line"}))
        edit_model(version.model, description="As an earlier release recorded it.", actor=version.registered_by)
    assert whole(Model.objects.get())["business_line"] == ""
    assert differences() == [], "the field has its default"
    raw("UPDATE registry_model SET business_line = 'Elsewhere'")
    assert [(one.field, one.ledger_value) for one in differences()] == [("business_line", "")]


def test_console_probe_metrics_and_command_tell(
    cast: Cast, version: ModelVersion, capsys: pytest.CaptureFixture[str]
) -> None:
    raw("UPDATE registry_model SET business_line = 'Elsewhere'")
    with pytest.raises(SystemExit) as exit_code:
        call_command("reconcile")
    assert exit_code.value.code == 1
    assert "model consumer-credit-default: business_line" in capsys.readouterr().out
    told = signed_in(cast.adam).get("/health/ready").json()
    assert told["checks"]["ledger_replay"] == "failing"
    assert "nobody has resolved it: 1" in told["reasons"]["ledger_replay"]
    assert "cadastre_divergences_open 1" in signed_in(cast.adam).get("/metrics").content.decode()
    person = signed_in(cast.adam)
    assert "consumer-credit-default" in person.get("/console/").content.decode()
    page = person.get("/console/audit/divergences/").content.decode()
    assert "business_line" in page
    found = Divergence.objects.get()
    sent = {"divergence": str(found.pk), "reason": "A script.", "act": "restore"}
    assert person.post("/console/audit/divergences/", sent).status_code == 302
    found.refresh_from_db()
    assert found.resolution == "restored"
