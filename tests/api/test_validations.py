"""Does the API show a run step by step, and repeat it once however often it is asked?"""

from __future__ import annotations

from audits.actions.steps import claim, fail, finish, heartbeat
from registry.errors import DomainError
from tests import builders
from tests.api.calls import machine, person, refused
from tests.cast import Cast
from tests.governance.judging import concluded, judged


def test_a_run_shows_its_steps_while_it_goes(cast: Cast) -> None:
    run = builders.an_open_promotion(cast, concluded=False).run
    path = f"/api/v1/validations/{run.pk}/"
    shown = machine(cast.token).get(path).json()
    assert shown["progress"] == {"done": 0, "total": 2, "message": ""}
    assert [(step["key"], step["state"], step["started_at"], step["seconds"]) for step in shown["steps"]] == [
        ("score", "queued", None, None),
        ("measure:answers", "queued", None, None),
    ]
    lease = claim(str(run.pk), worker="w")
    heartbeat(lease, message="Scoring")
    shown = machine(cast.token).get(path).json()
    assert shown["progress"] == {"done": 0, "total": 2, "message": "Scoring"}
    assert (shown["state"], shown["steps"][0]["state"], shown["attempts"]) == ("running", "running", 1)
    finish(lease)
    shown = machine(cast.token).get(path).json()
    assert shown["progress"]["done"] == 1
    assert shown["steps"][0]["seconds"] >= 0
    fail(claim(str(run.pk), worker="w"), error=DomainError("run-time-exceeded", "Too long."), mend="Fewer rows.")
    shown = machine(cast.token).get(path).json()
    assert shown["failure"] == {"code": "run-time-exceeded", "message": "Too long.", "mend": "Fewer rows."}
    assert [step["state"] for step in shown["steps"]] == ["done", "failed"]
    assert shown["results"] == []


def test_a_repetition_is_made_once_while_it_is_under_way_and_its_difference_is_shown(cast: Cast) -> None:
    run = builders.an_open_promotion(cast).run
    path = f"/api/v1/validations/{run.pk}/"
    first = person(cast.otto).post(f"{path}reperform/", {})
    again = person(cast.vera).post(f"{path}reperform/", {})
    assert (first.status_code, again.status_code) == (201, 200)
    made = first.json()
    assert (made["id"], made["reperforms"]) == (again.json()["id"], str(run.pk))
    assert machine(cast.token).get(path).json()["reperformances"][0]["agreement"] is None
    row = run.reperformances.get()
    concluded(row, judged(row, passed=False))
    (said,) = machine(cast.token).get(path).json()["reperformances"]
    assert (said["id"], said["requested_by"], said["state"]) == (made["id"], "otto", "concluded")
    assert (said["agreement"]["agree"], said["agreement"]["of"], said["agreement"]["tolerance"]) == (0, 2, 1e-9)
    shown = machine(cast.token).get(f"/api/v1/validations/{made['id']}/").json()
    assert [one["key"] for one in shown["difference"]["measurements"]] == ["auc", "ece"]
    assert person(cast.vera).post(f"{path}reperform/", {}).status_code == 201, (
        "a finished one is no answer to a new call"
    )


def test_a_run_that_is_not_over_is_not_repeated(cast: Cast) -> None:
    run = builders.an_open_promotion(cast, concluded=False).run
    refused(person(cast.vera).post(f"/api/v1/validations/{run.pk}/reperform/", {}), 409, "validation-not-concluded")
