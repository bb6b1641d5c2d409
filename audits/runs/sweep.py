"""What was left behind? Runs whose worker died, dossiers nobody built, folders of killed processes."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

from django.conf import settings

from audits.actions import dossiers, validation

ABANDONED_AFTER_SECONDS = 6 * 3600


def sweep() -> None:
    """Wake forgotten rows and remove abandoned folders."""
    validation.sweep()
    dossiers.sweep()
    remove_abandoned()


def remove_abandoned(*, older_than: float = ABANDONED_AFTER_SECONDS) -> list[Path]:
    """Remove the scratch folders of runs and sandboxes that no live process can still be using.

    ``older_than`` is in seconds and longer than any run may take. Returns the folders that were removed.
    """
    before = time.time() - older_than
    removed = []
    for parent, pattern in ((settings.SCRATCH_DIR, "run-*"), (Path(tempfile.gettempdir()), "cadastre-sandbox-*")):
        for folder in parent.glob(pattern):
            if folder.is_dir() and not folder.is_symlink() and folder.stat().st_mtime < before:
                shutil.rmtree(folder, ignore_errors=True)
                removed.append(folder)
    return removed
