"""On which data do both sides work? Made once, by seed, under var/bench/data; both sides read the same files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.environments import ROOT

FOLDER = ROOT / "var" / "bench" / "data"
GROUPS = {
    "sex": (("Female", "Male"), (0.33, 0.67)),
    "race": (
        ("White", "Black", "Asian-Pac-Islander", "Amer-Indian-Eskimo", "Other"),
        (0.85, 0.096, 0.032, 0.01, 0.012),
    ),
    "age": (("<25", "25-44", "45-64", "65+"), (0.2, 0.48, 0.26, 0.06)),
}


def people(rows: int) -> Path:
    """Return a Parquet file: sex 2 x race 5 x age 4 = 40 groups, their joint name, outcome and decision (seed 7)."""
    return _made(f"people-{rows}.parquet", lambda path: _people(path, rows))


def _people(path: Path, rows: int) -> None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    generator = np.random.default_rng(7)
    columns: dict[str, Any] = {}
    joint = np.zeros(rows, dtype=np.int64)
    for name, (values, shares) in GROUPS.items():
        weights = np.array(shares) / sum(shares)
        code = generator.choice(len(values), size=rows, p=weights).astype(np.int32)
        columns[name] = pa.DictionaryArray.from_arrays(pa.array(code), pa.array(list(values)))
        joint = joint * len(values) + code
    names = [""]
    for values, _ in GROUPS.values():
        names = [f"{left}|{right}" if left else right for left in names for right in values]
    columns["joint"] = pa.DictionaryArray.from_arrays(pa.array(joint.astype(np.int32)), pa.array(names))
    score = np.clip(generator.beta(2.0, 3.0, rows) + 0.002 * (joint - 20), 0.0, 1.0)
    columns["outcome"] = pa.array((generator.random(rows) < score).astype(np.int8))
    columns["decision"] = pa.array((score + generator.normal(0.0, 0.15, rows) >= 0.5).astype(np.int8))
    pq.write_table(pa.table(columns), path)


def two_tables(rows: int, features: int) -> tuple[Path, Path]:
    """Return a reference and a current Parquet file of ``features`` normal columns; the current ones moved slightly.

    Written as pyarrow and pandas write them when nothing else is asked for.
    """
    kept = (f"reference-{rows}x{features}-as-written.parquet", f"current-{rows}x{features}-as-written.parquet")
    return (
        _made(kept[0], lambda path: _numbers(path, rows, features, seed=0)),
        _made(kept[1], lambda path: _numbers(path, rows, features, seed=1)),
    )


def _numbers(path: Path, rows: int, features: int, *, seed: int) -> None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    generator = np.random.default_rng(seed)
    columns = {f"x{at:02}": generator.normal(0.01 * at * seed, 1.0 + 0.005 * at * seed, rows) for at in range(features)}
    # an outcome and a score, so that the file is an evaluation table as well
    score = generator.random(rows)
    columns |= {"score": score, "outcome": (generator.random(rows) < score).astype(np.int8)}
    pq.write_table(pa.table(columns), path)


def classification(rows: int = 50_000) -> tuple[Any, Any]:
    """Return features (rows x 30) and classes: 15 informative, 5 redundant, seed 0."""
    from sklearn.datasets import make_classification

    return make_classification(rows, n_features=30, n_informative=15, n_redundant=5, random_state=0)


def applicants(rows: int) -> Path:
    """Return a Parquet file: 20 numbers, sex and race (22 features), and the outcome; half is for training."""
    return _made(f"applicants-{rows}.parquet", lambda path: _applicants(path, rows))


def _applicants(path: Path, rows: int) -> None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq
    from sklearn.datasets import make_classification

    features, outcome = make_classification(
        rows, n_features=20, n_informative=12, n_redundant=4, weights=[0.7], flip_y=0.05, random_state=0
    )
    generator = np.random.default_rng(7)
    columns: dict[str, Any] = {f"x{at:02}": features[:, at] for at in range(20)}
    for name in ("sex", "race"):
        values, shares = GROUPS[name]
        columns[name] = generator.choice(len(values), size=rows, p=np.array(shares) / sum(shares)).astype(np.int8)
    pq.write_table(pa.table(columns | {"outcome": outcome.astype(np.int8)}), path)


def applicants_csv(rows: int) -> Path:
    """Return the same rows as CSV: not every peer's environment reads Parquet."""
    return _made(f"applicants-{rows}.csv", lambda path: _applicants_csv(path, rows))


def _applicants_csv(path: Path, rows: int) -> None:
    import pandas as pd

    pd.read_parquet(applicants(rows)).to_csv(path, index=False)


def _made(name: str, make: Callable[[Path], None]) -> Path:
    path = FOLDER / name
    if not path.is_file():
        FOLDER.mkdir(parents=True, exist_ok=True)
        half = path.with_suffix(".half")
        make(half)
        half.replace(path)
    return path
