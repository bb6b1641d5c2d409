"""What does the public page say about the digits that a dossier prints? Whether it was issued, and nothing else."""

from __future__ import annotations

import pytest

from audits.actions.dossiers import build_dossier, request_dossier
from audits.dossier.printed_digits import PRINTED_DIGITS
from registry.ledger.checkpoint import parse
from tests import builders

pytestmark = pytest.mark.django_db


@pytest.fixture
def version(cast):
    """Return a version that was asked for and measured."""
    return builders.an_open_promotion(cast).version


def issue(version, actor, **more):
    """Return an issued dossier."""
    return build_dossier(str(request_dossier(version, actor=actor, **more)[0].pk))


def test_nobody_has_to_sign_in_and_the_page_names_no_model(client, cast, version):
    issued = issue(version, cast.otto)
    answer = client.get(f"/verify/{issued.content_digest[:PRINTED_DIGITS]}")
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "Issued by this register." in page
    assert str(parse(issued.checkpoint).size) in page
    assert "a later document" not in page
    for secret in (version.model_id, version.model.name, cast.otto.username, str(issued.pk), issued.pdf_sha256):
        assert secret not in page
    assert "no-store" in answer["Cache-Control"]


def test_a_superseded_document_says_so(client, cast, version):
    older = issue(version, cast.otto)
    issue(version, cast.otto, language="de")
    assert "a later document" not in client.get(f"/verify/{older.content_digest}").content.decode()
    issue(version, cast.otto)
    assert "a later document" in client.get(f"/verify/{older.content_digest}").content.decode()


def test_other_digits_were_not_issued(client, cast, version, subtests):
    issue(version, cast.otto)
    for digits in ("0" * 24, "0" * 23, "0" * 65, "%", "F" * 24, "' OR 1=1", "%3Cscript%3E", "_" * 24):
        with subtests.test(digits=digits):
            answer = client.get(f"/verify/{digits}")
            assert answer.status_code == 404
            assert "issued no document" in answer.content.decode()
            assert "<script>" not in answer.content.decode()


def test_digits_can_be_typed_with_spaces_and_capitals(client, cast, version):
    digits = issue(version, cast.otto).content_digest[:PRINTED_DIGITS]
    typed = " ".join(digits[start : start + 4] for start in range(0, len(digits), 4)).upper()
    answer = client.get("/verify/", {"digits": typed})
    assert (answer.status_code, answer["Location"]) == (302, f"/verify/{digits}")
    assert client.get("/verify/").status_code == 200
    wrong = client.get("/verify/", {"digits": "<b>12</b>"})
    assert wrong.status_code == 400
    assert "<b>12" not in wrong.content.decode()


def test_nothing_can_be_posted(client):
    assert client.post("/verify/", {"digits": "0" * 24}).status_code == 405
