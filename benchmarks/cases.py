"""What is compared with what, and which ratio is to be reached?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from benchmarks import data
from benchmarks.environments import OURS
from benchmarks.rounds import Comparison, Sample, median

Figure = Literal["processor_ms", "peak_mb", "extra_mb", "p99_ms", "wall_ms"]
UNITS: Mapping[Figure, str] = {
    "processor_ms": "CPU ms",
    "peak_mb": "MB at most",
    "extra_mb": "MB more",
    "p99_ms": "ms p99",
    "wall_ms": "ms wall",
}


@dataclass(frozen=True)
class Goal:
    """What is to be reached: a ratio in one run, or a size of ours.

    "at-least": the peer costs at least ``limit`` times as much as ours; the ratio shown is peer / ours. "at-most": ours
    costs at most ``limit`` times as much as the peer; the ratio shown is ours / peer. "own-at-most": ours is at most
    ``limit`` in its own unit, in every round; the ratio shown is ours / limit.
    """

    kind: Literal["at-least", "at-most", "own-at-most"]
    limit: float

    def words(self, unit: str) -> str:
        """Return the goal as it stands in the table."""
        sign = ">=" if self.kind == "at-least" else "<="
        return f"{sign} {self.limit:g}{' ' + unit.partition(' ')[0] if self.kind == 'own-at-most' else ''}"

    def ratio(self, comparison: Comparison, of: Callable[[Sample], float]) -> float:
        """Return the ratio in the direction of the goal."""
        if self.kind == "own-at-most":
            return max(of(sample) for sample in comparison.ours) / self.limit
        turned = Comparison(comparison.peer, comparison.ours) if self.kind == "at-least" else comparison
        return turned.ratio(of)

    def spread(self, comparison: Comparison, of: Callable[[Sample], float]) -> tuple[float, float]:
        """Return the lowest and the highest ratio of a round."""
        if self.kind == "own-at-most":
            ratios = [of(sample) / self.limit for sample in comparison.ours]
            return min(ratios), max(ratios)
        turned = Comparison(comparison.peer, comparison.ours) if self.kind == "at-least" else comparison
        return turned.spread(of)

    def met(self, ratio: float) -> bool:
        """Tell whether the goal is reached."""
        bound = 1.0 if self.kind == "own-at-most" else self.limit
        return ratio >= bound if self.kind == "at-least" else ratio <= bound


@dataclass(frozen=True)
class Reading:
    """One line of the table: which figure of a comparison is held against which goal."""

    id: str
    what: str
    goal: Goal
    of: Figure = "processor_ms"

    def line(self, comparison: Comparison) -> dict[str, Any]:
        """Return the line of the results."""

        def figure(sample: Sample) -> float:
            value: float = getattr(sample, self.of)
            return value

        ratio = self.goal.ratio(comparison, figure)
        return {
            "id": self.id,
            "what": f"{self.what} [{UNITS[self.of]}]",
            "ours": round(median(comparison.ours, figure), 3),
            "peer": round(median(comparison.peer, figure), 3),
            "ratio": float(f"{ratio:.4g}"),
            "goal": self.goal.words(UNITS[self.of]),
            "met": self.goal.met(ratio),
        }

    def without(self, why: str) -> dict[str, Any]:
        """Return the line of a comparison that could not be made."""
        what, goal = f"{self.what}: {why}", self.goal.words(UNITS[self.of])
        return {"id": self.id, "what": what, "ours": None, "peer": None, "ratio": None, "goal": goal, "met": False}


@dataclass(frozen=True)
class Side:
    """What one side runs: an environment, a function of ``benchmarks.sides`` and its arguments.

    ``times``: how many repetitions of this size the stated work amounts to, where it was scaled down for five rounds to
    fit; ``warm``: repetitions before the clock counts. ``files`` makes the arguments that are paths. ``quick`` replaces
    arguments for a smoke run.
    """

    environment: str
    target: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    files: Callable[[bool], Mapping[str, Path]] = lambda quick: {}
    quick: Mapping[str, Any] = field(default_factory=dict)
    times: float = 1.0
    warm: int = 1

    def asked(self, *, quick: bool) -> dict[str, Any]:
        """Return the arguments as JSON holds them; makes the files that are not there yet."""
        given = dict(self.arguments) | (dict(self.quick) if quick else {})
        return given | {name: str(path) for name, path in self.files(quick).items()}


@dataclass(frozen=True)
class Case:
    """Two sides that take turns, and the lines that are read off."""

    ours: Side
    peer: Side
    readings: tuple[Reading, ...]


def at_least(limit: float) -> Goal:
    """The peer costs at least this many times as much."""
    return Goal("at-least", limit)


def at_most(limit: float) -> Goal:
    """Ours costs at most this many times as much."""
    return Goal("at-most", limit)


def own(limit: float) -> Goal:
    """Ours is at most this much in its own unit."""
    return Goal("own-at-most", limit)


def _people(rows: int) -> Callable[[bool], Mapping[str, Path]]:
    return lambda quick: {"path": data.people(2_000 if quick else rows), "warm": data.people(2_000)}


def _just_people(rows: int) -> Callable[[bool], Mapping[str, Path]]:
    return lambda quick: {"path": data.people(2_000 if quick else rows)}


def _numbers(quick: bool) -> Mapping[str, Path]:
    reference, current = data.two_tables(10_000 if quick else 1_000_000, 30)
    return {"reference": reference, "current": current}


def _applicants(rows: int, *, csv: bool = False) -> Callable[[bool], Mapping[str, Path]]:
    made = data.applicants_csv if csv else data.applicants
    return lambda quick: {"path": made(2_000 if quick else rows)}


SIDES = "benchmarks.sides"
FEW = {"training": 2_000, "rows": 50}


def _our_fairness(rows: int) -> Side:
    return Side(OURS, f"{SIDES}.our_fairness:checks", files=_people(rows))


def _explained(kind: str, rows: int, **more: Any) -> Side:
    return Side(OURS, f"{SIDES}.explanations:ours", {"kind": kind, "rows": rows} | more, quick=FEW)


def _by_shap(kind: str, rows: int, *, times: float = 1.0, **more: Any) -> Side:
    given = {"kind": kind, "rows": rows} | more
    return Side("shap", f"{SIDES}.explanations:shap_trees", given, quick=FEW, times=times)


def _report(rows: int = 30_000) -> Side:
    return Side(OURS, f"{SIDES}.our_report:report", files=_applicants(rows))


def _peer_report(name: str, *, warm: int = 0) -> Side:
    return Side(name, f"{SIDES}.peer_reports:{name}", files=_applicants(30_000, csv=True), warm=warm)


SEVEN = "7 metrics of 40 groups with 1,000-replicate intervals, from Parquet"
ROWS_5M = "5,000,000 rows"
REPORT = (
    "Complete report of 30,000 rows x 22 (performance, fairness with intervals, 1,000 exact explanations, drift, PDF)"
)
TREES = {"hgb": "histogram boosting", "lightgbm": "LightGBM", "xgboost": "XGBoost"}


def _small() -> tuple[Case, ...]:
    return tuple(
        Case(
            _explained(kind, rows),
            _by_shap(kind, rows),
            (
                Reading(
                    f"explain-small-{kind}-{rows}",
                    f"Exact explanations of {rows:,} rows of {words} (100 trees) against shap",
                    at_least(1),
                ),
            ),
        )
        for kind, words in TREES.items()
        for rows in (100, 1_000)
    )


def _pipelines() -> tuple[Case, ...]:
    return tuple(
        Case(
            _explained("pipeline", rows, variant="interventional"),
            Side(
                "shap",
                f"{SIDES}.explanations:shap_kernel",
                {"kind": "pipeline", "rows": 5},
                quick={"rows": 1, "training": 2_000},
                times=rows / 5,
                warm=0,
            ),
            (
                Reading(
                    f"explain-pipeline-{rows}",
                    f"Exact explanations of {rows:,} rows of scaler + histogram boosting against KernelExplainer, both with "
                    f"100 background rows (measured on 5 rows, times {rows // 5})",
                    at_least(300),
                ),
            ),
        )
        for rows in (100, 1_000)
    )


CASES: tuple[Case, ...] = (
    Case(
        _our_fairness(5_000_000),
        Side("fairlearn", f"{SIDES}.fairness:fairlearn", files=_people(5_000_000), warm=0),
        (
            Reading(
                "fairness-point-5m",
                f"{ROWS_5M}: {SEVEN}, against fairlearn MetricFrame without intervals",
                at_least(500),
            ),
            Reading(
                "fairness-memory",
                f"{ROWS_5M}: {SEVEN}, memory beyond libraries; beside it fairlearn's",
                own(64),
                "extra_mb",
            ),
        ),
    ),
    Case(
        _our_fairness(50_000),
        Side(
            "fairlearn",
            f"{SIDES}.fairness:fairlearn",
            {"n_boot": 20},
            files=_people(50_000),
            quick={"n_boot": 2},
            times=5,
            warm=0,
        ),
        (
            Reading(
                "fairness-boot-50k",
                f"50,000 rows: {SEVEN}, against fairlearn n_boot=100 on the same rows (measured at n_boot=20, times 5)",
                at_least(10_000),
            ),
        ),
    ),
    Case(
        _our_fairness(5_000_000),
        Side(
            "fairlearn",
            f"{SIDES}.fairness:fairlearn",
            {"n_boot": 10},
            files=_people(50_000),
            quick={"n_boot": 2},
            times=1_000,
            warm=0,
        ),
        (
            Reading(
                "fairness-boot-5m",
                f"{ROWS_5M}: {SEVEN}, against fairlearn n_boot=100 (measured on 50,000 rows at n_boot=10, times 10 for the "
                "draws and 100 for the rows)",
                at_least(10_000),
            ),
        ),
    ),
    Case(
        _our_fairness(5_000_000),
        Side("aequitas", f"{SIDES}.fairness:aequitas", files=_people(5_000_000)),
        (
            Reading(
                "fairness-aequitas-5m",
                f"{ROWS_5M}: {SEVEN}, against aequitas Group without intervals, given the joint column ready-made",
                at_least(4),
            ),
        ),
    ),
    Case(
        _our_fairness(5_000_000),
        Side(OURS, f"{SIDES}.fairness:dictionary_read", files=_just_people(5_000_000), warm=2),
        (
            Reading(
                "fairness-vs-read",
                f"{ROWS_5M}: {SEVEN}, against a plain dictionary read of the same columns by pyarrow",
                at_most(1.5),
            ),
        ),
    ),
    *(
        Case(
            _explained(kind, 10_000),
            _by_shap(kind, 10_000),
            (
                Reading(
                    f"explain-{kind}-10k",
                    f"Exact explanations of 10,000 rows x 30 of {words} (100 trees) against shap",
                    at_least(4),
                ),
            ),
        )
        for kind, words in TREES.items()
    ),
    *_small(),
    Case(
        _explained("forest", 200),
        _by_shap("forest", 20, times=10),
        (
            Reading(
                "explain-forest",
                "Exact explanations of 200 rows of a random forest (200 trees, full depth, fitted on 50,000 rows) against "
                "shap (measured on 20 rows, times 10)",
                at_least(10),
            ),
        ),
    ),
    *_pipelines(),
    Case(
        Side(OURS, f"{SIDES}.our_drift:stored_reference", {"features": 30}, files=_numbers),
        Side("evidently", f"{SIDES}.drift:evidently", {"features": 6}, files=_numbers, times=5, warm=0),
        (
            Reading(
                "drift-evidently",
                "Drift of 30 features x 1,000,000 rows against a stored reference histogram, against Evidently's default "
                "preset (measured on 6 features, times 5)",
                at_least(500),
            ),
        ),
    ),
    Case(
        Side(OURS, f"{SIDES}.our_drift:stored_reference", {"features": 30}, files=_numbers),
        Side("shap", f"{SIDES}.drift:scipy", {"features": 30}, files=_numbers, warm=0),
        (
            Reading(
                "drift-scipy",
                "Drift of 30 features x 1,000,000 rows against a stored reference histogram, against scipy's ks_2samp and "
                "wasserstein_distance",
                at_least(100),
            ),
        ),
    ),
    Case(
        _report(),
        _peer_report("responsibleai"),
        (
            Reading(
                "report-responsibleai", f"{REPORT}, against responsibleai on its cap of 5,000 test rows", at_least(10)
            ),
            Reading("report-memory", f"{REPORT}: peak memory; beside it responsibleai's", own(350), "peak_mb"),
        ),
    ),
    Case(
        _report(),
        _peer_report("deepchecks"),
        (Reading("report-deepchecks", f"{REPORT}, against Deepchecks' model evaluation suite", at_least(100)),),
    ),
    Case(
        _report(),
        _peer_report("giskard"),
        (Reading("report-giskard", f"{REPORT}, against Giskard's scan", at_least(60)),),
    ),
    Case(
        _report(),
        _peer_report("evidently"),
        (Reading("report-evidently", f"{REPORT}, against Evidently's three presets", at_least(6)),),
    ),
    Case(
        _report(300_000),
        _report(30_000),
        (Reading("report-growth", "Complete report of 300,000 rows against our own of 30,000", at_most(8)),),
    ),
)
