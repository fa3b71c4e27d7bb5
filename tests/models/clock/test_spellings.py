"""Section 2: how single values are spelled."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.clock.spellings import (
    END_OF_DAY,
    SpellingError,
    is_blank,
    parse_boolean,
    parse_date,
    parse_datetime,
    parse_duration,
    parse_integer,
    parse_mountain_stamp,
    parse_time,
)
from tests.models.clock.cases import STAMP, found, local, pair, run

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@pytest.mark.parametrize("value", [None, "", "  ", "\t", "\u00a0"])
def test_blank_values_mean_not_given(value: object) -> None:
    assert is_blank(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True),
        (False, False),
        (1, True),
        (0, False),
        ("TRUE", True),
        (" no ", False),
        ("On", True),
        ("off", False),
        ("yes", True),
        ("0", False),
    ],
)
def test_boolean_spellings(value: object, expected: bool) -> None:
    assert parse_boolean(value) is expected


@pytest.mark.parametrize("value", [2, "y", 1.0, "wahr", [], {}])
def test_other_booleans_are_refused(value: object) -> None:
    with pytest.raises(SpellingError):
        parse_boolean(value)


@pytest.mark.parametrize(("value", "expected"), [(5, 5), ("5", 5), (" 007 ", 7)])
def test_integer_spellings(value: object, expected: int) -> None:
    assert parse_integer(value, low=0, high=10) == expected


@pytest.mark.parametrize("value", [True, 1.0, "1_000", "5.0", "+5", "５", 11, -1, "-1", "9" * 5000, []])
def test_other_integers_are_refused(value: object) -> None:
    with pytest.raises(SpellingError):
        parse_integer(value, low=0, high=10)


@pytest.mark.parametrize(
    ("value", "month_first", "expected"),
    [
        ("2026-07-04", False, date(2026, 7, 4)),
        (" 2026-07-04 ", False, date(2026, 7, 4)),
        ("2028-02-29", False, date(2028, 2, 29)),
        ("2000-01-01", False, date(2000, 1, 1)),
        ("2099-12-31", False, date(2099, 12, 31)),
        ("7/4/2026", True, date(2026, 7, 4)),
        ("07/04/2026", True, date(2026, 7, 4)),
        ("12/3/2026", True, date(2026, 12, 3)),
    ],
)
def test_date_spellings(value: str, month_first: bool, expected: date) -> None:
    assert parse_date(value, month_first=month_first) == expected


@pytest.mark.parametrize(
    ("value", "month_first"),
    [
        ("2026-07-04", True),
        ("7/4/2026", False),
        ("7/4/26", True),
        ("20260704", False),
        ("2026-07-04 10:00", False),
        ("2026-07-04T10:00:00Z", False),
        ("2026-7-4", False),
        ("2026-02-29", False),
        ("2026-13-01", False),
        ("13/1/2026", True),
        ("1999-12-31", False),
        ("2100-01-01", False),
        ("２０２６-07-04", False),
        ("2026-07-04\n2026", False),
        (739000, False),
        (True, False),
        (["2026-07-04"], False),
    ],
)
def test_other_dates_are_refused(value: object, month_first: bool) -> None:
    with pytest.raises(SpellingError):
        parse_date(value, month_first=month_first)


def test_a_day_number_gets_a_hint_for_filemaker() -> None:
    with pytest.raises(SpellingError) as caught:
        parse_date(739000, month_first=True)
    assert "day numbers" in caught.value.hint
    assert "JSONString" in caught.value.hint


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("9:00", time(9)),
        ("09:00", time(9)),
        ("23:59:59", time(23, 59, 59)),
        ("09:00:00.000", time(9)),
        ("9:00 AM", time(9)),
        ("9:00am", time(9)),
        ("12:00 AM", time(0)),
        ("12:00 PM", time(12)),
        ("12:30 a.m.", time(0, 30)),
        ("3:30:15 p.m.", time(15, 30, 15)),
        ("3:30\u00a0PM", time(15, 30)),
        ("3:30\u202fPM", time(15, 30)),
        ("00:00", time(0)),
        ("10:59:60", time(10, 59, 59)),
        ("23:59:60", time(23, 59, 59)),
        ("11:59:60 PM", time(23, 59, 59)),
    ],
)
def test_time_spellings(value: str, expected: time) -> None:
    assert parse_time(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "9",
        "9 AM",
        "13:00 PM",
        "0:30 AM",
        "24:00 AM",
        "24:00",
        "24:01",
        "25:00",
        "9:60",
        "9:5",
        "9:00:60",
        "9:58:60",
        "9:00:00.5",
        "9:00:00.",
        "9:00Z",
        "9:00+01:00",
        "9.00",
        "0900",
        "９:00",
        "9:00 PMM",
        900,
        9.5,
        True,
        {},
    ],
)
def test_other_times_are_refused(value: object) -> None:
    with pytest.raises(SpellingError):
        parse_time(value)


@pytest.mark.parametrize("value", ["24:00", "24:00:00", "24:00:00.0"])
def test_the_end_of_a_day_is_a_time_only_where_it_is_allowed(value: str) -> None:
    assert parse_time(value, end_of_day=True) is END_OF_DAY


@pytest.mark.parametrize("value", ["24:00:01", "24:01", "24:00 PM"])
def test_nothing_else_starts_with_24(value: str) -> None:
    with pytest.raises(SpellingError):
        parse_time(value, end_of_day=True)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0:01", 60),
        ("1:30", 5400),
        ("01:30:00", 5400),
        ("1:30:05", 5405),
        ("168:00:00", 604_800),
        ("1h30m", 5400),
        ("1H 30M", 5400),
        ("1 hour and 30 minutes", 5400),
        ("1 hr, 30 min", 5400),
        ("2 hrs", 7200),
        ("1h, and 5 secs", 3605),
        ("1 hour, 2 mins and 3 seconds", 3723),
        ("1.5 hours", 5400),
        ("1h 0.5m", 3630),
        (".5 h", 1800),
        ("90 min", 5400),
        ("45s", 45),
        ("0h 30m", 1800),
        ("PT1H30M", 5400),
        ("pt90m", 5400),
        ("PT36H", 129_600),
        ("PT1.5H", 5400),
        ("PT45S", 45),
        ("15", 900),
        ("1440", 86_400),
        (90, 5400),
        ("1.5", 5400),
        (1.5, 5400),
        ("24.0", 86_400),
        ("2.0", 7200),
        (" 1:30 ", 5400),
        ("1.1 hours", 3960),
    ],
)
def test_duration_spellings(value: object, seconds: int) -> None:
    assert parse_duration(value) == seconds


@pytest.mark.parametrize(
    "value",
    [
        "1:60",
        "1:30:60",
        "0:00",
        "1:5",
        "1000:00",
        "168:00:01",
        "30m 1h",
        "1h 2h",
        "1.5h 30m",
        "1h 30",
        "1h,",
        "1h and",
        "h",
        "1,5 hours",
        "0.0001 h",
        "P1D",
        "P1DT1H",
        "PT",
        "PT1M1H",
        "-PT1H",
        "P1W",
        "1 day",
        "1 month",
        "14",
        "3",
        "1",
        "0",
        "1441",
        "24.5",
        "0.0",
        "90.0",
        "-90",
        "1e3",
        "１:30",
        "1 hourſ",
        True,
        ["1:30"],
        {"h": 1},
        0,
        "8 days",
        "soon",
    ],
)
def test_other_durations_are_refused(value: object) -> None:
    with pytest.raises(SpellingError):
        parse_duration(value)


@pytest.mark.parametrize(
    ("value", "month_first", "expected"),
    [
        ("2026-11-20T10:00:00Z", False, datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("2026-11-20 10:00", False, datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("2026-11-20T10:00:00-07:00", False, datetime(2026, 11, 20, 17, tzinfo=UTC)),
        ("2026-11-20T10:00:00+05:30", True, datetime(2026, 11, 20, 4, 30, tzinfo=UTC)),
        ("11/20/2026 3:04:05 PM", True, datetime(2026, 11, 20, 15, 4, 5, tzinfo=UTC)),
        ("2026-11-20T10:00:00.250Z", False, datetime(2026, 11, 20, 10, 0, 0, 250_000, tzinfo=UTC)),
    ],
)
def test_datetime_spellings(value: str, month_first: bool, expected: datetime) -> None:
    assert parse_datetime(value, month_first=month_first) == expected


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-20",
        "11/20/2026 10:00",
        "20261120T100000Z",
        "2026-11-20T10:00:00+0700",
        "2026-11-20T10:00:00+24:00",
        "2026-11-20T25:00:00Z",
        "2026-11-20X10:00",
        1_800_000_000,
        False,
    ],
)
def test_other_datetimes_are_refused(value: object) -> None:
    with pytest.raises(SpellingError):
        parse_datetime(value, month_first=False)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-22 15:04:05", datetime(2026, 11, 22, 22, 4, 5, tzinfo=UTC)),
        ("2026-11-22T15:04", datetime(2026, 11, 22, 22, 4, tzinfo=UTC)),
        ("11/22/2026 3:04:05 PM", datetime(2026, 11, 22, 22, 4, 5, tzinfo=UTC)),
        ("7/4/2026 9:00", datetime(2026, 7, 4, 15, tzinfo=UTC)),
        ("2026-03-08 02:30:00", datetime(2026, 3, 8, 9, 30, tzinfo=UTC)),
        ("2026-11-01 01:30:00", datetime(2026, 11, 1, 7, 30, tzinfo=UTC)),
    ],
)
def test_mountain_stamp_spellings(value: str, expected: datetime) -> None:
    assert parse_mountain_stamp(value) == expected


@pytest.mark.parametrize(
    "value", ["2026-11-22", "2026-11-22 15:04Z", "2026-11-22T15:04-07:00", "11-22-2026 15:04", 5, "now"]
)
def test_other_mountain_stamps_are_refused(value: object) -> None:
    with pytest.raises(SpellingError):
        parse_mountain_stamp(value)


def test_a_supplied_updated_at_picks_the_second_of_a_repeated_stamp() -> None:
    second = datetime(2026, 11, 1, 8, 30, tzinfo=UTC)
    assert parse_mountain_stamp("2026-11-01 01:30:00", sibling=second) == second


def test_an_unrelated_updated_at_leaves_a_repeated_stamp_at_the_first() -> None:
    other = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)
    assert parse_mountain_stamp("2026-11-01 01:30:00", sibling=other).hour == 7


def test_the_stamp_is_mountain_time_whatever_the_office() -> None:
    result = run(office="America/New_York", updated_at_mt="2026-11-22 15:04:05")
    assert result["values"]["updated_at"] == "2026-11-22T22:04:05Z"


def test_the_stamp_ignores_month_first() -> None:
    result = run(month_first=True, updated_at_mt="2026-11-22 15:04:05")
    assert result["values"]["updated_at"] == "2026-11-22T22:04:05Z"


def test_a_differing_updated_at_is_kept_and_reported() -> None:
    result = run(updated_at="2026-11-20T16:00:00Z")
    assert result["values"]["updated_at"] == "2026-11-20T16:00:00Z"
    assert found(result) == [
        ("updated_at_mismatch", None, None, "2026-11-20T16:00:00Z", "2026-11-20T17:00:00Z")
    ]


def test_an_agreeing_updated_at_is_no_discrepancy_even_with_a_fraction() -> None:
    assert found(run(updated_at="2026-11-20T10:00:00.5-07:00")) == []


@pytest.mark.parametrize("stamp", [None, "", "  "])
def test_a_blank_stamp_is_a_missing_param(stamp: object) -> None:
    assert run(updated_at_mt=stamp) == {"status": "missing-param", "params": ["updated_at_mt"]}


def test_month_first_false_equals_absent() -> None:
    assert run(month_first=False, **local("start", "2026-07-04 10:00"))["status"] == "action-successful"


def test_month_first_reads_month_then_day() -> None:
    result = run(month_first="true", date_start_local="12/3/2026", time_start_local="3:30 PM")
    assert pair(result, "start", "local") == "2026-12-03 15:30:00"


def test_an_unreadable_month_first_is_the_only_fault_of_its_dates() -> None:
    assert run(month_first="maybe", date_start_local="7/4/2026")["params"] == ["month_first"]


def test_every_fault_is_listed_in_position_order() -> None:
    result = run(time_duration_s=0, date_start_utc="x", date_start_local="x", created_at="x", allday="x")
    assert result == {
        "status": "invalid-param",
        "params": ["allday", "date_start_local", "created_at", "date_start_utc", "time_duration_s"],
    }


def test_missing_wins_and_both_kinds_are_listed() -> None:
    result = run(updated_at_mt="", date_start_utc="x")
    assert result == {"status": "missing-param", "params": ["updated_at_mt", "date_start_utc"]}


@pytest.mark.parametrize("name", ["created_at", "updated_at", "confirmed_at"])
def test_malformed_datetimes_are_refused(name: str) -> None:
    assert run(**{name: "yesterday"})["params"] == [name]


@pytest.mark.parametrize("seconds", [1, 604_800, "5400"])
def test_seconds_of_a_duration(seconds: object) -> None:
    assert run(time_duration_s=seconds)["values"]["time_duration_s"] == int(str(seconds))


@pytest.mark.parametrize("seconds", [0, 604_801, -1, True, 5400.0, "1h"])
def test_other_seconds_of_a_duration_are_refused(seconds: object) -> None:
    assert run(time_duration_s=seconds)["params"] == ["time_duration_s"]


@pytest.mark.parametrize("frame", ["utc", "local", "office"])
def test_the_end_of_the_stop_day_becomes_the_next_midnight(frame: str) -> None:
    result = run(**{f"date_stop_{frame}": "2026-12-31", f"time_stop_{frame}": "24:00"})
    assert pair(result, "stop", frame) == "2027-01-01 00:00:00"


def test_the_end_of_a_day_needs_its_own_date() -> None:
    result = run(date_stop_utc="2026-07-04", time_stop_local="24:00")
    assert result["params"] == ["time_stop_local"]


@pytest.mark.parametrize("name", ["time_start_local", "requested_time"])
def test_only_a_stop_ends_a_day(name: str) -> None:
    assert run(**{name: "24:00", "date_start_local": "2026-07-04"})["params"] == [name]


def test_durations_that_differ_conflict_and_the_seconds_win() -> None:
    result = run(**local("start", "2026-07-04 10:00"), time_duration="1:30", time_duration_s=3600)
    assert found(result) == [("duration_conflict", None, None, "5400", "3600")]
    assert pair(result, "stop", "local") == "2026-07-04 11:00:00"
    assert result["values"]["time_duration"] == "1:30"


def test_durations_that_agree_are_no_conflict() -> None:
    assert found(run(time_duration="1.5 hours", time_duration_s=5400)) == []


@pytest.mark.parametrize(
    ("seconds", "spelled"), [(5400, "01:30:00"), (604_800, "168:00:00"), (5, "00:00:05")]
)
def test_an_absent_time_duration_is_filled(seconds: int, spelled: str) -> None:
    assert run(time_duration_s=seconds)["values"]["time_duration"] == spelled


def test_an_absent_time_duration_is_filled_from_start_and_stop() -> None:
    result = run(**local("start", "2026-07-04 10:00"), **local("stop", "2026-07-04 12:30"))
    assert result["values"]["time_duration"] == "02:30:00"


def test_a_supplied_time_duration_stays_as_it_was_written() -> None:
    result = run(time_duration=" 1.5 Hours ")
    assert result["values"]["time_duration"] == "1.5 Hours"
    assert result["values"]["time_duration_s"] == 5400


@given(JSON)
def test_no_json_value_breaks_a_parser(value: object) -> None:
    for parse in (
        parse_boolean,
        parse_time,
        parse_duration,
        parse_mountain_stamp,
        lambda v: parse_integer(v, low=0, high=9),
        lambda v: parse_date(v, month_first=True),
        lambda v: parse_datetime(v, month_first=True),
    ):
        try:
            parse(value)
        except SpellingError as error:
            assert error.message.endswith(".")


@given(st.times().map(lambda at: at.replace(microsecond=0, fold=0)))
def test_a_time_is_read_back_from_both_clocks(at: time) -> None:
    half = "AM" if at.hour < 12 else "PM"
    assert parse_time(at.isoformat()) == at
    assert parse_time(f"{at.hour % 12 or 12}:{at.minute:02d}:{at.second:02d} {half}") == at


@given(st.dates(date(2000, 1, 1), date(2099, 12, 31)))
def test_a_date_is_read_back_in_both_orders(day: date) -> None:
    assert parse_date(day.isoformat(), month_first=False) == day
    assert parse_date(f"{day.month}/{day.day}/{day.year}", month_first=True) == day


@given(st.integers(1, 604_800))
def test_a_duration_is_read_back_from_every_spelling(seconds: int) -> None:
    hours, minutes, rest = seconds // 3600, seconds // 60 % 60, seconds % 60
    for text in (
        f"{hours}:{minutes:02d}:{rest:02d}",
        f"{hours}h{minutes}m{rest}s",
        f"{hours} hours, {minutes} min and {rest} secs",
        f"PT{hours}H{minutes}M{rest}S",
        f"PT{seconds}S",
    ):
        assert parse_duration(text) == seconds


def test_the_stamp_of_the_cases_is_valid() -> None:
    assert parse_mountain_stamp(STAMP).hour == 17


def test_a_stamp_in_the_skipped_hour_is_moved_on_without_a_notification() -> None:
    result = run(updated_at_mt="3/8/2026 2:30:00 AM")
    assert result["values"]["updated_at"] == "2026-03-08T09:30:00Z"
    assert found(result) == []


def test_an_existing_29_february_is_a_date_and_another_is_not() -> None:
    assert run(date_start_local="2028-02-29")["values"]["date_start_local"] == "2028-02-29"
    assert run(date_start_local="2027-02-29") == {"status": "invalid-param", "params": ["date_start_local"]}


def test_contradictions_between_well_formed_values_are_no_refusal() -> None:
    result = run(
        **local("start", "2026-07-04 10:00"), **local("stop", "2026-07-04 09:00"), time_duration="1h"
    )
    assert result["status"] == "action-successful"
    assert found(result) == [("stop_before_start", None, None, None, None)]
