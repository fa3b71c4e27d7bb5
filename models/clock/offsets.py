"""The offset of a property whose zone nobody knows, read from its own times (clocks.md section 3).

Where an endpoint has a local pair and a UTC pair (or else an office pair), local minus UTC is the offset. It
is used as a fixed offset and never named as a zone: seven hours behind UTC in winter is Denver and Phoenix
alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from models.clock.discrepancies import Discrepancy
from models.clock.frames import ENDPOINTS, Endpoint
from models.clock.supplied import Supplied
from models.clock.tz import UTC_CLOCK, Clock, offset_s

# Offsets in use run from the Line Islands to Baker Island, in quarter hours.
_WESTMOST: Final = -12 * 3600
_EASTMOST: Final = 14 * 3600
_STEP: Final = 15 * 60
# What daylight-saving time may move between a start and a stop: an hour, or half of one on Lord Howe.
_DST_STEPS: Final = (0, 1800, 3600)


@dataclass(frozen=True, slots=True)
class Offset:
    """An inferred offset for one endpoint.

    ``own`` is whether the endpoint's own pairs gave it; ``mark`` is what the pair it was read from meant
    (``gap`` or ``fold`` if the office's clock left it open).
    """

    seconds: int
    own: bool
    mark: Literal["exact", "gap", "fold"] = "exact"


@dataclass(frozen=True, slots=True)
class InferredOffsets:
    """The offsets by endpoint (both endpoints, or none), and what was wrong on the way."""

    by_endpoint: dict[Endpoint, Offset] = field(default_factory=dict)
    discrepancies: tuple[Discrepancy, ...] = ()


def infer_offsets(supplied: Supplied, office: Clock) -> InferredOffsets:
    """The local offsets that the supplied pairs give away. Offsets are seconds east of UTC."""
    found: dict[Endpoint, Offset] = {}
    problems: list[Discrepancy] = []
    for endpoint in ENDPOINTS:
        offset = _of_endpoint(supplied, endpoint, office)
        if offset is None:
            continue
        if _WESTMOST <= offset.seconds <= _EASTMOST and offset.seconds % _STEP == 0:
            found[endpoint] = offset
        else:
            problems.append(Discrepancy("implausible_offset", endpoint, "local", str(offset.seconds)))
    start, stop = found.get("start"), found.get("stop")
    if start is not None and stop is not None:
        if abs(start.seconds - stop.seconds) not in _DST_STEPS:
            problems.append(
                Discrepancy("offset_inconsistent", "stop", "local", str(stop.seconds), str(start.seconds))
            )
            found["stop"] = Offset(start.seconds, own=False)
    elif start is not None:
        found["stop"] = Offset(start.seconds, own=False)
    elif stop is not None:
        found["start"] = Offset(stop.seconds, own=False)
    return InferredOffsets(found, tuple(problems))


def _of_endpoint(supplied: Supplied, endpoint: Endpoint, office: Clock) -> Offset | None:
    local = _pair(supplied, endpoint, "local")
    if local is None:
        return None
    if (wall := _pair(supplied, endpoint, "utc")) is not None:
        return Offset(offset_s(local, UTC_CLOCK.read(wall).instant), own=True)
    if (wall := _pair(supplied, endpoint, "office")) is None:
        return None
    reading = office.read(wall)
    instant, mark = reading.instant, reading.kind
    if reading.later is not None:
        matching = [moment for moment in reading.candidates if _agrees_with_utc(supplied, endpoint, moment)]
        if len(matching) == 1:
            instant, mark = matching[0], "exact"
    return Offset(offset_s(local, instant), own=True, mark=mark)


def _pair(
    supplied: Supplied, endpoint: Endpoint, frame: Literal["utc", "local", "office"]
) -> datetime | None:
    day, at = supplied.given_date(endpoint, frame), supplied.given_time(endpoint, frame)
    return None if day is None or at is None else datetime.combine(day, at)


def _agrees_with_utc(supplied: Supplied, endpoint: Endpoint, moment: datetime) -> bool:
    day, at = supplied.given_date(endpoint, "utc"), supplied.given_time(endpoint, "utc")
    if day is None and at is None:
        return False
    wall = UTC_CLOCK.wall(moment)
    return (day is None or wall.date() == day) and (at is None or wall.time() == at)
