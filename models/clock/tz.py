"""The rules of time zones: the only module that turns a wall time into an instant, or back.

The rules come from the pinned ``tzdata`` package and from nowhere else. By default the standard library
prefers the files of the operating system, which may be years old; two hosts would then disagree about the
same appointment. So the search path is emptied as soon as this module is imported, and zones that somebody
loaded earlier are forgotten.

An *instant* is an aware datetime in UTC. A *wall* is a naive datetime: what a clock on the wall shows. Walls
never leave ``models/clock``.
"""

from __future__ import annotations

import importlib
import zoneinfo
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Literal, Protocol

zoneinfo.reset_tzpath(to=[])
zoneinfo.ZoneInfo.clear_cache()

# Not a place: "Etc" is what boundary data says of the open sea, "Factory" means that nobody set a zone.
_NOWHERE = ("Etc/", "Factory")


@lru_cache(maxsize=1)
def tzdata_version() -> str:
    """The IANA release whose rules are in use, such as ``2026f``."""
    return str(importlib.import_module("tzdata").IANA_VERSION)


@lru_cache(maxsize=1)
def _every_name() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    """Every IANA name that can be the zone of a place on land, old spellings (links) included."""
    return frozenset(name for name in _every_name() if not name.startswith(_NOWHERE))


def is_zone_name(name: str) -> bool:
    """Whether ``name`` is exactly the IANA name of a zone of a place on land; case matters."""
    return name in zone_names()


@dataclass(frozen=True, slots=True)
class Reading:
    """What a wall time means in one zone.

    ``kind`` is ``exact``, ``gap`` (the clocks jumped over it) or ``fold`` (the clocks showed it twice).
    ``instant`` is the one meant, the one by the offset before the gap, or the earlier of two (RFC 5545
    section 3.3.5). ``later`` is the other of two. ``shifted`` is what the clock really shows at ``instant``
    when the typed time does not exist.
    """

    kind: Literal["exact", "gap", "fold"]
    instant: datetime
    later: datetime | None = None
    shifted: datetime | None = None

    @property
    def candidates(self) -> tuple[datetime, ...]:
        """The instants that the wall time may mean, in order."""
        return (self.instant,) if self.later is None else (self.instant, self.later)


class Clock(Protocol):
    """One frame's clock: shows the wall at an instant, and reads a wall time."""

    def wall(self, instant: datetime) -> datetime:
        """What this clock shows at ``instant``."""
        ...

    def read(self, wall: datetime) -> Reading:
        """What ``wall`` means on this clock."""
        ...


class FixedClock:
    """A clock at a constant offset from UTC: no gaps, no folds. ``offset_s`` is seconds east of UTC."""

    __slots__ = ("_offset", "_zone")

    def __init__(self, offset_s: int) -> None:
        self._offset = timedelta(seconds=offset_s)
        self._zone = timezone(self._offset)

    def wall(self, instant: datetime) -> datetime:
        return instant.astimezone(self._zone).replace(tzinfo=None)

    def read(self, wall: datetime) -> Reading:
        return Reading("exact", (wall - self._offset).replace(tzinfo=UTC))


class ZoneClock:
    """The clock of an IANA zone. Raises ``ValueError`` for a name that tzdata does not have."""

    __slots__ = ("_zone",)

    def __init__(self, name: str) -> None:
        if name not in _every_name():
            raise ValueError(f"{name!r} is not an IANA time zone; use a name such as America/Denver.")
        self._zone = zoneinfo.ZoneInfo.no_cache(name)

    def wall(self, instant: datetime) -> datetime:
        return instant.astimezone(self._zone).replace(tzinfo=None, fold=0)

    def read(self, wall: datetime) -> Reading:
        # PEP 495: the offsets of the two sides of a transition. Subtracting them by hand, because arithmetic
        # on aware datetimes of one zone is arithmetic on walls.
        before = self._offset(wall, 0)
        after = self._offset(wall, 1)
        instant = (wall - before).replace(tzinfo=UTC)
        if before == after:
            return Reading("exact", instant)
        if before > after:
            return Reading("fold", instant, later=(wall - after).replace(tzinfo=UTC))
        return Reading("gap", instant, shifted=wall + (after - before))

    def _offset(self, wall: datetime, fold: int) -> timedelta:
        offset = wall.replace(tzinfo=self._zone, fold=fold).utcoffset()
        assert offset is not None  # noqa: S101  (a zone from tzdata always answers)
        return offset


UTC_CLOCK = FixedClock(0)
MOUNTAIN_TIME = "America/Denver"
"""The zone of ``updated_at_mt``, wherever the office is."""


@lru_cache(maxsize=1024)
def zone_clock(name: str) -> ZoneClock:
    """The clock of the IANA zone ``name``, cached. Raises ``ValueError`` for an unknown name."""
    return ZoneClock(name)


@lru_cache(maxsize=256)
def fixed_clock(offset_s: int) -> FixedClock:
    """The clock at a constant number of seconds east of UTC, cached."""
    return FixedClock(offset_s)


def utc_to_wall(instant: datetime, zone: str) -> datetime:
    """What a clock in ``zone`` shows at the aware ``instant``. Raises ``ValueError`` for a naive one."""
    if instant.tzinfo is None:
        raise ValueError("An instant needs a time zone; this datetime has none.")
    return zone_clock(zone).wall(instant)


def wall_to_instant(wall: datetime, zone: str) -> Reading:
    """What the naive ``wall`` means in ``zone``. Raises ``ValueError`` for an aware one."""
    if wall.tzinfo is not None:
        raise ValueError("A wall time has no time zone; this datetime has one.")
    return zone_clock(zone).read(wall.replace(fold=0))


def offset_s(wall: datetime, instant: datetime) -> int:
    """The seconds by which a clock that shows ``wall`` at ``instant`` is east of UTC."""
    return int((wall.replace(tzinfo=UTC) - instant).total_seconds())


@lru_cache(maxsize=4096)
def winter_and_summer_offsets(name: str, year: int) -> tuple[int, int]:
    """Seconds east of UTC in the middle of January and of July of ``year``."""
    clock = zone_clock(name)
    january = datetime(year, 1, 15, 12, tzinfo=UTC)
    july = datetime(year, 7, 15, 12, tzinfo=UTC)
    return offset_s(clock.wall(january), january), offset_s(clock.wall(july), july)
