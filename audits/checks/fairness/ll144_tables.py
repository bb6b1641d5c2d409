"""What do the tables of a New York City bias audit say: categories, those left out and shown, and unknown people?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

from audits.checks.contract import CheckSubject, GroupRow, Insufficient, Plot
from audits.checks.contract import PlotColumn as Column
from audits.checks.contract import gettext_noop as _
from audits.checks.fairness import plots
from audits.checks.fairness.attributes import group_name, title_of
from audits.checks.fairness.editions import Edition

if TYPE_CHECKING:
    from audits.statistics.impact_ratio import Counts

Rounding = Literal["half-up", "truncated"]
Tally = Mapping[tuple[str, ...], tuple[int, int]]

NO_CATEGORY = ("(missing)", "(empty)")
FEW = "fewer than 3"
UNDER_TWO_PERCENT = "It has fewer than 2 % of the people in this table; a ratio over so few would mislead."

TITLES = {
    "sex": _("Sex categories"),
    "race_ethnicity": _("Race and ethnicity categories"),
    "both": _("Intersectional categories"),
    "other": _("Categories by attribute"),
}
EXACT = _("Rates and ratios are worked out from the counts; only what is printed is rounded.")
COLUMNS = {
    "selection": (Column(_("People"), "count"), Column(_("Selected"), "count"), Column(_("Selection rate"), "text")),
    "scoring": (Column(_("People"), "count"), Column(_("Above median"), "count"), Column(_("Scoring rate"), "text")),
}
ENDING = (Column(_("Impact ratio"), "text"), Column(_("Remark"), "text"))


@dataclass(frozen=True)
class Cut:
    """One table of the audit: the attributes it is by, and which table of the law it is."""

    chosen: tuple[str, ...]
    kind: str


@dataclass(frozen=True)
class Display:
    """What the auditor chose: texts that mean unknown, whether small categories stay out and why, and rounding."""

    unknown: tuple[str, ...]
    leave_out: bool
    justification: str
    rounding: Rounding

    def is_unknown(self, values: Iterable[str]) -> bool:
        """Tell whether one of the values names no category."""
        known = {text.casefold() for text in (*self.unknown, *NO_CATEGORY)}
        return any(value.strip().casefold() in known for value in values)


def cuts_of(subject: CheckSubject, sex: str | None, race_ethnicity: str | None) -> tuple[tuple[str, ...], list[Cut]]:
    """Return the attributes and the tables to make: each alone and, for two or more, all taken together."""
    declared = subject.evaluation.roles.sensitive
    named = {"sex": sex, "race_ethnicity": race_ethnicity}
    chosen = {name: kind for kind, name in named.items() if name is not None} or dict.fromkeys(declared, "other")
    undeclared = [name for name in chosen if name not in declared]
    if undeclared:
        raise Insufficient(
            f"{undeclared[0]!r} is not among the sensitive attributes of the evaluation table.",
            "Name the columns with sex and with race and ethnicity in the roles of the dataset version.",
        )
    names = tuple(chosen)
    cuts = [Cut((name,), chosen[name]) for name in names]
    if len(names) > 1:
        cuts.append(Cut(names, "both" if "other" not in chosen.values() else "other"))
    return names, cuts


def table_of(cut: Cut, names: tuple[str, ...], tally: Tally, display: Display, rule: Edition) -> dict[str, Any]:
    """Return one table of the audit, worked out in whole numbers, with the texts that are printed beside the values."""
    from audits.statistics.groups import SMALLEST_SHOWN
    from audits.statistics.impact_ratio import Counts, highest

    places = [names.index(name) for name in cut.chosen]
    counted: dict[tuple[str, ...], list[int]] = {}
    unknown = 0
    for groups, (hits, n) in tally.items():
        values = tuple(groups[place] for place in places)
        if display.is_unknown(values):
            unknown += n
            continue
        cell = counted.setdefault(values, [0, 0])
        cell[0] += hits
        cell[1] += n
    categories = {values: Counts(*cell) for values, cell in sorted(counted.items())}
    total = sum(one.n for one in categories.values())
    few = [values for values, one in categories.items() if one.n < SMALLEST_SHOWN]
    small = {values for values, one in categories.items() if Fraction(one.n, total) < rule.line}
    out = small if display.leave_out else set()
    included = [values for values in categories if values not in out and values not in few]
    top = included[highest([categories[values] for values in included])] if included else None
    against = categories[top] if top is not None else None
    rows = [
        _row(cut, values, one, against, display, few=values in few, out=values in out)
        for values, one in categories.items()
    ]
    return {
        "table": title_of(cut.chosen),
        "kind": cut.kind,
        "columns": list(cut.chosen),
        "highest": None if top is None else group_name(cut.chosen, top),
        "unknown": unknown if unknown == 0 or unknown >= SMALLEST_SHOWN else None,
        "unknown_shown": str(unknown) if unknown == 0 or unknown >= SMALLEST_SHOWN else FEW,
        "justification": (display.justification or UNDER_TWO_PERCENT) if out else "",
        "rows": rows,
    }


def _row(
    cut: Cut,
    values: tuple[str, ...],
    one: Counts,
    against: Counts | None,
    display: Display,
    *,
    few: bool,
    out: bool,
) -> dict[str, Any]:
    """Return one category: numbers, the texts printed for them, and whether it is left out of the ratios."""
    from audits.statistics.display_rounding import shown
    from audits.statistics.impact_ratio import impact_ratio

    category: dict[str, Any] = {"category": group_name(cut.chosen, values), "values": list(values)}
    if few:
        empty = dict.fromkeys(("n", "hits", "rate", "ratio"))
        return category | empty | {"rate_shown": "", "ratio_shown": "", "left_out": True, "remark": FEW}
    ratio = None if out or against is None else impact_ratio(one, against)
    return category | {
        "n": one.n,
        "hits": one.selected,
        "rate": float(one.rate),
        "rate_shown": shown(one.rate, decimals=1, rounding=display.rounding, percent=True),
        "ratio": None if ratio is None else float(ratio),
        "ratio_shown": "" if ratio is None else shown(ratio, decimals=2, rounding=display.rounding),
        "left_out": out,
        "remark": "under 2 %, left out of the ratios" if out else "",
    }


def included(table: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the rows of a table that take part in its ratios."""
    return [row for row in table["rows"] if not row["left_out"]]


def group_rows(table: Mapping[str, Any], rate: str, confidence: float) -> list[GroupRow]:
    """Return the categories of a table as rows by group."""
    from audits.statistics.intervals import wilson

    rows = []
    for row in table["rows"]:
        if row["n"] is None:
            note = "fewer than 3 people: nothing about them is shown"
            rows.append(GroupRow(table["table"], row["category"], None, {}, None, None, "suppressed", note))
            continue
        interval = wilson(row["hits"], row["n"], confidence)
        values = {rate: row["rate"], f"{rate}_low": interval.low, f"{rate}_high": interval.high}
        values |= {f"{rate}_n": row["n"], "impact_ratio": row["ratio"]}
        ends = interval.low, interval.high
        rows.append(GroupRow(table["table"], row["category"], row["n"], values, *ends, "measured", row["remark"]))
    return rows


def drawn(tables: Sequence[Mapping[str, Any]], kind: str) -> tuple[Plot, ...]:
    """Return the tables as a bias audit prints them, and how many people are in none of their categories."""
    found: list[Plot] = []
    for table in tables[:10]:
        heading: tuple[Column, ...] = (Column(_("Category"), "text"),)
        taken = {one.name for one in (*COLUMNS[kind], *ENDING)}
        parts = table["columns"]
        apart = len(parts) > 1 and not taken & set(parts)
        if apart:
            heading = tuple(Column(name, "text") for name in parts)
        rows = [
            (
                *(row["values"] if apart else [row["category"]]),
                *(row[name] for name in ("n", "hits", "rate_shown", "ratio_shown", "remark")),
            )
            for row in table["rows"]
        ]
        columns = (*heading, *COLUMNS[kind], *ENDING)
        found += plots.table_of("table", TITLES[table["kind"]], columns, rows, note=EXACT)
    columns = (Column(_("Table"), "text"), Column(_("People without a category"), "text"))
    unknown = [(table["table"], table["unknown_shown"]) for table in tables]
    return (*found, *plots.table_of("table", _("People whose category is unknown"), columns, unknown))
