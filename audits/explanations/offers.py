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

    ``contributions(background, sample, counts)`` explains a data frame with the model's features against another;
    ``counts`` holds, for each further draw of the background, how often each row was drawn, and gives the values against
    these as well. ``seconds(rows, background_rows, draws)`` predicts its processor time, with the background as it is
    counted as one draw. ``varies``: whether another background gives other values; where not, ``counts`` are passed
    over.
    """

    route: str
    variant: str
    seconds: Callable[..., float]
    contributions: Callable[..., Contributions]
    varies: bool


def repeated(background: Any, count: NDArray[np.float64]) -> Any:
    """Return ``background`` with each row as often as ``count`` says, in its order."""
    import numpy as np

    return background.iloc[np.repeat(np.arange(len(background)), count.astype(np.int64))]


def answers(model: Any, frame: Any, column: int | None) -> NDArray[np.float64]:
    """Return the model's answers, float64 (rows,): probability of the class in ``column``, or the value if None."""
    import numpy as np

    if column is None:
        return np.asarray(model.predict(frame), dtype=np.float64).reshape(len(frame))
    return np.asarray(model.predict_proba(frame), dtype=np.float64)[:, column]


def explained_class(model: Any, column: int | None) -> str:
    """Return the name of the class that is explained, "" for a predicted value."""
    return "" if column is None else str(model.classes_[column])[:200]
