"""The spellings of a duration (clocks.md section 2): five ways to write whole seconds.

Every pattern is ASCII only: Python's ``\\d`` would accept full-width digits, and its case folding a long s.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from models.clock.faults import SpellingError

SHORTEST: Final = 1
LONGEST: Final = 604_800
"""Seconds that may be sent: one second to seven days. RFC 5545 wants durations positive."""
LONGEST_MEASURED: Final = 2**31 - 1
"""Seconds, 68 years: what lies between a start and a stop farther apart is a slip, and no column could hold it."""

_HINT = "Send 1:30, 1h 30m, 90 min, PT1H30M, or the seconds in time_duration_s."
_FLAGS = re.ASCII | re.IGNORECASE
_NUMBER = r"(?:[0-9]{1,7}(?:\.[0-9]{1,9})?|\.[0-9]{1,9})"
_BLANK = r"[ \t\u00a0\u202f]"

_CLOCK = re.compile(r"([0-9]{1,3}):([0-5][0-9])(?::([0-5][0-9]))?", re.ASCII)
_ISO = re.compile(
    r"PT(?=[0-9])"
    r"(?:([0-9]{1,7}(?:[.,][0-9]{1,9})?)H)?(?:([0-9]{1,7}(?:[.,][0-9]{1,9})?)M)?"
    r"(?:([0-9]{1,7}(?:[.,][0-9]{1,9})?)S)?",
    _FLAGS,
)
_ISO_NOMINAL = re.compile(r"P(?:[0-9.,]+[YMWD])+(?:T.*)?", _FLAGS)
_MEASURE = re.compile(rf"({_NUMBER}){_BLANK}*(hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)", _FLAGS)
_JOINER = re.compile(rf"{_BLANK}*,?{_BLANK}*(?:and{_BLANK}*)?", _FLAGS)
_WHOLE = re.compile(r"[0-9]{1,6}", re.ASCII)
_DECIMAL = re.compile(r"[0-9]{0,6}\.[0-9]{1,9}", re.ASCII)

_SECONDS = {"h": 3600, "m": 60, "s": 1}


def parse_duration(value: object) -> int:
    """The whole seconds, 1 to 604 800, that ``value`` spells.

    Accepted, in any case: ``H:MM`` and ``H:MM:SS``; numbers with units (``1h30m``, ``1.5 hours``); ISO 8601
    with hours, minutes and seconds; a bare ``15`` to ``1440`` (minutes); a bare decimal up to 24 (hours).
    A JSON number is read as its digits, since FileMaker's JSON writes text that looks like a number as one.

    Raises :class:`SpellingError` for anything else.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise SpellingError("A duration is text.", _HINT)
    text = str(value).strip()
    seconds = _read(text)
    if seconds < SHORTEST:
        raise SpellingError("A duration must be longer than nothing.", _HINT)
    if seconds > LONGEST:
        raise SpellingError("A duration is at most 168 hours (seven days).", _HINT)
    return seconds


def spell_duration(seconds: int) -> str:
    """``HH:MM:SS`` with as many hour digits as it needs (at least two)."""
    hours, rest = divmod(seconds, 3600)
    return f"{hours:02d}:{rest // 60:02d}:{rest % 60:02d}"


@lru_cache(
    maxsize=1024
)  # appointments last 30 minutes, an hour, an hour and a half: few texts, again and again
def _read(text: str) -> int:
    if found := _CLOCK.fullmatch(text):
        hours, minutes, seconds = (int(part or 0) for part in found.groups())
        return hours * 3600 + minutes * 60 + seconds
    if text[:1] in ("P", "p"):
        return _iso(text)
    if _WHOLE.fullmatch(text):
        return _bare_whole(int(text))
    if _DECIMAL.fullmatch(text):
        seconds = _scaled(text, 3600)
        if seconds > 24 * 3600:
            raise SpellingError("A bare decimal is hours, and at most 24.", _HINT)
        return seconds
    return _measures(text)


def _iso(text: str) -> int:
    found = _ISO.fullmatch(text)
    if found is None:
        if _ISO_NOMINAL.fullmatch(text):
            raise SpellingError(
                "A day, week, month or year has no fixed length, so it is not a duration.",
                "Send hours, minutes and seconds only, such as PT24H.",
            )
        raise SpellingError("This is not a duration.", _HINT)
    parts = [
        (number.replace(",", "."), unit)
        for number, unit in zip(found.groups(), "hms", strict=True)
        if number is not None
    ]
    return _sum(parts)


def _bare_whole(number: int) -> int:
    if 15 <= number <= 1440:
        return number * 60
    if 1 <= number < 15:
        raise SpellingError(
            "A bare number from 1 to 14 may mean hours or minutes.",
            "Add the unit, such as 3 h or 10 min, or send the seconds in time_duration_s.",
        )
    raise SpellingError("A bare number is minutes, from 15 to 1440.", _HINT)


def _measures(text: str) -> int:
    parts: list[tuple[str, str]] = []
    at = 0
    while True:
        found = _MEASURE.match(text, at)
        if found is None:
            raise SpellingError("This is not a duration.", _HINT)
        parts.append((found[1], found[2][0].lower()))
        at = found.end()
        if at == len(text):
            break
        joiner = _JOINER.match(text, at)
        at = joiner.end() if joiner else at
    units = [unit for _, unit in parts]
    if units != [unit for unit in "hms" if unit in units]:
        raise SpellingError("Hours come before minutes and minutes before seconds, each at most once.", _HINT)
    return _sum(parts)


def _sum(parts: list[tuple[str, str]]) -> int:
    if any("." in number for number, _ in parts[:-1]):
        raise SpellingError("Only the last number of a duration may have decimals.", _HINT)
    return sum(_scaled(number, _SECONDS[unit]) for number, unit in parts)


def _scaled(number: str, unit_s: int) -> int:
    """``number`` units in seconds, exactly: binary fractions would make 1.1 hours a matter of luck."""
    whole, _, decimals = number.partition(".")
    scale = int(10 ** len(decimals))
    seconds, rest = divmod(int((whole or "0") + decimals) * unit_s, scale)
    if rest:
        raise SpellingError("A duration is whole seconds.", _HINT)
    return seconds
