"""What does a loaded model say of these rows? One question for the three tasks, with classes in order of their names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audits.sandbox.refusal import Refusal, described

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Predictor:
    """A model with the columns of its ``predict_proba`` that are asked for.

    ``columns``: the positive class of a binary model; every class of a multiclass one in the order of ``classes``,
    which are sorted; none for a regression.
    """

    model: Any
    task: str
    classes: tuple[str, ...]
    columns: tuple[int, ...]

    def __call__(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """Return the scores, (rows,) or (rows, classes), unjudged: the parent counts and checks them."""
        import numpy as np

        try:
            if self.task == "regression":
                numbers = np.asarray(self.model.predict(frame), dtype=np.float64)
                return numbers[:, 0] if numbers.ndim == 2 and numbers.shape[1] == 1 else numbers
            answer = np.asarray(self.model.predict_proba(frame), dtype=np.float64)
            return answer[:, self.columns[0]] if self.task == "binary" else answer[:, list(self.columns)]
        except (MemoryError, Refusal):
            raise
        except Exception as error:
            raise Refusal("model-cannot-score", described(error)) from error

    def column_of(self, favourable: str | None) -> int:
        """Return the column of ``predict_proba`` that is explained: the positive or the favourable class, else the first."""
        if self.task == "multiclass":
            return self.columns[self.classes.index(favourable) if favourable in self.classes else 0]
        return self.columns[0] if self.columns else 0


def predictor(model: Any, *, task: str, positive_label: int, classes: Sequence[str]) -> Predictor:
    """Return the model as it is to be asked.

    ``classes`` are the registered names: they rename a multiclass model that knows its classes as 0, 1, ... only, and
    must else be the model's own. Raises Refusal ``model-cannot-score``, ``positive-label-unknown``, ``classes-differ``.
    """
    if not callable(getattr(model, "predict" if task == "regression" else "predict_proba", None)):
        lacking = "predict" if task == "regression" else "predict_proba"
        raise Refusal("model-cannot-score", f"{type(model).__qualname__} has no {lacking}")
    if task == "regression":
        return Predictor(model, task, (), ())
    if task == "binary":
        return Predictor(model, task, (), (_positive_column(model, positive_label),))
    try:
        known = [class_name(label) for label in model.classes_]
    except (AttributeError, TypeError, ValueError) as error:
        raise Refusal("classes-differ", described(error)) from error
    if classes and set(known) != set(classes) and known == [str(place) for place in range(len(classes))]:
        known = list(classes)
    if len(set(known)) != len(known) or len(known) < 2 or (classes and set(known) != set(classes)):
        raise Refusal("classes-differ", f"The model knows {known[:10]}; registered are {list(classes)[:10]}.")
    order = sorted(range(len(known)), key=lambda place: known[place])
    return Predictor(model, task, tuple(known[place] for place in order), tuple(order))


def class_name(label: object) -> str:
    """Return a class as text: 1, 1.0 and "1" are all "1"."""
    plain = label.item() if hasattr(label, "item") else label
    if isinstance(plain, float) and plain.is_integer():
        plain = int(plain)
    return str(plain)


def _positive_column(model: Any, label: int) -> int:
    """Return the column of predict_proba that belongs to ``label``."""
    try:
        classes = [int(known) if float(known) == int(known) else None for known in model.classes_]
    except (AttributeError, TypeError, ValueError) as error:
        raise Refusal("positive-label-unknown", described(error)) from error
    if classes.count(label) != 1:
        raise Refusal("positive-label-unknown", f"label {label}, the model knows {classes[:10]}")
    return classes.index(label)
