"""Section 8: requested and window fields."""

from __future__ import annotations

import pytest

from tests.models.clock.cases import found, local, run


def test_requested_fields_are_only_spelled() -> None:
    result = run(requested_date="2026-03-08", requested_time="2:30 AM")
    assert result["values"]["requested_date"] == "2026-03-08"
    assert result["values"]["requested_time"] == "02:30:00"
    assert found(result) == []
    assert result["resolution"] == {"start": None, "stop": None}


def test_windows_never_fill_a_start() -> None:
    result = run(window_date_start="2026-07-04", window_time_start=28800)
    assert result["values"]["date_start_local"] is None


@pytest.mark.parametrize("seconds", [0, 86_400, "28800"])
def test_window_times_are_seconds_after_midnight(seconds: object) -> None:
    assert run(window_time_start=seconds)["values"]["window_time_start"] == int(str(seconds))


@pytest.mark.parametrize("seconds", [-1, 86_401, "8:00", 28800.0, True])
def test_other_window_times_are_refused(seconds: object) -> None:
    assert run(window_time_end=seconds)["params"] == ["window_time_end"]


@pytest.mark.parametrize(
    ("begin", "end", "kind"),
    [
        (480, 1020, "window_unit_suspect"),
        (8, 17, "window_unit_suspect"),
        (0, 1440, "window_unit_suspect"),
        (0, 1441, None),
        (28800, 61200, None),
        (61200, 28800, "window_time_reversed"),
        (28800, 28800, "window_time_reversed"),
        (1020, 480, "window_time_reversed"),
    ],
)
def test_window_times_are_looked_over(begin: int, end: int, kind: str | None) -> None:
    result = run(window_time_start=begin, window_time_end=end)
    assert found(result) == ([(kind, None, None, f"{begin}..{end}", None)] if kind else [])
    assert result["values"]["window_time_end"] == end


def test_window_dates_that_run_backwards_are_reported() -> None:
    result = run(window_date_start="2026-09-10", window_date_end="2026-09-01")
    assert found(result) == [("window_date_reversed", None, None, "2026-09-10..2026-09-01", None)]
    assert found(run(window_date_start="2026-09-01", window_date_end="2026-09-01")) == []


def test_half_a_window_is_fine() -> None:
    assert found(run(window_time_end=600, window_date_start="2026-09-01")) == []


def test_windows_of_all_day_appointments_are_looked_over_too() -> None:
    result = run(allday=True, window_time_start=2, window_time_end=1)
    assert found(result)[0][0] == "window_time_reversed"


def test_a_window_leaves_the_appointment_alone() -> None:
    result = run(**local("start", "2026-09-03 10:00"), window_time_start=28800, window_time_end=30000)
    assert result["values"]["time_start_local"] == "10:00:00"
