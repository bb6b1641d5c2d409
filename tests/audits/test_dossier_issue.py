"""How is a dossier asked for, built once, superseded and never edited?"""

from __future__ import annotations

import json
import logging
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from audits.actions import dossiers
from audits.actions.dossiers import build_dossier, render_again, request_dossier, sweep
from audits.actions.evidence import read_evidence
from audits.dossier import build
from audits.models import Dossier, Evidence
from governance.actions.approvals import withdraw_approval
from governance.actions.promotions import withdraw_promotion
from registry.actions.inventory import edit_model
from registry.digests import sha256_hex
from registry.errors import DomainError
from registry.ledger import anchoring
from registry.ledger.checkpoint import parse
from registry.ledger.heads import completeness
from registry.ledger.models import LedgerEvent
from registry.ledger.replay import differences
from registry.ledger.verify import verify_all
from registry.models import Model, ModelVersion
from registry.storage import artifacts
from tests import builders
from tests.cast import in_session_of, make_cast
from tests.races.racing import at_once, codes

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture
def version(cast):
    """Return a version that was asked for and measured."""
    return builders.an_open_promotion(cast).version


def test_a_dossier_is_built_once_and_rendered_again_to_the_same_bytes(cast, version):
    asked, created = request_dossier(version, actor=cast.otto)
    assert (created, request_dossier(version, actor=cast.otto)) == (True, (asked, False))
    with pytest.raises(DomainError, match="dossier-not-issued"):
        render_again(asked)
    issued = build_dossier(str(asked.pk))
    assert (issued.state, issued.failure) == ("issued", None)
    pdf = read_evidence(issued.pdf_sha256)
    assert pdf.startswith(b"%PDF-")
    assert pdf.startswith(render_again(issued))
    assert sha256_hex(render_again(issued)) == issued.document_sha256
    assert "cadastre" in issued.checkpoint
    again = build_dossier(str(asked.pk))
    assert (again.pdf_sha256, again.issued_at) == (issued.pdf_sha256, issued.issued_at)
    assert LedgerEvent.objects.filter(action="dossier.issued").count() == 1
    assert differences() == []


def test_a_dossier_is_an_anchor_and_its_checkpoint_covers_the_heads_recorded_for_it(cast, version, tmp_path):
    issued = build_dossier(str(request_dossier(version, actor=cast.otto)[0].pk))
    (row,) = anchoring.receipts().filter(kind="dossier")
    assert (row.reference, row.note, row.size) == (str(issued.pk), issued.checkpoint, parse(issued.checkpoint).size)
    assert row.receipt == {"dossier": str(issued.pk), "pdf_sha256": issued.pdf_sha256}
    (tmp_path / "receipt.json").write_text(json.dumps(anchoring.receipt_document(row)))
    (tmp_path / "facts.json").write_bytes(read_evidence(issued.facts_sha256))
    for brought in ("receipt.json", "facts.json"):
        report = verify_all(anchor_path=tmp_path / brought)
        assert next(one for one in report.statements if one.slug == "anchors").checked == 1
        assert report.exit_code != 1, report.lines()
    for kind, key in (("version", version.ledger_key()), ("model", version.model_id)):
        proof = completeness(kind, key)
        assert proof.stands()
        assert proof.recorded.index < row.size
        newest = LedgerEvent.objects.filter(subject_kind=kind, subject_key=key).order_by("-subject_seq").first()
        assert proof.head.seq == newest.subject_seq


def test_a_newer_dossier_supersedes_and_leaves_the_older_as_it_was(cast, version):
    older = build_dossier(str(request_dossier(version, actor=cast.otto)[0].pk))
    newer = build_dossier(str(request_dossier(version, actor=cast.otto)[0].pk))
    assert (newer.supersedes, older.supersedes) == (older, None)
    before = (older.state, older.pdf_sha256)
    older.refresh_from_db()
    assert (older.state, older.pdf_sha256) == before


def test_a_dossier_whose_facts_were_altered_on_disk_is_not_rendered(cast, version, alter):
    issued = build_dossier(str(request_dossier(version, actor=cast.otto)[0].pk))
    path = artifacts().path(issued.facts_sha256)
    alter(path, path.read_bytes() + b" ")
    with pytest.raises(DomainError, match="bytes-altered"):
        render_again(issued)


def test_a_dossier_that_cannot_be_built_says_why_and_another_can_be_asked_for(cast, version, monkeypatch, caplog):
    def broken(_version, _as_of, **_more):
        raise RuntimeError("a name out of the data")

    with monkeypatch.context() as patch, caplog.at_level(logging.CRITICAL):
        patch.setattr("audits.dossier.build.gather_facts", broken)
        failed = build_dossier(str(request_dossier(version, actor=cast.otto)[0].pk))
    assert (failed.state, failed.failure["code"]) == ("error", "internal-error")
    assert "a name" not in failed.failure["message"]
    assert not Evidence.objects.filter(kind="dossier_pdf").exists()
    assert build_dossier(str(request_dossier(version, actor=cast.otto)[0].pk)).state == "issued"


def test_an_issued_dossier_without_its_bytes_is_refused_by_the_database(cast, version):
    issued = build_dossier(str(request_dossier(version, actor=cast.otto)[0].pk))
    for change in ({"pdf_sha256": ""}, {"facts_sha256": ""}, {"issued_at": None}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Dossier.objects.filter(pk=issued.pk).update(**change)


def test_a_forgotten_dossier_is_woken(cast, version, monkeypatch):
    woken = []
    asked, _ = request_dossier(version, actor=cast.otto)
    monkeypatch.setattr(dossiers, "_wake", woken.append)
    sweep()
    assert woken == []
    monkeypatch.setattr(dossiers, "database_now", lambda: asked.requested_at + timedelta(minutes=2))
    sweep()
    assert woken == [asked]


def test_the_administrator_reads_no_dossier(cast, version):
    with pytest.raises(DomainError, match="role-missing"):
        request_dossier(version, actor=cast.adam)


def test_a_dossier_tells_a_request_and_its_decisions_as_they_stood_when_it_was_asked_for(cast):
    approved = builders.an_approved_promotion(cast)
    asked, _ = request_dossier(approved.version, actor=cast.otto)
    given = approved.approvals.order_by("decided_at").first()
    with in_session_of(given.approver):
        withdraw_approval(given, actor=given.approver, reason="I read the wrong table.")
    withdraw_promotion(approved, actor=approved.requested_by, reason="Not now.")
    later = build_dossier(str(request_dossier(approved.version, actor=cast.ravi)[0].pk))
    before, after = told(build_dossier(str(asked.pk))), told(later)
    assert (before["state"], after["state"]) == ("open", "withdrawn")
    assert [bool(one["withdrawn_at"]) for one in before["decisions"]] == [False, False]
    assert [bool(one["withdrawn_at"]) for one in after["decisions"]] == [True, False]


def told(dossier):
    """Return the only request of a dossier's stored facts."""
    assert dossier.state == "issued", dossier.failure
    (request,) = json.loads(read_evidence(dossier.facts_sha256))["sections"]["approvals"]["requests"]
    return request


@pytest.mark.django_db(transaction=True)
def test_the_facts_of_a_dossier_are_of_one_state_while_others_write(monkeypatch):
    """The intended use is read by the section of the verdict; another connection changes it just before."""
    cast = make_cast()
    version = builders.an_open_promotion(cast).version
    asked, _ = request_dossier(version, actor=cast.otto)
    before, gather = version.model.intended_use, build.gather_facts

    def disturbed(version, as_of, **more):
        assert Model.objects.get(pk=version.model_id).intended_use == before
        ends = at_once([lambda: edit_model(version.model, intended_use="Decide on everything.", actor=cast.ci_bot)])
        assert codes(ends) == []
        return gather(ModelVersion.objects.get(pk=version.pk), as_of, **more)  # read anew: a late read sees the same

    monkeypatch.setattr(build, "gather_facts", disturbed)
    issued = build_dossier(str(asked.pk))
    assert issued.state == "issued", issued.failure
    assert json.loads(read_evidence(issued.facts_sha256))["sections"]["verdict"]["intended_use"] == before
    assert Model.objects.get(pk=version.model_id).intended_use == "Decide on everything."
    assert differences() == []
