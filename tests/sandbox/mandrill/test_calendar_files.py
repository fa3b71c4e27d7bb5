"""What a mail's calendar file says is read, and what mail programs would stumble over is said."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.mandrill.calendar_files import is_calendar, read_calendar
from tests.sandbox.mandrill.conftest import Sandbox

TYPE = "text/calendar; charset=utf-8; method=REQUEST"
LINES = {
    "METHOD": "METHOD:REQUEST",
    "UID": "UID:appointment-7@example.com",
    "SEQUENCE": "SEQUENCE:2",
    "STATUS": "STATUS:CONFIRMED",
    "DTSTAMP": "DTSTAMP:20261001T080000Z",
    "DTSTART": "DTSTART:20261101T083000Z",
    "DTEND": "DTEND:20261101T093000Z",
    "ORGANIZER": 'ORGANIZER;CN="The Office, Denver":mailto:office@example.com',
    "ATTENDEE": "ATTENDEE;CN=A Client;RSVP=FALSE:mailto:client@example.com",
    "SUMMARY": "SUMMARY:Photography\\, 12 Elm Street",
}


def calendar(**changes: str) -> bytes:
    """A right calendar file but for the lines that are given; a blank one is left out."""
    lines = {**LINES, **changes}
    head = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//example//tests//EN", lines.pop("METHOD")]
    body = ["BEGIN:VEVENT", *lines.values(), "END:VEVENT", "END:VCALENDAR", ""]
    return "\r\n".join(line for line in [*head, *body[:-1]] if line).encode() + b"\r\n"


def test_every_fact_is_read() -> None:
    file = read_calendar(calendar(), TYPE)
    (event,) = file.appointments
    assert (file.method, file.problems) == ("REQUEST", ())
    assert (event.uid, event.sequence, event.status) == ("appointment-7@example.com", "2", "CONFIRMED")
    assert event.organizer == "The Office, Denver <office@example.com>"
    assert event.attendees == ("A Client <client@example.com>",)
    assert event.summary == "Photography, 12 Elm Street"


@pytest.mark.parametrize(
    ("line", "utc", "denver"),
    [
        # 2026-11-01 is the day on which Denver's clock goes back: 01:30 comes twice, an hour apart.
        ("DTSTART:20261101T073000Z", "Sun 2026-11-01 07:30:00 UTC", "Sun 2026-11-01 01:30:00 MDT"),
        ("DTSTART:20261101T083000Z", "Sun 2026-11-01 08:30:00 UTC", "Sun 2026-11-01 01:30:00 MST"),
        ("DTSTART;TZID=Europe/Berlin:20260701T100000", "Wed 2026-07-01 08:00:00 UTC", "Wed 2026-07-01 02:00:00 MDT"),
        ("DTSTART;VALUE=DATE:20261101", "Sun 2026-11-01, all day", ""),
        ("DTSTART:20261101T013000", "Sun 2026-11-01 01:30:00, no zone", ""),
    ],
)  # fmt: skip
def test_times_are_given_in_utc_and_in_denver(line: str, utc: str, denver: str) -> None:
    (event,) = read_calendar(calendar(DTSTART=line, DTEND=""), TYPE).appointments
    assert event.start is not None
    assert (event.start.utc, event.start.denver) == (utc, denver)
    assert event.end is None


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"METHOD": "METHOD:CANCEL", "STATUS": "STATUS:CANCELLED"}, "The content type says method=REQUEST"),
        ({"METHOD": ""}, "the file says METHOD (none)"),
        ({"UID": ""}, "UID is missing."),
        ({"DTSTAMP": ""}, "DTSTAMP is missing."),
        ({"DTSTART": "DTSTART:soon"}, "DTSTART cannot be read"),
        ({"DTSTART": "DTSTART:20261101T083000"}, "DTSTART has no zone"),
        ({"DTEND": "DTEND:20261101T080000Z"}, "DTEND is before DTSTART."),
        ({"ORGANIZER": ""}, "METHOD REQUEST needs ORGANIZER."),
        ({"ATTENDEE": ""}, "METHOD REQUEST needs ATTENDEE."),
    ],
)
def test_what_mail_programs_stumble_over_is_said(changes: dict[str, str], problem: str) -> None:
    assert problem in " ".join(read_calendar(calendar(**changes), TYPE).problems)


def test_a_cancellation_is_marked_as_one() -> None:
    kind = "text/calendar; method=CANCEL"
    lines = {"METHOD": "METHOD:CANCEL"}
    assert read_calendar(calendar(**lines), kind).problems == ("METHOD CANCEL goes with STATUS CANCELLED.",)
    assert read_calendar(calendar(**lines, STATUS="STATUS:CANCELLED"), kind).problems == ()


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff\xfe", b"BEGIN:VCALENDAR", b"x" * 300_000])
def test_what_is_no_calendar_is_a_problem_and_no_failure(content: bytes) -> None:
    file = read_calendar(content, TYPE)
    assert file.appointments == ()
    assert file.problems[0].endswith(".")


@given(
    st.lists(st.sampled_from(sorted(LINES)), max_size=3), st.text(alphabet='0129TZ:;=,A-\\"é ', max_size=20)
)
def test_no_odd_line_breaks_the_reading(names: list[str], value: str) -> None:
    read_calendar(calendar(**{name: f"{name}{value[:1]}:{value[1:]}" for name in names}), TYPE)


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("a.ics", "application/octet-stream", True),
        ("a", "Text/Calendar; method=REQUEST", True),
        ("a.txt", "text/plain", False),
    ],
)
def test_a_calendar_is_known_by_its_type_or_name(name: str, kind: str, expected: bool) -> None:
    assert is_calendar(name, kind) is expected


def test_the_inbox_shows_it(sandbox: Sandbox) -> None:
    file = {"type": TYPE, "name": "appointment.ics", "content": base64.b64encode(calendar()).decode()}
    sent = sandbox.send(attachments=[file]).json()
    (message,) = sandbox.json("/inbox.json")["messages"]
    (read,) = message["attachments"]
    assert read["calendar"]["method"] == "REQUEST"
    assert read["calendar"]["appointments"][0]["start"]["denver"] == "Sun 2026-11-01 01:30:00 MST"
    page = sandbox.get(f"/messages/{sent[0]['_id']}").data.decode()
    for shown in ("appointment-7@example.com", "Sun 2026-11-01 01:30:00 MST", "Sun 2026-11-01 08:30:00 UTC",
                  "CONFIRMED", "A Client &lt;client@example.com&gt;"):  # fmt: skip
        assert shown in page
