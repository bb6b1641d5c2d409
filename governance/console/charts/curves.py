"""Do scores separate, and do they mean what they say? The ROC curve and the reliability diagram."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from governance.console.charts import svg

UNIT = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
SIDE = 260


def roc(measurement: Mapping[str, Any]) -> SafeString | None:
    """Draw the ROC curve of ``detail.roc``: rows of [false positive rate, true positive rate, threshold]."""
    points = [
        (across, up)
        for row in measurement["detail"].get("roc") or ()
        if (across := svg.finite(row[0])) is not None and (up := svg.finite(row[1])) is not None
    ]
    if not points:
        return None
    frame = svg.Frame(52, 24, SIDE, SIDE)
    area = [*((frame.x(x), frame.y(y)) for x, y in points), (frame.right, frame.bottom), (frame.left, frame.bottom)]
    value, low, high = (svg.number(measurement[key], 4) for key in ("value", "low", "high"))
    legend = frame.right + 24
    return svg.drawing(
        560,
        340,
        frame.y_axis(UNIT, _("True positive rate")),
        frame.x_axis(UNIT, _("False positive rate")),
        svg.path(area, "area"),
        svg.line(frame.left, frame.bottom, frame.right, frame.top, "chance"),
        svg.path([(frame.x(x), frame.y(y)) for x, y in points], "curve"),
        svg.text(legend, 44, _("AUC %(value)s") % {"value": value}, kind="strong"),
        svg.text(legend, 64, f"[{low}, {high}]"),
        svg.text(legend, 84, _("n = %(n)s") % {"n": svg.number(measurement["n"])}),
        svg.line(legend, 110, legend + 26, 110, "chance"),
        svg.text(legend + 34, 114, _("no separation (0.5)"), kind="small"),
        title=_("ROC curve"),
        description=_("Area under the curve %(value)s, interval %(low)s to %(high)s, %(n)s cases.")
        % {"value": value, "low": low, "high": high, "n": measurement["n"]},
    )


def reliability(measurement: Mapping[str, Any]) -> SafeString | None:
    """Draw observed rate against mean score for the bins of ``detail.reliability``, with the number of cases below."""
    bins = [
        row for row in measurement["detail"].get("reliability") or () if svg.finite(row.get("mean_score")) is not None
    ]
    if not bins:
        return None
    frame = svg.Frame(52, 24, SIDE, SIDE)
    counts = svg.Frame(52, frame.bottom + 46, SIDE, 44, y_high=max(float(row.get("n") or 0) for row in bins) or 1.0)
    parts: list[SafeString] = [svg.line(frame.left, frame.bottom, frame.right, frame.top, "chance")]
    seen = []
    for row in bins:
        x = frame.x(float(row["mean_score"]))
        parts.append(_count(counts, x, svg.finite(row.get("n"))))
        observed, low, high = (svg.finite(row.get(key)) for key in ("observed", "observed_low", "observed_high"))
        if observed is None:
            continue
        seen.append((x, frame.y(observed)))
        if low is not None and high is not None:
            parts += [svg.line(x, frame.y(low), x, frame.y(high), "interval")]
            parts += [svg.line(x - 3, frame.y(end), x + 3, frame.y(end), "interval") for end in (low, high)]
    parts.append(svg.path(seen, "curve thin"))
    parts += [svg.marker("disc", x, y, "mark") for x, y in seen]
    legend = frame.right + 24
    value = svg.number(measurement["value"], 4)
    return svg.drawing(
        560,
        400,
        frame.y_axis(UNIT, _("Observed rate")),
        frame.x_axis(UNIT, _("Mean score in the bin")),
        *parts,
        svg.line(counts.left, counts.bottom, counts.right, counts.bottom, "axis"),
        svg.text(counts.right + 8, counts.bottom, _("cases per bin"), kind="small"),
        svg.text(legend, 44, _("Calibration error %(value)s") % {"value": value}, kind="strong"),
        svg.text(legend, 64, f"[{svg.number(measurement['low'], 4)}, {svg.number(measurement['high'], 4)}]"),
        svg.text(legend, 84, _("n = %(n)s") % {"n": svg.number(measurement["n"])}),
        svg.line(legend, 110, legend + 26, 110, "chance"),
        svg.text(legend + 34, 114, _("score = observed rate"), kind="small"),
        title=_("Reliability diagram"),
        description=_("Observed rate against mean score in %(bins)s bins; expected calibration error %(value)s.")
        % {"bins": len(bins), "value": value},
    )


def _count(frame: svg.Frame, x: float, n: float | None) -> SafeString:
    top = frame.y(n or 0.0)
    return svg.tag("rect", x=x - 5, y=top, width=10, height=max(0.0, frame.bottom - top), class_="bar quiet")
