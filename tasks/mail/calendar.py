"""The calendar file of a mail (RFC 5545, RFC 5546): one event, the same for life by the appointment's uuid.

    confirmed, sequence 0 ─► REQUEST     moved, sequence 1 ─► REQUEST     cancelled, sequence 2 ─► CANCEL

Times are UTC, because a zone by name cannot tell the two 01:30 of the night when clocks go back, and whole days
are dates with an exclusive end. REQUEST rather than PUBLISH: only an invitation to the recipient by name can be
moved and taken back by a later mail; RSVP=FALSE asks for no answer. The bytes depend on the letter alone:
DTSTAMP is when the appointment came to be as it is, not when the file is made.

Whose calendar has no entry gets one by a letter with a settled start or whole day, but a client only when the
request is confirmed: an entry in a calendar looks like a promise, and until then that time is only what we have in
mind. A photographer is asked to keep the time free, and so has it as TENTATIVE. Whose calendar has the entry gets it
moved whatever becomes of the confirmation, and taken out when the appointment is off, goes on without the recipient
or has no time any more; nobody else gets a CANCEL. One whose present time is not known carries the entry's.

The same letter sent again has the same SEQUENCE and DTSTAMP: nothing has changed, and calendars take it as what
they have (RFC 5546 section 2.1.5).
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from icalendar import Calendar, Event, vCalAddress, vText

from tasks.mail.addresses import Mailbox
from tasks.mail.dates import day_of, is_after
from tasks.mail.letter import Letter, Previous
from tasks.mail.plain import lines, one_line, shortened

PRODUCT = "-//Appointments API//Mail//EN"
NAMELESS = "Photo appointment"
"""What an appointment is called that has neither a summary nor a type."""
CONTACT_ON_SITE = "Contact on site"
LONGEST_PLACE = 120
"""Characters of the place in such a name; calendars show it on one line."""


Method = Literal["REQUEST", "CANCEL"]
Span = tuple[date, date | None]


@dataclass(frozen=True, slots=True)
class Attachment:
    """One file of a mail. `content_type` is the whole value of the header; `name` is ASCII."""

    name: str
    content_type: str
    content: bytes = field(repr=False)
    method: Method = "REQUEST"


class _Text(vText):
    """Text that comes back as it was (RFC 5545 section 3.3.11); icalendar takes backslash and N for a line break."""

    def to_ical(self) -> bytes:
        escaped = self.replace("\\", "\\\\").replace(";", r"\;").replace(",", r"\,")
        return "\\n".join(escaped.replace("\r\n", "\n").replace("\r", "\n").split("\n")).encode()


def calendar_file(letter: Letter, *, organizer: Mailbox, attendee: Mailbox) -> Attachment | None:
    """The file that puts the appointment into a calendar, moves it there or takes it out; None when none is due.

    Args:
        letter: the facts.
        organizer: whom calendars name as the host: the sender, with a checked address.
        attendee: the recipient, with a checked address.
    """
    due = _due(letter)
    if due is None or letter.changed_at is None:
        return None
    method, span = due
    event = _dated_event(span)
    event.add("uid", letter.appointment_uuid)
    event.add("sequence", letter.sequence)
    event.add("dtstamp", letter.changed_at.astimezone(UTC))
    event.add("status", "CANCELLED" if method == "CANCEL" else _status(letter))
    if letter.tentative:
        # Tentative appointments never count as a conflict (contract.md section 5).
        event.add("transp", "TRANSPARENT")
    event.add("summary", _Text(_summary(letter)))
    for name, value in (("description", _description(letter)), ("location", _location(letter))):
        if value:
            event.add(name, _Text(value))
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
        method,
    )


def _due(letter: Letter) -> tuple[Method, Span] | None:
    """What is to be done with the recipient's entry, and when the appointment is or was; None for nothing."""
    if not letter.appointment_uuid:
        return None
    span = None if letter.unresolved else span_of(letter)
    is_off = letter.tells_cancellation
    is_to_have_one = letter.confirmed or letter.to_photographer
    if letter.has_entry is None:
        # Nobody wrote it down. Who was told of a time that stood has one.
        had_one = letter.previous is not None and letter.previous.confirmed
        if span is None or not (is_to_have_one or had_one):
            return None
        return "CANCEL" if is_off else "REQUEST", span
    if is_off or span is None:
        if letter.has_entry and span is None and letter.entry is not None:
            span = span_of(letter.entry)
        return ("CANCEL", span) if letter.has_entry and span is not None else None
    return ("REQUEST", span) if letter.has_entry or is_to_have_one else None


def _status(letter: Letter) -> str:
    return "CONFIRMED" if letter.confirmed and not letter.tentative else "TENTATIVE"


def span_of(letter: Letter | Previous) -> Span | None:
    """Start and exclusive end: two UTC instants, or two dates of whole days; None when the start is not settled.

    The end is None when none is known, or when it is beyond the calendar.
    """
    start, stop = letter.local_start, letter.local_stop
    if letter.allday:
        if start is None:
            return None
        first = day_of(start)
        last = max(first, day_of(stop)) if stop is not None else first
        return first, last + timedelta(days=1) if last < date.max else None
    if not isinstance(start, datetime):
        return None
    has_stop = isinstance(stop, datetime) and is_after(stop, start)
    return start.astimezone(UTC), stop.astimezone(UTC) if has_stop and isinstance(stop, datetime) else None


def _dated_event(span: Span) -> Event:
    """An event with its start and, where there is one, its end."""
    event = Event()
    event.add("dtstart", span[0])
    if span[1] is not None:
        event.add("dtend", span[1])
    return event


def _summary(letter: Letter) -> str:
    """As it was given; else its type; else the words and the place by which people tell it from others."""
    place = one_line(letter.address) or one_line(letter.location)
    return (
        one_line(letter.summary)
        or one_line(letter.appt_type)
        or ", ".join(filter(None, (NAMELESS, shortened(place, LONGEST_PLACE))))
    )


def _location(letter: Letter) -> str:
    """As it was given (contract.md section 5); a meeting point is completed by the address that it belongs to.

    One with a digit in it may be an address of its own, which another one behind it would spoil for a map.
    """
    location, address = one_line(letter.location), one_line(letter.address)
    if not location or location.casefold() in address.casefold():
        return address
    is_meeting_point = not any(sign.isdigit() for sign in location)
    return f"{location}, {address}" if address and is_meeting_point else location


def _description(letter: Letter) -> str:
    """As it was given; with the address when LOCATION does not hold it, and whom a photographer may call."""
    text, address = "\n".join(lines(letter.description)), one_line(letter.address)
    parts = [text] if text else []
    if address and address.casefold() not in f"{_location(letter)}\n{text}".casefold():
        parts.append(f"Address: {address}")
    contact = ", ".join(filter(None, (one_line(letter.client_name), one_line(letter.client_phone))))
    if letter.to_photographer and contact and not letter.tells_cancellation:
        parts.append(f"{CONTACT_ON_SITE}: {contact}")
    return "\n\n".join(parts)


def _person(mailbox: Mailbox, *, rsvp: bool | None = None) -> vCalAddress:
    # Double quotes in a name need an escape (RFC 6868) that older calendars show as it is written.
    name = one_line(mailbox.name).replace('"', "'")
    return vCalAddress.new(mailbox.email, cn=name or None, rsvp=rsvp)
