"""How many rows are there, which of them repeat, and which were seen in training?"""

from __future__ import annotations

from typing import Any

from audits.checks.contract import TASKS, CheckSubject, Insufficient, Measurement, Plot, PlotColumn, check, gettext_noop
from audits.checks.data.by_feature import listed

SHOWN_CLASSES = 100


@check(
    "data.row_count",
    family="data",
    needs=("labels",),
    unit="rows",
    better="higher",
    parameters={"of": {"enum": ["rows", "rarest_outcome"]}},
    mend="Evaluate on more rows, above all on more rows of the rarest outcome.",
    tasks=TASKS,
)
def row_count(subject: CheckSubject, *, of: str = "rows", confidence: float = 0.95) -> Measurement:
    r"""Number of rows with an outcome.

    .. math:: n = \#\{i : y_i \text{ is known}\}

    0: nothing can be evaluated; without upper bound.

    Parameters
    ----------
    subject : evaluation table with ``target``.
    of : "rows", or "rarest_outcome": the rows of the rarest class, on which most measurements of a binary model depend.
    confidence : not used; rows are counted, not sampled.

    Returns
    -------
    Measurement
        ``n`` rows; without interval; ``detail.outcomes`` holds the rows of each class, ``reference`` those of the
        reference table.

    Notes
    -----
    Limits: many rows of one kind say little; see ``data.duplicates``.
    Not for: the power of one comparison, which its interval shows.

    References
    ----------
    None; the definition is the formula.
    """
    from audits.tables.associations import class_counts

    rows = subject.evaluation.rows
    before = subject.reference.rows if subject.reference is not None else None
    detail: dict[str, Any] = {"rows": rows, "reference": before}
    plots: tuple[Plot, ...] = ()
    value = rows
    if subject.task != "regression":
        counts = class_counts(subject.evaluation)
        detail["outcomes"] = [{"outcome": label, "n": n, "share": n / rows} for label, n in counts.items()]
        names = (gettext_noop("Outcome"), gettext_noop("Rows"), gettext_noop("Share"))
        columns = (PlotColumn(names[0], "text"), PlotColumn(names[1], "count"), PlotColumn(names[2], "share"))
        drawn = tuple((label, n, n / rows) for label, n in list(counts.items())[:SHOWN_CLASSES])
        plots = (Plot("bars", gettext_noop("Rows by outcome"), columns, drawn, label=names[0], value=names[1]),)
        expected = 2 if subject.task == "binary" else 1
        value = value if of == "rows" else (min(counts.values()) if len(counts) >= expected else 0)
    elif of != "rows":
        raise Insufficient("An amount has no rarest outcome.", "Count rows instead (of: rows).")
    return Measurement(value, "rows", None, None, confidence, rows, "complete count", detail=detail, plots=plots)


@check(
    "data.duplicates",
    family="data",
    needs=("features",),
    unit="share",
    better="lower",
    mend="Find out whether rows were exported or joined twice; count each case once.",
    tasks=TASKS,
)
def duplicates(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Share of rows that repeat an earlier row in all features and the outcome.

    .. math:: 1 - \frac{\#\{(x_i, y_i)\}}{n}

    0: all rows differ; towards 1: all rows are one and the same.

    Parameters
    ----------
    subject : evaluation table with ``features``, and ``target`` where it is named.
    confidence : not used; the whole table is counted.

    Returns
    -------
    Measurement
        ``n`` rows; without interval; ``detail`` holds the number of different rows, of rows with a twin, how often the
        commonest occurs, and the same share of the reference.

    Notes
    -----
    Limits: exact equality; a case entered twice with another spelling is not seen.
    Not for: tables of few categories, where different people look alike; hold the share against the reference's.

    References
    ----------
    None; the definition is the formula.
    """
    from audits.tables.twins import repeats

    found = repeats(subject.evaluation, _columns(subject, subject.evaluation))
    share = (found.rows - found.distinct) / found.rows
    before = None
    if subject.reference is not None:
        columns = tuple(name for name in _columns(subject, subject.reference))
        seen = repeats(subject.reference, columns) if columns else None
        before = (seen.rows - seen.distinct) / seen.rows if seen else None
    detail = {"distinct": found.distinct, "twins": found.twins, "most": found.most, "reference": before}
    headings = (
        (gettext_noop("Rows"), "count"),
        (gettext_noop("Different rows"), "count"),
        (gettext_noop("Rows with a twin"), "count"),
        (gettext_noop("The commonest row occurs"), "count"),
        (gettext_noop("Share of repeats"), "share"),
        (gettext_noop("In the reference"), "share"),
    )
    line = (found.rows, found.distinct, found.twins, found.most, share, before)
    plots = (listed(gettext_noop("Rows that repeat"), headings, [line]),)
    return Measurement(share, "share", None, None, confidence, found.rows, "complete count", detail=detail, plots=plots)


def _columns(subject: CheckSubject, table: Any) -> tuple[str, ...]:
    roles = subject.evaluation.roles
    wanted = [*roles.features, *([roles.target] if roles.target else [])]
    return tuple(name for name in wanted if name in table.table.columns and not table.table[name].type().is_nested())


@check(
    "data.train_test_overlap",
    family="data",
    needs=("features", "reference"),
    unit="share",
    better="lower",
    parameters={"of": {"enum": ["share", "excess"]}},
    mend="Take the rows that were trained on out of the evaluation table, or evaluate on later ones.",
    tasks=TASKS,
)
def train_test_overlap(subject: CheckSubject, *, of: str = "share", confidence: float = 0.95) -> Measurement:
    r"""Share of evaluation rows whose features all equal those of some row of the reference.

    .. math:: \frac1n \#\{i : x_i \in \{x'_k\}_k\}

    0: no row was seen in training; 1: every row was.

    Parameters
    ----------
    subject : evaluation and reference table with the features named in the roles of the evaluation table.
    of : "share", or "excess": the share less what chance explains, which is the share of reference rows that have a
        twin within the reference.
    confidence : nominal coverage of Wilson's interval, for the excess of Newcombe's.

    Returns
    -------
    Measurement
        ``n`` rows compared; ``detail`` holds ``by_chance``, the excess, and ``false_match``, the expected number of rows
        called equal that are not.

    Notes
    -----
    Limits: rows are compared by 64 bits of a digest of their text, numbers rounded to 12 digits (6 in single precision);
    a row that was changed a little counts as another one. Above four million rows a sample of digests is compared.
    Not for: tables of few categories without regard to ``by_chance``: different people look alike there.

    References
    ----------
    R. G. Newcombe, Statistics in Medicine 17 (1998) 857-872 (method 3) and 873-890 (method 10); S. Kapoor, A. Narayanan,
    Patterns 4 (2023) 100804 (leakage between training and test).
    """
    from audits.statistics.intervals import wilson
    from audits.statistics.shift import share_change
    from audits.tables.twins import comparable, overlap

    reference = subject.reference
    if reference is None:
        raise ValueError("the check needs a reference table")
    features = subject.evaluation.roles.features
    columns = comparable(reference, subject.evaluation, features)
    if not columns:
        raise Insufficient(
            "The reference table has none of the features.", "Register the training dataset version with its features."
        )
    found = overlap(reference, subject.evaluation, columns)
    if not found.rows or not found.reference_rows:
        raise Insufficient("No row was left to compare after sampling.", "Evaluate on more rows.")
    interval = wilson(found.shared, found.rows, confidence)
    excess = share_change(found.twins, found.reference_rows, found.shared, found.rows, confidence)
    by_chance = found.twins / found.reference_rows
    detail = {
        "shared": found.shared,
        "by_chance": by_chance,
        "excess": excess.value,
        "false_match": found.false_match,
        "sampled": found.sampled,
        "columns": len(columns),
    }
    notes = [f"By digest alone, {found.false_match:.1e} rows are expected to be called equal that are not."]
    if len(columns) < len(features):
        notes.append(f"{len(features) - len(columns)} features that cannot be compared were left out.")
    if found.sampled < 1.0:
        notes.append(f"A sample of {found.sampled:.2%} of all digests was compared.")
    value, low, high = interval_of = (found.shared / found.rows, interval.low, interval.high)
    if of == "excess":
        value, low, high = excess.value, excess.low, excess.high
    headings = (
        (gettext_noop("Rows compared"), "count"),
        (gettext_noop("Seen in the reference"), "count"),
        (gettext_noop("Share"), "share"),
        (gettext_noop("Low"), "share"),
        (gettext_noop("High"), "share"),
        (gettext_noop("By chance"), "share"),
        (gettext_noop("More than by chance"), "number"),
    )
    line = (found.rows, found.shared, *interval_of, by_chance, excess.value)
    plots = (listed(gettext_noop("Evaluation rows that training has seen"), headings, [line]),)
    method = "wilson" if of == "share" else "newcombe"
    return Measurement(value, "share", low, high, confidence, found.rows, method, (), tuple(notes), detail, plots=plots)
