"""Mandrill is away for hours and mails pile up: who creates does not notice, and afterwards everything is sent once."""

import time
from statistics import median
from typing import Any

import pytest
import redis

from models.provider_gate import FAILURES_THAT_CLOSE
from tasks.catalogue import MAIL_QUEUE, ROOM
from tests.stack import Stack
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(120)
TIMES = {"date_start_local": "2027-01-04", "time_start_local": "9:00", "time_duration_s": 3600}
PILE = 20_000
INCIDENT = "SELECT state FROM notifications WHERE status = 'mandrill-unavailable'"


def create_many(stack: Stack, number: int) -> tuple[list[str], float]:
    """The clients' addresses, and the median of the answers' times in milliseconds."""
    client, orders, took = stack.client(), [stack.world.order() for _ in range(number)], []
    for order in orders:
        started = time.perf_counter()
        assert client.create(order_id=order.id, **TIMES).code == 200
        took.append((time.perf_counter() - started) * 1000)
    return [order.client_email or "" for order in orders], median(took)


def pile_up(stack: Stack) -> int:
    """So many mails of the past hours wait already; gives the appointment that they are about."""
    appointment_id = stack.client().create().appointment["id"]
    stack.wait_for_commands(appointment_id)
    stack.world.execute(
        "INSERT INTO commands (appointment_id, kind, sequence, state, request_id, available_at)"
        " SELECT :id, 'send-confirmation', n, 'pending', 'r', now() - make_interval(secs => n)"
        " FROM generate_series(1, :pile) AS n",
        id=appointment_id,
        pile=PILE,
    )
    return int(appointment_id)


def messages(stack: Stack) -> int:
    """In all queues of the broker."""
    with redis.Redis.from_url(stack.redis.url) as broker:
        keys: Any = broker.keys("*")
        return sum(broker.llen(key) for key in keys if broker.type(key) == b"list")


def test_a_pile_of_mails_is_kept_and_sent_when_mandrill_is_back(stack: Stack) -> None:
    addresses, before_ms = create_many(stack, 30)
    incidents = len(stack.world.rows(INCIDENT))
    stack.kill("mandrill")
    addresses += create_many(stack, FAILURES_THAT_CLOSE + 5)[0]
    eventually(lambda: {"state": "open"} in stack.world.rows(INCIDENT), within_s=30, what="the gate closes")
    piled = pile_up(stack)
    more, during_ms = create_many(stack, 30)
    addresses += more
    shown = f"A create: {before_ms:.1f} ms; with {PILE} mails waiting: {during_ms:.1f} ms."
    print(shown)  # noqa: T201 - a measurement
    assert during_ms < 5 * before_ms + 20
    assert messages(stack) <= ROOM[MAIL_QUEUE]
    assert len(stack.world.rows(INCIDENT)) <= incidents + 1
    stack.world.execute("DELETE FROM commands WHERE appointment_id = :id AND sequence > 0", id=piled)

    stack.start("mandrill")
    unfinished = "SELECT kind, state, last_error FROM commands WHERE state <> 'done' AND kind LIKE 'send-%'"
    unfinished += " AND recipient = ANY(:addresses)"
    eventually(
        lambda: not stack.world.rows(unfinished, addresses=addresses), within_s=60, what="all mails are sent"
    )
    assert {address: stack.inbox(to=address)["count"] for address in addresses} == dict.fromkeys(addresses, 1)
    eventually(lambda: stack.world.rows(INCIDENT) == [{"state": "resolved"}], what="the incident is over")
