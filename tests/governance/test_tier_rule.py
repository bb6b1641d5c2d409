"""Which risk tier do the answers come to? The whole table, and what is refused."""

from __future__ import annotations

from itertools import product

import pytest

from governance.actions.tiers import assess_tier, current_tier
from governance.models import TierAssessment
from governance.tier_rule import POINTS, RULE_VERSION, assess
from registry.errors import DomainError
from registry.ledger.replay import differences
from tests import builders

EXPOSURE, PURPOSE, COMPLEXITY = POINTS["exposure"], POINTS["purpose"], POINTS["complexity"]
TABLE = {
    # materiality: (tier at low complexity, at medium, at high)
    1: (3, 3, 2),
    2: (3, 3, 2),
    3: (2, 2, 2),
    4: (2, 2, 1),
    6: (1, 1, 1),
    9: (1, 1, 1),
}


@pytest.mark.parametrize(("exposure", "purpose", "complexity"), list(product(EXPOSURE, PURPOSE, COMPLEXITY)))
def test_the_rule_is_the_table(exposure, purpose, complexity):
    tier, lines = assess({"exposure": exposure, "purpose": purpose, "complexity": complexity})
    materiality = EXPOSURE[exposure] * PURPOSE[purpose]
    assert tier == TABLE[materiality][COMPLEXITY[complexity] - 1]
    assert {line["line"]: line["points"] for line in lines} == {
        "exposure": EXPOSURE[exposure],
        "purpose": PURPOSE[purpose],
        "complexity": COMPLEXITY[complexity],
        "materiality": materiality,
        "tier": tier,
    }
    assert lines[-1]["answer"] == RULE_VERSION


def test_more_of_anything_never_makes_a_model_less_risky():
    answers = [dict(zip(POINTS, choice, strict=True)) for choice in product(*POINTS.values())]
    for low, high in product(answers, answers):
        if all(POINTS[name][low[name]] <= POINTS[name][high[name]] for name in POINTS):
            assert assess(high)[0] <= assess(low)[0]


FAIR = {"exposure": "low", "purpose": "internal", "complexity": "low"}


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"exposure": "low", "purpose": "internal"},
        FAIR | {"mood": "good"},
        FAIR | {"exposure": "LOW"},
        FAIR | {"exposure": ""},
        FAIR | {"exposure": None},
        FAIR | {"exposure": ["low"]},
        FAIR | {"exposure": 1},
    ],
)
def test_a_missing_unknown_or_further_answer_is_refused(answers):
    with pytest.raises(DomainError, match="bad-answer"):
        assess(answers)


@pytest.mark.django_db
@pytest.mark.postgres
def test_only_a_risk_manager_assesses_and_the_newest_assessment_counts(cast):
    model = builders.a_model(cast)
    for person in (cast.ada, cast.olga, cast.vera, cast.pia, cast.otto, cast.adam, cast.ci_bot):
        with pytest.raises(DomainError, match="role-missing"):
            assess_tier(model, answers=FAIR, actor=person)
    assert current_tier(model) is None
    assess_tier(model, answers=FAIR, actor=cast.ravi)
    builders.a_tier(cast, model)
    newest = current_tier(model)
    assert (newest.tier, newest.rule_version, newest.assessed_by) == (1, RULE_VERSION, cast.ravi)
    assert newest.answers == dict(builders.HIGH_RISK)
    assert TierAssessment.objects.count() == 2
    assert differences() == []
