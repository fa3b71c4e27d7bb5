"""Celery's workers in trouble: what `celeryconfig.py` and the watches in `workers/` are for, on real processes.

A stack of its own with a Redis that may be hurt; a process counts as stalled after six seconds. Whatever
happens, each command is done once, and no process ends unless it should.
"""

import os
import re
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery
from sqlalchemy import text

from tasks.catalogue import PRIORITIES_ON_REDIS
from tests.servers import running_redis
from tests.stack import Stack, running_stack
from tests.waiting import eventually
from workers.liveness import EXIT_CODE_STALLED

pytestmark = pytest.mark.timeout(180)
STALLED_AFTER_S = 6
TIMERS = {
    "COMMAND_LEASE_S": "4",
    "MANDRILL_READ_TIMEOUT_S": "3",
    "MANDRILL_TOTAL_TIMEOUT_S": "3",
    "STALLED_AFTER_S": str(STALLED_AFTER_S),
}
TIMES = {"date_start_local": "2027-01-04", "time_start_local": "9:00", "time_duration_s": 3600}
WORKERS = ("worker-clocks", "worker-mail")
IMPATIENT_WORKER = (
    "from workers.app import app;"
    " app.conf.broker_transport_options.update(visibility_timeout=2, unacked_restore_interval=1);"
    " app.conf.update(task_soft_time_limit=1, task_time_limit=3);"
    " app.worker_main(['worker', '--queues', 'clocks', '--concurrency', '1', '--loglevel', 'info'])"
)
"""A clocks worker with settings so small that what they do is seen."""


@pytest.fixture(scope="module")
def stack(configured: None, postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with (
        running_redis() as broker,
        running_stack(postgres_url, broker, tmp_path_factory.mktemp("workers"), **TIMERS) as running,
    ):
        yield running


@pytest.fixture
def broker(stack: Stack) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(stack.redis.url) as client:
        yield client


@pytest.fixture(autouse=True)
def nobody_ended(stack: Stack) -> Iterator[None]:
    """At the end every process that the test did not end itself still lives."""
    yield
    assert stack.ended() == []


def create(stack: Stack, client_email: str | None = "") -> tuple[int, str]:
    """Create an appointment for a client of its own; its id and the client's address."""
    order = stack.world.order(client_email=client_email)
    reply = stack.client().create(order_id=order.id, **TIMES)
    assert reply.code == 200, reply.body
    assert order.client_email is not None
    return reply.appointment["id"], order.client_email


def assert_done_once(stack: Stack, made: list[tuple[int, str]], *, within_s: float = 30) -> None:
    for appointment_id, _ in made:
        stack.wait_for_commands(appointment_id, within_s=within_s)
    addresses = [address for _, address in made]
    assert {address: stack.inbox(to=address)["count"] for address in addresses} == dict.fromkeys(addresses, 1)


@contextmanager
def reconciliation_held_up(stack: Stack) -> Iterator[tuple[int, str]]:
    """A new appointment whose `reconcile-times` waits in a worker for as long as the block lasts."""
    with stack.suspended("worker-clocks"):
        made = create(stack)
        holding = stack.world.engine.connect()
        holding.execute(text("SELECT FROM appointments WHERE id = :id FOR UPDATE"), {"id": made[0]})
    with holding:
        eventually(lambda: reconciliation(stack, made)["state"] == "running", what="a worker is at it")
        yield made


def reconciliation(stack: Stack, made: tuple[int, str]) -> dict[str, Any]:
    return stack.world.commands(made[0])["reconcile-times"]


def children(pid: int) -> list[int]:
    """The processes of a worker's pool."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def messages_received(stack: Stack, name: str) -> list[str]:
    """Celery's ids of the messages that a worker was given, one for each delivery."""
    return re.findall(r"Task reconcile-times\[([0-9a-f-]+)\] received", stack.log(name))


def heartbeats(stack: Stack) -> dict[str, str]:
    """Which kind of process beats under which name, without the host."""
    rows = stack.world.rows("SELECT name, kind FROM heartbeats WHERE beat_at > now() - interval '15 s'")
    return {row["name"].partition("@")[0]: row["kind"] for row in rows}


def test_every_background_process_writes_heartbeats_under_its_name(stack: Stack) -> None:
    stack.start_and_wait("beat")
    expected = {"worker-clocks": "worker", "worker-mail": "worker", "relay": "relay", "beat": "beat"}
    eventually(lambda: heartbeats(stack) == expected, within_s=40, what="four heartbeats")
    stack.kill("beat")


def test_a_message_whose_pool_process_was_killed_is_delivered_again_and_done_once(stack: Stack) -> None:
    worker = stack.processes["worker-clocks"].pid
    with reconciliation_held_up(stack) as made:
        killed = children(worker)
        assert len(killed) == 2
        for child in killed:
            os.kill(child, signal.SIGKILL)
        eventually(
            lambda: len(received := messages_received(stack, "worker-clocks")) > len(set(received)),
            what="one message delivered twice",
        )
    assert_done_once(stack, [made])
    assert reconciliation(stack, made)["attempts"] == 2
    assert stack.processes["worker-clocks"].pid == worker
    assert not set(children(worker)) & set(killed)


def test_a_killed_workers_message_is_visible_again_and_the_soft_limit_gives_a_command_back(
    stack: Stack, broker: redis.Redis
) -> None:
    usual = stack.commands["worker-clocks"]
    with reconciliation_held_up(stack) as made:
        stack.kill("worker-clocks")
        assert broker.hlen("unacked") >= 1
    lost = messages_received(stack, "worker-clocks")[-1]
    stack.commands["worker-clocks"] = f'python -c "{IMPATIENT_WORKER}"'
    stack.start_and_wait("worker-clocks")
    eventually(
        lambda: messages_received(stack, "worker-clocks").count(lost) == 2, what="the message came again"
    )
    assert_done_once(stack, [made])
    eventually(lambda: broker.hlen("unacked") == 0, what="every message is acknowledged")

    # The soft limit gives up a task after one second, as the log says; the database a lock only after three.
    with reconciliation_held_up(stack) as made:
        eventually(
            lambda: (row := reconciliation(stack, made))["state"] == "pending" and row["attempts"] == 1,
            what="the command was given back",
        )
    assert "Soft time limit (1s) exceeded for reconcile-times" in stack.log("worker-clocks")
    assert_done_once(stack, [made])
    stack.terminate("worker-clocks")
    stack.commands["worker-clocks"] = usual
    stack.start_and_wait("worker-clocks")


def test_a_soft_shutdown_lets_a_mail_under_way_arrive(stack: Stack) -> None:
    made = create(stack, "fault+slow-1500.soft@example.com")
    eventually(lambda: stack.attempts(to=made[1])["count"], what="the mail is under way")
    process = stack.processes.pop("worker-mail")
    process.send_signal(signal.SIGQUIT)
    assert process.wait(timeout=20) != EXIT_CODE_STALLED
    assert stack.world.commands(made[0])["send-confirmation"]["state"] == "done"
    assert_done_once(stack, [made])


def test_a_new_confirmation_goes_before_a_backlog_of_repeats(
    stack: Stack, broker: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.terminate("worker-mail")
    repeats = [create(stack) for _ in range(12)]
    eventually(lambda: broker.llen("mail") >= len(repeats), what="the mails are published")
    with stack.suspended("relay"):
        stack.world.execute(
            "UPDATE commands SET attempts = 1, publishes = 0, published_at = NULL"
            " WHERE kind = 'send-confirmation' AND state = 'pending'"
        )
        broker.delete("mail")
    waiting_repeats = f"mail\x06\x16{PRIORITIES_ON_REDIS.repeat}"
    eventually(lambda: broker.llen(waiting_repeats) >= len(repeats), what="the repeats are published")
    fresh = create(stack)
    eventually(lambda: broker.llen("mail") >= 1, what="the new confirmation is published")
    before = stack.world.row("SELECT coalesce(max(id), 0) AS id FROM emails")["id"]

    one_at_a_time = stack.commands["worker-mail"].replace("--concurrency 32", "--concurrency 1")
    monkeypatch.setitem(stack.commands, "worker-mail", one_at_a_time)
    stack.start_and_wait("worker-mail")
    assert_done_once(stack, [*repeats, fresh])
    sent = stack.world.rows("SELECT appointment_id FROM emails WHERE id > :id ORDER BY id", id=before)
    assert sent[0]["appointment_id"] == fresh[0]


def test_workers_outlive_a_redis_that_is_killed_again_and_again_and_away_for_long(stack: Stack) -> None:
    pids = {name: stack.processes[name].pid for name in (*WORKERS, "relay")}
    with ThreadPoolExecutor(2) as pool:
        creating = [pool.submit(create, stack) for _ in range(80)]
        for number in range(5):
            eventually(lambda number=number: creating[12 * number].done(), what="creates go on")
            stack.redis.kill()
            if number == 4:
                time.sleep(1.5 * STALLED_AFTER_S)  # so long it is away
            stack.redis.start()
        made = [each.result(20) for each in creating]
    assert_done_once(stack, made, within_s=60)
    assert {name: stack.processes[name].pid for name in pids} == pids


def test_a_worker_that_consumes_no_more_ends_itself_while_stopped_ones_go_on_later(stack: Stack) -> None:
    """It is told to take nothing from its queue, while others are stopped for longer than a stall."""
    with Celery(broker=stack.redis.url) as app:
        app.control.cancel_consumer("clocks")
    eventually(lambda: "Canceling queue clocks" in stack.log("worker-clocks"), what="the worker is deaf")
    stopped_at = time.monotonic()
    with stack.suspended("worker-mail"):
        made = create(stack)
        eventually(lambda: reconciliation(stack, made)["publishes"] > 0, what="it was published")
        with stack.suspended("relay"):
            stack.world.execute(
                "UPDATE commands SET publishes = 5, available_at = now() - interval '1 min'"
                " WHERE appointment_id = :id AND state = 'pending'",
                id=made[0],
            )
            deaf = stack.processes.pop("worker-clocks")
            assert deaf.wait(timeout=30) == EXIT_CODE_STALLED
            # The rest of the time for which the others are stopped.
            time.sleep(max(0.0, stopped_at + 2 * STALLED_AFTER_S - time.monotonic()))
    # As supervision would, but with less memory than a task leaves its process with.
    stack.commands["worker-clocks"] += " --max-memory-per-child 1000"
    stack.start_and_wait("worker-clocks")
    worker = stack.processes["worker-clocks"].pid
    first = children(worker)
    assert_done_once(stack, [made, create(stack)])
    eventually(lambda: len(set(children(worker)) - set(first)) == 2, what="larger processes are replaced")
