"""Does the evaluation table have the columns of the reference, under the same names and of the same kinds?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audits.checks.contract import TASKS, CheckSubject, Measurement, check, gettext_noop
from audits.checks.data.by_feature import listed

if TYPE_CHECKING:
    from audits.tables.contract import EvaluationTable

OURS = "cadastre_"
ALIKE = 0.8
MOST_COMPARED = 20
BINS = 20


@check(
    "data.schema_change",
    family="data",
    needs=("features", "reference"),
    unit="columns",
    better="lower",
    parameters={"of": {"enum": ["all", "features"]}},
    mend="Bring names and types back to those of the training table, or retrain on the new ones.",
    tasks=TASKS,
)
def schema_change(subject: CheckSubject, *, of: str = "all", confidence: float = 0.95) -> Measurement:
    r"""Number of columns added, removed or of another kind than in the reference.

    .. math:: |C \setminus R| + |R \setminus C| + \#\{c \in C \cap R : \text{kind}(c) \text{ differs}\}

    for the columns C of the evaluation table and R of the reference. 0: the same columns of the same kinds; without upper
    bound. A renamed column counts as one removed and one added.

    Parameters
    ----------
    subject : evaluation and reference table.
    of : "all" columns but those with scores, predictions and weights, or the "features" alone.
    confidence : not used; columns are compared, not sampled.

    Returns
    -------
    Measurement
        ``n`` rows of the evaluation table; without interval; ``detail.changes`` holds one row per change. Where an added
        column is spread as a removed one was (at least 0.8 of the rows in the same bins), ``detail.suspected_renames``
        names both: a suspicion, not a finding.

    Notes
    -----
    Limits: a kind is number, text, truth value, instant or other; a change of width or unit is not seen. At most 20 added
    and 20 removed columns are compared.
    Not for: a change of meaning under the same name and kind; see the drift of each feature.

    References
    ----------
    None; the definition is the formula. Likeness is 1 less the total variation distance of the two histograms.
    """
    reference = subject.reference
    if reference is None:
        raise ValueError("the check needs a reference table")
    now, before = _kinds(subject.evaluation, of), _kinds(reference, of)
    if of == "features":
        both = set(subject.evaluation.roles.features) | set(reference.roles.features)
        now |= {name: kind for name, kind in _kinds(subject.evaluation, "all").items() if name in both}
        before |= {name: kind for name, kind in _kinds(reference, "all").items() if name in both}
    features = set(subject.evaluation.roles.features) | set(reference.roles.features)
    changes: list[dict[str, Any]] = []
    for name in sorted(set(now) | set(before)):
        if now.get(name) == before.get(name):
            continue
        what = "retyped" if name in now and name in before else ("added" if name in now else "removed")
        row = {"column": name, "change": what, "was": before.get(name), "is": now.get(name)}
        changes.append(row | {"feature": name in features})
    renames = _renames(subject.evaluation, reference, changes)
    words = {
        "added": gettext_noop("added"),
        "removed": gettext_noop("removed"),
        "retyped": gettext_noop("of another kind"),
    }
    suspected = {row["was"]: row["is"] for row in renames} | {row["is"]: row["was"] for row in renames}
    lines = [
        (row["column"], words[row["change"]], row["was"], row["is"], suspected.get(row["column"])) for row in changes
    ]
    headings = (
        (gettext_noop("Column"), "text"),
        (gettext_noop("Change"), "text"),
        (gettext_noop("Kind in the reference"), "text"),
        (gettext_noop("Kind now"), "text"),
        (gettext_noop("Perhaps the same as"), "text"),
    )
    plots = (listed(gettext_noop("Columns that changed"), headings, lines),) if lines else ()
    notes = tuple(
        f"Column {row['was']!r} may now be called {row['is']!r}: {row['alike']:.0%} of the rows fall alike (a suspicion)."
        for row in renames[:5]
    )
    return Measurement(
        len(changes),
        "columns",
        None,
        None,
        confidence,
        subject.evaluation.rows,
        "complete count",
        notes=notes,
        detail={"changes": changes, "suspected_renames": renames, "columns": len(now), "reference": len(before)},
        plots=plots,
    )


def _kinds(table: EvaluationTable, of: str) -> dict[str, str]:
    roles = table.roles
    if of == "features":
        return {name: _kind(table.table[name].type()) for name in roles.features}
    given = {roles.score, roles.prediction, roles.baseline, roles.weight, *(name for _, name in roles.class_scores)}
    names = [name for name in table.table.columns if name not in given and not name.startswith(OURS)]
    return {name: _kind(table.table[name].type()) for name in names}


def _kind(kind: Any) -> str:
    if kind.is_boolean():
        return "truth value"
    if kind.is_numeric():
        return "number"
    if kind.is_string():
        return "text"
    return "instant" if kind.is_timestamp() or kind.is_date() or kind.is_time() else "other"


def _renames(
    current: EvaluationTable, reference: EvaluationTable, changes: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Pair each removed column with the added one most like it, where both choose each other."""
    removed, added = (
        [row for row in changes if row["change"] == what][:MOST_COMPARED] for what in ("removed", "added")
    )
    alike: dict[tuple[str, str], float] = {}
    for was in removed:
        for now in added:
            if was["was"] == now["is"] != "other":
                likeness = _alike(reference, current, was["column"], now["column"])
                alike |= {(was["column"], now["column"]): likeness} if likeness >= ALIKE else {}
    found: list[dict[str, Any]] = []
    for (was_name, now_name), share in sorted(alike.items(), key=lambda item: (-item[1], item[0])):
        taken = {name for row in found for name in (row["was"], row["is"])}
        if not {was_name, now_name} & taken:
            found.append({"was": was_name, "is": now_name, "alike": share})
    return found


def _alike(reference: EvaluationTable, current: EvaluationTable, was: str, now: str) -> float:
    from audits.statistics.histograms import cut
    from audits.tables.sides import both_sides
    from registry.errors import DomainError

    try:
        (side,) = both_sides(reference, current, {was: now})
    except DomainError:
        # columns that cannot be laid side by side are not alike, which is all that is asked
        return 0.0
    found = cut(side.reference, side.current, bins=BINS)
    apart = found.reference / found.reference.sum() - found.current / found.current.sum()
    return 1.0 - float(abs(apart).sum()) / 2.0
