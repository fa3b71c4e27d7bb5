"""How many messages wait in the broker's queues, where it is a Redis that can be asked; nothing is changed there.

Celery keeps each queue as one list for each priority (`docs/brokers.md`): first attempts, and repeats. What workers
have taken and not finished is in one hash for all queues. RabbitMQ and Sentinel are not asked: RabbitMQ has a
console of its own, and either is a few more libraries in a web process.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from api import broker_probe
from tasks.door import KINDS, PRIORITIES_ON_REDIS

PATIENCE_S: Final = 0.25
"""For a connection to Redis, and for its answer."""
_SEPARATOR: Final = "\x06\x16"
"""What kombu's Redis transport writes between a queue and a priority other than 0."""
_TAKEN: Final = "unacked"


@dataclass(frozen=True, slots=True)
class QueueLength:
    """Messages that wait in a queue."""

    queue: str
    first: int
    repeats: int


@dataclass(frozen=True, slots=True)
class BrokerState:
    """What the broker says. `name` is "Redis" or "RabbitMQ", `lengths` None where nobody was asked for them."""

    name: str
    answers: bool
    lengths: list[QueueLength] | None = None
    taken: int = 0
    """Messages in workers' hands, all queues together."""


def read_broker(url: str) -> BrokerState:
    """Ask the broker at `url`, for half a second at most."""
    scheme = urlsplit(url.split(";", 1)[0]).scheme
    if scheme not in ("redis", "rediss", "unix", "redis+socket"):
        name = "Redis (Sentinel)" if scheme == "sentinel" else "RabbitMQ"
        return BrokerState(name, broker_probe.answers(url, PATIENCE_S))
    try:
        lengths, taken = _ask(url.split(";", 1)[0].replace("redis+socket://", "unix://", 1))
    except (redis.RedisError, OSError, ValueError):
        return BrokerState("Redis", answers=False)
    return BrokerState("Redis", True, lengths, taken)


def _ask(url: str) -> tuple[list[QueueLength], int]:
    queues = sorted({kind.queue for kind in KINDS.values()})
    client = redis.Redis.from_url(
        url,
        socket_connect_timeout=PATIENCE_S,
        socket_timeout=PATIENCE_S,
        retry=Retry(NoBackoff(), 0),
    )
    with client, client.pipeline(transaction=False) as asked:
        for queue in queues:
            asked.llen(_list_of(queue, PRIORITIES_ON_REDIS.first))
            asked.llen(_list_of(queue, PRIORITIES_ON_REDIS.repeat))
        asked.hlen(_TAKEN)
        told = [int(number) for number in asked.execute()]
    pairs = zip(queues, told[0:-1:2], told[1:-1:2], strict=True)
    return [QueueLength(queue, first, repeats) for queue, first, repeats in pairs], told[-1]


def _list_of(queue: str, priority: int) -> str:
    return f"{queue}{_SEPARATOR}{priority}" if priority else queue
