"""Do the builders build what they say?"""

from __future__ import annotations

from tests.builders import an_approved_promotion
from tests.cast import Cast


def test_an_approved_promotion_has_two_approvals_and_an_approved_version(cast: Cast) -> None:
    request = an_approved_promotion(cast)
    assert {approval.approver.username for approval in request.approvals.all()} == {"ravi", "pia"}
    request.version.refresh_from_db()
    assert request.version.stage == "approved"
