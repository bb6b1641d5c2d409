"""Which small sufficient statistics may a check ask an engine for? All of them, by one name."""

from __future__ import annotations

from audits.tables.asking import MISSING, group_label, number, quiet, real, rows_of, summary, weight_sums
from audits.tables.cells import MAX_GROUP_CELLS, OutcomeCell, outcome_cells, selected
from audits.tables.scores import MAX_DISTINCT_SCORES, SCORE_BINS, ScoreCells, score_cells

__all__ = [
    "MAX_DISTINCT_SCORES",
    "MAX_GROUP_CELLS",
    "MISSING",
    "SCORE_BINS",
    "OutcomeCell",
    "ScoreCells",
    "group_label",
    "number",
    "outcome_cells",
    "quiet",
    "real",
    "rows_of",
    "score_cells",
    "selected",
    "summary",
    "weight_sums",
]
