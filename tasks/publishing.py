"""Telling workers that commands are due: a message holds the id of one command and nothing else.

Called after commit only. A message that could not be published is no loss: the command is found again by the
sweep. So nothing here raises for a broker that is away, and the waits are short: publishing has a connection
of its own, because a worker's connection has to be patient where this one must not be.
"""

from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any
from uuid import uuid4

import structlog
from celery import current_app
from celery.utils.nodenames import anon_nodename
from kombu import Connection, Producer
from kombu.common import maybe_declare
from kombu.entity import PERSISTENT_DELIVERY_MODE
from kombu.exceptions import KombuError, OperationalError
from kombu.pools import producers

import measures
from models import database
from models.command_publishing import Due, unpublish
from tasks.catalogue import KINDS, PRIORITIES_ON_RABBITMQ, PRIORITIES_ON_REDIS, ROOM

BROKER_ERRORS = (OperationalError, KombuError, OSError)
"""What kombu raises when the broker refuses, is silent, or is out of memory."""

PATIENCE_S = 0.4
"""For a connection, and for each word of the broker. A broker in trouble costs its callers under a second."""

_ORIGIN = anon_nodename()
log = structlog.get_logger(__name__)


def publish(due: Sequence[Due], *, at_once: int = 1) -> bool:
    """Publish a message for each, or for each `at_once` of them; True when all went out.

    Whoever gets a message for several finds the others himself: it names the first. Then `due` are first attempts of
    one kind, oldest first.

    The rest is marked unpublished at the first failure, because a broker that is away would make every
    further one wait as well.

    A command whose earlier messages must still be there gets no further one: while no worker runs, a queue
    would fill the broker's memory with repetitions.
    """
    published = 0
    is_full: dict[str, bool] = {}
    declared: set[str] = set()
    url = _broker_url()
    broker = _connection(url)
    priorities = PRIORITIES_ON_REDIS if _is_redis(url) else PRIORITIES_ON_RABBITMQ
    try:
        with producers[broker].acquire(block=True, timeout=PATIENCE_S) as producer:
            for command in due[::at_once]:
                queue = KINDS[command.kind].queue
                if queue not in declared:
                    maybe_declare(current_app.amqp.queues[queue], producer.channel)  # type: ignore[no-untyped-call]
                    declared.add(queue)
                if command.publishes > 1 and queue not in is_full:
                    is_full[queue] = _length(producer.channel, queue) >= ROOM[queue]
                if command.publishes == 1 or not is_full[queue]:
                    _send(producer, command, priorities.repeat if command.is_repeat else priorities.first)
                    measures.PUBLISHED.labels(command.kind).inc()
                published += at_once
    except (*BROKER_ERRORS, *broker.connection_errors, *broker.channel_errors) as failure:
        log.warning("broker away", unpublished=len(due) - published, error=type(failure).__name__)
        measures.PUBLISH_FAILURES.inc(len(due[published::at_once]))
        with suppress(Exception), database.transaction() as connection:
            unpublish(connection, [command.id for command in due[published:]])
        return False
    return True


def is_full(queue: str) -> bool:
    """Whether as many messages wait in a queue as may; False too when the broker does not say.

    For those who publish without counting what is under way, as the sweep does.
    """
    broker = _connection(_broker_url())
    try:
        with producers[broker].acquire(block=True, timeout=PATIENCE_S) as producer:
            return _length(producer.channel, queue) >= ROOM[queue]
    except (*BROKER_ERRORS, *broker.connection_errors, *broker.channel_errors):
        return False


def queue_lengths() -> dict[str, int]:
    """How many messages wait in each queue. Raises one of `BROKER_ERRORS` when the broker is away."""
    with producers[_connection(_broker_url())].acquire(block=True, timeout=PATIENCE_S) as producer:
        return {
            queue: _length(producer.channel, queue) for queue in sorted({k.queue for k in KINDS.values()})
        }


def _send(producer: Producer, command: Due, priority: int) -> None:
    """Celery's own message, by the queue's name. `send_task` makes the same one for more than twice the time."""
    message = current_app.amqp.create_task_message(
        str(uuid4()), command.kind, args=(command.id,), ignore_result=True, origin=_ORIGIN
    )
    producer.publish(  # type: ignore[no-untyped-call]
        message.body,
        exchange="",
        routing_key=KINDS[command.kind].queue,
        serializer=current_app.conf.task_serializer,
        delivery_mode=PERSISTENT_DELIVERY_MODE,
        headers=message.headers,
        priority=priority,
        **message.properties,
    )


def _length(channel: Any, name: str) -> int:
    """How many messages of a queue the broker has. Declared as it is configured: it may not be there yet."""
    queue = current_app.amqp.queues[name]
    declared = channel.queue_declare(
        queue=name,
        durable=queue.durable,
        exclusive=queue.exclusive,
        auto_delete=queue.auto_delete,
        arguments=queue.queue_arguments,
    )
    return int(declared.message_count)


def _is_redis(url: str) -> bool:
    return url.startswith(("redis", "sentinel"))


def _broker_url() -> str:
    return str(current_app.conf.broker_write_url or current_app.conf.broker_url)


@lru_cache(maxsize=8)
def _connection(url: str) -> Connection:
    """The broker as publishing sees it: impatient, and without retries of its own."""
    options: dict[str, Any] = {**current_app.conf.broker_transport_options, "max_retries": 0}
    if _is_redis(url):
        options |= {"socket_timeout": PATIENCE_S, "socket_connect_timeout": PATIENCE_S}
    else:
        options |= {"connect_timeout": PATIENCE_S, "read_timeout": PATIENCE_S, "write_timeout": PATIENCE_S}
    made: Connection = current_app.connection_for_write(
        url=url, transport_options=options, connect_timeout=PATIENCE_S
    )
    return made
