"""What does a route offer: which Shapley values of this model, at which predicted cost?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audits.explanations.quality import Contributions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Offer:
    """A way to explain one model.

    ``seconds(rows, background_rows)`` predicts the processor time of ``contributions(background, sample)``, where both
    are data frames with the model's features. ``varies``: whether another background gives other values.
    """

    route: str
    variant: str
    seconds: Callable[[int, int], float]
    contributions: Callable[[Any, Any], Contributions]
    varies: bool


def answers(model: Any, frame: Any, column: int | None) -> NDArray[np.float64]:
    """Return the model's answers, float64 (rows,): probability of the class in ``column``, or the value if None."""
    import numpy as np

    if column is None:
        return np.asarray(model.predict(frame), dtype=np.float64).reshape(len(frame))
    return np.asarray(model.predict_proba(frame), dtype=np.float64)[:, column]


def explained_class(model: Any, column: int | None) -> str:
    """Return the name of the class that is explained, "" for a predicted value."""
    return "" if column is None else str(model.classes_[column])[:200]
