"""A process that is alive but does nothing any more: noticed from inside, and ended so that it is started again.

A main loop calls `tick()` whenever it goes round. A thread beside it writes a heartbeat to the database while
the ticks come, and ends the process when they have stopped although everything that the loop waits for is
there. Supervision starts it again; commands in its hands are taken back when their lease expires.
"""

import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread

import structlog

from models import database, heartbeats
from settings import get_settings

BEAT_EVERY_S = 5.0
STALLED_AFTER_S = 60.0
"""Longer than any wait that the loops have by design."""
EXIT_CODE_STALLED = 70
"""EX_SOFTWARE of sysexits.h."""

log = structlog.get_logger(__name__)


class Liveness:
    """The watch over one process.

    `may_be_waiting` tells whether something that the loop needs is away; then silence is no stall. `is_stuck`
    may report a stall of another kind, such as work that is due and not taken.
    """

    def __init__(
        self,
        kind: str,
        *,
        may_be_waiting: Callable[[], bool] = lambda: False,
        is_stuck: Callable[[], bool] = lambda: False,
        end: Callable[[int], None] = os._exit,
    ) -> None:
        """Nothing is watched before `start`."""
        self._kind = kind
        self._name = f"{get_settings().process_name or kind}@{socket.gethostname()}"
        self._may_be_waiting = may_be_waiting
        self._is_stuck = is_stuck
        self._end = end
        self._ticked_at = time.monotonic()
        self._stopped = Event()

    def tick(self) -> None:
        """The loop went round. Costs next to nothing."""
        self._ticked_at = time.monotonic()

    def start(self) -> None:
        """Begin to watch, in a thread that ends with the process."""
        Thread(target=self._watch, name="liveness", daemon=True).start()

    def stop(self) -> None:
        """End the watch: an orderly shutdown may take as long as it takes."""
        self._stopped.set()

    def _watch(self) -> None:
        while not self._stopped.wait(BEAT_EVERY_S):
            silent_s = time.monotonic() - self._ticked_at
            if silent_s < 3 * BEAT_EVERY_S:
                self._beat()
            if self._has_stalled(silent_s):
                log.error("stalled", name=self._name, silent_s=round(silent_s))
                self._end(EXIT_CODE_STALLED)
                return

    def _has_stalled(self, silent_s: float) -> bool:
        with suppress(Exception):  # a check that fails says that something is away, which is no stall
            if silent_s > STALLED_AFTER_S:
                return not self._may_be_waiting()
            return self._is_stuck()
        return False

    def _beat(self) -> None:
        try:
            with database.transaction() as connection:
                heartbeats.beat(
                    connection,
                    name=self._name,
                    kind=self._kind,
                    pid=os.getpid(),
                    release=get_settings().release,
                )
        except Exception as failure:  # noqa: BLE001 - the database is away; its silence is noticed elsewhere
            log.warning("no heartbeat", error=type(failure).__name__)
