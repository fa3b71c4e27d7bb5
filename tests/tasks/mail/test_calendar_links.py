"""Links into web calendars: the same instants as the file, whole days with an exclusive end, nothing written freely."""

from datetime import date
from urllib.parse import parse_qs, urlsplit

import pytest

from tasks.mail.calendar_links import calendar_links
from tests.tasks.mail.letters import (
    CASES,
    DENVER,
    NEW_YORK,
    START,
    TO_PHOTOGRAPHER,
    a_letter,
    a_mail,
    at,
    whole_days,
)
from tests.tasks.mail.rfc5545 import read_event


def parameters(**changes):
    """Host and parameters of each link."""
    found = {}
    for _, url in calendar_links(a_letter(**changes)):
        parts = urlsplit(url)
        assert parts.scheme == "https"
        found[parts.hostname] = {
            name: value for name, (value,) in parse_qs(parts.query, strict_parsing=True).items()
        }
    return found


def test_each_calendar_gets_type_times_and_address():
    links = parameters()
    assert links["calendar.google.com"] == {
        "action": "TEMPLATE",
        "text": "Photo shoot",
        "dates": "20261126T160000Z/20261126T173000Z",
        "location": "123 Main Street, Denver, CO 80202",
    }
    outlook = {
        "path": "/calendar/action/compose",
        "rru": "addevent",
        "subject": "Photo shoot",
        "startdt": "2026-11-26T16:00:00Z",
        "enddt": "2026-11-26T17:30:00Z",
        "allday": "false",
        "location": "123 Main Street, Denver, CO 80202",
    }
    assert links["outlook.live.com"] == links["outlook.office.com"] == outlook


def test_whole_days_are_dates_with_an_exclusive_end():
    links = parameters(**whole_days(date(2026, 12, 30), date(2027, 1, 1)))
    assert links["calendar.google.com"]["dates"] == "20261230/20270102"
    outlook = links["outlook.live.com"]
    assert (outlook["startdt"], outlook["enddt"], outlook["allday"]) == ("2026-12-30", "2027-01-02", "true")


@pytest.mark.parametrize(
    "changes", [{}, at(NEW_YORK, "America/New_York"), at(DENVER, "America/Denver", START, None)]
)
def test_the_links_say_what_the_file_says(changes):
    _, event = read_event(a_mail(**changes).attachments[0].content)
    start, stop = parameters(**changes)["calendar.google.com"]["dates"].split("/")
    assert start == event["DTSTART"].value
    assert stop == (event["DTEND"].value if "DTEND" in event else start)


def test_nothing_that_was_written_freely_is_in_a_url():
    secret = "gate code 4711"
    letter = {"summary": secret, "description": secret, "location": secret}
    for changes in (letter, {**letter, "kind": "send-assignment", **TO_PHOTOGRAPHER}):
        assert "4711" not in str(calendar_links(a_letter(**changes)))
        assert "Dana" not in str(calendar_links(a_letter(**changes)))


def test_odd_characters_cannot_add_a_parameter():
    odd = 'a&dates=1#x%00+"<b>\r\ny'
    links = parameters(appt_type=odd, address=odd)
    assert links["calendar.google.com"]["text"] == 'a&dates=1#x%00+"<b> y'
    assert links["outlook.live.com"]["location"] == 'a&dates=1#x%00+"<b> y'


@pytest.mark.parametrize("name", CASES)
def test_only_a_first_mail_about_a_confirmed_time_has_links(name):
    mail = a_mail(**CASES[name])
    is_first = name.startswith(("confirmed", "assignment")) and "not-confirmed" not in name
    assert ("calendar.google.com" in mail.html) is (is_first and bool(mail.attachments))
