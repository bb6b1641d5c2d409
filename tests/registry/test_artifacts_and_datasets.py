"""How do bytes and snapshots come in: by digest, bounded, and with a role for each column?"""

from __future__ import annotations

import pytest
from django.conf import settings

from registry.actions.artifacts import store_artifact
from registry.actions.datasets import checked_roles, register_dataset, register_dataset_version
from registry.digests import canonical_json, digest_of, sha256_hex
from registry.errors import DomainError
from registry.ledger.models import LedgerEvent
from registry.ledger.replay import differences
from registry.models import Artifact, DatasetVersion
from registry.storage import artifacts
from tests import builders

DATA = b"some bytes of a model"
SHA256 = sha256_hex(DATA)


def files():
    return {path for path in settings.ARTIFACT_DIR.rglob("*") if path.is_file()}


@pytest.mark.django_db
@pytest.mark.postgres
class TestUploads:
    """Bytes by the name of their digest."""

    def test_the_same_bytes_again_are_the_same_row(self, cast):
        first = store_artifact(SHA256, [DATA[:5], DATA[5:]], actor=cast.ci_bot, declared=len(DATA))
        assert first == (Artifact.objects.get(), True)
        assert store_artifact(SHA256, [DATA], actor=cast.ada) == (first[0], False)
        assert first[0].uploaded_by == cast.ci_bot
        assert artifacts().read(SHA256) == DATA
        assert LedgerEvent.objects.filter(action="artifact.stored").count() == 1

    @pytest.mark.parametrize(
        ("sha256", "pieces", "declared", "code"),
        [
            (SHA256, [DATA[:-1]], None, "digest-mismatch"),
            (SHA256, [DATA[:-1]], len(DATA), "upload-truncated"),
            (SHA256, [DATA, b"x"], len(DATA), "upload-truncated"),
            (SHA256, [], 0, "digest-mismatch"),
            (SHA256, [DATA], 10 * 2**30, "artifact-too-large"),
            (SHA256.upper(), [DATA], None, "bad-digest"),
            ("../../etc/passwd", [DATA], None, "bad-digest"),
            (SHA256[:-1], [DATA], None, "bad-digest"),
            (SHA256 + "\n", [DATA], None, "bad-digest"),
        ],
    )
    def test_what_is_not_what_it_says_leaves_nothing_behind(self, cast, sha256, pieces, declared, code):
        before = files()
        with pytest.raises(DomainError, match=code):
            store_artifact(sha256, iter(pieces), actor=cast.ci_bot, declared=declared)
        assert files() == before
        assert not Artifact.objects.exists()

    def test_an_upload_stops_at_the_limit_however_much_comes(self, cast, settings):
        settings.ARTIFACT_MAX_BYTES = 1000
        taken = []

        def endless():
            while True:
                taken.append(1)
                yield b"x" * 400

        with pytest.raises(DomainError, match="artifact-too-large"):
            store_artifact(SHA256, endless(), actor=cast.ci_bot)
        assert len(taken) == 3

    def test_an_upload_that_breaks_off_leaves_nothing_behind(self, cast):
        def broken():
            yield DATA[:4]
            raise OSError("the line is dead")

        before = files()
        with pytest.raises(OSError, match="dead"):
            store_artifact(SHA256, broken(), actor=cast.ci_bot)
        assert files() == before

    def test_bytes_altered_on_disk_are_never_given_out_and_a_new_upload_keeps_them_aside(self, cast, caplog):
        store_artifact(SHA256, [DATA], actor=cast.ci_bot)
        path = artifacts().path(SHA256)
        path.chmod(0o644)
        path.write_bytes(DATA[:-1] + b"X")
        with pytest.raises(DomainError, match="bytes-altered"):
            artifacts().read(SHA256)
        store_artifact(SHA256, [DATA], actor=cast.ci_bot)
        assert artifacts().read(SHA256) == DATA
        (kept,) = path.parent.glob(f"{SHA256}.altered-*")
        assert kept.read_bytes() == DATA[:-1] + b"X"
        assert f"sha256:{SHA256} were altered" in caplog.text
        path.unlink()
        with pytest.raises(DomainError, match="bytes-missing"):
            artifacts().read(SHA256)

    @pytest.mark.parametrize("name", ["olga", "ravi", "pia", "vera", "otto", "adam"])
    def test_only_developers_and_their_accounts_upload(self, cast, name):
        with pytest.raises(DomainError, match="role-missing"):
            store_artifact(SHA256, [DATA], actor=getattr(cast, name))


ROLES = {"target": "y", "features": ["a", "b"]}


@pytest.mark.parametrize(
    ("roles", "code"),
    [
        (None, "missing-column-role"),
        ([], "missing-column-role"),
        ({}, "missing-column-role"),
        ({"features": ["a"]}, "missing-column-role"),
        ({"target": "", "features": ["a"]}, "missing-column-role"),
        ({"target": "y"}, "missing-column-role"),
        ({"target": "y", "features": []}, "missing-column-role"),
        (ROLES | {"colour": "c"}, "unknown-column-role"),
        (ROLES | {"features": "a"}, "bad-column-role"),
        (ROLES | {"features": ["a", "a"]}, "bad-column-role"),
        (ROLES | {"sensitive": {"a": 1}}, "bad-column-role"),
        (ROLES | {"features": ["y"]}, "column-in-two-roles"),
        (ROLES | {"target": ["y"]}, "not-text"),
        (ROLES | {"features": ["a\0"]}, "text-has-control-characters"),
        (ROLES | {"features": ["x" * 129]}, "text-too-long"),
        (ROLES | {"sensitive": ["a\u202eb"]}, "text-has-direction-override"),
    ],
)
def test_column_roles_are_complete_known_and_clean(roles, code):
    with pytest.raises(DomainError, match=code):
        checked_roles(roles)


def test_column_roles_have_one_canonical_form():
    assert checked_roles(ROLES) == checked_roles(ROLES | {"score": "", "sensitive": None, "weight": None})
    assert checked_roles({"target": "y", "score": "s"})["features"] == []


@pytest.mark.django_db
@pytest.mark.postgres
def test_a_snapshot_is_entered_once_and_never_with_other_bytes_roles_or_split(cast):
    first = builders.a_dataset_version(cast)
    assert builders.a_dataset_version(cast) == first
    for difference in (
        {"data": builders.TABLE + b"1,2,a,1\n"},
        {"roles": builders.ROLES | {"sensitive": []}},
        {"split": "training"},
    ):
        with pytest.raises(DomainError, match="dataset-version-differs"):
            builders.a_dataset_version(cast, **difference)
    assert DatasetVersion.objects.count() == 1
    assert differences() == []


@pytest.mark.django_db
@pytest.mark.postgres
@pytest.mark.parametrize(
    ("field", "value", "code"),
    [("format", "xlsx", "unknown-format"), ("split", "all", "unknown-split"), ("version", "a/b", "bad-version-name")],
)
def test_a_snapshot_says_what_it_is(cast, field, value, code):
    stated = {"version": "1", "format": "csv", "split": "training"} | {field: value}
    with pytest.raises(DomainError, match=code):
        register_dataset_version(
            builders.a_dataset(cast), artifact=builders.an_artifact(cast), roles=ROLES, row_count=1, columns=[],
            actor=cast.ci_bot, **stated,
        )  # fmt: skip


@pytest.mark.django_db
@pytest.mark.postgres
def test_a_dataset_takes_known_fields_and_says_what_differs(cast):
    first, _ = register_dataset(slug="loans", name="Loans", lawful_basis="Contract", actor=cast.ci_bot)
    assert register_dataset(slug="loans", name="Loans", actor=cast.ada) == (first, False)
    with pytest.raises(DomainError, match="dataset-differs"):
        register_dataset(slug="loans", name="Loans", lawful_basis="Consent", actor=cast.ci_bot)
    for fields, code in (({"owner": "x"}, "unknown-field"), ({"lawful_basis": "x" * 201}, "text-too-long")):
        with pytest.raises(DomainError, match=code):
            register_dataset(slug="other", name="Other", actor=cast.ci_bot, **fields)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"a": "é"}, {"a": "\u00e9"}),
    ],
)
def test_one_statement_has_one_digest(one, other):
    assert digest_of(one) == digest_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (1, True),
        (0, False),
        ("1", 1),
        (None, ""),
        ([], {}),
        ("e\u0301", "\u00e9"),
        (-0.0, 0.0),
        ([1, 2], [2, 1]),
    ],
)
def test_different_statements_have_different_digests(one, other):
    assert digest_of({"x": one}) != digest_of({"x": other})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"x": -float("inf")}])
def test_what_is_no_number_has_no_bytes(value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(value)
    assert canonical_json({"b": "<é>", "a": [1.5, None]}) == b'{"a":[1.5,null],"b":"<\\u00e9>"}'
