"""Does what a run found out about single rows stay in its explanation, whoever reads the run and whenever it was made?"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from django.urls import reverse

from audits.actions.conclusion import JudgedRequirement
from audits.actions.dossiers import build_dossier, request_dossier
from audits.actions.evidence import read_evidence, store_json
from audits.checks.contract import CHECKS, Plot, PlotColumn
from audits.dossier.bundle import PERSONAL, documents_of
from audits.dossier.record import result_facts
from audits.explanations import records
from audits.explanations.single_rows import ONE_BY_ONE, SCATTER, without_single_rows
from audits.models import Evidence, ValidationRun
from audits.runs.execute import MEASURED_KINDS
from tests import builders
from tests.audits.evaluation_samples import complete_subject, explanation_of
from tests.cast import Cast, signed_in
from tests.governance.judging import concluded

READERS = ("ada", "olga", "vera", "ravi", "pia", "otto", "adam")
HIDDEN = "the words of row 4711"
LOCAL = {"row": 4711, "answer": 0.123456789, "against": [["income", -0.4]], "reasons": [HIDDEN]}


def of_today(slug: str, **more: Any) -> dict[str, Any]:
    """Return what a check measures now, as it is stored."""
    subject = dataclasses.replace(
        complete_subject(), explanation=explanation_of(**more), previous_explanation=explanation_of()
    )
    found: dict[str, Any] = json.loads(json.dumps(CHECKS.get(slug).run(subject).as_json()))
    return found


def of_an_earlier_release() -> dict[str, Any]:
    """Return a measurement with a row in detail and plot, as the fidelity of reasons was stored once."""
    found = of_today("explainability.reason_fidelity")
    heads = ("row of the sample", "answer", "reasons named")
    rows = ((LOCAL["row"], LOCAL["answer"], HIDDEN),)
    table = Plot("table", ONE_BY_ONE, tuple(PlotColumn(head, "text") for head in heads), rows).as_json()
    return found | {"detail": found["detail"] | {"local": [LOCAL]}, "plots": [*found["plots"], table]}


@pytest.fixture
def run(cast: Cast) -> ValidationRun:
    """Return a run whose stored evidence still repeats a row."""
    found = builders.an_open_promotion(cast, concluded=False).run
    results = []
    for line in found.plan["requirements"]:
        kept = store_json({"requirement": line, "measurement": of_an_earlier_release()}, kind="measurement")
        results.append(
            JudgedRequirement(
                requirement=line, status="met", observed="0.9", required=">= 0.7", reason="", mend="",
                evidence_sha256=kept.sha256,
            )
        )  # fmt: skip
    return concluded(found, results)


def told(text: str) -> bool:
    return any(part in text for part in (HIDDEN, ONE_BY_ONE, "4711", "0.123456789"))


def test_no_measurement_of_today_repeats_a_row() -> None:
    row = records.LocalExplanation(4711, 0.123456789, True, ((0, -0.4),), (HIDDEN,))
    for entry in CHECKS:
        if entry.slug.startswith("explainability."):
            assert not told(json.dumps(of_today(entry.slug, local=(row,)))), entry.slug


def test_points_of_a_scatter_cannot_be_joined_to_rows() -> None:
    points = ((1, 0.9, 0.3), (1, None, 0.2), (1, 0.1, 0.1), (0, 0.2, 0.9), (0, 0.8, -0.4), (0, 0.1, 0.5))
    found = of_today("explainability.shap_importance", beeswarm=points)
    apart = [[1, 0.1, 0.1], [1, 0.9, 0.3], [1, None, 0.2], [0, 0.1, 0.5], [0, 0.2, 0.9], [0, 0.8, -0.4]]
    assert found["detail"]["beeswarm"] == apart
    drawn = [plot["rows"] for plot in found["plots"] if plot["title"] == SCATTER]
    assert [row[1:] for row in drawn[0]] == [point[1:] for point in apart if point[1] is not None]
    before = found | {"detail": found["detail"] | {"beeswarm": [list(point) for point in points]}}
    assert without_single_rows(before) == found


def test_a_measurement_without_rows_is_read_as_it_is_stored() -> None:
    for slug in ("explainability.reason_fidelity", "explainability.shap_importance", "performance.roc_auc"):
        assert without_single_rows(of_today(slug)) == of_today(slug)
    assert without_single_rows(None) is None


@pytest.mark.django_db
@pytest.mark.parametrize("name", READERS)
def test_nobody_reads_rows_of_an_earlier_release_on_the_page_or_by_the_api(cast: Cast, run, name: str) -> None:
    client = signed_in(getattr(cast, name))
    shown = client.get(reverse("admin:run", args=[run.pk]))
    answered = client.get(f"/api/v1/validations/{run.pk}/")
    assert (shown.status_code, answered.status_code) == (200, 200)
    assert "How far the answer moves towards the favourable one" in shown.content.decode()
    assert answered.json()["results"][0]["measurement"]["detail"]["faithful"] == 72
    assert not told(shown.content.decode())
    assert not told(answered.content.decode())


@pytest.mark.django_db
def test_rows_leave_neither_in_a_dossier_nor_in_its_bundle(cast: Cast, run) -> None:
    dossier = build_dossier(str(request_dossier(run.version, actor=cast.otto)[0].pk))
    facts = json.loads(read_evidence(dossier.facts_sha256))
    results = list(run.results.all())
    assert all(result_facts(one)["measurement"]["detail"]["faithful"] == 72 for one in results)
    files = documents_of(dossier, facts)
    assert not any(told(data.decode("utf-8", "replace")) for name, data in files.items() if name != "dossier.pdf")
    held = {one.evidence_sha256 for one in results}
    assert held <= set(json.loads(files["manifest.json"])["not_carried"])


def test_every_kind_of_evidence_with_rows_stays_at_home() -> None:
    assert MEASURED_KINDS["explanation"] in PERSONAL
    assert {Evidence.Kind.SCORES, Evidence.Kind.EXPLANATION, Evidence.Kind.EXPLANATION_PART} == PERSONAL
