"""How mails speak of time: zones by abbreviation and city, changing clocks, whole days."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from tasks.mail.dates import clock_time, duration_words, requested_of, when_of, zone_city
from tasks.mail.letter import Wall
from tests.tasks.mail.letters import DENVER, NEW_YORK, START, STOP, a_letter, a_mail


def lines(**changes):
    return when_of(a_letter(**changes)).lines


def test_both_half_past_ones_of_the_night_when_the_clocks_go_back_are_told_apart():
    first = datetime(2026, 11, 1, 7, 30, tzinfo=UTC).astimezone(DENVER)
    second = datetime(2026, 11, 1, 8, 30, tzinfo=UTC).astimezone(DENVER)
    assert first.time() == second.time() == time(1, 30)
    assert lines(local_start=first, local_stop=None)[1] == "1:30 AM (MDT, Denver)"
    assert lines(local_start=second, local_stop=None)[1] == "1:30 AM (MST, Denver)"
    assert "1:30 AM MDT" in a_mail(local_start=first, local_stop=None).subject
    assert "1:30 AM MST" in a_mail(local_start=second, local_stop=None).subject


def test_a_span_over_the_change_names_the_zone_at_both_ends():
    start = datetime(2026, 11, 1, 7, 30, tzinfo=UTC).astimezone(DENVER)
    stop = datetime(2026, 11, 1, 8, 30, tzinfo=UTC).astimezone(DENVER)
    assert lines(local_start=start, local_stop=stop) == (
        "Sunday, November 1, 2026",
        "1:30 AM (MDT, Denver) – 1:30 AM (MST, Denver)",
    )


def test_a_span_past_midnight_has_a_date_at_both_ends():
    start = datetime(2026, 11, 27, 5, 0, tzinfo=UTC).astimezone(DENVER)
    stop = start + timedelta(hours=4)
    assert lines(local_start=start, local_stop=stop) == (
        "Thursday, November 26, 2026, 10:00 PM (MST, Denver) –",
        "Friday, November 27, 2026, 2:00 AM (MST, Denver)",
    )


def test_an_inferred_offset_is_written_out():
    zone = timezone(timedelta(hours=-7))
    assert lines(local_start=START.astimezone(zone), local_stop=STOP.astimezone(zone), zone_name=None)[1] == (
        "9:00 AM – 10:30 AM (UTC-07:00)"
    )


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("America/New_York", "11:00 AM (EST, New York)"),
        ("America/Phoenix", "9:00 AM (MST, Phoenix)"),
        ("America/Indiana/Indianapolis", "11:00 AM (EST, Indianapolis)"),
        ("Asia/Kathmandu", "9:45 PM (UTC+05:45, Kathmandu)"),
        ("America/Sao_Paulo", "1:00 PM (UTC-03:00, Sao Paulo)"),
        ("Europe/London", "4:00 PM (GMT, London)"),
    ],
)
def test_zones_are_named_by_abbreviation_and_city(zone, expected):
    start = START.astimezone(ZoneInfo(zone))
    assert lines(local_start=start, local_stop=None, zone_name=zone)[1] == expected


def test_office_time_is_added_only_when_its_clocks_differ():
    same = when_of(a_letter())
    assert same.office == ()
    other = when_of(
        a_letter(
            local_start=START.astimezone(NEW_YORK),
            local_stop=STOP.astimezone(NEW_YORK),
            zone_name="America/New_York",
        )
    )
    assert other.lines[1] == "11:00 AM – 12:30 PM (EST, New York)"
    assert other.office == ("9:00 AM – 10:30 AM (MST, Denver)",)


def test_office_time_on_another_date_shows_that_date():
    tokyo = ZoneInfo("Asia/Tokyo")
    when = when_of(
        a_letter(
            local_start=START.astimezone(tokyo), local_stop=STOP.astimezone(tokyo), zone_name="Asia/Tokyo"
        )
    )
    assert when.lines[0] == "Friday, November 27, 2026"
    assert when.office == ("Thursday, November 26, 2026", "9:00 AM – 10:30 AM (MST, Denver)")


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (None, ("Thursday, November 26, 2026", "All day")),
        (26, ("Thursday, November 26, 2026", "All day")),
        (28, ("Thursday, November 26, 2026 –", "Saturday, November 28, 2026", "All day, 3 days")),
        (25, ("Thursday, November 26, 2026", "All day")),
    ],
    ids=["no stop", "same day", "inclusive last day", "stop before start"],
)
def test_whole_days(last, expected):
    stop = None if last is None else Wall(date(2026, 11, last))
    assert lines(allday=True, local_start=Wall(date(2026, 11, 26)), local_stop=stop) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"local_start": None}, ("Time to be decided",)),
        ({"unresolved": True, "local_start": None}, ("Time to be decided",)),
        (
            {"local_start": Wall(date(2026, 11, 26))},
            ("Thursday, November 26, 2026", "Time to be decided"),
        ),
        (
            {"unresolved": True, "local_start": Wall(date(2026, 11, 26), time(9))},
            ("Thursday, November 26, 2026", "Time to be decided"),
        ),
    ],
)
def test_unsettled_times_are_to_be_decided(changes, expected):
    when = when_of(a_letter(**changes))
    assert when.lines == expected
    assert not when.decided


def test_a_wall_time_without_a_zone_says_where_it_counts():
    assert lines(
        local_start=Wall(date(2026, 11, 26), time(9)), local_stop=Wall(date(2026, 11, 26), time(10))
    )[1] == ("9:00 AM – 10:00 AM (local time at the property)")


def test_a_stop_before_the_start_is_not_shown():
    assert lines(local_stop=(START - timedelta(hours=1)).astimezone(DENVER))[1] == "9:00 AM (MST, Denver)"


def test_naive_moments_are_refused():
    with pytest.raises(ValueError, match="local_start must be an aware datetime or a Wall"):
        a_letter(local_start=datetime(2026, 11, 26, 9))


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (time(0), "12:00 AM"),
        (time(12), "12:00 PM"),
        (time(9, 5), "9:05 AM"),
        (time(23, 59, 30), "11:59:30 PM"),
    ],
)
def test_clock_times(moment, text):
    assert clock_time(moment) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (0, ""),
        (60, "1 minute"),
        (3600, "1 hour"),
        (9000, "2 hours 30 minutes"),
        (61, "1 minute 1 second"),
    ],
)
def test_durations(seconds, text):
    assert duration_words(seconds) == text


def test_requested_may_be_a_date_a_time_or_both():
    assert requested_of(a_letter(requested_time=None)) == "Friday, November 27, 2026"
    assert requested_of(a_letter(requested_date=None)) == "10:00 AM"
    assert requested_of(a_letter(requested_date=None, requested_time=None)) == ""


@pytest.mark.parametrize("name", [None, "", "UTC", "Etc/GMT+7"])
def test_names_without_a_city(name):
    assert zone_city(name) == ""
