"""`Prefer: wait=N`: hold the answer until the appointment's commands are decided (contract.md section 7).

Waiting takes a thread of the web process, so only some may wait at a time; whoever comes when all places are
taken is answered at once, with what is known then.
"""

import time
from collections.abc import Container, Sequence
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import Any, Final

from sqlalchemy import Connection

from models.command_states import SHOWN_TO_CALLERS, State

PLACES: Final = 12
"""Requests of one process that may wait at the same time; the rest of its 16 threads goes on serving."""

DROPPED_SHOWN: Final = "dropped"
"""The word for a mail that was not sent because a later change came first."""

_FIRST_PAUSE_S: Final = 0.01
_LONGEST_PAUSE_S: Final = 0.1
_places = BoundedSemaphore(PLACES)

_FATES = """
SELECT c.id, c.kind, c.state, e.outcome, e.cause, c.state = 'done' AND c.last_error IS NOT NULL AS is_dropped
FROM all_commands c
LEFT JOIN LATERAL (
  SELECT outcome, cause FROM emails WHERE command_id = c.id ORDER BY id DESC LIMIT 1
) AS e ON true
WHERE c.appointment_id = %(id)s ORDER BY c.id
"""


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a command so far. `outcome` and `cause` are a mail's."""

    id: int
    kind: str
    state: State
    outcome: str | None
    cause: str | None
    is_dropped: bool = False
    """A later change made it superfluous before it was sent."""

    @property
    def is_decided(self) -> bool:
        """Whether nothing more will happen to it by itself."""
        return self.state in (State.DONE, State.FAILED)

    @property
    def is_failed_mail(self) -> bool:
        """Whether a mail could not be sent."""
        return self.state is State.FAILED and self.kind.startswith("send-")

    def to_json(self) -> dict[str, Any]:
        """An element of `data.commands`."""
        shown: dict[str, Any] = {"id": str(self.id), "kind": self.kind, "state": SHOWN_TO_CALLERS[self.state]}
        if self.is_dropped:
            shown["state"] = DROPPED_SHOWN
        if self.outcome is not None:
            shown["outcome"] = self.outcome
        if self.cause is not None:
            shown["cause"] = self.cause
        return shown


def fates(connection: Connection, appointment_id: int) -> Sequence[Fate]:
    """The commands of an appointment as they stand now."""
    rows = connection.exec_driver_sql(_FATES, {"id": appointment_id})
    return [Fate(row.id, row.kind, State(row.state), row.outcome, row.cause, row.is_dropped) for row in rows]


def wait_for_fates(
    connection: Connection, appointment_id: int, seconds: float, only: Container[int] | None = None
) -> tuple[Sequence[Fate], bool]:
    """The commands once all are decided, or those whose ids are in `only`; or as they stand after `seconds`.

    And whether that wish was met: not when they are undecided because all places were taken.
    """
    deadline = time.monotonic() + seconds
    pause = _FIRST_PAUSE_S
    has_place = _places.acquire(blocking=False)
    try:
        while True:
            found = fates(connection, appointment_id)
            left = deadline - time.monotonic()
            awaited = [fate for fate in found if only is None or fate.id in only]
            are_decided = all(fate.is_decided for fate in awaited)
            if not has_place or left <= 0 or are_decided:
                return found, has_place or are_decided
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, _LONGEST_PAUSE_S)
    finally:
        if has_place:
            _places.release()
