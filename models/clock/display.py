"""Showing an instant on somebody's clock, as an aware datetime that knows its zone's name and fold."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

from models.clock.tz import zone_clock


def in_zone(instant: datetime, zone: str) -> datetime:
    """The aware `instant` in the IANA zone `zone`. Raises `ValueError` for an unknown name."""
    zone_clock(zone)
    return instant.astimezone(_zone(zone))


def at_offset(instant: datetime, offset_s: int) -> datetime:
    """The aware `instant` on a clock that is always `offset_s` seconds east of UTC."""
    return instant.astimezone(timezone(timedelta(seconds=offset_s)))


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
