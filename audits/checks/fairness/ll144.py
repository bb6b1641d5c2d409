"""Which impact ratios does a bias audit under New York City's Local Law 144 state, for selection and for scores?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from audits.checks.contract import NEEDS, CheckSubject, GroupRow, Insufficient, Measurement, check
from audits.checks.fairness.attributes import MEND, turned_over
from audits.checks.fairness.editions import LL144, Edition
from audits.checks.fairness.gaps import worst_of
from audits.checks.fairness.ll144_tables import Display, Rounding, Tally, cuts_of, drawn, group_rows, included, table_of

NEWEST = "nyc-ll144-2023"
PARAMETERS: Mapping[str, Any] = {
    "sex": {"type": "string", "minLength": 1, "maxLength": 200},
    "race_ethnicity": {"type": "string", "minLength": 1, "maxLength": 200},
    "unknown": {"type": "array", "maxItems": 20, "items": {"type": "string", "maxLength": 100}},
    "leave_out_under_two_percent": {"type": "boolean"},
    "justification": {"type": "string", "maxLength": 400},
    "rounding": {"enum": ["half-up", "truncated"]},
    "edition": {"enum": list(LL144)},
}


@check(
    "fairness.ll144_selection",
    family="fairness",
    needs=("selection", "sensitive"),
    unit="ratio",
    better="one",
    parameters=PARAMETERS,
    mend=MEND,
    tasks=("binary", "multiclass"),
)
def ll144_selection(
    subject: CheckSubject,
    *,
    sex: str | None = None,
    race_ethnicity: str | None = None,
    unknown: list[str] | None = None,
    leave_out_under_two_percent: bool = True,
    justification: str = "",
    rounding: Rounding = "half-up",
    edition: str = NEWEST,
    confidence: float = 0.95,
) -> Measurement:
    r"""Smallest impact ratio of selection rates in the tables of a New York City bias audit.

    .. math:: \min_c \frac{s_c / n_c}{s_h / n_h}, \quad h = \arg\max_c s_c / n_c

    over categories of sex, of race and ethnicity, and of both together, each table by itself. 1: each category is selected
    at the same rate; 0: some category is never selected.

    Parameters
    ----------
    subject : evaluation table with sensitive attributes, and a score with threshold, a decision column or predicted
        classes; one row a person.
    sex, race_ethnicity : names of the columns. Where neither is named, each sensitive attribute is tabulated under its
        own name.
    unknown : texts that mean that a person's category is not known; "unknown" when left out, letter case ignored. Missing
        and empty values always do.
    leave_out_under_two_percent : leave categories with fewer than 2 % of the people with a known category out of the
        ratios. They are shown with number and rate all the same.
    justification : why, in the auditor's words; printed with the table.
    rounding : how rates (one decimal of a per cent) and ratios (two decimals) are printed. It changes no value.
    edition : the text that is followed; "nyc-ll144-2023" is 6 RCNY 5-300 and following, read partly and second-hand.
    confidence : nominal coverage of Wilson's interval of each rate and of the ratio of resampled counts.

    Returns
    -------
    Measurement
        ``n`` people in the ratios (of the table with the fewest). ``detail.tables`` holds each table: categories with n,
        selected, rate and ratio as values and as printed, whether left out, the most selected category, and the number of
        people whose category is unknown. No value where a table has fewer than two categories for its ratios, or nobody
        is selected (0/0).

    Notes
    -----
    Limits: Numbers and rates of fewer than three people are not shown here, though a published audit states them: that
    is for the auditor to decide. Rules for the source of the data, its age, independence and publication are not checked.
    The share of 2 % is taken of the people with a known category in the table. Parts of the rule are known from memory.

    Not for: a statement that the law is kept; decisions outside New York City's employment law.

    References
    ----------
    New York City Local Law 144 of 2021; 6 RCNY 5-300 and following. The rule's own scoring example prints 18 of 28 as
    64.2 %, cut off, and other rates rounded: ratios are therefore never worked out from printed rates.
    """
    from audits.tables.decisions import decision_cells

    names, _ = cuts_of(subject, sex, race_ethnicity)
    tally: dict[tuple[str, ...], tuple[int, int]] = {}
    for cell in decision_cells(subject.evaluation, names):
        hits, n = tally.get(cell.groups, (0, 0))
        tally[cell.groups] = (hits + cell.n * cell.selected, n + cell.n)
    display = Display(tuple(unknown or ["unknown"]), leave_out_under_two_percent, justification, rounding)
    return _audit(
        subject,
        tally,
        sex=sex,
        race_ethnicity=race_ethnicity,
        display=display,
        rule=LL144[edition],
        confidence=confidence,
    )


@check(
    "fairness.ll144_scoring",
    family="fairness",
    needs=("sensitive",),
    unit="ratio",
    better="one",
    parameters=PARAMETERS,
    mend=MEND,
    tasks=("binary", "multiclass", "regression"),
)
def ll144_scoring(
    subject: CheckSubject,
    *,
    sex: str | None = None,
    race_ethnicity: str | None = None,
    unknown: list[str] | None = None,
    leave_out_under_two_percent: bool = True,
    justification: str = "",
    rounding: Rounding = "half-up",
    edition: str = NEWEST,
    confidence: float = 0.95,
) -> Measurement:
    r"""Smallest impact ratio of scoring rates in the tables of a New York City bias audit.

    .. math:: \min_c \frac{a_c / n_c}{a_h / n_h}, \quad a_c = \#\{i \in c : s_i > \mathrm{median}(s)\}

    with the median over the full sample, people of unknown category too. 1: the same share of each category scores above
    it; 0: nobody of some category does.

    Parameters
    ----------
    subject : evaluation table with sensitive attributes and a score (of the favourable class for a multiclass model, the
        prediction for regression); one row a person.
    sex, race_ethnicity, unknown, leave_out_under_two_percent, justification, rounding, edition, confidence : as for
        ``fairness.ll144_selection``.

    Returns
    -------
    Measurement
        As for ``fairness.ll144_selection``, with people above the median in place of people selected;
        ``detail.median`` is the median.

    Notes
    -----
    Limits: A score equal to the median is not above it, so with many equal scores far less than half may be above. For
    the rest as for ``fairness.ll144_selection``. Treats the scores as final: what is done with them is not seen.

    Not for: a statement that the law is kept; scores where a low value is the good one, unless the version declares
    ``favourable: low``: people below the median are then counted.

    References
    ----------
    New York City Local Law 144 of 2021; 6 RCNY 5-300 and following, with its worked example of scoring rates.
    """
    from audits.tables.applicants import scored_groups
    from audits.tables.decisions import score_name

    if score_name(subject.evaluation) is None:
        raise Insufficient(*NEEDS["scores"][1:])
    names, _ = cuts_of(subject, sex, race_ethnicity)
    scored = scored_groups(subject.evaluation, names)
    tally = {cell.groups: (cell.above, cell.n) for cell in scored.cells}
    display = Display(tuple(unknown or ["unknown"]), leave_out_under_two_percent, justification, rounding)
    return _audit(
        subject,
        tally,
        sex=sex,
        race_ethnicity=race_ethnicity,
        display=display,
        rule=LL144[edition],
        confidence=confidence,
        median=scored.median,
    )


def _audit(
    subject: CheckSubject,
    tally: Tally,
    *,
    sex: str | None,
    race_ethnicity: str | None,
    display: Display,
    rule: Edition,
    confidence: float,
    median: float | None = None,
) -> Measurement:
    """Make the tables, and find the smallest ratio in them."""
    from audits.statistics.groups import METHOD

    kind, rate = ("selection", "selection_rate") if median is None else ("scoring", "scoring_rate")
    names, cuts = cuts_of(subject, sex, race_ethnicity)
    tables = [table_of(cut, names, tally, display, rule) for cut in cuts]
    rows: list[GroupRow] = []
    problems: list[str] = []
    summaries: list[dict[str, Any]] = []
    sizes: list[int] = []
    for at, table in enumerate(tables):
        rows += group_rows(table, rate, confidence)
        kept = included(table)
        sizes.append(sum(row["n"] for row in kept))
        if len(kept) < 2:
            problems.append(f"{table['table']}: fewer than two categories are large enough for a ratio")
        elif not any(row["hits"] for row in kept):
            problems.append(f"{table['table']}: the highest rate is 0, the ratio is 0/0")
        else:
            gap = _smallest(kept, seed=subject.seed + at, confidence=confidence, comparisons=len(tables))
            summaries.append({"table": table["table"]} | gap)
    notes = [
        f"{rule.instrument}, dated {rule.dated}, read {rule.mark} on {rule.read_on}. {rule.status}",
        *turned_over(subject),
        *(
            f"{one['table']}: {one['unknown_shown']} people are in no category, because it is unknown."
            for one in tables
        ),
        *(
            f"{one['table']}: left out of the ratios and shown. {one['justification']}"
            for one in tables
            if one["justification"]
        ),
    ]
    if sex is None and race_ethnicity is None:
        notes.append("No column was named as sex or as race and ethnicity; the tables bear the names of the columns.")
    if subject.evaluation.roles.weight is not None:
        notes.append("People are counted: the weights of the table are left aside.")
    detail: dict[str, Any] = {
        "rule": rule.as_json(),
        "rounding": display.rounding,
        "tables": tables,
        "ratios": summaries,
    }
    ends: dict[str, Any] = worst_of(summaries, problems, "ratio")
    return Measurement(
        **ends,
        unit="ratio",
        confidence=confidence,
        n=min(sizes),
        method=METHOD,
        groups=tuple(rows),
        notes=tuple(notes),
        detail=detail | ({} if median is None else {"median": median}),
        plots=drawn(tables, kind),
    )


def _smallest(kept: list[Mapping[str, Any]], *, seed: int, confidence: float, comparisons: int) -> dict[str, Any]:
    """Return the smallest ratio of a table with its interval."""
    import numpy as np

    from audits.statistics.confusion import RATES, GroupCells
    from audits.statistics.groups import gap_between

    cells = np.array([[row["n"] - row["hits"], row["hits"], 0, 0] for row in kept], dtype=np.float64)
    groups = GroupCells(tuple(row["category"] for row in kept), cells, cells, cells)
    rates = [RATES["selection_rate"]]
    gap = gap_between(groups, rates, "ratio", seed=seed, confidence=confidence, comparisons=comparisons)
    ends = gap.interval if gap else None
    return {
        "value": gap.value if gap else None,
        "low": ends.low if ends else None,
        "high": ends.high if ends else None,
        "lowest": gap.lowest if gap else None,
        "highest": gap.highest if gap else None,
    }
