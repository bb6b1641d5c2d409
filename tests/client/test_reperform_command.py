"""Does `cadastre reperform` end by what the repetition says, and by nothing else?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cadastre.command import main

from tests.client.answers import TOKEN, Server, sends
from tests.client.test_pipeline_commands import routes

AGREES = {"key": "auc", "check": "performance.roc_auc", "agrees": True, "compared": "numbers", "differs": []}
DIFFERS = AGREES | {
    "key": "ece",
    "agrees": False,
    "differs": [
        {"what": "value", "original": 0.8312, "again": 0.8297},
        {"what": "low", "original": None, "again": 0.8},
    ],
}
UNREAD = AGREES | {
    "key": "gap",
    "agrees": None,
    "compared": "nothing",
    "reason": "The original evidence cannot be read.",
}
LIBRARY = {"what": "libraries.scipy", "original": "1.16.2", "again": "1.17.0"}


@pytest.fixture(autouse=True)
def _session(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CADASTRE_URL", server.url + "/")
    monkeypatch.setenv("CADASTRE_TOKEN", TOKEN)


def ended(*rows: dict[str, Any], undecided: str = "", manifest: tuple[Any, ...] = ()) -> dict[str, Any]:
    difference = {
        "measurements": list(rows),
        "manifest": list(manifest),
        "undecided": undecided,
        "tolerance": 1e-9,
        "agree": 99,
        "of": 99,
    }
    return {"id": "again-1", "state": "concluded", "outcome": "passed", "difference": difference}


def asks(server: Server, *answers: Any) -> int:
    begun = sends({"id": "again-1", "state": "queued"}, 201)
    server.answer = routes(
        {
            "POST /api/v1/validations/run-1/reperform/": begun,
            "GET /api/v1/validations/again-1/": list(answers),
        }
    )
    return main(["reperform", "run-1", "--wait", "--interval", "0.01", "--patience", "5"])


@pytest.mark.parametrize(
    ("last", "code"),
    [
        (ended(AGREES), 0),
        (ended(AGREES, AGREES | {"compared": "status"}), 0),
        (ended(AGREES, manifest=(LIBRARY,)), 0),
        (ended(AGREES, DIFFERS), 1),
        (ended(UNREAD, DIFFERS), 1),
        (ended(AGREES, UNREAD), 3),
        (ended(AGREES | {"agrees": "yes"}), 3),
        (ended(AGREES, undecided="run-time-exceeded"), 3),
        (ended(), 3),
        ({"id": "again-1", "state": "concluded", "difference": None}, 3),
        ({"id": "again-1", "state": "concluded", "difference": {"measurements": ["auc"]}}, 3),
        ({"id": "again-1", "state": "quarantined"}, 3),
    ],
)
def test_it_ends_by_the_measurements_and_not_by_a_count_it_is_told(server: Server, last: Any, code: int) -> None:
    assert asks(server, {"id": "again-1", "state": "running"}, last) == code


def test_it_prints_what_differs_and_how_the_runs_were_made(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert asks(server, ended(AGREES, DIFFERS, UNREAD, manifest=(LIBRARY,))) == 1
    assert capsys.readouterr().out.splitlines() == [
        "re-performance again-1 queued",
        "concluded",
        "1 of 3 measurements agree within a relative 1e-09",
        "  auc agrees",
        "- ece differs: value: 0.8312 -> 0.8297; low: none -> 0.8",
        "- gap not compared: The original evidence cannot be read.",
        "- libraries.scipy: 1.16.2 -> 1.17.0",
    ]


def test_without_waiting_it_says_which_run_it_is(
    server: Server, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    server.answer = sends({"id": "again-1", "state": "queued"}, 201)
    out = tmp_path / "again.json"
    assert main(["reperform", "run-1", "--json", str(out)]) == 0
    assert [(one.method, one.path) for one in server.asked] == [("POST", "/api/v1/validations/run-1/reperform/")]
    assert capsys.readouterr().out.splitlines() == ["re-performance again-1 queued"]
    assert json.loads(out.read_text())["id"] == "again-1"


def test_a_refusal_is_wrong_input_and_an_answer_without_an_id_is_undecided(server: Server) -> None:
    server.answer = sends(
        {"code": "nothing-to-reperform", "title": "Nothing to repeat.", "status": 409}, 409, "application/problem+json"
    )
    assert main(["reperform", "run-1", "--wait"]) == 2
    server.answer = sends({"state": "queued"}, 201)
    assert main(["reperform", "run-1", "--wait"]) == 3
