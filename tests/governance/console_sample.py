"""What does a run with curves, groups and importances look like? Measurements in the checks' own form, for the console."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.cast import Cast

if TYPE_CHECKING:
    from audits.checks.contract import Measurement
    from audits.models import ValidationRun
    from governance.models import PromotionRequest

BIDI = "\u202e"
SCRIPT = "<script>document.title='owned'</script>"
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
    """Return a measurement with the detail that the check of this name gives; ``group`` names one of its groups."""
    from audits.checks.contract import GroupRow, Measurement

    def made(value: float, low: float | None, high: float | None, unit: str, **more: Any) -> Measurement:
        return Measurement(value=value, unit=unit, low=low, high=high, confidence=0.95, n=812, method="sample", **more)

    if check == "performance.roc_auc":
        curve = [[at / 40, (at / 40) ** 0.42, 1 - at / 40] for at in range(41)]
        return made(0.7312, 0.6981, 0.7643, "probability", detail={"n_positive": 240, "n_negative": 572, "roc": curve})
    if check == "calibration.expected_calibration_error":
        bins = [
            {
                "low": at / 10,
                "high": (at + 1) / 10,
                "n": 140 - 14 * at,
                "mean_score": at / 10 + 0.05,
                "observed": min(1.0, at / 10 + 0.02 + 0.008 * at),
                "observed_low": max(0.0, at / 10 - 0.05),
                "observed_high": min(1.0, at / 10 + 0.13),
            }
            for at in range(10)
        ]
        return made(0.0312, 0.0201, 0.0498, "probability", detail={"binning": "equal-width-10", "reliability": bins})
    if check.startswith("fairness."):
        odds = check.endswith("odds_difference")
        names = ("true_positive_rate", "false_positive_rate") if odds else ("selection_rate",)

        def rates(value: float) -> dict[str, float | None]:
            found: dict[str, float | None] = {}
            for at, name in enumerate(names):
                rate = value - 0.25 * at
                found |= {name: rate, f"{name}_low": rate - 0.06, f"{name}_high": rate + 0.06, f"{name}_n": 120}
            return found

        rows = [
            GroupRow(
                "race",
                name,
                n,
                rates(value),
                rates(value)[f"{names[0]}_low"],
                rates(value)[f"{names[0]}_high"],
                "measured",
            )
            for name, n, value in ((group, 211, 0.61), ("hispanic", 134, 0.69), ("white", 442, 0.74))
        ]
        rows.append(GroupRow("race", "asian", 22, {}, None, None, "too-small", "fewer than 30 rows"))
        rows.append(GroupRow("race", "other", None, {}, None, None, "suppressed", "fewer than three people"))
        value = 0.13 if odds else 0.824
        return made(value, value - 0.07, value + 0.08, "probability" if odds else "ratio", groups=tuple(rows))
    if check == "explainability.shap_importance":
        features = [
            {
                "rank": at + 1,
                "feature": name,
                "mean_abs": 0.41 / (at + 1),
                "low": 0.37 / (at + 1),
                "high": 0.45 / (at + 1),
                "share": 0.34 / (at + 1),
            }
            for at, name in enumerate(
                ("debt_to_income", "credit_history", "loan_to_value", "self_employed", "unverifiable_information")
            )
        ]
        detail = {
            "features": features,
            "route": "linear-closed-form",
            "variant": "interventional",
            "output": "log-odds",
            "sample_rows": 400,
        }
        return made(3.1e-13, None, None, "model output", detail=detail)
    if check == "drift.psi_score":
        bins = [
            {"bin": f"{at / 10:.1f} to {(at + 1) / 10:.1f}", "reference": 0.1, "current": 0.07 + 0.0066 * at}
            for at in range(10)
        ]
        return made(0.041, 0.02, 0.07, "nats", detail={"rule": "quantiles", "bins": bins, "by_chance": 0.02})
    if check == "drift.psi_features":
        features = [
            {"feature": name, "psi": psi, "low": psi * 0.6, "high": psi * 1.5, "by_chance": 0.02, "bins": 10}
            for name, psi in (("debt_to_income", 0.31), ("loan_to_value", 0.08), ("credit_history", 0.02))
        ]
        return made(0.31, 0.19, 0.46, "nats", detail={"features": features, "worst": "debt_to_income"})
    levels = [
        {
            "perturbation": f"missing-{share}",
            "auc_as_given": 0.7312,
            "auc": 0.7312 - loss,
            "loss": loss,
            "low": loss - 0.03,
            "high": loss + 0.03,
        }
        for share, loss in ((0.05, 0.008), (0.1, 0.021), (0.2, 0.047))
    ]
    return made(0.021, -0.009, 0.051, "probability", detail={"levels": levels})


def a_rich_run(run: ValidationRun, *, group: str = "black", passed: bool = True) -> ValidationRun:
    """Claim a run and conclude it with the sample measurement of each requirement, judged as the policy says."""
    from audits.actions.evidence import store_json
    from audits.actions.validation import JudgedRequirement, claim, conclude
    from audits.checks.requirement import Requirement, judge

    lease = claim(str(run.pk), worker="sample-worker")
    assert lease is not None
    results = []
    for rule in run.plan["requirements"]:
        known = {name: value for name, value in rule.items() if name not in {"clause", "mend"}}
        measurement = measurement_for(rule["check"], group=group)
        found = judge(Requirement.from_policy(known), measurement)
        status = found.status if passed or rule["key"] != "selection-rate-ratio-race" else "not_met"
        evidence = store_json({"requirement": rule, "measurement": measurement.as_json()}, kind="measurement")
        results.append(
            JudgedRequirement(
                rule, status, found.observed, found.required, found.reason, found.mend or rule["mend"], evidence.sha256
            )
        )
    return conclude(lease, results=results, manifest={"sandbox": {"rung": "bubblewrap", "probe": "held"}})


def a_rich_promotion(
    cast: Cast, *, group: str = "black", passed: bool = True, name: str = "Consumer credit default"
) -> PromotionRequest:
    """Ask for the promotion of a version whose run has curves, groups and importances."""
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
    run = a_rich_run(request.run, group=group, passed=passed)
    take_up_validation(run)
    request.refresh_from_db()
    return request
