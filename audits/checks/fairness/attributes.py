"""By which sensitive attributes and intersections are groups formed, and which group are the others compared with?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from audits.checks.contract import CheckSubject, Insufficient

if TYPE_CHECKING:
    from audits.statistics.confusion import GroupCells
    from audits.tables.aggregates import OutcomeCell

To = str | Mapping[str, str]

BETWEEN, OVERALL = "between-groups", "overall"

BY_ATTRIBUTE: Mapping[str, Any] = {
    "attributes": {
        "type": "array",
        "items": {"type": "string", "minLength": 1, "maxLength": 200},
        "minItems": 1,
        "maxItems": 10,
        "uniqueItems": True,
    },
    "intersections": {"type": "boolean"},
    "min_group_size": {"type": "integer", "minimum": 3, "maximum": 1_000_000},
}
TO: Mapping[str, Any] = {
    "to": {
        "oneOf": [
            {"enum": [BETWEEN, OVERALL]},
            {
                "type": "object",
                "minProperties": 1,
                "maxProperties": 20,
                "additionalProperties": {"type": "string", "minLength": 1, "maxLength": 200},
            },
        ]
    }
}
MEND = (
    "Find what drives the gap (features that stand in for the attribute, the threshold, labels), remove or justify it, "
    "and register a new version; a justified gap needs a risk acceptance."
)


def chosen_attributes(subject: CheckSubject, attributes: Iterable[str] | None) -> tuple[str, ...]:
    """Return the attributes to compare by: all that are declared when none is named."""
    declared = subject.evaluation.roles.sensitive
    names = tuple(attributes or declared)
    undeclared = [name for name in names if name not in declared]
    if undeclared:
        raise Insufficient(
            f"{undeclared[0]!r} is not among the sensitive attributes of the evaluation table.",
            "Name it in the roles of the dataset version, or take it out of the requirement.",
        )
    return names


def turned_over(subject: CheckSubject) -> list[str]:
    """Return the note that decision and outcome are read turned over, where a low score is the good answer."""
    if not subject.evaluation.favours_low:
        return []
    return [
        "A low score is declared favourable: selected means below the threshold, and outcome 0 counts as outcome 1."
    ]


def comparisons_of(names: tuple[str, ...], intersections: bool) -> list[tuple[str, ...]]:
    """Return each attribute alone and, where asked, all of them taken together."""
    alone: list[tuple[str, ...]] = [(name,) for name in names]
    return [*alone, names] if intersections and len(names) > 1 else alone


def title_of(chosen: tuple[str, ...]) -> str:
    """Return the name of a comparison."""
    return " × ".join(chosen)


def group_name(chosen: tuple[str, ...], values: Iterable[str]) -> str:
    """Return the name of a group: its value, or attribute=value of each where several are taken together."""
    texts = tuple(values)
    if len(chosen) == 1:
        return texts[0]
    return ", ".join(f"{key}={value}" for key, value in zip(chosen, texts, strict=True))


def reference_of(to: To, chosen: tuple[str, ...]) -> str | None:
    """Return the group that others of this comparison are compared with; None for each other."""
    from audits.statistics import groups

    if to == BETWEEN:
        return None
    if to == OVERALL:
        return groups.OVERALL
    named = to if isinstance(to, Mapping) else {}
    title = title_of(chosen)
    if title in named:
        return named[title]
    if all(name in named for name in chosen):
        return group_name(chosen, [named[name] for name in chosen])
    raise Insufficient(
        f"The requirement names a reference group, and none for {title!r}.",
        "Name a reference group for each attribute of the requirement.",
    )


def group_cells(cells: list[OutcomeCell], names: tuple[str, ...], chosen: tuple[str, ...]) -> GroupCells:
    """Sum cells to the groups of the chosen attributes, sorted by name."""
    import numpy as np

    from audits.statistics.confusion import GroupCells

    places = [names.index(name) for name in chosen]
    known: dict[tuple[str, ...], str] = {}
    sums: dict[str, list[list[float]]] = {}
    for cell in cells:
        values = tuple(cell.groups[place] for place in places)
        if values not in known:
            known[values] = group_name(chosen, values)
        of_group = sums.setdefault(known[values], [[0.0] * 4 for _ in range(3)])
        at = 2 * int(cell.label or 0) + int(cell.selected)
        for part, amount in zip(of_group, (cell.n, cell.weight, cell.square), strict=True):
            part[at] += amount
    named = sorted(sums.items())
    counted = np.array([parts for _, parts in named], dtype=np.float64).reshape(len(named), 3, 4)
    n, weight, square = (np.ascontiguousarray(counted[:, at]) for at in range(3))
    return GroupCells(tuple(name for name, _ in named), n, weight, square)
