"""The calendar file, read back by a parser of its own (RFC 5545; mail.md section 4; contract.md section 5)."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tasks.mail.addresses import Mailbox
from tasks.mail.letter import Wall
from tests.tasks.mail.letters import (
    CANCELLED,
    CASES,
    CHANGED,
    DENVER,
    FIRST_HALF_PAST_ONE,
    NEW_YORK,
    START,
    STOP,
    TO_PHOTOGRAPHER,
    UNDECIDED,
    a_mail,
    at,
    before,
    whole_days,
)
from tests.tasks.mail.rfc5545 import read_event

ANY_TEXT = st.text(alphabet=st.characters(codec=None, categories=None), max_size=200)


def file_of(**changes):
    (attachment,) = a_mail(**changes).attachments
    return attachment


def event_of(**changes):
    return read_event(file_of(**changes).content)[1]


def test_a_confirmed_appointment_as_a_whole():
    attachment = file_of()
    calendar, event = read_event(attachment.content)
    assert (attachment.name, attachment.content_type) == (
        "appointment-1042.ics",
        "text/calendar; charset=utf-8; method=REQUEST",
    )
    assert {line.name: line.value for line in calendar.lines} == {
        "VERSION": "2.0",
        "PRODID": "-//Appointments API//Mail//EN",
        "METHOD": "REQUEST",
    }
    assert {line.name: (line.text, line.params) for line in event.lines} == {
        "UID": ("0190c2f5-7a2b-7cc0-9d2e-3f1c5b8a7e61", {}),
        "SEQUENCE": ("0", {}),
        "DTSTAMP": ("20261120T173000Z", {}),
        "DTSTART": ("20261126T160000Z", {}),
        "DTEND": ("20261126T173000Z", {}),
        "STATUS": ("CONFIRMED", {}),
        "SUMMARY": ("Floor plan and photos", {}),
        "LOCATION": ("Meet at the side gate, 123 Main Street, Denver, CO 80202", {}),
        "DESCRIPTION": ("Two storeys.\nThe gate code is 4711.", {}),
        "ORGANIZER": ("mailto:appointments@example.com", {"CN": "PlanOmatic"}),
        "ATTENDEE": ("mailto:client@example.com", {"CN": "Dana Client", "RSVP": "FALSE"}),
    }


@pytest.mark.parametrize("changes", CASES.values(), ids=CASES)
def test_the_same_facts_make_the_same_bytes_and_nobody_else_is_named(changes):
    first, second = a_mail(**changes), a_mail(**changes)
    assert first.attachments == second.attachments
    for attachment in first.attachments:
        calendar, event = read_event(attachment.content)
        assert attachment.content_type.endswith(f"; method={calendar['METHOD'].value}")
        assert event["ATTENDEE"].value == f"mailto:{first.to.email}"
        assert b"assistant@example.com" not in attachment.content


def test_the_hour_that_comes_twice_is_two_different_hours():
    first = event_of(**at(DENVER, "America/Denver", FIRST_HALF_PAST_ONE, None))
    second = event_of(**at(DENVER, "America/Denver", FIRST_HALF_PAST_ONE + timedelta(hours=1), None))
    assert (first["DTSTART"].value, second["DTSTART"].value) == ("20261101T073000Z", "20261101T083000Z")
    assert "DTEND" not in first


@pytest.mark.parametrize(
    ("first", "last", "start", "end"),
    [
        (date(2026, 11, 26), date(2026, 11, 26), "20261126", "20261127"),
        (date(2026, 12, 30), date(2027, 1, 1), "20261230", "20270102"),
        (date(2026, 11, 26), date(2026, 11, 25), "20261126", "20261127"),
        (date(9999, 12, 31), date(9999, 12, 31), "99991231", None),
    ],
    ids=["one day", "several", "stop before start", "the last day there is"],
)
def test_whole_days_are_dates_with_an_exclusive_end(first, last, start, end):
    event = event_of(**whole_days(first, last))
    assert (event["DTSTART"].value, event["DTSTART"].params) == (start, {"VALUE": "DATE"})
    if end is None:
        assert "DTEND" not in event
    else:
        assert (event["DTEND"].value, event["DTEND"].params) == (end, {"VALUE": "DATE"})


def test_a_whole_day_without_a_stop_is_one_day():
    facts = whole_days(date(2026, 11, 26), date(2026, 11, 26)) | {"local_stop": None}
    assert event_of(**facts)["DTEND"].value == "20261127"


def test_an_end_that_is_not_after_the_start_is_left_out():
    for stop in (START, START - timedelta(hours=1)):
        assert "DTEND" not in event_of(local_stop=stop.astimezone(DENVER))


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "CONFIRMED"),
        ({"tentative": True}, "TENTATIVE"),
        ({"kind": "send-assignment", **TO_PHOTOGRAPHER}, "CONFIRMED"),
        ({"kind": "send-assignment", "confirmed": False, **TO_PHOTOGRAPHER}, "TENTATIVE"),
        ({**CHANGED, "confirmed": False, "previous": before()}, "TENTATIVE"),
        ({**CANCELLED, "tentative": True}, "CANCELLED"),
    ],
    ids=["confirmed", "optional", "assignment", "assignment open", "confirmed no more", "cancelled"],
)
def test_statuses(changes, status):
    event = event_of(**changes)
    assert event["STATUS"].value == status
    assert ("TRANSP" in event) is changes.get("tentative", False)


@pytest.mark.parametrize(
    "changes",
    [
        {"confirmed": False},
        {**CHANGED, "confirmed": False, "previous": before(confirmed=False)},
        {**CANCELLED, "confirmed": False},
        UNDECIDED,
        {"unresolved": True},
        {"local_start": Wall(date(2026, 11, 26)), "local_stop": None},
        {"kind": "send-assignment", **TO_PHOTOGRAPHER, **UNDECIDED},
        {**CHANGED, **UNDECIDED, "previous": before()},
        {"allday": True, "local_start": None},
        {"appointment_uuid": ""},
        {"changed_at": None},
    ],
    ids=str,
)
def test_no_file_without_a_promise_or_a_settled_time(changes):
    mail = a_mail(**changes)
    assert mail.attachments == ()
    assert "attached file" not in mail.text + mail.html


def test_every_mail_with_a_file_speaks_of_it():
    for changes in CASES.values():
        mail = a_mail(**changes)
        assert ("The attached file" in mail.text) is bool(mail.attachments)
        assert ("The attached file" in mail.html) is bool(mail.attachments)


def test_what_is_not_given_has_a_stand_in_or_is_left_out():
    bare = event_of(**CASES["confirmed-bare"])
    assert bare["SUMMARY"].value == "Photo appointment"
    assert not {"LOCATION", "DESCRIPTION"} & {line.name for line in bare.lines}
    assert bare["ATTENDEE"].params == {"RSVP": "FALSE"}
    assert event_of(summary="")["SUMMARY"].value == "Photo shoot"
    nameless = event_of(summary="", appt_type="")
    assert nameless["SUMMARY"].text == "Photo appointment, 123 Main Street, Denver, CO 80202"
    placed = event_of(location="", description="Two storeys.")
    assert placed["LOCATION"].text == "123 Main Street, Denver, CO 80202"
    assert placed["DESCRIPTION"].text == "Two storeys."


@pytest.mark.parametrize(
    ("location", "address", "shown", "is_in_description"),
    [
        (
            "Meet at the gate",
            "12 Larimer St, Denver, CO",
            "Meet at the gate, 12 Larimer St, Denver, CO",
            False,
        ),
        (
            "Gate, 12 larimer st, Denver, CO",
            "12 Larimer St, Denver, CO",
            "Gate, 12 larimer st, Denver, CO",
            False,
        ),
        ("Denver", "12 Larimer St, Denver, CO", "12 Larimer St, Denver, CO", False),
        ("350 Fifth Avenue, New York", "12 Larimer St, Denver, CO", "350 Fifth Avenue, New York", True),
        ("Meet at the gate", "", "Meet at the gate", False),
        ("", "12 Larimer St, Denver, CO", "12 Larimer St, Denver, CO", False),
    ],
    ids=["meeting point", "holds the address", "part of the address", "another address", "alone", "absent"],
)
def test_a_meeting_point_is_completed_by_the_address(location, address, shown, is_in_description):
    event = event_of(location=location, address=address, description="Two storeys.")
    assert event["LOCATION"].text == shown
    assert event["DESCRIPTION"].text == "Two storeys." + f"\n\nAddress: {address}" * is_in_description


def test_a_photographers_entry_says_whom_to_call_and_a_clients_does_not():
    call = "Contact on site: Dana Client, (303) 555-0117"
    assert event_of(kind="send-assignment", **TO_PHOTOGRAPHER)["DESCRIPTION"].text.endswith(call)
    for changes in ({"client_phone": "(303) 555-0117"}, {**CANCELLED, **TO_PHOTOGRAPHER}):
        assert "0117" not in file_of(**changes).content.decode()


def test_the_zone_of_the_property_does_not_matter():
    assert file_of(**at(NEW_YORK, "America/New_York")).content == file_of().content


def test_line_breaks_and_controls_cannot_begin_a_line_of_their_own():
    evil = 'x\r\nATTENDEE:mailto:thief@example.com\x00\x0b\u2028ORGANIZER:mailto:y;,\\n"'
    event = event_of(summary=evil, location=evil, description=evil, to=Mailbox("client@example.com", evil))
    assert [line.name for line in event.lines].count("ATTENDEE") == 1
    assert event["ORGANIZER"].value == "mailto:appointments@example.com"
    assert event["SUMMARY"].text == 'x ATTENDEE:mailto:thief@example.com ORGANIZER:mailto:y;,\\n"'
    assert event["DESCRIPTION"].text.split("\n")[:2] == ["x", "ATTENDEE:mailto:thief@example.com"]
    assert event["ATTENDEE"].params["CN"].endswith("y;,\\n'")


@settings(max_examples=60, deadline=None)
@example("Drop it at W:\\NAS", "C:\\New; a, b", "Dana")
@given(ANY_TEXT, ANY_TEXT, ANY_TEXT)
def test_any_text_comes_back_as_the_mail_shows_it(summary, location, name):
    event = event_of(
        summary=f"a{summary}", location=f"b{location}", to=Mailbox("client@example.com", name), address=""
    )
    mail = a_mail(summary=f"a{summary}", location=f"b{location}")
    assert event["SUMMARY"].text in mail.text
    assert event["LOCATION"].text in mail.text
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]", event["SUMMARY"].text)


def test_long_texts_of_any_script_are_folded_and_whole():
    long = CASES["confirmed-long"]
    event = event_of(**long, **at(DENVER, "America/Denver", START, STOP))
    assert event["LOCATION"].text == f"{long['location']}, {long['address']}"
    assert event["DESCRIPTION"].text.startswith("Photographs of every room")


def test_the_stamp_is_the_appointments_and_must_be_an_instant():
    stamp = datetime(2026, 11, 21, 10, tzinfo=UTC)
    assert event_of(changed_at=stamp.astimezone(NEW_YORK))["DTSTAMP"].value == "20261121T100000Z"
    with pytest.raises(ValueError, match="changed_at"):
        a_mail(changed_at=datetime(2026, 11, 21, 10))
