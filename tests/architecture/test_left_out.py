"""Does a run that lacks a part say so loudly, and fail where a pipeline asks?"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT


def run_without_a_browser(folder: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run one small test file in a process that finds no Chromium on its path."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in {"CI", "CADASTRE_TEST_ROOT", "CADASTRE_TEST_DATABASE"} and not name.startswith("PYTEST_")
    }
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
            "tests/architecture/test_requirements.py",
        ],
        cwd=ROOT,
        env={**inherited, "PATH": str(folder), **changes},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_is_said_loudly(tmp_path: Path) -> None:
    answer = run_without_a_browser(tmp_path)
    assert answer.returncode == pytest.ExitCode.OK, answer.stdout + answer.stderr
    assert "LEFT OUT: tests that need chromium did not run: no Chromium is installed" in answer.stdout


def test_in_a_pipeline_it_fails(tmp_path: Path) -> None:
    answer = run_without_a_browser(tmp_path, CI="true")
    assert answer.returncode == pytest.ExitCode.TESTS_FAILED
    assert "CI=true: a run that leaves something out fails." in answer.stdout
