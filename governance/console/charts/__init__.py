"""Which drawings and which tables belong to a measurement? A drawing never stands without the numbers it shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from governance.console.charts import curves, rows, svg


@dataclass(frozen=True)
class Table:
    """The numbers of one or more drawings; cells are plain text. ``numeric`` says which columns are right-aligned."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Figure:
    """Drawings of one measurement with the table beside them."""

    title: str
    drawings: tuple[SafeString, ...]
    table: Table


def figures_of(measurement: Mapping[str, Any] | None, requirement: Mapping[str, Any]) -> list[Figure]:
    """Return what can be drawn of a measurement (the JSON of ``audits.checks.contract.Measurement``)."""
    if not measurement:
        return []
    detail = measurement.get("detail") or {}
    found = [
        make(measurement, requirement)
        for holds, make in (
            (detail.get("roc"), _roc),
            (detail.get("reliability"), _reliability),
            (measurement.get("groups"), _groups),
            (detail.get("features") and detail.get("route"), _importance),
            (detail.get("bins"), _shares),
            (detail.get("features") and not detail.get("route"), _features),
            (detail.get("levels"), _levels),
        )
        if holds
    ]
    return [figure for figure in found if figure.drawings or figure.table.rows]


def _roc(measurement: Mapping[str, Any], _requirement: Mapping[str, Any]) -> Figure:
    points = measurement["detail"]["roc"]
    step = max(1, len(points) // 12)
    kept = [*points[::step], *([points[-1]] if (len(points) - 1) % step else [])]
    cells = tuple(tuple(svg.number(part) for part in point[:3]) for point in kept)
    table = Table(
        _("Points of the curve (every %(step)s of %(all)s)") % {"step": step, "all": len(points)},
        (_("False positive rate"), _("True positive rate"), _("Threshold")),
        cells,
        frozenset({0, 1, 2}),
    )
    return _figure(_("ROC curve"), table, curves.roc(measurement))


def _reliability(measurement: Mapping[str, Any], _requirement: Mapping[str, Any]) -> Figure:
    cells = tuple(
        (
            f"{svg.number(row.get('low'), 2)} – {svg.number(row.get('high'), 2)}",
            svg.number(row.get("n"), 0) if row.get("n") is not None else "< 3",
            svg.number(row.get("mean_score")),
            svg.number(row.get("observed")),
            _between(row, "observed_low", "observed_high"),
        )
        for row in measurement["detail"]["reliability"]
    )
    columns = (_("Bin of the score"), _("n"), _("Mean score"), _("Observed rate"), _("Interval"))
    table = Table(_("Reliability by bin"), columns, cells, frozenset({1, 2, 3, 4}))
    return _figure(_("Reliability diagram"), table, curves.reliability(measurement))


def _groups(measurement: Mapping[str, Any], requirement: Mapping[str, Any]) -> Figure:
    members = list(measurement["groups"])
    rates = rows.rates_of(members)
    cells = tuple(
        (
            str(row["attribute"]),
            str(row["group"]),
            "< 3" if row["n"] is None else svg.number(row["n"]),
            *(part for rate in rates for part in _rate_cells(row, rate)),
            str(row.get("note") or ""),
        )
        for row in members
    )
    heads = [head for rate in rates for head in (rows.rate_name(rate), _("interval"), _("n of it"))]
    table = Table(
        _("Rates by group"),
        (_("Attribute"), _("Group"), _("n"), *heads, _("Note")),
        cells,
        frozenset(range(2, 3 + len(heads))),
    )
    return _figure(_("Rates by group"), table, *rows.groups(measurement, requirement))


def _rate_cells(row: Mapping[str, Any], rate: str) -> tuple[str, str, str]:
    values = row["values"]
    return (
        svg.number(values.get(rate)),
        _between(values, f"{rate}_low", f"{rate}_high"),
        svg.number(values.get(f"{rate}_n")),
    )


def _importance(measurement: Mapping[str, Any], _requirement: Mapping[str, Any]) -> Figure:
    detail = measurement["detail"]
    features = list(detail["features"])
    cells = tuple(
        (
            str(row.get("rank", at)),
            str(row.get("feature", "")),
            svg.number(row.get("mean_abs"), 4),
            _between(row, "low", "high", 4),
            f"{svg.number((svg.finite(row.get('share')) or 0.0) * 100, 1)} %",
        )
        for at, row in enumerate(features, 1)
    )
    columns = (_("Rank"), _("Feature"), _("mean |SHAP|"), _("Interval"), _("Share"))
    caption = _("Mean absolute SHAP value on %(rows)s rows, in %(output)s") % {
        "rows": svg.number(detail.get("sample_rows")),
        "output": detail.get("output", ""),
    }
    drawn = rows.bars(
        features, label="feature", value="mean_abs", title=_("Global importance (SHAP)"), unit=_("mean |SHAP|")
    )
    return _figure(_("Global importance (SHAP)"), Table(caption, columns, cells, frozenset({0, 2, 3, 4})), drawn)


def _shares(measurement: Mapping[str, Any], _requirement: Mapping[str, Any]) -> Figure:
    cells = tuple(
        (
            str(at),
            str(row.get("bin", "")),
            *(f"{(svg.finite(row.get(key)) or 0.0) * 100:.1f} %" for key in ("reference", "current")),
        )
        for at, row in enumerate(measurement["detail"]["bins"], 1)
    )
    columns = (_("Bin"), _("Score"), _("Training table"), _("Evaluation table"))
    table = Table(_("Shares of the score by bin"), columns, cells, frozenset({0, 2, 3}))
    return _figure(_("Shares of the score by bin"), table, rows.shares(measurement))


def _features(measurement: Mapping[str, Any], requirement: Mapping[str, Any]) -> Figure:
    features = list(measurement["detail"]["features"])
    cells = tuple(
        (
            str(row.get("feature", "")),
            svg.number(row.get("psi"), 4),
            _between(row, "low", "high", 4),
            svg.number(row.get("by_chance"), 4),
            svg.number(row.get("bins")),
        )
        for row in features
    )
    columns = (_("Feature"), "PSI", _("Interval"), _("by chance about"), _("Bins"))
    table = Table(_("Population stability index by feature"), columns, cells, frozenset({1, 2, 3, 4}))
    drawn = rows.bars(
        features,
        label="feature",
        value="psi",
        title=_("Population stability index by feature"),
        unit="PSI",
        limit=svg.finite(requirement.get("limit")),
    )
    return _figure(_("Population stability index by feature"), table, drawn)


def _levels(measurement: Mapping[str, Any], requirement: Mapping[str, Any]) -> Figure:
    levels = list(measurement["detail"]["levels"])
    cells = tuple(
        (
            str(row.get("perturbation", "")),
            svg.number(row.get("auc_as_given"), 4),
            svg.number(row.get("auc"), 4),
            svg.number(row.get("loss"), 4),
            _between(row, "low", "high", 4),
        )
        for row in levels
    )
    columns = (_("Perturbation"), _("AUC as given"), _("AUC blanked"), _("Loss"), _("Interval"))
    table = Table(_("Loss of AUC by share of blanked values"), columns, cells, frozenset({1, 2, 3, 4}))
    drawn = rows.bars(
        levels,
        label="perturbation",
        value="loss",
        title=_("Loss of AUC by share of blanked values"),
        unit=_("loss of AUC"),
        limit=svg.finite(requirement.get("limit")),
    )
    return _figure(_("Loss of AUC by share of blanked values"), table, drawn)


def _figure(title: str, table: Table, *drawings: SafeString | None) -> Figure:
    return Figure(title, tuple(drawn for drawn in drawings if drawn is not None), table)


def _between(row: Mapping[str, Any], low: str, high: str, digits: int = 3) -> str:
    return svg.interval(row.get(low), row.get(high), digits)
