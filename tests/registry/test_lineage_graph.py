"""Does lineage stay a graph without cycles, walked in bounds, whatever is said twice?"""

from __future__ import annotations

from itertools import pairwise

import pytest

from governance.actions.lineage import MOST_ENDS, record_pipeline_run
from registry import lineage
from registry.actions.lineage import link
from registry.errors import DomainError
from registry.ledger.replay import differences
from registry.lineage import ancestors, descendants, reaches
from registry.models import LineageEdge

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def node(name):
    return ("job", name)


def chain(cast, names):
    for before, after in pairwise(names):
        link(node(before), "read_by", node(after), actor=cast.ci_bot)


def test_an_edge_said_twice_is_one(cast):
    first, created = link(node("a"), "read_by", node("b"), actor=cast.ci_bot)
    assert created
    assert link(node("a"), "read_by", node("b"), actor=cast.ada) == (first, False)
    assert differences() == []


def test_a_cycle_is_refused_at_any_length(cast):
    chain(cast, "abcd")
    for source, target in (("d", "a"), ("b", "a"), ("a", "a")):
        with pytest.raises(DomainError, match="lineage-cycle"):
            link(node(source), "built_by", node(target), actor=cast.ci_bot)
    assert reaches(node("a"), node("d"))
    assert not reaches(node("d"), node("a"))
    assert LineageEdge.objects.count() == 3


def test_things_of_one_name_and_different_kinds_are_different_things(cast):
    link(("dataset", "x"), "read_by", ("job", "x"), actor=cast.ci_bot)
    link(("job", "x"), "built_by", ("table", "x"), actor=cast.ci_bot)
    assert [edge.target_kind for edge in descendants(("dataset", "x"))] == ["job", "table"]
    assert ancestors(("dataset", "x")) == []


def test_a_walk_sees_a_diamond_once_and_stops_at_its_limit(cast, monkeypatch):
    for before, after in ("ab", "ac", "bd", "cd"):
        link(node(before), "read_by", node(after), actor=cast.ci_bot)
    assert len(descendants(node("a"))) == len(ancestors(node("d"))) == 4
    monkeypatch.setattr(lineage, "NODE_LIMIT", 3)
    with pytest.raises(DomainError, match="lineage-too-large"):
        descendants(node("a"))


def test_a_pipeline_run_comes_in_whole_or_not_at_all(cast):
    record_pipeline_run(node("job"), inputs=[node("in")], outputs=[node("out")], actor=cast.ci_bot)
    with pytest.raises(DomainError, match="lineage-cycle"):
        record_pipeline_run(node("other"), inputs=[node("new"), node("out")], outputs=[node("in")], actor=cast.ci_bot)
    assert LineageEdge.objects.count() == 2
    with pytest.raises(DomainError, match="lineage-too-large"):
        record_pipeline_run(
            node("big"), inputs=[node(f"in-{n}") for n in range(MOST_ENDS)], outputs=[node("x")], actor=cast.ci_bot
        )
    with pytest.raises(DomainError, match="role-missing"):
        record_pipeline_run(node("job"), inputs=[], outputs=[], actor=cast.otto)
    with pytest.raises(DomainError, match="unknown-relation"):
        link(node("a"), "likes", node("b"), actor=cast.ci_bot)
