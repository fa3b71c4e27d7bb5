"""What moved, in sentences, and how the mail shows old beside new."""

from datetime import UTC, date, datetime, timedelta

import pytest

from tasks.mail.changes import changes_of
from tasks.mail.letter import Wall
from tests.tasks.mail.letters import (
    CHANGED,
    DAY,
    DENVER,
    FIRST_HALF_PAST_ONE,
    NEW_YORK,
    START,
    STOP,
    TO_PHOTOGRAPHER,
    UNDECIDED,
    a_letter,
    a_mail,
    at,
    before,
    whole_days,
)

SAME = {"local_start": START.astimezone(DENVER), "local_stop": STOP.astimezone(DENVER)}
OPEN = {"unresolved": True, "local_start": None}
HOUR = timedelta(hours=1)


def was(start, stop):
    return {"local_start": start.astimezone(DENVER), "local_stop": stop.astimezone(DENVER)}


def sentences(previous, **changes):
    return changes_of(a_letter(**CHANGED, previous=before(**previous), **changes))


@pytest.mark.parametrize(
    ("previous", "now", "expected"),
    [
        (SAME, {}, ()),
        (was(START - HOUR, STOP - HOUR), {}, ("The start has moved from 8:00 AM to 9:00 AM.",)),
        (
            was(START - DAY, STOP - DAY),
            {},
            ("The date has moved from Wednesday, November 25, 2026 to Thursday, November 26, 2026.",),
        ),
        (
            was(START, STOP - HOUR),
            {},
            ("It now takes 1 hour 30 minutes instead of 30 minutes.",),
        ),
        (
            was(START - HOUR, STOP),
            {},
            (
                "The start has moved from 8:00 AM to 9:00 AM.",
                "It now takes 1 hour 30 minutes instead of 2 hours 30 minutes.",
            ),
        ),
        ({**SAME, "local_stop": None, "duration_s": None}, {}, ("It now ends at 10:30 AM MST.",)),
        (OPEN, {}, ("The time is now fixed.",)),
        (SAME, UNDECIDED, ("The time is open again; it is still to be decided.",)),
        (OPEN, UNDECIDED, ()),
        (
            {"unresolved": True, "local_start": Wall(date(2026, 11, 20))},
            {"unresolved": True, "local_start": Wall(date(2026, 11, 26))},
            ("The date has moved from Friday, November 20, 2026 to Thursday, November 26, 2026.",),
        ),
    ],
    ids=[
        "nothing",
        "start",
        "date",
        "length",
        "start and length",
        "end known",
        "fixed",
        "open again",
        "still open",
        "date of an open time",
    ],
)
def test_times(previous, now, expected):
    assert sentences(previous, **now) == expected


def test_a_clock_is_named_where_the_same_reading_means_another_hour():
    half_past_one = at(DENVER, "America/Denver", FIRST_HALF_PAST_ONE + HOUR, None)
    previous = {**was(FIRST_HALF_PAST_ONE, STOP), "local_stop": None}
    assert sentences(previous, **half_past_one) == ("The start has moved from 1:30 AM MDT to 1:30 AM MST.",)
    moved = sentences(SAME, **at(NEW_YORK, "America/New_York", START - 2 * HOUR, STOP - 2 * HOUR))
    assert moved == ("The start has moved from 9:00 AM MST to 9:00 AM EST.",)


def test_winter_time_alone_is_no_other_time_of_day():
    summer = datetime(2026, 10, 26, 15, tzinfo=UTC)
    assert sentences(was(summer, summer + timedelta(minutes=90))) == (
        "The date has moved from Monday, October 26, 2026 to Thursday, November 26, 2026.",
    )


def test_whole_days():
    day = Wall(date(2026, 11, 26))
    whole = {"allday": True, "local_start": day, "local_stop": None}
    assert sentences(SAME, **whole_days(day.date, day.date)) == ("It now takes the whole day.",)
    assert sentences(whole) == ("It no longer takes the whole day: it starts at 9:00 AM MST.",)
    assert sentences(whole, **whole_days(day.date, date(2026, 11, 27))) == (
        "It now takes 2 days instead of one day.",
    )
    assert sentences(whole, **whole_days(day.date, day.date)) == ()


@pytest.mark.parametrize(
    ("previous", "now", "expected"),
    [
        ({"address": "1 Old Road"}, {}, ("The address has changed.",)),
        ({"address": ""}, {}, ("The address is now known.",)),
        ({"photographer_name": "Sasha"}, {}, ("Robin Lens is now the photographer, instead of Sasha.",)),
        ({"photographer_name": ""}, {}, ("Robin Lens is now the photographer.",)),
        ({}, {"photographer_name": ""}, ("The photographer is open again.",)),
        ({"photographer_name": "Sasha"}, TO_PHOTOGRAPHER, ()),
        ({"confirmed": False}, {}, ("It is now confirmed.",)),
        ({}, {"confirmed": False}, ("It is not confirmed any more.",)),
        ({}, {"changed": ("location", "notes")}, ("The location has changed.",)),
    ],
)
def test_everything_else(previous, now, expected):
    assert sentences({**SAME, **previous}, **now) == expected


def test_a_moved_appointment_shows_the_new_time_first_and_the_old_one_as_before():
    mail = a_mail(**CHANGED, previous=before())
    assert mail.subject == "Changed: Thu, Nov 26, 2026, 9:00 AM MST – 123 Main Street, Denver, CO 80202"
    new, old = mail.text.index("NEW TIME\nThursday"), mail.text.index("BEFORE\nWednesday")
    assert new < old
    assert "8:00 AM – 9:30 AM (MST, Denver)" in mail.text
    assert mail.html.index("New time") < mail.html.index(">Before<")


def test_a_time_that_stayed_is_not_called_new():
    mail = a_mail(**CHANGED, previous=before(**SAME, address="1 Old Road, Denver"))
    assert "NEW TIME" not in mail.text
    assert "BEFORE" not in mail.text
    assert "(before: 1 Old Road, Denver)" in mail.text
    assert "1 Old Road, Denver" in mail.html


def test_an_old_time_that_has_no_successor_is_to_be_taken_out_by_hand():
    mail = a_mail(**CHANGED, **UNDECIDED, previous=before())
    assert "If the old time is in your calendar, please take it out." in mail.text
    assert mail.attachments == ()
