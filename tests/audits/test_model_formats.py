"""Is a model of each format scored in the sandbox as by its own library, for each task?"""

import hashlib
import json
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audits.sandbox.formats.contract import FORMATS as KNOWN
from audits.sandbox.inspect import inspect, require
from audits.sandbox.launch import score
from audits.sandbox.protocol import CODES, SandboxError, ScoringJob, ScoringOutcome, TableInput
from registry.errors import DomainError
from tests.audits.hostile_models import FEATURES, QUICK
from tests.audits.model_files import (
    CLASSES,
    DECLARED,
    FORMATS,
    TASKS,
    ModelFile,
    model_file,
    questions,
    saved,
    training,
)

pytestmark = pytest.mark.thorough

CONTAINERS = {"xgboost": "xgboost-ubj", "xgboost_json": "xgboost-json", "joblib": "zlib"}
EXACT = {"skops": 1e-12, "joblib": 1e-12, "lightgbm": 0.0, "xgboost": 0.0, "catboost": 1e-12, "onnx": 1e-4}


def a_job_for(folder: Path, data: bytes, kind: str, frame: pd.DataFrame, **more) -> ScoringJob:
    """Return a job that scores ``frame`` with the model in ``data``."""
    (folder / "model.bin").write_bytes(data)
    frame.to_parquet(folder / "evaluation.parquet")
    table = TableInput("evaluation", folder / "evaluation.parquet", tuple(frame.columns))
    more = {"limits": QUICK, "library_versions": DECLARED, **more}
    return ScoringJob(kind, folder / "model.bin", hashlib.sha256(data).hexdigest(), (table,), **more)


def _scored(folder: Path, data: bytes, kind: str, frame: pd.DataFrame, **more) -> ScoringOutcome:
    return score(a_job_for(folder, data, kind, frame, **more))


def _refused(folder: Path, data: bytes, kind: str, frame: pd.DataFrame, **more) -> SandboxError:
    with pytest.raises(SandboxError) as refused:
        _scored(folder, data, kind, frame, **more)
    return refused.value


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("kind", [*FORMATS, "xgboost_json"])
def test_scores_are_those_of_the_library_itself(tmp_path: Path, kind: str, task: str) -> None:
    made: ModelFile = model_file(kind, task)
    slug = kind.removesuffix("_json")
    outcome = _scored(tmp_path, made.data, slug, questions(), task=task, classes=made.classes)
    scores = outcome.scores["evaluation"]
    scale = 500.0 if task == "regression" else 1.0
    np.testing.assert_allclose(scores, made.said, rtol=0, atol=EXACT[slug] * scale)
    assert outcome.task == task
    assert outcome.classes == (CLASSES if task == "multiclass" else ())
    assert outcome.rung
    found = inspect(tmp_path / "model.bin")
    assert found.container == CONTAINERS.get(kind, kind)
    assert require(tmp_path / "model.bin", declared=slug) == found


def test_the_versions_a_file_names_are_told() -> None:
    import catboost
    import sklearn
    import xgboost

    from audits.sandbox.headers import versions_of

    folder = Path(__file__).parent
    assert folder.is_dir()
    for kind, container, expected in (
        ("xgboost", "xgboost-ubj", {"xgboost": xgboost.__version__}),
        ("xgboost_json", "xgboost-json", {"xgboost": xgboost.__version__}),
        ("catboost", "catboost", {"catboost": catboost.__version__}),
        ("lightgbm", "lightgbm", {"lightgbm-format": "v4"}),
    ):
        assert _versions(kind, versions_of, container) == expected
    assert {"skl2onnx", "onnx-ir", "onnx-opset-ai.onnx"} <= set(_versions("onnx", versions_of, "onnx"))
    named = _versions("skops", lambda path, _: KNOWN.get("skops").made_with(path), "")
    assert named == {"scikit-learn": sklearn.__version__}


def _versions(kind: str, read, container: str) -> dict[str, str]:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model")
        path.write_bytes(model_file(kind, "binary").data)
        return dict(read(path, container))


@pytest.mark.parametrize("kind", ["lightgbm", "xgboost", "catboost"])
def test_features_are_matched_by_name_and_others_are_refused(tmp_path: Path, kind: str) -> None:
    made = model_file(kind, "binary")
    turned = questions()[list(reversed(FEATURES))]
    scores = _scored(tmp_path, made.data, kind, turned).scores["evaluation"]
    np.testing.assert_allclose(scores, made.said, rtol=0, atol=EXACT[kind])
    error = _refused(tmp_path, made.data, kind, turned.rename(columns={"age": "shoe_size"}))
    assert error.code == "features-differ"
    assert "age" in error.message
    assert "shoe_size" in error.message


def test_a_graph_of_fixed_length_names_its_shape(tmp_path: Path) -> None:
    """onnxruntime's own logreg_iris.onnx takes exactly 3 rows of 2 numbers, and gives scores of 3 classes."""
    data = files("onnxruntime").joinpath("datasets", "logreg_iris.onnx").read_bytes()
    frame = pd.DataFrame({"sepal_length": np.linspace(4, 7, 150), "sepal_width": np.linspace(2, 4, 150)})
    error = _refused(tmp_path, data, "onnx", frame, task="multiclass")
    assert error.code == "input-shape-mismatch"
    assert "3x2" in error.message
    assert "150x2" in error.message
    outcome = _scored(tmp_path, data, "onnx", frame.iloc[:3], task="multiclass")
    assert outcome.classes == ("0", "1", "2")
    assert outcome.scores["evaluation"].shape == (3, 3)
    assert outcome.made_with["OnnxMLTools"] == "1.2.0.0116"


def test_a_graph_that_keeps_numbers_in_another_file_is_refused(tmp_path: Path) -> None:
    import onnx

    graph = onnx.load_model_from_string(model_file("onnx", "binary").data)
    tensor = graph.graph.initializer.add()
    tensor.name, tensor.data_type = "outside", onnx.TensorProto.FLOAT
    tensor.dims.append(4)
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd"
    error = _refused(tmp_path, graph.SerializeToString(), "onnx", questions())
    assert error.code == "model-not-loadable"
    assert "another file" in error.message


def test_a_graph_with_a_cycle_or_of_a_later_onnx_is_not_loadable(tmp_path: Path) -> None:
    import onnx
    from onnx import helper

    around = [helper.make_node("Add", ["x", "b"], ["a"]), helper.make_node("Add", ["a", "x"], ["b"])]
    value = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [None, 3]) for name in ("x", "b")]
    cycle = helper.make_model(helper.make_graph(around, "cycle", value[:1], value[1:]), ir_version=10)
    assert _refused(tmp_path, cycle.SerializeToString(), "onnx", questions()).code == "model-not-loadable"
    later = onnx.load_model_from_string(model_file("onnx", "binary").data)
    later.ir_version = 120
    assert _refused(tmp_path, later.SerializeToString(), "onnx", questions()).code == "model-not-loadable"


def test_a_graph_of_a_million_nodes_ends_within_its_bounds(tmp_path: Path) -> None:
    node = b"\x0a\x01x\x12\x01x\x22\x08Identity"
    graph = b"\x0a" + bytes([len(node)]) + node
    body = graph * 1_000_000
    size, length = len(body), b""
    while size > 0x7F:
        length, size = length + bytes([size & 0x7F | 0x80]), size >> 7
    data = b"\x08\x08\x3a" + length + bytes([size]) + body
    assert _refused(tmp_path, data, "onnx", questions()).code in {
        "model-not-loadable",
        "sandbox-timeout",
        "sandbox-crashed",
    }


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("xgboost", b'{"learner":{' + b'"a":[' * 100_000),
        ("xgboost", b'{"learner":{"x":1},"version":[3,2,0]}'),
        ("xgboost", b"{L\x00\x00\x00\x00\x00\x00\x00\x07learner{" + b"[" * 100_000),
        ("xgboost", b"{L\x00\x00\x00\x00\x00\x00\x00\x07learner{L\x7f\xff\xff\xff\xff\xff\xff\xff"),
        ("lightgbm", b"tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=2\nTree=0\nnum_leaves=inf\n"),
        ("lightgbm", b"tree\nversion=v4\n" + b"x" * 20_000_000),
        ("catboost", b"CBM1\xff\xff\xff\x7f" + bytes(64)),
        ("catboost", b"CBM1"),
        ("onnx", b"\x08\x08\x3a\xff\xff\xff\xff\x7f" + bytes(600)),
    ],
    ids=["deep-json", "empty-learner", "deep-ubj", "long-ubj", "inf-leaves", "one-line", "lying-size", "magic-only",
         "lying-graph"],
)  # fmt: skip
def test_a_broken_or_swollen_file_ends_in_a_code(tmp_path: Path, kind: str, data: bytes) -> None:
    said = {name: version(name) for name in ("lightgbm", "xgboost-cpu", "catboost")}
    error = _refused(tmp_path, data, kind, questions(), library_versions=said)
    assert error.code in {"model-not-loadable", "sandbox-crashed", "sandbox-memory-exceeded"}


@pytest.mark.parametrize("kind", sorted({"lightgbm", "xgboost", "catboost", "onnx"}))
def test_a_file_of_another_format_is_refused_at_registration(tmp_path: Path, kind: str) -> None:
    for other in {"lightgbm", "xgboost", "catboost", "onnx", "skops", "joblib"} - {kind}:
        (tmp_path / "model").write_bytes(model_file(kind, "binary").data)
        with pytest.raises(DomainError) as refused:
            require(tmp_path / "model", declared=other)
        assert refused.value.code == "artifact-not-what-it-says"


def test_a_model_that_knows_other_classes_than_registered_is_refused(tmp_path: Path) -> None:
    made = model_file("skops", "multiclass")
    error = _refused(tmp_path, made.data, "skops", questions(), task="multiclass", classes=("low", "high"))
    assert error.code == "classes-differ"


def test_text_features_of_catboost_and_of_xgboost_keep_their_categories(tmp_path: Path) -> None:
    import catboost
    import xgboost

    rows = training().assign(place=["north", "south", "east"] * 80)
    given = rows[["income", "place"]]
    model = catboost.CatBoostClassifier(
        iterations=5, depth=2, verbose=0, allow_writing_files=False, cat_features=["place"]
    ).fit(given, rows["binary"])
    scores = _scored(tmp_path, saved(model), "catboost", given.iloc[:9]).scores["evaluation"]
    np.testing.assert_allclose(scores, model.predict_proba(given.iloc[:9])[:, 1], rtol=0, atol=1e-12)
    marked = given.astype({"place": "category"})
    boosted = xgboost.XGBClassifier(n_estimators=4, n_jobs=1, enable_categorical=True).fit(marked, rows["binary"])
    data = bytes(boosted.get_booster().save_raw("ubj"))
    asked = given.iloc[1:8]
    scores = _scored(tmp_path, data, "xgboost", asked).scores["evaluation"]
    np.testing.assert_array_equal(scores, boosted.predict_proba(marked.iloc[1:8])[:, 1].astype(np.float64))


def test_the_text_format_is_the_one_that_is_pinned() -> None:
    from audits.sandbox.libraries import installed

    assert model_file("lightgbm", "binary").data.decode().split("\n")[1] == f"version={installed('lightgbm-format')}"


def test_a_json_with_a_long_text_is_no_deep_json(tmp_path: Path) -> None:
    from audits.sandbox.headers import refuse_deep_json

    (tmp_path / "flat.json").write_text(json.dumps({"a": "[" * 3_000_000, "b": [[1]]}))
    refuse_deep_json(tmp_path / "flat.json")
    (tmp_path / "deep.json").write_text('{"a":' + "[" * 70)
    with pytest.raises(ValueError, match="nests deeper"):
        refuse_deep_json(tmp_path / "deep.json")


@pytest.mark.parametrize("shape", ["tensor", "columns", "forest"])
def test_graphs_of_other_shapes_are_read_too(tmp_path: Path, shape: str) -> None:
    """Class scores as a table instead of maps; one input for each feature by its name; trees instead of a line."""
    import skl2onnx
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows, outcome = training()[list(FEATURES)], training()["multiclass"]
    final = RandomForestClassifier(8, random_state=0) if shape == "forest" else LogisticRegression()
    scaled = ColumnTransformer([(name, StandardScaler(), [name]) for name in FEATURES])
    model = (
        make_pipeline(scaled, final).fit(rows, outcome) if shape == "columns" else final.fit(rows.to_numpy(), outcome)
    )
    given = [(name, FloatTensorType([None, 1])) for name in FEATURES]
    inputs = given if shape == "columns" else [("rows", FloatTensorType([None, 3]))]
    graph = skl2onnx.to_onnx(model, initial_types=inputs, options={"zipmap": False})
    asked = questions()[list(reversed(FEATURES))] if shape == "columns" else questions()
    outcome = _scored(tmp_path, graph.SerializeToString(), "onnx", asked, task="multiclass")
    said = model.predict_proba(questions() if shape == "columns" else questions().to_numpy())
    assert outcome.classes == CLASSES
    np.testing.assert_allclose(outcome.scores["evaluation"], said, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", ["lightgbm", "xgboost", "xgboost_json", "catboost", "onnx"])
def test_a_file_that_was_cut_or_changed_ends_in_a_code_or_scores_within_its_task(tmp_path: Path, kind: str) -> None:
    """Parsers in C++ may die of a damaged file; the worker does not."""
    data, rng, ends = model_file(kind, "binary").data, np.random.default_rng(5), set()
    for number in range(4):
        damaged = bytearray(data[: int(len(data) * (0.3 + 0.2 * number))] if number < 2 else data)
        for place in rng.integers(40, len(damaged), size=0 if number < 2 else 40):
            damaged[place] = int(rng.integers(0, 256))
        ends.add(_end_of(tmp_path, bytes(damaged), kind.removesuffix("_json")))
    assert ends <= {*CODES, "scored"}
    assert len(ends - {"scored"}) >= 1, "what is cut short is noticed"


def _end_of(folder: Path, data: bytes, kind: str) -> str:
    try:
        _scored(folder, data, kind, questions())
    except SandboxError as error:
        return error.code
    return "scored"
