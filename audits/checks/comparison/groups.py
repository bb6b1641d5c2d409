"""Is this version worse than the other for any group of people?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audits.checks.comparison.metrics import BY_GROUP, chosen, losses
from audits.checks.contract import (
    COUNTED,
    CheckSubject,
    GroupRow,
    Measurement,
    Plot,
    PlotColumn,
    check,
    gettext_noop,
    intervals_plot,
)

if TYPE_CHECKING:
    from audits.tables.moments import Moments

MEND = "Find why the group fares worse (features, training rows of that group), mend it, or keep the other version."
SMALLEST_SHOWN = 3
CROSS = " × "


@dataclass(frozen=True)
class Shortfall:
    """By how much this version is worse in one group: value, standard error (None where unknown) and both figures."""

    attribute: str
    group: str
    n: int
    value: float | None
    error: float | None
    both: tuple[float | None, float | None]
    discordant: tuple[float, float, float] | None = None
    tie_error: float = 0.0
    why: str = ""


@check(
    "comparison.no_group_worse",
    family="comparison",
    needs=("labels", "baseline", "sensitive"),
    unit="shortfall",
    better="lower",
    parameters={
        "metric": {"enum": ["", *BY_GROUP]},
        "attributes": {
            "type": "array",
            "items": {"type": "string", "minLength": 1, "maxLength": 200},
            "minItems": 1,
            "maxItems": 10,
            "uniqueItems": True,
        },
        "intersections": {"type": "boolean"},
        "min_group_size": {"type": "integer", "minimum": 3, "maximum": 1_000_000},
        "baseline_threshold": {"type": "number", "minimum": 0, "maximum": 1},
    },
    mend=MEND,
    tasks=("binary", "multiclass", "regression"),
)
def no_group_worse(
    subject: CheckSubject,
    *,
    metric: str = "",
    attributes: list[str] | None = None,
    intersections: bool = True,
    min_group_size: int = 20,
    baseline_threshold: float | None = None,
    confidence: float = 0.95,
) -> Measurement:
    r"""Largest amount by which this version is worse than the other in any group: no group worse by more than x.

    .. math:: \max_g \delta_g, \qquad
              \Big[\max_g (\hat\delta_g - z_{1-\alpha/m}\,\mathrm{se}_g),\;
              \max_g (\hat\delta_g + z_{1-\alpha/m}\,\mathrm{se}_g)\Big]

    0: in no group is it worse, and in one alike; above 0: in some group it is worse by that much; below 0: it is better
    in each group. A requirement "at most x", judged on the bound, reads: no group is worse by more than x, with the
    stated confidence.

    Parameters
    ----------
    subject : evaluation table with ``target``, this version's answer, the other's as ``baseline``, and sensitive
        attributes.
    metric : "roc_auc", "brier", "log_loss" or "accuracy" (binary), "accuracy" (multiclass), "mae" or "mse"
        (regression); left out: roc_auc, accuracy, mae.
    attributes : sensitive attributes to group by; all of the table's when left out.
    intersections : also the groups that all attributes form together.
    min_group_size : a group of fewer rows is not measured. Under three people a group is suppressed altogether.
    baseline_threshold : at which the other version's score becomes a decision (accuracy); this version's own when left
        out.
    confidence : 1 - alpha. Each end is one-sided and holds for all m measured groups at once (Bonferroni).

    Returns
    -------
    Measurement
        ``n`` rows (of the attribute with the fewest measured); one row per group with its shortfall and simultaneous
        bounds, and both versions' figures; ``detail`` holds ``metric``, ``m``, ``worst_group``. No value where no group
        can be measured; no interval where a group's variance cannot be estimated.

    Notes
    -----
    Limits: it speaks of measured groups only; those too small are listed. Paired differences within a group: DeLong for
    the AUC, Agresti and Min for the accuracy, the normal law for mean losses; each is rough for groups of some twenty
    rows. Bonferroni is wider than need be, as groups overlap. Above 100,000 different pairs the AUC is that of scores
    grouped into 128 bins each.

    Not for: differences between groups (see the checks of fairness): a version may be worse for nobody and still treat
    groups unlike.

    References
    ----------
    O. J. Dunn, JASA 56 (1961) 52-64 (Bonferroni); E. R. DeLong et al., Biometrics 44 (1988) 837-845; A. Agresti, Y. Min,
    Statistics in Medicine 24 (2005) 729-740.
    """
    from scipy import stats

    name = chosen(subject, metric, BY_GROUP)
    columns = tuple(attributes or subject.evaluation.roles.sensitive)
    groupings: list[tuple[str, ...]] = [(column,) for column in columns]
    if intersections and len(columns) > 1:
        groupings.append(columns)
    found = [
        part
        for grouping in groupings
        for part in (
            _areas(subject, grouping, min_group_size)
            if name == "roc_auc"
            else _losses(subject, grouping, name, min_group_size, baseline_threshold)
        )
    ]
    measured = [part for part in found if part.value is not None]
    z = float(stats.norm.ppf(1.0 - (1.0 - confidence) / len(measured))) if measured else 0.0
    rows = [(part, *_bounds(part, z)) for part in found]
    method = f"one-sided, bonferroni over {len(measured)} groups"
    groups = tuple(_row(part, low, high) for part, low, high in rows)
    notes = _notes(found)
    if not measured:
        return Measurement(
            None,
            "shortfall",
            None,
            None,
            confidence,
            subject.evaluation.rows,
            method,
            groups=groups,
            notes=tuple(notes),
            detail={"metric": name, "m": 0},
            reason=f"No group has {min_group_size} rows that can be measured.",
        )
    worst = max(measured, key=lambda part: part.value if part.value is not None else 0.0)
    bounds = [(low, high) for part, low, high in rows if part.value is not None]
    lows, highs = [low for low, _ in bounds if low is not None], [high for _, high in bounds if high is not None]
    known = len(lows) == len(measured)
    if not known:
        notes.append("No interval: in some group the variance of the difference cannot be estimated.")
    value = worst.value if worst.value is not None else 0.0
    covered = [sum(part.n for part in measured if part.attribute == CROSS.join(grouping)) for grouping in groupings]
    return Measurement(
        value,
        "shortfall",
        min(max(lows), value) if known else None,
        max(*highs, value) if known else None,
        confidence,
        min(n for n in covered if n),
        method,
        groups=groups,
        notes=tuple(notes),
        detail={
            "metric": name,
            "m": len(measured),
            "worst_group": {"attribute": worst.attribute, "group": worst.group, "n": worst.n},
        },
        plots=(_plot(rows),),
    )


def _areas(subject: CheckSubject, grouping: tuple[str, ...], least: int) -> list[Shortfall]:
    import math

    from audits.statistics.paired import paired_auc
    from audits.tables.pairs import pair_cells

    attribute, found = CROSS.join(grouping), []
    for key, cells in pair_cells(subject.evaluation, grouping).items():
        group = CROSS.join(key)
        if cells.n < max(least, SMALLEST_SHOWN):
            found.append(_too_few(attribute, group, cells.n, least))
            continue
        if min(cells.n_positive, cells.n_negative) < SMALLEST_SHOWN:
            why = f"fewer than {SMALLEST_SHOWN} rows of one outcome: there is nothing to rank"
            found.append(Shortfall(attribute, group, cells.n, None, None, (None, None), why=why))
            continue
        area = paired_auc(
            cells.version,
            cells.baseline,
            cells.positive,
            cells.negative,
            effective_positive=cells.effective_positive,
            effective_negative=cells.effective_negative,
        )
        error = math.sqrt(area.variance) if area.variance > 1e-18 else None
        both = (area.version, area.baseline)
        moved = area.tie_error if cells.binned else 0.0
        found.append(Shortfall(attribute, group, cells.n, -area.difference, error, both, tie_error=moved))
    return found


def _losses(
    subject: CheckSubject, grouping: tuple[str, ...], name: str, least: int, threshold: float | None
) -> list[Shortfall]:
    import math

    from audits.tables.asking import group_label
    from audits.tables.decisions import group_keys
    from audits.tables.moments import merged, moments_by

    table = subject.evaluation
    version, baseline = losses(subject, name, threshold)
    values = {"difference": version - baseline, "version": version, "baseline": baseline}
    by_key = moments_by(table, values, tuple(group_keys(table, grouping)))
    named: dict[tuple[str, ...], dict[str, list[Moments]]] = {}
    for which, parts in by_key.items():
        for key, part in parts.items():
            labels = tuple(group_label(value) for value in key)
            named.setdefault(labels, {}).setdefault(which, []).append(part)
    attribute, found = CROSS.join(grouping), []
    for labels, parts_of in sorted(named.items()):
        part, own, other = (merged(parts_of[which]) for which in values)
        group = CROSS.join(labels)
        if part.n < max(least, SMALLEST_SHOWN):
            found.append(_too_few(attribute, group, part.n, least))
            continue
        error = part.error if math.isfinite(part.error) and part.error > 1e-15 else None
        both, discordant = (own.mean, other.mean), None
        if name == "accuracy":
            size = part.effective
            square = part.variance * (size - 1.0) / size + part.mean**2 if size > 1.0 else abs(part.mean)
            discordant = ((square - part.mean) / 2.0 * size, (square + part.mean) / 2.0 * size, size)
            both = (1.0 - own.mean, 1.0 - other.mean)
        found.append(Shortfall(attribute, group, part.n, part.mean, error, both, discordant))
    return found


def _too_few(attribute: str, group: str, n: int, least: int) -> Shortfall:
    why = f"{n} rows, at least {least} are required"
    if n < SMALLEST_SHOWN:
        why = f"fewer than {SMALLEST_SHOWN} people: nothing about them is shown"
    return Shortfall(attribute, group, n, None, None, (None, None), why=why)


def _bounds(part: Shortfall, z: float) -> tuple[float | None, float | None]:
    """Return the simultaneous one-sided bounds of a group's shortfall; None and None where unknown."""
    if part.value is None:
        return None, None
    if part.discordant is not None:
        from scipy import stats

        from audits.statistics.paired import accuracy_difference

        won, lost, n = part.discordant
        two_sided = min(max(float(2.0 * stats.norm.cdf(z) - 1.0), 1e-9), 1.0 - 1e-15)
        found = accuracy_difference(max(0.0, lost), max(0.0, won), n, two_sided)
        return min(found.low, part.value), max(found.high, part.value)
    if part.error is None:
        return None, None
    return part.value - z * part.error, part.value + z * part.error


def _row(part: Shortfall, low: float | None, high: float | None) -> GroupRow:
    if part.n < SMALLEST_SHOWN:
        return GroupRow(part.attribute, part.group, None, {}, None, None, "suppressed", part.why)
    if part.value is None:
        return GroupRow(part.attribute, part.group, part.n, {}, None, None, "too-small", part.why)
    values = {"shortfall": part.value, "version": part.both[0], "baseline": part.both[1]}
    return GroupRow(part.attribute, part.group, part.n, values, low, high, "measured")


def _notes(found: list[Shortfall]) -> list[str]:
    left_out = sum(part.value is None for part in found)
    notes = [f"{left_out} groups are too small to be measured; nothing is said about them."] if left_out else []
    if moved := max((part.tie_error for part in found), default=0.0):
        notes.append(f"Scores were grouped into 128 bins each, which moves each area by at most {moved:.1e}.")
    return notes


def _plot(rows: list[tuple[Shortfall, float | None, float | None]]) -> Plot:
    shown: list[tuple[Any, ...]] = [
        (f"{part.attribute}: {part.group}", part.value, low, high, part.n, *part.both)
        for part, low, high in sorted(rows, key=lambda row: -(row[0].value or 0.0))
        if part.value is not None
    ]
    return intervals_plot(
        gettext_noop("By how much this version is worse, by group"),
        gettext_noop("Group"),
        gettext_noop("Shortfall"),
        tuple(shown[:100]),
        more=(*COUNTED, PlotColumn(gettext_noop("This version")), PlotColumn(gettext_noop("The other version"))),
        limited=True,
    )
