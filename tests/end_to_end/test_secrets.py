"""What must stay inside stays inside: tokens, keys, gate codes and addresses leave no trace where they should not.

A stack with a Sentry on loopback. Random sentinels go in as a caller's token, the Mandrill key, the notes and a
client's address; then each kind of process crashes with a PostgreSQL error whose text quotes the whole row.
"""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import redis

from tests.client import ApiClient, Reply
from tests.overheard import BusListener, EnvelopeSink, envelope_sink, everything_in
from tests.servers import running_redis
from tests.stack import Stack, running_stack
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(120)


@dataclass
class Watched:
    """The stack, with everything that leaves it."""

    stack: Stack
    sink: EnvelopeSink
    bus: BusListener
    token: str
    key: str
    gate_code: str = field(default_factory=lambda: "gate" + secrets.token_hex(8))
    email: str = field(default_factory=lambda: f"client{secrets.token_hex(8)}@example.com")

    @property
    def sentinels(self) -> dict[str, str]:
        """What must not be found anywhere, by what it is."""
        return {
            "token": self.token.split("_", 2)[2],  # the secret part may hold underscores itself
            "Mandrill key": self.key,
            "gate code": self.gate_code,
            "client's address": self.email.partition("@")[0],
        }

    def create(self, request_id: str) -> Reply:
        """A create whose request id is known, full of what must not come out again."""
        order = self.stack.world.order(client_email=self.email)
        client = ApiClient.over_http(self.stack.url, self.token)
        return client.create(
            {
                "order_id": order.id,
                "notes": f"The code is {self.gate_code}",
                "date_start_local": "2027-01-04",
                "time_start_local": "9:00",
            },
            {"X_Request_Id": request_id},
        )

    def found_in(self, text: bytes | str) -> list[str]:
        """Which of the secrets a text holds."""
        text = text if isinstance(text, bytes) else text.encode()
        return [name for name, sentinel in self.sentinels.items() if sentinel.encode() in text]


@pytest.fixture(scope="module")
def watched(
    configured: None, postgres_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    key = f"sandbox-{secrets.token_hex(12)}"
    with (
        envelope_sink() as (sink, dsn),
        running_redis() as broker,
        running_stack(
            postgres_url, broker, tmp_path_factory.mktemp("secrets"), SENTRY_DSN=dsn, MANDRILL_API_KEY=key
        ) as stack,
    ):
        bus = BusListener(broker.url)
        yield Watched(stack, sink, bus, stack.world.application_token(), key)
        bus.stop()


@contextmanager
def refusing(watched: Watched, table: str, condition: str) -> Iterator[None]:
    """Let the database refuse rows, with an error that quotes each of them."""
    watched.stack.world.execute(f"ALTER TABLE {table} ADD CONSTRAINT refused CHECK ({condition}) NOT VALID")
    try:
        yield
    finally:
        watched.stack.world.execute(f"ALTER TABLE {table} DROP CONSTRAINT refused")


def lines_of(stack: Stack, process: str, request_id: str) -> list[dict[str, Any]]:
    """The log lines of a process that carry a request's id."""
    parsed = [json.loads(line) for line in stack.log(process).splitlines() if line.startswith("{")]
    return [line for line in parsed if line.get("request_id") == request_id]


def test_one_request_id_leads_from_the_request_to_the_mail(watched: Watched) -> None:
    request_id = "trace-" + secrets.token_hex(6)
    reply = watched.create(request_id)
    assert (reply.code, reply.body["request_id"]) == (200, request_id)
    watched.stack.wait_for_commands(reply.appointment["id"])
    for process, message in (("web", "request"), ("worker-clocks", "reconciled"), ("worker-mail", "mail")):
        line = eventually(lambda process=process: lines_of(watched.stack, process, request_id), what=process)[
            0
        ]
        assert (line["message"], line["process"]) == (message, process)


def test_one_trace_leads_from_the_request_to_the_mail(watched: Watched) -> None:
    request_id = "trace-" + secrets.token_hex(6)
    watched.create(request_id)
    parts = eventually(lambda: _parts_of(watched, request_id, 3), what="the trace")
    root = parts["POST /api/v1/appointments/create"]
    assert {trace["trace_id"] for trace in parts.values()} == {root["trace_id"]}
    assert {parts[name]["parent_span_id"] for name in ("reconcile-times", "send-confirmation")} == {
        root["span_id"]
    }


def _parts_of(watched: Watched, request_id: str, number: int) -> dict[str, dict[str, Any]] | None:
    parts = {
        part["transaction"]: part["contexts"]["trace"]
        for part in watched.sink.transactions
        if part["tags"].get("request_id") == request_id
    }
    return parts if len(parts) >= number else None


CRASHES = [
    pytest.param("web", "appointments", "notes IS NULL", id="web"),
    pytest.param("worker-clocks", "appointments", "reconciled_at IS NULL", id="worker-clocks"),
    pytest.param("worker-mail", "emails", "recipient = ''", id="worker-mail"),
]


@pytest.mark.parametrize(("process", "table", "condition"), CRASHES)
def test_a_crash_is_reported_with_its_request_and_without_the_row(
    watched: Watched, process: str, table: str, condition: str
) -> None:
    request_id = "crash-" + secrets.token_hex(6)
    with refusing(watched, table, condition):
        reply = watched.create(request_id)
        if process == "web":
            assert (reply.code, reply.status) == (500, "application-crash")
            assert watched.found_in(json.dumps(reply.body)) == []
        else:
            assert reply.code == 200
        event = watched.sink.event_of(request_id)
    assert event["tags"]["process"] == process
    assert event["tags"]["sqlstate"] == "23514"
    kinds = {failure["type"] for failure in event["exception"]["values"]}
    assert "CheckViolation" in kinds
    assert all(failure["stacktrace"]["frames"] for failure in event["exception"]["values"])
    crashed = eventually(
        lambda: [line for line in lines_of(watched.stack, process, request_id) if line["message"] == "crash"],
        what="a log line",
    )
    assert crashed[0]["error"] == "IntegrityError"


def test_a_crash_makes_one_event_and_a_mended_database_lets_the_work_be_done(watched: Watched) -> None:
    watched.stack.world.execute(
        "UPDATE commands SET available_at = now() WHERE state = 'pending' AND attempts > 0"
    )
    eventually(
        lambda: not watched.stack.world.rows("SELECT FROM commands WHERE state NOT IN ('done', 'failed')"),
        within_s=20,
        what="everything is done",
    )
    places = [(event["tags"].get("request_id"), event["tags"]["process"]) for event in watched.sink.events]
    assert None not in dict(places)
    names = {failure["type"] for event in watched.sink.events for failure in event["exception"]["values"]}
    assert "CommandCrashedError" not in names


def test_no_secret_is_in_a_queue(watched: Watched) -> None:
    with (
        watched.stack.suspended("worker-clocks"),
        redis.Redis.from_url(watched.stack.redis.url) as broker,
    ):
        for _ in range(8):
            assert watched.create("queue-" + secrets.token_hex(6)).code == 200
        eventually(lambda: broker.llen("clocks") > 3, what="messages are queued")
        queued = everything_in(broker)
    assert b"reconcile-times" in queued
    assert watched.found_in(queued) == []


def test_flower_hears_ids_and_no_secret(watched: Watched) -> None:
    heard = b"\n".join(watched.bus.heard)
    for event in (b"task-received", b"task-succeeded", b"task-failed"):
        assert event in heard
    assert b"CommandCrashedError" in heard
    assert b"Failing row" not in heard
    assert watched.found_in(heard) == []


def test_no_secret_reached_sentry(watched: Watched) -> None:
    assert len(watched.sink.events) >= len(CRASHES)
    sent = b"\n".join(watched.sink.raw)
    assert b"Failing row" not in sent
    assert watched.found_in(sent) == []


def test_no_secret_is_in_any_log(watched: Watched) -> None:
    for name in watched.stack.processes:
        log = watched.stack.log(name)
        assert log, name
        assert "Failing row" not in log, name
        assert watched.found_in(log) == [], name


def test_what_is_looked_for_would_be_found(watched: Watched) -> None:
    (mail, *_) = watched.stack.inbox(to=watched.email)["messages"]
    assert "client's address" in watched.found_in(json.dumps(mail))
    stored = watched.stack.world.rows("SELECT notes FROM appointments")
    assert "gate code" in watched.found_in(str(stored))
