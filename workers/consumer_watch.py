"""The watch over a Celery worker: its event loop must go round, and what is due in its queues must be taken.

Celery workers have been seen to live on without consuming after a broker's restart. The database knows: a
message was sent for a command of this worker's queues while this worker had nothing to do, and neither it nor
anybody else came for the command.
"""

import time
from typing import Any

from celery import bootsteps
from celery.signals import task_received, worker_shutting_down
from celery.worker import state
from sqlalchemy import text

from models import database
from models.command_publishing import REPUBLISH_AFTER_S
from models.command_sql import IS_CLAIMABLE
from models.provider_gate import OPEN_GATE, read_gate
from settings import get_settings
from tasks.catalogue import KINDS
from workers.liveness import Liveness

TICK_EVERY_S = 1.0
PUBLISHED_IN_VAIN = 3
"""So many messages for one command, and nobody came: a broker that lost one is no stall of this worker's."""

# A message that was sent a moment ago may still be on its way.
_UNHEARD = text(
    f"SELECT 1 FROM commands WHERE {IS_CLAIMABLE} AND kind = ANY(:kinds) AND publishes >= :publishes"  # noqa: S608 - constants
    " AND available_at < now() - make_interval(secs => :due_s)"
    " AND published_at > now() - make_interval(secs => :idle_s)"
    f" AND published_at < now() - make_interval(secs => {REPUBLISH_AFTER_S}) LIMIT 1"
)


class ConsumerWatch(bootsteps.StartStopStep):
    """A step of the consumer's blueprint; it starts again with every new connection to the broker."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        """One watch for the life of the process, however often the consumer is restarted."""
        super().__init__(consumer, **options)
        self._kinds = [kind for kind in KINDS.values() if kind.queue in consumer.app.amqp.queues.consume_from]
        self._consumer = consumer
        self._idle_since = time.monotonic()
        self._liveness = Liveness(
            "worker", may_be_waiting=self._broker_is_away, is_stuck=self._messages_do_not_arrive
        )
        self._entry: Any = None
        self._started = False
        consumer.on_connecting = self._connecting

    def start(self, consumer: Any) -> None:
        """Tick from the event loop of this connection."""
        self._connecting()
        self._entry = consumer.timer.call_repeatedly(TICK_EVERY_S, self._liveness.tick)
        if not self._started:
            self._started = True
            task_received.connect(self._took, weak=False)
            worker_shutting_down.connect(self._shutting_down, weak=False)
            self._end_with_a_soft_shutdown(consumer.controller)
            self._liveness.start()

    def stop(self, consumer: Any) -> None:  # noqa: ARG002 - the blueprint's interface
        """The connection is gone; until the next one, silence is waiting."""
        if self._entry is not None:
            self._entry.cancel()
            self._entry = None

    def _connecting(self) -> None:
        """No loop goes round and nothing can be taken, but the process stands still for a good reason.

        Without a word of it the pause between two attempts would count against the loop that begins afterwards: the
        broker is back by then, and says so to `_broker_is_away`.
        """
        self._idle_since = time.monotonic()
        self._liveness.excuse()

    def _took(self, **_: object) -> None:
        self._idle_since = time.monotonic()

    def _end_with_a_soft_shutdown(self, worker: Any) -> None:
        """Celery sends its signal only after the pause in which running tasks may finish and no loop goes round."""
        pause = worker.wait_for_soft_shutdown

        def watched_no_more() -> None:
            self._liveness.stop()
            pause()

        worker.wait_for_soft_shutdown = watched_no_more

    def _shutting_down(self, **_: object) -> None:
        self._liveness.stop()

    def _broker_is_away(self) -> bool:
        with self._consumer.app.connection_for_read() as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
        return False

    def _messages_do_not_arrive(self) -> bool:
        if state.active_requests:
            self._idle_since = time.monotonic()
        idle_s = time.monotonic() - self._idle_since
        stalled_after_s = get_settings().stalled_after_s
        if idle_s < stalled_after_s:
            return False
        with database.transaction() as connection:
            # While a provider is away its messages rightly come to nothing.
            kinds = [
                kind.name
                for kind in self._kinds
                if kind.provider is None or read_gate(connection, kind.provider) == OPEN_GATE
            ]
            unheard = connection.execute(
                _UNHEARD,
                {
                    "kinds": kinds,
                    "publishes": PUBLISHED_IN_VAIN,
                    "due_s": stalled_after_s,
                    "idle_s": idle_s,
                },
            ).first()
        return unheard is not None and not self._broker_is_away()
