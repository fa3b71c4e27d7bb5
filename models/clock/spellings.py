"""How single values are spelled (clocks.md section 2, contract.md section 5): text in, plain values out.

Blank values mean "not given" and are dealt with before these functions are called. Each function takes any
JSON value, refuses the wrong JSON types itself, trims, and raises :class:`SpellingError`. Every pattern is
ASCII only: Python's ``\\d`` would accept full-width digits.

Days, times of day and lengths repeat: a diary asks for the same few hundred spellings again and again. So what
they mean is remembered, as far as they mean anything (``lru_cache`` keeps no failures).
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta, timezone
from enum import Enum
from functools import lru_cache
from typing import Final, Literal, overload

from models.clock.durations import parse_duration, spell_duration
from models.clock.faults import SpellingError
from models.clock.tz import MOUNTAIN_TIME, zone_clock

__all__ = [
    "END_OF_DAY",
    "EndOfDay",
    "SpellingError",
    "is_blank",
    "parse_boolean",
    "parse_date",
    "parse_datetime",
    "parse_duration",
    "parse_integer",
    "parse_mountain_stamp",
    "parse_time",
    "spell_date",
    "spell_duration",
    "spell_instant",
    "spell_time",
    "spell_wall",
]

FIRST_YEAR: Final = 2000
LAST_YEAR: Final = 2099


class EndOfDay(Enum):
    """24:00, which is a time only together with its date (ISO 8601-1/Amd 1:2022)."""

    END_OF_DAY = "24:00"


END_OF_DAY: Final = EndOfDay.END_OF_DAY

_BLANK = r"[ \t\u00a0\u202f]"
_ISO_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})", re.ASCII)
_SLASH_DATE = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})", re.ASCII)
_TIME = re.compile(
    rf"([0-9]{{1,2}}):([0-9]{{2}})(?::([0-9]{{2}})(?:\.([0-9]{{1,9}}))?)?(?:{_BLANK}*([ap])\.?m\.?)?",
    re.ASCII | re.IGNORECASE,
)
# The seam between a date and a time: one T, or blanks.
_DATETIME = re.compile(
    rf"([0-9/-]+)(?:T|{_BLANK}+)([^Z+-]+?)({_BLANK}?Z|[+-][0-9]{{2}}:[0-9]{{2}})?", re.ASCII
)
# How programs spell an instant; Python's own reader takes more than is allowed here, but of this form no more.
_CANONICAL_INSTANT = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", re.ASCII)
_INTEGER = re.compile(r"-?[0-9]{1,100}", re.ASCII)
_LONGEST_SPELLING = 64  # of any date or time; matching a pattern on more would only cost time

_JSON_STRING = "In FileMaker give JSONSetElement the type JSONString, so that the text is sent as it is."
_TIME_HINT = "Send 14:30, 14:30:00 or 2:30 PM."
_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})


def is_blank(value: object) -> bool:
    """Whether ``value`` counts as not given: null, or text of nothing but blanks."""
    return value is None or (isinstance(value, str) and not value.strip())


def parse_boolean(value: object) -> bool:
    """true/false, 1/0, and the words true, false, yes, no, on, off in any case."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and value in (0, 1):
        return value == 1
    if isinstance(value, str):
        word = value.strip().lower()
        if word in _TRUE:
            return True
        if word in _FALSE:
            return False
    raise SpellingError(
        "This is neither true nor false.", "Send true or false (1 and 0, yes and no work too)."
    )


def parse_integer(value: object, *, low: int, high: int) -> int:
    """A whole number from ``low`` to ``high``: a JSON integer, or text of ASCII digits."""
    if isinstance(value, str):
        text = value.strip()
        number = int(text) if _INTEGER.fullmatch(text) else None
    elif isinstance(value, int) and not isinstance(value, bool):
        number = value
    else:
        number = None
    if number is not None and low <= number <= high:
        return number
    raise SpellingError(
        "This is not a whole number." if number is None else f"This number is outside {low} to {high}.",
        f"Send a whole number from {low} to {high}.",
    )


def parse_date(value: object, *, month_first: bool) -> date:
    """An existing date, 2000 to 2099: ``YYYY-MM-DD``, or with ``month_first`` only ``M/D/YYYY``."""
    return _read_date(_text(value, "date", "FileMaker's day numbers are not dates here. "), month_first)


@lru_cache(maxsize=4096)
def _read_date(text: str, month_first: bool) -> date:
    wanted, other = (_SLASH_DATE, _ISO_DATE) if month_first else (_ISO_DATE, _SLASH_DATE)
    found = wanted.fullmatch(text)
    if found is None:
        if other.fullmatch(text):
            raise SpellingError(*_OTHER_ORDER[month_first])
        if month_first:
            raise SpellingError("This is not a date in the form M/D/YYYY.", "Send 7/4/2026.")
        raise SpellingError("This is not a date in the form YYYY-MM-DD.", "Send 2026-07-04.")
    return _date(found, month_first=month_first)


_OTHER_ORDER: Final = {
    True: (
        "With month_first, dates have the form M/D/YYYY.",
        "Send 7/4/2026, or leave out month_first to send 2026-07-04.",
    ),
    False: (
        "Without month_first, dates have the form YYYY-MM-DD.",
        "Send 2026-07-04, or set month_first to true to send 7/4/2026.",
    ),
}


def _date(found: re.Match[str], *, month_first: bool) -> date:
    numbers = [int(part) for part in found.groups()]
    month, day, year = numbers if month_first else (numbers[1], numbers[2], numbers[0])
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise SpellingError(f"Dates run from {FIRST_YEAR}-01-01 to {LAST_YEAR}-12-31.", "Check the year.")
    try:
        return date(year, month, day)
    except ValueError:
        raise SpellingError("There is no such day in the calendar.", "Check the month and the day.") from None


@overload
def parse_time(value: object, *, end_of_day: Literal[False] = False) -> time: ...
@overload
def parse_time(value: object, *, end_of_day: bool) -> time | EndOfDay: ...
def parse_time(value: object, *, end_of_day: bool = False) -> time | EndOfDay:
    """A time of day in whole seconds: ``H:MM``, ``H:MM:SS`` (a fraction of zeros is dropped), 12- or 24-hour.

    ``hh:59:60``, a leap second, is read as ``hh:59:59`` (RFC 5545 section 3.3.12). ``24:00`` gives
    :data:`END_OF_DAY` where ``end_of_day`` allows it.
    """
    at = _read_time(_text(value, "time", ""))
    if at is END_OF_DAY and not end_of_day:
        raise SpellingError(
            "24:00 is the end of a day, which only a stop can be.", "Send 00:00 of the next day."
        )
    return at


@lru_cache(maxsize=4096)
def _read_time(text: str) -> time | EndOfDay:
    found = _TIME.fullmatch(text)
    if found is None:
        raise SpellingError("This is not a time of day.", _TIME_HINT)
    if (found[4] or "").strip("0"):
        raise SpellingError("Times are whole seconds.", "Leave out the fraction of a second.")
    if found[5] is None and found[1] == "24" and found[2] == "00" and not int(found[3] or 0):
        return END_OF_DAY
    return _time(found)


def _time(found: re.Match[str]) -> time:
    hour, minute, second = int(found[1]), int(found[2]), int(found[3] or 0)
    if found[5] is not None:
        if not 1 <= hour <= 12:
            raise SpellingError("With AM or PM the hour is from 1 to 12.", _TIME_HINT)
        hour = hour % 12 + (12 if found[5] in "pP" else 0)
    if second == 60 and minute == 59:
        second = 59
    if hour > 23 or minute > 59 or second > 59:
        raise SpellingError("There is no such time of day.", _TIME_HINT)
    return time(hour, minute, second, int((found[4] or "0")[:6].ljust(6, "0")))


def parse_datetime(value: object, *, month_first: bool) -> datetime:
    """An instant in UTC from an ISO date and time, with ``Z``, an offset, or neither (then it is UTC).

    With ``month_first`` the date may also have slashes. A fraction of a second is kept.
    """
    hint = "Send 2026-07-04T14:30:00Z."
    text = _text(value, "date and time", "")
    if _CANONICAL_INSTANT.fullmatch(text):
        with suppress(ValueError):  # a day, a minute or a leap second that is no plain one: looked at below
            return datetime.fromisoformat(text)
    found = _DATETIME.fullmatch(text)
    if found is None:
        raise SpellingError("This is not a date and time.", hint)
    slashed = "/" in found[1]
    if slashed and not month_first:
        raise SpellingError("Without month_first, dates have the form YYYY-MM-DD.", hint)
    wall = datetime.combine(parse_date(found[1], month_first=slashed), _moment(found[2]))
    return _at_offset(wall, (found[3] or "Z").strip(), hint)


def _moment(text: str) -> time:
    found = _TIME.fullmatch(text)
    if found is None:
        raise SpellingError("This is not a time of day.", _TIME_HINT)
    return _time(found)


def _at_offset(wall: datetime, offset: str, hint: str) -> datetime:
    if offset == "Z":
        return wall.replace(tzinfo=UTC)
    hours, minutes = int(offset[1:3]), int(offset[4:6])
    if hours > 23 or minutes > 59:
        raise SpellingError("There is no such offset from UTC.", hint)
    span = timedelta(hours=hours, minutes=minutes)
    return wall.replace(tzinfo=timezone(-span if offset[0] == "-" else span)).astimezone(UTC)


def parse_mountain_stamp(value: object, *, sibling: datetime | None = None) -> datetime:
    """The instant in UTC of a Mountain Time (America/Denver) stamp: a date, a blank or ``T``, a time.

    The separator of the date tells its order, whatever ``month_first`` says. A stamp in the hour that the
    clocks skip is moved on by that hour; one in the hour that they repeat is the first, unless ``sibling``
    (the supplied ``updated_at``) is the second.
    """
    hint = "Send 2026-07-04 14:30:00 or 7/4/2026 2:30:00 PM, in Mountain Time."
    text = _text(value, "date and time", "")
    found = _DATETIME.fullmatch(text)
    if found is None:
        raise SpellingError("This is not a date and time in Mountain Time.", hint)
    if found[3] is not None:
        raise SpellingError("This stamp is always in Mountain Time, so it takes no Z and no offset.", hint)
    day = parse_date(found[1], month_first="/" in found[1])
    reading = zone_clock(MOUNTAIN_TIME).read(datetime.combine(day, parse_time(found[2])))
    if reading.later is not None and sibling is not None and sibling.replace(microsecond=0) == reading.later:
        return reading.later
    return reading.instant


def _text(value: object, noun: str, remark: str) -> str:
    if isinstance(value, str):
        text = value.strip()
        if len(text) > _LONGEST_SPELLING:
            raise SpellingError(f"This is {len(text)} characters long, which no {noun} is.")
        return text
    raise SpellingError(f"A {noun} is text, not a JSON {_json_type(value)}.", remark + _JSON_STRING)


def _json_type(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "array" if isinstance(value, list | tuple) else "object"


def spell_date(day: date) -> str:
    """``YYYY-MM-DD``."""
    return day.isoformat()


def spell_time(at: time) -> str:
    """``HH:MM:SS``."""
    return at.isoformat("seconds")


def spell_wall(wall: datetime) -> str:
    """``YYYY-MM-DD HH:MM:SS``."""
    return wall.isoformat(" ", "seconds")


def spell_instant(instant: datetime) -> str:
    """``YYYY-MM-DDTHH:MM:SSZ``, with a fraction only if there is one."""
    return instant.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"
