"""Are draws by Poisson counts and single rows those of the multinomial law, at every size and at its edges?"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from audits.statistics import multinomial
from audits.statistics.multinomial import multinomial_draws


def _drawn(n: int, shares: list[float], *, seed: int = 1, replicates: int = 40_000) -> np.ndarray:
    return multinomial_draws(n, np.array(shares), np.random.default_rng(seed), replicates=replicates)


@pytest.mark.parametrize("n", [1, 3, 12, 30])
def test_every_outcome_comes_as_often_as_the_law_says(n: int) -> None:
    shares = [0.55, 0.3, 0.15]
    assert bool(multinomial._rounds(n, 3)) == (n >= 12)
    drawn = _drawn(n, shares).astype(int)
    outcomes = [(a, b, n - a - b) for a, b in itertools.product(range(n + 1), repeat=2) if a + b <= n]
    expected = stats.multinomial(n, shares).pmf(outcomes) * drawn.shape[1]
    seen = np.zeros((n + 1, n + 1))
    np.add.at(seen, (drawn[0], drawn[1]), 1)
    found = np.array([seen[a, b] for a, b, _ in outcomes])
    common = expected >= 5.0
    pairs = [*found[common], found[~common].sum()], [*expected[common], expected[~common].sum()]
    kept = [(a, b) for a, b in zip(*pairs, strict=True) if b > 0.0]
    statistic = sum((a - b) ** 2 / b for a, b in kept)
    assert stats.chi2.sf(statistic, max(1, len(kept) - 1)) > 1e-4


@pytest.mark.parametrize(("n", "cells"), [(200, 40), (20_000, 10), (60_000, 60), (400_000, 4), (50_000, 300)])
def test_cells_have_the_moments_and_the_law_of_the_binomial(n: int, cells: int) -> None:
    shares = np.random.default_rng(2).gamma(0.5, 1.0, cells)
    shares /= shares.sum()
    replicates = 20_000
    drawn = _drawn(n, shares.tolist(), seed=3, replicates=replicates)
    assert (drawn.sum(axis=0) == n).all()
    assert drawn.min() >= 0.0
    variance = n * shares * (1.0 - shares)
    assert np.abs((drawn.mean(axis=1) - n * shares) / np.sqrt(variance / replicates)).max() < 4.5
    large = np.argsort(-shares)[:4]
    covariance = np.cov(drawn[large])
    expected = n * (np.diag(shares[large]) - np.outer(shares[large], shares[large]))
    scale = np.sqrt(np.outer(variance[large], variance[large]))
    assert np.abs((covariance - expected) / scale).max() < 4.5 * np.sqrt(2.0 / replicates)
    for at in (int(large[0]), int(large[-1]), int(np.argmin(np.abs(n * shares - 3.0)))):
        law = stats.binom(n, shares[at])
        edges = np.unique(law.ppf(np.linspace(0.0, 1.0, 21)[1:-1]))
        counted = np.bincount(np.searchsorted(edges, drawn[at], side="left"), minlength=len(edges) + 1)
        chances = np.diff(np.concatenate([[0.0], law.cdf(edges), [1.0]])) * replicates
        held = chances > 0.0
        statistic = ((counted[held] - chances[held]) ** 2 / chances[held]).sum()
        assert stats.chi2.sf(statistic, max(1, held.sum() - 1)) > 1e-4
        # the extremes of so many draws
        assert law.cdf(drawn[at].min()) > 1e-3 / replicates
        assert law.sf(drawn[at].max() - 1) > 1e-3 / replicates


def test_the_three_routes_agree_with_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    shares, n = [0.02, 0.08, 0.4, 0.5], 30_000
    theirs = np.random.default_rng(9).multinomial(n, shares, size=20_000).T
    for width in (1, 100_000):  # all laws left to numpy's own methods, and none
        monkeypatch.setattr(multinomial, "TOO_WIDE", width)
        ours = _drawn(n, shares, replicates=20_000)
        for left, right in zip(ours, theirs, strict=True):
            assert stats.ks_2samp(left, right).pvalue > 1e-4


def test_laws_that_are_too_wide_for_a_table_are_drawn_beside_the_others() -> None:
    tables = multinomial._PoissonTables.of(np.array([0.01, 5.0, 1e6, 300.0]))
    assert tables.narrow.tolist() == [0, 1, 3]
    drawn = tables.draws(np.random.default_rng(4), 20_000, np.empty((4, 20_000)))
    for mean, counts in zip((0.01, 5.0, 1e6, 300.0), drawn, strict=True):
        assert abs(counts.mean() - mean) < 4.5 * np.sqrt(mean / 20_000)
        assert abs(counts.var() / mean - 1.0) < 4.5 * np.sqrt((2.0 + 1.0 / mean) / 20_000)


def test_alias_tables_hold_the_probabilities_they_were_made_from() -> None:
    means = np.array([0.001, 0.7, 3.0, 44.4, 1_234.5, 2.0])
    spread = 9.0 * np.sqrt(means)
    lowest = np.maximum(0.0, np.floor(means - spread)).astype(np.int64)
    size = np.ceil(means + spread + 20.0).astype(np.int64) - lowest + 1
    kept, other = multinomial._tables(means, lowest, size)
    start = np.cumsum(size) - size
    assert kept.min() >= 0.0
    assert kept.max() <= 1.0 + 1e-9
    for at, mean in enumerate(means):
        own = slice(start[at], start[at] + size[at])
        assert start[at] <= other[own].min() <= other[own].max() < start[at] + size[at]
        mass = kept[own] + np.bincount(other[own] - start[at], weights=1.0 - kept[own], minlength=size[at])
        law = stats.poisson(mean).pmf(np.arange(lowest[at], lowest[at] + size[at]))
        assert mass / size[at] == pytest.approx(law, abs=1e-11)


def test_edges() -> None:
    assert (_drawn(0, [0.5, 0.5], replicates=5) == 0.0).all()
    assert (_drawn(7, [1.0], replicates=5) == 7.0).all()
    assert _drawn(7, [0.0, 1.0, 0.0], replicates=3).tolist() == [[0.0] * 3, [7.0] * 3, [0.0] * 3]
    with_none = _drawn(1_000, [0.25, 0.0, 0.75], replicates=500)
    assert (with_none[1] == 0.0).all()
    assert (with_none.sum(axis=0) == 1_000).all()
    tiny = _drawn(1_000, [1e-300, 1.0 - 1e-12, 1e-12], replicates=500)
    assert (tiny[0] == 0.0).all()
    assert (tiny.sum(axis=0) == 1_000).all()
    assert _drawn(5, [0.5, 0.5], replicates=1).shape == (2, 1)
    with pytest.raises(ValueError, match="not empty"):
        _drawn(5, [0.0, 0.0], replicates=1)


def test_the_same_seed_gives_the_same_draws_wherever_it_is_asked() -> None:
    shares = [0.1, 0.2, 0.3, 0.4]
    assert np.array_equal(_drawn(1_000, shares, replicates=50), _drawn(1_000, shares, replicates=50))
    assert not np.array_equal(_drawn(1_000, shares, replicates=50), _drawn(1_000, shares, seed=2, replicates=50))
    # written down once, on x86-64 with numpy 2.4: numpy keeps its stream of bits
    assert _drawn(1_000, shares, replicates=3).astype(int).tolist() == KEPT


KEPT = [[111, 111, 101], [214, 200, 203], [307, 282, 300], [368, 407, 396]]
