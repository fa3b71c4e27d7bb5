"""The fault matrix on real processes: servers that stop, processes that are killed, a provider that misbehaves.

One stack of its own, with a PostgreSQL and a Redis that may be hurt. After every fault each mail has arrived
exactly once, and no process of ours has ended unless the test ended it.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest
import redis
import urllib3
from sqlalchemy import text

from tests.client import Reply
from tests.servers import Server, running_postgres, running_redis
from tests.stack import Stack, running_stack
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(180)
WORKERS = ("worker-clocks", "worker-mail")
BROKERS_SILENCE_S = 2
"""Whoever waits for a silent Redis waits so long at least (`socket_timeout`)."""
TIMERS = {"COMMAND_LEASE_S": "5", "MANDRILL_READ_TIMEOUT_S": "2", "MANDRILL_TOTAL_TIMEOUT_S": "2"}
TIMES = {"date_start_local": "2027-01-04", "time_start_local": "9:00", "time_duration_s": 3600}


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="module")
def module_stack(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with (
        running_redis() as broker,
        running_stack(postgres.url, broker, tmp_path_factory.mktemp("faults"), **TIMERS) as stack,
    ):
        yield stack


@pytest.fixture
def faulty(module_stack: Stack) -> Iterator[Stack]:
    """The stack, complete; at the end every process that the test did not end itself must still live."""
    module_stack.complete()
    yield module_stack
    assert module_stack.ended() == []


def create(stack: Stack, client_email: str | None = "", **more: Any) -> tuple[Reply, str]:
    """Create an appointment for a client of its own; the answer and the client's address."""
    order = stack.world.order(client_email=client_email)
    reply = stack.client().create(order_id=order.id, **TIMES, **more)
    assert reply.code == 200, reply.body
    assert order.client_email is not None
    return reply, order.client_email


def create_many(stack: Stack, number: int) -> list[str]:
    """As many creates, four at a time, none of which waits for a broker, however silent; the clients' addresses."""
    orders = [stack.world.order() for _ in range(number)]
    client = stack.client()

    def one(order: Any) -> float:
        started = time.monotonic()
        reply = client.create(order_id=order.id, **TIMES)
        assert reply.code == 200, reply.body
        return time.monotonic() - started

    with ThreadPoolExecutor(4) as pool:
        assert max(pool.map(one, orders)) < BROKERS_SILENCE_S
    return [order.client_email for order in orders]


def wait_until_all_is_done(stack: Stack, *, within_s: float = 30) -> None:
    """Until no command that can be done is open."""
    open_commands = "SELECT kind, state, last_error FROM commands WHERE state NOT IN ('done', 'failed')"
    open_commands += " AND available_at < '8000-01-01'"
    eventually(
        lambda: not stack.world.rows(open_commands), within_s=within_s, every_s=0.1, what="all is done"
    )


def assert_one_mail_each(stack: Stack, addresses: list[str]) -> None:
    assert {address: stack.inbox(to=address)["count"] for address in addresses} == dict.fromkeys(addresses, 1)


def assert_nothing_half_written(stack: Stack) -> None:
    orphans = "SELECT id FROM appointments a WHERE NOT EXISTS (SELECT FROM commands c WHERE c.appointment_id = a.id)"
    assert stack.world.rows(orphans) == []


# -- the provider misbehaves

# address, commands' end, mails in the inbox, calls of send, notification: status and cause
PROVIDER_FAULTS = {
    "fault+503*2.a": ("done", 1, 3, None),
    "fault+429-1*1.a": ("done", 1, 2, None),
    "fault+timeout-after*1.a": ("done", 1, 1, None),
    "fault+reset-after*1.a": ("done", 1, 1, None),
    "fault+500-json-after*1.a": ("done", 1, 1, None),
    "fault+502-empty-after*1.a": ("done", 1, 1, None),
    "fault+partial*1.a": ("done", 1, 1, None),
    "fault+500-json*1.a": ("done", 1, 2, None),
    "fault+refuse*1.a": ("done", 1, 2, None),
    "fault+timeout-before*1.a": ("done", 1, 2, None),
    "fault+rejected-hard-bounce.a": ("failed", 1, 1, ("mandrill-email-failed", "hard-bounce", False)),
    "fault+422.a": ("failed", 0, 1, ("mandrill-email-failed", "ValidationError", False)),
    "fault+500-json.a": ("unknown", 0, 3, ("mandrill-email-failed", "undecided", True)),
}


def test_whatever_mandrill_does_each_mail_is_sent_once_or_shown(faulty: Stack) -> None:
    made = {name: create(faulty, f"{name}@example.com")[0].appointment["id"] for name in PROVIDER_FAULTS}
    wait_until_all_is_done(faulty, within_s=75)
    seen = {}
    for name, appointment_id in made.items():
        address = f"{name}@example.com"
        notices = faulty.world.notifications(appointment_id)
        assert len(notices) <= 1
        seen[name] = (
            faulty.world.commands(appointment_id)["send-confirmation"]["state"],
            faulty.inbox(to=address)["count"],
            faulty.attempts(to=address)["count"],
            (notices[0]["status"], notices[0]["cause"], notices[0]["may_have_been_sent"])
            if notices
            else None,
        )
    assert seen == PROVIDER_FAULTS


# -- workers are killed


def test_a_mail_worker_killed_in_mid_send_makes_one_mail_whether_or_not_it_had_arrived(faulty: Stack) -> None:
    accepted = create(faulty, "fault+slow-30000*1.killed@example.com")
    unread = create(faulty, "fault+timeout-before*1.killed@example.com")
    for _, address in (accepted, unread):
        assert faulty.attempts(to=address, wait_for=1, timeout=10)["count"] == 1
    faulty.kill("worker-mail")
    states = {
        faulty.world.commands(reply.appointment["id"])["send-confirmation"]["state"]
        for reply, _ in (accepted, unread)
    }
    assert states == {"sending"}
    faulty.start_and_wait("worker-mail")
    wait_until_all_is_done(faulty)
    assert_one_mail_each(faulty, [accepted[1], unread[1]])
    assert faulty.attempts(to=accepted[1])["count"] == 1
    assert faulty.attempts(to=unread[1])["count"] == 2


def test_a_clocks_worker_killed_at_work_leaves_nothing_half_done(faulty: Stack) -> None:
    with faulty.suspended("worker-clocks"):
        reply, address = create(faulty)
        blocking = faulty.world.engine.connect()
        blocking.execute(
            text("SELECT FROM appointments WHERE id = :id FOR UPDATE"), {"id": reply.appointment["id"]}
        )
    with blocking:
        eventually(
            lambda: faulty.world.commands(reply.appointment["id"])["reconcile-times"]["state"] == "running",
            what="a worker is at it",
        )
        faulty.kill("worker-clocks")
    faulty.start_and_wait("worker-clocks")
    faulty.wait_for_commands(reply.appointment["id"])
    assert faulty.world.commands(reply.appointment["id"])["reconcile-times"]["attempts"] == 2
    assert_one_mail_each(faulty, [address])


def test_workers_that_are_all_down_find_the_work_when_they_are_back(faulty: Stack) -> None:
    for name in WORKERS:
        faulty.kill(name)
    addresses = create_many(faulty, 10)
    faulty.start_and_wait(*WORKERS)
    wait_until_all_is_done(faulty)
    assert_one_mail_each(faulty, addresses)


def test_workers_that_are_stopped_under_load_lose_nothing(faulty: Stack) -> None:
    with ThreadPoolExecutor(1) as pool:
        creating = pool.submit(create_many, faulty, 60)
        eventually(
            lambda: faulty.world.rows("SELECT FROM commands WHERE state <> 'done'"), what="there is work"
        )
        faulty.terminate(*WORKERS)
        addresses = creating.result(30)
    assert faulty.world.rows("SELECT FROM commands WHERE state IN ('running', 'sending')") == []
    faulty.start_and_wait(*WORKERS)
    wait_until_all_is_done(faulty)
    assert_one_mail_each(faulty, addresses)
    assert (
        faulty.world.rows("SELECT id FROM commands WHERE doubts > 0 AND last_error LIKE 'The worker%'") == []
    )


# -- the relay, and beat


def test_without_a_relay_beat_sweeps_and_a_new_relay_goes_on(faulty: Stack) -> None:
    faulty.kill("relay")
    faulty.start("beat")
    first = create_many(faulty, 3)
    wait_until_all_is_done(faulty)
    assert_one_mail_each(faulty, first)
    faulty.kill("beat")
    second = create_many(faulty, 3)
    faulty.start_and_wait("relay")
    wait_until_all_is_done(faulty)
    assert_one_mail_each(faulty, second)


# -- the broker


def test_creates_go_on_without_a_broker_and_all_mails_follow_when_it_is_back(faulty: Stack) -> None:
    faulty.redis.stop()
    addresses = create_many(faulty, 20)
    faulty.redis.start()
    wait_until_all_is_done(faulty)
    assert_one_mail_each(faulty, addresses)


def test_creates_go_on_while_the_broker_is_silent(faulty: Stack) -> None:
    with faulty.redis.suspended():
        addresses = create_many(faulty, 10)
        eventually(lambda: faulty.log("relay").count("broker away") > 1, what="the relay gave up waiting")
    wait_until_all_is_done(faulty)
    assert_one_mail_each(faulty, addresses)


def test_a_broker_that_forgot_every_message_loses_no_mail(faulty: Stack) -> None:
    with faulty.suspended("worker-clocks"), redis.Redis.from_url(faulty.redis.url) as broker:
        addresses = create_many(faulty, 10)
        eventually(lambda: broker.llen("clocks") >= 8, what="the messages are queued")
        broker.flushall()
    wait_until_all_is_done(faulty)
    addresses += create_many(faulty, 5)
    wait_until_all_is_done(faulty)
    assert_one_mail_each(faulty, addresses)


# -- web and database


def test_after_a_web_process_was_killed_before_its_answer_the_same_uuid_is_replayed(faulty: Stack) -> None:
    order = faulty.world.order()
    params = {"uuid": str(uuid4()), "order_id": order.id, **TIMES}
    client = faulty.client()

    def try_to_create() -> None:
        with suppress(urllib3.exceptions.HTTPError):
            client.create(params)

    with ThreadPoolExecutor(1) as pool:
        with faulty.world.engine.connect() as first:
            # The insert of the same uuid waits for this transaction, and commits when it is rolled back.
            first.execute(
                text(
                    "INSERT INTO appointments (uuid, updated_at_mt, updated_at_mt_instant, supplied, fingerprint,"
                    " caller_kind, caller_role, caller_application_id, request_id)"
                    " SELECT :uuid, '', now(), '{}', '', 'application', 'application', id, 'r'"
                    " FROM applications LIMIT 1"
                ),
                {"uuid": params["uuid"]},
            )
            answering = pool.submit(try_to_create)
            waiting = (
                "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            eventually(lambda: faulty.world.rows(waiting), what="the web process waits in its insert")
            with faulty.suspended("web"):
                first.rollback()
                stored = "SELECT id FROM appointments WHERE uuid = :uuid"
                (row,) = eventually(
                    lambda: faulty.world.rows(stored, uuid=params["uuid"]), what="it is stored"
                )
                faulty.kill("web")
        answering.result(10)
    faulty.start_and_wait("web")
    reply = client.create(params)
    assert (reply.code, reply.appointment["id"]) == (200, row["id"])
    assert reply.body["data"]["replayed"] is True
    wait_until_all_is_done(faulty)
    assert_one_mail_each(faulty, [order.client_email or ""])


def test_a_database_that_restarts_under_creates_leaves_nothing_half_written(
    faulty: Stack, postgres: Server
) -> None:
    orders = [faulty.world.order() for _ in range(40)]
    client = faulty.client()
    uuids = [str(uuid4()) for _ in orders]

    def one(number: int) -> Reply:
        return client.create(order_id=orders[number].id, uuid=uuids[number], **TIMES)

    with ThreadPoolExecutor(4) as pool:
        replies = [pool.submit(one, number) for number in range(len(orders))]
        replies[5].result(10)
        postgres.restart()
        codes = [reply.result(30).code for reply in replies]
    faulty.world.engine.dispose()  # this test's own connections
    assert set(codes) <= {200, 500}
    assert_nothing_half_written(faulty)
    eventually(lambda: one(0).code == 200, within_s=10, what="creates work again")
    for number, code in enumerate(codes):
        again = one(number)
        assert again.code == 200, again.body
        assert again.body["data"]["replayed"] or code == 500
    wait_until_all_is_done(faulty)
    assert_nothing_half_written(faulty)
    assert_one_mail_each(faulty, [order.client_email or "" for order in orders])


def test_everything_stops_when_it_is_asked_to(faulty: Stack) -> None:
    faulty.terminate("relay", "web", *WORKERS)
