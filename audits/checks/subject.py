"""What may a check look at, and what must be there before it can measure?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audits.explanations.contract import Explanation
    from audits.tables.contract import EvaluationTable


@dataclass(frozen=True)
class Fitness:
    """What running the artifact in the sandbox cost, and what the target environment allows.

    Sizes in bytes, times in seconds. ``latency_seconds``: wall time of each single-row prediction, in the order they
    were made. ``batch_seconds``: wall time of one prediction of ``batch_rows`` rows. ``repeat_difference``: largest
    absolute difference between two predictions of the same rows; ``repeat_rows`` of them. ``limits``: what the
    environment allows, by name ("artifact_bytes", "load_seconds", "peak_memory_bytes", "latency_seconds"); a name that
    is not there has no limit.
    """

    artifact_bytes: int
    load_seconds: float
    peak_memory_bytes: int
    latency_seconds: tuple[float, ...]
    batch_rows: int
    batch_seconds: float
    repeat_rows: int
    repeat_difference: float
    limits: Mapping[str, float] = field(default_factory=dict)
    environment: str = ""


@dataclass(frozen=True)
class CheckSubject:
    """What a check may look at.

    ``evaluation`` is the table with outcomes and scores, ``reference`` the training table with scores, ``perturbed``
    the evaluation rows scored after a change named by the key ("missing-0.1": a tenth of the values blanked at
    random; the others are listed in ``audits.runs.perturbations``), with the model's answer on the unchanged row as
    ``baseline``, and ``unscored`` why there is no such table for a key that was asked for, or under "explanation" why
    there is none. ``explanation`` is the model's explanation and ``previous_explanation`` that of the version in place
    now, ``fitness`` what running the artifact cost.
    ``declared`` is what the version's registration says of itself ("monotone": {feature: "increasing" or "decreasing"},
    "ranges": {feature: [low, high]}, "reasons": {feature: words}). ``seed`` fixes every resampling.
    """

    evaluation: EvaluationTable
    reference: EvaluationTable | None = None
    explanation: Explanation | None = None
    perturbed: Mapping[str, EvaluationTable] = field(default_factory=dict)
    seed: int = 0
    previous_explanation: Explanation | None = None
    fitness: Fitness | None = None
    declared: Mapping[str, Any] = field(default_factory=dict)
    unscored: Mapping[str, str] = field(default_factory=dict)

    @property
    def task(self) -> str:
        """What the model predicts: "binary", "multiclass" or "regression"."""
        return self.evaluation.task


Need = tuple[Callable[[CheckSubject], bool], str, str]

NEEDS: Mapping[str, Need] = MappingProxyType(
    {
        "labels": (
            lambda subject: subject.evaluation.roles.target is not None,
            "The evaluation table has no outcome column.",
            "Name the column with outcomes 0 and 1 as 'target' in the roles of the dataset version.",
        ),
        "scores": (
            lambda subject: subject.evaluation.roles.score is not None,
            "The evaluation table has no score column.",
            "Name the score column, or let the service score the table with the model.",
        ),
        "class-scores": (
            lambda subject: len(subject.evaluation.roles.class_scores) > 1,
            "The evaluation table has no score for each class.",
            "Name the score column of each class as 'class_scores', or let the service score the table with the model.",
        ),
        "predictions": (
            lambda subject: subject.evaluation.predicts,
            "The evaluation table says nothing about what the model predicted.",
            "Name the column with predictions, or let the service score the table with the model.",
        ),
        "baseline": (
            lambda subject: subject.evaluation.roles.baseline is not None,
            "There is no other version's answer on these rows to compare with.",
            "Name the column with the other version's score or prediction as 'baseline', or deploy a version first.",
        ),
        "selection": (
            lambda subject: subject.evaluation.selects,
            "Nothing says who is selected: there is neither a score with a threshold nor a decision column.",
            "Give the version its decision threshold, or name a decision column.",
        ),
        "sensitive": (
            lambda subject: bool(subject.evaluation.roles.sensitive),
            "The evaluation table names no sensitive attribute.",
            "Name the sensitive attributes in the roles of the dataset version.",
        ),
        "features": (
            lambda subject: bool(subject.evaluation.roles.features),
            "The evaluation table names no features.",
            "Name the features in the roles of the dataset version.",
        ),
        "time": (
            lambda subject: subject.evaluation.roles.time is not None,
            "The evaluation table has no column with the time of each row.",
            "Name the column with the instant a row belongs to as 'time' in the roles of the dataset version.",
        ),
        "reference": (
            lambda subject: subject.reference is not None,
            "There is no reference table to compare with.",
            "Record the training dataset version in the lineage of the model version.",
        ),
        "reference-labels": (
            lambda subject: subject.reference is not None and subject.reference.roles.target is not None,
            "There is no reference table with outcomes to compare with.",
            "Record the training dataset version in the lineage of the model version, with its target named.",
        ),
        "reference-scores": (
            lambda subject: subject.reference is not None and subject.reference.roles.score is not None,
            "There is no scored reference table to compare with.",
            "Record the training dataset version in the lineage, so that the service can score it too.",
        ),
        "reference-predictions": (
            lambda subject: subject.reference is not None and subject.reference.predicts,
            "There is no reference table with predictions to compare with.",
            "Record the training dataset version in the lineage, so that the service can score it too.",
        ),
        "explanation": (
            lambda subject: subject.explanation is not None,
            "There is no explanation of the model.",
            "Upload the model in a format the service can load in its sandbox.",
        ),
        "previous-explanation": (
            lambda subject: subject.previous_explanation is not None,
            "There is no explanation of a version in place now to compare with.",
            "Nothing is to be done for a first version; later ones are compared with the version in place.",
        ),
        "perturbed": (
            lambda subject: bool(subject.perturbed),
            "The model was not scored on perturbed rows.",
            "Upload the model in a format the service can load in its sandbox.",
        ),
        "fitness": (
            lambda subject: subject.fitness is not None,
            "Nobody measured what running the artifact costs.",
            "Upload the model in a format the service can load in its sandbox.",
        ),
    }
)
