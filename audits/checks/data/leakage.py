"""Does one feature alone give the outcome away?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audits.checks.contract import (
    TASKS,
    CheckSubject,
    Insufficient,
    Measurement,
    Plot,
    PlotColumn,
    check,
    gettext_noop,
    intervals_plot,
)
from audits.checks.data.by_feature import SHOWN

if TYPE_CHECKING:
    from audits.statistics.association import Strength
    from audits.tables.contract import EvaluationTable

MOST_CLASSES = 20
MOST_FEATURES = 1_000


@check(
    "data.leakage_suspicion",
    family="data",
    needs=("labels", "features"),
    unit="association",
    better="lower",
    mend="Find out when the feature's value is known: take it out if that is after the outcome, or made from it.",
    tasks=TASKS,
)
def leakage_suspicion(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Strongest association of a single feature with the outcome.

    .. math:: \max_j |2 A_j - 1|

    with :math:`A_j` the ROC AUC of feature j alone (for a number its value, either way round; for a category the share of
    the outcome among its other rows); the mean over classes against the rest for several classes; for amounts Spearman's
    :math:`|\rho|`, of categories :math:`\omega`. 0: no feature alone tells anything of the outcome; 1: one alone orders
    it perfectly, which is seldom honest.

    Parameters
    ----------
    subject : evaluation table with ``target`` and ``features``.
    confidence : nominal coverage of each feature's interval.

    Returns
    -------
    Measurement
        ``n`` rows; the interval joins the largest lower and the largest upper end of all features;
        ``detail.features`` holds one row per feature, strongest first: strength, AUC where there is one, how strongly it
        goes with the outcome that the value is missing, the share of rows where the feature is the outcome itself, and
        the share whose instant in the feature is after the row's own time.

    Notes
    -----
    Limits: one feature at a time, and a suspicion only: a strong honest feature looks the same. Texts with more than
    20,000 values are left out; of more than 20 classes the commonest 20 are looked at.
    Not for: leakage through several features together, or through rows (see ``data.train_test_overlap``).

    References
    ----------
    S. Kaufman et al., ACM TKDD 6 (2012) 15 (leakage); R. H. Somers, American Sociological Review 27 (1962) 799-811;
    D. G. Bonett, T. A. Wright, Psychometrika 65 (2000) 23-28 (interval of a rank correlation).
    """
    from audits.statistics.association import strength_interval
    from audits.tables.associations import class_counts, equal_shares, later_shares

    table = subject.evaluation
    features = table.roles.features[:MOST_FEATURES]
    classes: tuple[str, ...] = ()
    if subject.task != "regression":
        classes = tuple(class_counts(table))
        if len(classes) < 2:
            reason = "All outcomes are alike: nothing can give them away."
            return Measurement(None, "association", None, None, confidence, table.rows, "delong", reason=reason)
    rows, skipped = [], []
    for name in features:
        if table.table[name].type().is_nested():
            skipped.append(name)
            continue
        found = _amounts(table, name) if subject.task == "regression" else _classes(table, name, classes)
        kinds = {"value": found[0], "missing": found[1]}
        strongest = max(
            (part for part in kinds.values() if part is not None), key=lambda part: part.value, default=None
        )
        if strongest is None:
            skipped.append(name)
            continue
        interval = strength_interval(strongest, confidence)
        row: dict[str, Any] = {"feature": name, "strength": strongest.value, "how": strongest.how}
        row |= {"low": interval.low if interval else None, "high": interval.high if interval else None}
        row |= {"auc": (1.0 + strongest.value) / 2.0 if subject.task == "binary" else None}
        row |= {"missing": kinds["missing"].value if kinds["missing"] else None}
        rows.append(row)
    if not rows:
        raise Insufficient("No feature can be held against the outcome.", "Name features with numbers or categories.")
    held = tuple(row["feature"] for row in rows)
    equal, later = equal_shares(table, held), later_shares(table, held)
    rows = [row | {"equal": equal[row["feature"]], "later": later.get(row["feature"])} for row in rows]
    rows.sort(key=lambda row: (-row["strength"], row["feature"]))
    ends = [[row[end] if row[end] is not None else row["strength"] for row in rows] for end in ("low", "high")]
    known = rows[0]["low"] is not None
    notes = _notes(rows, skipped, len(table.roles.features) - len(features))
    return Measurement(
        rows[0]["strength"],
        "association",
        max(ends[0]) if known else None,
        max(ends[1]) if known else None,
        confidence,
        table.rows,
        "delong" if subject.task != "regression" else "bonett-wright",
        notes=notes,
        detail={"features": rows, "worst": rows[0]["feature"]},
        plots=(_plot(rows),),
    )


def _classes(table: EvaluationTable, name: str, classes: tuple[str, ...]) -> tuple[Strength | None, Strength | None]:
    """Return how strongly values, and missing values, of a feature go with the classes."""
    from audits.statistics import association
    from audits.tables.associations import rank_sums, value_counts

    looked = classes[:MOST_CLASSES] if len(classes) > 2 else (max(classes),)
    found: list[Strength] = []
    counts = value_counts(table, name, classes)
    if table.table[name].type().is_numeric():
        counted = counts and [counts.rank_sums(classes.index(label), label) for label in looked]
        ranked = [
            association.by_rank(sums.n_class, sums.n_rest, sums.below, sums.below_square, sums.above_square)
            for sums in counted or rank_sums(table, name, looked)
        ]
        found = _collected(found, ranked)
    gap = None
    if counts is not None:
        at = [classes.index(label) for label in looked]
        found = _collected(found, [association.by_category(counts.counts, of) for of in at])
        gap = association.mean_of([part for of in at if (part := association.by_gap(counts.counts, of)) is not None])
    return max(found, key=lambda part: part.value, default=None), gap


def _collected(found: list[Strength], parts: list[Strength | None]) -> list[Strength]:
    from audits.statistics.association import mean_of

    mean = mean_of([part for part in parts if part is not None])
    return [*found, mean] if mean is not None else found


def _amounts(table: EvaluationTable, name: str) -> tuple[Strength | None, Strength | None]:
    from audits.statistics import association
    from audits.tables.associations import amount_groups, rank_link

    found = []
    kind = table.table[name].type()
    if kind.is_numeric():
        link = rank_link(table, name)
        if link.rank_correlation is not None:
            found.append(association.by_correlation(link.rank_correlation, link.n))
    else:
        groups = amount_groups(table, name)
        strength = association.by_means(groups.n, groups.mean, groups.within) if groups is not None else None
        found += [strength] if strength is not None else []
    return max(found, key=lambda part: part.value, default=None), None


def _notes(rows: list[dict[str, Any]], skipped: list[str], beyond: int) -> tuple[str, ...]:
    notes = [
        f"{row['feature']} is the outcome itself in {row['equal']:.1%} of the rows."
        for row in rows
        if row["equal"] > 0.99
    ]
    notes += [
        f"{row['feature']} lies after the row's own time in {row['later']:.1%} of the rows."
        for row in rows
        if row["later"]
    ]
    if skipped:
        notes.append(f"Not held against the outcome: {', '.join(skipped[:10])}.")
    if beyond:
        notes.append(f"The first {MOST_FEATURES} features were looked at, {beyond} were not.")
    return tuple(notes[:10])


def _plot(rows: list[dict[str, Any]]) -> Plot:
    label, value = gettext_noop("Feature"), gettext_noop("Association with the outcome")
    title = gettext_noop("How much one feature alone tells of the outcome")
    auc, missing = gettext_noop("AUC of the feature alone"), gettext_noop("Association of its missing values")
    names = ("feature", "strength", "low", "high", "auc", "missing")
    cells = [tuple(row[name] for name in names) for row in rows[:SHOWN]]
    return intervals_plot(title, label, value, cells, more=(PlotColumn(auc), PlotColumn(missing)), scale=(0.0, 1.0))
