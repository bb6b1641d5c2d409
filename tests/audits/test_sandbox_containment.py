"""What can a hostile model reach or break? Nothing outside, and each misdeed ends in one defined code."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from audits.sandbox import ground
from audits.sandbox.ladder import RUNGS
from audits.sandbox.launch import score, score_on
from audits.sandbox.protocol import Limits, Rung, SandboxError
from tests.audits.hostile_models import QUICK, REPORTS, Call, a_job, on_load, on_scoring

SHORT = Limits(wall_seconds=2.0)


@pytest.fixture(params=RUNGS, ids=lambda rung: rung.slug)
def rung(request: pytest.FixtureRequest) -> Rung:
    found: Rung = request.param
    if not REPORTS[found.slug].passed and not os.environ.get("CI"):
        pytest.skip(f"LEFT OUT: the rung {found.slug} is not to be had here: {REPORTS[found.slug].trouble}")
    return found


def _code_of(job, rung: Rung) -> str:
    with pytest.raises(SandboxError) as refused:
        score_on(rung, job, probe_digest="")
    return refused.value.code


def test_a_pickle_that_runs_a_command_touches_nothing(tmp_path: Path, rung: Rung) -> None:
    import pickle

    tmp_path.chmod(0o777)
    canary = tmp_path / "canary"
    model = pickle.dumps(Call(os.system, f"touch {canary}"))
    assert _code_of(a_job(tmp_path, model), rung) == "model-cannot-score"
    assert not canary.exists()


def test_a_pickle_that_writes_and_deletes_changes_nothing(tmp_path: Path, rung: Rung) -> None:
    tmp_path.chmod(0o777)
    source = (
        "import os, sys\n"
        f"for target in [{str(tmp_path / 'canary')!r}, sys.argv[-1], {str(ground.PROJECT / 'audits' / 'canary.py')!r}]:\n"
        "    for act in (lambda: open(target, 'w').write('x'), lambda: os.unlink(target), lambda: os.chmod(target, 0)):\n"
        "        try: act()\n"
        "        except OSError: continue\n"
        "        raise SystemError('changed ' + target)\n"
    )
    job = a_job(tmp_path, on_load(source))
    before = sorted(path.name for path in tmp_path.iterdir())
    assert _code_of(job, rung) == "model-cannot-score"
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert not (ground.PROJECT / "audits" / "canary.py").exists()


def test_a_pickle_that_opens_a_connection_reaches_nobody(tmp_path: Path, rung: Rung) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(0)
        port = listener.getsockname()[1]
        source = f"import socket; model = socket.create_connection(('127.0.0.1', {port}), timeout=2)"
        assert _code_of(a_job(tmp_path, on_load(source)), rung) == "model-not-loadable"
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_a_secret_in_the_workers_environment_cannot_be_read(tmp_path: Path, rung: Rung) -> None:
    """The worker is a process of its own here, since its environment is what the kernel shows of it."""
    source = (
        "import os, glob\n"
        "seen = repr(dict(os.environ))\n"
        "for name in ['/proc/1/environ', '/proc/self/environ', *glob.glob('/proc/[0-9]*/environ')]:\n"
        "    try: seen += repr(open(name, 'rb').read())\n"
        "    except OSError: pass\n"
        "raise ValueError('leak' if 'hunter2' in seen else 'nothing seen')\n"
    )
    job = a_job(tmp_path, on_load(source))
    worker = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path; from audits.sandbox import launch, ladder;"
        "from audits.sandbox.protocol import *; f = Path(sys.argv[2]);"
        "rung = next(r for r in ladder.RUNGS if r.slug == sys.argv[4]);"
        "job = ScoringJob('joblib', f, sys.argv[3], ());"
        "\ntry: launch.score_on(rung, job, probe_digest='')\nexcept SandboxError as error: print(error)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", worker, str(ground.PROJECT), str(job.model_path), job.model_sha256, rung.slug],
        env={"CADASTRE_SECRET": "hunter2"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "nothing seen" in ran.stdout
    assert "leak" not in ran.stdout


@pytest.mark.parametrize(
    ("source", "limits", "code"),
    [
        ("while True: print('x' * 65536)", QUICK, "sandbox-output-exceeded"),
        ("import time\ntime.sleep(60)", SHORT, "sandbox-timeout"),
        ("import signal, time\nfor n in range(1, 32):\n    try: signal.signal(n, signal.SIG_IGN)\n"
         "    except (OSError, ValueError): pass\nwhile True: time.sleep(1)", SHORT, "sandbox-timeout"),
        ("while True: pass", Limits(cpu_seconds=1), "sandbox-cpu-exceeded"),
        ("import os\nwhile True: os.fork()", QUICK, "model-not-loadable"),
        ("import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
         QUICK, "model-not-loadable"),
        ("model = bytearray(64 * 2**30)", QUICK, "sandbox-memory-exceeded"),
        ("import ctypes\nctypes.string_at(0)", QUICK, "sandbox-crashed"),
        ("import os\nos._exit(0)", QUICK, "sandbox-no-output"),
        ("import os\nos._exit(7)", QUICK, "sandbox-crashed"),
        ("import os\nos._exit(3)", QUICK, "sandbox-crashed"),
        ("import os\nfor h in range(3, 40):\n    try: os.pwrite(h, b'x', 2**40)\n    except OSError as e: last = e\n"
         "raise last", QUICK, "model-not-loadable"),
    ],
    ids=["flood", "sleep", "deaf", "spin", "fork-bomb", "thread-bomb", "memory-bomb", "segfault", "silent-exit", "exit-7",
         "exit-3", "sparse-file"],
)  # fmt: skip
def test_a_misdeed_on_loading_has_its_code(tmp_path: Path, source: str, limits: Limits, code: str) -> None:
    began = time.monotonic()
    with pytest.raises(SandboxError) as refused:
        score(a_job(tmp_path, on_load(source), limits=limits))
    assert refused.value.code == code
    assert time.monotonic() - began < limits.wall_seconds + 30


@pytest.mark.parametrize(
    ("forged", "code"),
    [
        ("__import__('pickle').dumps({'done': True})", "sandbox-bad-output"),
        ('b\'{"done": true, "done": NaN}\'', "sandbox-bad-output"),
        ("b'[' * 100000", "sandbox-bad-output"),
        ('b\'{"done": false, "code": "sandbox-unavailable"}\'', "sandbox-bad-output"),
        ('b\'{"done": true, "libraries": {"numpy": "<b>1</b>"}}\'', "sandbox-bad-output"),
        ('b\'{"done": true, "libraries": {}, "classes": ["a\\\\u0000", "\\\\ud800"]}\'', "sandbox-bad-output"),
        ("b' ' * (5 * 2**20)", "sandbox-output-exceeded"),
    ],
    ids=["pickle", "nan", "nested", "foreign-code", "markup", "unprintable", "large"],
)
def test_a_forged_answer_is_not_believed(tmp_path: Path, forged: str, code: str) -> None:
    body = f"import struct\nos.pwrite(3, {forged}, 0)\nos.pwrite(4, struct.pack('<d', 0.5) * len(X), 0)\nos._exit(0)"
    body = f"{_find_outputs()}\n{body}".replace("pwrite(3", "pwrite(outs[0]").replace("pwrite(4", "pwrite(outs[1]")
    with pytest.raises(SandboxError) as refused:
        score(a_job(tmp_path, on_scoring(body)))
    assert refused.value.code == code


def _find_outputs() -> str:
    """Source that finds the open files of the answer and of the scores: the writable regular ones, in order."""
    return (
        "import stat, fcntl\n"
        "outs = []\n"
        "for h in range(3, 60):\n"
        "    try: fit = stat.S_ISREG(os.fstat(h).st_mode) and fcntl.fcntl(h, fcntl.F_GETFL) & 3 == 2\n"
        "    except OSError: continue\n"
        "    outs += [h] if fit else []"
    )


def test_one_run_leaves_nothing_for_the_next(tmp_path: Path, rung: Rung) -> None:
    """The first model tries to leave a note in every folder it knows; the second must not find any."""
    folders = ["/tmp", "/dev/shm", "/var/tmp", "/run", "/", tempfile.gettempdir(), str(ground.PROJECT)]
    leave = (
        f"for f in {folders!r} + sys.path:\n"
        "    try: open(f + '/note-of-run-a', 'w').write('a')\n"
        "    except OSError: pass\n"
        "return np.full((len(X), 2), 0.5)"
    )
    find = (
        f"found = [f for f in {folders!r} + sys.path if os.path.exists(f + '/note-of-run-a')]\n"
        "return np.full((len(X), 2), 0.25 if found else 0.75)"
    )
    score_on(rung, a_job(tmp_path, on_scoring(leave)), probe_digest="")
    outcome = score_on(rung, a_job(tmp_path, on_scoring(find)), probe_digest="")
    assert set(outcome.scores["evaluation"]) == {0.75}


def test_no_process_and_no_folder_is_left_behind(tmp_path: Path, rung: Rung, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "job").mkdir()
    job = a_job(tmp_path / "job", on_load("import time\ntime.sleep(60)"), limits=Limits(wall_seconds=1.0))
    assert _code_of(job, rung) == "sandbox-timeout"
    assert [path.name for path in tmp_path.iterdir()] == ["job"]
    commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if _alive(path)]
    assert not [command for command in commands if str(tmp_path).encode() in command and b"order.json" in command]


def _alive(path: Path) -> bool:
    try:
        return bool(path.read_bytes())
    except OSError:
        return False


def test_the_child_dies_with_a_worker_that_is_killed(tmp_path: Path, rung: Rung) -> None:
    job = a_job(tmp_path, on_load("import time\ntime.sleep(45)"))
    worker = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path; from audits.sandbox import launch, ladder;"
        "from audits.sandbox.protocol import *; rung = next(r for r in ladder.RUNGS if r.slug == sys.argv[4]);"
        "launch.score_on(rung, ScoringJob('joblib', Path(sys.argv[2]), sys.argv[3], ()), probe_digest='')"
    )
    line = [sys.executable, "-c", worker, str(ground.PROJECT), str(job.model_path), job.model_sha256, rung.slug]
    process = subprocess.Popen(line, env={"TMPDIR": str(tmp_path)})
    assert _within(60.0, lambda: bool(_children(tmp_path)))
    process.kill()
    process.wait()
    assert _within(30.0, lambda: not _children(tmp_path))


def _children(folder: Path) -> list[Path]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes()
        except OSError:
            continue
        if str(folder).encode() in command and b"order.json" in command:
            found.append(path)
    return found


def _within(seconds: float, condition) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_the_last_words_of_a_child_are_inert(tmp_path: Path) -> None:
    source = "import sys, os\nsys.stderr.write('\\x1b[2J<script>\\u202e\\x00 end')\nsys.stderr.flush()\nos._exit(9)"
    with pytest.raises(SandboxError) as refused:
        score(a_job(tmp_path, on_load(source)))
    words = refused.value.context["last_words"]
    assert words.isascii()
    assert words.isprintable()
    assert words.endswith("end")
