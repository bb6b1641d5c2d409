"""Does a dossier print declared losses and changes of key, and does its bundle verify across them?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.audits.bundle_samples import judged
from tests.builders import a_checkpoint, an_approved_promotion
from tests.cast import in_session_of, make_cast
from tests.registry.database_copies import Copy

if TYPE_CHECKING:
    from tests.cast import Cast

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]
REASON = "The disk of the newer database burnt."


@pytest.fixture
def cast(settings: Any, tmp_path: Path) -> Cast:
    """Return the cast, in a register with a key of its own."""
    settings.LEDGER_KEY_FILE = tmp_path / "keys" / "ledger.key"
    return make_cast()


def issued_by(cast: Cast, version: Any, **more: Any) -> Any:
    """Return an issued dossier."""
    from audits.actions.dossiers import build_dossier, request_dossier

    asked, _new = request_dossier(version, actor=cast.otto, **more)
    found = build_dossier(str(asked.pk))
    assert (found.state, found.failure) == ("issued", None)
    return found


def agreed(tmp_path: Path, data: bytes, key: str, kept: str | None = None) -> int:
    """Return the exit code of both verifiers, which agree."""
    from audits.dossier.bundle_check import verify_bundle

    code = judged(tmp_path, data, key=key, kept=kept).code()
    report = verify_bundle(data, key=key, checkpoint=kept)
    assert report.exit_code == code, (report.lines(), judged(tmp_path, data, key=key, kept=kept).lines())
    return code


def test_a_declared_rollback_and_a_rotation_are_printed_and_the_bundle_verifies(cast: Cast, tmp_path: Path) -> None:
    from audits.actions.bundles import make_bundle
    from audits.actions.evidence import read_evidence
    from audits.dossier.build import compose
    from registry.actions.ledger import confirm_rollback, request_rollback, rotate_ledger_key
    from registry.actions.people import grant_role, register_person
    from registry.ledger import standing
    from registry.ledger.clock import database_now
    from registry.ledger.extract import own_chain
    from registry.models import ModelVersion
    from tests.audits.test_dossier_sections import section_of, words_of

    eve = register_person(username="eve", display_name="Eve", actor=cast.adam)
    grant_role(eve, "administrator", actor=cast.adam)
    version = an_approved_promotion(cast).version
    a_checkpoint()
    first_key, before = own_chain().keys()[-1], database_now()
    copy = Copy(tmp_path)
    for name in ("lost-1", "lost-2"):
        register_person(username=name, display_name="Lost", actor=cast.adam)
    a_checkpoint()
    copy.restore()
    copy.forget()
    standing.look_again()
    assert standing.standing().code == "ledger-rolled-back"
    with in_session_of(cast.adam):
        request_rollback(reason=REASON, actor=cast.adam)
    with in_session_of(eve):
        confirm_rollback(actor=eve)
    rotate_ledger_key(actor=cast.adam)
    a_checkpoint()

    version = ModelVersion.objects.get(pk=version.pk)
    found = issued_by(cast, version)
    facts = json.loads(read_evidence(found.facts_sha256))
    turns = facts["sections"]["ledger"]["turns"]
    assert [one["action"] for one in turns] == ["ledger.rollback_declared", "ledger.key_rotated"]
    actions = [one["action"] for one in facts["sections"]["ledger"]["events"]]
    assert {"ledger.rollback_requested", "ledger.rollback_declared", "ledger.key_rotated"} <= set(actions)
    printed = words_of(section_of(compose(facts), "ledger"))
    for words in ("Entries were declared lost", REASON, "Adam", "Eve", "Epoch 2 began", "1 → 2", first_key):
        assert words in printed, words
    assert own_chain().keys()[-1] in printed

    data = make_bundle(found, actor=cast.otto)
    chain = own_chain()
    for key in (chain.keys()[0], chain.keys()[1]):
        assert agreed(tmp_path, data, key, found.checkpoint) == 0
    early = issued_by(cast, version, as_of=before)
    told = json.loads(read_evidence(early.facts_sha256))["sections"]["ledger"]
    assert told["turns"] == [], "neither had happened at that instant"
    assert "No entry was declared lost up to the instant." in words_of(
        section_of(compose(json.loads(read_evidence(early.facts_sha256))), "ledger")
    )
    assert agreed(tmp_path, make_bundle(early, actor=cast.otto), own_chain().keys()[-1]) == 0


def test_facts_that_leave_out_a_change_of_key_or_tell_it_otherwise_are_refused_by_both(
    cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from audits.actions.bundles import make_bundle
    from audits.dossier.sections.ledger import LedgerExtract
    from registry.actions.ledger import rotate_ledger_key
    from registry.ledger.extract import own_chain

    version = an_approved_promotion(cast).version
    rotate_ledger_key(actor=cast.adam)
    a_checkpoint()
    gather = LedgerExtract.gather_late

    def silent(self: Any, *given: Any) -> Any:
        facts = gather(self, *given)
        kept = [one for one in facts["events"] if one["action"] != "ledger.key_rotated"]
        return facts | {"events": kept, "turns": []}

    def otherwise(self: Any, *given: Any) -> Any:
        facts = gather(self, *given)
        (turn,) = facts["turns"]
        return facts | {"turns": [turn | {"state": turn["state"] | {"last_size": 1}}]}

    key = own_chain().keys()[-1]
    assert agreed(tmp_path, make_bundle(issued_by(cast, version), actor=cast.otto), key) == 0
    for number, lie in enumerate((silent, otherwise)):
        monkeypatch.setattr(LedgerExtract, "gather_late", lie)
        language = ("en", "de")[number]
        found = issued_by(cast, version, language=language)
        assert agreed(tmp_path, make_bundle(found, actor=cast.otto), key) == 1
