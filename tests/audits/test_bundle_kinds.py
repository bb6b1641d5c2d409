"""Do both verifiers believe the bundle of every kind of dossier, also across a retired key and a declared rollback?"""

from __future__ import annotations

from pathlib import Path

import pytest

from audits.actions.bundles import make_bundle
from audits.actions.dossiers import build_dossier, request_dossier
from audits.dossier import verify
from audits.dossier.bundle_check import verify_bundle
from audits.models import Dossier
from registry.actions.ledger import confirm_rollback, request_rollback
from registry.actions.people import grant_role, register_person
from registry.ledger import anchors, event, standing
from registry.ledger.append import append
from registry.ledger.extract import own_chain
from registry.ledger.models import LedgerEvent
from registry.ledger.rotation import rotate
from tests import builders
from tests.audits.bundle_samples import judged
from tests.audits.dossier_story import a_story
from tests.cast import in_session_of, make_cast
from tests.registry.database_copies import Copy
from tests.registry.ledger_cast import NOTED

VERSIONED = [kind for kind in Dossier.Kind.values if kind != Dossier.Kind.PORTFOLIO]


def issued_bundle(version, cast, **more):
    dossier = build_dossier(str(request_dossier(version, actor=cast.otto, **more)[0].pk))
    assert dossier.state == "issued", dossier.failure
    return dossier, make_bundle(dossier, actor=cast.otto)


def believed(folder: Path, data: bytes, *, key: str, kept: str | None = None) -> None:
    alone, service = judged(folder, data, key=key, kept=kept), verify_bundle(data, key=key, checkpoint=kept)
    assert alone.code() == 0, alone.lines()
    assert service.exit_code == 0, service.lines()


@pytest.mark.django_db
@pytest.mark.parametrize("kind", VERSIONED)
def test_a_bundle_of_every_kind_is_believed_by_both_verifiers_and_a_change_by_none(cast, tmp_path, kind) -> None:
    story = a_story(cast)
    more = {}
    if kind == Dossier.Kind.DIFFERENCES:
        more["compared_with"] = builders.a_version(
            cast, "1.0.0", model=story.model, data=builders.MODEL_BYTES + b"other"
        )
    dossier, data = issued_bundle(story, cast, kind=kind, **more)
    key = own_chain().keys()[-1]
    believed(tmp_path, data, key=key, kept=dossier.checkpoint)
    files = verify.unzipped(data)
    for name, old, new in (
        ("facts.json", b'"version"', b'"versiom"'),
        ("dossier.pdf", b"%PDF-1", b"%PDF-2"),
        ("ledger/events.jsonl", b"version.registered", b"version.unregistere"),
    ):
        assert old in files[name], name
        changed = verify.zip_of({**files, name: files[name].replace(old, new, 1)})
        assert judged(tmp_path, changed, key=key).code() == 1, name
        assert verify_bundle(changed, key=key, checkpoint=None).exit_code == 1, name


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_bundle_is_believed_after_a_real_rollback_and_a_retired_key_with_the_first_key(tmp_path, settings) -> None:
    settings.LEDGER_KEY_FILE = tmp_path / "keys" / "ledger.key"
    cast = make_cast()
    eve = register_person(username="eve", display_name="Eve", actor=cast.adam)
    grant_role(eve, "administrator", actor=cast.adam)
    approved = builders.an_approved_promotion(cast)
    first, copy = own_chain().keys()[0], Copy(tmp_path)
    try:
        for _ in range(3):
            append_alone(cast.adam)
        lost = anchors_newest()
        copy.restore()
    finally:
        copy.forget()
    standing.look_again()
    with in_session_of(cast.adam):
        request_rollback(reason="The disk of the newer database burnt.", actor=cast.adam)
    with in_session_of(eve):
        confirm_rollback(actor=eve)
    rotate(actor=cast.adam)
    dossier, data = issued_bundle(approved.version, cast)
    assert "/epoch-2" in verify.unzipped(data)["ledger/checkpoint.txt"].decode()
    told = [event.read(line) for line in verify.unzipped(data)["ledger/events.jsonl"].splitlines()]
    assert {"ledger.rollback_declared", "ledger.key_rotated"} <= {one.action for one in told}
    for key in (first, own_chain().keys()[-1]):
        believed(tmp_path, data, key=key, kept=dossier.checkpoint)
    alone = judged(tmp_path, data, key=first, kept=lost)
    assert alone.code() == verify_bundle(data, key=first, checkpoint=lost).exit_code == 2
    assert "given up" in "\n".join(alone.lines())


def append_alone(actor) -> None:
    from django.db import transaction

    with transaction.atomic():
        append(NOTED, actor, actor=actor)


def anchors_newest() -> str:
    from registry.ledger.proofs import latest_checkpoint

    anchors.anchor_latest()
    newest = latest_checkpoint()
    assert newest is not None
    assert newest.size == LedgerEvent.objects.count()
    return newest.note


def test_the_kinds_that_name_nobody_are_those_that_both_verifiers_know() -> None:
    from audits.dossier import bundle_facts
    from audits.dossier.kind import KINDS

    public = {kind for kind in VERSIONED if kind != Dossier.Kind.FULL and KINDS.get(kind).public}
    assert public == set(verify.PUBLIC) == bundle_facts.PUBLIC
