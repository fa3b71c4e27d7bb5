"""Links that open the form of a web calendar with the appointment filled in; for who cannot open the calendar file.

What they make is a copy of the recipient's own, which no later mail can move or take out. So the file comes first,
and only a first mail about a confirmed time has links. A URL is kept by browsers, proxies and the calendar's
provider: it holds the type, the times and the address, and nothing that somebody wrote freely (a gate code).

Neither provider documents the parameters; these are the ones that their own pages have taken for years.
"""

from datetime import date, datetime
from typing import NamedTuple
from urllib.parse import quote, urlencode

from tasks.mail.calendar import NAMELESS, span_of
from tasks.mail.letter import Letter
from tasks.mail.plain import one_line, shortened

GOOGLE = "https://calendar.google.com/calendar/render"
OUTLOOK = {
    "Outlook.com": "https://outlook.live.com/calendar/0/deeplink/compose",
    "Microsoft 365": "https://outlook.office.com/calendar/deeplink/compose",
}
LONGEST = 200
"""Characters of the title and of the address, so that the whole stays far below what mail programs open."""


class CalendarLink(NamedTuple):
    """The calendar's name, and an https URL."""

    name: str
    url: str


def calendar_links(letter: Letter) -> tuple[CalendarLink, ...]:
    """One link for each web calendar; none unless the letter is the first to tell of a confirmed, settled time."""
    span = span_of(letter)
    is_first = not (letter.tells_change or letter.tells_cancellation)
    if span is None or letter.unresolved or not (letter.confirmed and is_first):
        return ()
    start, stop = span[0], span[1] or span[0]
    title = shortened(one_line(letter.appt_type) or NAMELESS, LONGEST)
    address = shortened(one_line(letter.address), LONGEST)
    where = {"location": address} if address else {}
    dates = f"{_basic(start)}/{_basic(stop)}"
    google = _url(GOOGLE, {"action": "TEMPLATE", "text": title, "dates": dates, **where})
    outlook = {
        "path": "/calendar/action/compose",
        "rru": "addevent",
        "subject": title,
        "startdt": _extended(start),
        "enddt": _extended(stop),
        "allday": "true" if letter.allday else "false",
        **where,
    }
    return (
        CalendarLink("Google Calendar", google),
        *(CalendarLink(name, _url(root, outlook)) for name, root in OUTLOOK.items()),
    )


def _url(root: str, parameters: dict[str, str]) -> str:
    # Outlook shows a + as it is, so spaces are %20.
    return f"{root}?{urlencode(parameters, quote_via=quote, safe='')}"


def _basic(moment: date) -> str:
    """ISO 8601's basic form: `20261126T160000Z`, or `20261126`."""
    return moment.strftime("%Y%m%dT%H%M%SZ" if isinstance(moment, datetime) else "%Y%m%d")


def _extended(moment: date) -> str:
    """ISO 8601's extended form: `2026-11-26T16:00:00Z`, or `2026-11-26`."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ" if isinstance(moment, datetime) else "%Y-%m-%d")
