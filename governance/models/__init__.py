"""The rows of the decisions room."""

from governance.models.approval import Approval
from governance.models.credential import ApiCredential, IdempotentCall, OneTimeLink
from governance.models.gate import GateDecision
from governance.models.look import Look
from governance.models.policy import PolicyVersion
from governance.models.promotion import PromotionRequest
from governance.models.sample import DecisionSample
from governance.models.tier import TierAssessment
from governance.models.wanted_item import WantedItem

__all__ = [
    "ApiCredential",
    "Approval",
    "DecisionSample",
    "GateDecision",
    "IdempotentCall",
    "Look",
    "OneTimeLink",
    "PolicyVersion",
    "PromotionRequest",
    "TierAssessment",
    "WantedItem",
]
