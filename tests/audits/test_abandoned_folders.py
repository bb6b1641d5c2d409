"""Are the folders and half-written uploads of killed processes removed, and only those?"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from audits.runs.sweep import remove_abandoned


def test_only_old_scratch_folders_of_ours_are_removed(settings: Any, tmp_path: Path) -> None:
    settings.SCRATCH_DIR = tmp_path
    old, young, other = tmp_path / "run-old", tmp_path / "run-young", tmp_path / "kept"
    for folder in (old, young, other):
        folder.mkdir()
        (folder / "file").write_text("x")
    for folder in (old, other):
        os.utime(folder, (time.time() - 7200, time.time() - 7200))
    assert [path for path in remove_abandoned(older_than=3600) if path.parent == tmp_path] == [old]
    assert not old.exists()
    assert young.exists()
    assert other.exists()


def test_only_old_unfinished_uploads_are_removed_from_the_store(settings: Any, tmp_path: Path) -> None:
    settings.SCRATCH_DIR, settings.ARTIFACT_DIR = tmp_path / "scratch", tmp_path / "store"
    outside = tmp_path / "outside"
    outside.write_text("x")
    shelf = settings.ARTIFACT_DIR / "ab"
    shelf.mkdir(parents=True)
    old, young, stored, link = shelf / ".upload-old", shelf / ".upload-young", shelf / ("ab" * 32), shelf / ".upload-ln"
    for file in (old, young, stored):
        file.write_text("x")
    link.symlink_to(outside)
    for file in (old, stored, outside):
        os.utime(file, (time.time() - 7200, time.time() - 7200))
    assert [path for path in remove_abandoned(older_than=3600) if tmp_path in path.parents] == [old]
    assert sorted(path.name for path in shelf.iterdir()) == sorted([young.name, stored.name, link.name])
    assert outside.exists()
