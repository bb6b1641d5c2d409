"""The rows of the facts room."""

from registry.ledger.models import *  # noqa: F403  (Django finds the ledger's models through the models package)
from registry.models.artifact import Artifact
from registry.models.dataset import Dataset, DatasetVersion
from registry.models.deployment import Deployment, Environment
from registry.models.divergence import Divergence
from registry.models.lineage import LineageEdge
from registry.models.model import Model
from registry.models.people import Role, RoleGrant, User
from registry.models.personal import CommitmentSalt, LegalHold
from registry.models.verification import Verification
from registry.models.version import Contribution, ModelVersion, VersionArtifact, VersionDataset

__all__ = [
    "Artifact",
    "CommitmentSalt",
    "Contribution",
    "Dataset",
    "DatasetVersion",
    "Deployment",
    "Divergence",
    "Environment",
    "LegalHold",
    "LineageEdge",
    "Model",
    "ModelVersion",
    "Role",
    "RoleGrant",
    "User",
    "Verification",
    "VersionArtifact",
    "VersionDataset",
]
