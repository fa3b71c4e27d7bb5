"""The stamp `updated_at_mt` of a change: how far ahead it may be, and when it is too old. Pure.

It comes from the clock of a workstation. One that runs ahead must not lock everybody else out, so what is stored
counts no later than the server received it; and must not win against everybody else for ever, so a stamp from
beyond tomorrow is refused. A day is more than what a wrong time zone (at most 21 hours from Mountain Time, in
Kiritimati) or a mistaken AM for PM can be off by (`docs/changes.md`).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from api.faults import Fault, ParamWarning
from api.statuses import INVALID_PARAM
from models.clock import utc_to_wall
from models.clock.tz import MOUNTAIN_TIME

FARTHEST_AHEAD: Final = timedelta(hours=24)
_HINT: Final = "Check the clock of the computer, and that the stamp is in Mountain Time (America/Denver)."


def counted(row: Mapping[str, Any]) -> datetime:
    """From when on a stored appointment counts as it is: its stamp, but no later than it was received."""
    stamp: datetime = row["updated_at_mt_instant"]
    received: datetime = row["changed_at"]
    return min(stamp, received)


def from_the_future(stamp: object, now: datetime) -> list[Fault]:
    """The fault of a change whose stamp is too far ahead."""
    if not _is_too_far(stamp, now):
        return []
    message = f"This stamp is more than a day ahead: it is {mountain(now)} now (Mountain Time)."
    return [Fault("updated_at_mt", INVALID_PARAM, message, _HINT)]


def warned_of_the_future(stamp: object, now: datetime) -> list[ParamWarning]:
    """The same of a create, which is carried out all the same: nobody else's work is in its way."""
    if not _is_too_far(stamp, now):
        return []
    message = (
        f"This stamp is more than a day ahead: it is {mountain(now)} now (Mountain Time). It was kept as sent; for"
        " what is newer, the time at which the request came counts."
    )
    return [ParamWarning("updated_at_mt", message, _HINT)]


def mountain(instant: datetime) -> str:
    """An instant as a stamp in Mountain Time, to the second."""
    return f"{utc_to_wall(instant, MOUNTAIN_TIME):%Y-%m-%d %H:%M:%S}"


def _is_too_far(stamp: object, now: datetime) -> bool:
    return isinstance(stamp, datetime) and stamp > now + FARTHEST_AHEAD
