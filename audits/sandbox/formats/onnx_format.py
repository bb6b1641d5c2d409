"""How is an ONNX model loaded? By onnxruntime on the processor, from one file that refers to no other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audits.sandbox.formats.contract import FORMATS
from audits.sandbox.headers import container_of, versions_of
from audits.sandbox.native import NativeClassifier, NativeModel, in_order
from audits.sandbox.refusal import Refusal, described

if TYPE_CHECKING:
    import pandas as pd

_KINDS = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
    "tensor(bool)": "bool",
    "tensor(string)": "object",
}
_LABELS = ("classlabels_strings", "classlabels_int64s", "classlabels_ints")


class OnnxFormat:
    """ONNX, run by onnxruntime on the processor with one thread; what it means is fixed by the operator sets it names."""

    executes_code = False
    library = None

    def sniff(self, head: bytes) -> bool:
        """Accept a protocol buffer that begins as an ONNX model does."""
        return container_of(head) == "onnx"

    def made_with(self, path: Path) -> Mapping[str, str]:
        """Return the operator sets, the version of ONNX itself, and the program that wrote the file."""
        try:
            return versions_of(path, "onnx")
        except ValueError as error:
            raise Refusal("model-not-loadable", str(error)) from error

    def load(self, path: Path) -> object:
        """Load the graph, unless it keeps some of its numbers in another file."""
        import onnx
        import onnxruntime  # type: ignore[import-untyped]  # it has no types

        data = path.read_bytes()
        try:
            model = onnx.load_model_from_string(data)
            if any(tensor.external_data or tensor.data_location for tensor in _tensors(model)):
                raise Refusal("model-not-loadable", "It keeps numbers in another file, which is not read.")
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = options.inter_op_num_threads = 1
            options.log_severity_level = 4
            session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except (MemoryError, Refusal):
            raise
        except Exception as error:
            raise Refusal("model-not-loadable", described(error)) from error
        return _with_face(session, model.graph)


def _with_face(session: Any, graph: Any) -> object:
    """Return a classifier where the graph gives class scores or one probability, with the labels it names."""
    outputs = {one.name: one for one in session.get_outputs()}
    maps = [name for name, one in outputs.items() if one.type.startswith("seq(map(")]
    floats = [name for name, one in outputs.items() if one.type in ("tensor(float)", "tensor(double)")]
    labelled = len(outputs) > 1
    if maps:
        labels = _labels(graph)
        if not labels:
            raise Refusal("model-cannot-score", "Nothing in the graph names the classes of its output.")

        def of_maps(frame: pd.DataFrame) -> Any:
            answers = session.run([maps[0]], _inputs(session, frame))[0]
            return [[row[label] for label in labels] for row in answers]

        return NativeClassifier(session, of_maps, labels)
    if not floats:
        raise Refusal("model-cannot-score", f"Its outputs are {sorted(one.type for one in outputs.values())[:5]}.")
    chosen = next((name for name in floats if "prob" in name.lower()), floats[-1])
    width = outputs[chosen].shape[-1] if len(outputs[chosen].shape) > 1 else 1
    labels = _labels(graph)

    def of_tensor(frame: pd.DataFrame) -> Any:
        answer = session.run([chosen], _inputs(session, frame))[0]
        return answer[:, 0] if answer.ndim == 2 and answer.shape[1] == 1 else answer

    if labels or labelled or (isinstance(width, int) and width > 1):
        count = width if isinstance(width, int) and width > 1 else 2
        return NativeClassifier(session, of_tensor, labels or range(count))
    return _OneNumber(session, of_tensor)


class _OneNumber(NativeModel):
    """A graph with one number a row: a regression, or the probability of label 1; the registered task decides."""

    classes_ = (0, 1)

    def predict_proba(self, frame: pd.DataFrame) -> Any:
        """Return the number as the probability of label 1, beside its complement."""
        return NativeClassifier(self.native, self._answer, self.classes_).predict_proba(frame)


def _inputs(session: Any, frame: pd.DataFrame) -> dict[str, Any]:
    """Return the graph's inputs: one table of all features in order, or one column for each feature by its name.

    Raises Refusal("input-shape-mismatch") when an input has a fixed shape that the rows do not have.
    """
    import numpy as np

    inputs = session.get_inputs()
    if len(inputs) == 1 and (inputs[0].name not in frame.columns or len(frame.columns) > 1):
        values = {inputs[0].name: frame}
    else:
        ordered = in_order(frame, [one.name for one in inputs], None)
        values = {name: ordered[[name]] for name in ordered.columns}
    found = {}
    for one in inputs:
        if one.type not in _KINDS:
            raise Refusal("model-cannot-score", f"Its input {one.name!r} is a {one.type}.")
        given = values[one.name].to_numpy(dtype=_KINDS[one.type])
        given = given[:, 0] if len(one.shape) == 1 and given.shape[1] == 1 else np.ascontiguousarray(given)
        fixed = [size if isinstance(size, int) else None for size in one.shape]
        fits = len(fixed) == given.ndim and all(
            size in (None, length) for size, length in zip(fixed, given.shape, strict=True)
        )
        if not fits:
            takes = "x".join("any" if size is None else str(size) for size in fixed)
            rows = "x".join(map(str, given.shape))
            raise Refusal("input-shape-mismatch", f"Its input {one.name!r} takes {takes} and is given {rows}.")
        found[one.name] = given
    return found


def _labels(graph: Any) -> list[Any]:
    """Return the class labels that the graph's classifier names, as text or whole numbers; [] where it names none."""
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.name in _LABELS and (attribute.strings or attribute.ints):
                return [text.decode("utf-8", "replace") for text in attribute.strings] or list(attribute.ints)
    return []


def _tensors(model: Any) -> Iterator[Any]:
    """Yield every tensor a model holds, also in the graphs within its graph and in its functions, without recursion."""
    waiting = [model.graph, *model.functions]
    while waiting:
        inner = waiting.pop()
        yield from getattr(inner, "initializer", ())
        for sparse in getattr(inner, "sparse_initializer", ()):
            yield from (sparse.values, sparse.indices)
        for node in inner.node:
            for attribute in node.attribute:
                yield from (
                    attribute.t,
                    *attribute.tensors,
                    attribute.sparse_tensor.values,
                    attribute.sparse_tensor.indices,
                )
                for sparse in attribute.sparse_tensors:
                    yield from (sparse.values, sparse.indices)
                waiting += [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]


FORMATS.register("onnx", summary="ONNX graph in one file, run by onnxruntime on the processor")(OnnxFormat())
