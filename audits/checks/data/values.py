"""Which values of the features are missing, out of range, never seen before, or all alike?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from audits.checks.contract import TASKS, CheckSubject, Insufficient, Measurement, check, gettext_noop
from audits.checks.data.by_feature import listed, shares, widest, wilson_row

MEND = "Find where the values were lost or changed on the way into the table (join, export, unit, code list)."
FEW_VALUES = 10


@check(
    "data.missing_values",
    family="data",
    needs=("features",),
    unit="share",
    better="lower",
    parameters={"of": {"enum": ["share", "change"]}},
    mend=MEND,
    tasks=TASKS,
)
def missing_values(subject: CheckSubject, *, of: str = "share", confidence: float = 0.95) -> Measurement:
    r"""Largest share of missing values in a feature.

    .. math:: \max_j \frac1n \#\{i : x_{ij} \text{ is missing or a text of blanks}\}

    0: every feature is complete; 1: some feature has no value at all.

    Parameters
    ----------
    subject : evaluation table with ``features``; the reference, where there is one, says what was usual.
    of : "share", or "change": the largest rise of the share against the reference (Newcombe's interval).
    confidence : nominal coverage of each feature's interval.

    Returns
    -------
    Measurement
        ``n`` rows; the interval joins the largest lower and the largest upper end of all features;
        ``detail.features`` holds one row per feature, worst first, with the share in the reference.

    Notes
    -----
    Limits: NULL, NaN and texts of blanks count as missing; a code such as 999 or "." does so only where the dataset's
    registration declares it.
    Not for: judging whether a value is missing for a reason that matters; see ``data.leakage_suspicion``.

    References
    ----------
    R. G. Newcombe, Statistics in Medicine 17 (1998) 857-872 (method 3) and 873-890 (method 10, of two shares).
    """
    from audits.statistics.shift import share_change
    from audits.tables.gaps import gaps

    features, reference = subject.evaluation.roles.features, subject.reference
    known = {} if reference is None else _known(subject, features)
    rows: list[dict[str, Any]] = []
    for found in gaps(subject.evaluation, features):
        count = found.missing + found.blank
        row = {"feature": found.column, "n": found.rows} | wilson_row(count, found.rows, confidence)
        row |= {"blank": found.blank / found.rows, "reference": None, "change": None}
        before = known.get(found.column)
        if before is not None:
            moved = share_change(before.missing + before.blank, before.rows, count, found.rows, confidence)
            row |= {
                "reference": before.share,
                "change": moved.value,
                "change_low": moved.low,
                "change_high": moved.high,
            }
        rows.append(row)
    name = of
    if of == "change":
        rows = [row for row in rows if row["change"] is not None]
        if not rows:
            raise Insufficient("There is no reference with these features.", "Record the training dataset version.")
        rows = [row | {"low": row["change_low"], "high": row["change_high"]} for row in rows]
    rows.sort(key=lambda row: (-row[name], row["feature"]))
    low, high = widest(rows)
    title = {
        "share": gettext_noop("Missing values by feature"),
        "change": gettext_noop("Rise of missing values by feature"),
    }
    return Measurement(
        rows[0][name],
        "share",
        low,
        high,
        confidence,
        subject.evaluation.rows,
        "wilson" if of == "share" else "newcombe",
        detail={"features": rows, "worst": rows[0]["feature"]},
        plots=(shares(title[of], rows, value=name, more=("reference", "blank")),),
    )


def _known(subject: CheckSubject, features: tuple[str, ...]) -> Mapping[str, Any]:
    from audits.tables.gaps import gaps

    reference = subject.reference
    if reference is None:
        return {}
    both = tuple(name for name in features if name in reference.table.columns)
    return {found.column: found for found in gaps(reference, both)}


@check(
    "data.out_of_range",
    family="data",
    needs=("features",),
    unit="share",
    better="lower",
    mend="Find the rows outside (unit, decimal point, code for 'unknown'), or widen the declared range if they are right.",
    tasks=TASKS,
)
def out_of_range(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Largest share of a numeric feature's values outside its declared range, else outside that of the reference.

    .. math:: \max_j \frac1{n_j} \#\{i : x_{ij} < l_j \text{ or } x_{ij} > h_j\}

    0: every number lies within; 1: none of some feature does. Infinities lie outside.

    Parameters
    ----------
    subject : evaluation table with ``features``; ``declared["ranges"]`` or a reference says what the ranges are.
    confidence : nominal coverage of each feature's Wilson interval.

    Returns
    -------
    Measurement
        ``n`` rows; the interval joins the largest lower and the largest upper end of all features;
        ``detail.features`` holds one row per feature, worst first, with the share expected by chance: a fresh row lies
        beyond one of the two ends of n reference rows with probability 2 / (n + 1).

    Notes
    -----
    Limits: a wrong unit within the range is not seen (see ``drift.wasserstein_features``); missing values are left out.
    Not for: outliers, which may be right.

    References
    ----------
    E. B. Wilson, JASA 22 (1927) 209-212; S. S. Wilks, Ann. Math. Statist. 12 (1941) 91-96 (tolerance limits).
    """
    from audits.tables.ranges import counts_outside, numeric, observed_ranges

    features = numeric(subject.evaluation, subject.evaluation.roles.features)
    if not features:
        raise Insufficient("No feature is numeric.", "Name numeric features, or drop the requirement.")
    ranges = {name: found for name in features if (found := _stated(subject.declared, name)) is not None}
    declared = set(ranges)
    if subject.reference is not None:
        both = tuple(name for name in features if name in subject.reference.table.columns)
        ranges = observed_ranges(subject.reference, numeric(subject.reference, both)) | ranges
    if not ranges:
        raise Insufficient(
            "No range is declared and there is no reference.",
            "Declare 'ranges' when a version is registered, or record the training dataset version in the lineage.",
        )
    by_chance = 2.0 / (subject.reference.rows + 1) if subject.reference is not None else None
    rows = []
    for name, (n, below, above) in counts_outside(subject.evaluation, ranges).items():
        row: dict[str, Any] = {"feature": name, "n": n} | wilson_row(below + above, n, confidence)
        row |= {"below": below / n if n else None, "above": above / n if n else None, "range": list(ranges[name])}
        row |= {"declared": name in declared, "by_chance": None if name in declared else by_chance}
        rows.append(row)
    measured = [row for row in rows if row["share"] is not None]
    n = subject.evaluation.rows
    if not measured:
        reason = "No numeric feature has a value."
        return Measurement(None, "share", None, None, confidence, n, "wilson", detail={"features": rows}, reason=reason)
    measured.sort(key=lambda row: (-row["share"], row["feature"]))
    low, high = widest(measured)
    plot = shares(gettext_noop("Values out of range by feature"), measured, more=("below", "above", "by_chance"))
    detail = {"features": measured, "worst": measured[0]["feature"]}
    return Measurement(measured[0]["share"], "share", low, high, confidence, n, "wilson", detail=detail, plots=(plot,))


def _stated(declared: Mapping[str, Any], name: str) -> tuple[float, float] | None:
    stated = declared.get("ranges", {}).get(name)
    if stated is None:
        return None
    low, high = float(stated[0]), float(stated[1])
    return (low, high) if not (math.isnan(low) or math.isnan(high)) else None


@check(
    "data.unseen_categories",
    family="data",
    needs=("features", "reference"),
    unit="share",
    better="lower",
    mend="Find out what the new categories mean; map them to known ones, or retrain with them.",
    tasks=TASKS,
)
def unseen_categories(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Largest share of rows with a category of a feature that the reference does not have.

    .. math:: \max_j \frac1n \#\{i : x_{ij} \notin V_j\}

    where :math:`V_j` is the set of values of feature j in the reference. 0: every category is known; 1: for some
    feature none is. Texts, truth values and numbers with at most ten values in the reference are categories.

    Parameters
    ----------
    subject : evaluation and reference table with the features named in the roles of the evaluation table.
    confidence : nominal coverage of each feature's Wilson interval.

    Returns
    -------
    Measurement
        ``n`` rows; the interval joins the largest lower and the largest upper end of all features;
        ``detail.features`` holds one row per feature, worst first. New categories are counted, never named: a cell of a
        table may be personal.

    Notes
    -----
    Limits: missing values are no category here; a known category that changed its meaning is not seen.
    Not for: identifiers, which are new in every table by nature.

    References
    ----------
    E. B. Wilson, JASA 22 (1927) 209-212, for the interval.
    """
    from audits.tables.categories import unseen

    reference = subject.reference
    if reference is None:
        raise ValueError("the check needs a reference table")
    rows: list[dict[str, Any]] = []
    for name in _categories(subject):
        found = unseen(reference, subject.evaluation, name)
        row = {"feature": name, "n": found.n, "known": found.known}
        rows.append(row | wilson_row(found.unseen, found.n, confidence))
    measured = sorted(
        (row for row in rows if row["share"] is not None), key=lambda row: (-row["share"], row["feature"])
    )
    n = subject.evaluation.rows
    if not measured:
        raise Insufficient(
            "No feature holds categories that both tables have.",
            "Name features with categories, or drop the requirement.",
        )
    low, high = widest(measured)
    plot = shares(gettext_noop("Rows with a category the reference lacks"), measured)
    detail = {"features": measured, "worst": measured[0]["feature"]}
    return Measurement(measured[0]["share"], "share", low, high, confidence, n, "wilson", detail=detail, plots=(plot,))


def _categories(subject: CheckSubject) -> list[str]:
    """Return the features that hold categories in both tables; a column that changed its type is another matter."""
    from audits.tables.asking import narrowed, rows_of
    from audits.tables.gaps import batches

    reference = subject.reference
    if reference is None:
        return []
    found: list[str] = []
    numbers: list[str] = []
    for name in subject.evaluation.roles.features:
        if name not in reference.table.columns:
            continue
        kinds = [table.table[name].type() for table in (reference, subject.evaluation)]
        if any(kind.is_nested() for kind in kinds) or kinds[0].is_numeric() != kinds[1].is_numeric():
            continue
        (numbers if kinds[0].is_numeric() else found).append(name)
    few: set[str] = set()
    for names in batches(tuple(numbers)):
        narrow = narrowed(reference, names)
        asked = {f"n{at}": narrow[name].nunique() for at, name in enumerate(names)}
        facts = rows_of(narrow.aggregate(**asked))[0]
        few |= {name for at, name in enumerate(names) if 0 < int(facts[f"n{at}"]) <= FEW_VALUES}
    return [name for name in subject.evaluation.roles.features if name in few or name in found]


@check(
    "data.constant_columns",
    family="data",
    needs=("features",),
    unit="columns",
    better="lower",
    mend="Find out why the feature no longer varies (a join that failed, a default), or take it out of the model.",
    tasks=TASKS,
)
def constant_columns(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Number of features that have at most one value in the evaluation table.

    .. math:: \#\{j : |\{x_{ij}\}_i| \le 1\}

    0: every feature varies; without upper bound. Missing values are no value.

    Parameters
    ----------
    subject : evaluation table with ``features``; the reference, where there is one, tells whether it was so before.
    confidence : not used; columns are counted, not sampled.

    Returns
    -------
    Measurement
        ``n`` rows; without interval; ``detail.features`` names the columns, whether they hold nothing at all, and
        whether they were constant in the reference.

    Notes
    -----
    Limits: a column with one value but for a few rows is not counted; ``drift.psi_features`` shows it.
    Not for: features that are rare by nature, in a small table.

    References
    ----------
    None; the definition is the formula.
    """
    from audits.tables.gaps import gaps

    features = subject.evaluation.roles.features
    before = _known(subject, features)
    rows: list[dict[str, Any]] = [
        {
            "feature": found.column,
            "empty": found.distinct == 0,
            "reference": None if found.column not in before else before[found.column].distinct <= 1,
        }
        for found in gaps(subject.evaluation, features)
        if found.distinct <= 1
    ]
    words = {True: gettext_noop("yes"), False: gettext_noop("no")}
    lines = [(row["feature"], *(words.get(row[name]) for name in ("empty", "reference"))) for row in rows]
    headings = (
        (gettext_noop("Feature"), "text"),
        (gettext_noop("Without any value"), "text"),
        (gettext_noop("Constant in the reference"), "text"),
    )
    plots = (listed(gettext_noop("Features that do not vary"), headings, lines),) if lines else ()
    return Measurement(
        len(rows),
        "columns",
        None,
        None,
        confidence,
        subject.evaluation.rows,
        "complete count",
        detail={"features": rows, "columns": len(features)},
        plots=plots,
    )
