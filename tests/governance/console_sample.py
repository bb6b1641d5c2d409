"""What does a run with curves, groups and importances look like? Measurements in the checks' own form, for the console."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tests.cast import Cast

if TYPE_CHECKING:
    from audits.checks.contract import Measurement, Plot
    from audits.models import ValidationRun
    from governance.models import PromotionRequest

BIDI = "\u202e"
SCRIPT = "<script>document.title='owned'</script>"
HOSTILE = (
    SCRIPT,
    "</text></svg><img src=x onerror=\"document.title='owned'\">",
    "</title><svg onload=document.title='owned'>",
    '" onmouseover="document.title=\'owned\'" x="',
    "]]><![CDATA[<script>document.title='owned'</script>",
    "<!-- <a href=\"javascript:document.title='owned'\">press</a>",
    "&lt;script&gt; &#60;b&#62; &amp;amp;",
    "{{ 7 * 7 }} {% debug %} ${7*7}",
    "'; document.title='owned'; //",
    f"approved{BIDI}not\u200b",
)
POLICY = """
slug: test-policy
title: Consumer credit models in production
edition: "2026-11"
effective_from: 2020-01-01
applies_to: {tiers: [1, 2, 3], environments: [production]}
requirements:
  - {key: auc, check: performance.roc_auc, op: ">=", limit: 0.65, judged_on: bound,
     severity: blocking, clause: US SR 26-2, mend: Improve the ranking.}
  - {key: ece, check: calibration.expected_calibration_error, op: "<=", limit: 0.1,
     severity: blocking, clause: US SR 26-2, mend: Recalibrate the scores.}
  - {key: selection-rate-ratio-race, check: fairness.selection_rate_ratio, params: {attributes: [race]}, op: ">=", limit: 0.8,
     severity: blocking, clause: 29 CFR 1607.4(D), mend: Find the features that carry the gap.}
  - {key: equalized-odds-race, check: fairness.equalized_odds_difference, params: {attributes: [race]}, op: "<=", limit: 0.35,
     severity: advisory, clause: NIST AI RMF, mend: Compare both error rates by group.}
  - {key: shap-additivity, check: explainability.shap_importance, op: "<=", limit: 0.000001,
     severity: blocking, clause: OSFI E-23, mend: Use an exact route.}
  - {key: psi-score, check: drift.psi_score, op: "<=", limit: 0.25,
     severity: blocking, clause: PRA SS1/23, mend: Explain the shift.}
  - {key: psi-features, check: drift.psi_features, op: "<=", limit: 0.25,
     severity: advisory, clause: PRA SS1/23, mend: Look at the feature.}
  - {key: missing-values, check: robustness.missing_values, op: "<=", limit: 0.1,
     severity: advisory, clause: EU AI Act Art. 15, mend: Impute in the model.}
approvals: {quorum: 2, roles: [approver, risk_manager], second_line_required: true, valid_days: 90}
evidence: {max_age_days: 180}
artifact_formats: [skops, onnx]
"""


def measurement_for(check: str, *, group: str = "black") -> Measurement:
    """Return a measurement with the plots that a check of this name gives; ``group`` names one of its groups."""
    from audits.checks.contract import GroupRow, Measurement, Plot, PlotColumn

    text, number, count, share = (
        (lambda name, kind=kind: PlotColumn(name, kind)) for kind in ("text", "number", "count", "share")
    )

    def made(value: float, low: float | None, high: float | None, unit: str, **more: Any) -> Measurement:
        return Measurement(value=value, unit=unit, low=low, high=high, confidence=0.95, n=812, method="sample", **more)

    if check == "performance.roc_auc":
        curve = Plot(
            "line",
            "ROC curve",
            (number("False positive rate"), number("True positive rate"), number("Threshold")),
            tuple((at / 40, (at / 40) ** 0.42, 1 - at / 40) for at in range(41)),
            x="False positive rate",
            y="True positive rate",
            diagonal=True,
            scale=(0.0, 1.0),
            note="Each point is a threshold.",
        )
        return made(0.7312, 0.6981, 0.7643, "probability", detail={"n_positive": 240}, plots=(curve,))
    if check == "calibration.expected_calibration_error":
        names = ("Mean score", "Observed rate", "Low", "High")
        bins = Plot(
            "points",
            "Reliability diagram",
            (*(number(name) for name in names), count("n")),
            tuple((at / 10 + 0.05, at / 10 + 0.03, at / 10, at / 10 + 0.09, 140 - 14 * at) for at in range(10)),
            x="Mean score",
            y="Observed rate",
            low="Low",
            high="High",
            diagonal=True,
        )
        return made(0.0312, 0.0201, 0.0498, "probability", detail={"binning": "equal-width-10"}, plots=(bins,))
    if check.startswith("fairness."):
        odds = check.endswith("odds_difference")
        rates = ((group, 211, 0.61), ("hispanic", 134, 0.69), ("white", 442, 0.74))
        rows = [
            GroupRow("race", name, n, {"selection_rate": rate}, rate - 0.06, rate + 0.06, "measured")
            for name, n, rate in rates
        ]
        rows.append(GroupRow("race", "asian", 22, {}, None, None, "too-small", "fewer than 30 rows"))
        rows.append(GroupRow("race", "other", None, {}, None, None, "suppressed", "fewer than three people"))
        forest = Plot(
            "intervals",
            "Rates by group",
            (text("Group"), count("n"), number("Rate"), number("Low"), number("High"), text("Note")),
            tuple((row.group, row.n, row.values.get("selection_rate"), row.low, row.high, row.note) for row in rows),
            label="Group",
            value="Rate",
            low="Low",
            high="High",
            limited=True,
        )
        value = 0.13 if odds else 0.824
        unit = "probability" if odds else "ratio"
        return made(value, value - 0.07, value + 0.08, unit, groups=tuple(rows), plots=(forest,))
    if check == "explainability.shap_importance":
        names = ("debt_to_income", "credit_history", "loan_to_value", "self_employed", "unverifiable_information")
        bars = Plot(
            "bars",
            "Global importance (SHAP)",
            (text("Feature"), number("Mean |SHAP|"), number("Low"), number("High"), share("Share")),
            tuple((name, 0.41 / at, 0.37 / at, 0.45 / at, 0.34 / at) for at, name in enumerate(names, 1)),
            label="Feature",
            value="Mean |SHAP|",
            low="Low",
            high="High",
        )
        return made(3.1e-13, None, None, "model output", detail={"route": "linear-closed-form"}, plots=(bars,))
    if check == "drift.psi_score":
        shares = Plot(
            "shares",
            "Shares of the score by bin",
            (text("Bin"), share("Training table"), share("Evaluation table")),
            tuple((f"{at / 10:.1f} to {(at + 1) / 10:.1f}", 0.1, 0.07 + 0.0066 * at) for at in range(10)),
            label="Bin",
            values=("Training table", "Evaluation table"),
        )
        return made(0.041, 0.02, 0.07, "nats", detail={"by_chance": 0.02}, plots=(shares,))
    if check == "drift.psi_features":
        grid = Plot(
            "grid",
            "Confusion matrix",
            (text("Outcome"), text("Prediction"), count("Rows")),
            (("good", "good", 310), ("good", "bad", 24), ("bad", "good", 51), ("bad", "bad", 220)),
            label="Outcome",
            series="Prediction",
            value="Rows",
        )
        bars = Plot(
            "bars",
            "Population stability index by feature",
            (text("Feature"), number("PSI")),
            (("debt_to_income", 0.31), ("loan_to_value", 0.08), ("credit_history", 0.02)),
            label="Feature",
            value="PSI",
            limited=True,
        )
        return made(0.31, 0.19, 0.46, "nats", detail={"worst": "debt_to_income"}, plots=(bars, grid))
    losses = Plot(
        "line",
        "Loss of AUC by share of blanked values",
        (number("Share"), number("Loss"), number("Low"), number("High"), text("Kind")),
        tuple((at, at / 5, at / 5 - 0.02, at / 5 + 0.02, kind) for kind in ("blanked", "noise") for at in (0.05, 0.1)),
        x="Share",
        y="Loss",
        low="Low",
        high="High",
        series="Kind",
        limited=True,
    )
    return made(0.021, -0.009, 0.051, "probability", plots=(losses,))


def named(plot: Plot, names: Sequence[str]) -> Plot:
    """Return a plot whose labels, series and notes are the given names, one after the other."""
    texts = [at for at, column in enumerate(plot.columns) if column.kind == "text"]
    rows = tuple(
        tuple(names[(place + at) % len(names)] if at in texts else cell for at, cell in enumerate(row))
        for place, row in enumerate(plot.rows)
    )
    return dataclasses.replace(plot, rows=rows, note=names[0])


def a_rich_run(
    run: ValidationRun, *, group: str = "black", passed: bool = True, names: Sequence[str] = ()
) -> ValidationRun:
    """Claim a run and conclude it with the sample measurement of each requirement, judged as the policy says."""
    from audits.actions.conclusion import JudgedRequirement
    from audits.actions.evidence import store_json
    from audits.checks.requirement import Requirement, judge
    from tests.governance.judging import concluded

    results = []
    for rule in run.plan["requirements"]:
        known = {name: value for name, value in rule.items() if name not in {"clause", "mend"}}
        measurement = measurement_for(rule["check"], group=group)
        if names:
            measurement = dataclasses.replace(
                measurement, plots=tuple(named(plot, names) for plot in measurement.plots)
            )
        found = judge(Requirement.from_policy(known), measurement)
        status = found.status if passed or rule["key"] != "selection-rate-ratio-race" else "not_met"
        evidence = store_json({"requirement": rule, "measurement": measurement.as_json()}, kind="measurement")
        results.append(
            JudgedRequirement(
                rule, status, found.observed, found.required, found.reason, found.mend or rule["mend"], evidence.sha256
            )
        )
    return concluded(
        run, results, worker="sample-worker", manifest={"sandbox": {"rung": "bubblewrap", "probe": "held"}}
    )


def a_rich_promotion(
    cast: Cast,
    *,
    group: str = "black",
    passed: bool = True,
    name: str = "Consumer credit default",
    names: Sequence[str] = (),
) -> PromotionRequest:
    """Ask for the promotion of a version whose run has curves, groups and importances, their labels ``names`` if any."""
    from governance.actions.promotions import open_promotion, take_up_validation
    from governance.models import PolicyVersion
    from tests import builders

    version = builders.a_version(cast, model=builders.a_model(cast, name=name))
    place = builders.an_environment(cast)
    builders.a_tier(cast, version.model)
    if not PolicyVersion.objects.exists():
        builders.a_policy(cast, text=POLICY)
    request, _ = open_promotion(version, environment=place, statement="Replaces the scorecard.", actor=cast.ci_bot)
    assert request.run is not None
    run = a_rich_run(request.run, group=group, passed=passed, names=names)
    take_up_validation(run)
    request.refresh_from_db()
    return request
