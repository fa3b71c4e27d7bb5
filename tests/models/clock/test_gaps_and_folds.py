"""Section 5: wall times that don't exist, and wall times that occur twice."""

from __future__ import annotations

import pytest

from tests.models.clock.cases import CHICAGO, found, local, office, pair, run, utc

# Denver: 2026-03-08 02:00 -07:00 becomes 03:00 -06:00; 2026-11-01 02:00 -06:00 becomes 01:00 -07:00.


@pytest.mark.parametrize(
    ("zone", "wall", "shifted", "instant"),
    [
        ("America/Denver", "2026-03-08 02:30", "2026-03-08 03:30:00", "2026-03-08 09:30:00"),
        ("America/Denver", "2026-03-08 02:00", "2026-03-08 03:00:00", "2026-03-08 09:00:00"),
        ("America/New_York", "2026-03-08 02:59:59", "2026-03-08 03:59:59", "2026-03-08 07:59:59"),
        ("Australia/Lord_Howe", "2026-10-04 02:15", "2026-10-04 02:45:00", "2026-10-03 15:45:00"),
    ],
)
def test_a_nonexistent_time_takes_the_offset_before_the_gap(
    zone: str, wall: str, shifted: str, instant: str
) -> None:
    result = run(zone=zone, **local("start", wall))
    assert pair(result, "start", "utc") == instant
    typed = wall if wall.count(":") == 2 else f"{wall}:00"
    assert pair(result, "start", "local") == typed
    assert result["resolution"]["start"] == "gap"
    assert found(result) == [("nonexistent_time", "start", "local", typed, shifted)]


def test_a_nonexistent_office_time_that_decides() -> None:
    result = run(zone=CHICAGO, **office("start", "2026-03-08 02:30"))
    assert pair(result, "start", "local") == "2026-03-08 04:30:00"
    assert result["resolution"]["start"] == "gap"
    assert found(result)[0][:3] == ("nonexistent_time", "start", "office")


def test_a_nonexistent_office_time_is_one_with_the_offset_of_the_other_end_too() -> None:
    start = local("start", "2026-03-07 10:00") | utc("start", "2026-03-07 17:00")
    result = run(zone=None, **start, **office("stop", "2026-03-08 02:30"))
    assert result["resolution"] == {"start": "exact", "stop": "gap"}


def test_a_nonexistent_time_that_does_not_decide_is_only_reported() -> None:
    result = run(**utc("start", "2026-03-08 09:30"), **local("start", "2026-03-08 02:30"))
    assert result["resolution"]["start"] == "exact"
    assert found(result) == [
        ("nonexistent_time", "start", "local", "2026-03-08 02:30:00", "2026-03-08 03:30:00")
    ]


def test_a_nonexistent_time_that_also_disagrees_is_reported_twice() -> None:
    result = run(**utc("start", "2026-03-08 08:30"), **local("start", "2026-03-08 02:30"))
    assert [item[0] for item in found(result)] == ["nonexistent_time", "frame_mismatch"]
    assert found(result)[1][4] == "2026-03-08 01:30:00"


def test_an_ambiguous_time_is_the_earlier_and_marked() -> None:
    result = run(**local("start", "2026-11-01 01:30"))
    assert pair(result, "start", "utc") == "2026-11-01 07:30:00"
    assert result["resolution"]["start"] == "fold"
    assert found(result) == []


@pytest.mark.parametrize(
    ("evidence", "instant"),
    [
        (utc("start", "2026-11-01 08:30"), "08:30:00"),
        ({"time_start_utc": "08:30"}, "08:30:00"),
        ({"time_start_utc": "07:30"}, "07:30:00"),
        (office("start", "2026-11-01 02:30"), "07:30:00"),
        (office("start", "2026-11-01 03:30"), "08:30:00"),
        ({"time_start_office": "03:30"}, "08:30:00"),
    ],
)
def test_other_frames_of_the_endpoint_pick_an_ambiguous_time(evidence: dict[str, str], instant: str) -> None:
    result = run(office="America/New_York", **local("start", "2026-11-01 01:30"), **evidence)
    assert result["values"]["time_start_utc"] == instant
    assert result["resolution"]["start"] == "exact"
    assert found(result) == []


def test_a_frame_that_fits_neither_picks_nothing() -> None:
    result = run(
        office="America/New_York", **local("start", "2026-11-01 01:30"), **office("start", "2026-11-01 05:30")
    )
    assert result["resolution"]["start"] == "fold"
    assert found(result)[0][0] == "frame_mismatch"


def test_a_date_in_utc_picks_where_midnight_lies_between_the_two() -> None:
    result = run(zone="Europe/Kaliningrad", **local("start", "2010-10-31 02:30"), date_start_utc="2010-10-31")
    assert pair(result, "start", "utc") == "2010-10-31 00:30:00"
    assert result["resolution"]["start"] == "exact"


def test_a_local_date_without_a_zone_picks_nothing() -> None:
    result = run(zone=None, **office("start", "2026-11-01 01:30"), date_start_local="2026-11-01")
    assert result["resolution"]["start"] == "fold"


def test_a_frame_that_fits_both_picks_nothing() -> None:
    result = run(**local("start", "2026-11-01 01:30"), **office("start", "2026-11-01 01:30"))
    assert result["resolution"]["start"] == "fold"


@pytest.mark.parametrize(("seconds", "instant"), [(5400, "07:30:00"), (1800, "08:30:00")])
def test_the_duration_to_a_unique_stop_picks_the_start(seconds: int, instant: str) -> None:
    result = run(
        **local("start", "2026-11-01 01:30"), **local("stop", "2026-11-01 02:00"), time_duration_s=seconds
    )
    assert result["values"]["time_start_utc"] == instant
    assert result["resolution"]["start"] == "exact"
    assert found(result) == []


def test_a_bare_stop_time_that_is_the_same_for_both_starts_picks_too() -> None:
    result = run(**local("start", "2026-11-01 01:30"), time_stop_local="02:00", time_duration_s=1800)
    assert result["values"]["time_start_utc"] == "08:30:00"
    assert result["resolution"] == {"start": "exact", "stop": "derived"}


def test_a_bare_stop_time_that_comes_twice_itself_picks_none() -> None:
    result = run(
        office="America/Los_Angeles",
        **local("start", "2026-11-01 01:30"),
        time_stop_office="01:45",
        time_duration_s=900,
    )
    assert result["resolution"] == {"start": "fold", "stop": "fold"}
    assert result["values"]["time_stop_utc"] == "08:45:00"


def test_a_duration_that_fits_neither_start_picks_nothing() -> None:
    result = run(
        **local("start", "2026-11-01 01:30"), **local("stop", "2026-11-01 02:00"), time_duration_s=60
    )
    assert result["resolution"]["start"] == "fold"
    assert found(result) == [("duration_mismatch", None, None, "60", "5400")]


@pytest.mark.parametrize(("seconds", "stop"), [(5400, "08:45:00"), (1800, "07:45:00")])
def test_an_ambiguous_stop_is_no_evidence_for_the_start(seconds: int, stop: str) -> None:
    result = run(
        **local("start", "2026-11-01 01:15"), **local("stop", "2026-11-01 01:45"), time_duration_s=seconds
    )
    assert result["resolution"] == {"start": "fold", "stop": "exact"}
    assert result["values"]["time_start_utc"] == "07:15:00"
    assert result["values"]["time_stop_utc"] == stop


def test_a_bare_stop_time_that_is_another_for_each_start_picks_none() -> None:
    result = run(**local("start", "2026-11-01 01:30"), time_stop_utc="08:00", time_duration_s=1800)
    assert result["values"]["time_start_utc"] == "07:30:00"
    assert result["resolution"] == {"start": "fold", "stop": "derived"}


@pytest.mark.parametrize(("seconds", "instant"), [(5400, "07:30:00"), (9000, "08:30:00")])
def test_start_plus_duration_picks_an_ambiguous_stop(seconds: int, instant: str) -> None:
    result = run(
        **local("start", "2026-11-01 00:00"), **local("stop", "2026-11-01 01:30"), time_duration_s=seconds
    )
    assert result["values"]["time_stop_utc"] == instant
    assert result["resolution"]["stop"] == "exact"


@pytest.mark.parametrize("start", ["08:00", "07:30"])
def test_the_only_candidate_after_the_start_is_the_stop(start: str) -> None:
    result = run(**utc("start", f"2026-11-01 {start}"), **local("stop", "2026-11-01 01:30"))
    assert result["values"]["time_stop_utc"] == "08:30:00"
    assert result["resolution"]["stop"] == "exact"


def test_with_both_candidates_after_the_start_the_first_is_assumed() -> None:
    result = run(**local("start", "2026-11-01 00:30"), **local("stop", "2026-11-01 01:30"))
    assert result["values"]["time_stop_utc"] == "07:30:00"
    assert result["resolution"]["stop"] == "fold"


def test_a_bare_stop_time_takes_its_first_occurrence_after_the_start() -> None:
    assumed = run(**local("start", "2026-11-01 00:30"), time_stop_local="01:15")
    assert (assumed["values"]["time_stop_utc"], assumed["resolution"]["stop"]) == ("07:15:00", "fold")
    later = run(**utc("start", "2026-11-01 07:30"), time_stop_local="01:15")
    assert (later["values"]["time_stop_utc"], later["resolution"]["stop"]) == ("08:15:00", "inferred")


def test_a_bare_stop_time_in_a_gap() -> None:
    result = run(**local("start", "2026-03-08 01:00"), time_stop_local="02:30")
    assert pair(result, "stop", "local") == "2026-03-08 02:30:00"
    assert pair(result, "stop", "utc") == "2026-03-08 09:30:00"
    assert result["resolution"]["stop"] == "gap"
    assert found(result) == [
        ("nonexistent_time", "stop", "local", "2026-03-08 02:30:00", "2026-03-08 03:30:00")
    ]
