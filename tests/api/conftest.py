"""What the tests of the front door share: doors to changed routes, a database that is away, and the log."""

import io
import secrets
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine

import telemetry
from api.app import create_app
from api.appointments import create
from api.login_throttle import LoginThrottle
from models.switchboard import switchboard
from settings import get_settings
from tests.api.logging_in import Logins
from tests.client import ApiClient
from tests.world import World

OpenDoor = Callable[..., ApiClient]


@pytest.fixture
def door(world: World, monkeypatch: pytest.MonkeyPatch) -> OpenDoor:
    """Makes a front door whose create route is declared otherwise: `door(sensitive=True)`."""

    def open_door(**changes: Any) -> ApiClient:
        monkeypatch.setattr("api.app.ROUTES", (replace(create.ROUTE, **changes),))
        return ApiClient.in_process(create_app(), world.application_token())

    return open_door


@pytest.fixture
def logins(api: ApiClient, world: World, monkeypatch: pytest.MonkeyPatch) -> Logins:
    """The routes of sessions and users, with counts of failed log-ins that no other test knows."""
    counts = LoginThrottle(get_settings().redis_url, b"tests", prefix=f"tests-{secrets.token_hex(6)}")
    monkeypatch.setattr("api.login_throttle.throttle", lambda: counts)
    return Logins(api, world)


@pytest.fixture
def nowhere() -> Iterator[Engine]:
    """An engine for a database that nobody serves: a port of this machine that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    engine = create_engine(f"postgresql+psycopg://nobody@127.0.0.1:{port}/nothing")
    yield engine
    engine.dispose()


@pytest.fixture
def database_away(world: World, nowhere: Engine, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Takes the database away from the front door when called."""

    def take_away() -> None:
        monkeypatch.setattr("models.switchboard.autocommit_engine", lambda: nowhere)
        monkeypatch.setattr("api.pipeline.autocommit_engine", lambda: nowhere)

    return take_away


@pytest.fixture
def retired(world: World) -> Callable[[str], None]:
    """Marks the records of a table, `routes` or `services`, as not deployed."""

    def retire(table: str) -> None:
        world.execute(f"UPDATE {table} SET deployed = false")
        switchboard.forget()

    return retire


@pytest.fixture
def log_output(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Everything that this process writes to its log during the test, as it would stand on standard error."""
    output = io.StringIO()
    # pytest puts its own `sys.stderr` back at each stage of a test.
    monkeypatch.setattr(telemetry, "sys", SimpleNamespace(stderr=output))
    _forget_bound_loggers()
    telemetry.set_up("test")
    yield output
    _forget_bound_loggers()


def _forget_bound_loggers() -> None:
    """Loggers keep the stream of their first use; the next use binds them anew."""
    for module in list(sys.modules.values()):
        logger = getattr(module, "log", None)
        if type(logger).__name__ == "BoundLoggerLazyProxy":
            vars(logger).pop("bind", None)
