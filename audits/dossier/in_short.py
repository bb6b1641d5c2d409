"""What changed between two versions, on one page and in plain words? From stored facts alone; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from audits.dossier.content import Block, Column, Paragraph, Table
from audits.dossier.contract import Facts
from audits.dossier.measures import NONE, evidence_of, interval_text, measurement_of, number_text, status_text
from audits.statistics.intervals import Interval, mover_difference

MEASURED = ("performance", "explainability", "fairness")
MOST = 8
LONG = 80
Sections = Mapping[str, Facts]
Sides = tuple[str, str]


@dataclass(frozen=True)
class Moved:
    """How one requirement was measured on both sides; ``interval`` is that of later minus earlier, where there is one."""

    key: str
    earlier: Mapping[str, Any]
    later: Mapping[str, Any]
    difference: float | None
    interval: Interval | None

    @property
    def told_apart(self) -> bool:
        """Whether the interval of the difference leaves zero out."""
        return self.interval is not None and not self.interval.low <= 0.0 <= self.interval.high

    @property
    def better(self) -> bool:
        """Whether it moved towards what the requirement asks for."""
        up = str((self.later.get("requirement") or {}).get("op", "")).startswith(">")
        return self.difference is not None and self.difference != 0 and (self.difference > 0) == up

    @property
    def answered_otherwise(self) -> bool:
        """Whether the two were judged differently."""
        return bool(self.earlier["status"] != self.later["status"])


def summary(earlier: Sections, later: Sections, names: Sides) -> tuple[Block, ...]:
    """Return what differs and what does not, then the measurements that moved most clearly."""
    lines = _lines(earlier, later)
    rows = tuple((what, *sides) for what, *sides in lines if sides[0] != sides[1])
    same = ", ".join(what for what, *sides in lines if sides[0] == sides[1])
    blocks: list[Block] = []
    if rows:
        text = _("These differ between %(earlier)s and %(later)s: %(what)s.")
        told = {"earlier": names[0], "later": names[1], "what": ", ".join(row[0] for row in rows)}
        columns = (Column(_("What"), weight=1.1), Column(names[0], weight=2), Column(names[1], weight=2))
        blocks += [Paragraph(text % told, "lead"), Table(columns, rows, _("In short"))]
    if same:
        blocks.append(Paragraph(_("The same on both sides: %(what)s.") % {"what": same}))
    return (*blocks, *_metrics(earlier, later, names))


def moved(earlier: Sections, later: Sections) -> list[Moved]:
    """Return each requirement that both sides measured by the same check in the same way, in the order of the later."""
    before = {one["key"]: one for one in _results(earlier)}
    found = []
    for after in _results(later):
        one = before.get(after["key"])
        if one is None or _asked(one) != _asked(after):
            continue
        found.append(_moved(one, after))
    return found


def _moved(one: Mapping[str, Any], after: Mapping[str, Any]) -> Moved:
    left, right = _number(one), _number(after)
    if left is None or right is None:
        return Moved(after["key"], one, after, None, None)
    first, second = _interval(measurement_of(one)), _interval(measurement_of(after))
    if first is None or second is None or first.confidence != second.confidence:
        return Moved(after["key"], one, after, right - left, None)
    return Moved(after["key"], one, after, right - left, mover_difference((right, second), (left, first)))


def _number(result: Mapping[str, Any]) -> float | None:
    value = measurement_of(result).get("value")
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _interval(measured: Mapping[str, Any]) -> Interval | None:
    low, high, value = measured.get("low"), measured.get("high"), measured.get("value")
    if low is None or high is None or value is None or not low <= value <= high:
        return None
    return Interval(
        float(low), float(high), str(measured.get("method") or ""), float(measured.get("confidence") or 0.95)
    )


def _asked(result: Mapping[str, Any]) -> tuple[Any, ...]:
    requirement = result.get("requirement") or {}
    return result["check"], requirement.get("params") or {}, requirement.get("op"), measurement_of(result).get("unit")


def _results(sections: Sections) -> list[Mapping[str, Any]]:
    return [one for slug in MEASURED for one in sections.get(slug, {}).get("results", ())]


def _lines(earlier: Sections, later: Sections) -> list[tuple[str, str, str]]:
    """Return what is told of both sides, in words that are equal where nothing changed."""
    asked = (
        (_("model file"), _file),
        (_("training data"), lambda one: _data(one, "training")),
        (_("evaluation data"), lambda one: _data(one, "evaluation")),
        (_("features"), _features),
        (_("scoring"), lambda one: one.get("design", {}).get("scoring")),
        (_("hyperparameters"), lambda one: one.get("design", {}).get("hyperparameters")),
        (_("libraries"), lambda one: one.get("design", {}).get("library_versions")),
        (_("code"), lambda one: one.get("design", {}).get("code_commit")),
        (_("policy"), _policy),
        (_("decisions that stood"), _decisions),
        (_("open findings"), _findings),
        (_("where it ran at the instant"), _places),
    )
    lines = [(what, told(earlier), told(later)) for what, told in asked]
    return [(what, *_apart(before, after)) for what, before, after in lines]


def _apart(before: Any, after: Any) -> tuple[str, str]:
    """Return two objects or long lists by what one has and the other has not; anything else shortened."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        names = [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
        return _only(before, names), _only(after, names)
    if not isinstance(before, str) or not isinstance(after, str):
        return str(before or NONE), str(after or NONE)
    if before == after or ", " not in before + after or max(len(before), len(after)) < LONG:
        return _cut(before or NONE), _cut(after or NONE)
    left, right = before.split(", "), after.split(", ")
    common = len(set(left) & set(right))
    only = [one for one in left if one not in right], [one for one in right if one not in left]
    return _alone(common, only[0]), _alone(common, only[1])


def _only(values: Mapping[str, Any], names: Sequence[str]) -> str:
    return _cut(", ".join(f"{name.replace('_', ' ')} {values[name]}" for name in names if name in values)) or NONE


def _alone(common: int, names: Sequence[str]) -> str:
    if not names:
        return _("%(count)s in common, nothing else") % {"count": common}
    return _cut(_("%(count)s in common, and: %(names)s") % {"count": common, "names": ", ".join(names)})


def _cut(text: str) -> str:
    return text if len(text) <= 2 * LONG else f"{text[: 2 * LONG - 1]}…"


def _file(one: Sections) -> str:
    cover = one.get("cover", {})
    return f"{cover.get('artifact_format') or '?'}, {cover['artifact'][:12]}…" if cover.get("artifact") else NONE


def _of_role(one: Sections, role: str) -> Mapping[str, Any]:
    return next((data for data in one.get("data", {}).get("datasets", ()) if data["role"] == role), {})


def _data(one: Sections, role: str) -> str:
    used = _of_role(one, role)
    if not used:
        return NONE
    rows = NONE if used["rows"] is None else f"{used['rows']:,}"
    return _("%(name)s, %(rows)s rows, %(digest)s…") % {
        "name": f"{used['dataset']}/{used['version']}",
        "rows": rows,
        "digest": used["digest"][:12],
    }


def _features(one: Sections) -> str:
    used = _of_role(one, "training") or _of_role(one, "evaluation")
    return ", ".join(map(str, (used.get("roles") or {}).get("features") or ())) or NONE


def _policy(one: Sections) -> str:
    scope = one.get("scope", {})
    return f"{scope['policy']} v{scope['number']}" if scope.get("policy") else NONE


def _decisions(one: Sections) -> str:
    given = [
        decision["decision"]
        for request in one.get("approvals", {}).get("requests", ())
        for decision in request["decisions"]
        if not decision["withdrawn_at"]
    ]
    return _("%(yes)s yes, %(no)s no") % {"yes": given.count("approve"), "no": given.count("reject")}


def _findings(one: Sections) -> str:
    live = [found for found in one.get("findings", {}).get("findings", ()) if found["state"] == "open"]
    return _("%(open)s, of which %(blocking)s block promotion") % {
        "open": len(live),
        "blocking": sum(bool(found["blocking"]) for found in live),
    }


def _places(one: Sections) -> str:
    running = {used["environment"] for used in one.get("model", {}).get("deployments", ()) if not used["ended_at"]}
    return ", ".join(sorted(map(str, running))) or NONE


def _metrics(earlier: Sections, later: Sections, names: Sides) -> tuple[Block, ...]:
    found = moved(earlier, later)
    if not found:
        return (Paragraph(_("No requirement was measured of both versions in the same way.")),)
    apart = [one for one in found if one.told_apart]
    text = _(
        "%(count)s requirements were measured of both in the same way. Of %(apart)s the interval of the difference leaves "
        "zero out: %(better)s for the better, %(worse)s for the worse. %(turned)s are answered otherwise than before."
    ) % {
        "count": len(found),
        "apart": len(apart),
        "better": sum(one.better for one in apart),
        "worse": sum(not one.better for one in apart),
        "turned": sum(one.answered_otherwise for one in found),
    }
    ordered = sorted(found, key=lambda one: (not one.answered_otherwise, not one.told_apart, one.interval is None))
    note = _(
        "The interval of a difference is worked out from those of both sides as if they were independent (MOVER); on the "
        "same rows it is usually wider than it need be. Zero within it: the two cannot be told apart."
    )
    if len(found) > MOST:
        note = _("The first %(shown)s of %(count)s.") % {"shown": MOST, "count": len(found)} + " " + note
    return (Paragraph(text), metrics_table(ordered[:MOST], names, _("Measurements that moved"), note))


def metrics_table(found: Sequence[Moved], names: Sides, caption: str, note: str = "") -> Table:
    """Return both measurements, the difference with its interval, and what it says."""
    rows = tuple((one.key, _told(one.earlier), _told(one.later), _difference(one), _says(one)) for one in found)
    columns = (
        Column(_("Requirement"), weight=1.4),
        Column(names[0], "right", 1.5, "number"),
        Column(names[1], "right", 1.5, "number"),
        Column(_("Difference"), "right", 1.6, "number"),
        Column(_("What it says"), weight=1.8),
    )
    evidence = evidence_of([side for one in found for side in (one.earlier, one.later)])
    return Table(columns, rows, caption, evidence, note)


def _told(result: Mapping[str, Any]) -> str:
    measured = measurement_of(result)
    return f"{number_text(measured.get('value'))} {interval_text(measured)}"


def _difference(one: Moved) -> str:
    if one.difference is None:
        return NONE
    ends = {"low": one.interval.low, "high": one.interval.high} if one.interval else {}
    return f"{one.difference:+.3g} {interval_text(ends)}"


def _says(one: Moved) -> str:
    if one.interval is None:
        said = _("no interval")
    elif one.told_apart:
        said = _("better: zero is outside") if one.better else _("worse: zero is outside")
    else:
        said = _("not told apart: zero is inside")
    if not one.answered_otherwise:
        return said
    return f"{said}; {status_text(one.earlier['status'])} → {status_text(one.later['status'])}"
