"""What goes into the sandbox, what may come out of it, and what can go wrong? Plain data, no behaviour."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audits.checks.subject import Fitness
from audits.explanations.contract import Explanation
from audits.explanations.plan import ExplainPlan
from audits.tables.contract import Task
from registry.errors import DomainError, Kind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CODES: dict[str, str] = {
    "sandbox-unavailable": "No sandbox on this machine passed its escape probe, so no model is executed.",
    "sandbox-timeout": "The model was still running when its time was up.",
    "sandbox-cpu-exceeded": "The model used more processor time than it is allowed.",
    "sandbox-memory-exceeded": "The model asked for more memory than it is allowed.",
    "sandbox-output-exceeded": "The model produced more output than it is allowed.",
    "sandbox-crashed": "The process that ran the model died.",
    "sandbox-no-output": "The process that ran the model ended without an answer.",
    "sandbox-bad-output": "The process that ran the model gave an answer that does not follow the protocol.",
    "model-digest-mismatch": "The model's bytes are not the bytes that were registered.",
    "model-not-loadable": "The model could not be loaded.",
    "model-type-not-trusted": "The model file holds types outside the list of trusted ones.",
    "model-cannot-score": "The model could not score the table.",
    "positive-label-unknown": "The model does not know the label that counts as positive.",
    "feature-missing": "The table lacks a feature the model is to be given.",
    "table-not-readable": "The table could not be read.",
    "prediction-count-mismatch": "The model returned another number of predictions than the table has rows.",
    "prediction-not-a-probability": "The model returned a prediction that is not a number from 0 to 1.",
    "prediction-not-a-distribution": "The model's scores of the classes do not add up to 1.",
    "prediction-not-a-number": "The model returned a prediction that is not a finite number.",
    "classes-differ": "The classes of the model are not those that were registered.",
    "features-differ": "The model was trained on other features than it is to be given.",
    "input-shape-mismatch": "The model takes a table of another shape.",
    "model-library-mismatch": "The model was made with another version of its library than is installed here.",
    "model-library-missing": "The library the model needs is not installed here.",
    "model-library-unknown": "Nothing says which version of its library the model was made with.",
    "conformance-sample-unreadable": "The recorded predictions cannot be used.",
    "scoring-not-reproduced": "The model does not give the predictions that were recorded when it was registered.",
}
"""Every code a SandboxError carries, with the sentence that explains it."""


class SandboxError(DomainError):
    """A defined end of a sandboxed execution that yields no usable result; ``code`` is one of ``CODES``."""

    def __init__(self, code: str, detail: str = "", *, kind: Kind = "invalid", **context: Any) -> None:
        message = CODES[code] if not detail else f"{CODES[code]} {detail}"
        super().__init__(code, message, kind=kind, **context)


@dataclass(frozen=True)
class Limits:
    """Bounds of one execution: seconds, bytes, counts.

    ``output_bytes`` bounds each file of scores and the answer; ``processes`` bounds threads, since a new process is
    refused altogether.
    """

    wall_seconds: float = 120.0
    cpu_seconds: int = 100
    memory_bytes: int = 3 * 2**30
    output_bytes: int = 256 * 2**20
    processes: int = 64
    open_files: int = 256


@dataclass(frozen=True)
class TableInput:
    """A Parquet file of rows to score; ``features`` are the columns given to the model, in this order."""

    name: str
    path: Path
    features: tuple[str, ...]


@dataclass(frozen=True)
class ExplainInput:
    """Two Parquet files: the background that says what "absent" means, and the sample of rows to explain."""

    background: Path
    sample: Path
    features: tuple[str, ...]
    seeds: tuple[int, ...] = (0, 1, 2)
    plan: ExplainPlan = field(default_factory=ExplainPlan)


@dataclass(frozen=True)
class ConformanceInput:
    """Predictions recorded where the model was made: its features and what it said, for the sandbox to reproduce.

    ``format``: "parquet" or "csv". The column ``expected`` holds the score of the positive class (binary), the
    predicted class (multiclass) or the number (regression); columns ``expected:<class>`` the score of each class.
    ``tolerance``: largest absolute difference that still counts as the same.
    """

    path: Path
    sha256: str
    format: str
    features: tuple[str, ...]
    tolerance: float = 1e-6


@dataclass(frozen=True)
class FitnessInput:
    """Measure what running the model costs, on rows of the table called ``table``."""

    table: str = "evaluation"
    single_rows: int = 60
    batch_rows: int = 1_000


@dataclass(frozen=True)
class ScoringJob:
    """One model, the tables it scores, and what to explain and to measure besides.

    ``classes``: the names of a multiclass model's classes, in the model's own order where it does not know them itself.
    ``favourable``: the class that is explained. ``library_versions``: what its registration says it was made with.
    """

    format: str
    model_path: Path
    model_sha256: str
    tables: tuple[TableInput, ...]
    explain: ExplainInput | None = None
    positive_label: int = 1
    limits: Limits = field(default_factory=Limits)
    task: Task = "binary"
    classes: tuple[str, ...] = ()
    favourable: str | None = None
    library_versions: Mapping[str, str] = field(default_factory=dict)
    conformance: ConformanceInput | None = None
    fitness: FitnessInput | None = None


@dataclass(frozen=True)
class Conformance:
    """How the sandbox's predictions compare with the recorded ones.

    ``max_difference``: largest absolute difference of a score, 0 = the very same numbers; None where only predicted
    classes were recorded. ``rows_differing``: rows beyond the tolerance, or with another class.
    """

    rows: int
    rows_differing: int
    max_difference: float | None
    tolerance: float
    met: bool
    sha256: str


@dataclass(frozen=True)
class ScoringOutcome:
    """What the parent accepted after checking it.

    ``scores`` holds, for each table's name, a float64 array: of a binary model probabilities in [0, 1] of shape (rows,),
    of a multiclass one of shape (rows, classes) in the order of ``classes`` (sorted by name), each row adding up to 1,
    of a regression finite numbers of shape (rows,). ``libraries`` and ``estimator`` are the child's own words about
    itself, ``made_with`` is what the model's file names as the versions it was made with. ``explanation_error`` says
    why there is no explanation although one was asked for, ``notes`` what else a reader of the evidence must know.
    """

    scores: Mapping[str, NDArray[np.float64]]
    explanation: Explanation | None
    rung: str
    probe_digest: str
    libraries: Mapping[str, str]
    seconds: float
    peak_memory_bytes: int
    estimator: str
    explanation_error: str | None = None
    task: Task = "binary"
    classes: tuple[str, ...] = ()
    made_with: Mapping[str, str] = field(default_factory=dict)
    conformance: Conformance | None = None
    fitness: Fitness | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Start:
    """All a rung needs to start one child: the command inside, what it may read, and as whom it runs.

    ``uid`` is None where the parent is an ordinary user and cannot give the child another identity.
    """

    command: tuple[str, ...]
    readable: tuple[Path, ...]
    environment: Mapping[str, str]
    uid: int | None


@dataclass(frozen=True)
class Rung:
    """One way of confining a child.

    ``obstacle()`` says in a sentence why it cannot be tried here, or None. ``command(start)`` is the argv to run with
    an empty environment. ``confinement(start)`` is what the child must still do to itself before it touches anything.
    ``direct`` says that the child is our own child process and not one behind a program that sets its stage.
    """

    slug: str
    summary: str
    obstacle: Callable[[], str | None]
    command: Callable[[Start], list[str]]
    confinement: Callable[[Start], dict[str, Any]]
    direct: bool
