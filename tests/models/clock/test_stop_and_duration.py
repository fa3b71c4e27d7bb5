"""Section 6: the stop, and durations as elapsed time."""

from __future__ import annotations

import pytest

from tests.models.clock.cases import found, local, office, pair, run, utc


@pytest.mark.parametrize(
    ("start", "stop", "seconds"),
    [
        ("2026-03-07 22:00", "2026-03-08 06:00:00", 7 * 3600),
        ("2026-10-31 22:00", "2026-11-01 06:00:00", 9 * 3600),
        ("2026-07-04 22:00", "2026-07-05 06:00:00", 8 * 3600),
    ],
)
def test_duration_is_elapsed_time(start: str, stop: str, seconds: int) -> None:
    derived = run(**local("start", start), time_duration_s=seconds)
    assert pair(derived, "stop", "local") == stop
    assert derived["resolution"]["stop"] == "derived"
    measured = run(**local("start", start), **local("stop", stop))
    assert measured["values"]["time_duration_s"] == seconds
    backwards = run(**local("stop", stop), time_duration_s=seconds)
    assert pair(backwards, "start", "local") == f"{start}:00"
    assert backwards["resolution"] == {"start": "derived", "stop": "exact"}


def test_a_missing_start_is_the_stop_minus_the_duration() -> None:
    result = run(zone="America/Phoenix", **office("stop", "2026-03-08 04:00"), time_duration="2h")
    assert pair(result, "start", "office") == "2026-03-08 01:00:00"
    assert pair(result, "start", "local") == "2026-03-08 01:00:00"
    assert pair(result, "stop", "local") == "2026-03-08 03:00:00"
    assert result["resolution"] == {"start": "derived", "stop": "exact"}


@pytest.mark.parametrize(
    ("bare", "stop", "mark"),
    [
        ({"time_stop_local": "12:00"}, "2026-07-04 18:00:00", "inferred"),
        ({"time_stop_local": "10:00"}, "2026-07-05 16:00:00", "inferred"),
        ({"time_stop_local": "09:00"}, "2026-07-05 15:00:00", "inferred"),
        ({"time_stop_utc": "18:00"}, "2026-07-04 18:00:00", "inferred"),
        ({"time_stop_office": "13:00"}, "2026-07-04 17:00:00", "inferred"),
        ({"time_stop_office": "13:00", "time_stop_utc": "18:00"}, "2026-07-04 18:00:00", "inferred"),
        ({"time_stop_local": "12:00", "time_duration_s": 7200}, "2026-07-04 18:00:00", "derived"),
        ({"time_stop_local": "12:00", "time_duration_s": 93600}, "2026-07-05 18:00:00", "derived"),
        ({"time_stop_office": "13:00", "date_stop_local": "2026-07-04"}, "2026-07-04 17:00:00", "inferred"),
    ],
)
def test_a_bare_stop_time(bare: dict[str, object], stop: str, mark: str) -> None:
    result = run(office="America/New_York", **local("start", "2026-07-04 10:00"), **bare)
    assert pair(result, "stop", "utc") == stop
    assert result["resolution"]["stop"] == mark


def test_a_bare_stop_time_that_the_duration_misses_wins_and_is_reported() -> None:
    result = run(**local("start", "2026-07-04 10:00"), time_stop_local="12:00", time_duration_s=3600)
    assert pair(result, "stop", "local") == "2026-07-04 12:00:00"
    assert found(result) == [("duration_mismatch", None, None, "3600", "7200")]


def test_a_lone_stop_date_is_only_checked() -> None:
    result = run(**local("start", "2026-07-04 10:00"), date_stop_local="2026-07-05", time_duration_s=3600)
    assert result["values"]["date_stop_local"] == "2026-07-05"
    assert pair(result, "stop", "utc") == "2026-07-04 17:00:00"
    assert found(result) == [("frame_mismatch", "stop", "local", "2026-07-05", "2026-07-04")]


def test_a_lone_stop_date_without_a_duration_stays_unresolved() -> None:
    result = run(**local("start", "2026-07-04 10:00"), date_stop_local="2026-07-04")
    assert result["resolution"] == {"start": "exact", "stop": "unresolved"}
    assert result["values"]["time_stop_local"] is None


def test_a_lone_start_date_is_checked_when_the_start_is_derived() -> None:
    result = run(date_start_local="2026-07-03", **local("stop", "2026-07-04 12:00"), time_duration_s=3600)
    assert result["resolution"] == {"start": "derived", "stop": "exact"}
    assert found(result) == [("frame_mismatch", "start", "local", "2026-07-03", "2026-07-04")]


def test_the_stop_wins_over_the_duration_and_both_are_kept() -> None:
    result = run(
        **local("start", "2026-07-04 10:00"), **local("stop", "2026-07-04 12:00"), time_duration_s=3600
    )
    assert result["values"]["time_duration_s"] == 3600
    assert result["values"]["time_duration"] == "01:00:00"
    assert pair(result, "stop", "local") == "2026-07-04 12:00:00"
    assert found(result) == [("duration_mismatch", None, None, "3600", "7200")]


@pytest.mark.parametrize("stop", ["2026-07-04 10:00", "2026-07-04 09:00", "2026-07-03 12:00"])
def test_a_stop_that_is_not_after_the_start_moves_nothing(stop: str) -> None:
    result = run(**local("start", "2026-07-04 10:00"), **local("stop", stop))
    assert pair(result, "stop", "local") == f"{stop}:00"
    assert result["values"]["time_duration_s"] is None
    assert result["values"]["time_duration"] is None
    assert found(result) == [("stop_before_start", None, None, None, None)]


def test_a_backwards_stop_is_not_measured_against_the_duration() -> None:
    result = run(
        **local("start", "2026-07-04 10:00"), **local("stop", "2026-07-04 09:00"), time_duration_s=3600
    )
    assert found(result) == [("stop_before_start", None, None, None, None)]
    assert result["values"]["time_duration_s"] == 3600


def test_walls_that_look_backwards_may_not_be() -> None:
    result = run(zone="America/Denver", **utc("start", "2026-11-01 07:45"), **utc("stop", "2026-11-01 08:15"))
    assert pair(result, "start", "local") == "2026-11-01 01:45:00"
    assert pair(result, "stop", "local") == "2026-11-01 01:15:00"
    assert found(result) == []
    assert result["values"]["time_duration_s"] == 1800


def test_nothing_derives_a_stop_without_a_start() -> None:
    result = run(time_stop_local="12:00", time_duration_s=3600)
    assert result["resolution"] == {"start": None, "stop": "unresolved"}


def test_a_duration_alone_is_only_spelled() -> None:
    result = run(time_duration="1h")
    assert result["resolution"] == {"start": None, "stop": None}
    assert result["values"]["time_duration_s"] == 3600


def test_a_span_of_more_than_a_week_is_measured_as_it_is() -> None:
    result = run(**office("start", "2026-07-01 10:00"), **office("stop", "2026-07-11 10:00"))
    assert result["values"]["time_duration_s"] == 864_000
    assert result["values"]["time_duration"] == "240:00:00"


def test_a_span_of_a_lifetime_has_no_length() -> None:
    """A slip in the year: start and stop stay as they were sent, for people to see."""
    result = run(**office("start", "2026-07-01 10:00"), **office("stop", "2099-07-01 10:00"))
    assert (result["values"]["time_duration_s"], result["values"]["time_duration"]) == (None, None)
    assert pair(result, "stop", "office") == "2099-07-01 10:00:00"
