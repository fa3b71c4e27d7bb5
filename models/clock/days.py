"""Where a day begins on the clocks of a zone, and the instants of its quarters of an hour."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from models.clock.tz import zone_clock

QUARTER = timedelta(minutes=15)
"""Clocks are changed by whole quarters of an hour, everywhere since the 1980s."""


def day_begins(day: date, zone: str) -> datetime:
    """The first moment (UTC) of `day` in the IANA zone `zone`. Raises `ValueError` for an unknown name.

    A midnight that the clocks jump over is read as the first moment after it, one that comes twice as the first.
    """
    return zone_clock(zone).read(datetime.combine(day, time())).instant


def quarters(day: date, zone: str) -> list[datetime]:
    """The instants (UTC) at which the quarters of that day begin: 96 of them, 92 or 100 when clocks are changed."""
    begin, end = day_begins(day, zone), day_begins(day + timedelta(days=1), zone)
    return [begin + number * QUARTER for number in range((end - begin) // QUARTER)]
