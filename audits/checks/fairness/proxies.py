"""Which feature alone tells a sensitive attribute, and so may stand in for it?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audits.checks.contract import CheckSubject, Insufficient, Measurement, Plot, check
from audits.checks.contract import PlotColumn as Column
from audits.checks.contract import gettext_noop as _
from audits.checks.fairness import plots
from audits.checks.fairness.attributes import BY_ATTRIBUTE, chosen_attributes

if TYPE_CHECKING:
    from audits.statistics.intervals import Interval

NAMES = BY_ATTRIBUTE["attributes"]
COLUMNS = (
    Column(_("Feature"), "text"),
    plots.ATTRIBUTE,
    Column(_("Cramér's V")),
    plots.LOW,
    plots.HIGH,
    Column(_("Share of entropy told"), "share"),
    Column(_("AUC")),
    Column(_("Group told best"), "text"),
    plots.ROWS,
)


@dataclass(frozen=True)
class Told:
    """What one feature tells of one attribute: numbers for evidence, and both intervals of Cramér's V."""

    row: dict[str, Any]
    interval: Interval | None
    raised: Interval | None


@check(
    "fairness.proxy_screen",
    family="fairness",
    needs=("features", "sensitive"),
    unit="Cramér's V",
    better="lower",
    parameters={
        "attributes": NAMES,
        "features": dict(NAMES) | {"maxItems": 1_000},
        "bins": {"type": "integer", "minimum": 2, "maximum": 50},
        "min_group_size": BY_ATTRIBUTE["min_group_size"],
    },
    mend=(
        "Ask why the model needs the feature: drop it, coarsen it or record why it is needed; then compare error rates by "
        "group with and without it."
    ),
    tasks=("binary", "multiclass", "regression"),
)
def proxy_screen(
    subject: CheckSubject,
    *,
    attributes: list[str] | None = None,
    features: list[str] | None = None,
    bins: int = 10,
    min_group_size: int = 20,
    confidence: float = 0.95,
) -> Measurement:
    r"""Strongest link between one feature and one sensitive attribute.

    .. math:: \max_{x,a} \tilde V, \; \tilde V^2 = \frac{\max(0, \chi^2/n - (r-1)(k-1)/(n-1))}{\min(\tilde r, \tilde k) - 1}

    with r bins, k groups, :math:`\tilde r = r - (r-1)^2/(n-1)` and :math:`\tilde k` alike: Cramér's V without its bias,
    for each feature (numbers cut into bins at their quantiles) and attribute. 0: no feature
    tells anything of an attribute; 1: some feature tells it entirely, as the attribute itself does when it is a feature.

    Parameters
    ----------
    subject : evaluation table with features and sensitive attributes.
    attributes, features : what to screen; all of the table's when left out.
    bins : largest number of bins of a number.
    min_group_size : groups with fewer rows are left out.
    confidence : nominal coverage of the bias-corrected interval over 300 multinomial draws of the counts.

    Returns
    -------
    Measurement
        ``n`` rows of the groups compared (of the attribute with the fewest). ``detail.features`` holds each pair, ranked:
        V with interval and as scipy gives it, mutual information in nats and as a share of the attribute's entropy and,
        for numbers, the AUC with which the feature alone parts the group it tells best from all others (exact up to 5,000
        different values, else over 16,384 bins). ``detail.skipped`` names features that are texts with too many values.
        The lower end is the highest of all lower ends, each at a confidence raised for their number.

    Notes
    -----
    Limits: It sees one feature at a time: several weak ones together can tell an attribute that none tells alone. V
    depends on the bins and on how the attribute is grouped. Rows count, weights of a table are left aside.

    Not for: proof of discrimination, or of its absence: a link says that a feature could stand in for an attribute, not
    that the model uses it so, nor that its use is wrong.

    References
    ----------
    W. Bergsma, J. Korean Statistical Society 42 (2013) 323-328; H. Cramér, *Mathematical Methods of Statistics*, 1946;
    M. Feldman et al., KDD 2015, arXiv:1412.3756; ``scipy.stats.contingency.association``,
    ``sklearn.metrics.mutual_info_score``, ``sklearn.metrics.roc_auc_score``.
    """
    names = chosen_attributes(subject, attributes)
    chosen = tuple(features or subject.evaluation.roles.features)
    strangers = [name for name in chosen if name not in subject.evaluation.roles.features]
    if strangers:
        raise Insufficient(
            f"{strangers[0]!r} is not among the features of the evaluation table.",
            "Name it in the roles of the dataset version, or take it out of the requirement.",
        )
    found: list[Told] = []
    skipped: set[str] = set()
    problems: list[str] = []
    sizes: list[int] = []
    for attribute in names:
        before = len(found)
        raised = 1.0 - (1.0 - confidence) / (len(chosen) * len(names))
        for feature in chosen:
            told = _told(subject, feature, attribute, (bins, min_group_size), (confidence, raised))
            if told is None:
                skipped.add(feature)
            elif isinstance(told, Told):
                found.append(told)
        sizes.append(max((one.row["n"] for one in found[before:]), default=0))
        if len(found) == before:
            problems.append(
                f"{attribute}: no feature can be screened (two groups of at least {min_group_size} rows each)"
            )
    rows = sorted((one.row for one in found), key=lambda row: (-row["cramers_v"], row["feature"], row["attribute"]))
    notes = [f"{row['feature']}: the attribute itself is a feature." for row in rows if row["itself"]]
    if skipped:
        notes.append(f"Not screened, because they are texts with too many values: {', '.join(sorted(skipped))}.")
    value = None if problems else rows[0]["cramers_v"]
    whole = not problems and all(one.interval and one.raised for one in found)
    low = max(one.raised.low for one in found if one.raised) if whole else None
    high = max(one.interval.high for one in found if one.interval) if whole else None
    return Measurement(
        value,
        "Cramér's V",
        None if low is None or value is None else min(low, value),
        high,
        confidence,
        min(sizes),
        f"multinomial-resampling-bias-corrected, up to {bins} bins at quantiles",
        notes=tuple(notes),
        detail={"features": rows, "skipped": sorted(skipped)},
        reason="; ".join(problems) + "." if problems else "",
        plots=_plot(rows),
    )


def _told(
    subject: CheckSubject, feature: str, attribute: str, cut: tuple[int, int], confidences: tuple[float, float]
) -> Told | bool | None:
    """Return what a feature tells of an attribute; False for fewer than two groups, None for a text of many values."""
    from audits.statistics import cramer
    from audits.tables.stand_ins import feature_by_group

    counted = feature_by_group(subject.evaluation, feature, attribute)
    if counted is None:
        return None
    kept = [at for at, size in enumerate(counted.counts.sum(axis=0)) if size >= cut[1]]
    if len(kept) < 2:
        return False
    counts = counted.counts[:, kept]
    table = cramer.merged(counts, ordered=counted.ordered, bins=cut[0])
    shared, share = cramer.mutual_information(table)
    best = cramer.largest_auc(counts[1:]) if counted.ordered else None
    interval, raised = (
        cramer.v_interval(table, seed=subject.seed, confidence=confidence) for confidence in confidences
    )
    row = {
        "feature": feature,
        "attribute": attribute,
        "itself": feature == attribute,
        "n": int(table.sum()),
        "lines": len(table),
        "rule": counted.rule,
        "cramers_v": float(cramer.cramers_v(table.astype(float))),
        "low": interval.low if interval else None,
        "high": interval.high if interval else None,
        "plain_cramers_v": cramer.plain_cramers_v(table.astype(float)),
        "mutual_information": shared,
        "share_of_entropy": share,
        "auc": best[0] if best else None,
        "group_told_best": counted.groups[kept[best[1]]] if best else None,
    }
    return Told(row, interval, raised)


def _plot(rows: list[dict[str, Any]]) -> tuple[Plot, ...]:
    """Return the pairs by the strength of their link."""
    fields = ("feature", "attribute", "cramers_v", "low", "high", "share_of_entropy", "auc", "group_told_best", "n")
    return plots.table_of(
        "bars",
        _("What each feature alone tells of a sensitive attribute"),
        COLUMNS,
        [tuple(row[name] for name in fields) for row in rows],
        label="Feature",
        value="Cramér's V",
        low="Low",
        high="High",
        scale=(0.0, 1.0),
        limited=True,
    )
