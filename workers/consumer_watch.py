"""The watch over a Celery worker: its event loop must go round, and what is due in its queues must be taken.

Celery workers have been seen to live on without consuming after a broker's restart. The database knows: a
command of this worker's queues that is due and was published several times over, while this worker took
nothing, means that messages do not reach it.
"""

import time
from typing import Any

from celery import bootsteps
from celery.signals import task_received, worker_shutting_down
from celery.worker import state
from sqlalchemy import text

from models import database
from models.command_states import CLAIMABLE
from tasks.catalogue import KINDS
from workers.liveness import STALLED_AFTER_S, Liveness

TICK_EVERY_S = 5.0
PUBLISHED_IN_VAIN = 4
"""So many messages for one command, over more than half a minute, and nobody came."""

_UNHEARD = text(
    "SELECT 1 FROM commands WHERE state IN ("  # noqa: S608 - constants
    + ", ".join(f"'{state_}'" for state_ in CLAIMABLE)
    + ") AND available_at < now() - make_interval(secs => :age_s) AND publishes >= :publishes"
    " AND kind = ANY(:kinds) LIMIT 1"
)


class ConsumerWatch(bootsteps.StartStopStep):
    """A step of the consumer's blueprint; it starts again with every new connection to the broker."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        """One watch for the life of the process, however often the consumer is restarted."""
        super().__init__(consumer, **options)
        self._kinds = [
            kind.name for kind in KINDS.values() if kind.queue in consumer.app.amqp.queues.consume_from
        ]
        self._consumer = consumer
        self._took_at = time.monotonic()
        self._liveness = Liveness(
            "worker", may_be_waiting=self._broker_is_away, is_stuck=self._messages_do_not_arrive
        )
        self._entry: Any = None
        self._started = False

    def start(self, consumer: Any) -> None:
        """Tick from the event loop of this connection."""
        self._entry = consumer.timer.call_repeatedly(TICK_EVERY_S, self._liveness.tick)
        if not self._started:
            self._started = True
            task_received.connect(self._took, weak=False)
            worker_shutting_down.connect(self._shutting_down, weak=False)
            self._liveness.start()

    def stop(self, consumer: Any) -> None:  # noqa: ARG002 - the blueprint's interface
        """The connection is gone; until the next one, silence is waiting."""
        if self._entry is not None:
            self._entry.cancel()
            self._entry = None

    def _took(self, **_: object) -> None:
        self._took_at = time.monotonic()

    def _shutting_down(self, **_: object) -> None:
        self._liveness.stop()

    def _broker_is_away(self) -> bool:
        with self._consumer.app.connection_for_read() as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
        return False

    def _messages_do_not_arrive(self) -> bool:
        if time.monotonic() - self._took_at < STALLED_AFTER_S or state.active_requests or not self._kinds:
            return False
        with database.transaction() as connection:
            unheard = connection.execute(
                _UNHEARD,
                {"age_s": STALLED_AFTER_S, "publishes": PUBLISHED_IN_VAIN, "kinds": self._kinds},
            ).first()
        return unheard is not None and not self._broker_is_away()
