"""The rows of the evidence room."""

from audits.models.dossier import Dossier
from audits.models.evidence import Evidence
from audits.models.finding import Finding
from audits.models.histograms import ReferenceHistograms
from audits.models.run import CheckResult, RunAttempt, RunStep, ValidationRun

__all__ = [
    "CheckResult",
    "Dossier",
    "Evidence",
    "Finding",
    "ReferenceHistograms",
    "RunAttempt",
    "RunStep",
    "ValidationRun",
]
