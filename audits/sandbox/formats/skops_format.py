"""How is a model in a skops file loaded? Type by type from a list of trusted ones, so that no other code runs."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

from audits.sandbox.formats.contract import FORMATS
from audits.sandbox.refusal import Refusal, described

TRUSTED: frozenset[str] = frozenset(
    {
        "numpy.dtype",
        "sklearn._loss._loss.CyHalfBinomialLoss",
        "sklearn._loss._loss.CyHalfMultinomialLoss",
        "sklearn._loss._loss.CyExponentialLoss",
        "sklearn._loss.link.Interval",
        "sklearn._loss.link.LogitLink",
        "sklearn._loss.link.HalfLogitLink",
        "sklearn._loss.link.MultinomialLogit",
        "sklearn._loss.loss.HalfBinomialLoss",
        "sklearn._loss.loss.HalfMultinomialLoss",
        "sklearn._loss.loss.ExponentialLoss",
        "sklearn.ensemble._gb_losses.BinomialDeviance",
        "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.linear_model._sgd_fast.Hinge",
        "sklearn.linear_model._sgd_fast.Log",
        "sklearn.linear_model._sgd_fast.ModifiedHuber",
        "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.tree._tree.Tree",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.compose._column_transformer._RemainderColsList",
    }
)
"""Types of scikit-learn that skops does not trust by itself and that hold numbers only."""


class SkopsFormat:
    """skops: a zip with a JSON schema and arrays; only types that are trusted by skops or listed here are made."""

    executes_code = False
    library = None

    def sniff(self, head: bytes) -> bool:
        """Accept a zip file."""
        return head.startswith(b"PK\x03\x04")

    def made_with(self, path: Path) -> Mapping[str, str]:
        """Return the versions of scikit-learn that the estimators in the schema name; several are joined by commas."""
        try:
            with zipfile.ZipFile(path) as archive, archive.open("schema.json") as stream:
                versions = sorted(_versions(json.load(stream)))
        except (OSError, ValueError, KeyError, RecursionError, RuntimeError, zipfile.BadZipFile) as error:
            raise Refusal("model-not-loadable", described(error)) from error
        return {"scikit-learn": ",".join(versions)} if versions else {}

    def load(self, path: Path) -> object:
        """Load the file, unless it names a type outside the list."""
        import skops.io

        try:
            strange = sorted(set(skops.io.get_untrusted_types(file=path)) - TRUSTED)
            if not strange:
                return skops.io.load(path, trusted=sorted(TRUSTED))
        except MemoryError:
            raise
        except Exception as error:
            raise Refusal("model-not-loadable", described(error)) from error
        raise Refusal("model-type-not-trusted", ", ".join(strange))


def _versions(schema: object) -> set[str]:
    """Collect what every ``_sklearn_version`` in the schema says, without recursion."""
    found: set[str] = set()
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            said = node.get("_sklearn_version")
            if isinstance(said, dict) and isinstance(said.get("content"), str):
                found.add(said["content"].strip('"')[:64])
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
    return found


FORMATS.register("skops", summary="skops file of a scikit-learn model; only trusted types are loaded")(SkopsFormat())
