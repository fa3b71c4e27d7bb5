"""Everything that the templates of a mail may name: the letter's facts, put into words once.

HTML and text are made from the same view, so that neither can tell what the other hides.
"""

from dataclasses import dataclass
from urllib.parse import quote, quote_plus

from tasks.catalogue import KINDS
from tasks.mail.addresses import Mailbox
from tasks.mail.calendar import CONTACT_ON_SITE, Method
from tasks.mail.calendar_links import calendar_links
from tasks.mail.changes import changes_of, is_time_changed
from tasks.mail.dates import When, day_of, long_date, requested_of, short_date, when_of
from tasks.mail.letter import Letter
from tasks.mail.plain import lines, one_line, phone_link, shortened, web_link

ADDRESS_IN_SUBJECT = 100
"""Characters of the address that a subject shows; phones cut near 40, the provider at 998."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One labelled line or paragraph of a mail; `link` is http(s) or None, `before` what it was until now.

    `phone` is a number as people write it, `phone_link` its `tel:` URL or None.
    """

    label: str
    lines: tuple[str, ...]
    link: str | None = None
    link_text: str = ""
    before: str = ""
    phone: str = ""
    phone_link: str | None = None


def view_of(letter: Letter, *, sender: Mailbox, to: Mailbox, calendar: Method | None) -> dict[str, object]:
    """The names that templates may use.

    Args:
        letter: the facts.
        sender: its name stands at the head of the mail, its address is the contact.
        to: the recipient, as checked.
        calendar: what the calendar file that goes with the mail does; None when there is none.
    """
    when = when_of(letter)
    requested = requested_of(letter)
    address = one_line(letter.address)
    nameless = f"appointment {letter.appointment_id}"
    place = address or one_line(letter.location) or nameless
    reference = _reference(letter)
    moved = letter.tells_change and is_time_changed(letter)
    return {
        "subject": _subject(letter, _brief(letter, when, requested), "" if place == nameless else place),
        "brand": sender.name or sender.email,
        "contact": sender.email,
        "contact_link": f"mailto:{quote(sender.email, safe='@')}?subject={quote(reference, safe='')}",
        "recipient": to.name
        or one_line(letter.photographer_name if letter.to_photographer else letter.client_name),
        "to_photographer": letter.to_photographer,
        "confirmed": letter.confirmed,
        "tentative": letter.tentative and not letter.tells_cancellation,
        "tone": _tone(letter, when),
        "when": when,
        "when_lines": _lines_of_cancelled(letter, when, requested)
        if letter.tells_cancellation
        else when.lines,
        "when_label": _when_label(letter, moved, when.decided),
        "before": when_of(letter.previous).lines if moved and letter.previous is not None else (),
        "lost_time": moved and not when.decided,
        "changes": changes_of(letter) if letter.tells_change else (),
        "reason": letter.reason,
        "has_calendar": calendar is not None,
        "takes_out": calendar == "CANCEL",
        "readdressed": letter.readdressed,
        "calendar_links": calendar_links(letter) if calendar == "REQUEST" else (),
        "phone": one_line(letter.office_phone),
        "phone_link": phone_link(letter.office_phone),
        # Nothing is left to be moved of what is off, and the page is the client's.
        "page": None
        if letter.to_photographer or letter.tells_cancellation or letter.withdrawn
        else web_link(letter.appointment_url),
        "place": place,
        "facts": _facts(letter, requested, address),
        "reference": reference,
        "reference_inside": reference[0].lower() + reference[1:],
    }


def _subject(letter: Letter, brief: str, place: str) -> str:
    """Action, date and address, of which only the first is always there."""
    what = " – ".join(filter(None, (brief, shortened(place, ADDRESS_IN_SUBJECT))))
    return f"{_action(letter)}: {what or f'appointment {letter.appointment_id}'}"


def _action(letter: Letter) -> str:
    if letter.readdressed:
        return "Now sent elsewhere"
    if letter.withdrawn:
        return "No longer yours"
    if letter.tells_cancellation:
        return "Cancelled"
    if subject := KINDS[letter.kind].subject:
        return subject
    if letter.tells_change or letter.to_photographer:
        what = "Changed" if letter.tells_change else "Assignment"
        return what if letter.confirmed else f"{what} (not yet confirmed)"
    return "Confirmed" if letter.confirmed else "Request received"


def _brief(letter: Letter, when: When, requested: str) -> str:
    if when.decided:
        return when.brief
    if letter.tells_cancellation:
        # "To be decided" would be wrong: nothing will be.
        return short_date(day_of(letter.local_start)) if letter.local_start is not None else requested
    return f"{requested} requested" if requested and not letter.confirmed else when.brief


def _reference(letter: Letter) -> str:
    if letter.order_id is None:
        return f"Appointment {letter.appointment_id}"
    return f"Order {letter.order_id}, appointment {letter.appointment_id}"


def _tone(letter: Letter, when: When) -> str:
    """The colour of the mail: `off`, `open`, `moved` or `settled`. It repeats what the words say."""
    if letter.tells_cancellation:
        return "off"
    if not (letter.confirmed and when.decided):
        return "open"
    return "moved" if letter.tells_change else "settled"


def _when_label(letter: Letter, moved: bool, is_decided: bool) -> str:
    if letter.withdrawn:
        return "Until now"
    if letter.tells_cancellation:
        return "Cancelled"
    if letter.tells_change:
        return "New time" if moved and is_decided else "Time"
    return ""


def _lines_of_cancelled(letter: Letter, when: When, requested: str) -> tuple[str, ...]:
    if when.decided:
        return when.lines
    if letter.local_start is not None:
        return (long_date(day_of(letter.local_start)),)
    return (f"Requested: {requested}",) if requested else ("No time had been fixed.",)


def _facts(letter: Letter, requested: str, address: str) -> tuple[Fact, ...]:
    """What is known, in reading order; unknown things are left out. The time stands apart, above these."""
    to_photographer, cancelled = letter.to_photographer, letter.tells_cancellation
    facts = []

    def add(
        label: str,
        text: tuple[str, ...] | str,
        link: str | None = None,
        link_text: str = "",
        before: str = "",
        phone: str = "",
    ) -> None:
        shown = text if isinstance(text, tuple) else tuple(filter(None, (one_line(text),)))
        if shown or phone:
            facts.append(Fact(label, shown, link, link_text, before, phone, phone_link(phone)))

    if not letter.confirmed and not cancelled:
        add("Requested by the client" if to_photographer else "You asked for", requested)
    add("What", letter.summary)
    add("Type of appointment", letter.appt_type)
    map_link = f"https://www.google.com/maps/search/?api=1&query={quote_plus(address)}" if address else None
    add(
        "Where",
        address,
        map_link if to_photographer and not cancelled else None,
        "Open in Maps",
        _old_address(letter, address),
    )
    location = one_line(letter.location)
    is_address = address.casefold() in location.casefold()
    add(
        "Location" if is_address else "Meeting point",
        "" if location.casefold() == address.casefold() else location,
    )
    if to_photographer and not cancelled:
        add(CONTACT_ON_SITE, letter.client_name, phone=one_line(letter.client_phone))
    elif to_photographer:
        add("Client", letter.client_name)
    else:
        add("Photographer", letter.photographer_name)
    if not cancelled:
        add("Details", lines(letter.description))
    return tuple(facts)


def _old_address(letter: Letter, address: str) -> str:
    old = "" if not letter.tells_change or letter.previous is None else one_line(letter.previous.address)
    return old if old.casefold() != address.casefold() else ""
