"""Does a dossier leave with a proof that Python alone can check, and is it recorded who took it?"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from django.urls import reverse

from audits.actions.bundles import make_bundle
from audits.actions.dossiers import build_dossier, request_dossier
from audits.dossier import bundle, verify
from audits.models import Evidence
from registry.errors import DomainError
from registry.ledger import event, proofs
from registry.ledger.extract import extract, own_chain
from registry.ledger.models import LedgerEvent
from registry.ledger.replay import differences
from registry.ledger.rotation import rotate
from tests import builders
from tests.audits.bundle_samples import judged
from tests.cast import signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture
def issued(cast):
    """Return an issued dossier of an approved version."""
    approved = builders.an_approved_promotion(cast)
    return build_dossier(str(request_dossier(approved.version, actor=cast.otto)[0].pk))


def test_a_bundle_verifies_unpacked_elsewhere_with_python_alone(cast, issued, tmp_path: Path) -> None:
    data = make_bundle(issued, actor=cast.otto)
    zipfile.ZipFile(io.BytesIO(data)).extractall(tmp_path / "bundle")
    (tmp_path / "bundle" / "trusted-key.pub").write_text(own_chain().keys()[-1] + "\n")
    (tmp_path / "bundle" / "kept.txt").write_text(issued.checkpoint)
    command = [sys.executable, "-I", "-S", "verify.py", "--json"]
    trust = ["--key", "trusted-key.pub", "--checkpoint", "kept.txt"]
    ran = subprocess.run(
        [*command, *trust], cwd=tmp_path / "bundle", capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout
    report = json.loads(ran.stdout)
    assert {claim["outcome"] for claim in report["claims"]} == {"verified"}
    assert all(claim["checked"] for claim in report["claims"])
    (tmp_path / "bundle" / "trusted-key.pub").unlink()
    (tmp_path / "bundle" / "kept.txt").unlink()
    untrusting = subprocess.run(
        command, cwd=tmp_path / "bundle", capture_output=True, text=True, timeout=60, check=False
    )
    assert untrusting.returncode == 2
    assert "neither a trusted key" in untrusting.stdout


def test_what_lies_beside_an_unpacked_bundle_is_named_and_nothing_that_could_be_taken_for_evidence_is(
    cast, issued, tmp_path: Path
) -> None:
    folder, key = tmp_path / "bundle", tmp_path / "key"
    data = make_bundle(issued, actor=cast.otto)
    zipfile.ZipFile(io.BytesIO(data)).extractall(folder)
    key.write_text(own_chain().keys()[-1])
    (folder / "bundle.zip").write_bytes(data)
    (folder / "trusted-key.pub").write_text("not a key")
    (folder / "dossier (1).pdf").write_bytes(b"%PDF-1.7 APPROVED")
    (folder / "notes").mkdir()
    (folder / "notes" / "facts.json").write_text("{}")
    (folder / "link").symlink_to("/etc")
    report = verify.verify(str(folder), str(key), None, None)
    assert report.code() == 0, report.lines()
    assert report.as_dict()["not_part_of_it"] == ["bundle.zip", "dossier (1).pdf", "link/", "notes/", "trusted-key.pub"]
    assert "not part of it, and not looked at: dossier (1).pdf" in report.lines()
    for name in ("evidence/" + "a" * 64, "ledger/more.jsonl", "ledger/deep/er"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("APPROVED")
        assert verify.verify(str(folder), str(key), None, None).code() in {1, 2}, name
        (folder / name).unlink()
    (folder / "ledger" / "deep").rmdir()
    stray = verify.zip_of({**verify.unzipped(data), "stray.txt": b"APPROVED"})
    assert judged(tmp_path, stray, key=key.read_text()).code() == 1
    assert verify.verify(str(folder), str(key), None, None).code() == 0


def test_who_took_a_bundle_is_in_the_ledger_and_in_the_bundle(cast, issued) -> None:
    files = verify.unzipped(make_bundle(issued, actor=cast.otto))
    taken = LedgerEvent.objects.get(action="dossier.bundled")
    stated = event.read(bytes(taken.body))
    assert (stated.actor_id, stated.subject_key) == (str(cast.otto.pk), str(issued.pk))
    assert stated.payload["manifest_sha256"] == verify.sha256(files["manifest.json"])
    assert bytes(taken.body) in files["ledger/events.jsonl"].split(b"\n")
    assert differences() == []


def test_the_same_ledger_gives_the_same_bytes(cast, issued) -> None:
    data = make_bundle(issued, actor=cast.otto)
    facts = json.loads(verify.unzipped(data)["facts.json"])
    again = bundle.ledger_files(extract(bundle.subjects_of(issued, facts), notes=bundle.notes_of(issued)))
    assert bundle.zipped({**bundle.documents_of(issued, facts), **again}) == data
    assert verify.zip_of(verify.unzipped(data)) == data
    newest = proofs.latest_checkpoint()
    assert newest is not None
    assert again["ledger/checkpoint.txt"].decode() == newest.note


def test_a_bundle_verifies_across_a_rotation_with_either_key(cast, issued, tmp_path: Path) -> None:
    old = own_chain().keys()[-1]
    rotate(actor=cast.adam)
    data, chain = make_bundle(issued, actor=cast.otto), own_chain()
    assert len(chain.keys()) == 2
    for key in (old, chain.keys()[1]):
        report = judged(tmp_path, data, key=key, kept=issued.checkpoint)
        assert report.code() == 0, report.lines()


def test_evidence_of_single_rows_is_named_and_not_carried(cast, issued) -> None:
    facts = json.loads(verify.unzipped(make_bundle(issued, actor=cast.otto))["facts.json"])
    digests = [one["sha256"] for one in facts["sections"]["evidence"]["evidence"]]
    digests = list(Evidence.objects.filter(pk__in=digests).values_list("pk", flat=True))
    assert digests
    Evidence.objects.filter(pk__in=digests).update(kind=Evidence.Kind.EXPLANATION_PART)
    files = verify.unzipped(make_bundle(issued, actor=cast.otto))
    assert not [name for name in files if name.removeprefix("evidence/") in digests]
    assert set(digests) <= set(json.loads(files["manifest.json"])["not_carried"])


def test_only_an_issued_dossier_is_bundled_and_only_for_those_who_read_evidence(cast, issued) -> None:
    queued, _ = request_dossier(issued.version, actor=cast.otto)
    with pytest.raises(DomainError, match="dossier-not-issued"):
        make_bundle(queued, actor=cast.otto)
    with pytest.raises(DomainError, match="role-missing"):
        make_bundle(issued, actor=cast.adam)
    assert not LedgerEvent.objects.filter(action="dossier.bundled").exists()


def test_a_dossier_of_an_earlier_release_is_to_be_issued_again(cast, issued) -> None:
    issued.document_sha256 = ""
    with pytest.raises(DomainError, match="dossier-without-proof"):
        make_bundle(issued, actor=cast.otto)


def test_the_console_hands_it_out(cast, issued, tmp_path: Path) -> None:
    answer = signed_in(cast.otto).get(reverse("admin:dossier_bundle", args=[issued.pk]))
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/zip")
    assert judged(tmp_path, answer.content, key=own_chain().keys()[-1]).code() == 0
    assert signed_in(cast.adam).get(reverse("admin:dossier_bundle", args=[issued.pk])).status_code == 403


def test_a_later_checkpoint_is_compared_by_a_proof_that_the_service_gives(cast, issued, tmp_path: Path) -> None:
    data = make_bundle(issued, actor=cast.otto)
    size = verify.Note(verify.unzipped(data)["ledger/checkpoint.txt"].decode()).size
    make_bundle(issued, actor=cast.otto)
    later = proofs.latest_checkpoint()
    assert later is not None
    paths = {name: str(tmp_path / name) for name in ("bundle.zip", "key", "kept", "proof")}
    Path(paths["bundle.zip"]).write_bytes(data)
    Path(paths["key"]).write_text(own_chain().keys()[-1])
    Path(paths["kept"]).write_text(later.note)
    report = verify.verify(paths["bundle.zip"], paths["key"], paths["kept"], None)
    assert report.code() == 2
    assert f"?old={size}&new={later.size}" in "\n".join(report.lines())
    answer = proofs.consistency(size, later.size).as_dict()
    Path(paths["proof"]).write_text(json.dumps(answer))
    assert verify.verify(paths["bundle.zip"], paths["key"], paths["kept"], paths["proof"]).code() == 0
    answer["path"][0] = "0" * 64
    Path(paths["proof"]).write_text(json.dumps(answer))
    assert verify.verify(paths["bundle.zip"], paths["key"], paths["kept"], paths["proof"]).code() == 1
