"""Does everything that was started end, however the end comes?"""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from governance.processes import commands
from governance.processes.broker import answers, socket_path_of
from governance.processes.children import Command, NotStarted, process_group, wait_until_true
from governance.processes.running import is_ready, listening, only_one

ROOT = Path(__file__).resolve().parents[2]
NEVER_ENDS = "import time; print('up', flush=True); time.sleep(600)"
IGNORES_TERM = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + NEVER_ENDS
HAS_A_CHILD = (
    "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
    "print('child', child.pid, flush=True); child.wait()"
)
STARTS_ONE_AND_WAITS = """
import io, pathlib, sys, time
from governance.processes.children import Command, process_group
with process_group(folder=pathlib.Path.cwd(), log=io.StringIO()) as group:
    command = Command(name="child", argv=[sys.executable, "-c", "import time; time.sleep(600)"])
    print(group.start(command).pid, flush=True)
    time.sleep(600)
"""


def is_gone(pid: int) -> bool:
    """Return True when no process with this id is running; a zombie that nobody has buried is not running."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def soon(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Wait until the condition holds; return whether it does."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def python(code: str, **changes: object) -> Command:
    """Return a command that runs ``code``."""
    return Command(name="child", argv=[sys.executable, "-u", "-c", code], **changes)  # type: ignore[arg-type]  # a test's shorthand


def test_every_line_of_a_child_is_prefixed_by_its_name() -> None:
    log = io.StringIO()
    with process_group(folder=ROOT, log=log) as group:
        child = group.start(python("print('one'); print('two')"))
        assert soon(lambda: child.exit_code is not None)
    assert log.getvalue() == "child  | one\nchild  | two\n"


def test_a_child_that_ignores_the_signal_is_killed_after_its_grace() -> None:
    log = io.StringIO()
    with process_group(folder=ROOT, log=log) as group:
        child = group.start(python(IGNORES_TERM, grace_seconds=0.3))
        assert soon(lambda: "up" in log.getvalue())
    assert child.exit_code == -signal.SIGKILL


def test_the_children_of_a_killed_child_end_too() -> None:
    log = io.StringIO()
    with process_group(folder=ROOT, log=log) as group:
        child = group.start(python(HAS_A_CHILD))
        assert soon(lambda: "child " in log.getvalue().partition("|")[2])
        grandchild = int(log.getvalue().split()[-1])
        assert not is_gone(grandchild)
        child.kill()
        assert soon(lambda: is_gone(grandchild))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has died")
def test_a_child_ends_when_its_parent_is_killed_without_warning() -> None:
    with subprocess.Popen([sys.executable, "-c", STARTS_ONE_AND_WAITS], cwd=ROOT, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert not is_gone(child)
        parent.kill()
        parent.wait()
        assert soon(lambda: is_gone(child))


def test_a_child_that_ends_while_it_is_waited_for_is_named() -> None:
    with process_group(folder=ROOT, log=io.StringIO()) as group:
        child = group.start(python("raise SystemExit(3)"))
        with pytest.raises(NotStarted, match="child ended with exit code 3 before an answer"):
            wait_until_true(lambda: False, child=child, seconds=10.0, what="an answer")


def test_a_taken_port_is_refused_before_anything_is_started() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(NotStarted, match=f"Port {port}"), listening("127.0.0.1", port):
            pytest.fail("the port was given out twice")


def test_two_services_on_one_folder_are_refused(tmp_path: Path) -> None:
    with only_one(tmp_path), pytest.raises(NotStarted, match=f"process {os.getpid()}"), only_one(tmp_path):
        pytest.fail("two services hold one folder")
    with only_one(tmp_path):
        assert (tmp_path / "run" / "service.lock").read_text() == str(os.getpid())


def test_a_socket_path_that_is_too_long_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="CADASTRE_VAR"):
        commands.broker(socket_path=tmp_path / ("x" * 104), folder=tmp_path)


def test_an_address_without_a_service_is_not_ready() -> None:
    with listening("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
    assert not is_ready(f"http://127.0.0.1:{port}")


@pytest.mark.worker
def test_the_broker_answers_on_its_socket(broker_url: str) -> None:
    if not broker_url.startswith("redis+socket"):
        pytest.skip("the broker of this run is a named server")
    assert answers(socket_path_of(broker_url))
    assert not answers(Path(f"{socket_path_of(broker_url)}.other"))


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """Start ``manage.py serve`` on an empty folder; return it with the ids of its children once it answers."""
    own = ("DATABASE_URL", "CADASTRE_BROKER_URL", "CADASTRE_PUBLIC_URL")
    environment = {**{k: v for k, v in os.environ.items() if k not in own}, "CADASTRE_VAR": str(tmp_path)}
    command = [
        sys.executable,
        "-u",
        "manage.py",
        "serve",
        "--port",
        "0",
        "--web-processes",
        "1",
        "--worker-processes",
        "1",
    ]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as service:
        try:
            assert service.stdout is not None
            lines = []
            for line in service.stdout:
                lines.append(line)
                if line.startswith("Cadastre answers at "):
                    break
            else:
                pytest.fail("".join(lines))
            yield service, children_of(service.pid)
        finally:
            service.kill()


def children_of(parent: int) -> list[int]:
    """Return the ids of the running children of a process."""
    stats = {int(path.parent.name): path for path in Path("/proc").glob("[0-9]*/stat")}
    found = []
    for pid, path in stats.items():
        try:
            if int(path.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(pid)
        except OSError:
            continue
    return found


@pytest.mark.worker
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_ends_all_of_its_parts_when_it_is_asked_to(
    serving: tuple[subprocess.Popen[str], list[int]], number: signal.Signals
) -> None:
    service, children = serving
    assert len(children) == 4
    assert service.stdout is not None
    service.send_signal(number)
    rest = service.stdout.read()
    assert service.wait(60) == 0, rest
    assert [pid for pid in children if not is_gone(pid)] == []


@pytest.mark.worker
def test_serve_ends_with_an_error_when_one_part_dies(serving: tuple[subprocess.Popen[str], list[int]]) -> None:
    service, children = serving
    assert service.stdout is not None
    os.kill(max(children), signal.SIGKILL)
    rest = service.stdout.read()
    assert service.wait(60) == 1
    assert "ended with exit code -9; everything was ended." in rest
    assert [pid for pid in children if not is_gone(pid)] == []


def test_a_worker_computes_on_one_thread_a_process_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    told = commands.worker(environment={"A": "b"}).environment
    assert (told["OPENBLAS_NUM_THREADS"], told["OMP_NUM_THREADS"], told["A"]) == ("1", "4", "b")
