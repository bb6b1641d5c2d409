"""Are rows changed as the key says, the same way for the same seed, with each row's origin known?"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from audits.runs.perturbations import MOST_ROWS, SWEPT_ROWS, perturbed_frame, with_given
from audits.tables.perturbed import FEATURE, GIVEN, ORIGIN, STEP
from registry.errors import DomainError

FEATURES = ("income", "age", "region", "flag")
DECLARED = {"monotone": {"income": "increasing", "region": "increasing"}, "ranges": {"age": [0, 120]}}


def frame(n: int = 1_000, *, seed: int = 1) -> pa.Table:
    rng = np.random.default_rng(seed)
    income = rng.lognormal(3.0, 0.5, n)
    return pa.table(
        {
            "y": rng.integers(0, 2, n),
            "income": pa.array(np.where(rng.random(n) < 0.05, np.nan, income), from_pandas=True),
            "age": pa.array(rng.integers(18, 90, n), type=pa.int8()),
            "region": rng.choice(["north", "south"], n),
            "flag": rng.random(n) < 0.5,
        }
    )


def changed(key: str, given: pa.Table, **more: object) -> pa.Table:
    fields = {"features": FEATURES, "seed": 3, "declared": DECLARED, "reference": frame(800, seed=9)} | more
    return perturbed_frame(key, given, **fields)


@pytest.mark.parametrize("key", ["missing-0.1", "noise-0.1", "boundary", "permutation", "monotone"])
class TestEveryPerturbation:
    def test_it_is_the_same_for_the_same_seed_and_another_for_another(self, key: str) -> None:
        rows = frame(50_000 if key == "permutation" else 1_000)
        assert changed(key, rows).equals(changed(key, rows))
        assert not changed(key, rows, seed=4).equals(changed(key, rows))

    def test_it_keeps_columns_types_and_the_rows_it_comes_from(self, key: str) -> None:
        rows = frame()
        found = changed(key, rows)
        assert found.schema.names[:5] == rows.schema.names
        assert [found.schema.field(name).type for name in rows.schema.names] == rows.schema.types
        assert found.column("y").equals(rows.column("y").take(found.column(ORIGIN)))

    def test_what_the_model_said_before_is_put_beside_each_row(self, key: str) -> None:
        rows = frame()
        found = with_given(changed(key, rows), np.arange(rows.num_rows) / 7.0)
        assert np.allclose(np.asarray(found.column(GIVEN)), np.asarray(found.column(ORIGIN)) / 7.0)


def test_the_blanked_share_is_the_one_asked_for_in_every_feature() -> None:
    rows = frame(20_000)
    found = changed("missing-0.2", rows)
    for name in FEATURES:
        before, now = (table.column(name).null_count / 20_000 for table in (rows, found))
        assert now == pytest.approx(0.2 + 0.8 * before, abs=0.012)
    assert found.column("y").equals(rows.column("y"))


def test_noise_is_measured_in_standard_deviations_of_the_reference() -> None:
    rows, reference = frame(20_000), frame(5_000, seed=9)
    found = changed("noise-0.5", rows, reference=reference)
    spread = float(np.nanstd(reference.column("income").to_pandas()))
    moved = np.asarray(found.column("income").to_pandas()) - np.asarray(rows.column("income").to_pandas())
    assert np.nanstd(moved) == pytest.approx(0.5 * spread, rel=0.03)
    assert np.nanmean(moved) == pytest.approx(0.0, abs=0.02 * spread)
    assert found.column("income").null_count == rows.column("income").null_count
    assert found.column("age").type == pa.int8()
    assert not found.column("age").equals(rows.column("age"))
    assert found.column("region").equals(rows.column("region"))
    assert found.column("flag").equals(rows.column("flag"))


def test_a_permutation_is_the_same_rows_in_another_order() -> None:
    rows = frame()
    found = changed("permutation", rows)
    order = np.asarray(found.column(ORIGIN))
    assert sorted(order.tolist()) == list(range(1_000))
    assert order.tolist() != list(range(1_000))
    assert found.select(list(FEATURES)).equals(rows.select(list(FEATURES)).take(found.column(ORIGIN)))


def test_a_large_table_is_sampled_without_replacement() -> None:
    found = changed("noise-0.1", frame(MOST_ROWS + 5_000))
    assert found.num_rows == len(set(found.column(ORIGIN).to_pylist())) == MOST_ROWS


def test_features_move_to_the_declared_ends_else_to_those_of_the_reference() -> None:
    reference = frame(800, seed=9)
    found = changed("boundary", frame(), reference=reference).to_pandas()
    assert set(found[FEATURE]) == {"income", "age", "(all)"}
    assert len(found) == SWEPT_ROWS * 6
    age = found[found[FEATURE] == "age"]
    assert set(age.age[age[STEP] == 0]) == {0}
    assert set(age.age[age[STEP] == 1]) == {120}
    income = np.asarray(reference.column("income").to_pandas())
    all_high = found[(found[FEATURE] == "(all)") & (found[STEP] == 1)]
    assert set(all_high.income) == {np.nanmax(income)}
    assert set(all_high.age) == {120}


def test_a_sweep_stands_together_by_rising_step_over_the_references_range() -> None:
    reference = frame(800, seed=9)
    found = changed("monotone", frame(), reference=reference).to_pandas()
    assert set(found[FEATURE]) == {"income"}, "text cannot be swept, and nothing else is declared"
    steps = len(set(found[STEP]))
    assert found[STEP].tolist() == list(range(steps)) * SWEPT_ROWS
    assert (found.groupby(ORIGIN, sort=False).income.diff().dropna() > 0).all()
    income = np.asarray(reference.column("income").to_pandas())
    assert (found.income.min(), found.income.max()) == (np.nanmin(income), np.nanmax(income))


def test_many_features_are_swept_over_fewer_rows() -> None:
    many = pa.table({f"x{at}": np.arange(50, dtype=np.float64) for at in range(300)})
    found = perturbed_frame("boundary", many, features=tuple(many.column_names), seed=1, declared={}, reference=None)
    assert found.num_rows <= 60_000


@pytest.mark.parametrize(
    ("key", "given", "more", "code"),
    [
        ("missing-2", frame(10), {}, "unknown-perturbation"),
        ("noise", frame(10), {}, "unknown-perturbation"),
        ("missing-0.1", frame(10).append_column(ORIGIN, pa.array(range(10))), {}, "reserved-column"),
        ("missing-0.1", frame(10), {"features": ("absent",)}, "unknown-column"),
        ("missing-0.1", frame(0), {}, "nothing-to-perturb"),
        ("boundary", frame(10), {"features": ("region", "flag")}, "nothing-to-perturb"),
        ("monotone", frame(10), {"declared": {}}, "nothing-to-perturb"),
    ],
)
def test_what_cannot_be_changed_is_refused(key: str, given: pa.Table, more: dict[str, object], code: str) -> None:
    with pytest.raises(DomainError) as caught:
        changed(key, given, **more)
    assert caught.value.code == code


def test_integers_are_held_within_their_type() -> None:
    rows = pa.table({"x": pa.array([126, 127, -128] * 50, type=pa.int8())})
    found = perturbed_frame("noise-9", rows, features=("x",), seed=1, declared={}, reference=None)
    assert {int(value) for value in found.column("x").to_pylist()} <= set(range(-128, 128))
    wide = pa.table({"x": pa.array([2**63 - 1, 0], type=pa.int64())})
    ends = perturbed_frame("boundary", wide, features=("x",), seed=1, declared={}, reference=None)
    assert max(ends.column("x").to_pylist()) > 2**62
