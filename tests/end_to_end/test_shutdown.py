"""Everything is asked to stop under load and started again: nothing is lost, nothing is sent twice.

On the stack of the session, which is whole again at the end.
"""

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis
import urllib3

from tests.client import ApiClient
from tests.stack import Stack
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(120)
ALL = ("web", "relay", "worker-clocks", "worker-mail")
TIMES = {"date_start_local": "2027-01-04", "time_start_local": "9:00", "time_duration_s": 3600}


@pytest.fixture
def whole(stack: Stack) -> Iterator[Stack]:
    yield stack
    stack.start_and_wait(*(name for name in ALL if name not in stack.processes))
    assert stack.ended() == []


class Load:
    """Callers that create appointments until they are told to stop, whatever comes back."""

    def __init__(self, client: ApiClient, order_ids: list[int]) -> None:
        """Nobody calls yet."""
        self.answered: dict[str, int] = {}
        self.refused: dict[str, dict[str, Any]] = {}
        self._client = client
        self._order_ids = order_ids
        self._stop = threading.Event()

    def __enter__(self) -> "Load":
        self._pool = ThreadPoolExecutor(len(self._order_ids))
        self._callers = [self._pool.submit(self._call, order_id) for order_id in self._order_ids]
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._pool.shutdown()
        for caller in self._callers:
            caller.result()

    def _call(self, order_id: int) -> None:
        while not self._stop.is_set():
            params = {"uuid": str(uuid4()), "order_id": order_id, **TIMES}
            try:
                reply = self._client.create(params)
            except urllib3.exceptions.HTTPError:
                self.refused[params["uuid"]] = params
                self._stop.wait(0.2)
            else:
                assert reply.code == 200, reply.body
                self.answered[params["uuid"]] = reply.appointment["id"]


def mails_of(stack: Stack, addresses: list[str]) -> Counter[int]:
    """How often each appointment was told of."""
    return Counter(
        int(message["appointment_id"])
        for address in addresses
        for message in stack.inbox(to=address, limit=1000)["messages"]
    )


def listeners(broker: redis.Redis) -> int:
    """How many connections listen to what Celery's processes tell each other; a consumer's end with it."""
    return sum(client["psub"] != "0" for client in broker.client_list())


def test_stopping_everything_under_load_and_starting_again_loses_and_doubles_nothing(whole: Stack) -> None:
    orders = [whole.world.order() for _ in range(4)]
    # Who gives up while a web process starts slowly is not refused: the request waits there, and is done later.
    client = whole.client(timeout_s=60)
    with Load(client, [order.id for order in orders]) as load:
        eventually(lambda: len(load.answered) >= 20, what="there is load")
        whole.terminate(*ALL)
        before = len(load.answered)
        eventually(lambda: len(load.refused) >= 4, what="callers are refused")
        assert whole.world.rows("SELECT id FROM commands WHERE state IN ('running', 'sending')") == []
        whole.start_and_wait(*ALL)
        eventually(lambda: len(load.answered) >= before + 20, what="callers are served again")

    # A request was answered or nothing was done about it: no row came to be without an answer.
    stored = whole.world.rows(
        "SELECT uuid::text FROM appointments WHERE uuid = ANY(CAST(:uuids AS uuid[]))",
        uuids=list(load.refused),
    )
    assert stored == []
    for params in load.refused.values():
        assert client.create(params).code == 200
    made = whole.world.rows(
        "SELECT id FROM appointments WHERE order_id = ANY(:ids)", ids=[order.id for order in orders]
    )
    assert len(made) == len(load.answered) + len(load.refused)
    for row in made:
        whole.wait_for_commands(row["id"])
    addresses = [order.client_email or "" for order in orders]
    assert mails_of(whole, addresses) == Counter({row["id"]: 1 for row in made})


def test_a_mail_under_way_arrives_before_its_worker_stops(whole: Stack) -> None:
    order = whole.world.order(client_email="fault+slow-1500.shutdown@example.com")
    made = whole.client().create(order_id=order.id, **TIMES).appointment["id"]
    eventually(lambda: whole.attempts(to=order.client_email)["count"], what="the mail is under way")
    whole.terminate("worker-mail")
    command = whole.world.commands(made)["send-confirmation"]
    assert (command["state"], command["attempts"], command["doubts"]) == ("done", 1, 0)
    assert whole.inbox(to=order.client_email)["count"] == 1


def test_a_clocks_worker_stops_at_once_although_its_children_had_not_confirmed_what_they_were_handed(
    whole: Stack,
) -> None:
    """What they were handed is done, and the worker does not wait for confirmations that nobody reads."""
    worker = whole.processes["worker-clocks"].pid
    children = [int(child) for child in Path(f"/proc/{worker}/task/{worker}/children").read_text().split()]
    for child in children:
        os.kill(child, signal.SIGSTOP)
    made = []
    # It hands the first one over in the round of its loop in which it takes the second, if not before.
    for number in (1, 2):
        received = whole.log("worker-clocks").count("received")
        made.append(whole.client().create(order_id=whole.world.order().id, **TIMES).appointment["id"])
        eventually(
            lambda received=received: whole.log("worker-clocks").count("received") > received,
            what=f"message {number} was taken",
        )
    with redis.Redis.from_url(whole.redis.url) as broker:
        listening = listeners(broker)
        os.kill(worker, signal.SIGTERM)
        eventually(lambda: listeners(broker) < listening, what="the worker has closed its consumer")
    for child in children:
        os.kill(child, signal.SIGCONT)
    whole.terminate("worker-clocks")
    whole.start_and_wait("worker-clocks")
    for appointment_id in made:
        whole.wait_for_commands(appointment_id)


def test_a_request_under_way_is_answered_before_the_web_process_stops(whole: Stack) -> None:
    """A caller who prefers to wait for its mail is told of it, although the server was asked to stop."""
    order = whole.world.order(client_email="fault+slow-1000.web@example.com")
    client = whole.client(timeout_s=15)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.create, {"order_id": order.id, **TIMES}, {"Prefer": "wait=2"})
        eventually(lambda: whole.attempts(to=order.client_email)["count"], what="the mail is under way")
        whole.terminate("web")
        assert waiting.result(10).code == 200
