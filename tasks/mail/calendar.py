"""The calendar file of a mail (RFC 5545, RFC 5546): one event, the same for life by the appointment's uuid.

    confirmed, sequence 0 ─► REQUEST     moved, sequence 1 ─► REQUEST     cancelled, sequence 2 ─► CANCEL

Times are UTC, because a zone by name cannot tell the two 01:30 of the night when clocks go back, and whole days
are dates with an exclusive end. REQUEST rather than PUBLISH: only an invitation to the recipient by name can be
moved and taken back by a later mail; RSVP=FALSE asks for no answer. The bytes depend on the letter alone:
DTSTAMP is when the appointment came to be as it is, not when the file is made.

Who gets none: a letter without a settled start or whole day, and a client whose request was never confirmed. An
entry in a calendar looks like a promise; that time is only what we have in mind. A photographer is asked to keep
the time free, and so has it as TENTATIVE.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from icalendar import Calendar, Event, vCalAddress

from tasks.mail.addresses import Mailbox
from tasks.mail.dates import day_of, is_after
from tasks.mail.letter import Letter
from tasks.mail.plain import lines, one_line

PRODUCT = "-//Appointments API//Mail//EN"


@dataclass(frozen=True, slots=True)
class Attachment:
    """One file of a mail. `content_type` is the whole value of the header; `name` is ASCII."""

    name: str
    content_type: str
    content: bytes = field(repr=False)


def calendar_file(letter: Letter, *, organizer: Mailbox, attendee: Mailbox) -> Attachment | None:
    """The file that puts the appointment into a calendar, moves it there or takes it out; None when none is due.

    Args:
        letter: the facts.
        organizer: whom calendars name as the host: the sender, with a checked address.
        attendee: the recipient, with a checked address.
    """
    cancelled = letter.tells_cancellation
    event = _dated_event(letter) if _is_due(letter) else None
    if event is None or letter.changed_at is None:
        return None
    method = "CANCEL" if cancelled else "REQUEST"
    event.add("uid", letter.appointment_uuid)
    event.add("sequence", letter.sequence)
    event.add("dtstamp", letter.changed_at.astimezone(UTC))
    event.add("status", "CANCELLED" if cancelled else _status(letter))
    if letter.tentative:
        # Tentative appointments never count as a conflict (contract.md section 5).
        event.add("transp", "TRANSPARENT")
    event.add("summary", _summary(letter))
    for name, value in (("description", _description(letter)), ("location", _location(letter))):
        if value:
            event.add(name, value)
    event.add("organizer", _person(organizer))
    event.add("attendee", _person(attendee, rsvp=False))
    calendar = Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", PRODUCT)
    calendar.add("method", method)
    calendar.add_component(event)
    return Attachment(
        f"appointment-{letter.appointment_id}.ics",
        f"text/calendar; charset=utf-8; method={method}",
        calendar.to_ical(),
    )


def _is_due(letter: Letter) -> bool:
    """Whether the recipient has an entry already, or is to have one."""
    promised = letter.confirmed or (letter.previous is not None and letter.previous.confirmed)
    return bool(letter.appointment_uuid) and not letter.unresolved and (promised or letter.to_photographer)


def _status(letter: Letter) -> str:
    return "CONFIRMED" if letter.confirmed and not letter.tentative else "TENTATIVE"


def _dated_event(letter: Letter) -> Event | None:
    """An event with its start and, where there is one, its end; None when the start is not settled."""
    start, stop = letter.local_start, letter.local_stop
    event = Event()
    if letter.allday:
        if start is None:
            return None
        first = day_of(start)
        last = max(first, day_of(stop)) if stop is not None else first
        event.add("dtstart", first)
        if last < date.max:
            event.add("dtend", last + timedelta(days=1))
        return event
    if not isinstance(start, datetime):
        return None
    event.add("dtstart", start.astimezone(UTC))
    if isinstance(stop, datetime) and is_after(stop, start):
        event.add("dtend", stop.astimezone(UTC))
    return event


def _summary(letter: Letter) -> str:
    return one_line(letter.summary) or one_line(letter.appt_type) or f"Appointment {letter.appointment_id}"


def _location(letter: Letter) -> str:
    return one_line(letter.location) or one_line(letter.address)


def _description(letter: Letter) -> str:
    """As it was given; the address is added when LOCATION, being a meeting point, does not hold it."""
    text, address = "\n".join(lines(letter.description)), one_line(letter.address)
    if address and address.casefold() not in f"{_location(letter)}\n{text}".casefold():
        return f"{text}\n\nAddress: {address}".lstrip()
    return text


def _person(mailbox: Mailbox, *, rsvp: bool | None = None) -> vCalAddress:
    # Double quotes in a name need an escape (RFC 6868) that older calendars show as it is written.
    name = one_line(mailbox.name).replace('"', "'")
    return vCalAddress.new(mailbox.email, cn=name or None, rsvp=rsvp)
