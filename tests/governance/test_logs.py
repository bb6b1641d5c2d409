"""Does the log hold what happened here, and nothing of the steps of a library's computation?"""

from __future__ import annotations

import io
import json
import logging

from audits.statistics.two_proportions import exact_tests
from governance.logs import OneLineJSON, WithoutChatter


def test_the_steps_of_scipys_search_do_not_reach_the_log_and_all_else_does() -> None:
    root, raw, kept = logging.getLogger(), io.StringIO(), io.StringIO()
    everything, ours = logging.StreamHandler(raw), logging.StreamHandler(kept)
    ours.setFormatter(OneLineJSON())
    ours.addFilter(WithoutChatter())
    level = root.level
    root.setLevel(logging.INFO)
    root.addHandler(everything)
    root.addHandler(ours)
    try:
        exact_tests(7, 12, 5, 15)
        root.info("a run has begun")
        path = "/somewhere/scipy/optimize/_shgo.py"
        root.handle(root.makeRecord("root", logging.WARNING, path, 1, "imprecise", (), None))
    finally:
        root.removeHandler(everything)
        root.removeHandler(ours)
        root.setLevel(level)
    assert len(raw.getvalue().splitlines()) > 3, "scipy no longer tells of its steps: the filter can go"
    assert [json.loads(line)["message"] for line in kept.getvalue().splitlines()] == ["a run has begun", "imprecise"]


def test_the_service_logs_through_the_filter() -> None:
    from django.conf import settings

    assert settings.LOGGING["handlers"]["stderr"]["filters"] == ["without-chatter"]


def test_the_libraries_that_sign_log_no_line_for_each_signature() -> None:
    for name in ("pyhanko", "pyhanko_certvalidator"):
        assert not logging.getLogger(f"{name}.sign").isEnabledFor(logging.INFO)
        assert logging.getLogger(name).isEnabledFor(logging.WARNING)
