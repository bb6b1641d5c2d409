"""How is any table opened, wherever it is? By one of these, according to what holds it."""

from __future__ import annotations

from audits.tables.admit import refuse_bad_values
from audits.tables.files import open_file, read_csv_frame
from audits.tables.frames import open_frame, with_scores
from audits.tables.postgres import open_postgres

__all__ = [
    "open_file",
    "open_frame",
    "open_postgres",
    "read_csv_frame",
    "refuse_bad_values",
    "with_scores",
]
