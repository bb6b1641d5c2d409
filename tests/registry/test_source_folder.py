"""Does the folder connector read what lies in its folder, and nothing else?"""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from registry.digests import sha256_hex
from registry.errors import DomainError
from registry.sources.contract import BadEntry, ExternalVersion, open_source, shown_settings
from registry.sources.folder import MANIFEST_BYTES, read_manifest

MODEL = pickle.dumps("a model that runs nothing")
OTHER = pickle.dumps("another model that runs nothing")
Spoiler = Callable[[Path, dict[str, Any]], object]


def a_manifest(version: str = "1.0", **changes: Any) -> dict[str, Any]:
    """Return the manifest of one version."""
    return {
        "model": {
            "slug": "churn",
            "name": "Churn",
            "intended_use": "Rank customers for a call.",
            "affects_people": True,
        },
        "version": version,
        "artifacts": [{"file": "model.skops", "role": "model", "format": "joblib", "sha256": sha256_hex(MODEL)}],
        "scoring": {"threshold": 0.4, "positive_label": 1},
        "origin": {"change_summary": "First.", "seed": 7},
    } | changes


def an_entry(
    root: Path, name: str = "churn-1.0", manifest: dict[str, Any] | None = None, *, model: bytes = MODEL
) -> Path:
    """Write the folder of one version."""
    folder = root / name
    folder.mkdir()
    said = manifest or a_manifest()
    if model != MODEL:
        said["artifacts"][0]["sha256"] = sha256_hex(model)
    (folder / "model.skops").write_bytes(model)
    (folder / "manifest.json").write_text(json.dumps(said), encoding="utf-8")
    return folder


def found_in(root: Path, since: datetime | None = None, **settings: Any) -> list[ExternalVersion | BadEntry]:
    """Return everything the connector finds."""
    return list(open_source("folder", {"path": str(root)} | settings).iter_versions(since))


def the_refusal(root: Path, **settings: Any) -> str:
    """Return the code of the only entry, which is bad."""
    (found,) = found_in(root, **settings)
    assert isinstance(found, BadEntry), found
    return found.refusal.code


def test_a_version_is_read_with_its_bytes_and_digest(tmp_path: Path) -> None:
    an_entry(tmp_path)
    (tmp_path / "notes.txt").write_text("a plain file is passed over")
    (tmp_path / ".git").mkdir()
    (found,) = found_in(tmp_path)
    assert isinstance(found, ExternalVersion)
    assert (found.model, found.name, found.version, found.threshold) == ("churn", "Churn", "1.0", 0.4)
    assert found.model_fields == {"intended_use": "Rank customers for a call.", "affects_people": True}
    (artifact,) = found.artifacts
    assert (artifact.sha256, artifact.size, artifact.role, artifact.format) == (
        sha256_hex(MODEL), len(MODEL), "model", "joblib",
    )  # fmt: skip
    with artifact.open() as stream:
        assert stream.read() == MODEL


def test_entries_come_in_the_order_of_their_names_and_a_bad_one_stops_no_other(tmp_path: Path) -> None:
    an_entry(tmp_path, "c", a_manifest("3.0"))
    (tmp_path / "b").mkdir()
    an_entry(tmp_path, "a", a_manifest("1.0"))
    found = found_in(tmp_path)
    assert [one.entry for one in found] == ["a", "b", "c"]
    assert [isinstance(one, BadEntry) for one in found] == [False, True, False]


def test_what_was_written_before_since_is_left_out(tmp_path: Path) -> None:
    old = an_entry(tmp_path, "old") / "manifest.json"
    an_entry(tmp_path, "new", a_manifest("2.0"))
    now = datetime.now(UTC)
    long_ago = (now - timedelta(days=3)).timestamp()
    os.utime(old, (long_ago, long_ago))
    assert [one.entry for one in found_in(tmp_path, now - timedelta(days=1))] == ["new"]
    assert [one.entry for one in found_in(tmp_path)] == ["new", "old"]


@pytest.mark.parametrize(
    "file",
    [
        "../secret",
        "/etc/hostname",
        "sub/../../secret",
        "./model.skops",
        "",
        "a//b",
        "..\\secret",
        "a\0b",
        "a/" * 20 + "b",
    ],
)
def test_a_path_that_leads_outside_is_refused(tmp_path: Path, file: str) -> None:
    (tmp_path / "secret").write_text("not yours")
    (tmp_path / "models").mkdir()
    an_entry(tmp_path / "models", manifest=a_manifest(artifacts=[{"file": file}]))
    code = the_refusal(tmp_path / "models")
    assert code in {"source-path-outside", "source-manifest-not-json"}  # a NUL is no text of JSON here


def _model_is_a_link(folder: Path, _manifest: dict[str, Any]) -> None:
    (folder / "model.skops").unlink()
    (folder / "model.skops").symlink_to(folder.parent.parent / "secret")


def _folder_is_a_link(folder: Path, manifest: dict[str, Any]) -> None:
    (folder.parent.parent / "elsewhere").mkdir()
    (folder.parent.parent / "elsewhere" / "model.skops").write_bytes(MODEL)
    (folder / "sub").symlink_to(folder.parent.parent / "elsewhere")
    manifest["artifacts"][0]["file"] = "sub/model.skops"


def _manifest_is_a_link(folder: Path, _manifest: dict[str, Any]) -> None:
    (folder / "manifest.json").rename(folder.parent.parent / "manifest.json")
    (folder / "manifest.json").symlink_to(folder.parent.parent / "manifest.json")


def _artifact_is_a_folder(folder: Path, _manifest: dict[str, Any]) -> None:
    (folder / "model.skops").unlink()
    (folder / "model.skops").mkdir()


def _artifact_is_a_pipe(folder: Path, _manifest: dict[str, Any]) -> None:
    (folder / "model.skops").unlink()
    os.mkfifo(folder / "model.skops")


def _artifact_is_missing(folder: Path, _manifest: dict[str, Any]) -> None:
    (folder / "model.skops").unlink()


def _other_bytes(folder: Path, _manifest: dict[str, Any]) -> None:
    (folder / "model.skops").write_bytes(b"other bytes")


def _no_manifest(folder: Path, _manifest: dict[str, Any]) -> None:
    (folder / "manifest.json").unlink()


def _unknown_field(_folder: Path, manifest: dict[str, Any]) -> None:
    manifest["stage"] = "in_production"


def _two_models(folder: Path, manifest: dict[str, Any]) -> None:
    (folder / "second.skops").write_bytes(b"second")
    manifest["artifacts"].append({"file": "second.skops", "role": "model"})


def _one_file_twice(_folder: Path, manifest: dict[str, Any]) -> None:
    manifest["artifacts"] = [{"file": "model.skops", "role": "card"}] * 2


SPOILERS: dict[str, tuple[Spoiler, str]] = {
    "the model is a link": (_model_is_a_link, "source-symlink"),
    "a folder on the way is a link": (_folder_is_a_link, "source-symlink"),
    "the manifest is a link": (_manifest_is_a_link, "source-symlink"),
    "the artifact is a folder": (_artifact_is_a_folder, "source-not-a-file"),
    "the artifact is a pipe": (_artifact_is_a_pipe, "source-not-a-file"),
    "the artifact is missing": (_artifact_is_missing, "source-file-missing"),
    "the bytes are others": (_other_bytes, "digest-mismatch"),
    "there is no manifest": (_no_manifest, "source-file-missing"),
    "the manifest sets more": (_unknown_field, "source-manifest-invalid"),
    "two artifacts score": (_two_models, "several-model-artifacts"),
    "one file twice": (_one_file_twice, "artifact-twice"),
}


@pytest.mark.parametrize("case", SPOILERS)
def test_a_bad_entry_is_refused_with_a_stable_code(tmp_path: Path, case: str) -> None:
    (tmp_path / "secret").write_text("not yours")
    (tmp_path / "models").mkdir()
    spoil, code = SPOILERS[case]
    manifest = a_manifest()
    folder = an_entry(tmp_path / "models")
    spoil(folder, manifest)
    if (folder / "manifest.json").is_file():
        (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert the_refusal(tmp_path / "models") == code


def test_a_linked_folder_is_refused_aloud(tmp_path: Path) -> None:
    an_entry(tmp_path, "elsewhere")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "churn").symlink_to(tmp_path / "elsewhere")
    assert the_refusal(tmp_path / "models") == "source-symlink"


def test_an_artifact_beyond_the_limit_is_not_read(tmp_path: Path) -> None:
    an_entry(tmp_path)
    assert the_refusal(tmp_path, max_artifact_bytes=len(MODEL) - 1) == "source-artifact-too-large"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "source-manifest-not-json"),
        (b"{", "source-manifest-not-json"),
        (b'{"version": "1", "version": "2"}', "source-manifest-not-json"),
        (b'{"version": NaN}', "source-manifest-not-json"),
        (b'{"version": 1e999}', "source-manifest-not-json"),
        (b'{"version": "\\ud800"}', "source-manifest-not-json"),
        (b"\xff\xfe", "source-manifest-not-json"),
        (b"[" * 100_000, "source-manifest-not-json"),
        (b"[]", "source-manifest-invalid"),
        (b'{"model": {"slug": "a"}, "version": 1, "artifacts": [{"file": "a"}]}', "source-manifest-invalid"),
        (b'{"model": {"slug": "a"}, "version": "1", "artifacts": []}', "source-manifest-invalid"),
        (b" " * (MANIFEST_BYTES + 1), "source-manifest-too-large"),
    ],
)
def test_a_bad_manifest_has_a_stable_code(data: bytes, code: str) -> None:
    with pytest.raises(DomainError) as caught:
        read_manifest(data)
    assert caught.value.code == code


def test_a_folder_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(DomainError) as caught:
        found_in(tmp_path / "nothing")
    assert caught.value.code == "source-unreadable"


def test_unknown_sources_and_settings_are_refused_and_values_are_not_repeated() -> None:
    with pytest.raises(DomainError) as caught:
        open_source("mainframe", {})
    assert caught.value.code == "unknown-source"
    assert "folder" in caught.value.message
    with pytest.raises(DomainError) as caught:
        open_source("folder", {"path": "models", "pasword": "hunter2"})
    assert caught.value.code == "bad-source-settings"
    assert "hunter2" not in caught.value.message
    assert shown_settings("folder", {"path": "models"}) == {"path": "models"}
