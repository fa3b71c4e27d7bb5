"""Health: a process that answers, one that can do its work, and what is missing, told to whoever asks."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis
from sqlalchemy import Engine

from api import broker_probe, health
from api.app import create_app
from models import heartbeats
from models.heartbeats import SILENT_AFTER_S
from settings import get_settings
from tests.conftest import running_redis
from tests.tasks.mail.wire_server import unused_port
from tests.world import World

LONGEST_S = 2.0
Ask = Callable[[], tuple[int, dict[str, Any]]]


@pytest.fixture
def ask(world: World) -> Iterator[Ask]:
    client = create_app().test_client()

    def readyz() -> tuple[int, dict[str, Any]]:
        health.readiness.forget()
        started = time.monotonic()
        reply = client.get("/readyz")
        assert time.monotonic() - started < LONGEST_S
        return reply.status_code, reply.get_json()

    yield readyz
    health.readiness.forget()


@pytest.fixture
def lively(world: World) -> None:
    """Relay, workers and beat were heard of."""
    with world.engine.begin() as connection:
        for kind in health.BACKGROUND:
            heartbeats.beat(connection, name=f"{kind}@host", kind=kind, pid=1, release="test")


def failed(told: dict[str, Any]) -> dict[str, str]:
    return {check["check"]: check["message"] for check in told["checks"] if not check["ok"]}


def test_a_process_that_answers_is_alive_whatever_else_is_wrong(
    world: World, nowhere: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.database.autocommit_engine", lambda: nowhere)
    reply = create_app().test_client().get("/healthz")
    assert (reply.status_code, reply.get_json()) == (200, {"status": "ok"})


def test_with_everything_there_it_is_ready(ask: Ask, lively: None) -> None:
    code, told = ask()
    assert (code, told["status"], failed(told)) == (200, "ready", {})
    assert [check["check"] for check in told["checks"]] == [
        *("database", "migrations"),
        *health.BACKGROUND,
        "broker",
    ]
    assert all(check["message"].endswith(".") for check in told["checks"])


# -- what makes a process not ready


def test_without_a_database_it_is_not_ready(
    ask: Ask, nowhere: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.database.autocommit_engine", lambda: nowhere)
    code, told = ask()
    assert (code, told["status"]) == (503, "not ready")
    assert failed(told) == {"database": "The database did not answer, or not as expected."}


@pytest.mark.parametrize(
    ("there", "code"),
    [("0001", 503), ("nobody-knows-it-here", 200)],
    ids=["an older schema", "the schema of a newer release"],
)
def test_a_schema_must_be_that_of_this_release_or_newer(
    ask: Ask, lively: None, world: World, there: str, code: int
) -> None:
    older = sorted(health._older_revisions())
    assert older
    head = world.row("SELECT version_num FROM alembic_version")["version_num"]
    world.execute("UPDATE alembic_version SET version_num = :v", v=older[0] if code == 503 else there[:32])
    try:
        answered, told = ask()
    finally:
        world.execute("UPDATE alembic_version SET version_num = :v", v=head)
    assert answered == code
    assert ("migrations" in failed(told)) is (code == 503)


def test_a_database_that_hangs_is_not_waited_for(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def hang() -> list[health.Check]:
        over.wait(20)
        return []

    monkeypatch.setattr(health, "_look", hang)
    try:
        code, told = ask()
    finally:
        over.set()
    assert code == 503
    assert failed(told) == {"database": "The database did not answer in time."}


def test_many_who_ask_at_once_make_one_round(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[int] = []
    monkeypatch.setattr(health, "_look", lambda: rounds.append(1) or [])
    for _ in range(20):
        health.readiness.checks()
    assert rounds == [1]


# -- what only degrades it


@pytest.mark.parametrize("kind", health.BACKGROUND)
def test_without_background_processes_it_takes_requests_and_says_so(
    ask: Ask, lively: None, world: World, kind: str
) -> None:
    world.execute(
        "UPDATE heartbeats SET beat_at = now() - make_interval(secs => :age) WHERE kind = :kind",
        age=SILENT_AFTER_S + 1,
        kind=kind,
    )
    code, told = ask()
    assert (code, told["status"]) == (200, "degraded")
    assert failed(told).keys() == {kind}


def test_the_workers_of_one_queue_do_not_hide_that_those_of_another_are_gone(
    ask: Ask, lively: None, world: World
) -> None:
    with world.engine.begin() as connection:
        for name in ("worker-clocks-1@host", "worker-mail-1@host"):
            heartbeats.beat(connection, name=name, kind="worker", pid=1, release="test")
    world.execute(
        "UPDATE heartbeats SET beat_at = now() - make_interval(secs => :age) WHERE name LIKE 'worker-mail%'",
        age=SILENT_AFTER_S + 1,
    )
    code, told = ask()
    assert (code, told["status"]) == (200, "degraded")
    assert "worker-mail" in failed(told)["worker"]


def test_without_a_broker_it_takes_requests_and_says_so(
    ask: Ask, lively: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", f"redis://:secret@127.0.0.1:{unused_port()}/0")
    get_settings.cache_clear()
    try:
        code, told = ask()
    finally:
        monkeypatch.undo()
        get_settings.cache_clear()
    assert (code, told["status"], failed(told).keys()) == (200, "degraded", {"broker"})


def test_it_tells_no_address_and_no_secret(ask: Ask, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", f"amqp://someone:secret@127.0.0.1:{unused_port()}/host")
    get_settings.cache_clear()
    try:
        _, told = ask()
    finally:
        monkeypatch.undo()
        get_settings.cache_clear()
    for word in ("secret", "someone", "127.0.0.1", "://", "psycopg", socket.gethostname()):
        assert word not in str(told)


# -- the broker is asked over TCP


@contextmanager
def silent_server() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_a_redis_answers_with_or_without_its_password(redis_url: str) -> None:
    assert broker_probe.answers(redis_url, 1)
    with running_redis() as server, redis.Redis.from_url(server.url) as client:
        client.config_set("requirepass", "geheim")
        assert broker_probe.answers(f"redis://127.0.0.1:{server.port}/0", 1)
        nobody = f"redis://127.0.0.1:{unused_port()}"
        assert broker_probe.answers(f"{nobody};redis://127.0.0.1:{server.port}/0", 1), (
            "one of several will do"
        )


@pytest.mark.parametrize("scheme", ["redis", "amqp", "sentinel"])
def test_one_that_takes_a_connection_and_says_nothing_does_not_answer(scheme: str) -> None:
    with silent_server() as port:
        assert not broker_probe.answers(f"{scheme}://127.0.0.1:{port}/", 0.1)
    assert not broker_probe.answers(f"{scheme}://127.0.0.1:{port}/", 0.1), "nor does one that is gone"
