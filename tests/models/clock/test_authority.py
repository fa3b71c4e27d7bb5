"""Section 4: which supplied pair gives the instant, and what the others are compared with."""

from __future__ import annotations

import pytest

from tests.models.clock.cases import found, local, office, pair, run, utc


def test_utc_comes_before_local() -> None:
    result = run(**utc("start", "2026-07-04 16:00"), **local("start", "2026-07-04 11:00"))
    assert pair(result, "start", "office") == "2026-07-04 10:00:00"
    assert pair(result, "start", "local") == "2026-07-04 11:00:00"
    assert found(result) == [
        ("frame_mismatch", "start", "local", "2026-07-04 11:00:00", "2026-07-04 10:00:00")
    ]


def test_local_comes_before_office() -> None:
    result = run(
        zone="America/Chicago", **local("start", "2026-07-04 11:00"), **office("start", "2026-07-04 11:00")
    )
    assert pair(result, "start", "utc") == "2026-07-04 16:00:00"
    assert found(result) == [
        ("frame_mismatch", "start", "office", "2026-07-04 11:00:00", "2026-07-04 10:00:00")
    ]


def test_office_counts_where_nothing_else_is_complete() -> None:
    result = run(zone="America/New_York", **office("start", "2026-07-04 10:00"))
    assert pair(result, "start", "local") == "2026-07-04 12:00:00"


def test_the_office_zone_is_configurable() -> None:
    result = run(office="America/New_York", **office("start", "2026-07-04 10:00"))
    assert pair(result, "start", "local") == "2026-07-04 08:00:00"


def test_an_incomplete_pair_of_a_higher_frame_gives_way() -> None:
    result = run(date_start_utc="2026-07-04", **local("start", "2026-07-04 10:00"))
    assert pair(result, "start", "utc") == "2026-07-04 16:00:00"
    assert found(result) == []


@pytest.mark.parametrize(
    ("lone", "discrepancy"),
    [
        ({"date_start_utc": "2026-07-05"}, ("start", "utc", "2026-07-05", "2026-07-04")),
        ({"time_start_utc": "15:00"}, ("start", "utc", "15:00:00", "16:00:00")),
        ({"time_start_office": "11:00"}, ("start", "office", "11:00:00", "10:00:00")),
    ],
)
def test_a_lone_date_or_time_is_compared_in_its_own_parts(
    lone: dict[str, str], discrepancy: tuple[str, ...]
) -> None:
    result = run(**local("start", "2026-07-04 10:00"), **lone)
    assert found(result) == [("frame_mismatch", *discrepancy)]
    for name, value in lone.items():
        assert result["values"][name].startswith(value)


@pytest.mark.parametrize(
    "params",
    [
        {"date_start_local": "2026-07-04", "time_start_office": "10:00"},
        {"time_start_local": "10:00"},
        {"date_start_local": "2026-07-04"},
        {"time_start_utc": "10:00", "date_start_office": "2026-07-04"},
        {"date_start_local": "2026-07-04", "time_duration_s": 3600},
    ],
)
def test_nothing_is_paired_across_frames_and_no_start_date_invented(params: dict[str, object]) -> None:
    result = run(**params)
    assert result["resolution"] == {"start": "unresolved", "stop": None}
    filled = {name for name, value in result["values"].items() if "_start_" in name and value is not None}
    assert filled == {name for name in params if "_start_" in name}


def test_a_start_without_a_date_leaves_a_complete_stop_alone() -> None:
    result = run(time_start_local="10:00", **local("stop", "2026-07-04 12:00"))
    assert result["resolution"] == {"start": "unresolved", "stop": "exact"}
    assert result["values"]["time_duration_s"] is None


def test_each_endpoint_has_its_own_authority() -> None:
    result = run(**utc("start", "2026-07-04 16:00"), **office("stop", "2026-07-04 12:00"))
    assert pair(result, "stop", "utc") == "2026-07-04 18:00:00"
    assert result["values"]["time_duration_s"] == 7200


def test_an_absent_appointment_time_is_no_fault() -> None:
    assert run()["resolution"] == {"start": None, "stop": None}
