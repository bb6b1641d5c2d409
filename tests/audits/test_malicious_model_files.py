"""Can any malicious model file do something outside the sandbox? Gadgets times containers, built here, stored nowhere.

What is run: every gadget that reaches for something is first loaded without a sandbox, and must leave its mark (so none
is a blank). Then all files of the cross product are looked at as at registration, by a process whose every program start,
connection, import of a named function and opened file is watched; all of them are loaded inside a child of each rung,
many to a child; and each gadget once, in a container that changes from gadget to gadget, goes the whole way that a run
goes, and ends in a defined code. Those that harm their own process go the whole way only.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from audits.sandbox import ground
from audits.sandbox.ladder import RUNGS
from audits.sandbox.launch import score, score_on
from audits.sandbox.protocol import CODES, Limits, Rung, SandboxError, ScoringJob
from registry.digests import sha256_hex
from tests.audits.gadget_containers import CONTAINERS, PLAIN
from tests.audits.gadgets import Aim, misbehaving, reaching
from tests.audits.hostile_models import REPORTS
from tests.audits.pickle_opcodes import call, written

pytestmark = pytest.mark.thorough

LIMITS = Limits(wall_seconds=60.0, cpu_seconds=50)
SHORT = Limits(wall_seconds=6.0, cpu_seconds=3)
PUBLIC = tuple(folder for folder in ("/tmp", "/dev/shm", "/var/tmp") if os.access(folder, os.W_OK))
BATCH = 160


@dataclass
class Canaries:
    """Folders anyone may write to, one for each gadget, a TCP port and a socket in the file system; who touched which."""

    roots: list[Path]
    port: int
    path: str
    connections: list[str] = field(default_factory=list)

    def aim(self, name: str, number: int) -> Aim:
        """Return the aim of one gadget: a folder of its own."""
        folder = self.roots[number % len(self.roots)] / name
        if not folder.exists():
            folder.mkdir()
            folder.chmod(0o777)
        return Aim(folder, self.port, self.path)

    def marks(self, name: str) -> list[str]:
        """Return what lies in the folder of a gadget."""
        return [str(found) for root in self.roots for found in (root / name).glob("*")]

    def touched(self) -> list[str]:
        """Return everything that lies in any folder, and every connection."""
        return [str(found) for root in self.roots for found in root.glob("*/*")] + self.connections


@pytest.fixture
def canaries() -> Iterator[Canaries]:
    """Lay out canaries in every public folder, and listen."""
    roots = [Path(tempfile.mkdtemp(prefix="canary-", dir=folder)) for folder in PUBLIC]
    for root in roots:
        root.chmod(0o777)
        (root / "payload.py").write_text("open(aim, 'w').close()\n")
    listeners = [socket.socket(), socket.socket(socket.AF_UNIX)]
    listeners[0].bind(("127.0.0.1", 0))
    path = str(roots[0] / "socket")
    listeners[1].bind(path)
    Path(path).chmod(0o777)
    found = Canaries(roots, listeners[0].getsockname()[1], path)
    for kind, listener in zip(("tcp", "unix"), listeners, strict=True):
        listener.listen(128)
        threading.Thread(target=_listen, args=(listener, kind, found.connections), daemon=True).start()
    try:
        yield found
    finally:
        for listener in listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for root in roots:
            subprocess.run(["/bin/rm", "-rf", str(root)], check=True)


def _listen(listener: socket.socket, kind: str, heard: list[str]) -> None:
    while True:
        try:
            listener.accept()[0].close()
        except OSError:
            return
        heard.append(kind)


def _gadgets(canaries: Canaries) -> dict[str, Any]:
    """Return every gadget that reaches for something, each with an aim of its own."""
    names = list(reaching(Aim(canaries.roots[0], 1, "")))
    return {name: reaching(canaries.aim(name, number))[name] for number, name in enumerate(names)}


def _files(gadgets: dict[str, Any]) -> list[tuple[str, str, bytes]]:
    """Return the cross product: a name, the format it is declared as, and the bytes."""
    return [
        (f"{name} in {container}", declared, build(value))
        for name, value in gadgets.items()
        for container, (declared, build) in CONTAINERS.items()
    ]


_LOAD = """
import base64, json, os, pickle, signal, sys
for name, data in json.load(sys.stdin):
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        null = os.open(os.devnull, os.O_RDWR)
        for handle in (0, 1, 2):
            os.dup2(null, handle)
        try:
            pickle.loads(base64.b64decode(data))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
"""


def test_there_are_enough_gadgets_and_each_reaches_its_aim_where_nothing_confines_it(canaries: Canaries) -> None:
    gadgets = _gadgets(canaries)
    assert len(gadgets) >= 60
    assert len(CONTAINERS) >= 12
    assert len(gadgets) * len(CONTAINERS) >= 720
    blank = []
    connecting = {
        name
        for name in gadgets
        if name.startswith(("socket.", "urllib", "http.", "smtplib", "poplib", "logging.Socket"))
    }
    for protocol in (4, 0):
        pickles = [
            [name, base64.b64encode(written(value, protocol)).decode()]
            for name, value in gadgets.items()
            if name not in connecting and (protocol == 4 or name not in ("dotted-name", "memo-hidden"))
        ]
        _loaded_freely(pickles)
        for name, _ in pickles:
            if not (left := canaries.marks(name)):
                blank.append(f"{name} in protocol {protocol}")
            for mark in left:
                subprocess.run(["/bin/rm", "-rf", mark], check=True)
    for name in sorted(connecting):
        before = len(canaries.connections)
        _loaded_freely([[name, base64.b64encode(written(gadgets[name], 4)).decode()]])
        if len(canaries.connections) == before:
            blank.append(name)
    assert blank == []


def _loaded_freely(pickles: list[list[str]]) -> None:
    line = [sys.executable, "-W", "ignore", "-c", _LOAD]
    subprocess.run(line, input=json.dumps(pickles), text=True, check=True, timeout=300, stdout=subprocess.DEVNULL)


_WATCH = """
import base64, json, os, sys, tempfile
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from audits.sandbox.inspect import inspect, require
from registry.errors import DomainError
given = json.load(sys.stdin)
folder = tempfile.mkdtemp()
path = Path(folder, "artifact")
inspect.__globals__["FORMATS"].load()
events, watching = [], False
for codec in ("raw_unicode_escape", "unicode_escape", "latin-1", "cp437"):  # Python's own, imported when first used
    "".encode(codec)
def heard(event, arguments):
    if not watching:
        return
    if event == "open" and str(arguments[0]) == str(path) and arguments[1] in ("rb", "r", None):
        return
    if event.startswith(("object.__", "builtins.id", "gc.")):
        return
    events.append([event, repr(arguments)[:200]])
known = set(sys.modules)
sys.addaudithook(heard)
kinds, refused = {}, 0
for name, declared, data in given:
    path.write_bytes(base64.b64decode(data))
    watching = True
    found = inspect(path)
    try:
        require(path, declared=declared)
    except DomainError as error:
        refused += error.code == "artifact-not-what-it-says"
    watching = False
    kinds[found.container] = kinds.get(found.container, 0) + 1
path.unlink(); os.rmdir(folder)
print(json.dumps({"events": events, "kinds": kinds, "refused": refused, "modules": sorted(set(sys.modules) - known)}))
"""


def test_looking_at_a_file_runs_nothing_of_it(canaries: Canaries) -> None:
    """In the process that looks: no import, no program, no connection, no file opened but the artifact itself."""
    harmful = [
        (f"{name} in {container}", declared, build(value))
        for name, value in misbehaving().items()
        for container, (declared, build) in CONTAINERS.items()
    ]
    files = _files(_gadgets(canaries)) + harmful
    given = json.dumps([[name, declared, base64.b64encode(data).decode()] for name, declared, data in files])
    line = [sys.executable, "-W", "ignore", "-c", _WATCH, str(ground.PROJECT)]
    ran = subprocess.run(line, input=given, text=True, check=True, timeout=300, capture_output=True)
    seen = json.loads(ran.stdout)
    assert seen["events"] == []
    assert seen["modules"] == []
    assert sum(seen["kinds"].values()) == len(files)
    # By their first bytes: protocol 0, .npy, .npz, both torch archives and the Keras archive. The rest may be opaque.
    assert seen["refused"] == len(files) / len(CONTAINERS) * 6
    assert canaries.touched() == []


_DRIVE = """
import io, signal, joblib, skops.io, warnings
warnings.simplefilter("ignore")
class Late(BaseException): pass
def late(*_): raise Late
signal.signal(signal.SIGALRM, late)
tried, loaded = 0, 0
for declared, data in files:
    signal.setitimer(signal.ITIMER_REAL, 5)
    try:
        if declared == "skops":
            skops.io.loads(data, trusted=skops.io.get_untrusted_types(data=data))
        else:
            joblib.load(io.BytesIO(data))
        loaded += 1
    except BaseException:
        pass
    signal.setitimer(signal.ITIMER_REAL, 0)
    tried += 1
raise ValueError(f"tried {tried}, loaded {loaded}")
"""


@pytest.mark.parametrize("rung", RUNGS, ids=lambda rung: rung.slug)
def test_loading_any_of_them_in_the_sandbox_leaves_no_trace_outside(
    tmp_path: Path, canaries: Canaries, rung: Rung, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not REPORTS[rung.slug].passed and not os.environ.get("CI"):
        pytest.skip(f"LEFT OUT: the rung {rung.slug} is not to be had here: {REPORTS[rung.slug].trouble}")
    _apart(tmp_path, monkeypatch)
    gadgets = {name: value for name, value in _gadgets(canaries).items() if name != "os.execv"}
    files = _files(gadgets)
    loaded = 0
    for begin in range(0, len(files), BATCH):
        part = files[begin : begin + BATCH]
        driver = call("builtins.exec", _DRIVE, {"files": [(declared, data) for _, declared, data in part]})
        with pytest.raises(SandboxError) as refused:
            score_on(rung, _job(tmp_path, written(driver, 4), "joblib", LIMITS), probe_digest="")
        assert f"tried {len(part)}, loaded" in refused.value.message, refused.value.message
        loaded += int(refused.value.message.rsplit("loaded ", 1)[1].split()[0])
    assert loaded > len(gadgets), "many load without complaint: the sandbox stops what they do, not that they are read"
    assert canaries.touched() == []
    assert _left_behind(tmp_path) == []


NAMES = list(reaching(Aim(Path("/nowhere"), 1, "")))


@pytest.mark.parametrize("part", range(4))
def test_each_goes_the_whole_way_and_ends_in_a_code(
    tmp_path: Path, canaries: Canaries, part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    _apart(tmp_path, monkeypatch)
    containers = list(CONTAINERS)
    ends = {}
    for number, (name, value) in enumerate(_gadgets(canaries).items()):
        if number % 4 == part:
            declared, build = CONTAINERS[containers[number % len(containers)]]
            ends[name] = _end_of(tmp_path, build(value), declared, LIMITS)
    assert set(ends.values()) <= {
        "model-not-loadable",
        "model-cannot-score",
        "model-type-not-trusted",
        "sandbox-crashed",
    }, ends
    assert canaries.touched() == []
    assert _left_behind(tmp_path) == []


EXPECTED = {
    "exit-0": {"sandbox-no-output"},
    "exit-7": {"sandbox-crashed"},
    "sys.exit": {"sandbox-no-output"},
    "segfault": {"sandbox-crashed"},
    "abort": {"sandbox-crashed"},
    "kill-itself": {"sandbox-crashed"},
    "sleep": {"sandbox-timeout"},
    "spin": {"sandbox-cpu-exceeded", "sandbox-timeout"},
    "flood": {"sandbox-output-exceeded"},
    "64-GB": {"sandbox-memory-exceeded"},
    "recursion": {"sandbox-crashed", "model-not-loadable", "sandbox-memory-exceeded"},
    "memo-2-31": {"sandbox-memory-exceeded", "model-not-loadable", "model-cannot-score"},
    "text-2-62": {"sandbox-memory-exceeded", "model-not-loadable"},
    "laughs": {"model-cannot-score"},
    "deep": {"model-cannot-score", "model-not-loadable", "sandbox-crashed"},
    "answer-pickle": {"sandbox-bad-output"},
    "answer-nested": {"sandbox-bad-output"},
    "answer-large": {"sandbox-output-exceeded"},
    "answer-forged": {"sandbox-bad-output"},
}


@pytest.mark.parametrize("name", list(misbehaving()))
def test_one_that_harms_its_own_process_ends_in_its_code(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _apart(tmp_path, monkeypatch)
    number = list(misbehaving()).index(name)
    declared, build = CONTAINERS[PLAIN[number % 10]]
    code = _end_of(tmp_path, build(misbehaving()[name]), declared, SHORT)
    assert code in EXPECTED.get(name, {"model-not-loadable", "model-cannot-score", "sandbox-crashed"}), code
    assert os.getppid() > 1, "the process that started this one lives"
    assert _left_behind(tmp_path) == []


def _apart(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give this test's children a temporary folder of their own, by which they are known."""
    (folder / "work").mkdir(exist_ok=True)
    monkeypatch.setattr(tempfile, "tempdir", str(folder / "work"))


def _job(folder: Path, data: bytes, declared: str, limits: Limits) -> ScoringJob:
    path = folder / "artifact"
    path.write_bytes(data)
    return ScoringJob(declared, path, sha256_hex(data), (), limits=limits)


def _end_of(folder: Path, data: bytes, declared: str, limits: Limits) -> str:
    """Return the code in which a run with this file ends."""
    with pytest.raises(SandboxError) as refused:
        score(_job(folder, data, declared, limits))
    assert refused.value.code in CODES
    return refused.value.code


def _left_behind(folder: Path) -> list[str]:
    """Return the processes and the folders that a child of this test has left."""
    found = [str(path) for path in (folder / "work").iterdir()]
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes()
        except OSError:
            continue
        if str(folder).encode() in command and b"order.json" in command:
            found.append(command.decode("ascii", "replace"))
    return found
