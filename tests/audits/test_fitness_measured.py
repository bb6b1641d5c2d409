"""Is what a model costs measured where it runs, and does a model that answers differently each time show?"""

from pathlib import Path

import numpy as np
import pytest

from audits.sandbox.launch import score, score_on
from audits.sandbox.protocol import FitnessInput, SandboxError, ScoringJob
from tests.audits.hostile_models import REPORTS, on_load, on_scoring
from tests.audits.model_files import model_file, questions
from tests.audits.test_model_formats import a_job_for
from tests.audits.test_sandbox_containment import _find_outputs, rung  # noqa: F401 -- a fixture

pytestmark = pytest.mark.thorough

MEASURED = FitnessInput(single_rows=50, batch_rows=30)


def _job(folder: Path, data: bytes, kind: str = "joblib", **more) -> ScoringJob:
    return a_job_for(folder, data, kind, questions(), fitness=MEASURED, **more)


def test_size_times_and_memory_are_told_on_every_rung(tmp_path: Path, rung) -> None:  # noqa: F811 -- the fixture
    made = model_file("skops", "binary")
    outcome = score_on(rung, _job(tmp_path, made.data, "skops"), probe_digest=REPORTS[rung.slug].digest)
    fitness = outcome.fitness
    assert fitness is not None
    assert fitness.artifact_bytes == len(made.data)
    assert len(fitness.latency_seconds) == 50
    assert all(0 < one < outcome.seconds for one in fitness.latency_seconds)
    assert 0 < fitness.load_seconds < outcome.seconds
    assert 0 < fitness.batch_seconds < outcome.seconds
    assert (fitness.batch_rows, fitness.repeat_rows) == (30, 30)
    assert fitness.repeat_difference == 0.0
    assert fitness.peak_memory_bytes == outcome.peak_memory_bytes > 20 * 2**20
    np.testing.assert_allclose(outcome.scores["evaluation"], made.said, rtol=0, atol=1e-12)


def test_a_slow_and_a_large_model_are_slow_and_large(tmp_path: Path) -> None:
    body = "time.sleep(0.02)\nself.much = np.ones(20_000_000)\nreturn np.full((len(X), 2), 0.5)"
    small = score(_job(tmp_path, on_scoring("return np.full((len(X), 2), 0.5)"))).fitness
    large = score(_job(tmp_path, on_scoring(body))).fitness
    assert min(large.latency_seconds) >= 0.02
    assert np.median(large.latency_seconds) > np.median(small.latency_seconds)
    assert large.peak_memory_bytes > small.peak_memory_bytes + 100 * 2**20


@pytest.mark.parametrize(
    "body",
    [
        "p = np.random.default_rng().random(len(X)); return np.column_stack([1 - p, p])",
        "self.n = getattr(self, 'n', 0) + 1; return np.full((len(X), 2), 0.5 + 0.1 * (self.n % 2))",
        "p = np.full(len(X), (time.perf_counter_ns() % 997) / 997); return np.column_stack([1 - p, p])",
        "p = np.full(len(X), (id(self) // 16 % 997) / 997); return np.column_stack([1 - p, p])",
    ],
    ids=["random", "counts", "clock", "address"],
)
def test_a_model_that_answers_differently_each_time_shows(tmp_path: Path, body: str) -> None:
    assert score(_job(tmp_path, on_scoring(body))).fitness.repeat_difference > 0


@pytest.mark.parametrize(
    ("forged", "words"),
    [
        ("'fitness': None", "not those that were asked for"),
        ("'fitness': dict(fit, latency_seconds=[0.0] * 49)", "not those that were asked for"),
        ("'fitness': dict(fit, latency_seconds=[1e9] * 50)", "not a number that can be"),
        ("'fitness': dict(fit, latency_seconds=['0'] * 50)", "not a number that can be"),
        ("'fitness': dict(fit, latency_seconds=[0.1] * 50, batch_seconds=-1)", "not a number that can be"),
        ("'fitness': dict(fit, repeat_rows=3)", "rows that were measured"),
        ("'fitness': dict(fit, repeat_difference=True)", "not a number that can be"),
        ("'notes': 'text'", "notes are not a short list"),
        ("'classes': ['a', 7]", "classes are not a list"),
        ("'made_with': {'<b>': '1'}", "versions of the libraries"),
    ],
)
def test_forged_figures_are_not_believed(tmp_path: Path, forged: str, words: str) -> None:
    body = (
        f"{_find_outputs()}\n"
        "import json, struct\n"
        "fit = {'load_seconds': 0.001, 'latency_seconds': [0.00001] * 50, 'batch_rows': 30,\n"
        "       'batch_seconds': 0.001, 'repeat_rows': 30, 'repeat_difference': 0.0}\n"
        "answer = {'done': True, 'libraries': {}, 'classes': [], 'notes': [], 'made_with': {}, 'fitness': fit}\n"
        f"answer |= {{{forged}}}\n"
        "os.pwrite(outs[1], struct.pack('<d', 0.5) * len(X), 0)\n"
        "os.pwrite(outs[0], json.dumps(answer).encode(), 0); os._exit(0)"
    )
    with pytest.raises(SandboxError) as refused:
        score(_job(tmp_path, on_scoring(body)))
    assert refused.value.code == "sandbox-bad-output"
    assert words in refused.value.message


def test_the_memory_is_the_kernels_count_and_not_the_models_word(tmp_path: Path) -> None:
    body = (
        f"{_find_outputs()}\n"
        "import json, struct\n"
        "much = np.ones(25_000_000)\n"
        "fit = {'load_seconds': 0, 'latency_seconds': [0] * 50, 'batch_rows': 30,\n"
        "       'batch_seconds': 0, 'repeat_rows': 30, 'repeat_difference': 0}\n"
        "time.sleep(0.2); os.pwrite(outs[1], struct.pack('<d', 0.5) * len(X), 0)\n"
        "os.pwrite(outs[0], json.dumps({'done': True, 'libraries': {}, 'fitness': fit}).encode(), 0); os._exit(0)"
    )
    assert score(_job(tmp_path, on_scoring(body))).fitness.peak_memory_bytes > 200 * 2**20


@pytest.mark.parametrize(
    ("task", "answer", "code"),
    [
        ("multiclass", "np.full((len(X), 3), 0.3)", "prediction-not-a-distribution"),
        ("multiclass", "np.full((len(X), 3), np.nan)", "prediction-not-a-probability"),
        ("multiclass", "np.tile([2.0, -1.0, 0.0], (len(X), 1))", "prediction-not-a-probability"),
        ("multiclass", "np.full((len(X) - 1, 3), 1 / 3)", "prediction-count-mismatch"),
        ("multiclass", "np.full((len(X), 2), 0.5)", "model-cannot-score"),
        ("regression", "np.full(len(X), np.nan)", "prediction-not-a-number"),
        ("regression", "np.full(len(X), np.inf)", "prediction-not-a-number"),
        ("regression", "np.full((len(X), 2), 1.0)", "prediction-count-mismatch"),
        ("regression", "['a'] * len(X)", "model-cannot-score"),
    ],
)
def test_an_answer_that_does_not_fit_the_task_has_a_code(tmp_path: Path, task: str, answer: str, code: str) -> None:
    model = on_load(
        "import numpy as np\n"
        "class Model:\n"
        "    classes_ = ['a', 'b', 'c']\n"
        f"    def {'predict' if task == 'regression' else 'predict_proba'}(self, X): return {answer}\n"
        "model = Model()\n"
    )
    with pytest.raises(SandboxError) as refused:
        score(a_job_for(tmp_path, model, "joblib", questions(), task=task))
    assert refused.value.code == code
