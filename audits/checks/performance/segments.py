"""For which rows is the model worse than for the others?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from audits.checks.contract import CheckSubject, Measurement, Plot, PlotColumn, check, gettext_noop
from registry.errors import DomainError

if TYPE_CHECKING:
    from audits.tables.segments import Cut, SegmentedTable

Kind = Literal["error", "squared", "absolute", "log"]

TASKS: dict[str, tuple[str, ...]] = {
    "error": ("binary", "multiclass"),
    "squared": ("binary", "regression"),
    "absolute": ("regression",),
    "log": ("binary",),
}
DEFAULT: dict[str, Kind] = {"binary": "error", "multiclass": "error", "regression": "absolute"}
MAX_FEATURES = 60
BINS = 16


@check(
    "performance.weak_segments",
    family="performance",
    needs=("labels", "predictions", "features"),
    unit="loss",
    better="lower",
    parameters={
        "loss": {"enum": ["", *TASKS]},
        "depth": {"type": "integer", "minimum": 1, "maximum": 3},
        "min_segment_rows": {"type": "integer", "minimum": 20, "maximum": 1_000_000},
    },
    mend="Look at the rows of the segment (labels, missing features, too few rows in training), then mend or retrain; "
    "or say in the intended use that the model does not serve them.",
    tasks=("binary", "multiclass", "regression"),
)
def weak_segments(
    subject: CheckSubject,
    *,
    loss: Kind | Literal[""] = "",
    depth: int = 2,
    min_segment_rows: int = 50,
    confidence: float = 0.95,
) -> Measurement:
    r"""By how much the model is worse in the worst segment that a shallow tree on its errors finds than elsewhere.

    .. math:: \max_s\; (\bar l_s - \bar l_{\bar s})

    0: no segment is worse than the rest; for wrong decisions 1: each row of the segment is wrong and none elsewhere.

    Parameters
    ----------
    subject : evaluation table with ``target``, the model's answers and ``features``.
    loss : "error" (wrong or right; binary, multiclass), "squared" (of a score or amount), "log" (of a score) or
        "absolute" (of an amount); left out: error, absolute.
    depth : cuts a segment is made of at most.
    min_segment_rows : rows that each segment must hold.
    confidence : 1 - alpha. Of shares of wrong decisions Newcombe's interval and Fisher's one-sided test, of mean losses
        those of Welch. Each interval holds for all segments the tree could have ended in at once (Bonferroni), so it also
        holds for the worst, which was picked because it looked bad.

    Returns
    -------
    Measurement
        ``n`` rows; ``detail`` holds the ``segments`` (words, rows, mean loss in and outside, difference, simultaneous
        interval, p-value and p-value after Holm over all candidates) and ``candidates``, how many there were. No value
        where rows or features do not allow a cut.

    Notes
    -----
    Limits: nothing but sums by bin leaves the engine: features are cut at 15 quantiles (above 20,000 different values
    those of 4,096 even steps) or into 30 commonest categories, and the tree grows on the sums, one statement a level.
    It is greedy and may miss a segment that only two cuts together reveal. Counting every candidate makes the interval
    wide: a segment must be much worse, or large, to stand out. Only the first 60 features are searched. Where outcomes
    are harder to foresee, a loss is larger without any fault of the model.

    Not for: groups of people (see ``comparison.no_group_worse`` and the checks of fairness), whose attributes need not
    be features.

    References
    ----------
    Y. Chung, T. Kraska, N. Polyzotis, K. H. Tae, S. E. Whang, ICDE 2019, arXiv:1807.06068 (slice finding); L. Breiman et
    al., *Classification and Regression Trees*, 1984; S. Holm, Scandinavian Journal of Statistics 6 (1979) 65-70.
    """
    from audits.statistics import segments
    from audits.statistics.multiplicity import holm
    from audits.tables.answers import loss as loss_of
    from audits.tables.asking import number
    from audits.tables.moments import moments
    from audits.tables.segments import SegmentedTable

    kind: Kind = loss or DEFAULT[subject.task]
    _refuse(subject, kind)
    table = subject.evaluation
    exact = kind == "error" and table.roles.weight is None
    lost = loss_of(table, kind)
    # wrong or right is summed in whole numbers; other losses around their mean, so that squares keep their digits
    middle = 0.0 if kind == "error" else moments(table, {"loss": lost})["loss"].mean
    held = SegmentedTable(table, lost - number(middle), table.roles.features[:MAX_FEATURES], bins=BINS)
    leaves, whole = _grown(held, depth, min_segment_rows)
    method = "fisher and newcombe, holm" if exact else "welch, holm"
    notes = _notes(held, table.roles.features)
    if not leaves or whole is None:
        reason = f"No cut of a feature leaves {min_segment_rows} rows on both sides."
        if whole is not None and _alike(whole):
            return Measurement(
                0.0, "loss", None, None, confidence, table.rows, method, notes=(*notes, "Every row has the same loss.")
            )
        return Measurement(None, "loss", None, None, confidence, table.rows, method, notes=tuple(notes), reason=reason)
    rises = [feature.ordered for feature in held.features]
    candidates = segments.searched([feature.bins for feature in held.features], rises, depth)
    found = [segments.contrast(sums, whole, exact=exact, of=candidates, confidence=confidence) for _, sums in leaves]
    adjusted = holm([part.p_value for part in found], of=candidates)
    rows = []
    for (part, sums), result, p in zip(leaves, found, adjusted, strict=True):
        low, high = (result.interval.low, result.interval.high) if result.interval else (None, None)
        size = int(sums[segments.N])
        means = (result.mean + middle, result.rest + middle)
        rows.append((held.words(part), size, *means, result.difference, low, high, result.p_value, p))
    rows.sort(key=lambda row: (-row[4], row[0]))
    worst = rows[0]
    return Measurement(
        worst[4],
        "loss",
        worst[5],
        worst[6],
        confidence,
        table.rows,
        method,
        notes=tuple(notes),
        detail={
            "loss": kind,
            "depth": depth,
            "candidates": candidates,
            "segments": [dict(zip(NAMES, row, strict=True)) for row in rows],
        },
        plots=(_plot(rows),),
    )


NAMES = ("segment", "n", "mean", "mean_elsewhere", "difference", "low", "high", "p_value", "p_value_holm")


def _grown(held: SegmentedTable, depth: int, least: int) -> tuple[list[tuple[tuple[Cut, ...], Any]], Any]:
    """Grow the tree level by level; return the leaves with their sums, none where nothing was cut, and all rows' sums."""
    from audits.statistics.segments import best_split
    from audits.tables.segments import Cut

    if not held.features:
        return [], None
    ordered = [feature.ordered for feature in held.features]
    open_parts: list[tuple[Cut, ...]] = [()]
    leaves: list[tuple[tuple[Cut, ...], Any]] = []
    whole = None
    for level in range(depth + 1):
        sums = held.sums(open_parts)
        whole = sums[0][0].sum(axis=0) if whole is None else whole
        following: list[tuple[Cut, ...]] = []
        for part, by_feature in zip(open_parts, sums, strict=True):
            split = best_split(by_feature, ordered, least) if level < depth else None
            if split is None:
                leaves.append((part, by_feature[0].sum(axis=0)))
                continue
            sides = [Cut(split.feature, split.alone, split.place, inside) for inside in (True, False)]
            following += [(*part, side) for side in sides]
        open_parts = following
        if not open_parts:
            break
    return [leaf for leaf in leaves if leaf[0]], whole


def _alike(whole: Any) -> bool:
    from audits.statistics.segments import SUM, SUM_SQUARE, WEIGHT

    return bool(whole[WEIGHT] > 0.0 and abs(whole[SUM_SQUARE] * whole[WEIGHT] - whole[SUM] ** 2) <= 1e-12)


def _refuse(subject: CheckSubject, kind: str) -> None:
    if subject.task not in TASKS[kind]:
        fitting = ", ".join(sorted(each for each, tasks in TASKS.items() if subject.task in tasks))
        message = f"A {subject.task} model has no {kind} loss; {fitting} are there."
        raise DomainError("bad-check-parameters", message, loss=kind)
    if kind in ("squared", "log") and subject.task == "binary" and subject.evaluation.roles.score is None:
        from audits.checks.contract import NEEDS, Insufficient

        _, reason, mend = NEEDS["scores"]
        raise Insufficient(reason, mend)


def _notes(held: SegmentedTable, features: tuple[str, ...]) -> list[str]:
    notes = []
    if len(features) > MAX_FEATURES:
        notes.append(f"Only the first {MAX_FEATURES} of {len(features)} features were searched.")
    if held.left_out:
        notes.append(f"Not searched, for the kind of their values: {', '.join(held.left_out[:10])}.")
    return notes


def _plot(rows: list[tuple[Any, ...]]) -> Plot:
    return Plot(
        "intervals",
        gettext_noop("By how much each segment is worse than the rest"),
        (
            PlotColumn(gettext_noop("Segment"), "text"),
            PlotColumn(gettext_noop("n"), "count"),
            PlotColumn(gettext_noop("Mean loss")),
            PlotColumn(gettext_noop("Mean loss elsewhere")),
            PlotColumn(gettext_noop("Difference")),
            PlotColumn(gettext_noop("Low")),
            PlotColumn(gettext_noop("High")),
            PlotColumn(gettext_noop("p-value")),
            PlotColumn(gettext_noop("p-value after Holm")),
        ),
        tuple(rows),
        label="Segment",
        value="Difference",
        low="Low",
        high="High",
        limited=True,
    )
