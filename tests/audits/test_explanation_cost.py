"""Does an explanation cost what is asked of it: the same values on every way, the cheapest way first?"""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from audits.explanations import sampled, trees
from audits.explanations.offers import Offer, repeated
from audits.explanations.plan import ExplainPlan
from audits.explanations.routes import explain, offers

with warnings.catch_warnings():
    # shap's plotting part, which the product never imports, uses a call that matplotlib will give up.
    warnings.simplefilter("ignore", PendingDeprecationWarning)
    import shap  # noqa: F401 -- loaded here, once


def _frame(rows: int, width: int = 12) -> pd.DataFrame:
    values = np.random.default_rng(3).normal(size=(rows, width)).round(2)
    return pd.DataFrame(values, columns=[f"f{at}" for at in range(width)]).mask(values > 2)


@pytest.fixture(scope="module")
def boosted() -> HistGradientBoostingClassifier:
    frame = _frame(3_000)
    label = (frame.fillna(0).to_numpy() @ np.linspace(-1, 1, 12) > 0).astype(int)
    return HistGradientBoostingClassifier(max_iter=20, random_state=0, early_stopping=False).fit(frame, label)


def _by(model: object, variant: str, route: str = "tree-tables") -> Offer:
    found = trees.offers(model, list(_frame(1).columns), column=1)
    return next(one for one in found if (one.route, one.variant) == (route, variant))


@pytest.mark.parametrize("variant", ["interventional", "path-dependent"])
def test_few_rows_some_and_many_get_the_same_values(boosted: HistGradientBoostingClassifier, variant: str) -> None:
    """Less rows than patterns, more, and so many that leaves are read singly: three ways through the tables."""
    frame, offer = _frame(2_500), _by(boosted, variant)
    many = offer.contributions(frame[:60], frame).values
    for part in (slice(0, 1), slice(0, 40), slice(100, 900)):
        np.testing.assert_allclose(offer.contributions(frame[:60], frame[part]).values, many[part], atol=1e-12)


@pytest.mark.parametrize("rows", [30, 2_200])
def test_another_draw_of_the_background_is_the_background_with_its_rows_repeated(
    boosted: HistGradientBoostingClassifier, rows: int
) -> None:
    frame, offer = _frame(rows), _by(boosted, "interventional")
    background = _frame(300)[200:]
    count = np.bincount(np.random.default_rng(1).integers(0, 100, 100), minlength=100).astype(float)
    drawn = offer.contributions(background, frame, [count]).redrawn
    assert len(drawn) == 1
    alone = offer.contributions(repeated(background, count), frame).values
    np.testing.assert_allclose(drawn[0], alone, atol=1e-12)
    assert np.abs(alone - offer.contributions(background, frame).values).max() > 1e-3


def test_the_values_of_tables_are_those_of_shap_within_a_millionth(boosted: HistGradientBoostingClassifier) -> None:
    frame = _frame(300)
    for variant in ("interventional", "path-dependent"):
        told = _by(boosted, variant, "tree-shap").contributions(frame[:50], frame[:40]).values
        ours = _by(boosted, variant).contributions(frame[:50], frame[:40]).values
        np.testing.assert_allclose(ours, told, atol=1e-6)


def test_predicted_costs_rise_with_what_is_asked_and_order_the_routes(boosted: HistGradientBoostingClassifier) -> None:
    for offer in trees.offers(boosted, list(_frame(1).columns), column=1):
        told = [offer.seconds(rows, 400) for rows in (1, 10, 100, 1_000, 10_000)]
        assert told == sorted(told)
        assert told[-1] > told[0]
        assert not offer.varies or offer.seconds(100, 400, 3) > offer.seconds(100, 400, 1)
    for variant, rows in (("path-dependent", 100), ("path-dependent", 10_000), ("interventional", 100)):
        known = offers(boosted, list(_frame(1).columns), column=1, variant=variant)
        told = {one.route: one.seconds(rows, 400) for one in known}
        assert told["tree-tables"] < told["tree-shap"]


def test_a_model_with_an_exact_route_is_not_asked_many_times_to_price_the_last_resort(
    boosted: HistGradientBoostingClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    real = sampled._masked
    monkeypatch.setattr(sampled, "_masked", lambda *given: asked.append(1) or real(*given))
    found = explain(boosted, _frame(50), _frame(20), column=1, plan=ExplainPlan(variant="interventional"))
    assert found.route == "tree-tables"
    assert not asked


def test_what_a_model_of_another_kind_costs_is_predicted_before_it_is_explained() -> None:
    from sklearn.neighbors import KNeighborsClassifier

    frame = _frame(40, 3).fillna(0)
    model = KNeighborsClassifier(3).fit(frame, (frame.f0 > 0).astype(int))
    found = explain(model, frame, frame[:4], column=1)
    assert found.cost is not None
    assert dict(found.cost.considered)["permutation, interventional"] > 0
