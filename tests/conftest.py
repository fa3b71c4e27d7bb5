"""What every test can ask for: a migrated database, an API client on it, and the whole product as processes.

`database` is emptied before each test and used in process. `stack` is one set of real processes (web, workers,
relay, Mandrill sandbox) for the session, on a database and a Redis of its own; its tests use records of their
own and never empty it.
"""

import ipaddress
import os
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, text

from models import database as product_database
from models import tables
from models.switchboard import switchboard
from settings import get_settings
from tests.client import ApiClient
from tests.servers import (  # noqa: F401 - fixtures
    postgres_server,
    postgres_url,
    redis_server,
    redis_url,
    running_redis,
)
from tests.stack import Stack, running_stack
from tests.world import World

ROOT = Path(__file__).resolve().parents[1]
KEPT_TABLES = frozenset({"applications", "services", "routes"})
WAITING = (
    *("sandbox/test_run.py", "end_to_end/test_worker_faults.py", "chaos/test_short_run.py"),
    *(
        "bench/test_bench.py",
        "end_to_end/test_faults.py",
        "browser/test_console.py",
        "end_to_end/",
        "browser/",
    ),
)
"""Files below `tests/` that start real processes and mostly wait for them, the longest first."""
_strayed: list[str] = []
"""Where the running test tried to connect to, beyond this machine."""


def migrate(url: str) -> None:
    """Bring the database at `url` to the newest schema, as a deployment does."""
    subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", "head"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": url},
        check=True,
        capture_output=True,
        timeout=60,
    )


@pytest.fixture(scope="session", autouse=True)
def loopback_only() -> Iterator[None]:
    """Nothing in this process connects beyond this machine; `pytest_runtest_teardown` tells who tried."""
    patch = pytest.MonkeyPatch()

    def guarded(connect: Callable[..., Any]) -> Callable[..., Any]:
        def to_this_machine(connection: socket.socket, address: Any) -> Any:
            if connection.family != socket.AF_UNIX and not _is_loopback(address[0]):
                _strayed.append(str(address))
                raise OSError(f"Tests connect to this machine only, not to {address}.")
            return connect(connection, address)

        return to_this_machine

    for name in ("connect", "connect_ex"):
        patch.setattr(socket.socket, name, guarded(getattr(socket.socket, name)))
    yield
    patch.undo()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """For several processes: spread the files that wait among those that compute, and end with computing ones.

    xdist hands out files in this order (`--no-loadscope-reorder`). Its own order goes by the number of tests: it
    leaves the long runs of few tests to the end, all at once, and one process idle while the other does the last.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ or config.pluginmanager.hasplugin("randomly"):
        return  # `make test-shuffled` has an order of its own
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    names = {path: path.relative_to(ROOT / "tests").as_posix() for path in files}
    waiting = [path for kind in WAITING for path in files if names[path].startswith(kind)]
    waiting = list(dict.fromkeys(waiting))
    computing = sorted(files.keys() - set(waiting), key=lambda path: (-len(files[path]), path))
    # After each file that waits a like share of large and small ones that compute; a third is left for the end.
    shares = max(1, len(waiting) * 3 // 2)
    order = [each for number, path in enumerate(waiting) for each in (path, *computing[number::shares])]
    order += [path for place, path in enumerate(computing) if place % shares >= len(waiting)]
    items[:] = [item for path in order for item in files[path]]


@pytest.fixture(autouse=True)
def a_message_does_its_own_command(request: pytest.FixtureRequest) -> Iterator[None]:
    """A task that a test calls does no other command that is due.

    `tests/tasks/test_mails_in_a_queue.py` and `test_reconciling_several.py` are about what is kept out here.
    """
    if "database" not in request.fixturenames:
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tasks.send_mail.GO_ON_FOR_S", 0.0)
        patch.setattr("tasks.reconcile_times.CLOCKS_AT_ONCE", 1)
        yield


def pytest_runtest_teardown() -> None:
    """Fail a test that connected elsewhere, even if the program took the refusal for an outage."""
    strayed = ", ".join(_strayed)
    _strayed.clear()
    if strayed:
        pytest.fail(f"The test connected beyond this machine: {strayed}.", pytrace=False)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end, once for each reason, what was left out and how to have it."""
    skipped = [report.longrepr for report in terminalreporter.stats.get("skipped", ())]
    reasons = Counter(told[2].removeprefix("Skipped: ") for told in skipped if isinstance(told, tuple))
    for reason, number in sorted(reasons.items()):
        terminalreporter.write_sep("=", f"{number} tests were skipped", yellow=True, bold=True)
        terminalreporter.write_line(reason, yellow=True, bold=True)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in ("localhost", "")


@pytest.fixture(scope="session")
def configured(postgres_url: str, redis_url: str) -> Iterator[None]:  # noqa: F811
    """The settings of this process point at the tests' own servers, and nothing of the machine leaks in."""
    patch = pytest.MonkeyPatch()
    for name in ("CELERY_BROKER_URL", "SENTRY_DSN", "VAR_DIR", "APP_ENV", "OFFICE_TIME_ZONE", "MAIL_FROM"):
        patch.delenv(name, raising=False)
    patch.setenv("DATABASE_URL", postgres_url)
    patch.setenv("REDIS_URL", redis_url)
    patch.setenv("MANDRILL_URL", "http://127.0.0.1:9/api/1.0")
    patch.setenv("MANDRILL_API_KEY", "sandbox-key")
    # The tests are one address with thousands of wrong tokens, and begin anew with the same ids many times a
    # second; those about limits set their own.
    for limit in ("APPLICATIONS", "SESSIONS", "FAILURES"):
        patch.setenv(f"RATE_LIMIT_{limit}", "off")
    get_settings.cache_clear()
    migrate(postgres_url)
    yield
    product_database.engine().dispose()
    product_database.forget_engine()
    patch.undo()
    get_settings.cache_clear()


@pytest.fixture
def database(configured: None) -> None:
    """The database, with nothing in it but what the migrations put there."""
    emptied = [table for table in reversed(tables.metadata.sorted_tables) if table.name not in KEPT_TABLES]
    with product_database.transaction() as connection:
        # A hundred times as fast as TRUNCATE, which makes new files for every table and index.
        for table in emptied:
            connection.execute(delete(table))
            if "id" in table.columns and table.columns["id"].identity is not None:
                connection.execute(text(f"SELECT setval('{table.name}_id_seq', 1, false)"))
        connection.execute(text("UPDATE services SET deployed = true"))
        connection.execute(text("UPDATE routes SET deployed = true"))
    switchboard.forget()


@pytest.fixture
def world(database: None) -> World:
    """Makes the records that a test is about."""
    return World(product_database.engine())


@pytest.fixture
def api(world: World) -> ApiClient:
    """The front door in this process, with an application token."""
    from api.app import create_app

    return ApiClient.in_process(create_app(), world.application_token())


@pytest.fixture(scope="session")
def stack(configured: None, postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:  # noqa: F811
    """The product as processes, on a database and a Redis of their own."""
    with (
        running_redis() as redis,
        running_stack(postgres_url, redis, tmp_path_factory.mktemp("stack")) as running,
    ):
        yield running
