"""Does a check of another installed package appear by its entry point, and is it measured, judged and drawn like ours?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from tests.architecture.sources import ROOT

CHECK = '''
"""Checks of a company's own."""

from audits.checks.contract import CheckSubject, Measurement, Plot, PlotColumn, check


@check(
    "performance.acme_hit_rate",
    family="performance",
    needs=("labels", "selection"),
    unit="share",
    better="higher",
    mend="Move the threshold.",
)
def acme_hit_rate(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Share of the selected whose outcome is 1.

    .. math:: P(Y = 1 | selected)

    0: none of them; 1: all of them.

    Parameters
    ----------
    subject : evaluation table with ``target`` and who is selected.
    confidence : nominal coverage of Wilson's interval.

    Returns
    -------
    Measurement
        ``n`` selected rows.

    Notes
    -----
    Limits: says nothing of those who are not selected.

    Not for: comparing groups.

    References
    ----------
    Acme handbook, chapter 3.
    """
    from audits.statistics.intervals import wilson
    from audits.tables.aggregates import outcome_cells

    cells = [cell for cell in outcome_cells(subject.evaluation, ()) if cell.selected]
    n, hits = sum(cell.n for cell in cells), sum(cell.n for cell in cells if cell.label == 1)
    if not n:
        return Measurement(None, "share", None, None, confidence, 0, "wilson", reason="Nobody is selected.")
    interval = wilson(hits, n, confidence)
    plot = Plot(
        "bars", "Acme", (PlotColumn("What", "text"), PlotColumn("Share", "share")), (("hits", hits / n),),
        label="What", value="Share",
    )
    return Measurement(hits / n, "share", interval.low, interval.high, confidence, n, "wilson", plots=(plot,))
'''

USE = """
import json, sys
import django
django.setup()
import pandas as pd
from audits.checks.contract import CheckSubject
from audits.checks.requirement import Requirement, measure
from audits.dossier.figures import figures_of
from audits.tables.contract import ColumnRoles
from audits.tables.open import open_frame
from governance.console.charts import figures_of as drawings_of

frame = pd.DataFrame({"y": [1, 0] * 50, "s": [0.9, 0.2] * 40 + [0.9, 0.8] * 10})
table = open_frame(frame, roles=ColumnRoles(target="y", score="s"), threshold=0.5)
rule = {"key": "hits", "check": "performance.acme_hit_rate", "op": ">=", "limit": 0.7}
outcome = measure(Requirement.from_policy(rule), CheckSubject(table))
table.close()
stored = outcome.as_json()
result = {"measurement": stored["measurement"], "requirement": rule, "evidence": "ab" * 32}
print(json.dumps({
    "status": outcome.judgement.status, "observed": outcome.judgement.observed,
    "console": [len(figure.drawings) for figure in drawings_of(stored["measurement"], rule)],
    "dossier": [type(block).__name__ for block in figures_of(result)],
}))
"""


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, str]:
    """Lay a package beside its metadata, as an installer does, on the path of a new process."""
    (tmp_path / "acme_checks.py").write_text(dedent(CHECK), encoding="utf-8")
    described = tmp_path / "acme_checks-1.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-checks\nVersion: 1.0\n", encoding="utf-8")
    (described / "entry_points.txt").write_text("[cadastre.checks]\nacme = acme_checks\n", encoding="utf-8")
    path = os.pathsep.join((str(tmp_path), str(ROOT)))
    return {**os.environ, "PYTHONPATH": path, "DJANGO_SETTINGS_MODULE": "governance.settings"}


def run(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_is_in_the_catalogue_with_the_module_it_lives_in(installed: dict[str, str]) -> None:
    listing = json.loads(run(installed, "manage.py", "catalogue", "--json"))
    (found,) = [entry for entry in listing["check"] if entry["slug"] == "performance.acme_hit_rate"]
    assert found == {
        "slug": "performance.acme_hit_rate",
        "summary": "Share of the selected whose outcome is 1.",
        "module": "acme_checks",
    }


def test_a_requirement_on_it_is_measured_judged_and_drawn(installed: dict[str, str]) -> None:
    said = json.loads(run(installed, "-c", USE))
    assert said["status"] == "met"
    assert said["observed"].startswith("0.8333 (95 % interval ")
    assert said["observed"].endswith("n = 60")
    assert said["console"] == [1]
    assert said["dossier"] == ["Figure"]


def test_one_that_cannot_be_loaded_stops_the_process(installed: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "acme_checks.py").write_text("raise RuntimeError('half installed')", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "manage.py", "catalogue"], env=installed, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "half installed" in done.stderr
