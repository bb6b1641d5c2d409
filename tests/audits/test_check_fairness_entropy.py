"""Is the inequality of benefit the published one, and has it an answer where there is nothing to divide by?"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audits.checks.contract import CHECKS, CheckSubject, Insufficient, Measurement
from tests.audits.test_check_fairness_rates import decided, table

SLUG = "fairness.generalized_entropy"
# AIF360, tests/test_classification_metric.py (Apache-2.0): outcomes, decisions, generalized entropy with alpha 2
TRUE = [1, 0, 0, 1, 0, 0, 1, 0, 1, 1]
PUBLISHED = [([1, 0, 0, 0, 1, 1, 1, 0, 1, 0], 0.2), ([0, 1, 1, 0, 0, 0, 0, 1, 1, 1], 0.3)]


def measured(frame: pd.DataFrame, *attributes: str, **params: object) -> Measurement:
    return CHECKS.get(SLUG).run(CheckSubject(table(frame, *attributes), seed=1), **params)


@pytest.mark.parametrize(("decision", "expected"), PUBLISHED)
def test_the_published_values(decision: list[int], expected: float) -> None:
    frame = pd.DataFrame({"y": TRUE, "d": decision})
    found = measured(frame)
    assert found.value == pytest.approx(expected)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= expected <= found.high
    assert found.n == 10
    assert measured(frame, index="variation").value == pytest.approx(np.sqrt(2 * expected))


def test_theils_published_value() -> None:
    found = measured(pd.DataFrame({"y": TRUE, "d": PUBLISHED[0][0]}), index="theil")
    assert found.value == pytest.approx(4 * np.log(2) / 10)


def test_theil_between_groups_and_every_power_are_the_formula_over_rows() -> None:
    frame = decided()
    benefit = (frame.d - frame.y + 1).to_numpy(dtype=float)
    group = frame.sex.map(pd.Series(benefit).groupby(frame.sex).mean()).to_numpy(dtype=float)
    for of, spread in (("individuals", benefit), ("between-groups", group)):
        part = spread / spread.mean()
        theil = np.mean([one * np.log(one) if one else 0.0 for one in part])
        assert measured(frame, "sex", index="theil", of=of).value == pytest.approx(theil)
        for alpha in (0.5, 1.5, 3.0):
            entropy = np.mean(part**alpha - 1) / (alpha * (alpha - 1))
            assert measured(frame, "sex", alpha=alpha, of=of).value == pytest.approx(entropy)
        assert measured(frame, "sex", alpha=1, of=of).value == pytest.approx(theil)


def test_defined_answers() -> None:
    right = pd.DataFrame({"y": [0, 1] * 30, "d": [0, 1] * 30, "g": ["a"] * 58 + ["b"] * 2})
    assert measured(right).value == 0.0
    none = measured(pd.DataFrame({"y": [1] * 30, "d": [0] * 30}))
    assert (none.value, none.reason) == (None, "Nobody has any benefit: 0/0.")
    alone = measured(right, "g", of="between-groups")
    assert alone.value is None
    assert "Fewer than two groups" in alone.reason
    assert [row.status for row in alone.groups if row.group == "b"] == ["suppressed"]
    with pytest.raises(Insufficient):
        measured(right, of="between-groups")
