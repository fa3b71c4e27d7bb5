"""The relay: woken by the database, it publishes what is due. `python -m workers.relay`

It listens on a connection of its own, so that a create becomes a message within milliseconds although no web
process ever talks to the broker. Under load not every create sends a NOTIFY (`models/appointment_intake.py`):
after one the relay goes on looking for a moment. Once a second it looks unasked, because a NOTIFY may be missed.
Any number of relays may run. SIGTERM ends it after the current sweep.
"""

import signal
import time
from threading import Event
from types import FrameType
from typing import Any

import psycopg
import structlog

import telemetry
from models import database
from models.appointment_intake import ONE_NOTIFY_COVERS_S
from models.command_publishing import CHANNEL, CREATED
from settings import get_settings
from tasks.catalogue import CLOCKS_QUEUE
from tasks.crashes import place_of
from tasks.publishing import is_full
from tasks.sweep import Swept, publish_created, publish_due, sweep
from workers.app import app
from workers.liveness import Liveness

GATHER_S = 0.02
"""From a look that found something to the next, at least: under load one look then serves many creates, and an
idle relay never waits for it."""
LINGER_S = 2 * ONE_NOTIFY_COVERS_S
"""So long after a NOTIFY there may be creates without one: those that it covers, and as much time again for their
commits. One that takes longer waits for the next create's NOTIFY, or for the look that nobody asks for."""
BROKER_PAUSE_S = 1.0
"""Wait after the broker did not take a message: asking it for every create would only add to the log."""
PAUSES_S = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Waits after the database was away, the last one repeated."""

_NOTHING = Swept(0, broker_answers=True)
log = structlog.get_logger(__name__)


class Relay:
    """The loop, and how it ends."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._sweep_again_at = 0.0
        self._found_at = self._looked_at = 0.0
        self._linger_until = 0.0
        self._leaves_it_to_the_sweep = False
        self._stopping = Event()
        self.liveness = Liveness("relay")

    def stop(self, *_: int | FrameType | None) -> None:
        """End after the current sweep. May be called by a signal."""
        self._stopping.set()

    def run(self) -> None:
        """Sweep until stopped; a database that is away is waited for, however long it takes."""
        failures = 0
        while not self._stopping.is_set():
            try:
                with self._listen() as listening:
                    log.info("relay listens")
                    reasons: set[str] = set()
                    while not self._stopping.is_set():
                        self.liveness.tick()
                        swept = self._relay(reasons)
                        if swept.published:
                            self._found_at = self._looked_at
                        if not swept.broker_answers:
                            self._stopping.wait(BROKER_PAUSE_S)
                        failures = 0
                        reasons = self._wait(listening)
            except Exception as failure:  # noqa: BLE001 - the relay outlives whatever happens to its servers
                log.warning("relay interrupted", error=type(failure).__name__, place=place_of(failure))
                self.liveness.tick()
                # Connections of before are as dead as this one; each would interrupt the relay once more.
                database.engine().dispose()
                self._stopping.wait(PAUSES_S[min(failures, len(PAUSES_S) - 1)])
                failures += 1

    def _relay(self, reasons: set[str]) -> Swept:
        """Publish what is due: all of it once an interval, in between what the database says is new."""
        self._looked_at = time.monotonic()
        if self._looked_at >= self._sweep_again_at:
            self._sweep_again_at = self._looked_at + self._interval_s
            self._leaves_it_to_the_sweep = is_full(CLOCKS_QUEUE)
            return sweep()
        if reasons != {CREATED}:
            return publish_due()
        return _NOTHING if self._leaves_it_to_the_sweep else publish_created()

    def _listen(self) -> psycopg.Connection[Any]:
        connection = database.open_listening_connection("relay-listen")
        connection.execute(f"LISTEN {CHANNEL}")
        return connection

    def _wait(self, listening: psycopg.Connection[Any]) -> set[str]:
        """Until it is time for a look; what the database said meanwhile about what is due."""
        lingers = time.monotonic() < self._linger_until
        patience_s = max(self._looked_at + GATHER_S - time.monotonic(), 0) if lingers else self._interval_s
        reasons = {notify.payload for notify in listening.notifies(timeout=patience_s, stop_after=1)}
        if reasons and (early_s := self._found_at + GATHER_S - time.monotonic()) > 0:
            self._stopping.wait(early_s)
            reasons |= {notify.payload for notify in listening.notifies(timeout=0)}
        if CREATED in reasons:
            self._linger_until = time.monotonic() + LINGER_S
        return reasons or ({CREATED} if lingers else set())


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    telemetry.set_up(get_settings().process_name or "relay")
    app.set_current()
    relay = Relay(get_settings().sweep_interval_s)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, relay.stop)
    relay.liveness.start()
    relay.run()


if __name__ == "__main__":
    main()
