"""Are gaps between groups exact at the four-fifths line, resampled as rows would be, and silent about the few?"""

from __future__ import annotations

import warnings
from typing import Any

import fairlearn.metrics as fl
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from audits.statistics import groups
from audits.statistics.confusion import RATES, GroupCells, drawn_cells, drawn_rates, rates_of
from audits.statistics.groups import OVERALL, Gap, Kind, also_withheld, gap_between, status_of

pytestmark = pytest.mark.thorough

SELECTION = RATES["selection_rate"]
METRICS = {
    "selection_rate": fl.selection_rate,
    "true_positive_rate": fl.true_positive_rate,
    "false_positive_rate": fl.false_positive_rate,
    "false_negative_rate": fl.false_negative_rate,
}


def chosen(**groups: tuple[float, float]) -> GroupCells:
    """Return groups given as name=(selected, rows), outcomes not known."""
    cells = np.array([[n - selected, selected, 0.0, 0.0] for selected, n in groups.values()], dtype=float)
    return GroupCells(tuple(groups), cells, cells, cells)


def cells_of(frame: pd.DataFrame, weight: np.ndarray | None = None) -> GroupCells:
    """Count rows with columns g, y and d."""
    weight = np.ones(len(frame)) if weight is None else weight
    names = tuple(sorted(frame.g.unique()))
    counted = np.zeros((3, len(names), 4))
    for at, name in enumerate(names):
        for cell in range(4):
            here = ((frame.g == name) & (2 * frame.y + frame.d == cell)).to_numpy()
            counted[:, at, cell] = here.sum(), weight[here].sum(), (weight[here] ** 2).sum()
    return GroupCells(names, *counted)


def gap_of(cells: GroupCells, kind: Kind, *, seed: int = 0, **more: object) -> Gap:
    found = gap_between(cells, [SELECTION], kind, seed=seed, **more)  # type: ignore[arg-type]  # passed through
    assert found is not None
    return found


@pytest.mark.parametrize(("rate", "ratio"), [(45, 0.75), (48, 0.8), (51, 0.85)])
def test_the_published_impact_ratios_come_out_exactly(rate: int, ratio: float) -> None:
    # Uniform Guidelines Q&A (1979) no. 11: 60 % white, 48 % Hispanic: the ratio is .80 and not below it
    gap = gap_of(chosen(White=(60, 100), other=(rate, 100)), "ratio")
    assert gap.value == ratio
    assert (gap.lowest, gap.highest) == ("other", "White")


def test_a_ratio_of_nothing_to_nothing_has_no_value_and_a_difference_is_zero() -> None:
    nobody = chosen(a=(0, 30), b=(0, 40))
    ratio = gap_of(nobody, "ratio")
    assert (ratio.value, ratio.interval) == (None, None)
    assert gap_of(nobody, "difference").value == 0.0
    assert gap_of(nobody, "ratio", reference="a").value is None


def test_a_reference_that_never_is_a_hit_gives_the_worst_ratio_not_a_division_by_zero() -> None:
    gap = gap_of(chosen(a=(0, 30), b=(10, 40)), "ratio", reference="a")
    assert gap.value == 0.0
    assert (gap.lowest, gap.highest) == ("a", "b")


def test_one_group_alone_and_an_absent_reference_give_no_gap() -> None:
    assert gap_between(chosen(a=(3, 30)), [SELECTION], "difference", seed=0) is None
    assert gap_between(chosen(a=(3, 30), b=(4, 30)), [SELECTION], "ratio", seed=0, reference="c") is None


def table(seed: int, n: int = 240) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    g = rng.choice(["a", "b", "c"], n, p=[0.5, 0.3, 0.2])
    y = rng.integers(0, 2, n)
    d = (rng.random(n) < 0.35 + 0.3 * y + 0.15 * (g == "a")).astype(int)
    return pd.DataFrame({"g": g, "y": y, "d": d})


BOOTS = 300


@pytest.fixture(scope="module")
def bootstrapped_rows() -> Any:
    """Let fairlearn bootstrap rows; every replicate comes out as a quantile of its own."""
    frame = table(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fairlearn bootstraps with a deprecated call of pandas
        return fl.MetricFrame(
            metrics=METRICS,
            y_true=frame.y,
            y_pred=frame.d,
            sensitive_features=frame.g,
            n_boot=BOOTS,
            ci_quantiles=list((np.arange(BOOTS) + 0.5) / BOOTS),
            random_state=11,
        )


@pytest.mark.parametrize("kind", ["difference", "ratio"])
def test_drawing_cells_is_the_row_bootstrap_of_fairlearn(kind: Kind, bootstrapped_rows: Any) -> None:
    cells = cells_of(table(3))
    by_rows = getattr(bootstrapped_rows, f"{kind}_ci")(method="between_groups")
    drawn = drawn_cells(cells, seed=5, replicates=4_000)
    for name in METRICS:
        rates = drawn_rates(cells, drawn, RATES[name], seed=5)
        low, high = rates.min(axis=1), rates.max(axis=1)
        gaps = high - low if kind == "difference" else low / high
        assert stats.ks_2samp([one[name] for one in by_rows], gaps).pvalue > 0.001, name
        for at, group in enumerate(cells.names):
            column = [one.loc[group, name] for one in bootstrapped_rows.by_group_ci]
            assert stats.ks_2samp(column, rates[:, at]).pvalue > 0.001, (name, group)


def test_the_test_of_distributions_would_see_a_bootstrap_of_another_size() -> None:
    frame = table(3)
    cells = cells_of(frame)
    quarter = GroupCells(cells.names, cells.n / 4, cells.weight / 4, cells.square / 4)
    right, wrong = (
        drawn_rates(one, drawn_cells(one, seed=5, replicates=4_000), SELECTION, seed=5)[:, 0]
        for one in (cells, quarter)
    )
    assert stats.ks_2samp(right[:BOOTS], wrong).pvalue < 0.001


def test_weighted_draws_have_the_distribution_of_the_weighted_row_bootstrap() -> None:
    frame = table(4, 400)
    rng = np.random.default_rng(1)
    weight = rng.exponential(1.0, 400)
    cells = cells_of(frame, weight)
    rates = drawn_rates(cells, drawn_cells(cells, seed=2, replicates=4_000), SELECTION, seed=2)
    g, d = frame.g.to_numpy(), frame.d.to_numpy()
    by_rows = []
    for _ in range(600):
        at = rng.integers(0, 400, 400)
        here = at[g[at] == "a"]
        by_rows.append((weight[here] * d[here]).sum() / weight[here].sum())
    assert stats.ks_2samp(by_rows, rates[:, 0]).pvalue > 0.001
    assert rates_of(cells, SELECTION)[0].value == pytest.approx(np.average(d[g == "a"], weights=weight[g == "a"]))


def true_gap(shares: np.ndarray, sizes: np.ndarray, kind: Kind, reference: str | None) -> float:
    if reference is None:
        low, high = shares.min(), shares.max()
        return float(high - low if kind == "difference" else low / high)
    against = shares[0] if reference != OVERALL else (shares * sizes).sum() / sizes.sum()
    low, high = np.minimum(shares, against), np.maximum(shares, against)
    return float((high - low).max() if kind == "difference" else (low / high).min())


@pytest.mark.parametrize("reference", [None, "g0", OVERALL])
@pytest.mark.parametrize("kind", ["difference", "ratio"])
@pytest.mark.parametrize(
    ("shares", "sizes"),
    [
        ((0.5, 0.5), (100, 100)),
        ((0.5, 0.35), (60, 90)),
        ((0.6,) * 6, (80,) * 6),
        ((0.9, 0.5, 0.5), (60, 200, 200)),
    ],
    ids=["alike", "apart", "six alike", "one apart"],
)
def test_the_interval_of_a_gap_covers_the_true_gap(
    shares: tuple[float, ...], sizes: tuple[int, ...], kind: Kind, reference: str | None
) -> None:
    rng = np.random.default_rng(7)
    true = true_gap(np.array(shares), np.array(sizes), kind, reference)
    held = 0
    for seed in range(200):
        groups = {
            f"g{at}": (float(x), n) for at, (x, n) in enumerate(zip(rng.binomial(sizes, shares), sizes, strict=True))
        }
        interval = gap_of(chosen(**groups), kind, seed=seed, reference=reference, replicates=300).interval
        assert interval is not None
        held += interval.low - 1e-9 <= true <= interval.high + 1e-9
    # 95 % nominal; fewer than 179 of 200 would happen once in a thousand times
    assert held >= 179


def test_plain_percentiles_would_exclude_groups_that_are_alike() -> None:
    """Why the nearer end is not a percentile: chance alone drives six equal groups apart."""
    rng = np.random.default_rng(7)
    outside = 0
    for seed in range(50):
        groups = {f"g{at}": (float(x), 80) for at, x in enumerate(rng.binomial(80, [0.6] * 6))}
        cells = chosen(**groups)
        rates = drawn_rates(cells, drawn_cells(cells, seed=seed, replicates=300), SELECTION, seed=seed)
        outside += np.quantile(rates.max(axis=1) - rates.min(axis=1), 0.025) > 0.0
    assert outside > 45


def test_more_than_sixty_four_groups_are_compared_by_a_bound_that_still_covers() -> None:
    rng = np.random.default_rng(1)
    alike, apart = {}, {}
    for at in range(70):
        alike[f"g{at}"] = (float(rng.binomial(60, 0.5)), 60)
        apart[f"g{at}"] = (float(rng.binomial(600, 0.2 if at == 0 else 0.6)), 600)
    quiet, loud = gap_of(chosen(**alike), "difference"), gap_of(chosen(**apart), "difference")
    assert quiet.interval is not None
    assert quiet.interval.low == 0.0
    assert loud.interval is not None
    assert 0.2 < loud.interval.low < 0.4 < loud.interval.high


def test_the_worst_of_several_comparisons_has_a_wider_nearer_end() -> None:
    groups = chosen(a=(40, 100), b=(70, 100))
    one, ten = gap_of(groups, "difference").interval, gap_of(groups, "difference", comparisons=10).interval
    assert one is not None
    assert ten is not None
    assert ten.low < one.low
    assert ten.high == one.high


def test_groups_selected_without_exception_still_have_an_interval_with_width() -> None:
    gap = gap_of(chosen(a=(25, 25), b=(30, 30)), "ratio")
    assert gap.value == 1.0
    assert gap.interval is not None
    assert gap.interval.low < 0.99
    assert gap.interval.high == 1.0


def test_the_same_seed_gives_the_same_interval_and_another_gives_another() -> None:
    groups = chosen(a=(20, 50), b=(30, 60))
    assert gap_of(groups, "ratio", seed=4) == gap_of(groups, "ratio", seed=4)
    assert gap_of(groups, "ratio", seed=4) != gap_of(groups, "ratio", seed=5)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_fewer_than_three_people_are_suppressed_without_their_number(n: int) -> None:
    status, note = status_of(n, [n], 20, ("rows",))
    assert status == "suppressed"
    assert str(n) not in note


def test_a_rate_over_too_few_rows_is_not_measured_and_tiny_counts_stay_hidden() -> None:
    assert status_of(19, [19], 20, ("rows",)) == ("too-small", "19 rows, at least 20 are required")
    assert status_of(20, [20], 20, ("rows",)) == ("measured", "")
    assert status_of(40, [2], 20, ("rows with outcome 0",)) == (
        "too-small",
        "fewer than 3 rows with outcome 0, at least 20 are required",
    )


def test_a_lone_suppressed_group_takes_the_smallest_unmeasured_one_with_it() -> None:
    assert also_withheld([100, 1, 9, 7], ["measured", "suppressed", "too-small", "too-small"]) == 3
    # two suppressed groups of three people together cannot be told apart by subtraction
    assert also_withheld([100, 1, 2, 7], ["measured", "suppressed", "suppressed", "too-small"]) is None
    # nobody may switch off the comparison of two large groups
    assert also_withheld([100, 1, 90], ["measured", "suppressed", "measured"]) is None
    assert also_withheld([100, 7], ["measured", "too-small"]) is None


def test_pairs_of_groups_deviate_as_an_array_of_all_differences_says() -> None:
    random = np.random.default_rng(5)
    values = random.random(9)
    rates = values + 0.05 * random.standard_normal((400, 9)) * np.linspace(0.1, 2.0, 9)
    distance, error, largest = groups._contrasts(rates, values, rates[:, :0], values[:0], paired=True, level=0.0)
    one, other = np.triu_indices(9, k=1)
    differences = rates[:, one] - rates[:, other]
    assert distance == pytest.approx(np.abs(values[one] - values[other]), rel=1e-12)
    spread = np.sqrt(rates.var(axis=0)[one] + rates.var(axis=0)[other])
    assert error == pytest.approx(spread, rel=1e-9)
    studentized = np.abs(differences - (values[one] - values[other])) / spread
    assert largest == pytest.approx(studentized.max(axis=1), rel=1e-9)


@pytest.mark.parametrize("level", [0.9, 0.975, 0.99375])
def test_looking_only_at_the_draws_that_can_matter_gives_the_same_quantile(level: float) -> None:
    random = np.random.default_rng(11)
    for size, shared in ((3, 0.0), (12, 0.3), (40, 0.02), (40, 3.0)):
        values = random.random(size)
        noise = random.standard_normal((1_000, size)) + shared * random.standard_normal((1_000, 1))
        rates = values + 0.05 * noise * np.linspace(0.1, 2.0, size)
        _, _, every = groups._of_pairs(rates, values, 0.0)
        _, _, few = groups._of_pairs(rates, values, level)
        assert np.quantile(few, level) == pytest.approx(np.quantile(every, level), rel=1e-12)
    assert np.count_nonzero(every) == 1_000


def test_a_group_that_never_varies_hides_no_draw_that_matters() -> None:
    rates = np.column_stack([np.full(50, 0.5), np.linspace(0.1, 0.3, 50), np.linspace(0.2, 0.1, 50)])
    for values in (rates.mean(axis=0), rates.mean(axis=0) + 0.01):
        _, _, every = groups._of_pairs(rates, values, 0.0)
        _, _, few = groups._of_pairs(rates, values, 0.95)
        assert np.quantile(few, 0.95) == np.quantile(every, 0.95)
