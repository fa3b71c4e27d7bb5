"""The exporter of a host without a web process: the same numbers, the broker's queues, and the same doors."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
import redis
import urllib3

from models import database
from sandbox.ports import free_port
from settings import get_settings
from tasks.sweep import sweep
from tests.contracts.source import ROOT
from tests.tasks.conftest import broker, celery_on  # noqa: F401 - a fixture
from tests.tasks.mail.wire_server import unused_port
from tests.tasks.planned import plan
from tests.waiting import eventually
from tests.world import World
from workers import metrics


def test_it_tells_the_lengths_of_the_brokers_queues(world: World, broker: redis.Redis) -> None:  # noqa: F811
    plan(world, None)
    sweep()
    told = metrics.read().decode()
    assert 'appointments_queue_messages{queue="clocks"} 1.0' in told
    assert 'appointments_queue_messages{queue="mail"} 0.0' in told
    assert 'appointments_scrape_errors{source="broker"} 0.0' in told
    assert 'appointments_commands{kind="reconcile-times",state="pending"} 1.0' in told


def test_without_its_servers_it_tells_what_was_counted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy import create_engine

    nowhere = create_engine(f"postgresql+psycopg://nobody@127.0.0.1:{unused_port()}/nothing")
    monkeypatch.setattr(database, "engine", lambda: nowhere)
    with celery_on(f"redis://127.0.0.1:{unused_port()}/0"):
        told = metrics.read().decode()
    for source in ("broker", "database"):
        assert f'appointments_scrape_errors{{source="{source}"}} 1.0' in told
    assert "appointments_messages_refused_total" in told


@pytest.fixture
def token(configured: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("METRICS_TOKEN", "scrape-me")
    get_settings.cache_clear()
    yield "scrape-me"
    monkeypatch.undo()
    get_settings.cache_clear()


def test_without_a_token_only_this_host_may_read(configured: None) -> None:
    assert metrics.may_read(None, "127.0.0.1")
    assert not metrics.may_read(None, "203.0.113.9")


def test_with_a_token_whoever_has_it_may_read(token: str) -> None:
    assert metrics.may_read(f"Bearer {token}", "203.0.113.9")
    for wrong in (None, "", token, f"Basic {token}", "Bearer other", "Bearer é"):
        assert not metrics.may_read(wrong, "127.0.0.1")


def test_as_a_process_it_serves_and_ends_when_told(world: World) -> None:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "workers.metrics", "--port", str(port)],
        cwd=ROOT,
        env=os.environ,
        stderr=subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        eventually(lambda: b"metrics served" in process.stderr.readline(), within_s=20)  # type: ignore[union-attr]
        http = urllib3.PoolManager()
        reply = http.request("GET", f"http://127.0.0.1:{port}/metrics")
        assert (reply.status, b"appointments_creates_total" in reply.data) == (200, True)
        assert http.request("GET", f"http://127.0.0.1:{port}/").status == 404
        process.terminate()
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.communicate()
