"""All-day appointments (clocks.md section 7): dates that float, and are never sent through midnight.

A day at the property is the same day on every calendar, so the one that counts is copied to all three frames.
``date_stop_*`` is the last day itself; whoever exports to iCalendar, Google or Graph adds one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from models.clock.discrepancies import Discrepancy
from models.clock.frames import DATE_FIELD, ENDPOINTS, FLOATING_ORDER, FRAMES, TIME_FIELD, Endpoint
from models.clock.result import Resolution, Value
from models.clock.spellings import spell_date, spell_time
from models.clock.supplied import Supplied


@dataclass(frozen=True, slots=True)
class AllDay:
    """The dates to fill in, the mark of each endpoint, and what does not belong to a whole day."""

    filled: dict[str, Value]
    marks: dict[Endpoint, Resolution | None]
    discrepancies: tuple[Discrepancy, ...]


def float_dates(supplied: Supplied) -> AllDay:
    """Spread the dates of an all-day appointment over the frames."""
    filled: dict[str, Value] = {}
    marks: dict[Endpoint, Resolution | None] = {}
    found: list[Discrepancy] = []
    days = {endpoint: _authoritative(supplied, endpoint) for endpoint in ENDPOINTS}
    if days["stop"] is None:
        days["stop"] = days["start"]
    for endpoint in ENDPOINTS:
        day = days[endpoint]
        has_time = False
        for frame in FRAMES:
            given, at = supplied.given_date(endpoint, frame), supplied.given_time(endpoint, frame)
            if day is not None and given is None:
                filled[DATE_FIELD[endpoint, frame]] = day
            if day is not None and given is not None and given != day:
                found.append(
                    Discrepancy("frame_mismatch", endpoint, frame, spell_date(given), spell_date(day))
                )
            if at is not None:
                has_time = True
                filled[TIME_FIELD[endpoint, frame]] = at
                found.append(Discrepancy("allday_with_time", endpoint, frame, spell_time(at)))
        marks[endpoint] = "allday" if day is not None else ("unresolved" if has_time else None)
    if supplied.duration_s is not None:
        found.append(Discrepancy("allday_with_duration", supplied=str(supplied.duration_s)))
    start, stop = days["start"], days["stop"]
    if start is not None and stop is not None and stop < start:
        found.append(Discrepancy("stop_before_start"))
    return AllDay(filled, marks, tuple(found))


def _authoritative(supplied: Supplied, endpoint: Endpoint) -> date | None:
    for frame in FLOATING_ORDER:
        day = supplied.given_date(endpoint, frame)
        if day is not None:
            return day
    return None
