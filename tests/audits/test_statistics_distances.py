"""Are distances those of scipy and of published examples, and are they honest about chance?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from audits.statistics.distances import Distance, _p_of_ks, chi_square, jensen_shannon, ks, scaled_wasserstein
from audits.statistics.histograms import NumberHistogram
from audits.tables.contract import ColumnRoles
from audits.tables.filling import NumberFilling
from audits.tables.histograms import current_histograms, reference_histograms
from audits.tables.open import open_frame


def histograms(before: Any, now: Any) -> tuple[NumberHistogram, NumberHistogram]:
    tables = [
        open_frame(pa.table({"x": pa.array(side, type=pa.float64())}), roles=ColumnRoles(), required=())
        for side in (before, now)
    ]
    stored = reference_histograms(tables[0], ["x"])
    found = stored.columns["x"], current_histograms(tables[1], stored).columns["x"]
    for table in tables:
        table.close()
    assert isinstance(found[0], NumberHistogram)
    assert isinstance(found[1], NumberHistogram)
    return found[0], found[1]


def counted(before: Any, now: Any) -> tuple[NumberHistogram, NumberHistogram]:
    """Return the same without an engine: over slots at every value of the first."""
    points = np.unique(before)
    found = []
    for side in (before, now):
        counts = np.zeros(2 * len(points) + 1, dtype=np.int64)
        filling = NumberFilling(NumberHistogram("x", 0.0, 1.0, points, counts, counts * 0.0, 0.0, 0))
        filling.add(np.asarray(side))
        found.append(filling.done())
    return found[0], found[1]


def covers(found: Distance | None, truth: float) -> bool:
    assert found is not None
    assert found.interval is not None
    return found.interval.low <= truth <= found.interval.high


def test_published_examples_of_scipy() -> None:
    # scipy.stats.wasserstein_distance: [0, 1, 3] and [5, 6, 8] are 5 apart
    left, right = histograms([0.0, 1.0, 3.0], [5.0, 6.0, 8.0])
    found = scaled_wasserstein(left, right)
    assert found is not None
    assert found.value == pytest.approx(5.0 / np.std([0.0, 1.0, 3.0]), rel=1e-12)
    # scipy.spatial.distance.jensenshannon: [1, 0, 0] and [0, 1, 0] to base 2 are 1 apart
    assert jensen_shannon(np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]), seed=1).value == pytest.approx(1.0)
    # and [1, 0] and [.5, .5] are 0.46450140402245893 apart in nats
    nats = jensen_shannon(np.array([2.0, 0.0]), np.array([1.0, 1.0]), seed=1).value * np.sqrt(np.log(2.0))
    assert nats == pytest.approx(0.46450140402245893, rel=1e-12)


def test_the_published_chi_square_of_agresti() -> None:
    # Agresti (2007) p. 39, as printed by R's ?chisq.test: X-squared = 30.07, df = 2, p-value = 2.954e-07
    found = chi_square(np.array([762.0, 327.0, 468.0]), np.array([484.0, 239.0, 477.0]))
    assert found is not None
    assert (found.statistic, found.freedom) == (pytest.approx(30.07, abs=5e-3), 2)
    assert found.p_value == pytest.approx(2.954e-07, rel=1e-3)
    assert found.cramers_v == pytest.approx(np.sqrt(found.statistic / 2757))
    assert chi_square(np.array([5.0, 0.0]), np.array([7.0, 0.0])) is None
    assert chi_square(np.array([5.0, 3.0]), np.array([0.0, 0.0])) is None
    apart = chi_square(np.array([5.0, 0.0]), np.array([0.0, 7.0]))
    assert apart is not None
    assert apart.cramers_v == pytest.approx(1.0)


@pytest.mark.parametrize("sizes", [(400, 300), (2_000, 5_000), (30_000, 20_000)])
def test_distance_and_p_value_are_scipys(sizes: tuple[int, int]) -> None:
    rng = np.random.default_rng(sum(sizes))
    before, now = rng.normal(0, 1, sizes[0]), rng.normal(0.03, 1.02, sizes[1])
    left, right = histograms(before, now)
    found, exact = ks(left, right), stats.ks_2samp(before, now, method="asymp")
    assert found is not None
    assert found.value <= exact.statistic + 1e-12 <= found.value + found.error + 2e-12
    if found.error == 0.0:
        assert found.p_value == pytest.approx(exact.pvalue, rel=1e-9)
    assert found.p_value == pytest.approx(exact.pvalue, abs=0.02)
    moved = scaled_wasserstein(left, right)
    assert moved is not None
    assert abs(moved.value - stats.wasserstein_distance(before, now) / np.std(before)) <= moved.error + 1e-9


def test_the_p_value_of_many_rows_is_scipys_within_what_is_said() -> None:
    for n in (20_001, 60_000):
        for place in (0.5, 1.0, 1.4, 2.0):
            value = place / n**0.5
            assert _p_of_ks(value, n) == pytest.approx(float(stats.kstwo.sf(value, n)), abs=1e-5)


def test_the_band_leaves_zero_out_when_the_test_rejects() -> None:
    rng = np.random.default_rng(4)
    for at in range(40):
        left, right = counted(rng.normal(0, 1, 800), rng.normal(0.02 * (at % 10), 1, 900))
        found = ks(left, right, 0.95)
        assert found is not None
        assert found.interval is not None
        assert found.p_value is not None
        if abs(found.p_value - 0.05) > 0.01:
            assert (found.interval.low > 0.0) == (found.p_value < 0.05)


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.4])
def test_intervals_hold_the_true_distance_as_often_as_they_say(shift: float) -> None:
    rng = np.random.default_rng(round(shift * 10))
    truth = 2.0 * stats.norm.cdf(shift / 2.0) - 1.0
    held = {"ks": 0, "wasserstein": 0}
    for _ in range(200):
        left, right = counted(rng.normal(0, 1, 600), rng.normal(shift, 1, 500))
        held["ks"] += covers(ks(left, right, 0.9), truth)
        held["wasserstein"] += covers(scaled_wasserstein(left, right, 0.9), shift)
    assert held["ks"] >= 180 - 13
    assert held["wasserstein"] >= 180 - 13


def test_chance_alone_comes_to_what_is_said() -> None:
    rng = np.random.default_rng(8)
    found: dict[str, list[float]] = {"ks": [], "wasserstein": [], "js": []}
    said: dict[str, float] = {}
    for seed in range(150):
        left, right = counted(rng.normal(0, 1, 600), rng.normal(0, 1, 900))
        bins = [rng.multinomial(n, [0.1] * 10).astype(float) for n in (600, 900)]
        distances = {
            "ks": ks(left, right),
            "wasserstein": scaled_wasserstein(left, right),
            "js": jensen_shannon(*bins, seed=seed),
        }
        for name, distance in distances.items():
            assert distance is not None
            found[name].append(distance.value)
            said[name] = distance.by_chance
    assert np.mean(found["ks"]) == pytest.approx(said["ks"], rel=0.08)
    assert np.mean(found["wasserstein"]) == pytest.approx(said["wasserstein"], rel=0.12)
    assert np.mean(np.square(found["js"])) == pytest.approx(said["js"] ** 2, rel=0.15)


def test_jensen_shannon_is_scipys_and_its_interval_holds_the_truth() -> None:
    before, now = np.full(8, 0.125), np.linspace(0.06, 0.19, 8)
    truth = float(jensenshannon(before, now, base=2.0))
    rng, held = np.random.default_rng(5), 0
    for seed in range(100):
        drawn = [rng.multinomial(1_500, shares / shares.sum()).astype(float) for shares in (before, now)]
        found = jensen_shannon(*drawn, seed=seed, confidence=0.9)
        assert found.value == pytest.approx(float(jensenshannon(*drawn, base=2.0)), abs=1e-12)
        held += covers(found, truth)
    assert held >= 82


def test_edges_have_a_defined_answer() -> None:
    constant = histograms([2.0] * 5, [2.0] * 4)
    same = scaled_wasserstein(*constant)
    assert same is not None
    assert (same.value, same.interval) == (0.0, None)
    assert scaled_wasserstein(*histograms([2.0] * 5, [2.0, 3.0])) is None
    assert scaled_wasserstein(*histograms([1.0, 2.0, np.inf], [1.0, 2.0])) is None
    empty = histograms([1.0, 2.0], [None, None])
    assert ks(*empty) is None
    assert scaled_wasserstein(*empty) is None
    single = ks(*histograms([1.0], [1.0]))
    assert single is not None
    assert (single.value, single.p_value) == (0.0, 1.0)
    identical = jensen_shannon(np.array([3.0, 4.0]), np.array([6.0, 8.0]), seed=1)
    assert identical.value == pytest.approx(0.0, abs=1e-7)
