"""A process that is alive but does nothing any more: noticed from inside, and ended so that it is started again.

A main loop calls `tick()` whenever it goes round. A thread beside it writes a heartbeat to the database while
the ticks come, and ends the process when they have stopped although everything that the loop waits for is
there. Supervision starts it again; commands in its hands are taken back when their lease expires.
"""

import os
import socket
import time
from collections.abc import Callable
from threading import Event, Thread

import structlog

from models import database, heartbeats
from settings import get_settings

BEAT_EVERY_S = 5.0
EXIT_CODE_STALLED = 70
"""EX_SOFTWARE of sysexits.h."""

log = structlog.get_logger(__name__)


class Liveness:
    """The watch over one process.

    `may_be_waiting` tells whether something that the loop needs is away; then silence is no stall, and the
    time it may stand still begins anew. `is_stuck` may report a stall of another kind, such as work that is
    due and not taken. Either may raise: a check that fails says that something is away, which is no stall.
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
        settings = get_settings()
        self._kind = kind
        self._name = f"{settings.process_name or kind}@{socket.gethostname()}"
        self._stalled_after_s = settings.stalled_after_s
        self._quiet_after_s = min(3 * BEAT_EVERY_S, settings.stalled_after_s / 2)
        self._may_be_waiting = may_be_waiting
        self._is_stuck = is_stuck
        self._end = end
        self._ticked_at = self._excused_at = self._woke_at = time.monotonic()
        self._stopped = Event()

    def tick(self) -> None:
        """The loop went round. Costs next to nothing."""
        self._ticked_at = time.monotonic()

    def excuse(self) -> None:
        """The loop does not go round, rightly: the time it may stand still begins anew. It writes no heartbeat."""
        self._excused_at = time.monotonic()

    def start(self) -> None:
        """Begin to watch, in a thread that ends with the process."""
        Thread(target=self._watch, name="liveness", daemon=True).start()

    def stop(self) -> None:
        """End the watch: an orderly shutdown may take as long as it takes."""
        self._stopped.set()

    def _watch(self) -> None:
        slept_at = time.monotonic()
        while not self._stopped.wait(BEAT_EVERY_S):
            if time.monotonic() - slept_at > 2 * BEAT_EVERY_S:
                # This thread stood still as well: the whole process was stopped, or the machine asleep.
                self._excused_at = self._woke_at = time.monotonic()
            if time.monotonic() - self._ticked_at < self._quiet_after_s:
                self._beat()
            if self._has_stalled() and not self._stopped.is_set():
                log.error("stalled", name=self._name, silent_s=round(time.monotonic() - self._ticked_at))
                self._end(EXIT_CODE_STALLED)
                return
            slept_at = time.monotonic()

    def _has_stalled(self) -> bool:
        still_s = time.monotonic() - max(self._ticked_at, self._excused_at)
        if still_s < self._quiet_after_s:
            # What came to nothing while the whole process was stopped, it could not take.
            slept_s_ago = time.monotonic() - self._woke_at
            return slept_s_ago > self._stalled_after_s and _answer(self._is_stuck, without_one=False)
        if _answer(self._may_be_waiting, without_one=True):
            self._excused_at = time.monotonic()
            return False
        return still_s > self._stalled_after_s

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


def _answer(question: Callable[[], bool], *, without_one: bool) -> bool:
    try:
        return question()
    except Exception:  # noqa: BLE001 - that is the answer
        return without_one
