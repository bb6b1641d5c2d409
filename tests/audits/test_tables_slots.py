"""Do numpy and the compiled loop count values into the same slots, to the last bit?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audits.tables import scan, slots
from audits.tables.contract import ColumnRoles
from audits.tables.histograms import current_histograms, reference_histograms
from audits.tables.open import open_file
from audits.tables.slots import LOOPS, SLICE, WORTH_COMPILING, Counted, compile_for

BINS = 64


@pytest.fixture
def no_loop() -> Iterator[None]:
    """Begin and end as a process does that has compiled nothing."""
    before = LOOPS[:]
    LOOPS.clear()
    yield
    LOOPS[:] = before


def counted(values: np.ndarray) -> Counted:
    made = Counted(np.zeros(BINS + 2, dtype=np.int64), np.zeros(BINS + 2))
    made.add(values, -1.0, 32.0)
    return made


@pytest.mark.usefixtures("no_loop")
@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(5).normal(0.0, 0.6, 3 * SLICE + 7),
        np.array([-1.0, -1.0 + 1 / 32, 1.0, np.nextafter(1.0, 2.0), -0.0, 0.0, 7.0, -7.0]),
        np.array([np.nan, np.inf, -np.inf, 0.5, 1e308, -1e308]),
        np.array([np.nan, np.nan]),
        np.array([]),
        np.arange(-1.0, 1.0, 1e-5)[::3],
    ],
    ids=["many", "edges", "not-finite", "missing", "none", "strided"],
)
def test_both_ways_give_the_same_bits(values: np.ndarray) -> None:
    with np.errstate(over="ignore"):
        plain = counted(values)
        compile_for(WORTH_COMPILING)
        assert LOOPS, "the loop is compiled for a large table"
        fast = counted(values)
    assert plain.counts.tolist() == fast.counts.tolist()
    assert plain.sums.tobytes() == fast.sums.tobytes()
    assert (plain.missing, plain.square) == (fast.missing, fast.square)
    assert plain.counts.sum() + plain.missing == len(values)


@pytest.mark.usefixtures("no_loop")
def test_values_fall_where_numpy_puts_them() -> None:
    values = np.random.default_rng(6).uniform(-1.2, 1.2, 10_000)
    edges = np.linspace(-1.0, 1.0, BINS + 1)
    wanted = np.bincount(np.searchsorted(edges, values, side="left"), minlength=BINS + 2)
    assert counted(values).counts.tolist() == wanted.tolist()


@pytest.mark.usefixtures("no_loop")
def test_nothing_is_compiled_for_a_small_table() -> None:
    compile_for(WORTH_COMPILING - 1)
    assert not LOOPS


@pytest.mark.usefixtures("no_loop")
@pytest.mark.parametrize("piece_bytes", [0, 2**24], ids=["in-batches", "at-once"])
def test_a_stored_histogram_does_not_tell_how_it_was_counted(
    tmp_path: Path, piece_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "PIECE_BYTES", piece_bytes)
    generator = np.random.default_rng(8)
    rows = scan.BATCH_ROWS + 5_000
    number = np.where(generator.random(rows) < 0.01, np.nan, generator.normal(size=rows))
    columns = {
        "number": pa.array(number, from_pandas=True),
        "single": pa.array(number.astype(np.float32)),
        "whole": pa.array(generator.integers(0, 5_000, rows)),
        "text": pa.array(generator.choice(["a", "b", None], rows)),
    }
    path = tmp_path / "table.parquet"
    pq.write_table(pa.table(columns), path, row_group_size=rows - 1_000)
    digests = set()
    for threshold in (slots.WORTH_COMPILING, 0):
        monkeypatch.setattr(slots, "WORTH_COMPILING", threshold)
        table = open_file(
            path, format="parquet", roles=ColumnRoles(features=tuple(columns)), required=(), digest="0" * 64
        )
        stored = reference_histograms(table, tuple(columns))
        digests.add((stored.digest, current_histograms(table, stored).digest))
        table.close()
    assert LOOPS
    assert len(digests) == 1
    assert len(set(digests.pop())) == 1, "a table laid beside itself has the same histograms"
    assert {name: one.n + one.missing for name, one in stored.columns.items()} == dict.fromkeys(columns, rows)
    assert stored.columns["number"].missing == int(np.isnan(number).sum())
