"""Does the page of a run show how far it is, also without a script, and let the right people repeat it?"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from audits.actions.steps import claim, fail, finish, heartbeat
from audits.models import RunStep
from registry.errors import DomainError
from tests import builders
from tests.governance.judging import concluded, judged

pytestmark = pytest.mark.django_db


def page(person: Any, run: Any, part: str = "") -> str:
    client = Client()
    client.force_login(person)
    answer = client.get(f"/console/validations/{run.pk}/{part}", follow=True)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_a_run_nobody_took_says_so_and_the_page_keeps_itself_fresh_with_and_without_a_script(cast):
    run = builders.an_open_promotion(cast, concluded=False).run
    html = page(cast.vera, run)
    assert "No worker has taken this run yet." in html
    assert f'data-live="/console/validations/{run.pk}/progress/"' in html
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in html
    assert 'aria-live="polite"' in html
    assert "<script" not in html.replace('<script src="/static/console/live.js" defer></script>', "")
    assert "Re-perform this run" not in html


def test_the_part_that_is_fetched_shows_each_step_and_says_when_it_is_over(cast):
    run = builders.an_open_promotion(cast, concluded=False).run
    lease = claim(str(run.pk), worker="w")
    heartbeat(lease, message="Scoring <b>tables</b>")
    part = page(cast.otto, run, "progress/")
    assert "<html" not in part
    assert "0 of 2 steps" in part
    assert "Scoring &lt;b&gt;tables&lt;/b&gt;" in part
    assert "data-over" not in part
    finish(lease)
    assert "1 of 2 steps" in page(cast.otto, run, "progress/")
    fail(claim(str(run.pk), worker="w"), error=DomainError("unreadable-table", "It is none."), mend="Mend it.")
    part = page(cast.otto, run, "progress/")
    assert "data-over" in part
    assert "unreadable-table" in part
    whole = page(cast.otto, run)
    assert "It is none." in whole
    assert "Mend it." in whole
    assert "data-live=" not in whole


def test_a_run_from_before_there_were_steps_is_shown_too(cast):
    run = builders.an_open_promotion(cast).run
    run.tries.update(step=None)
    RunStep.objects.all().delete()
    assert "Nothing is known of the steps of this run." in page(cast.vera, run)


def test_who_may_repeat_a_run_has_the_button_and_the_page_says_who_did(cast):
    run = builders.an_open_promotion(cast).run
    assert "Nobody has re-performed this run." in page(cast.ada, run)
    assert "Re-perform this run" not in page(cast.ada, run)
    for person in (cast.vera, cast.otto, cast.ravi):
        assert "Re-perform this run" in page(person, run)
    client = Client()
    client.force_login(cast.otto)
    answer = client.post(f"/console/validations/{run.pk}/", {"act": "reperform"})
    again = run.reperformances.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/console/validations/{again.pk}/")
    assert "not over yet" in page(cast.ada, run)
    concluded(again, judged(again, passed=False))
    told = page(cast.ada, run)
    assert "by Otto: 0 of 2 measurements agree within a relative 1e-09." in told
    told = page(cast.ada, again)
    assert "This run re-performs" in told
    assert "Difference by measurement" in told


def test_others_cannot_repeat_it_by_posting(cast):
    run = builders.an_open_promotion(cast).run
    client = Client()
    client.force_login(cast.ada)
    answer = client.post(f"/console/validations/{run.pk}/", {"act": "reperform"})
    assert answer.status_code == 403
    assert not run.reperformances.exists()
    assert run.requested_at + timedelta(days=1) > run.concluded_at


def test_the_poll_of_the_page_reads_what_it_shows_and_nothing_large(cast, django_assert_num_queries):
    run = builders.an_open_promotion(cast, concluded=False).run
    lease = claim(str(run.pk), worker="w")
    heartbeat(lease, message="Scoring")
    client = Client()
    client.force_login(cast.vera)
    # the session, the person and the roles held (by the middleware and by the page), the run, its steps
    with django_assert_num_queries(7) as asked:
        assert client.get(f"/console/validations/{run.pk}/progress/").status_code == 200
    read = " ".join(query["sql"] for query in asked.captured_queries if "validationrun" in query["sql"])
    assert '"state"' in read
    for column in ("plan", "manifest", "agreement", "facts", "results", "scope", "failure"):
        assert f'validationrun"."{column}"' not in read, column
    steps = " ".join(query["sql"] for query in asked.captured_queries if "runstep" in query["sql"])
    for column in ("facts", "results", "scope"):
        assert f'runstep"."{column}"' not in steps, column
