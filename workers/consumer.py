"""Celery's consumer as this product wants it: soon back after an outage, and without queues for delayed messages.

Celery 5.7 waits up to 32 seconds between two attempts to reach a broker that is away; ours are closer together,
because a few connections a second cost nobody anything. With quorum queues it also declares 28 more of them for
messages with an ETA; ours have none, because delays live in the table of commands.
"""

from functools import partial
from typing import Any, ClassVar

from celery.worker.consumer import Consumer as CeleryConsumer

NOT_NEEDED = "celery.worker.consumer.delayed_delivery:DelayedDelivery"
LONGEST_PAUSE_S = 4
"""Well below the time after which a process that stands still is ended (`STALLED_AFTER_S`)."""


class Consumer(CeleryConsumer):
    """What `worker_consumer` in `celeryconfig.py` names."""

    class Blueprint(CeleryConsumer.Blueprint):
        """The consumer's steps."""

        default_steps: ClassVar[list[str]] = [
            step for step in CeleryConsumer.Blueprint.default_steps if step != NOT_NEEDED
        ]

    def ensure_connected(self, conn: Any) -> Any:
        """Connect, however long it takes."""
        conn.ensure_connection = partial(conn.ensure_connection, interval_max=LONGEST_PAUSE_S)
        return super().ensure_connected(conn)
