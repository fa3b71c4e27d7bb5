"""Section 7: all-day appointments."""

from __future__ import annotations

import pytest

from tests.models.clock.cases import found, pair, run

FRAMES = ("utc", "local", "office")


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("zone", ["America/Anchorage", "Pacific/Auckland", None])
def test_the_date_is_copied_to_every_frame_whatever_the_zone(frame: str, zone: str | None) -> None:
    result = run(zone=zone, allday=True, **{f"date_start_{frame}": "2026-07-04"})
    assert {pair(result, end, f) for end in ("start", "stop") for f in FRAMES} == {"2026-07-04"}
    assert result["resolution"] == {"start": "allday", "stop": "allday"}


def test_local_decides_before_office_before_utc() -> None:
    result = run(
        allday=True,
        date_start_local="2026-07-04",
        date_start_office="2026-07-03",
        date_start_utc="2026-07-05",
    )
    assert result["values"]["date_stop_utc"] == "2026-07-04"
    assert result["values"]["date_start_utc"] == "2026-07-05"
    assert found(result) == [
        ("frame_mismatch", "start", "utc", "2026-07-05", "2026-07-04"),
        ("frame_mismatch", "start", "office", "2026-07-03", "2026-07-04"),
    ]


def test_the_stop_date_is_inclusive() -> None:
    result = run(allday=True, date_start_local="2026-07-04", date_stop_local="2026-07-06")
    assert pair(result, "stop", "utc") == "2026-07-06"
    assert found(result) == []


def test_only_a_stop_leaves_the_start_null() -> None:
    result = run(allday=True, date_stop_local="2026-07-06")
    assert result["resolution"] == {"start": None, "stop": "allday"}
    assert pair(result, "start", "local") is None


def test_times_stay_and_are_reported_per_endpoint_and_frame() -> None:
    result = run(
        allday=True, date_start_local="2026-07-04", time_start_local="9:00", time_stop_office="10:00"
    )
    assert result["values"]["time_start_local"] == "09:00:00"
    assert result["values"]["time_start_utc"] is None
    assert found(result) == [
        ("allday_with_time", "start", "local", "09:00:00", None),
        ("allday_with_time", "stop", "office", "10:00:00", None),
    ]


def test_a_duration_stays_is_reported_and_fills_nothing() -> None:
    result = run(allday=True, date_start_local="2026-07-04", time_duration="24:00")
    assert result["values"]["time_duration"] == "24:00"
    assert result["values"]["time_duration_s"] is None
    assert found(result) == [("allday_with_duration", None, None, "86400", None)]


def test_a_stop_before_the_start_is_reported() -> None:
    result = run(allday=True, date_start_local="2026-07-04", date_stop_local="2026-07-03")
    assert found(result) == [("stop_before_start", None, None, None, None)]


def test_dates_without_allday_are_to_be_decided() -> None:
    result = run(allday=False, date_start_local="2026-07-04", date_stop_local="2026-07-04")
    assert result["resolution"] == {"start": "unresolved", "stop": "unresolved"}
    assert result["values"]["date_start_utc"] is None


def test_allday_without_any_date() -> None:
    assert run(allday=True)["resolution"] == {"start": None, "stop": None}
    assert run(allday=True, time_start_local="9:00")["resolution"]["start"] == "unresolved"


def test_a_day_without_midnight_is_a_day() -> None:
    result = run(zone="America/Havana", allday=True, date_start_local="2026-03-08")
    assert pair(result, "start", "utc") == "2026-03-08"
    assert found(result) == []
