"""How do a version's answers become decisions, and what is said of it? The statement of its registration, checked. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

from registry.errors import DomainError

TASKS = ("binary", "multiclass", "regression")
DIRECTIONS = ("increasing", "decreasing")
ENDS = ("high", "low")
MAX_CLASSES = 100
MAX_FEATURES = 2_000
MAX_NAME = 200
MAX_TOLERANCE = 0.01
"""Of scores between 0 and 1; a regression's tolerance is in the unit of what it predicts."""

_BY_TASK = {
    "binary": {"threshold", "positive_label", "favourable"},
    "multiclass": {"favourable", "classes"},
    "regression": set(),
}
_OF_ALL = {"task", "monotone", "immutable", "ranges", "reasons", "conformance"}


def checked_scoring(scoring: Mapping[str, Any]) -> dict[str, Any]:
    """Return the statement with its defaults filled in; a binary model's alone holds what it held before there were more.

    ``task``: binary, multiclass or regression. Binary: ``threshold`` in [0, 1] (0.5), ``positive_label`` 0 or 1 (1), and
    ``favourable``, "low" where a score below the threshold is the good answer ("high" unless stated). Multiclass:
    ``classes``, the names in the model's own order where it does not know them, and ``favourable``, the class that counts
    as selected. Any task: ``monotone`` {feature: increasing or decreasing}, ``immutable`` [feature nobody can change],
    ``ranges`` {feature: [low, high]}, ``reasons`` {feature: words}, ``conformance`` {tolerance}. Raises ``bad-scoring``,
    naming the field.
    """
    task = scoring.get("task", "binary")
    if not isinstance(task, str) or task not in TASKS:
        raise _bad("task", f"is one of {', '.join(TASKS)}")
    unknown = sorted(str(name)[:80] for name in set(scoring) - _OF_ALL - _BY_TASK[task])
    if unknown:
        raise _bad(
            unknown[0], f"is not known for a {task} model; known are {', '.join(sorted(_OF_ALL | _BY_TASK[task]))}"
        )
    found: dict[str, Any] = {} if task == "binary" else {"task": task}
    if task == "binary":
        found |= {"threshold": _threshold(scoring), "positive_label": _label(scoring)}
        if "favourable" in scoring:
            found["favourable"] = _end(scoring["favourable"])
    for name, read in _READ.items():
        if name in scoring and name not in found:
            found[name] = read(scoring[name])
    if "favourable" in found and "classes" in found and found["favourable"] not in found["classes"]:
        raise _bad("favourable", "is one of the classes")
    tolerance = found.get("conformance", {}).get("tolerance", 0.0)
    if task != "regression" and tolerance > MAX_TOLERANCE:
        raise _bad("conformance", f"allows a tolerance of at most {MAX_TOLERANCE} of a score between 0 and 1")
    return found


def _bad(field: str, words: str) -> DomainError:
    return DomainError("bad-scoring", f"scoring: {field} {words}.", field=field)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _threshold(scoring: Mapping[str, Any]) -> float:
    number = _number(scoring.get("threshold", 0.5))
    if number is None or not 0 <= number <= 1:
        raise _bad("threshold", "is a number between 0 and 1")
    return number


def _label(scoring: Mapping[str, Any]) -> int:
    label = scoring.get("positive_label", 1)
    if isinstance(label, bool) or not isinstance(label, int) or label not in (0, 1):
        raise _bad("positive_label", "is 0 or 1")
    return label


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_NAME and value.isprintable()


def _end(value: object) -> str:
    if not isinstance(value, str) or value not in ENDS:
        raise _bad("favourable", f"is {' or '.join(ENDS)} for a binary model")
    return value


def _favourable(value: object) -> str:
    if not isinstance(value, str) or not _is_name(value):
        raise _bad("favourable", "is the name of a class")
    return value


def _classes(value: object) -> list[str]:
    names = list(value) if isinstance(value, list | tuple) else []
    if not 2 <= len(names) <= MAX_CLASSES or not all(_is_name(name) for name in names) or len(set(names)) < len(names):
        raise _bad("classes", f"are 2 to {MAX_CLASSES} different names")
    return names


def _immutable(value: object) -> list[str]:
    names = list(value) if isinstance(value, list | tuple) else []
    if not 1 <= len(names) <= MAX_FEATURES or not all(map(_is_name, names)) or len(set(names)) < len(names):
        raise _bad("immutable", f"is a list of 1 to {MAX_FEATURES:,} different features")
    return names


def refuse_unknown_features(scoring: Mapping[str, Any], features: Collection[str]) -> None:
    """Raise ``bad-scoring`` where a feature declared immutable is none of those the model is asked with: a misspelt name
    would leave the one that was meant free to change.
    """
    absent = [name for name in scoring.get("immutable", ()) if name not in features]
    if absent and features:
        raise _bad("immutable", f"names {absent[0]!r}, which is no feature of the evaluation data")


def _by_feature(field: str, value: object, fits: Callable[[Any], bool], words: str) -> dict[str, Any]:
    if not isinstance(value, Mapping) or len(value) > MAX_FEATURES or not all(_is_name(name) for name in value):
        raise _bad(field, f"is an object from feature to {words}")
    for name, said in value.items():
        if not fits(said):
            raise _bad(field, f"gives {name!r} no {words}")
    return dict(value)


def _is_range(value: object) -> bool:
    if not isinstance(value, list | tuple) or len(value) != 2:
        return False
    low, high = _number(value[0]), _number(value[1])
    return low is not None and high is not None and low <= high


def _monotone(value: object) -> dict[str, str]:
    return _by_feature(
        "monotone",
        value,
        lambda said: isinstance(said, str) and said in DIRECTIONS,
        f"direction ({', '.join(DIRECTIONS)})",
    )


def _ranges(value: object) -> dict[str, list[float]]:
    found = _by_feature("ranges", value, _is_range, "range [low, high] of finite numbers")
    return {name: [float(low), float(high)] for name, (low, high) in found.items()}


def _reasons(value: object) -> dict[str, str]:
    return _by_feature("reasons", value, _is_name, f"words of one line, at most {MAX_NAME} characters")


def _conformance(value: object) -> dict[str, float]:
    tolerance = _number(value.get("tolerance")) if isinstance(value, Mapping) and set(value) == {"tolerance"} else None
    if tolerance is None or tolerance < 0:
        raise _bad("conformance", "is {tolerance: a number from 0 on}")
    return {"tolerance": tolerance}


_READ: dict[str, Callable[[object], Any]] = {
    "favourable": _favourable,
    "classes": _classes,
    "monotone": _monotone,
    "immutable": _immutable,
    "ranges": _ranges,
    "reasons": _reasons,
    "conformance": _conformance,
}
