"""How a mail speaks of time: weekday, date, start and end, with the zone's abbreviation and city.

"9:00 AM" alone is a riddle to a reader elsewhere, and "MST" alone is one to most people; so both are given,
with the city that the zone is named after. Where the zone is only an offset inferred from what was supplied,
the offset itself is written out. Names of days and months are fixed English, whatever the machine's locale.
Nothing is converted here: moments arrive in the zone that they are to be shown in.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from tasks.mail.letter import Letter, Moment, Previous, Wall

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
TO_BE_DECIDED = "Time to be decided"


@dataclass(frozen=True, slots=True)
class When:
    """The time of an appointment in words. `lines` is what the mail shows, `brief` goes into the subject."""

    lines: tuple[str, ...]
    brief: str
    office: tuple[str, ...] = ()
    """The same span on the office's clocks; empty unless they differ from the property's."""
    duration: str = ""
    decided: bool = True


def when_of(letter: Letter | Previous) -> When:
    """The appointment's time as `lines`; "time to be decided" when there is none or it is not settled."""
    start, stop = letter.local_start, letter.local_stop
    if letter.allday and start is not None and not letter.unresolved:
        return _whole_days(day_of(start), day_of(stop) if stop is not None else day_of(start))
    if letter.unresolved or start is None or clock_of(start) is None:
        if start is None:
            return When((TO_BE_DECIDED,), TO_BE_DECIDED.lower(), decided=False)
        return When(
            (long_date(day_of(start)), TO_BE_DECIDED),
            f"{short_date(day_of(start))}, {TO_BE_DECIDED.lower()}",
            decided=False,
        )
    return When(
        _span(start, stop, letter.zone_name),
        f"{short_date(day_of(start))}, {time_and_abbreviation(start)}",
        _office_span(letter) if isinstance(letter, Letter) else (),
        duration_words(letter.duration_s),
    )


def requested_of(letter: Letter) -> str:
    """The date and time the client asked for, on the property's clocks; empty when none was given."""
    parts = []
    if letter.requested_date is not None:
        parts.append(long_date(letter.requested_date))
    if letter.requested_time is not None:
        parts.append(clock_time(letter.requested_time))
    return ", ".join(parts)


def long_date(day: date) -> str:
    """`Thursday, November 26, 2026`."""
    return f"{WEEKDAYS[day.weekday()]}, {MONTHS[day.month - 1]} {day.day}, {day.year}"


def short_date(day: date) -> str:
    """`Thu, Nov 26, 2026`."""
    return f"{WEEKDAYS[day.weekday()][:3]}, {MONTHS[day.month - 1][:3]} {day.day}, {day.year}"


def clock_time(moment: time) -> str:
    """`9:00 AM`; seconds only when there are any."""
    seconds = f":{moment.second:02}" if moment.second else ""
    half = "AM" if moment.hour < 12 else "PM"
    return f"{moment.hour % 12 or 12}:{moment.minute:02}{seconds} {half}"


def duration_words(seconds: int | None) -> str:
    """`1 hour 30 minutes`; empty for None."""
    if not seconds or seconds < 0:
        return ""
    hours, rest = divmod(seconds, 3600)
    minutes, odd = divmod(rest, 60)
    parts = ((hours, "hour"), (minutes, "minute"), (odd, "second"))
    return " ".join(f"{count} {unit}{'s' if count != 1 else ''}" for count, unit in parts if count)


def zone_abbreviation(moment: datetime) -> str:
    """`MST`; for zones without a letter name, and for bare offsets, the offset: `UTC-07:00`."""
    name = moment.tzname() or ""
    return name if name.isalpha() else utc_offset(moment)


def utc_offset(moment: datetime) -> str:
    """`UTC+05:30`; `UTC` for zero. The mails of people who write to us show it in this form, too."""
    offset = moment.utcoffset() or timedelta(0)
    if not offset:
        return "UTC"
    minutes = abs(offset) // timedelta(minutes=1)
    return f"UTC{'-' if offset < timedelta(0) else '+'}{minutes // 60:02}:{minutes % 60:02}"


def zone_city(zone_name: str | None) -> str:
    """`Denver` of `America/Denver`, `Indianapolis` of `America/Indiana/Indianapolis`; empty for `Etc/…`."""
    if not zone_name or "/" not in zone_name or zone_name.startswith("Etc/"):
        return ""
    return zone_name.rsplit("/", 1)[1].replace("_", " ")


def _whole_days(first: date, last: date) -> When:
    if last <= first:
        return When((long_date(first), "All day"), f"{short_date(first)}, all day")
    days = (last - first).days + 1
    return When(
        (f"{long_date(first)} –", long_date(last), f"All day, {days} days"),
        f"{short_date(first)} – {short_date(last)}",
    )


def _span(start: Moment, stop: Moment | None, zone_name: str | None) -> tuple[str, ...]:
    """Date line and time line, or one line per end when the span passes midnight."""
    if stop is None or clock_of(stop) is None or not is_after(stop, start):
        return (long_date(day_of(start)), _time_and_zone(start, zone_name))
    if day_of(start) != day_of(stop):
        return (
            f"{long_date(day_of(start))}, {_time_and_zone(start, zone_name)} –",
            f"{long_date(day_of(stop))}, {_time_and_zone(stop, zone_name)}",
        )
    # The clocks may change during the span: then each end needs its own abbreviation.
    first = _time_and_zone(start, zone_name) if _zone(start) != _zone(stop) else _time(start)
    return (long_date(day_of(start)), f"{first} – {_time_and_zone(stop, zone_name)}")


def _office_span(letter: Letter) -> tuple[str, ...]:
    start, stop = letter.office_start, letter.office_stop
    local = letter.local_start
    if start is None or local is None or clock_of(start) is None:
        return ()
    if (day_of(start), clock_of(start)) == (day_of(local), clock_of(local)):
        return ()
    span = _span(start, stop, letter.office_zone_name)
    # The date is said already, unless the office is on another one.
    return (
        span[1:] if len(span) == 2 and day_of(start) == day_of(local) and not span[0].endswith("–") else span
    )


def is_after(stop: Moment, start: Moment) -> bool:
    """Whether the stop makes a span with the start; as instants where both are."""
    if isinstance(stop, datetime) and isinstance(start, datetime):
        return stop.timestamp() > start.timestamp()
    return (day_of(stop), clock_of(stop) or time.min) > (day_of(start), clock_of(start) or time.min)


def day_of(moment: Moment) -> date:
    """Its date, on the clock it is shown on."""
    return moment.date if isinstance(moment, Wall) else moment.date()


def clock_of(moment: Moment) -> time | None:
    """Its time of day on that clock; None when only the date is known."""
    return moment.time if isinstance(moment, Wall) else moment.time()


def _time(moment: Moment) -> str:
    clock = clock_of(moment)
    return clock_time(clock) if clock is not None else ""


def _zone(moment: Moment) -> str:
    return "" if isinstance(moment, Wall) else zone_abbreviation(moment)


def time_and_abbreviation(moment: Moment) -> str:
    """`9:00 AM MST`."""
    return f"{_time(moment)} {_zone(moment)}".rstrip()


def _time_and_zone(moment: Moment, zone_name: str | None) -> str:
    if isinstance(moment, Wall):
        return f"{_time(moment)} (local time at the property)"
    city = zone_city(zone_name)
    return f"{_time(moment)} ({zone_abbreviation(moment)}{', ' + city if city else ''})"
