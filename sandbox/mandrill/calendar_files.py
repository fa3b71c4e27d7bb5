"""What a calendar file of a mail says, and what mail programs would stumble over. Pure.

Read by icalendar (RFC 5545); times are given in UTC and in Denver, the office's zone.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from icalendar import Calendar, Component

DENVER = ZoneInfo("America/Denver")
LARGEST = 256 * 1024


@dataclass(frozen=True, slots=True)
class Moment:
    """A time of an event, spelled for reading. ``denver`` is blank for a date and for a floating time."""

    utc: str
    denver: str


@dataclass(frozen=True, slots=True)
class Appointment:
    """One VEVENT."""

    uid: str
    sequence: str
    status: str
    start: Moment | None
    end: Moment | None
    organizer: str
    attendees: tuple[str, ...]
    summary: str
    location: str


@dataclass(frozen=True, slots=True)
class CalendarFile:
    method: str
    appointments: tuple[Appointment, ...]
    problems: tuple[str, ...]
    """Sentences."""


def is_calendar(name: str, content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind in ("text/calendar", "application/ics") or name.lower().endswith(".ics")


@lru_cache(maxsize=256)
def read_calendar(content: bytes, content_type: str) -> CalendarFile:
    """Never raises: what cannot be read is a problem."""
    if len(content) > LARGEST:
        return CalendarFile("", (), ("The file is too large to be a calendar file that is read here.",))
    try:
        calendar = Calendar.from_ical(content)
        events = calendar.walk("VEVENT")
        method = _text(calendar, "METHOD")
        appointments = tuple(_appointment(each) for each in events)
        problems = (*_problems_of_file(calendar, content_type, events), *_problems_of_events(events, method))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
        # The library's own errors are ValueErrors; the rest is what odd files make of its properties.
        return CalendarFile("", (), (f"It cannot be read as a calendar: {type(error).__name__}.",))
    return CalendarFile(method, appointments, problems)


def _appointment(event: Component) -> Appointment:
    attendees = event.get("ATTENDEE", [])
    return Appointment(
        uid=_text(event, "UID"),
        sequence=_text(event, "SEQUENCE"),
        status=_text(event, "STATUS"),
        start=_moment(event, "DTSTART"),
        end=_moment(event, "DTEND"),
        organizer=_person(event["ORGANIZER"]) if "ORGANIZER" in event else "",
        attendees=tuple(
            _person(each) for each in (attendees if isinstance(attendees, list) else [attendees])
        ),
        summary=_text(event, "SUMMARY"),
        location=_text(event, "LOCATION"),
    )


def _text(component: Component, name: str) -> str:
    return str(component.get(name, ""))


def _person(value: Any) -> str:
    address = str(value).removeprefix("mailto:").removeprefix("MAILTO:")
    name = str(getattr(value, "params", {}).get("CN", ""))
    return f"{name} <{address}>" if name else address


def _value(event: Component, name: str) -> object:
    """None too if it cannot be read: then it is among the event's errors."""
    try:
        return getattr(event.get(name), "dt", None)
    except ValueError:
        return None


def _moment(event: Component, name: str) -> Moment | None:
    value = _value(event, name)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            return Moment(f"{value:%a %Y-%m-%d %H:%M:%S}, no zone", "")
        utc, denver = value.astimezone(UTC), value.astimezone(DENVER)
        return Moment(f"{utc:%a %Y-%m-%d %H:%M:%S} UTC", f"{denver:%a %Y-%m-%d %H:%M:%S %Z}")
    if isinstance(value, date):
        return Moment(f"{value:%a %Y-%m-%d}, all day", "")
    return None


def _problems_of_file(calendar: Component, content_type: str, events: list[Component]) -> Iterable[str]:
    if calendar.name != "VCALENDAR":
        yield "The file does not begin with VCALENDAR."
    parameters = dict(each.strip().partition("=")[::2] for each in content_type.split(";")[1:])
    stated = {name.lower(): value for name, value in parameters.items()}.get("method", "").strip('"')
    method = _text(calendar, "METHOD")
    if stated and stated.upper() != method.upper():
        yield f"The content type says method={stated}, the file says METHOD {method or '(none)'}."
    if not events:
        yield "There is no VEVENT in it."


def _problems_of_events(events: list[Component], method: str) -> Iterable[str]:
    for event in events:
        for name in ("UID", "DTSTAMP", "DTSTART"):
            if name not in event:
                yield f"{name} is missing."
        yield from (f"{name} cannot be read: {why}." for name, why in event.errors)
        start, end = _value(event, "DTSTART"), _value(event, "DTEND")
        for name, value in (("DTSTART", start), ("DTEND", end)):
            if isinstance(value, datetime) and value.tzinfo is None:
                yield f"{name} has no zone, so it floats with the reader's."
        if type(start) is type(end) and isinstance(start, date) and isinstance(end, date):
            zoned = [each for each in (start, end) if isinstance(each, datetime) and each.tzinfo]
            if len(zoned) != 1 and end < start:
                yield "DTEND is before DTSTART."
        if method.upper() in ("REQUEST", "CANCEL"):
            for name in ("ORGANIZER", "ATTENDEE"):
                if name not in event:
                    yield f"METHOD {method} needs {name}."
        if method.upper() == "CANCEL" and _text(event, "STATUS").upper() != "CANCELLED":
            yield "METHOD CANCEL goes with STATUS CANCELLED."
