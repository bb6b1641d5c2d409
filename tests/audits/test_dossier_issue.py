"""How is a dossier asked for, built once, superseded and never edited?"""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from audits.actions import dossiers
from audits.actions.dossiers import build_dossier, render_again, request_dossier, sweep
from audits.actions.evidence import read_evidence
from audits.models import Dossier, Evidence
from registry.errors import DomainError
from registry.ledger.models import LedgerEvent
from registry.ledger.replay import differences
from registry.storage import artifacts
from tests import builders

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
    assert render_again(issued) == pdf
    assert "cadastre" in issued.checkpoint
    again = build_dossier(str(asked.pk))
    assert (again.pdf_sha256, again.issued_at) == (issued.pdf_sha256, issued.issued_at)
    assert LedgerEvent.objects.filter(action="dossier.issued").count() == 1
    assert differences() == []


def test_a_newer_dossier_supersedes_and_leaves_the_older_as_it_was(cast, version):
    older = build_dossier(str(request_dossier(version, actor=cast.otto)[0].pk))
    newer = build_dossier(str(request_dossier(version, actor=cast.otto)[0].pk))
    assert (newer.supersedes, older.supersedes) == (older, None)
    before = (older.state, older.pdf_sha256)
    older.refresh_from_db()
    assert (older.state, older.pdf_sha256) == before


def test_a_dossier_whose_facts_were_altered_on_disk_is_not_rendered(cast, version):
    issued = build_dossier(str(request_dossier(version, actor=cast.otto)[0].pk))
    path = artifacts().path(issued.facts_sha256)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(DomainError, match="bytes-altered"):
        render_again(issued)


def test_a_dossier_that_cannot_be_built_says_why_and_another_can_be_asked_for(cast, version, monkeypatch, caplog):
    def broken(_version, _as_of):
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
