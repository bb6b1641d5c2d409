"""Does an import register what a source holds, once, by the ordinary actions, and report what it refused?"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import pytest
from django.core.management import CommandError, call_command

from audits.sandbox.inspect import require
from registry.actions.imports import import_from_source
from registry.digests import sha256_hex
from registry.errors import DomainError
from registry.ledger.models import LedgerEvent
from registry.ledger.replay import differences
from registry.models import Artifact, Contribution, Model, ModelVersion
from registry.sources.contract import SOURCES, BadEntry, ExternalArtifact, ExternalVersion, open_source
from registry.storage import artifacts
from tests.builders import a_dataset_version
from tests.cast import Cast
from tests.registry.test_source_folder import MODEL, OTHER, a_manifest, an_entry

pytestmark = pytest.mark.postgres


def as_declared(path: Path, format: str) -> object:
    """Look at a stored file without loading it, as the command does."""
    return require(path, declared=format)


def imported(root: Path, cast: Cast, **more: Any) -> Any:
    """Import a folder as the pipeline."""
    return import_from_source(
        open_source("folder", {"path": str(root)}), actor=cast.ci_bot, inspect=as_declared, **more
    )


def test_a_folder_of_versions_becomes_models_versions_artifacts_and_events(cast: Cast, tmp_path: Path) -> None:
    snapshot = a_dataset_version(cast)
    used = [{"dataset": snapshot.dataset_id, "version": snapshot.version, "role": "evaluation"}]
    people = [{"person": "vera", "kind": "trained"}]
    scoring = {"threshold": 0.4, "positive_label": 1, "favourable": "low", "immutable": ["age"]}
    an_entry(tmp_path, "one", a_manifest("1.0", datasets=used, contributors=people, scoring=scoring))
    an_entry(tmp_path, "two", a_manifest("2.0", origin={"change_summary": "Second.", "seed": 8.0}), model=OTHER)
    result = imported(tmp_path, cast)
    assert (result.registered, result.known, result.refused) == (("churn/1.0", "churn/2.0"), (), ())
    first = ModelVersion.objects.get(model="churn", version="1.0")
    assert first.scoring == scoring
    assert (first.change_summary, first.seed, first.registered_by) == ("First.", 7, cast.ci_bot)
    assert artifacts().read(first.artifact_links.get().artifact_id) == MODEL
    assert first.dataset_links.get().dataset_version == snapshot
    hands = set(first.contributions.values_list("person__username", "kind"))
    assert {("vera", Contribution.Kind.TRAINED), ("ada", Contribution.Kind.REGISTERED)} <= hands
    assert LedgerEvent.objects.filter(action="version.registered").count() == 2
    assert differences() == []


def test_importing_again_changes_nothing(cast: Cast, tmp_path: Path) -> None:
    an_entry(tmp_path)
    imported(tmp_path, cast)
    before = LedgerEvent.objects.count()
    again = imported(tmp_path, cast)
    assert (again.registered, again.known, again.refused) == ((), ("churn/1.0",), ())
    assert LedgerEvent.objects.count() == before


def test_a_bad_entry_is_reported_and_stops_no_other(cast: Cast, tmp_path: Path) -> None:
    an_entry(tmp_path, "a-good", a_manifest("1.0"))
    an_entry(tmp_path, "b-other-content", a_manifest("1.0", scoring={"threshold": 0.9}))
    an_entry(tmp_path, "c-bidi", a_manifest("3.0", model={"slug": "other", "name": "ab\u202ec"}))
    an_entry(tmp_path, "d-nobody", a_manifest("4.0", contributors=[{"person": "nobody", "kind": "trained"}]))
    an_entry(tmp_path, "e-no-data", a_manifest("5.0", datasets=[{"dataset": "x", "version": "1", "role": "training"}]))
    an_entry(tmp_path, "f-unknown-model", a_manifest("6.0", model={"slug": "unheard-of"}))
    (tmp_path / "g-empty").mkdir()
    an_entry(tmp_path, "h-slug", a_manifest("8.0", model={"slug": "../up", "name": "Up"}))
    an_entry(tmp_path, "i-known-model", a_manifest("9.0", model={"slug": "churn"}), model=OTHER)
    an_entry(tmp_path, "j-same-bytes", a_manifest("10.0", model={"slug": "churn"}))
    an_entry(tmp_path, "k-not-joblib", a_manifest("11.0", model={"slug": "churn"}), model=b"no model at all")
    result = imported(tmp_path, cast)
    assert result.registered == ("churn/1.0", "churn/9.0")
    assert {one.entry: one.code for one in result.refused} == {
        "b-other-content": "version-differs",
        "c-bidi": "text-has-direction-override",
        "d-nobody": "unknown-contributor",
        "e-no-data": "unknown-dataset-version",
        "f-unknown-model": "unknown-model",
        "g-empty": "source-file-missing",
        "h-slug": "bad-slug",
        "j-same-bytes": "artifact-of-another-version",
        "k-not-joblib": "artifact-not-what-it-says",
    }
    assert set(Model.objects.values_list("slug", flat=True)) == {"churn"}
    assert differences() == []


def test_only_a_developer_or_a_pipeline_imports(cast: Cast, tmp_path: Path) -> None:
    an_entry(tmp_path)
    for person in (cast.otto, cast.adam, cast.pia):
        with pytest.raises(DomainError) as caught:
            import_from_source(open_source("folder", {"path": str(tmp_path)}), actor=person, inspect=as_declared)
        assert caught.value.code == "role-missing"
    assert not ModelVersion.objects.exists()


class LyingSource:
    """A source whose bytes are not those of its digest, or cannot be read when they are wanted."""

    slug: ClassVar[str] = "lying"
    settings_schema: ClassVar[Mapping[str, Any]] = {"type": "object", "properties": {"token": {"type": "string"}}}
    secret_fields: ClassVar[frozenset[str]] = frozenset({"token"})

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings

    def iter_versions(self, since: datetime | None) -> Iterator[ExternalVersion | BadEntry]:
        """Yield one lie, one breakdown, one bad entry and one truth."""
        for name, opened in (("lie", lambda: io.BytesIO(MODEL[::-1])), ("breakdown", _breaks), ("truth", _tells)):
            artifact = ExternalArtifact(name, "model", "joblib", sha256_hex(MODEL), len(MODEL), opened)
            yield ExternalVersion(name, "vendor-score", "Vendor score", name, (artifact,))
        yield BadEntry("gone", DomainError("source-file-missing", "It is gone."))


def _tells() -> BinaryIO:
    return io.BytesIO(MODEL)


def _breaks() -> BinaryIO:
    raise OSError(5, "Input/output error")


def test_bytes_that_change_or_break_on_the_way_in_are_refused(cast: Cast) -> None:
    with SOURCES.temporarily("lying", LyingSource):
        result = import_from_source(open_source("lying", {}), actor=cast.ada, inspect=as_declared)
    assert result.registered == ("vendor-score/truth",)
    assert [(one.entry, one.code) for one in result.refused] == [
        ("lie", "digest-mismatch"), ("breakdown", "source-unreadable"), ("gone", "source-file-missing"),
    ]  # fmt: skip
    assert Artifact.objects.count() == 1


def test_the_command_prints_each_outcome_and_exits_by_it(cast: Cast, tmp_path: Path) -> None:
    an_entry(tmp_path, "good")
    out = io.StringIO()
    call_command("import_source", "folder", "--actor", "ci-bot", "--set", f"path={tmp_path}", stdout=out)
    assert "registered churn/1.0" in out.getvalue()
    assert "1 registered, 0 known already, 0 refused" in out.getvalue()
    (tmp_path / "bad\nname").mkdir()
    out = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("import_source", "folder", "--actor", "ci-bot", "--set", f"path={tmp_path}", "--json", stdout=out)
    assert ended.value.code == 1
    told = json.loads(out.getvalue())
    assert (told["known"], [one["code"] for one in told["refused"]]) == (["churn/1.0"], ["source-file-missing"])
    event = LedgerEvent.objects.get(action="version.registered")
    body = json.loads(bytes(event.body))
    assert (body["authentication"], body["on_behalf_of"]) == ("command", str(cast.ada.pk))
    requests = {
        json.loads(bytes(row.body))["request_id"] for row in LedgerEvent.objects.filter(actor_id=cast.ci_bot.pk)
    }
    assert len(requests) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["mainframe", "--actor", "ci-bot"],
        ["folder", "--actor", "ci-bot"],
        ["folder", "--actor", "nobody", "--set", "path=models"],
        ["folder", "--actor", "otto", "--set", "path=models"],
        ["folder", "--actor", "ci-bot", "--set", "path"],
        ["folder", "--actor", "ci-bot", "--settings-file", "no-such-file"],
    ],
)
def test_wrong_input_of_the_command_exits_two(cast: Cast, arguments: list[str]) -> None:
    with pytest.raises(CommandError) as caught:
        call_command("import_source", *arguments)
    assert caught.value.returncode == 2


def test_a_secret_is_taken_from_a_file_only_and_never_shown(cast: Cast, tmp_path: Path) -> None:
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({"token": "hunter2"}))
    os.chmod(settings, 0o600)
    out = io.StringIO()
    with SOURCES.temporarily("lying", LyingSource):
        with pytest.raises(CommandError):
            call_command("import_source", "lying", "--actor", "ada", "--set", "token=hunter2", stdout=out)
        with pytest.raises(SystemExit):
            call_command("import_source", "lying", "--actor", "ada", "--settings-file", str(settings), stdout=out)
    assert "hunter2" not in out.getvalue()
    assert "(hidden)" in out.getvalue()
