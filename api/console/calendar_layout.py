"""Where each appointment stands in a calendar: pure functions from rows to columns, lanes and places.

A column is a day of somebody. Its rows are the quarters of an hour that the clock shows that day, so that a day on
which the clocks are changed has 92 or 100 of them. All columns of a page have one ruler: the quarters of all of
their days. A quarter that a day does not have is *void* there.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from api.console.appointment_words import badges, title
from api.console.calendar_parts import (
    LOCAL,
    OFFICE,
    OVER,
    Chip,
    Clocks,
    Column,
    Hour,
    More,
    Quarter,
    Ruler,
    Void,
)
from models.appointment_context import Context
from models.clock.days import quarters
from models.clock.display import in_zone

USUAL_HOURS: Final = (7, 19)
"""Shown even if nothing is on."""
SHORTEST: Final = 3
"""Quarters that a block needs to be read; a shorter appointment is drawn this long."""
MOST_LANES: Final = 4
"""So many stand side by side at most. Where more would have to, the last lane counts those that are not drawn."""
NARROW_FROM: Final = 3
"""With so many side by side, a block has room for when and where only."""


def lay_out(
    columns: Sequence[Column],
    started: Iterable[tuple[str | None, Mapping[str, Any]]],
    undecided: Iterable[tuple[str | None, Mapping[str, Any]]],
    context: Mapping[int, Context],
    clocks: Clocks,
) -> Ruler:
    """Put appointments into the columns, and say what the rows are.

    Each appointment comes with the key of the columns that it belongs to; None is every column. It stands in
    those on whose day it is.
    """
    if not columns:
        return Ruler((), (), 0, 0)
    zones = {clocks.office_zone}
    started = list(started)
    if clocks.frame == LOCAL:
        zones |= {str(row["zone_name"]) for _, row in started if row["zone_name"]}
    days = {column.day for column in columns}
    rows = _merged([_quarters(day, zone) for day in sorted(days) for zone in sorted(zones)])
    index = {quarter: number for number, quarter in enumerate(rows)}
    for column in columns:
        for key, row in started:
            if key in (None, column.key):
                _place(column, row, context[row["id"]], clocks, rows, index)
        for key, row in undecided:
            if key in (None, column.key) and _day_of(row) == column.day:
                column.undecided.append(_chip(row, context[row["id"]], clocks, _wanted_time(row)))
        column.timed, column.lanes = _in_lanes(column.timed)
        column.more = _counted([chip for chip in column.timed if chip.lane == OVER], rows)
        if clocks.frame == OFFICE:
            column.voids = _voids(rows, _quarters(column.day, clocks.office_zone))
    first, last = _drawn(rows, [chip for column in columns for chip in column.timed])
    named = _named(rows, days, clocks)
    hours = tuple(hour for hour in named if first <= hour.row < last)
    return Ruler(rows, hours, first, last)


@lru_cache(maxsize=512)
def _quarters(day: date, zone: str) -> tuple[Quarter, ...]:
    shown = (in_zone(instant, zone) for instant in quarters(day, zone))
    return tuple((moment.hour * 60 + moment.minute, moment.fold) for moment in shown)


def _merged(days: Sequence[tuple[Quarter, ...]]) -> tuple[Quarter, ...]:
    """One sequence that has the quarters of every day in the order of each."""
    longest: tuple[Quarter, ...] = max(days, key=len)
    rows = list(longest)
    known = set(rows)
    for day in days:
        previous: Quarter | None = None
        for quarter in day:
            if quarter not in known:
                rows.insert(0 if previous is None else rows.index(previous) + 1, quarter)
                known.add(quarter)
            previous = quarter
    return tuple(rows)


def _voids(rows: Sequence[Quarter], day: Sequence[Quarter]) -> list[Void]:
    there = set(day)
    missing = [number for number, quarter in enumerate(rows) if quarter not in there]
    voids: list[Void] = []
    for number in missing:
        if voids and voids[-1].until == number:
            voids[-1] = Void(voids[-1].row, number + 1)
        else:
            voids.append(Void(number, number + 1))
    return voids


def _place(
    column: Column,
    row: Mapping[str, Any],
    context: Context,
    clocks: Clocks,
    rows: Sequence[Quarter],
    index: Mapping[Quarter, int],
) -> None:
    if row["allday"]:
        first = row["date_start_local"]
        last = max(first, row["date_stop_local"] or first)
        if first <= column.day <= last:
            days = (last - first).days + 1
            text = "all day" if days == 1 else f"all day, day {(column.day - first).days + 1} of {days}"
            column.whole.append(_chip(row, context, clocks, text))
        return
    start, stop = clocks.show(row, "start"), clocks.show(row, "stop")
    if start is None:
        return
    # Instants are compared: two times on one clock are compared by what it shows, and it may show one twice.
    is_moment = stop is None or row["stops_at"] <= row["starts_at"]
    end = start if stop is None or is_moment else stop
    ends_on = start.date() if is_moment else max(start.date(), (end - timedelta(microseconds=1)).date())
    if not start.date() <= column.day <= ends_on:
        return
    begin = 0 if start.date() < column.day else _row(index, start)
    until = len(rows) if end.date() > column.day else _row(index, end, is_end=True)
    begin = max(0, min(begin, len(rows) - SHORTEST))
    until = min(len(rows), max(until, begin + SHORTEST))
    with_zone = clocks.frame == LOCAL or len(_quarters(column.day, clocks.office_zone)) != 96
    column.timed.append(
        _chip(
            row,
            context,
            clocks,
            _times(start, None if is_moment else stop, column.day, with_zone, has_stop=stop is not None),
            begin,
            until,
        )
    )


def _row(index: Mapping[Quarter, int], moment: datetime, *, is_end: bool = False) -> int:
    minutes = moment.hour * 60 + moment.minute
    row = index.get((minutes - minutes % 15, moment.fold), index.get((minutes - minutes % 15, 0), 0))
    return row + 1 if is_end and (minutes % 15 or moment.second) else row


def _times(start: datetime, stop: datetime | None, day: date, with_zone: bool, *, has_stop: bool) -> str:
    zone = f" {start.tzname()}" if with_zone else ""
    if stop is None:
        return f"{start:%H:%M}{zone}, {'its end is not after it' if has_stop else 'no end set'}"
    begins = f"{start:%H:%M}" if start.date() == day else f"{start:%a %H:%M}"
    ends = f"{stop:%H:%M}" if stop.date() == day else f"{stop:%a %H:%M}"
    if with_zone and stop.tzname() != start.tzname():
        return f"{begins}{zone}–{ends} {stop.tzname()}"
    return f"{begins}–{ends}{zone}"


def _chip(
    row: Mapping[str, Any], context: Context, clocks: Clocks, times: str, begin: int = 0, until: int = 0
) -> Chip:
    told = badges(row)
    return Chip(
        id=row["id"],
        title=title(row),
        times=times,
        elsewhere="" if row["allday"] else clocks.show_elsewhere(row),
        place=context.address or row["location"] or "",
        client=context.client_name or "",
        photographer=row["photographer_name"] or "",
        badges=told,
        conflicts=context.conflicts,
        mail_troubles=context.mail_troubles,
        status=told[0][0],
        row=begin,
        until=until,
    )


def _in_lanes(chips: Sequence[Chip]) -> tuple[list[Chip], int]:
    """Side by side what stands at the same height; the chips in order of time, and how many lanes they need."""
    ordered = sorted(chips, key=lambda chip: (chip.row, -chip.until, chip.id))
    placed: list[Chip] = []
    most, cluster, busy = 1, 0, [0]
    for chip in ordered:
        if chip.row >= max(busy):
            _fit(placed, cluster, len(busy))
            cluster, busy = len(placed), []
        lane = next((number for number, until in enumerate(busy) if until <= chip.row), len(busy))
        busy[lane : lane + 1] = [chip.until]
        most = max(most, len(busy))
        placed.append(replace(chip, lane=lane + 1))
    _fit(placed, cluster, len(busy))
    return placed, min(most, MOST_LANES)


def _fit(placed: list[Chip], since: int, lanes: int) -> None:
    """Who stands alone takes the whole width; who would stand in a lane too many is counted."""
    if lanes == 1:
        placed[since:] = [replace(chip, lane=0) for chip in placed[since:]]
        return
    last = lanes if lanes <= MOST_LANES else MOST_LANES - 1
    placed[since:] = [
        replace(chip, lane=chip.lane if chip.lane <= last else OVER, is_narrow=lanes >= NARROW_FROM)
        for chip in placed[since:]
    ]


def _counted(chips: Sequence[Chip], rows: Sequence[Quarter]) -> list[More]:
    """One count for each stretch of rows; `chips` are in order of time."""
    found: list[More] = []
    for chip in chips:
        if found and chip.row < found[-1].until:
            last = found[-1]
            found[-1] = replace(last, until=max(last.until, chip.until), chips=(*last.chips, chip))
        else:
            minutes, _ = rows[chip.row]
            found.append(More(f"{minutes // 60:02d}:{minutes % 60:02d}", chip.row, chip.until, (chip,)))
    return found


def _drawn(rows: Sequence[Quarter], chips: Sequence[Chip]) -> tuple[int, int]:
    """The rows from the first full hour to the last that are drawn."""
    first = rows.index((USUAL_HOURS[0] * 60, 0))
    last = rows.index((USUAL_HOURS[1] * 60, 0))
    first = min([first, *(chip.row for chip in chips)])
    last = max([last, *(chip.until for chip in chips)])
    while first > 0 and rows[first][0] % 60:
        first -= 1
    while last < len(rows) and rows[last][0] % 60:
        last += 1
    return first, last


def _named(rows: Sequence[Quarter], days: Iterable[date], clocks: Clocks) -> list[Hour]:
    """The full hours. Those that come twice are told apart by the zone's abbreviations."""
    twice = {minutes for minutes, fold in rows if fold}
    abbreviations = {
        (moment.hour * 60 + moment.minute, moment.fold): moment.tzname() or ""
        for day in days
        if twice and len(_quarters(day, clocks.office_zone)) > 96
        for moment in (in_zone(instant, clocks.office_zone) for instant in quarters(day, clocks.office_zone))
    }
    named = []
    for number, (minutes, fold) in enumerate(rows):
        if minutes % 60 == 0:
            note = (
                ""
                if minutes not in twice
                else abbreviations.get((minutes, fold)) or ("again" if fold else "")
            )
            named.append(Hour(number, f"{minutes // 60:02d}:00", note))
    return named


def _day_of(row: Mapping[str, Any]) -> date | None:
    """The day of an appointment without a time of day, as `models.appointments.DAY` says it."""
    names = ("date_start_local", "date_start_office", "date_start_utc", "requested_date")
    return next((row[name] for name in names if row[name] is not None), None)


def _wanted_time(row: Mapping[str, Any]) -> str:
    """The time of day that is known of what has no start; it is nobody's instant."""
    for name, whose in (
        ("time_start_local", "property"),
        ("time_start_office", "office"),
        ("time_start_utc", "UTC"),
        ("requested_time", "requested"),
    ):
        if row[name] is not None:
            return f"{row[name]:%H:%M} ({whose}), not settled"
    return "no time of day"
