"""Do the other commands say what the API expects, in order, and end as they should?"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cadastre.command import main

from tests.client.answers import TOKEN, Answer, Asked, Handler, Server, sends

PDF = b"%PDF-1.7\n" + b"x" * 300_000


@pytest.fixture(autouse=True)
def _session(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CADASTRE_URL", server.url + "/")
    monkeypatch.setenv("CADASTRE_TOKEN", TOKEN)


def routes(table: dict[str, Any]) -> Answer:
    """Answer by method and path; a list is used up answer by answer, the last one stays."""

    def answer(handler: Handler, asked: Asked) -> None:
        found = table[f"{asked.method} {asked.path}"]
        if isinstance(found, list):
            found = found.pop(0) if len(found) > 1 else found[0]
        (found if callable(found) else sends(found))(handler, asked)

    return answer


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    (tmp_path / "model.skops").write_bytes(b"a model")
    (tmp_path / "train.parquet").write_bytes(b"a table" * 50_000)
    path = tmp_path / "cadastre.json"
    path.write_text(
        json.dumps(
            {
                "model": {"slug": "credit", "name": "Consumer credit default"},
                "datasets": [
                    {
                        "dataset": {"slug": "applications", "name": "Applications"},
                        "version": "2026-10",
                        "file": "train.parquet",
                        "format": "parquet",
                        "roles": {"target": "approve"},
                        "split_role": "training",
                    }
                ],
                "version": {
                    "version": "1.0",
                    "artifacts": [{"file": "model.skops", "role": "model", "format": "skops"}],
                    "datasets": [{"dataset": "applications", "version": "2026-10", "role": "training"}],
                    "seed": 7,
                },
            }
        )
    )
    return path


MODEL_SHA = hashlib.sha256(b"a model").hexdigest()
TABLE_SHA = hashlib.sha256(b"a table" * 50_000).hexdigest()


def test_register_uploads_bytes_before_it_says_what_they_are(
    server: Server, manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answer = sends({"id": "version-1", "validation": {"id": "run-1"}}, 201)
    out = tmp_path / "out.json"
    assert main(["register", str(manifest), "--version", "1.1", "--json", str(out)]) == 0
    assert [f"{asked.method} {asked.path}" for asked in server.asked] == [
        "POST /api/v1/models/",
        "POST /api/v1/datasets/",
        f"PUT /api/v1/artifacts/{TABLE_SHA}",
        "POST /api/v1/datasets/applications/versions/",
        f"PUT /api/v1/artifacts/{MODEL_SHA}",
        "POST /api/v1/models/credit/versions/",
    ]
    assert server.asked[2].body == b"a table" * 50_000
    assert server.asked[2].headers["Content-Type"] == "application/octet-stream"
    assert server.asked[3].json() == {
        "version": "2026-10",
        "format": "parquet",
        "roles": {"target": "approve"},
        "split_role": "training",
        "artifact_sha256": TABLE_SHA,
    }
    assert server.asked[5].json() == {
        "version": "1.1",
        "artifacts": [{"role": "model", "format": "skops", "sha256": MODEL_SHA}],
        "datasets": [{"dataset": "applications", "version": "2026-10", "role": "training"}],
        "seed": 7,
    }
    assert len({asked.headers["Idempotency-Key"] for asked in server.asked}) == 6
    assert json.loads(out.read_text())["id"] == "version-1"
    assert "validation run-1" in capsys.readouterr().out


def test_a_table_that_stays_is_named_and_not_uploaded(server: Server, manifest: Path) -> None:
    given = json.loads(manifest.read_text())
    del given["datasets"][0]["file"], given["datasets"][0]["format"]
    stays = {"source": "warehouse", "locator": "risk.loans", "task": "binary"}
    given["datasets"][0] |= stays
    manifest.write_text(json.dumps(given))
    server.answer = sends({"id": "version-1"}, 201)
    assert main(["register", str(manifest)]) == 0
    assert [asked.path for asked in server.asked if asked.method == "PUT"] == [f"/api/v1/artifacts/{MODEL_SHA}"]
    assert server.asked[2].json() == stays | {
        "version": "2026-10", "roles": {"target": "approve"}, "split_role": "training",
    }  # fmt: skip


def test_register_stops_at_the_first_refusal(
    server: Server, manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    problem = {"code": "wrong-digest", "detail": "The bytes are others.", "status": 422}
    server.answer = routes(
        {
            "POST /api/v1/models/": {},
            "POST /api/v1/datasets/": {},
            f"PUT /api/v1/artifacts/{TABLE_SHA}": sends(problem, 422, "application/problem+json"),
        }
    )
    assert main(["register", str(manifest)]) == 2
    assert "wrong-digest" in capsys.readouterr().err
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    "spoil",
    [
        lambda given: given.pop("model"),
        lambda given: given["model"].pop("slug"),
        lambda given: given.pop("version"),
        lambda given: given["version"].update(artifacts={}),
        lambda given: given["version"]["artifacts"][0].pop("file"),
        lambda given: given["datasets"][0].pop("file"),
        lambda given: given.update(stage="in_production"),
    ],
)
def test_a_registration_file_that_lacks_something_is_wrong_input(
    server: Server, manifest: Path, spoil: Callable[[dict[str, Any]], Any]
) -> None:
    given = json.loads(manifest.read_text())
    spoil(given)
    manifest.write_text(json.dumps(given))
    assert main(["register", str(manifest)]) == 2
    assert server.asked == []


def test_a_registration_file_that_names_an_absent_file_is_wrong_input(server: Server, manifest: Path) -> None:
    (manifest.parent / "model.skops").unlink()
    server.answer = sends({})
    assert main(["register", str(manifest)]) == 2


@pytest.mark.parametrize("text", ["", "[]", "{", '{"model": {}, "model": {}}'])
def test_a_registration_file_that_is_no_json_object_is_wrong_input(manifest: Path, text: str) -> None:
    manifest.write_text(text)
    assert main(["register", str(manifest)]) == 2


def test_promote_prints_the_ids_to_wait_for(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.answer = sends({"id": "promotion-1", "state": "open", "validation": "run-1"}, 201)
    assert main(["promote", "credit", "1.1", "--environment", "production", "--statement", "Replaces 1.0"]) == 0
    assert server.asked[0].json() == {
        "model": "credit",
        "version": "1.1",
        "environment": "production",
        "statement": "Replaces 1.0",
    }
    assert capsys.readouterr().out.splitlines() == ["promotion promotion-1 open", "validation run-1"]


@pytest.mark.parametrize("answer", [{}, {"id": None}, {"id": "a b"}, {"id": ["x"]}, {"id": "../x"}])
def test_an_answer_without_a_usable_id_is_undecided(server: Server, answer: dict[str, Any]) -> None:
    server.answer = sends(answer, 201)
    assert main(["promote", "credit", "1.1", "--environment", "production"]) == 3


def result(status: str = "met", severity: str = "blocking") -> dict[str, str]:
    return {"key": "auc", "check": "performance.roc_auc", "status": status, "severity": severity,
            "observed": "0.61", "required": "at least 0.65", "mend": "Improve it."}  # fmt: skip


def concluded(*results: dict[str, str], outcome: str = "passed") -> dict[str, Any]:
    return {"id": "run-1", "state": "concluded", "outcome": outcome, "results": list(results)}


RUNNING = {"id": "run-1", "state": "running", "progress": {"done": 3, "total": 9, "message": "auc"}}


@pytest.mark.parametrize(
    ("last", "code"),
    [
        (concluded(result()), 0),
        (concluded(result(), result("not_met", "advisory")), 0),
        (concluded(result("not_met"), outcome="failed"), 1),
        (concluded(result("not_met")), 1),
        (concluded(result("insufficient"), outcome="insufficient"), 1),
        (concluded(result(), outcome="failed"), 1),
        (concluded(result("not_met", "unheard of")), 1),
        (concluded(), 3),
        (concluded(result("passed")), 3),
        ({"id": "run-1", "state": "quarantined"}, 3),
    ],
)
def test_wait_ends_by_what_the_run_found(server: Server, last: dict[str, Any], code: int) -> None:
    server.answer = routes({"GET /api/v1/validations/run-1/": [{"state": "queued"}, RUNNING, last]})
    assert main(["wait", "--validation", "run-1", "--interval", "0.01"]) == code


def test_wait_shows_progress_and_each_requirement_that_is_not_met(
    server: Server, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    last = concluded(result("not_met"), result(), outcome="failed")
    server.answer = routes(
        {
            "GET /api/v1/promotions/promotion-1/": {"id": "promotion-1", "validation": "run-1"},
            "GET /api/v1/validations/run-1/": [RUNNING, RUNNING, last],
        }
    )
    out = tmp_path / "run.json"
    assert main(["wait", "--promotion", "promotion-1", "--interval", "0.01", "--json", str(out)]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said == [
        "running 3/9 auc",
        "concluded",
        "- blocking  auc not met",
        "    observed: 0.61",
        "    required: at least 0.65",
        "    to mend:  Improve it.",
        "1 of 2 requirements met; outcome failed",
    ]
    assert json.loads(out.read_text()) == last


def test_wait_survives_a_restart_of_the_service(server: Server) -> None:
    away = sends({}, 503)
    server.answer = routes({"GET /api/v1/validations/run-1/": [away, away, away, away, concluded(result())]})
    assert main(["wait", "--validation", "run-1", "--interval", "0.01"]) == 0


def test_wait_gives_up_when_its_patience_is_over(server: Server) -> None:
    server.answer = sends(RUNNING)
    assert main(["wait", "--validation", "run-1", "--interval", "0.02", "--patience", "0.1"]) == 3


def test_deployed_reports_the_digest_of_the_file_itself(server: Server, manifest: Path) -> None:
    server.answer = sends({"id": "deployment-1"}, 201)
    model = str(manifest.parent / "model.skops")
    assert main(["deployed", "credit", "1.1", model, "--environment", "production", "--decision", "decision-1"]) == 0
    assert server.asked[0].json() == {
        "model": "credit",
        "version": "1.1",
        "environment": "production",
        "artifact_sha256": MODEL_SHA,
        "decision": "decision-1",
    }


def dossier_routes(pdf: Any, **state: Any) -> Answer:
    return routes(
        {
            "POST /api/v1/dossiers/": sends({"id": "dossier-1", "state": "queued"}, 202),
            "GET /api/v1/dossiers/dossier-1/": [{"state": "queued"}, {"state": "issued", **state}],
            "GET /api/v1/dossiers/dossier-1/pdf": pdf,
        }
    )


def test_portfolio_asks_for_no_version_and_writes_the_pdf(server: Server, tmp_path: Path) -> None:
    out = tmp_path / "portfolio.pdf"
    server.answer = dossier_routes(sends(PDF, 200, "application/pdf"), sha256=hashlib.sha256(PDF).hexdigest())
    given = ["--language", "de", "--as-of", "2026-03-03T12:00:00Z", "--output", str(out), "--interval", "0.01"]
    assert main(["portfolio", *given]) == 0
    assert out.read_bytes() == PDF
    assert server.asked[0].json() == {"kind": "portfolio", "language": "de", "as_of": "2026-03-03T12:00:00Z"}


def test_dossier_waits_and_writes_the_pdf_whole(server: Server, tmp_path: Path) -> None:
    out = tmp_path / "dossier.pdf"
    server.answer = dossier_routes(sends(PDF, 200, "application/pdf"), sha256=hashlib.sha256(PDF).hexdigest())
    assert main(["dossier", "credit", "1.1", "--output", str(out), "--interval", "0.01"]) == 0
    assert out.read_bytes() == PDF
    assert [path.name for path in tmp_path.iterdir()] == ["dossier.pdf"]


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ([], {"kind": "full"}),
        (["--kind", "card"], {"kind": "card"}),
        (["--compared-with", "1.0"], {"kind": "differences", "compared_with": "1.0"}),
        (["--kind", "differences", "--compared-with", "1.0"], {"kind": "differences", "compared_with": "1.0"}),
        (["--kind", "full", "--compared-with", "1.0"], {"kind": "full", "compared_with": "1.0"}),
    ],
)
def test_dossier_names_its_kind_and_the_version_it_is_compared_with(
    server: Server, tmp_path: Path, given: list[str], asked: dict[str, str]
) -> None:
    out = tmp_path / "dossier.pdf"
    server.answer = dossier_routes(sends(PDF, 200, "application/pdf"), sha256=hashlib.sha256(PDF).hexdigest())
    assert main(["dossier", "credit", "1.1", *given, "--output", str(out), "--interval", "0.01"]) == 0
    assert server.asked[0].json() == {"model": "credit", "version": "1.1", **asked}


@pytest.mark.parametrize(
    "answer",
    [
        dossier_routes(sends(b"<html>", 200, "text/html")),
        dossier_routes(sends(b"<html>", 200, "application/pdf")),
        dossier_routes(sends(PDF, 200, "application/pdf", Content_Length=str(len(PDF) + 1))),
        dossier_routes(sends(PDF, 200, "application/pdf"), sha256="0" * 64),
        dossier_routes(sends(PDF, 200, "application/pdf"), state="error"),
    ],
)
def test_what_is_not_the_issued_pdf_is_not_written(server: Server, tmp_path: Path, answer: Answer) -> None:
    out = tmp_path / "dossier.pdf"
    server.answer = answer
    assert main(["dossier", "credit", "1.1", "--output", str(out), "--interval", "0.01", "--timeout", "2"]) == 3
    assert list(tmp_path.iterdir()) == []


def test_a_token_file_is_read_and_a_missing_one_is_wrong_input(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CADASTRE_TOKEN")
    server.answer = sends({"id": "promotion-1", "state": "open"})
    command = ["promote", "credit", "1.1", "--environment", "production", "--token-file", str(tmp_path / "token")]
    assert main(command) == 2
    (tmp_path / "token").write_text("from-a-file\n")
    assert main(command) == 0
    assert server.asked[0].headers["Authorization"] == "Bearer from-a-file"


def test_names_are_one_segment_of_the_address(server: Server) -> None:
    server.answer = sends({"state": "concluded", "results": [result()], "outcome": "passed"})
    assert main(["wait", "--validation", "../../admin?x=1#y", "--interval", "0.01"]) == 0
    assert server.asked[0].path == "/api/v1/validations/..%2F..%2Fadmin%3Fx%3D1%23y/"
    assert main(["wait", "--validation", "..", "--interval", "0.01"]) == 2
