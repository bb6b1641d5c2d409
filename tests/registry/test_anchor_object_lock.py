"""Does S3 keep a checkpoint that nobody can delete, and is what it gives back checked? Against a real S3 over HTTP."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from urllib.request import Request, urlopen

import boto3
import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from moto.server import ThreadedMotoServer

from registry.ledger import anchoring, anchors, keys, sequencer, signing, standing
from registry.ledger.append import append
from registry.ledger.checkpoint import Checkpoint, origin_of, sign_note
from registry.ledger.faults import AnchorDown, LedgerFault
from registry.ledger.models import LedgerAnchor, LedgerCheckpoint
from registry.ledger.places.object_lock import ObjectLockAnchor
from registry.ledger.verify import verify_all
from tests.registry import ledger_attacker as attacker
from tests.registry.ledger_cast import NOTED, adam

NAME = "cadastre.example/register"
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
INSTANT = "2026-01-02T03:04:05.000000Z"
BUCKET = "anchors"


def a_note(size: int, *, epoch: int = 1, root: bytes = b"r" * 32) -> str:
    return sign_note(Checkpoint(origin_of(NAME, epoch), size, root), KEY, name=NAME)


@pytest.fixture(scope="module")
def s3():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def client(s3, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    opened = boto3.client("s3", endpoint_url=s3)
    urlopen(Request(f"{s3}/moto-api/reset", method="POST"), timeout=10).close()  # noqa: S310  (our own server)
    opened.create_bucket(
        Bucket=BUCKET,
        ObjectLockEnabledForBucket=True,
        CreateBucketConfiguration={"LocationConstraint": "eu-central-1"},
    )
    return opened


@pytest.fixture
def place(client, s3):
    return ObjectLockAnchor(BUCKET, register=NAME, endpoint=s3, days=30, seconds=5.0)


def test_a_checkpoint_is_locked_and_its_version_cannot_be_deleted(place, client):
    receipt = place.keep(a_note(7), instant=INSTANT)
    assert place.confirm(a_note(7), receipt).startswith("locked in anchors until ")
    with pytest.raises(ClientError) as refusal:
        client.delete_object(Bucket=BUCKET, Key=receipt["name"], VersionId=receipt["version"])
    assert refusal.value.response["Error"]["Code"] == "AccessDenied"
    with pytest.raises(ClientError):
        client.delete_object(
            Bucket=BUCKET, Key=receipt["name"], VersionId=receipt["version"], BypassGovernanceRetention=True
        )
    assert place.confirm(a_note(7), receipt)
    held = client.head_object(Bucket=BUCKET, Key=receipt["name"])
    assert held["ObjectLockMode"] == "COMPLIANCE"
    assert held["ObjectLockRetainUntilDate"] > datetime.now(UTC) + timedelta(days=29)


def test_a_delete_marker_hides_nothing(place, client):
    receipt = place.keep(a_note(7), instant=INSTANT)
    client.delete_object(Bucket=BUCKET, Key=receipt["name"])
    assert client.list_objects_v2(Bucket=BUCKET).get("KeyCount") == 0
    assert place.newest() == a_note(7)
    assert list(place.notes()) == [a_note(7)]
    assert place.confirm(a_note(7), receipt)


def test_nothing_is_overwritten_and_repeating_is_the_same_receipt(place, client):
    first = place.keep(a_note(7), instant=INSTANT)
    assert place.keep(a_note(7), instant=INSTANT) == first
    with pytest.raises(LedgerFault) as fault:
        place.keep(a_note(7, root=b"x" * 32), instant=INSTANT)
    assert fault.value.code == "anchor-receipt-false"
    assert len(client.list_object_versions(Bucket=BUCKET)["Versions"]) == 1
    assert list(place.notes()) == [a_note(7)]


def test_the_newest_stands_first_by_epoch_and_size(place):
    assert place.newest() is None
    for size, epoch in ((9, 1), (10, 1), (100, 1), (99, 2), (11, 1), (20, 2)):
        place.keep(a_note(size, epoch=epoch), instant=INSTANT)
    assert place.newest() == a_note(99, epoch=2)
    assert list(place.notes()) == [
        a_note(9),
        a_note(10),
        a_note(11),
        a_note(100),
        a_note(20, epoch=2),
        a_note(99, epoch=2),
    ]


def test_many_checkpoints_are_read_page_by_page(place, monkeypatch):
    monkeypatch.setattr("registry.ledger.places.object_lock.READ_AT_MOST", 2)
    for size in range(1, 6):
        place.keep(a_note(size), instant=INSTANT)
    assert list(place.notes()) == [a_note(size) for size in range(1, 6)]


def test_an_object_that_is_not_a_checkpoint_or_lies_under_another_name_is_a_damaged_anchor(place, client):
    receipt = place.keep(a_note(7), instant=INSTANT)
    folder = receipt["name"].rsplit("/", 1)[0]
    for body in (b"junk", b"\xff", a_note(7).encode()):
        client.put_object(Bucket=BUCKET, Key=f"{folder}/0000", Body=body)
        with pytest.raises(LedgerFault) as fault:
            place.newest()
        assert fault.value.code == "anchor-damaged"


def test_an_object_without_its_lock_does_not_count(place, client, s3):
    receipt = place.keep(a_note(7), instant=INSTANT)
    plain = client.put_object(Bucket=BUCKET, Key="plain", Body=a_note(7).encode())["VersionId"]
    for changed in (
        {"name": "plain", "version": plain},
        {"retained_until": "2999-01-01T00:00:00.000000Z"},
        {"retained_until": "soon"},
    ):
        with pytest.raises(LedgerFault):
            place.confirm(a_note(7), {**receipt, **changed})
    client.create_bucket(Bucket="open", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    with pytest.raises((AnchorDown, LedgerFault)):
        ObjectLockAnchor("open", register=NAME, endpoint=s3, seconds=5.0).keep(a_note(7), instant=INSTANT)
    with pytest.raises(AnchorDown):
        ObjectLockAnchor("absent", register=NAME, endpoint=s3, seconds=5.0).keep(a_note(7), instant=INSTANT)
    began = time.monotonic()
    with pytest.raises(AnchorDown):
        ObjectLockAnchor(BUCKET, register=NAME, endpoint="http://127.0.0.1:9", seconds=1.0).newest()
    assert time.monotonic() - began < 5


@pytest.fixture
def with_s3(client, s3, settings):
    settings.OBJECT_LOCK_BUCKET, settings.OBJECT_LOCK_ENDPOINT = BUCKET, s3
    settings.LEDGER_ANCHOR_EVERY_SECONDS = 0
    return s3


@pytest.mark.django_db
@pytest.mark.postgres
def test_the_worker_locks_the_newest_checkpoint_and_the_verifier_reads_it_back(with_s3):
    adam()
    sequencer.sequence_all()
    assert anchoring.anchor_everywhere() == {}
    row = LedgerAnchor.objects.get(kind="s3")
    assert (row.size, row.receipt["bucket"]) == (2, BUCKET)
    report = verify_all(ask_remote=True)
    assert report.verified, report.lines()
    assert next(one for one in report.statements if one.slug == "anchors").checked == 2


@pytest.mark.django_db
@pytest.mark.postgres
def test_what_s3_holds_shows_the_rollback_even_when_the_anchor_file_was_rolled_back_too(with_s3):
    """The database and the file are restored together; only the bucket is in other hands."""
    actor = adam()
    sequencer.sequence_all()
    anchoring.anchor_everywhere()
    kept = anchors.configured().path.read_bytes() if anchors.configured().path.exists() else b""
    old = attacker.bodies()
    append(NOTED, actor, actor=actor)
    sequencer.sequence_all()
    anchoring.anchor_everywhere()
    newest = LedgerCheckpoint.objects.order_by("-size").first().note
    attacker.rebuild(old, sizes=[2], key=keys.load(signing.key_file()))
    anchors.configured().path.write_bytes(kept)
    anchors.remember("s3", None)
    standing.look_again()
    assert not standing.standing().read_only, "nothing here shows it"
    standing.ask_remote_anchors()
    found = standing.standing()
    assert (found.read_only, found.code) == (True, "ledger-rolled-back")
    assert list(anchors.configured().notes())[-1] == newest, "carried into the file, where every process sees it"
    anchors.remember("s3", None)
    standing.look_again()
    assert standing.standing().code == "ledger-rolled-back"
    assert verify_all(ask_remote=True).exit_code == 1
