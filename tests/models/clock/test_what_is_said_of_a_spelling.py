"""What a person is told of a value that cannot be read: the sentence and the way to mend it, word for word.

The texts leave the house in `errors[]`, and clients show them: a changed word is a changed answer.
"""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from models.clock.durations import parse_duration
from models.clock.faults import Fault, InvalidParams, SpellingError
from models.clock.spellings import (
    parse_boolean,
    parse_date,
    parse_datetime,
    parse_integer,
    parse_mountain_stamp,
    parse_time,
)
from models.clock.supplied import read_params

Read = Callable[[object], object]
LENGTHS = "Send 1:30, 1h 30m, 90 min, PT1H30M, or the seconds in time_duration_s."
TIMES = "Send 14:30, 14:30:00 or 2:30 PM."
INSTANTS = "Send 2026-07-04T14:30:00Z."
STAMPS = "Send 2026-07-04 14:30:00 or 7/4/2026 2:30:00 PM, in Mountain Time."
AS_TEXT = "In FileMaker give JSONSetElement the type JSONString, so that the text is sent as it is."


def iso_date(value: object) -> object:
    return parse_date(value, month_first=False)


def slash_date(value: object) -> object:
    return parse_date(value, month_first=True)


def instant(value: object) -> object:
    return parse_datetime(value, month_first=False)


def small_number(value: object) -> object:
    return parse_integer(value, low=1, high=9)


SAID: list[tuple[Read, object, str, str]] = [
    (parse_duration, True, "A duration is text.", LENGTHS),
    (parse_duration, [], "A duration is text.", LENGTHS),
    (parse_duration, "0:00", "A duration must be longer than nothing.", LENGTHS),
    (parse_duration, "168h 1s", "A duration is at most 168 hours (seven days).", LENGTHS),
    (parse_duration, "24.5", "A bare decimal is hours, and at most 24.", LENGTHS),
    (
        parse_duration,
        "P1D",
        "A day, week, month or year has no fixed length, so it is not a duration.",
        "Send hours, minutes and seconds only, such as PT24H.",
    ),
    (parse_duration, "PT", "This is not a duration.", LENGTHS),
    (
        parse_duration,
        "3",
        "A bare number from 1 to 14 may mean hours or minutes.",
        "Add the unit, such as 3 h or 10 min, or send the seconds in time_duration_s.",
    ),
    (parse_duration, "0", "A bare number is minutes, from 15 to 1440.", LENGTHS),
    (parse_duration, "1441", "A bare number is minutes, from 15 to 1440.", LENGTHS),
    (parse_duration, "a while", "This is not a duration.", LENGTHS),
    (parse_duration, "1h and", "This is not a duration.", LENGTHS),
    (
        parse_duration,
        "30m 1h",
        "Hours come before minutes and minutes before seconds, each at most once.",
        LENGTHS,
    ),
    (parse_duration, "1.5h 30m", "Only the last number of a duration may have decimals.", LENGTHS),
    (parse_duration, "1.5h 30m 10s", "Only the last number of a duration may have decimals.", LENGTHS),
    (parse_duration, "1.5s", "A duration is whole seconds.", LENGTHS),
    (
        parse_boolean,
        "perhaps",
        "This is neither true nor false.",
        "Send true or false (1 and 0, yes and no work too).",
    ),
    (small_number, "many", "This is not a whole number.", "Send a whole number from 1 to 9."),
    (small_number, 10, "This number is outside 1 to 9.", "Send a whole number from 1 to 9."),
    (
        iso_date,
        46000,
        "A date is text, not a JSON number.",
        f"FileMaker's day numbers are not dates here. {AS_TEXT}",
    ),
    (iso_date, "1" * 65, "This is 65 characters long, which no date is.", ""),
    (
        iso_date,
        "7/4/2026",
        "Without month_first, dates have the form YYYY-MM-DD.",
        "Send 2026-07-04, or set month_first to true to send 7/4/2026.",
    ),
    (
        slash_date,
        "2026-07-04",
        "With month_first, dates have the form M/D/YYYY.",
        "Send 7/4/2026, or leave out month_first to send 2026-07-04.",
    ),
    (iso_date, "July", "This is not a date in the form YYYY-MM-DD.", "Send 2026-07-04."),
    (slash_date, "July", "This is not a date in the form M/D/YYYY.", "Send 7/4/2026."),
    (iso_date, "1999-12-31", "Dates run from 2000-01-01 to 2099-12-31.", "Check the year."),
    (iso_date, "2100-01-01", "Dates run from 2000-01-01 to 2099-12-31.", "Check the year."),
    (iso_date, "2026-02-30", "There is no such day in the calendar.", "Check the month and the day."),
    (parse_time, True, "A time is text, not a JSON boolean.", AS_TEXT),
    (parse_time, [], "A time is text, not a JSON array.", AS_TEXT),
    (parse_time, {}, "A time is text, not a JSON object.", AS_TEXT),
    (parse_time, 9.5, "A time is text, not a JSON number.", AS_TEXT),
    (
        parse_time,
        "24:00",
        "24:00 is the end of a day, which only a stop can be.",
        "Send 00:00 of the next day.",
    ),
    (parse_time, "noon", "This is not a time of day.", TIMES),
    (parse_time, "9:00:00.5", "Times are whole seconds.", "Leave out the fraction of a second."),
    (parse_time, "13:00 PM", "With AM or PM the hour is from 1 to 12.", TIMES),
    (parse_time, "0:30 AM", "With AM or PM the hour is from 1 to 12.", TIMES),
    (parse_time, "24:01", "There is no such time of day.", TIMES),
    (instant, 5, "A date and time is text, not a JSON number.", AS_TEXT),
    (instant, "now", "This is not a date and time.", INSTANTS),
    (instant, "7/4/2026 9:00", "Without month_first, dates have the form YYYY-MM-DD.", INSTANTS),
    (instant, "2026-07-04 noon", "This is not a time of day.", TIMES),
    (instant, "2026-07-04T09:00+24:00", "There is no such offset from UTC.", INSTANTS),
    (instant, "2026-07-04T09:00+23:60", "There is no such offset from UTC.", INSTANTS),
    (parse_mountain_stamp, 5, "A date and time is text, not a JSON number.", AS_TEXT),
    (parse_mountain_stamp, "now", "This is not a date and time in Mountain Time.", STAMPS),
    (
        parse_mountain_stamp,
        "2026-07-04T09:00Z",
        "This stamp is always in Mountain Time, so it takes no Z and no offset.",
        STAMPS,
    ),
]


@pytest.mark.parametrize(("read", "value", "message", "hint"), SAID)
def test_a_value_that_cannot_be_read_is_told_how_it_should_look(
    read: Read, value: object, message: str, hint: str
) -> None:
    with pytest.raises(SpellingError) as refused:
        read(value)
    assert (refused.value.message, refused.value.hint) == (message, hint)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("params", "fault"),
    [
        (
            {"time_stop_local": "24:00"},
            Fault(
                "time_stop_local",
                "24:00 is the end of a day, and the day is missing.",
                "Send date_stop_local too, or 00:00 of the next day.",
            ),
        ),
        ({"updated_at_mt": "now"}, Fault("updated_at_mt", SAID[-2][2], STAMPS)),
        (
            {"month_first": "perhaps"},
            Fault("month_first", "This is neither true nor false.", SAID[16][3]),
        ),
    ],
)
def test_a_parameter_is_named_with_what_is_wrong_with_it(params: dict[str, object], fault: Fault) -> None:
    with pytest.raises(InvalidParams) as refused:
        read_params(params)
    assert fault in refused.value.invalid
    assert f"{fault.param}: {fault.message}" in str(refused.value)


def test_the_stamp_of_the_repeated_hour_is_the_one_that_the_same_request_says_in_utc() -> None:
    """On 2026-11-01 Denver's 1:30 comes twice, at 7:30 and at 8:30 UTC."""
    stamp = "2026-11-01 01:30:00"
    alone = read_params({"updated_at_mt": stamp})
    first = read_params({"updated_at_mt": stamp, "updated_at": "2026-11-01T07:30:00Z"})
    second = read_params({"updated_at_mt": stamp, "updated_at": "2026-11-01T08:30:00Z"})
    moments = [each.updated_at_mt for each in (alone, first, second)]
    assert moments == [datetime(2026, 11, 1, hour, 30, tzinfo=UTC) for hour in (7, 7, 8)]
