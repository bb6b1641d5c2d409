"""How do named rows compare? Groups with intervals against a limit, ranked bars, and one number on its line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from governance.console.charts import svg

ROW = 24
LABELS = 190
WIDTH = 720
MOST_ROWS = 40
ENDINGS = ("_low", "_high", "_n")


def rates_of(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the names of the rates that group rows hold, without their interval ends and counts."""
    names = dict.fromkeys(key for row in rows for key in row["values"] if not key.endswith(ENDINGS))
    return list(names)


def rate_name(key: str) -> str:
    """Return a rate in words."""
    words = {
        "selection_rate": _("selection rate"),
        "true_positive_rate": _("true positive rate"),
        "false_positive_rate": _("false positive rate"),
    }
    return words.get(key, key.replace("_", " "))


def groups(measurement: Mapping[str, Any], requirement: Mapping[str, Any]) -> list[SafeString]:
    """Draw one panel per attribute and rate: a dot with its interval per group, and where the limit lies.

    The limit is a distance to another group, so the line lies at the limit times the highest rate (ratios) or the limit
    below it (differences).
    """
    rows = list(measurement["groups"])
    found = []
    for attribute in dict.fromkeys(row["attribute"] for row in rows):
        members = [row for row in rows if row["attribute"] == attribute]
        for rate in rates_of(members):
            found.append(_panel(attribute, rate, members, measurement["unit"], requirement))
    return found


def _panel(
    attribute: str, rate: str, rows: list[Mapping[str, Any]], unit: str, requirement: Mapping[str, Any]
) -> SafeString:
    kept = rows[:MOST_ROWS]
    known = [value for row in kept if (value := svg.finite(row["values"].get(rate))) is not None]
    ends = [
        end
        for row in kept
        for key in ("_low", "_high")
        if (end := svg.finite(row["values"].get(rate + key))) is not None
    ]
    limit = _limit_line(max(known, default=None), unit, requirement)
    edges = [*known, *ends, *([limit] if limit is not None else [])] or [0.0, 1.0]
    ticks = svg.ticks_between(max(0.0, min(edges) - 0.02), min(1.0, max(edges) + 0.02))
    frame = svg.Frame(LABELS, 34, WIDTH - LABELS - 170, ROW * len(kept), x_low=ticks[0], x_high=ticks[-1])
    parts: list[SafeString] = [frame.x_axis(ticks, rate_name(rate))]
    if limit is not None:
        x = frame.x(limit)
        parts += [
            svg.line(x, frame.top - 6, x, frame.bottom, "limit"),
            svg.text(x, frame.top - 12, _limit_text(unit, requirement), kind="small limit-text", anchor="middle"),
        ]
    parts += [_group(frame, row, rate, frame.top + ROW * (at + 0.5), limit) for at, row in enumerate(kept)]
    values = ", ".join(f"{row['group']}: {svg.number(row['values'].get(rate))}" for row in kept)
    return svg.drawing(
        WIDTH,
        frame.bottom + 42,
        *parts,
        title=_("%(rate)s by %(attribute)s") % {"rate": rate_name(rate), "attribute": attribute},
        description=values,
    )


def _group(frame: svg.Frame, row: Mapping[str, Any], rate: str, y: float, limit: float | None) -> SafeString:
    values = row["values"]
    value, low, high = (svg.finite(values.get(rate + end)) for end in ("", "_low", "_high"))
    label = svg.text(frame.left - 12, y + 4, row["group"], anchor="end", within=28)
    if value is None:
        note = svg.text(frame.left + 8, y + 4, row.get("note") or _("not measured"), kind="small caution", within=60)
        count = svg.text(WIDTH, y + 4, _counted(row["n"]), kind="small", anchor="end")
        return svg.tag("g", label, note, count)
    beyond = limit is not None and value < limit
    kind = "mark bad" if beyond else "mark"
    parts = [label]
    if low is not None and high is not None:
        parts.append(svg.whisker(frame, low, high, y, "interval bad" if beyond else "interval"))
    parts.append(svg.marker("diamond" if beyond else "disc", frame.x(value), y, kind))
    between = f" [{svg.number(low)}, {svg.number(high)}]" if low is not None and high is not None else ""
    parts.append(svg.text(frame.right + 12, y + 4, f"{svg.number(value)}{between}", kind="small"))
    parts.append(svg.text(WIDTH, y + 4, _counted(values.get(f"{rate}_n", row["n"])), kind="small", anchor="end"))
    return svg.tag("g", *parts)


def _counted(n: object) -> str:
    count = svg.finite(n)
    return "n < 3" if count is None else f"n {int(count):,}"


def _limit_line(highest: float | None, unit: str, requirement: Mapping[str, Any]) -> float | None:
    limit = svg.finite(requirement.get("limit"))
    if limit is None or highest is None:
        return None
    return limit * highest if unit == "ratio" else highest - limit


def _limit_text(unit: str, requirement: Mapping[str, Any]) -> str:
    shown = svg.number(requirement.get("limit"))
    if unit == "ratio":
        return _("%(limit)s × the highest rate") % {"limit": shown}
    return _("%(limit)s below the highest rate") % {"limit": shown}


def bars(
    rows: list[Mapping[str, Any]],
    *,
    label: str,
    value: str,
    title: str,
    unit: str,
    limit: float | None = None,
    names: tuple[str, str] = ("low", "high"),
) -> SafeString | None:
    """Draw ranked bars with intervals; ``label``, ``value`` and ``names`` say under which keys a row holds them."""
    kept = [row for row in rows if svg.finite(row.get(value)) is not None][:20]
    if not kept:
        return None
    ends = [end for row in kept for key in (value, *names) if (end := svg.finite(row.get(key))) is not None]
    ticks = svg.ticks_between(0.0, max([*ends, *([limit * 1.05] if limit is not None else [])]) or 1.0)
    top = 34 if limit is not None else 12
    frame = svg.Frame(LABELS, top, WIDTH - LABELS - 170, ROW * len(kept), x_low=0.0, x_high=ticks[-1])
    parts: list[SafeString] = [frame.x_axis(ticks, unit)]
    for at, row in enumerate(kept):
        y = frame.top + ROW * (at + 0.5)
        size, low, high = (svg.finite(row.get(key)) for key in (value, *names))
        beyond = limit is not None and (size or 0.0) > limit
        width = max(0.5, frame.x(size or 0.0) - frame.left)
        parts.append(svg.text(frame.left - 12, y + 4, row.get(label, ""), anchor="end", within=28))
        parts.append(
            svg.tag("rect", x=frame.left, y=y - 7, width=width, height=14, class_="bar bad" if beyond else "bar")
        )
        between = ""
        if low is not None and high is not None:
            parts.append(svg.whisker(frame, low, high, y, "interval ink"))
            between = f" [{svg.number(low)}, {svg.number(high)}]"
        parts.append(svg.text(frame.right + 12, y + 4, f"{svg.number(size)}{between}", kind="small"))
    if limit is not None:
        x = frame.x(limit)
        parts.append(svg.line(x, frame.top - 6, x, frame.bottom, "limit"))
        said = _("limit %(limit)s") % {"limit": svg.number(limit)}
        parts.append(svg.text(x, frame.top - 12, said, kind="small limit-text", anchor="middle"))
    said = ", ".join(f"{row.get(label)}: {svg.number(row.get(value))}" for row in kept)
    return svg.drawing(WIDTH, frame.bottom + 42, *parts, title=title, description=said)


def shares(measurement: Mapping[str, Any]) -> SafeString | None:
    """Draw the shares of each bin of ``detail.bins`` before (reference) and now (current), side by side."""
    bins = list(measurement["detail"].get("bins") or ())[:24]
    if not bins:
        return None
    most = max((svg.finite(row.get(key)) or 0.0) for row in bins for key in ("reference", "current")) or 1.0
    ticks = svg.ticks_between(0.0, most, 4)
    frame = svg.Frame(52, 40, 640, 190, y_high=ticks[-1])
    step = frame.width / len(bins)
    parts: list[SafeString] = [
        frame.y_axis(ticks, ""),
        svg.line(frame.left, frame.bottom, frame.right, frame.bottom, "axis"),
    ]
    for at, row in enumerate(bins):
        x = frame.left + step * at + step / 2
        for side, key in ((-1, "reference"), (1, "current")):
            share = svg.finite(row.get(key)) or 0.0
            width = min(18.0, step * 0.38)
            left = x - width - 1 if side < 0 else x + 1
            kind = "bar quiet" if side < 0 else "bar"
            parts.append(
                svg.tag(
                    "rect", x=left, y=frame.y(share), width=width, height=frame.bottom - frame.y(share), class_=kind
                )
            )
        parts.append(svg.text(x, frame.bottom + 15, at + 1, kind="small", anchor="middle"))
    parts += [
        svg.tag("rect", x=frame.left, y=8, width=12, height=12, class_="bar quiet"),
        svg.text(frame.left + 18, 18, _("training table"), kind="small"),
        svg.tag("rect", x=frame.left + 130, y=8, width=12, height=12, class_="bar"),
        svg.text(frame.left + 148, 18, _("evaluation table"), kind="small"),
        svg.text(
            frame.left + frame.width / 2,
            frame.bottom + 32,
            _("bin (numbered as in the table)"),
            kind="small",
            anchor="middle",
        ),
    ]
    said = ", ".join(
        f"{row.get('bin')}: {svg.number(row.get('reference'))} → {svg.number(row.get('current'))}" for row in bins
    )
    return svg.drawing(WIDTH, frame.bottom + 42, *parts, title=_("Shares of the score by bin"), description=said)


def gauge(measurement: Mapping[str, Any], requirement: Mapping[str, Any], status: str) -> SafeString | None:
    """Draw one number with its interval and the limit on a short line, the side that is asked for drawn thick."""
    value, low, high, limit = (
        *(svg.finite(measurement.get(key)) for key in ("value", "low", "high")),
        svg.finite(requirement.get("limit")),
    )
    if value is None or limit is None:
        return None
    known = [end for end in (value, low, high, limit) if end is not None]
    room = (max(known) - min(known)) * 0.15 or abs(limit) * 0.2 or 0.1
    frame = svg.Frame(4, 4, 132, 20, x_low=min(known) - room, x_high=max(known) + room)
    y, at = frame.top + 10, frame.x(limit)
    upwards = str(requirement.get("op", "")).startswith(">")
    kind = {"met": "good", "not_met": "bad", "error": "bad"}.get(status, "caution")
    parts = [
        svg.line(frame.left, y, frame.right, y, "rail"),
        svg.line(at, y, frame.right if upwards else frame.left, y, "rail wanted"),
        svg.line(at, frame.top, at, frame.bottom, "limit solid"),
    ]
    if low is not None and high is not None:
        parts.append(svg.whisker(frame, low, high, y, f"interval {kind}"))
    shape = {"met": "disc", "not_met": "diamond", "insufficient": "ring"}.get(status, "cross")
    parts.append(svg.marker(shape, frame.x(value), y, f"mark {kind}"))
    said = _("value %(value)s, limit %(limit)s") % {"value": svg.number(value), "limit": svg.number(limit)}
    return svg.drawing(140, 28, *parts, title=said, description=said)
