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
from sqlalchemy import text

from models import database as product_database
from models import tables
from models.switchboard import switchboard
from settings import Settings, get_settings
from tests.client import ApiClient
from tests.front_door import front_door
from tests.order import (  # noqa: F401 - hooks
    pytest_collection_modifyitems,
    pytest_xdist_auto_num_workers,
    pytest_xdist_make_scheduler,
)
from tests.servers import (  # noqa: F401 - fixtures
    postgres_server,
    postgres_url,
    redis_server,
    redis_url,
    running_redis,
)
from tests.stack import Stack, running_stack
from tests.unhurried import UNHURRIED
from tests.world import World

ROOT = Path(__file__).resolve().parents[1]
KEPT_TABLES = frozenset({"applications", "services", "routes"})
_strayed: list[str] = []
"""Where the running test tried to connect to, beyond this machine."""


_EMPTIED = [table for table in reversed(tables.metadata.sorted_tables) if table.name not in KEPT_TABLES]
_FILLED_TABLES = text(
    "SELECT array_remove(ARRAY["
    + ", ".join(f"CASE WHEN EXISTS (SELECT FROM {table.name}) THEN '{table.name}' END" for table in _EMPTIED)
    + "], NULL)"
)
"""Those that are not empty, whoever refers to others first."""
_BEGIN_NUMBERS_ANEW = text(
    "SELECT "
    + ", ".join(
        f"(SELECT setval('{table.name}_id_seq', 1, false) FROM {table.name}_id_seq WHERE is_called)"
        for table in _EMPTIED
        if "id" in table.columns and table.columns["id"].identity is not None
    )
)


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


@pytest.fixture(autouse=True)
def a_message_does_its_own_command(request: pytest.FixtureRequest) -> Iterator[None]:
    """A task that a test calls does no other command that is due.

    `tests/tasks/test_mails_in_a_queue.py` and `test_reconciling_several.py` are about what is kept out here.
    """
    # `world` may be that of a database which this file keeps to itself, with what is left there.
    if not {"database", "world"} & set(request.fixturenames):
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tasks.send_mail.GO_ON_FOR_S", 0.0)
        patch.setattr("tasks.reconcile_times.CLOCKS_AT_ONCE", 1)
        yield


@pytest.fixture(autouse=True)
def everything_runs(request: pytest.FixtureRequest) -> None:
    """A test of real processes begins with all of them, whichever came before it."""
    if "stack" in request.fixturenames:
        request.getfixturevalue("stack").complete()


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
    patch.setitem(
        Settings.model_config, "env_file", None
    )  # `.env`, and what `make run` wrote if it is running
    for name in Settings.model_fields:
        patch.delenv(name.upper(), raising=False)
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
    empty_database()
    switchboard.forget()


def empty_database() -> None:
    """Take out what tests put in: most of them fill a few of the tables only, so those are found out first."""
    with product_database.transaction() as connection:
        filled, *_ = connection.execute(_FILLED_TABLES).one()
        if filled:
            # A hundred times as fast as TRUNCATE, which makes new files for every table and index.
            connection.exec_driver_sql("; ".join((UNHURRIED, *(f"DELETE FROM {name}" for name in filled))))
        connection.execute(_BEGIN_NUMBERS_ANEW)
        for name in ("services", "routes"):
            connection.execute(text(f"UPDATE {name} SET deployed = true WHERE NOT deployed"))


@pytest.fixture
def world(database: None) -> World:
    """Makes the records that a test is about."""
    return World(product_database.engine())


@pytest.fixture
def api(world: World) -> ApiClient:
    """The front door in this process, with an application token."""
    return ApiClient.in_process(front_door(), world.application_token())


@pytest.fixture(scope="session")
def stack(configured: None, postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:  # noqa: F811
    """The product as processes, on a database and a Redis of their own."""
    with (
        running_redis() as redis,
        running_stack(postgres_url, redis, tmp_path_factory.mktemp("stack")) as running,
    ):
        yield running
