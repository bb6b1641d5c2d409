"""Which two versions does the demo train? One that uses the applicant's origin, and one that does not."""

from __future__ import annotations

import io
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from governance.demo import loans
from registry.digests import sha256_hex

if TYPE_CHECKING:
    import pandas as pd

REGULARISATION = 1.0
SEED = 0
RECORDED_ROWS = 100


@dataclass(frozen=True)
class Trained:
    """A trained version: its bytes in skops format, its digest, what it said of some rows, and how it came about."""

    name: str
    data: bytes
    sha256: str
    recorded: bytes
    features: tuple[str, ...]
    threshold: float
    summary: str
    hyperparameters: dict[str, Any]
    libraries: dict[str, str]


def train(training: pd.DataFrame) -> tuple[Trained, Trained]:
    """Return the first version (origin among its inputs, cut at .8) and the second (without, cut at .5)."""
    first = _fit(
        training,
        name="1.0.0",
        features=(*loans.ECONOMIC, *loans.ORIGIN),
        threshold=0.8,
        summary="Logistic regression on economic variables and the applicant's origin; approval at a score of 0.8.",
    )
    second = _fit(
        training,
        name="2.0.0",
        features=loans.ECONOMIC,
        threshold=0.5,
        summary="Without the applicant's origin among the inputs; approval at a score of 0.5.",
    )
    return first, second


def _fit(training: pd.DataFrame, *, name: str, features: tuple[str, ...], threshold: float, summary: str) -> Trained:
    import skops.io
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(
        SimpleImputer(strategy="median"),
        StandardScaler(),
        LogisticRegression(C=REGULARISATION, max_iter=1000, random_state=SEED),
    )
    model.fit(training[list(features)], training[loans.TARGET])
    sink = io.BytesIO()
    skops.io.dump(model, sink)
    data = sink.getvalue()
    return Trained(
        name=name,
        data=data,
        sha256=sha256_hex(data),
        recorded=_recorded(model, training[list(features)].head(RECORDED_ROWS)),
        features=features,
        threshold=threshold,
        summary=summary,
        hyperparameters={"C": REGULARISATION, "solver": "lbfgs", "imputation": "median", "scaling": "standard"},
        libraries={name: version(name) for name in ("scikit-learn", "skops", "numpy", "pandas")},
    )


def _recorded(model: Any, rows: pd.DataFrame) -> bytes:
    """Return rows with what the model says of them here, for the service to reproduce, as Parquet bytes."""
    sink = io.BytesIO()
    rows.assign(expected=model.predict_proba(rows)[:, 1]).to_parquet(sink, index=False)
    return sink.getvalue()
