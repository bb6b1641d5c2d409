"""Is drawing cells from a multinomial the same as drawing rows with replacement, at a cost that does not grow with rows?"""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy import stats

from audits.statistics.intervals import resample

REPLICATES = 2_000


@pytest.mark.parametrize("statistic", ["selection ratio", "true positive rate gap", "accuracy"])
def test_cells_drawn_are_distributed_as_rows_drawn(statistic: str) -> None:
    rng = np.random.default_rng(20_261_125)
    n = 600
    group, label = rng.integers(0, 2, n), (rng.random(n) < 0.4).astype(int)
    chosen = (rng.random(n) < 0.3 + 0.2 * label + 0.1 * group).astype(int)
    code = group * 4 + label * 2 + chosen
    cells = np.bincount(code, minlength=8).astype(float)
    by_cell = resample(cells, seed=5, replicates=REPLICATES)
    drawn = code[np.random.default_rng(6).integers(0, n, (REPLICATES, n))]
    by_row = np.stack([(drawn == cell).sum(axis=1) for cell in range(8)], axis=1).astype(float)
    found = [value_of(statistic, counts.reshape(-1, 2, 2, 2)) for counts in (by_cell, by_row)]
    assert stats.ks_2samp(*found).pvalue > 0.01
    assert np.allclose(np.quantile(found[0], [0.025, 0.975]), np.quantile(found[1], [0.025, 0.975]), atol=0.02)


def value_of(statistic: str, counts: np.ndarray) -> np.ndarray:
    """Return the statistic of each draw of cells group x outcome x decision."""
    if statistic == "accuracy":
        return (counts[:, :, 0, 0] + counts[:, :, 1, 1]).sum(axis=1) / counts.sum(axis=(1, 2, 3))
    if statistic == "selection ratio":
        rates = counts[..., 1].sum(axis=2) / counts.sum(axis=(2, 3))
        return rates.min(axis=1) / rates.max(axis=1)
    rates = counts[:, :, 1, 1] / counts[:, :, 1].sum(axis=2)
    return np.abs(rates[:, 0] - rates[:, 1])


def test_a_wrong_number_of_rows_would_be_noticed() -> None:
    """The comparison above can fail: draws of half as many rows are told apart from it."""
    cells = np.array([120.0, 180.0, 90.0, 210.0])
    shares = [resample(counts, seed=1, replicates=REPLICATES)[:, 1] / counts.sum() for counts in (cells, cells / 2)]
    assert stats.ks_2samp(*shares).pvalue < 1e-6


def test_the_cost_does_not_grow_with_the_rows() -> None:
    cells = np.random.default_rng(0).integers(50, 5_000, 160).astype(float)

    def seconds(scale: float) -> float:
        start = time.process_time()
        for _ in range(5):
            resample(cells * scale, seed=1)
        return time.process_time() - start

    seconds(1.0)
    assert seconds(10_000.0) < 4.0 * seconds(1.0) + 0.05
