"""How does a model of a library's own format answer like one of scikit-learn?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from audits.sandbox.refusal import Refusal

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

Answer = Callable[["pd.DataFrame"], Any]


class NativeModel:
    """A regression: ``predict`` returns numbers of shape (rows,). ``native`` is the library's own object."""

    def __init__(self, native: Any, answer: Answer) -> None:
        self.native = native
        self._answer = answer

    def predict(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """Return one number for each row of ``frame``."""
        import numpy as np

        return np.asarray(self._answer(frame), dtype=np.float64)


class NativeClassifier:
    """A classifier: ``answer`` gives the probability of the second of two classes, or one column for each class."""

    def __init__(self, native: Any, answer: Answer, classes: Sequence[Any]) -> None:
        import numpy as np

        self.native = native
        self._answer = answer
        self.classes_ = np.asarray(classes)

    def predict_proba(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """Return probabilities of shape (rows, classes)."""
        import numpy as np

        answer = np.asarray(self._answer(frame), dtype=np.float64)
        return np.column_stack([1.0 - answer, answer]) if answer.ndim == 1 else answer

    def predict(self, frame: pd.DataFrame) -> Any:
        """Return the most probable class of each row."""
        return self.classes_[self.predict_proba(frame).argmax(axis=1)]


def in_order(frame: pd.DataFrame, names: Sequence[str] | None, count: int | None) -> pd.DataFrame:
    """Return the columns of ``frame`` in the model's own order: by name, or as they are where it knows no names.

    Raises Refusal("features-differ") when the model names others, or takes another number of them.
    """
    if names is not None:
        lacking = [name for name in names if name not in frame.columns]
        if lacking or len(names) != frame.shape[1]:
            more = [str(name) for name in frame.columns if name not in names]
            raise Refusal("features-differ", f"It lacks {lacking[:5]} and is given {more[:5]} besides.")
        return frame[list(names)]
    if count is not None and count != frame.shape[1]:
        raise Refusal("features-differ", f"It takes {count} features and is given {frame.shape[1]}.")
    return frame


def numbers(frame: pd.DataFrame) -> NDArray[np.float64]:
    """Return ``frame`` as float64 with NaN for what is missing; raises Refusal naming a column that holds no numbers."""
    import numpy as np
    import pandas as pd

    texts = [str(name) for name in frame.columns if not pd.api.types.is_numeric_dtype(frame[name])]
    held = frame.drop(columns=[name for name in texts if not frame[name].isna().all()])
    if held.shape[1] != frame.shape[1]:
        raise Refusal("model-cannot-score", f"It takes numbers; columns {texts[:5]} hold something else.")
    return np.column_stack([frame[name].astype("float64").to_numpy(na_value=np.nan) for name in frame.columns])
