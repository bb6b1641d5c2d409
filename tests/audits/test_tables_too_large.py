"""Is a small file that declares very many rows refused before anything is read of it?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audits.tables import profile
from registry.errors import DomainError


def test_a_file_of_many_constant_rows_is_refused_by_its_footer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bomb.parquet"
    pq.write_table(pa.table({"label": np.zeros(50_000, dtype="int64")}), path)
    assert path.stat().st_size < 5_000
    monkeypatch.setattr(profile, "MAX_ROWS", 10_000)
    described = {"format": "parquet", "sha256": "0" * 64, "roles": {"target": "label"}, "task": "binary"}
    request = {"path": str(path), "described": described, "sources": {}}
    with pytest.raises(DomainError) as caught:
        profile.profile(request)
    assert (caught.value.code, caught.value.kind, caught.value.context["rows"]) == (
        "table-too-large",
        "too-large",
        50_000,
    )


def test_a_file_that_is_no_parquet_says_so(tmp_path: Path) -> None:
    path = tmp_path / "no.parquet"
    path.write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(DomainError) as caught:
        profile.refuse_too_large(path, "parquet")
    assert caught.value.code == "unreadable-table"
