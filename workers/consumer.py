"""Celery's consumer as this product wants it: soon back after an outage, thrifty with events, and without queues for
delayed messages.

Celery 5.7 waits up to 32 seconds between two attempts to reach a broker that is away; ours are closer together,
because a few connections a second cost nobody anything. With quorum queues it also declares 28 more of them for
messages with an ETA; ours have none, because delays live in the table of commands. And it tells of every task's
beginning and end by a message of its own, which costs the process about a sixth of what it does for a mail; Flower
is as well served by groups of them, a few times a second.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from celery import bootsteps
from celery.worker.consumer import Consumer as CeleryConsumer

NOT_NEEDED = "celery.worker.consumer.delayed_delivery:DelayedDelivery"
LONGEST_PAUSE_S = 4
"""Well below the time after which a process that stands still is ended (`STALLED_AFTER_S`)."""

EVENTS_EVERY_S = 0.25


class EventsInGroups(bootsteps.StartStopStep):
    """A step of the consumer's blueprint that sends the events of tasks that have gathered."""

    requires = ("celery.worker.consumer.events:Events",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        """Nothing has gathered yet."""
        super().__init__(consumer, **options)
        self._entry: Any = None

    def start(self, consumer: Any) -> None:
        """Send from the event loop of this connection."""
        self._entry = consumer.timer.call_repeatedly(EVENTS_EVERY_S, consumer._flush_events)

    def stop(self, consumer: Any) -> None:  # noqa: ARG002 - the blueprint's interface
        """What gathers now is sent over the next connection."""
        if self._entry is not None:
            self._entry.cancel()
            self._entry = None


class Consumer(CeleryConsumer):
    """What `worker_consumer` in `celeryconfig.py` names."""

    class Blueprint(CeleryConsumer.Blueprint):
        """The consumer's steps."""

        default_steps: ClassVar[list[str]] = [
            step for step in CeleryConsumer.Blueprint.default_steps if step != NOT_NEEDED
        ]

    def on_connecting(self) -> None:
        """The process is at work on a connection; the watch puts its own here (`workers/consumer_watch.py`)."""

    def ensure_connected(self, conn: Any) -> Any:
        """Connect, however long it takes; at least once a second the watch hears that it goes on."""
        connect = conn.ensure_connection

        def patiently(*arguments: Any, callback: Callable[[], None], **options: Any) -> Any:
            def going_on() -> None:
                self.on_connecting()
                callback()

            connected = connect(*arguments, callback=going_on, interval_max=LONGEST_PAUSE_S, **options)
            self.on_connecting()
            return connected

        conn.ensure_connection = patiently
        return super().ensure_connected(conn)

    def on_send_event_buffered(self) -> None:
        """Celery would send it at once; it waits for `EventsInGroups`, or until the dispatcher has enough of them."""
