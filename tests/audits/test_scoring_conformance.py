"""Can a model that predicts differently here than where it was made ever pass? Versions and recorded predictions say no."""

import hashlib
import io
import json
import pickle
import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audits.sandbox import ground
from audits.sandbox.conformance import LIFTING_ROWS
from audits.sandbox.launch import score
from audits.sandbox.protocol import ConformanceInput, SandboxError, ScoringJob
from tests.audits.hostile_models import FEATURES, on_scoring
from tests.audits.model_files import DECLARED, model_file, questions
from tests.audits.test_model_formats import a_job_for

pytestmark = pytest.mark.thorough

ROWS = LIFTING_ROWS


def _job(folder: Path, data: bytes, kind: str, **more) -> ScoringJob:
    return a_job_for(folder, data, kind, questions(), **more)


def _refused(job: ScoringJob) -> SandboxError:
    with pytest.raises(SandboxError) as refused:
        score(job)
    return refused.value


def _sample(
    folder: Path,
    kind: str,
    task: str = "binary",
    *,
    rows: int = ROWS,
    form: str = "parquet",
    tolerance: float = 1e-6,
    **columns,
) -> ConformanceInput:
    """Record what the honest model of ``kind`` says here of ``rows`` rows; ``columns`` replaces what was recorded."""
    frame = questions(rows)
    outcome = score(
        a_job_for(
            _folder(folder), model_file(kind, task).data, kind, frame, task=task, classes=model_file(kind, task).classes
        )
    )
    said = outcome.scores["evaluation"]
    if task == "multiclass":
        frame["expected"] = [outcome.classes[place] for place in said.argmax(axis=1)]
        for place, name in enumerate(outcome.classes):
            frame[f"expected:{name}"] = said[:, place]
    else:
        frame["expected"] = said
    frame = frame.assign(**columns) if columns else frame
    path = folder / f"sample.{form}"
    frame.to_parquet(path) if form == "parquet" else frame.to_csv(path, index=False)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return ConformanceInput(path, digest, form, FEATURES, tolerance)


def _folder(folder: Path) -> Path:
    inner = folder / "recording"
    inner.mkdir(exist_ok=True)
    return inner


def _edited_skops(data: bytes, old: str, new: str) -> bytes:
    """Return a skops file whose schema has ``new`` for ``old``."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as before, zipfile.ZipFile(written, "w") as after:
        for entry in before.infolist():
            part = before.read(entry)
            if entry.filename == "schema.json":
                assert old in part.decode()
                part = part.decode().replace(old, new).encode()
            after.writestr(entry.filename, part)
    return written.getvalue()


def _of_another_version(kind: str) -> tuple[bytes, str]:
    """Return the honest model as a file that names another version of its library, and that version."""
    import catboost
    import sklearn
    import xgboost

    data = model_file(kind, "binary").data
    if kind == "skops":
        return _edited_skops(data, f'\\"{sklearn.__version__}\\"', '\\"1.8.2\\"'), "1.8.2"
    if kind == "xgboost":
        here = bytes(int(part) for part in xgboost.__version__.split("."))
        written = b"i" + b"i".join(bytes([part]) for part in here)
        assert data.count(written) == 1
        return data.replace(written, b"i\x02i\x01i\x04"), "2.1.4"
    if kind == "catboost":
        assert data.count(f"tags/v{catboost.__version__}".encode()) == 1
        return data.replace(f"tags/v{catboost.__version__}".encode(), b"tags/v1.2.7\x0a"), "1.2.7"
    text = data.decode()
    return text.replace("version=v4", "version=v3").encode(), "v3"


@pytest.mark.parametrize("kind", ["skops", "xgboost", "catboost", "lightgbm"])
def test_another_version_in_the_file_ends_the_run_and_names_both(tmp_path: Path, kind: str) -> None:
    from audits.sandbox.libraries import installed

    data, named = _of_another_version(kind)
    error = _refused(_job(tmp_path, data, kind))
    library = {"skops": "scikit-learn", "lightgbm": "lightgbm-format"}.get(kind, kind)
    assert error.code == "model-library-mismatch"
    assert f"{library}: the file names {named}" in error.message
    assert f"here is {installed(library)}" in error.message
    assert "register its predictions only" in error.message


def test_a_pickle_of_another_scikit_learn_ends_the_run_before_it_scores(tmp_path: Path) -> None:
    """The estimators hold the version they were made with; scikit-learn only warns of it."""
    import sklearn
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression().fit(questions(), np.arange(40) % 2)
    here, other = sklearn.__version__, "9" * len(sklearn.__version__)
    data = pickle.dumps(model, protocol=4)
    assert here.encode() in data
    assert score(_job(tmp_path, data, "joblib")).made_with["scikit-learn"] == here
    error = _refused(_job(tmp_path, data.replace(here.encode(), other.encode()), "joblib"))
    assert error.code == "model-library-mismatch"
    assert other in error.message


@pytest.mark.parametrize(
    ("kind", "said", "code"),
    [
        ("lightgbm", {}, "model-library-unknown"),
        ("lightgbm", {"lightgbm": "4.1.0"}, "model-library-mismatch"),
        ("skops", {"sklearn": "1.8.0"}, "model-library-mismatch"),
        ("xgboost", {"xgboost-cpu": "2.0.0"}, "model-library-mismatch"),
        ("onnx", {"onnxruntime": "1.2.0"}, "model-library-mismatch"),
        ("skops", {"lightgbm": "4.1.0", "numpy": "1.0", "pandas": "0.1"}, None),
        ("onnx", {}, None),
    ],
)
def test_what_the_registration_says_is_compared_too(
    tmp_path: Path, kind: str, said: dict[str, str], code: str | None
) -> None:
    job = _job(tmp_path, model_file(kind, "binary").data, kind, library_versions=said)
    if code is None:
        assert score(job).notes == ()
    else:
        assert _refused(job).code == code


def test_a_booster_within_a_pickle_needs_its_version_said(tmp_path: Path) -> None:
    import lightgbm

    model = lightgbm.LGBMClassifier(n_estimators=3, verbosity=-1, n_jobs=1).fit(questions(), np.arange(40) % 2)
    data = pickle.dumps(model)
    assert _refused(_job(tmp_path, data, "joblib", library_versions={})).code == "model-library-unknown"
    outcome = score(_job(tmp_path, data, "joblib", library_versions=DECLARED))
    np.testing.assert_array_equal(outcome.scores["evaluation"], model.predict_proba(questions())[:, 1])


@pytest.mark.parametrize("kind", ["skops", "xgboost", "catboost", "lightgbm"])
def test_recorded_predictions_that_are_reproduced_outweigh_a_version(tmp_path: Path, kind: str) -> None:
    data, named = _of_another_version(kind)
    outcome = score(_job(tmp_path, data, kind, conformance=_sample(tmp_path, kind)))
    assert outcome.conformance is not None
    assert (outcome.conformance.rows, outcome.conformance.met, outcome.conformance.rows_differing) == (ROWS, True, 0)
    assert outcome.conformance.max_difference is not None
    assert outcome.conformance.max_difference <= 1e-6
    assert any(named in note for note in outcome.notes)


def test_too_few_recorded_predictions_do_not_outweigh_a_version(tmp_path: Path) -> None:
    data, _ = _of_another_version("skops")
    few = _sample(tmp_path, "skops", rows=LIFTING_ROWS - 1)
    assert _refused(_job(tmp_path, data, "skops", conformance=few)).code == "model-library-mismatch"
    assert score(_job(tmp_path, model_file("skops", "binary").data, "skops", conformance=few)).conformance is not None


def _shifted_skops(data: bytes) -> bytes:
    """Return a skops file of a linear model whose weights are a little larger."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as before, zipfile.ZipFile(written, "w") as after:
        for entry in before.infolist():
            part = before.read(entry)
            if entry.filename.endswith(".npy"):
                values = np.load(io.BytesIO(part))
                if values.shape == (1, 3):
                    stream = io.BytesIO()
                    np.save(stream, values + 0.01)
                    part = stream.getvalue()
            after.writestr(entry.filename, part)
    return written.getvalue()


def _shifted(kind: str) -> bytes:
    """Return a file that loads without complaint, names the version here, and predicts a little differently."""
    data = model_file(kind, "binary").data
    if kind == "skops":
        return _shifted_skops(data)
    if kind == "lightgbm":
        lines = data.decode().split("\n")
        place = next(place for place, line in enumerate(lines) if line.startswith("leaf_value="))
        leaves = [float(part) for part in lines[place].removeprefix("leaf_value=").split()]
        new = "leaf_value=" + " ".join(f"{leaf + 0.001:.8f}" for leaf in leaves)
        return "\n".join([*lines[:place], new, *lines[place + 1 :]]).replace("tree_sizes=", "xtree_sizes=").encode()
    if kind == "xgboost":
        whole = json.loads(model_file("xgboost_json", "binary").data)
        tree = whole["learner"]["gradient_booster"]["model"]["trees"][0]
        leaf = tree["left_children"].index(-1)
        tree["base_weights"][leaf] += 0.01
        tree["split_conditions"][leaf] += 0.01
        return json.dumps(whole, separators=(",", ":")).encode()
    import onnx
    from onnx import numpy_helper

    graph = onnx.load_model_from_string(data)
    for node in graph.graph.node:
        for attribute in node.attribute:
            if attribute.name == "coefficients":
                attribute.floats[-1] += 0.01
    for tensor in graph.graph.initializer:
        if list(tensor.dims) == [3, 2] or list(tensor.dims) == [1, 3]:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) + np.float32(0.01), tensor.name))
    return graph.SerializeToString()


@pytest.mark.parametrize("kind", ["skops", "lightgbm", "xgboost", "onnx"])
def test_a_model_that_loads_without_complaint_and_predicts_differently_never_passes(tmp_path: Path, kind: str) -> None:
    sample, data = _sample(tmp_path, kind), _shifted(kind)
    without = score(_job(tmp_path, data, kind)).scores["evaluation"]
    assert 1e-5 < np.abs(without - model_file(kind, "binary").said).max() < 0.1
    error = _refused(_job(tmp_path, data, kind, conformance=sample))
    assert error.code == "scoring-not-reproduced"
    assert error.context["rows"] == ROWS
    assert 1 <= error.context["rows_differing"] <= ROWS
    assert error.context["max_difference"] > 1e-6
    assert f"of {ROWS} rows differ, the largest difference is" in error.message


def test_a_model_of_another_version_that_predicts_differently_never_passes(tmp_path: Path) -> None:
    """Both at once: the file names another scikit-learn and its weights mean something else here."""
    import sklearn

    sample = _sample(tmp_path, "skops")
    data = _edited_skops(
        _shifted_skops(model_file("skops", "binary").data), f'\\"{sklearn.__version__}\\"', '\\"1.8.2\\"'
    )
    assert _refused(_job(tmp_path, data, "skops")).code == "model-library-mismatch"
    assert _refused(_job(tmp_path, data, "skops", conformance=sample)).code == "scoring-not-reproduced"
    loose = replace(sample, tolerance=0.05)
    assert score(_job(tmp_path, data, "skops", conformance=loose)).conformance is not None


@pytest.mark.parametrize("task", ["multiclass", "regression"])
@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_classes_and_numbers_are_reproduced_too(tmp_path: Path, task: str, form: str) -> None:
    data = model_file("skops", task).data
    sample = _sample(tmp_path, "skops", task, form=form)
    assert score(_job(tmp_path, data, "skops", task=task, conformance=sample)).conformance.met
    wrong = {"expected": "low"} if task == "multiclass" else {"expected": 1.0}
    other = _sample(tmp_path, "skops", task, form=form, **wrong)
    assert _refused(_job(tmp_path, data, "skops", task=task, conformance=other)).code == "scoring-not-reproduced"


def test_a_tolerance_as_wide_as_the_amounts_proves_nothing_and_is_refused(tmp_path: Path) -> None:
    data = model_file("skops", "regression").data
    sample = replace(_sample(tmp_path, "skops", "regression", expected=1.0), tolerance=1e300)
    error = _refused(_job(tmp_path, data, "skops", task="regression", conformance=sample))
    assert error.code == "conformance-sample-unreadable"
    assert "too wide" in error.message


def test_predicted_classes_alone_do_not_outweigh_a_version(tmp_path: Path) -> None:
    import sklearn

    sample = _sample(tmp_path, "skops", "multiclass")
    bare = pd.read_parquet(sample.path)[[*FEATURES, "expected"]]
    bare.to_parquet(sample.path)
    sample = replace(sample, sha256=hashlib.sha256(sample.path.read_bytes()).hexdigest())
    made = model_file("skops", "multiclass").data
    outcome = score(_job(tmp_path, made, "skops", task="multiclass", conformance=sample))
    assert outcome.conformance.max_difference is None
    data = _edited_skops(made, f'\\"{sklearn.__version__}\\"', '\\"1.8.2\\"')
    assert (
        _refused(_job(tmp_path, data, "skops", task="multiclass", conformance=sample)).code == "model-library-mismatch"
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"expected": float("nan")}, "missing or not finite"),
        ({"expected": "high"}, "cannot be read"),
        ("no-column", "lacks the columns"),
        ("no-rows", "0 rows"),
        ("too-many", "10001 rows"),
        ("not-a-table", "cannot be read"),
        ("other-bytes", "not those that were registered"),
    ],
)
def test_a_sample_that_cannot_be_used_is_refused(tmp_path: Path, change, words: str) -> None:
    sample = _sample(tmp_path, "skops", rows=5, **(change if isinstance(change, dict) else {}))
    frame = pd.read_parquet(sample.path)
    if change == "no-column":
        frame.drop(columns="income").to_parquet(sample.path)
    elif change == "no-rows":
        frame.iloc[:0].to_parquet(sample.path)
    elif change == "too-many":
        pd.concat([frame] * 2001).iloc[:10_001].to_parquet(sample.path)
    elif change in ("not-a-table", "other-bytes"):
        sample.path.write_bytes(b"PAR1 nothing")
    if change != "other-bytes":
        sample = replace(sample, sha256=hashlib.sha256(sample.path.read_bytes()).hexdigest())
    error = _refused(_job(tmp_path, model_file("skops", "binary").data, "skops", conformance=sample))
    assert error.code == "conformance-sample-unreadable"
    assert words in error.message


def test_the_child_never_sees_what_it_is_to_reproduce(tmp_path: Path) -> None:
    """A model that reads every file it is given and repeats an ``expected`` column finds none."""
    body = (
        "import glob, pyarrow.parquet as pq\n"
        "for name in glob.glob(os.path.dirname(sys.argv[-1]) + '/*'):\n"
        "    try: table = pq.read_table(name)\n"
        "    except Exception: continue\n"
        "    if 'expected' in table.column_names and len(table) == len(X):\n"
        "        p = np.asarray(table['expected']); return np.column_stack([1 - p, p])\n"
        "return np.full((len(X), 2), 0.5)"
    )
    sample = _sample(tmp_path, "skops")
    job = _job(tmp_path, on_scoring(body), "joblib", conformance=sample)
    assert _refused(job).code == "scoring-not-reproduced"


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_the_recipe_of_the_how_to_records_what_is_reproduced(tmp_path: Path, task: str) -> None:
    page = (ground.PROJECT / "docs" / "how-to" / "record-predictions.md").read_text(encoding="utf-8")
    (recipe,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    made = model_file("skops", task)
    (tmp_path / "made.skops").write_bytes(made.data)
    questions(300).to_parquet(tmp_path / "rows.parquet")
    given = (
        "import pandas, skops.io\n"
        "model = skops.io.load('made.skops', trusted=skops.io.get_untrusted_types(file='made.skops'))\n"
        f"rows, features, task = pandas.read_parquet('rows.parquet'), {list(FEATURES)!r}, {task!r}\n"
    )
    subprocess.run([sys.executable, "-c", given + recipe], cwd=tmp_path, check=True)
    path = tmp_path / "recorded.parquet"
    sample = ConformanceInput(path, hashlib.sha256(path.read_bytes()).hexdigest(), "parquet", FEATURES, 1e-9)
    found = score(_job(tmp_path, made.data, "skops", task=task, conformance=sample)).conformance
    assert (found.rows, found.met) == (300, True)
