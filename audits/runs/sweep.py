"""What was left behind? Runs whose worker died, dossiers nobody built, folders and uploads of killed processes."""

from __future__ import annotations

import shutil
import stat
import tempfile
import time
from pathlib import Path

from django.conf import settings

from audits.actions import dossiers, validation

ABANDONED_AFTER_SECONDS = 6 * 3600


def sweep() -> None:
    """Wake forgotten rows and remove what killed processes left."""
    validation.sweep()
    dossiers.sweep()
    remove_abandoned()


def remove_abandoned(*, older_than: float = ABANDONED_AFTER_SECONDS) -> list[Path]:
    """Remove the scratch folders and half-written uploads that no live process can still be using.

    ``older_than`` is in seconds and longer than any run or upload may take. Returns the paths that were removed.
    """
    before = time.time() - older_than
    removed = []
    for parent, pattern in ((settings.SCRATCH_DIR, "run-*"), (Path(tempfile.gettempdir()), "cadastre-sandbox-*")):
        for folder in parent.glob(pattern):
            if folder.is_dir() and not folder.is_symlink() and folder.stat().st_mtime < before:
                shutil.rmtree(folder, ignore_errors=True)
                removed.append(folder)
    for upload in settings.ARTIFACT_DIR.glob("*/.upload-*"):
        if _is_old_file(upload, before):
            upload.unlink(missing_ok=True)
            removed.append(upload)
    return removed


def _is_old_file(path: Path, before: float) -> bool:
    """Tell whether a plain file was last written before an instant; one that its upload has just moved away was not."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_mtime < before
