"""What Prometheus is told: who may read it, that it is right, and that it agrees with the database."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
import urllib3
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine

import measures
from api.app import create_app
from models import heartbeats
from settings import get_settings
from tests.client import CREATE, ApiClient
from tests.stack import Stack
from tests.tasks.planned import mail_due
from tests.waiting import eventually
from tests.world import World

ROOT = Path(__file__).resolve().parents[2]
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parse(text: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, /, **labels: str) -> float:
    return samples.get((f"appointments_{name}", frozenset(labels.items())), 0.0)


@pytest.fixture
def browser(world: World) -> FlaskClient:
    return create_app().test_client()


def scrape(client: FlaskClient) -> Samples:
    reply = client.get("/metrics")
    assert (reply.status_code, reply.content_type) == (200, measures.CONTENT_TYPE)
    return parse(reply.text)


# -- who may read


def test_without_a_token_only_this_host_may_read(browser: FlaskClient) -> None:
    assert browser.get("/metrics").status_code == 200
    for environ in ({"REMOTE_ADDR": "203.0.113.9"}, {"REMOTE_ADDR": ""}):
        assert browser.get("/metrics", environ_base=environ).get_json()["status"] == "permission-denied"


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-Ip"])
def test_what_a_proxy_on_this_host_passes_on_is_not_from_this_host(browser: FlaskClient, header: str) -> None:
    assert browser.get("/metrics", headers={header: "127.0.0.1"}).status_code == 403


@pytest.fixture
def guarded(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    monkeypatch.setenv("METRICS_TOKEN", "scrape-me")
    get_settings.cache_clear()
    yield create_app().test_client()
    monkeypatch.undo()
    get_settings.cache_clear()


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("Bearer scrape-me", 200),
        ("Bearer scrape-you", 403),
        ("Basic scrape-me", 403),
        ("", 403),
        ("Bearer é", 403),
    ],
)
def test_with_a_token_whoever_has_it_may_read(guarded: FlaskClient, header: str, code: int) -> None:
    elsewhere = {"REMOTE_ADDR": "203.0.113.9"}
    reply = guarded.get("/metrics", headers={"Authorization": header}, environ_base=elsewhere)
    assert reply.status_code == code


# -- what it tells


def test_requests_are_counted_by_route_and_status(api: ApiClient, browser: FlaskClient) -> None:
    before = scrape(browser)
    api.create()
    api.create(order_id="x")
    api.raw(b"", path="/nothing/here", method="BREW")
    after = scrape(browser)

    def counted(**labels: str) -> float:
        return value(after, "http_requests_total", **labels) - value(before, "http_requests_total", **labels)

    assert counted(route=CREATE, method="POST", status="action-successful") == 1
    assert counted(route=CREATE, method="POST", status="invalid-param") == 1
    assert counted(route="none", method="any", status="route-non-existent") == 1
    assert value(after, "create_seconds_count") - value(before, "create_seconds_count") == 2
    assert value(after, "http_requests_in_flight") == 1, "the scrape itself"


def test_a_repetition_is_no_creation(api: ApiClient, browser: FlaskClient) -> None:
    before, uuid = scrape(browser), str(uuid4())
    replies = [api.create(uuid=uuid) for _ in range(3)]
    assert [reply.body["data"]["replayed"] for reply in replies] == [False, True, True]
    assert value(scrape(browser), "creates_total") - value(before, "creates_total") == 1


def test_what_waits_is_read_from_the_database(world: World, browser: FlaskClient) -> None:
    command = mail_due(world).commands["send-confirmation"]
    world.execute("UPDATE commands SET available_at = now() - interval '90 s' WHERE id = :id", id=command)
    with world.engine.begin() as connection:
        heartbeats.beat(connection, name="relay@host", kind="relay", pid=1, release="test")
    samples = scrape(browser)
    assert value(samples, "commands", kind="send-confirmation", state="pending") == 1
    assert 90 <= value(samples, "oldest_due_seconds", kind="send-confirmation") < 120
    assert value(samples, "heartbeat_age_seconds", kind="relay", name="relay@host") < 5
    assert (value(samples, "mail_gate_closed"), value(samples, "scrape_errors", source="database")) == (0, 0)


def test_without_a_database_what_was_counted_is_told_all_the_same(
    browser: FlaskClient, nowhere: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.database.engine", lambda: nowhere)
    samples = scrape(browser)
    assert value(samples, "scrape_errors", source="database") == 1
    assert value(samples, "http_requests_in_flight") == 1


def test_what_is_rolled_back_was_not_counted(world: World, browser: FlaskClient) -> None:
    from models.database import after_commit, transaction

    calls: list[str] = []
    with pytest.raises(ZeroDivisionError), transaction() as connection:
        after_commit(connection, lambda: calls.append("rolled back"))
        raise ZeroDivisionError
    with transaction() as connection:
        after_commit(connection, lambda: calls.append("committed"))
        assert calls == []
    assert calls == ["committed"]


# -- several processes

COUNTING = """
import os, sys, measures
measures.CREATED.inc(int(sys.argv[1]))
measures.IN_FLIGHT.inc(5)
measures.CREATE_SECONDS.observe(0.004)
if len(sys.argv) > 2:
    print("counted", flush=True)
    sys.stdin.readline()
os._exit(0)
"""


def count(directory: Path, *args: str, **more: object) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(directory)}
    return subprocess.Popen([sys.executable, "-c", COUNTING, *args], cwd=ROOT, env=environment, **more)  # type: ignore[call-overload]


def test_counts_of_ended_processes_are_kept_and_their_files_are_not(
    configured: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    get_settings.cache_clear()
    try:
        for number in ("3", "4"):
            assert count(tmp_path, number).wait(20) == 0
        living = count(tmp_path, "10", "wait", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert living.stdout.readline() == b"counted\n"
        for _ in range(3):
            samples = parse(measures.render({}).decode())
            assert value(samples, "creates_total") == 17
            assert value(samples, "create_seconds_bucket", le="0.005") == 3
            assert value(samples, "http_requests_in_flight") == 5, "the dead have nothing in hand"
        files = {path.name for path in tmp_path.glob("*.db")}
        assert files == {"counter_0.db", "histogram_0.db"} | {
            f"{kind}_{living.pid}.db" for kind in ("counter", "histogram", "gauge_livesum")
        }
        living.communicate(b"\n", timeout=20)
        assert value(parse(measures.render({}).decode()), "creates_total") == 17
        assert {path.name for path in tmp_path.glob("*.db")} == {"counter_0.db", "histogram_0.db"}
    finally:
        monkeypatch.undo()
        get_settings.cache_clear()


def test_after_a_load_the_metrics_agree_with_the_database(stack: Stack) -> None:
    http = urllib3.PoolManager()

    def told() -> Samples:
        return parse(http.request("GET", f"{stack.url}/metrics").data.decode())

    def stored() -> dict[str, int]:
        return stack.world.row(
            "SELECT (SELECT count(*) FROM appointments) AS created,"
            " (SELECT count(*) FROM emails WHERE outcome = 'accepted') AS accepted"
        )

    before, stored_before = told(), stored()
    client, number = stack.client(), 200
    orders = [stack.world.order().id for _ in range(10)]
    with ThreadPoolExecutor(8) as pool:
        codes = [
            reply.code for reply in pool.map(lambda n: client.create(order_id=orders[n % 10]), range(number))
        ]
    assert set(codes) == {200}

    def grown(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    eventually(
        lambda: stored()["accepted"] - stored_before["accepted"] == number,
        within_s=60,
        what="all mails are out",
    )
    eventually(lambda: value(told(), "commands", kind="send-confirmation", state="sending") == 0)
    after, stored_after = told(), stored()
    accepted = sum(
        grown("mail_outcomes_total", kind=kind, outcome="accepted")
        for kind in ("send-confirmation", "send-assignment")
    )
    assert grown("creates_total") == stored_after["created"] - stored_before["created"] == number
    assert accepted == stored_after["accepted"] - stored_before["accepted"] == number
    assert grown("http_requests_total", route=CREATE, method="POST", status="action-successful") == number
    assert grown("create_seconds_count") == number
    # A message that comes while others queue does several commands, and mails that queue need none of their own.
    assert grown("task_seconds_count", task="reconcile-times", ended="well") > 0
    assert grown("messages_published_total", kind="send-confirmation") > 0
    assert value(after, "database_connections_in_use") == 0, "the scrape has given its own back"
    assert value(after, "database_connections_allowed") == 2 * get_settings().database_pool_size
    assert value(after, "http_requests_in_flight") == 1
