"""Do findings end and policies come into force on the console's pages, by the people who may and nobody else?"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from audits.models import Finding
from governance.actions.policies import draft_policy
from governance.models import PolicyVersion
from tests import builders
from tests.cast import Cast, signed_in
from tests.governance.console_sample import POLICY, a_rich_promotion

pytestmark = pytest.mark.django_db


@pytest.fixture
def finding(cast: Cast) -> Finding:
    """Return an open finding that blocks, owned by Olga, on a version Ada had a hand in."""
    a_rich_promotion(cast, passed=False)
    return Finding.objects.get(blocking=True)


def page_of(finding: Finding) -> str:
    return reverse("admin:finding", args=[finding.pk])


def test_findings_are_listed_and_narrowed(cast: Cast, finding: Finding) -> None:
    ravi = signed_in(cast.ravi)
    listed = reverse("admin:findings")
    assert finding in ravi.get(listed).context["findings"]
    assert list(ravi.get(listed, {"state": "closed"}).context["findings"]) == []
    assert list(ravi.get(listed, {"severity": "high"}).context["findings"]) == [finding]
    assert ravi.get(listed, {"state": "no such", "model": "<script>"}).status_code == 200


@pytest.mark.parametrize("who", ["ravi", "vera"])
def test_a_finding_is_closed_with_a_statement(cast: Cast, finding: Finding, who: str) -> None:
    client = signed_in(getattr(cast, who))
    assert client.post(page_of(finding), {"act": "close", "close-statement": ""}).status_code == 400
    answer = client.post(page_of(finding), {"act": "close", "close-statement": "Retrained and measured again."})
    assert answer.status_code == 302
    finding.refresh_from_db()
    assert (finding.state, finding.resolution) == ("closed", "Retrained and measured again.")
    assert "Retrained and measured again." in client.get(page_of(finding)).content.decode()


def test_a_risk_is_accepted_until_a_date_to_come(cast: Cast, finding: Finding) -> None:
    ravi = signed_in(cast.ravi)
    today = timezone.localdate()
    said = {"act": "accept", "accept-statement": "Small and watched."}
    assert ravi.post(page_of(finding), said | {"accept-until": str(today - timedelta(days=1))}).status_code == 400
    finding.refresh_from_db()
    assert finding.state == "open"
    assert ravi.post(page_of(finding), said | {"accept-until": str(today + timedelta(days=30))}).status_code == 302
    finding.refresh_from_db()
    assert finding.state == "accepted"
    assert finding.accepted_until is not None
    assert finding.accepted_until.date() == today + timedelta(days=30)


@pytest.mark.parametrize("who", ["ada", "olga", "otto", "adam", "pia"])
def test_others_see_why_they_may_not_and_are_refused(cast: Cast, finding: Finding, who: str) -> None:
    client = signed_in(getattr(cast, who))
    page = client.get(page_of(finding)).content.decode()
    assert "You may not resolve this finding:" in page
    assert "Close the finding" not in page
    assert client.post(page_of(finding), {"act": "close", "close-statement": "Done."}).status_code == 403
    finding.refresh_from_db()
    assert finding.state == "open"


@pytest.fixture
def draft(cast: Cast) -> PolicyVersion:
    """Return a draft by Ravi."""
    return draft_policy(POLICY, actor=cast.ravi)


def policy_page(policy: PolicyVersion) -> str:
    return reverse("admin:policy", args=[policy.policy, policy.number])


def test_a_policy_is_read_as_a_table_of_requirements(cast: Cast, draft: PolicyVersion) -> None:
    page = signed_in(cast.otto).get(policy_page(draft)).content.decode()
    for word in ("performance.roc_auc", "&gt;= 0.65", "29 CFR 1607.4(D)", "attributes: race", "Approver, Risk manager"):
        assert word in page


def test_the_drafter_is_told_that_somebody_else_publishes_and_is_refused(cast: Cast, draft: PolicyVersion) -> None:
    ravi = signed_in(cast.ravi)
    assert "You drafted this. Somebody else publishes it." in ravi.get(policy_page(draft)).content.decode()
    assert ravi.post(policy_page(draft), {}).status_code == 403
    draft.refresh_from_db()
    assert draft.state == PolicyVersion.State.DRAFT


def test_a_second_person_publishes_and_only_once(cast: Cast, draft: PolicyVersion) -> None:
    pia = signed_in(cast.pia)
    assert "Publish this policy" in pia.get(policy_page(draft)).content.decode()
    assert pia.post(policy_page(draft)).status_code == 302
    draft.refresh_from_db()
    assert (draft.state, draft.published_by) == (PolicyVersion.State.PUBLISHED, cast.pia)
    assert pia.post(policy_page(draft)).status_code == 409


@pytest.mark.parametrize("who", ["ada", "olga", "vera", "otto", "adam"])
def test_other_roles_do_not_publish(cast: Cast, draft: PolicyVersion, who: str) -> None:
    assert signed_in(getattr(cast, who)).post(policy_page(draft)).status_code == 403
    draft.refresh_from_db()
    assert draft.state == PolicyVersion.State.DRAFT


def test_a_draft_is_taken_from_yaml_and_a_wrong_one_is_said(cast: Cast) -> None:
    ravi = signed_in(cast.ravi)
    wrong = ravi.post(reverse("admin:policy_draft"), {"text": "slug: [unclosed"})
    assert wrong.status_code == 400
    assert "not plain YAML" in wrong.content.decode()
    assert PolicyVersion.objects.count() == 0
    assert ravi.post(reverse("admin:policy_draft"), {"text": POLICY}).status_code == 302
    assert PolicyVersion.objects.get().drafted_by == cast.ravi


def test_the_risk_manager_records_tier_and_owner_on_the_page_of_the_model(cast: Cast) -> None:
    model = builders.a_model(cast)
    page = reverse("admin:model", args=[model.pk])
    answers = {"tier-exposure": "high", "tier-purpose": "rights_of_people", "tier-complexity": "low"}
    assert signed_in(cast.ravi).post(page, {"act": "tier", **answers}).status_code == 302
    assert model.tier_assessments.get().tier == 1
    assert signed_in(cast.ravi).post(page, {"act": "owner", "owner-owner": cast.pia.pk}).status_code == 400
    for other in (cast.ada, cast.pia, cast.adam, cast.otto):
        assert signed_in(other).post(page, {"act": "tier", **answers}).status_code == 403
    assert model.tier_assessments.count() == 1
    shown = signed_in(cast.otto).get(page).content.decode()
    assert "tier 1" in shown
    assert "materiality" in shown
