"""The scheduler of `celery beat`, watched: one that ticks no more is ended and started again."""

from typing import Any

from celery.beat import PersistentScheduler

from workers.liveness import Liveness


class WatchedScheduler(PersistentScheduler):
    """Celery's own scheduler, with a sign of life for each round."""

    def __init__(self, *args: Any, **options: Any) -> None:
        """Also used by Celery for a look at the schedule, so the watch starts with the first tick."""
        self._liveness: Liveness | None = None
        super().__init__(*args, **options)

    def tick(self, *args: Any, **options: Any) -> Any:
        """One round: what is due is sent. Seconds until the next one."""
        if self._liveness is None:
            self._liveness = Liveness("beat", may_be_waiting=self._broker_is_away)
            self._liveness.start()
        self._liveness.tick()
        return super().tick(*args, **options)

    def _broker_is_away(self) -> bool:
        with self.app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
        return False
