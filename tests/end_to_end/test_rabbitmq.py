"""RabbitMQ by URL alone: the same product on quorum queues, through an outage of the broker.

Needs a RabbitMQ on this machine, which is no part of what the tests bring along.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import amqp
import pytest
from kombu import Connection, Queue

from tasks.catalogue import CLOCKS_QUEUE, MAIL_QUEUE
from tests.rabbitmq import RabbitMQ, find_rabbitmq, running_rabbitmq
from tests.servers import Server
from tests.stack import Stack, running_stack
from tests.waiting import eventually

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(find_rabbitmq() is None, reason="There is no rabbitmq-server on the PATH."),
]
BROKERS_SILENCE_S = 2
"""Whoever waits for a RabbitMQ that does not answer waits so long at least (`broker_connection_timeout`)."""
TIMES = {"date_start_local": "2027-01-04", "time_start_local": "9:00", "time_duration_s": 3600}


@pytest.fixture(scope="module")
def rabbitmq() -> Iterator[RabbitMQ]:
    with running_rabbitmq() as node:
        yield node


@pytest.fixture(scope="module")
def rabbit(
    rabbitmq: RabbitMQ, postgres_url: str, redis_server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    directory = tmp_path_factory.mktemp("rabbitmq")
    with running_stack(postgres_url, redis_server, directory, CELERY_BROKER_URL=rabbitmq.url) as stack:
        yield stack


def create(stack: Stack) -> tuple[int, str]:
    """An appointment made without waiting for the broker; its id and its client's address."""
    order = stack.world.order()
    started = time.monotonic()
    reply = stack.client().create(order_id=order.id, **TIMES)
    assert reply.code == 200, reply.body
    assert time.monotonic() - started < BROKERS_SILENCE_S
    assert order.client_email is not None
    return reply.appointment["id"], order.client_email


def declared_again(connection: Connection, queue: str, arguments: dict[str, Any]) -> int:
    """How many messages the queue holds; RabbitMQ refuses arguments other than those it was made with."""
    return (
        Queue(queue, durable=True, queue_arguments=arguments)(connection.channel())
        .queue_declare()
        .message_count
    )


def test_a_create_becomes_a_mail(rabbit: Stack) -> None:
    made, address = create(rabbit)
    rabbit.wait_for_commands(made)
    assert rabbit.inbox(to=address)["count"] == 1


def test_the_queues_are_quorum_queues_and_no_other_durable_ones_are_made(
    rabbit: Stack, rabbitmq: RabbitMQ
) -> None:
    with Connection(rabbitmq.url) as connection:
        for queue in (CLOCKS_QUEUE, MAIL_QUEUE):
            assert declared_again(connection, queue, {"x-queue-type": "quorum"}) == 0
            with pytest.raises(amqp.PreconditionFailed):
                declared_again(connection, queue, {"x-queue-type": "classic"})
        with pytest.raises(amqp.NotFound):
            Queue("celery_delayed_0")(connection.channel()).queue_declare(passive=True)


def test_creates_go_on_without_a_broker_and_all_mails_follow_when_it_is_back(
    rabbit: Stack, rabbitmq: RabbitMQ
) -> None:
    with ThreadPoolExecutor(2) as pool:
        creating = [pool.submit(create, rabbit) for _ in range(30)]
        creating[5].result(20)
        rabbitmq.stop()
        made = [each.result(20) for each in creating] + [create(rabbit) for _ in range(5)]
    eventually(lambda: "broker away" in rabbit.log("relay"), what="the relay noticed")
    rabbitmq.start()
    for appointment_id, _ in made:
        rabbit.wait_for_commands(appointment_id, within_s=60)
    assert {address: rabbit.inbox(to=address)["count"] for _, address in made} == {
        address: 1 for _, address in made
    }
    assert rabbit.ended() == []
