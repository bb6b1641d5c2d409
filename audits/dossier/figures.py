"""Which figures does a measurement's detail hold? Charts and their tables by the shape of the detail; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from audits.dossier.content import Block, Column, Figure, Table
from audits.dossier.measures import (
    NONE,
    Result,
    evidence_of,
    interval_text,
    limit_of,
    limit_text,
    measurement_of,
    number_text,
)

ROC_ROWS = 11


def figures_of(result: Result, name: str) -> tuple[Block, ...]:
    """Return every figure that the detail of a result allows; ``name`` labels the curve (the version)."""
    measured = measurement_of(result)
    detail = measured.get("detail") or {}
    blocks: list[Block] = []
    points = detail.get("roc")
    if isinstance(points, list) and points and all(isinstance(one, list) and len(one) >= 2 for one in points):
        blocks.append(_roc(result, measured, points, name))
    if _series(detail, "reliability", "mean_score", "observed"):
        blocks.append(_reliability(result, measured, detail))
    if _series(detail, "attributes", "attribute"):
        blocks.append(_gaps(result, detail["attributes"]))
    if measured.get("groups"):
        blocks.append(_groups(result, measured["groups"]))
    if _series(detail, "features", "feature", "mean_abs", "rank"):
        blocks.append(_importance(result, detail))
    if _series(detail, "features", "feature", "psi"):
        blocks.append(_drift(result, detail["features"]))
    if _series(detail, "levels", "perturbation"):
        blocks.append(_levels(result, detail["levels"]))
    if _series(detail, "bins", "bin", "reference", "current"):
        blocks.append(_shares(result, detail["bins"]))
    return tuple(blocks)


def _series(detail: Mapping[str, Any], name: str, *needed: str) -> bool:
    """Tell whether the detail has rows of this name and shape; a third party's check may use the name for other things."""
    rows = detail.get(name)
    if not isinstance(rows, list) or not rows:
        return False
    return all(isinstance(row, dict) and set(needed) <= set(row) for row in rows)


def _roc(result: Result, measured: Mapping[str, Any], points: Sequence[Sequence[Any]], name: str) -> Figure:
    curve = {key: measured.get(key) for key in ("low", "high", "n")}
    chart = {
        "kind": "roc",
        "curves": [{"name": name, "points": [point[:2] for point in points], "auc": measured.get("value"), **curve}],
        "x_title": _("False positive rate"),
        "y_title": _("True positive rate"),
        "chance": _("no separation (AUC 0.5)"),
    }
    last = len(points) - 1
    kept = sorted({round(index * last / (ROC_ROWS - 1)) for index in range(ROC_ROWS)}) if last > 0 else [0]
    rows = tuple(tuple(number_text(part) for part in (*points[at][:3], None, None)[:3]) for at in kept)
    columns = (
        Column(_("False positive rate"), "right", kind="number"),
        Column(_("True positive rate"), "right", kind="number"),
        Column(_("Threshold"), "right", kind="number"),
    )
    note = _("%(shown)s of %(all)s points of the curve; all are in the evidence.") % {
        "shown": len(kept),
        "all": len(points),
    }
    table = Table(columns, rows, _("Points of the curve"), evidence_of([result]), note)
    return Figure(_("Receiver operating characteristic"), chart, table)


def _reliability(result: Result, measured: Mapping[str, Any], detail: Mapping[str, Any]) -> Figure:
    bins = detail["reliability"]
    chart = {
        "kind": "reliability",
        "bins": [
            {
                "score": row.get("mean_score"),
                "rate": row.get("observed"),
                "low": row.get("observed_low"),
                "high": row.get("observed_high"),
                "n": row.get("n"),
            }
            for row in bins
        ],
        "numbers": [
            _("Calibration error %(value)s") % {"value": number_text(measured.get("value"))},
            _("interval %(interval)s") % {"interval": interval_text(measured)},
            str(detail.get("binning", "")),
            f"n = {number_text(measured.get('n'))}",
        ],
        "x_title": _("Mean score in the bin; bars: number of cases"),
        "y_title": _("Observed rate"),
    }
    rows = tuple(
        (
            f"{number_text(row.get('low'))} – {number_text(row.get('high'))}",
            number_text(_whole(row.get("n"))),
            number_text(row.get("mean_score")),
            number_text(row.get("observed")),
            interval_text(row, "observed_low", "observed_high"),
        )
        for row in bins
    )
    columns = (
        Column(_("Scores from – to")),
        Column("n", "right", kind="number"),
        Column(_("Mean score"), "right", kind="number"),
        Column(_("Observed rate"), "right", kind="number"),
        Column(_("Interval"), "right", kind="number"),
    )
    return Figure(_("Calibration"), chart, Table(columns, rows, _("Calibration by bin"), evidence_of([result])))


def _gaps(result: Result, attributes: Sequence[Mapping[str, Any]]) -> Figure:
    measured = measurement_of(result)
    chart = {
        "kind": "groups",
        "rows": [
            {
                "label": row["attribute"],
                "value": row.get("value"),
                "low": row.get("low"),
                "high": row.get("high"),
                "note": _("not measured"),
            }
            for row in attributes
        ],
        "limit": limit_of(result),
        "limit_text": limit_text(result),
        "low": 0.0,
        "high": 1.0 if measured.get("unit") == "ratio" else None,
        "x_title": result["check"],
        "counts": False,
    }
    rows = tuple(
        (
            row["attribute"],
            number_text(row.get("value")),
            interval_text(row),
            row.get("lowest_group") or NONE,
            row.get("highest_group") or NONE,
            str(row.get("rate") or NONE).replace("_", " "),
            f"{number_text(row.get('groups_measured'))} / {number_text(row.get('groups_left_out'))}",
        )
        for row in attributes
    )
    columns = (
        Column(_("Attribute"), weight=1.2),
        Column(_("Value"), "right", 0.8, "number"),
        Column(_("Interval"), "right", 1.2, "number"),
        Column(_("Lowest group"), weight=1.3),
        Column(_("Highest group"), weight=1.3),
        Column(_("Rate"), weight=1.2),
        Column(_("Groups measured / too small"), "right", 1.1, "number"),
    )
    caption = _("Gap by attribute")
    return Figure(caption, chart, Table(columns, rows, caption, evidence_of([result])))


def _rates(groups: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of the rates the groups were measured on, in order."""
    names: dict[str, None] = {}
    for row in groups:
        for key in row.get("values") or {}:
            if f"{key}_low" in row["values"]:
                names[key] = None
    return list(names)


def _groups(result: Result, groups: Sequence[Mapping[str, Any]]) -> Figure:
    rates = _rates(groups)
    drawn: list[dict[str, Any]] = []
    rows: list[tuple[str, ...]] = []
    for row in groups:
        values = row.get("values") or {}
        base = {"attribute": row["attribute"], "note": row.get("note") or _("not measured")}
        if not values:
            drawn.append(base | {"label": row["group"], "n": row.get("n")})
        for rate in rates if values else ():
            label = row["group"] if len(rates) == 1 else f"{row['group']}, {_short(rate)}"
            drawn.append(
                base
                | {
                    "label": label,
                    "value": values.get(rate),
                    "low": values.get(f"{rate}_low"),
                    "high": values.get(f"{rate}_high"),
                    "n": _whole(values.get(f"{rate}_n", row.get("n"))),
                }
            )
        cells = [row["attribute"], row["group"], number_text(_whole(row.get("n")))]
        for rate in rates:
            cells.append(number_text(values.get(rate)))
            cells.append(interval_text(values, f"{rate}_low", f"{rate}_high"))
        rows.append((*cells, row.get("note") or ""))
    columns = [Column(_("Attribute"), weight=1.1), Column(_("Group"), weight=1.4), Column("n", "right", 0.6, "number")]
    for rate in rates:
        columns += [Column(_words(rate), "right", 0.9, "number"), Column(_("Interval"), "right", 1.2, "number")]
    if any(row[-1] for row in rows):
        columns.append(Column(_("Note"), weight=1.3))
    else:
        rows = [row[:-1] for row in rows]
    chart = {
        "kind": "groups",
        "rows": drawn,
        "low": 0.0,
        "high": 1.0,
        "x_title": ", ".join(_words(rate) for rate in rates),
    }
    table = Table(tuple(columns), tuple(rows), _("Rates by group"), evidence_of([result]))
    return Figure(_("Rates by group with their intervals"), chart, table)


def _short(rate: str) -> str:
    return "".join(word[0].upper() for word in rate.split("_"))


def _words(rate: str) -> str:
    return rate.replace("_", " ").capitalize()


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _importance(result: Result, detail: Mapping[str, Any]) -> Figure:
    rows = detail["features"]
    chart = {
        "kind": "bars",
        "rows": [{"label": row["feature"], "value": row["mean_abs"], "error": _half(row)} for row in rows],
        "x_title": _("mean absolute SHAP value, %(output)s") % {"output": detail.get("output", "")},
        "error_text": _("± half of the interval"),
    }
    cells = tuple(
        (
            number_text(row["rank"]),
            row["feature"],
            number_text(row["mean_abs"]),
            interval_text(row),
            f"{row['share'] * 100:.1f} %" if row.get("share") is not None else NONE,
        )
        for row in rows
    )
    columns = (
        Column(_("Rank"), "right", 0.5, "number"),
        Column(_("Feature"), weight=2.4),
        Column(_("Mean |SHAP|"), "right", kind="number"),
        Column(_("Interval"), "right", 1.3, "number"),
        Column(_("Share"), "right", 0.8, "number"),
    )
    note = _("Features below these ranks together: %(rest)s.") % {"rest": number_text(detail.get("rest_mean_abs"))}
    table = Table(columns, cells, _("Global importance"), evidence_of([result]), note)
    return Figure(_("Global importance of features"), chart, table)


def _half(row: Mapping[str, Any]) -> float | None:
    return None if row.get("high") is None else float(row["high"]) - float(row["mean_abs"])


def _drift(result: Result, features: Sequence[Mapping[str, Any]]) -> Figure:
    chart = {
        "kind": "bars",
        "rows": [{"label": row["feature"], "value": row.get("psi")} for row in features],
        "limit": limit_of(result),
        "limit_text": limit_text(result),
        "x_title": _("population stability index"),
    }
    rows = tuple(
        (
            row["feature"],
            number_text(row.get("psi")),
            interval_text(row),
            number_text(row.get("by_chance")),
            number_text(row.get("n_reference")),
            number_text(row.get("n_current")),
        )
        for row in features
    )
    columns = (
        Column(_("Feature"), weight=2),
        Column("PSI", "right", kind="number"),
        Column(_("Interval"), "right", 1.4, "number"),
        Column(_("By chance"), "right", kind="number"),
        Column(_("n reference"), "right", kind="number"),
        Column(_("n evaluation"), "right", kind="number"),
    )
    table = Table(columns, rows, _("Stability by feature"), evidence_of([result]))
    return Figure(_("Population stability index by feature"), chart, table)


def _shares(result: Result, bins: Sequence[Mapping[str, Any]]) -> Table:
    rows = tuple((row["bin"], number_text(row.get("reference")), number_text(row.get("current"))) for row in bins)
    columns = (
        Column(_("Bin of the score"), weight=2),
        Column(_("Share in the reference"), "right", kind="number"),
        Column(_("Share in the evaluation"), "right", kind="number"),
    )
    return Table(columns, rows, _("Shares by bin"), evidence_of([result]))


def _levels(result: Result, levels: Sequence[Mapping[str, Any]]) -> Figure:
    chart = {
        "kind": "groups",
        "rows": [
            {
                "label": row["perturbation"],
                "value": row.get("loss"),
                "low": row.get("low"),
                "high": row.get("high"),
                "note": _("not measured"),
            }
            for row in levels
        ],
        "limit": limit_of(result),
        "limit_text": limit_text(result),
        "x_title": _("loss of ROC AUC"),
        "counts": False,
    }
    rows = tuple(
        (
            row["perturbation"],
            number_text(row.get("auc_as_given")),
            number_text(row.get("auc")),
            number_text(row.get("loss")),
            interval_text(row),
        )
        for row in levels
    )
    columns = (
        Column(_("Perturbation"), weight=1.4),
        Column(_("AUC as given"), "right", kind="number"),
        Column(_("AUC after"), "right", kind="number"),
        Column(_("Loss"), "right", kind="number"),
        Column(_("Interval"), "right", 1.4, "number"),
    )
    table = Table(columns, rows, _("Loss by perturbation"), evidence_of([result]))
    return Figure(_("Loss of ROC AUC when values are missing"), chart, table)
