"""Section 3: which zone is local, and what is done when nobody knows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from models.clock import Place, Supplied, explain_discrepancy, load_atlas, reconcile, zone_of
from models.clock.zones import Zone
from tests.models.clock.cases import found, local, office, pair, run, utc

FLAGSTAFF = {"lat": 35.1983, "lng": -111.6513}
DENVER_SPOT = {"lat": 39.74, "lng": -104.99}
SEA = {"lat": 40.0, "lng": -60.0}


@pytest.mark.parametrize(
    ("place", "name", "source"),
    [
        ({"iana": "America/Chicago", **FLAGSTAFF, "zip": "46201"}, "America/Chicago", "property"),
        ({"iana": " America/Chicago "}, "America/Chicago", "property"),
        ({"iana": "US/Mountain"}, "US/Mountain", "property"),
        ({"iana": None, **FLAGSTAFF, "zip": "46201"}, "America/Phoenix", "latlng"),
        ({"iana": "Mars/Phobos", **FLAGSTAFF}, "America/Phoenix", "latlng"),
        ({"iana": "america/denver", **FLAGSTAFF}, "America/Phoenix", "latlng"),
        ({"iana": "Etc/UTC", **FLAGSTAFF}, "America/Phoenix", "latlng"),
        ({"iana": "", "lat": "35.1983", "lng": "-111.6513"}, "America/Phoenix", "latlng"),
        ({**SEA, "zip": "46201"}, "America/Indiana/Indianapolis", "zip"),
        ({"lat": 0, "lng": 0, "zip": "46201"}, "America/Indiana/Indianapolis", "zip"),
        ({"lat": 91, "lng": 0, "zip": "46201"}, "America/Indiana/Indianapolis", "zip"),
        ({"lat": 35.0, "lng": None, "zip": "46201"}, "America/Indiana/Indianapolis", "zip"),
        ({"zip": "46201-1234"}, "America/Indiana/Indianapolis", "zip"),
        ({"zip": "37405"}, "America/New_York", "zip"),
        ({"zip": "99634"}, "America/Anchorage", "zip"),
        ({"zip": "00926"}, "America/Puerto_Rico", "zip"),
        ({"zip": 926}, "America/Puerto_Rico", "zip"),
        ({"zip": "09001"}, None, "none"),
        ({"zip": "99999"}, None, "none"),
        ({"zip": "4620"}, None, "none"),
        ({**SEA}, None, "none"),
        ({"lat": "north", "lng": True}, None, "none"),
        ({}, None, "none"),
    ],
)
def test_the_first_source_with_an_answer_names_the_zone(
    place: dict[str, object], name: str | None, source: str
) -> None:
    zone = run(place=place)["zone"]
    assert (zone["name"], zone["source"]) == (name, source)


def test_a_zip_without_a_usable_centroid_keeps_its_own_zone() -> None:
    assert load_atlas().zone_of_zip("11805") == "America/New_York"


def test_a_lower_source_with_other_offsets_is_reported() -> None:
    result = run(place={"iana": "America/Denver", **FLAGSTAFF}, **local("start", "2026-01-10 10:00"))
    assert found(result) == [("zone_source_mismatch", None, "local", "America/Phoenix", "America/Denver")]


@pytest.mark.parametrize(
    ("place", "sources"),
    [
        ({"iana": "America/Denver", **FLAGSTAFF}, ("property", "latlng")),
        ({"iana": "America/Denver", "zip": "86001"}, ("property", "zip")),
        ({"iana": "America/Denver", **FLAGSTAFF, "zip": "86001"}, ("property", "latlng", "zip")),
        ({**FLAGSTAFF, "zip": "46201"}, ("latlng", "zip")),
    ],
)
def test_it_is_told_which_sources_disagree(place: dict[str, object], sources: tuple[str, ...]) -> None:
    names = {"property": "zone's name", "latlng": "position", "zip": "ZIP code"}
    finding = zone_of(Place(**place), load_atlas())
    (told,) = reconcile(Supplied(), finding, "America/Denver").discrepancies
    assert told.sources == sources
    said = explain_discrepancy(told)
    assert {source for source, name in names.items() if name in said} == set(sources), said
    assert "the property in" in said and "counts" in said


def test_a_lower_source_with_another_name_and_the_same_offsets_is_not() -> None:
    assert found(run(place={"iana": "America/Boise", **DENVER_SPOT, "zip": "80202"})) == []


def test_two_lower_sources_that_lose_alike_are_one_discrepancy() -> None:
    result = run(place={"iana": "America/Denver", **FLAGSTAFF, "zip": "86001"})
    assert len(found(result)) == 1


def test_position_is_checked_against_the_zip() -> None:
    result = run(place={**FLAGSTAFF, "zip": "46201"})
    assert found(result) == [
        ("zone_source_mismatch", None, "local", "America/Indiana/Indianapolis", "America/Phoenix")
    ]


def test_sources_are_compared_in_the_year_of_the_appointment() -> None:
    edmonton = {"iana": "America/Edmonton", **DENVER_SPOT}
    assert found(run(place=edmonton, **local("start", "2025-01-10 10:00"))) == []
    assert len(found(run(place=edmonton, **local("start", "2027-01-10 10:00")))) == 1


def test_without_an_atlas_only_the_property_is_asked() -> None:
    assert zone_of(Place(lat=35.0, lng=-111.0, zip="46201")).zone is None
    assert zone_of(Place(iana="America/Denver", lat=35.0)).zone == Zone("America/Denver", "property")


def test_the_office_zone_never_stands_in() -> None:
    result = run(zone=None, **utc("start", "2026-07-04 16:00"))
    assert pair(result, "start", "local") is None
    assert pair(result, "start", "office") == "2026-07-04 10:00:00"
    assert result["zone"] == {"name": None, "source": "none"}


def test_importing_the_clocks_loads_no_atlas() -> None:
    code = (
        "import sys, models.clock, models.clock.check;"
        "sys.exit(any(m in sys.modules for m in ('numpy', 'timezonefinder', 'zipcodes', 'h3')))"
    )
    root = Path(__file__).parents[3]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


# Zone unknown


def test_local_minus_utc_is_the_offset() -> None:
    result = run(zone=None, **local("start", "2030-07-26 10:30"), **utc("start", "2030-07-26 17:30"))
    assert result["zone"] == {"name": None, "source": "inferred_offset", "offset_s": {"start": -25200}}
    assert result["resolution"] == {"start": "exact", "stop": None}


def test_without_utc_local_minus_office_is_the_offset() -> None:
    result = run(zone=None, **local("start", "2030-07-26 10:30"), **office("start", "2030-07-26 11:30"))
    assert result["zone"]["offset_s"] == {"start": -25200}
    assert pair(result, "start", "utc") == "2030-07-26 17:30:00"
    assert result["resolution"]["start"] == "exact"


def test_the_offset_of_one_endpoint_serves_the_other_as_inferred() -> None:
    result = run(
        zone=None,
        **local("start", "2030-07-26 10:30"),
        **utc("start", "2030-07-26 17:30"),
        **local("stop", "2030-07-26 12:00"),
    )
    assert pair(result, "stop", "utc") == "2030-07-26 19:00:00"
    assert result["resolution"]["stop"] == "inferred"


def test_the_offset_of_the_stop_serves_the_start() -> None:
    result = run(
        zone=None,
        **utc("start", "2030-07-26 17:30"),
        **local("stop", "2030-07-26 12:00"),
        **utc("stop", "2030-07-26 19:00"),
    )
    assert pair(result, "start", "local") == "2030-07-26 10:30:00"
    assert result["resolution"] == {"start": "inferred", "stop": "exact"}
    assert result["zone"]["offset_s"] == {"start": -25200, "stop": -25200}


@pytest.mark.parametrize("wall", ["2030-07-26 05:30", "2030-07-27 07:30", "2030-07-26 23:15"])
def test_offsets_from_minus_12_to_plus_14_in_quarter_hours_are_plausible(wall: str) -> None:
    result = run(zone=None, **local("start", wall), **utc("start", "2030-07-26 17:30"))
    assert result["zone"]["source"] == "inferred_offset"


@pytest.mark.parametrize(
    ("wall", "offset"),
    [
        ("2030-07-26 05:15", "-44100"),
        ("2030-07-27 07:45", "51300"),
        ("2030-07-26 10:31", "-25140"),
        ("2030-07-28 17:30", "172800"),
    ],
)
def test_an_implausible_offset_is_reported_and_not_used(wall: str, offset: str) -> None:
    result = run(zone=None, **local("start", wall), **utc("start", "2030-07-26 17:30"), time_duration_s=3600)
    assert found(result) == [("implausible_offset", "start", "local", offset, None)]
    assert result["zone"] == {"name": None, "source": "none"}
    assert result["resolution"] == {"start": "exact", "stop": "derived"}
    assert pair(result, "start", "local") == f"{wall}:00"
    assert pair(result, "stop", "local") is None


@pytest.mark.parametrize("stop", ["2030-11-03 11:00", "2030-11-03 11:30", "2030-11-03 12:00"])
def test_start_and_stop_offsets_may_differ_by_a_dst_step(stop: str) -> None:
    result = run(
        zone=None,
        **local("start", "2030-11-02 10:00"),
        **utc("start", "2030-11-02 16:00"),
        **local("stop", stop),
        **utc("stop", "2030-11-03 18:00"),
    )
    assert found(result) == []
    assert result["resolution"]["stop"] == "exact"


def test_offsets_further_apart_are_inconsistent_and_the_start_applies() -> None:
    result = run(
        zone=None,
        **local("start", "2030-07-26 10:00"),
        **utc("start", "2030-07-26 17:00"),
        **local("stop", "2030-07-26 16:00"),
        **utc("stop", "2030-07-26 20:00"),
    )
    assert found(result) == [
        ("offset_inconsistent", "stop", "local", "-14400", "-25200"),
        ("frame_mismatch", "stop", "local", "2030-07-26 16:00:00", "2030-07-26 13:00:00"),
    ]
    assert result["zone"]["offset_s"] == {"start": -25200, "stop": -25200}


def test_a_stop_that_was_given_the_offset_of_the_start_is_inferred() -> None:
    result = run(
        zone=None,
        **local("start", "2030-07-26 10:00"),
        **utc("start", "2030-07-26 17:00"),
        **local("stop", "2030-07-26 12:00"),
        **office("stop", "2030-07-26 15:00"),
    )
    assert found(result)[0] == ("offset_inconsistent", "stop", "local", "-32400", "-25200")
    assert pair(result, "stop", "utc") == "2030-07-26 19:00:00"
    assert result["resolution"] == {"start": "exact", "stop": "inferred"}


@pytest.mark.parametrize(
    ("day", "offset", "mark"), [("30", 10800, "exact"), ("31", 7200, "exact"), ("29", 10800, "fold")]
)
def test_a_date_in_utc_tells_which_of_two_office_times_gave_the_offset(
    day: str, offset: int, mark: str
) -> None:
    # Kaliningrad went back at midnight in UTC: half past two was 23:30 in UTC, and again 00:30.
    result = run(
        zone=None,
        office="Europe/Kaliningrad",
        **local("start", "2010-10-31 02:30"),
        **office("start", "2010-10-31 02:30"),
        date_start_utc=f"2010-10-{day}",
    )
    assert result["zone"]["offset_s"] == {"start": offset}
    assert result["resolution"]["start"] == mark


def test_a_zone_is_never_written_from_an_offset() -> None:
    result = run(zone=None, **local("start", "2030-01-26 10:00"), **utc("start", "2030-01-26 17:00"))
    assert result["zone"]["name"] is None


def test_without_an_offset_local_stays_and_utc_and_office_fill_each_other() -> None:
    result = run(zone=None, **office("start", "2030-07-26 11:30"), time_start_local="10:30")
    assert pair(result, "start", "utc") == "2030-07-26 17:30:00"
    assert pair(result, "start", "local") == "10:30:00"
    assert result["resolution"]["start"] == "exact"


@pytest.mark.parametrize(
    ("params", "start", "stop", "seconds"),
    [
        (
            {**local("start", "2030-03-10 01:30"), "time_duration_s": 3600},
            "2030-03-10 01:30:00",
            "2030-03-10 02:30:00",
            3600,
        ),
        (
            {**local("start", "2030-07-26 10:00"), **local("stop", "2030-07-26 12:00")},
            "2030-07-26 10:00:00",
            "2030-07-26 12:00:00",
            7200,
        ),
        (
            {**local("stop", "2030-07-26 12:00"), "time_duration": "2h"},
            "2030-07-26 10:00:00",
            "2030-07-26 12:00:00",
            7200,
        ),
        (
            {**local("start", "2030-07-26 22:00"), "time_stop_local": "01:00"},
            "2030-07-26 22:00:00",
            "2030-07-27 01:00:00",
            10800,
        ),
    ],
)
def test_local_walls_alone_fill_each_other_at_one_offset(
    params: dict[str, object], start: str, stop: str, seconds: int
) -> None:
    result = run(zone=None, **params)
    assert (pair(result, "start", "local"), pair(result, "stop", "local")) == (start, stop)
    assert result["values"]["time_duration_s"] == seconds
    assert [pair(result, end, frame) for end in ("start", "stop") for frame in ("utc", "office")] == [
        None
    ] * 4
    assert result["resolution"] == {"start": "unresolved", "stop": "unresolved"}
    assert result["discrepancies"] == []


def test_local_walls_alone_are_checked_too() -> None:
    result = run(
        zone=None,
        **local("start", "2030-07-26 10:00"),
        **local("stop", "2030-07-26 12:00"),
        time_duration_s=60,
    )
    assert found(result) == [("duration_mismatch", None, None, "60", "7200")]
    backwards = run(zone=None, **local("start", "2030-07-26 10:00"), **local("stop", "2030-07-26 09:00"))
    assert found(backwards) == [("stop_before_start", None, None, None, None)]


def test_a_doubtful_office_time_makes_a_doubtful_start() -> None:
    result = run(zone=None, **local("start", "2026-11-01 00:30"), **office("start", "2026-11-01 01:30"))
    assert result["resolution"]["start"] == "fold"
    settled = run(
        zone=None,
        **local("start", "2026-11-01 00:30"),
        **office("start", "2026-11-01 01:30"),
        time_start_utc="08:30",
    )
    assert settled["resolution"]["start"] == "exact"
    assert settled["zone"]["offset_s"] == {"start": -28800}
