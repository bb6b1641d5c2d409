"""Is the table of legal moves complete, and does it hold what it promises?"""

from __future__ import annotations

from itertools import product

import pytest

from registry.lifecycle import LEGAL_MOVES, Stage, may_move
from registry.models import ModelVersion
from registry.models.version import STAGE_LABELS


def test_every_stage_has_its_line_and_its_label():
    assert set(LEGAL_MOVES) == set(Stage) == set(STAGE_LABELS)
    assert {value for value, _ in ModelVersion._meta.get_field("stage").choices} == {stage.value for stage in Stage}
    for moves in LEGAL_MOVES.values():
        assert moves <= set(Stage)


def test_every_stage_can_be_reached_and_left():
    reached = {Stage.REGISTERED}
    while more := {new for old in reached for new in LEGAL_MOVES[old]} - reached:
        reached |= more
    assert reached == set(Stage)
    assert all(LEGAL_MOVES.values())


@pytest.mark.parametrize("stage", Stage)
def test_no_stage_moves_to_itself_and_all_may_turn_out_to_run(stage):
    assert not may_move(stage, stage)
    assert stage is Stage.IN_PRODUCTION or may_move(stage, Stage.IN_PRODUCTION)


FORBIDDEN = [
    (Stage.REGISTERED, Stage.VALIDATED),
    (Stage.REGISTERED, Stage.APPROVED),
    (Stage.IN_VALIDATION, Stage.APPROVED),
    (Stage.IN_VALIDATION, Stage.PENDING_APPROVAL),
    (Stage.VALIDATED, Stage.APPROVED),
    (Stage.VALIDATION_FAILED, Stage.PENDING_APPROVAL),
    (Stage.VALIDATION_FAILED, Stage.VALIDATED),
    (Stage.VALIDATION_FAILED, Stage.APPROVED),
    (Stage.REJECTED, Stage.PENDING_APPROVAL),
    (Stage.REJECTED, Stage.APPROVED),
    (Stage.RETIRED, Stage.APPROVED),
    (Stage.RETIRED, Stage.REGISTERED),
    (Stage.SUSPENDED, Stage.APPROVED),
]


@pytest.mark.parametrize(("old", "new"), FORBIDDEN, ids=lambda stage: stage.value)
def test_no_short_cut_leads_past_validation_or_approval(old, new):
    assert not may_move(old, new)


def test_approval_is_entered_from_pending_approval_or_back_from_production_alone():
    entries = {old for old, new in product(Stage, Stage) if new is Stage.APPROVED and may_move(old, new)}
    assert entries == {Stage.PENDING_APPROVAL, Stage.IN_PRODUCTION}
    pending = {old for old in Stage if may_move(old, Stage.PENDING_APPROVAL)}
    assert pending == {Stage.VALIDATED, Stage.APPROVED}
    validated = {old for old in Stage if may_move(old, Stage.VALIDATED)}
    assert validated == {Stage.IN_VALIDATION, Stage.PENDING_APPROVAL, Stage.APPROVED}
