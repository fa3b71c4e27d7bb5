"""Section 9: what stays as it was stored when the rules of time zones are new, and what is still said of it."""

from __future__ import annotations

from typing import Any

import pytest

from models.clock import Discrepancy, Place, Recomputed, Stored, Supplied, recompute_for_tzdata, zone_of
from models.clock.spellings import parse_datetime
from tests.models.clock.cases import (
    DENVER,
    EDMONTON,
    NOW,
    columns,
    found,
    local,
    new_rules,
    pair,
    utc,
)

# Edmonton goes back no more after October 2026; what was stored by the old rules did, on the first of November.
ACROSS = columns(
    start_utc="2026-11-01 04:00:00",
    start_local="2026-10-31 22:00:00",
    stop_utc="2026-11-01 13:00:00",
    stop_local="2026-11-01 06:00:00",
)
LATE = columns(start_utc="2026-11-10 16:00:00", start_local="2026-11-10 09:00:00")
LATER = columns(start_utc="2027-01-12 16:00:00", start_local="2027-01-12 09:00:00")


def recomputed(
    given: dict[str, Any], stored: dict[str, Any], known: tuple[Discrepancy, ...] | None = None
) -> Recomputed:
    """The outcome for a property in Edmonton, as it is at `NOW`."""
    read = Supplied.from_json(stored)
    rows = Stored({name: getattr(read, name) for name in stored}, known)
    now = parse_datetime(NOW, month_first=False)
    return recompute_for_tzdata(Supplied.from_json(given), zone_of(Place(EDMONTON)), DENVER, rows, now=now)


def mismatch(endpoint: str, frame: str) -> dict[str, Any]:
    return {
        "kind": "frame_mismatch",
        "endpoint": endpoint,
        "frame": frame,
        "supplied": "2027-01-12 08:00:00",
        "expected": "2027-01-12 09:00:00",
    }


@pytest.mark.parametrize("stored", [ACROSS | {"time_duration_s": 32400}, LATE], ids=["stop", "start"])
def test_the_past_keeps_its_instants_its_length_and_what_was_supplied(stored: dict[str, Any]) -> None:
    given = {name: value for name, value in stored.items() if name.endswith("local")}
    outcome = recomputed(given, stored)
    kept = outcome.reconciliation
    assert {name: kept.values_json()[name] for name in stored} == stored
    instants = [
        None if instant is None else f"{instant:%Y-%m-%d %H:%M:%S}"
        for instant in (kept.start_instant, kept.stop_instant)
    ]
    assert instants == [
        pair({"values": {**dict.fromkeys(kept.values), **stored}}, end, "utc") for end in ("start", "stop")
    ]
    assert outcome.supplied == Supplied.from_json(given)


def test_the_past_keeps_the_contradictions_that_are_known_of_it() -> None:
    known = (Discrepancy("stop_before_start"),)
    assert recomputed({}, LATE, known).reconciliation.discrepancies == known


@pytest.mark.parametrize(
    ("given", "said"),
    [
        # A lone time has no day: half past eleven at night and half past midnight are an hour apart.
        (utc("start", "2026-11-10 06:30") | {"time_start_local": "23:30"}, []),
        (utc("start", "2026-11-10 05:30") | {"time_start_local": "00:30"}, []),
        (utc("start", "2026-11-10 06:30") | {"time_start_local": "22:30"}, ["frame_mismatch"]),
        # With its day a time 23 hours away is no step of daylight-saving time.
        (utc("start", "2026-11-10 16:00") | local("start", "2026-11-09 11:00"), ["frame_mismatch"]),
        (utc("start", "2026-03-08 09:30") | local("start", "2026-03-08 02:30"), ["nonexistent_time"]),
    ],
)
def test_of_a_past_that_was_supplied_whole_only_a_step_of_the_clocks_may_be_the_rules_doing(
    given: dict[str, str], said: list[str]
) -> None:
    # What is stored is what is computed, as nothing could move it; that proves nothing of the rules.
    now = new_rules(given, {}, now="2000-01-01T00:00:00Z")
    result = new_rules(given, {name: value for name, value in now["values"].items() if value is not None})
    assert [item[0] for item in found(result)] == said


def test_a_stop_moves_alone_when_only_its_rules_changed() -> None:
    given = utc("start", "2026-11-01 04:00") | utc("stop", "2026-11-01 13:00")
    result = new_rules(given, ACROSS, now="2026-10-01T00:00:00Z")
    assert [pair(result, "start", "utc"), pair(result, "stop", "utc")] == [
        "2026-11-01 04:00:00",
        "2026-11-01 12:00:00",
    ]
    assert found(result) == [
        ("tz_rules_changed", "stop", "utc", "2026-11-01 13:00:00", "2026-11-01 12:00:00")
    ]


def test_a_stop_without_a_start_moves_too() -> None:
    stored = {name.replace("start", "stop"): value for name, value in LATER.items()}
    result = new_rules(utc("stop", "2027-01-12 16:00"), stored)
    assert pair(result, "stop", "utc") == "2027-01-12 15:00:00"
    assert [item[:2] for item in found(result)] == [("tz_rules_changed", "stop")]


@pytest.mark.parametrize(
    "stored",
    [
        {},
        columns(start_utc="2027-01-12 16:00:00"),
        columns(start_utc="2027-01-12 16:00:00") | {"date_start_local": "2027-01-12"},
        columns(start_utc="2027-01-12 16:00:00") | {"time_start_local": "09:00:00"},
    ],
)
def test_without_a_stored_local_time_nobody_was_told_one_and_nothing_moves(stored: dict[str, str]) -> None:
    result = new_rules(utc("start", "2027-01-12 16:00"), stored)
    assert pair(result, "start", "utc") == "2027-01-12 16:00:00"
    assert found(result) == []


@pytest.mark.parametrize(
    ("known", "moved"),
    [
        (mismatch("start", "local"), False),
        (mismatch("start", "office"), True),
        (mismatch("stop", "local"), True),
        ({"kind": "zone_source_mismatch", "frame": "local", "supplied": DENVER, "expected": EDMONTON}, True),
        (mismatch("start", "local") | {"kind": "nonexistent_time"}, True),
    ],
)
def test_only_a_local_time_that_never_agreed_keeps_an_endpoint_from_moving(
    known: dict[str, Any], moved: bool
) -> None:
    given = utc("start", "2027-01-12 16:00") | local("start", "2027-01-12 09:00")
    result = new_rules(given, LATER, discrepancies=[known])
    assert pair(result, "start", "utc") == ("2027-01-12 15:00:00" if moved else "2027-01-12 16:00:00")


def test_whole_days_keep_what_was_supplied() -> None:
    given = {"allday": True, "date_start_local": "2027-01-12"}
    assert recomputed(given, {"date_start_local": "2027-01-12"}).supplied == Supplied.from_json(given)


def test_the_spelled_length_of_the_past_is_that_of_its_seconds() -> None:
    stored = ACROSS | {"time_duration_s": 32400}
    given = {name: value for name, value in stored.items() if name.endswith("local")}
    assert recomputed(given, stored).reconciliation.values["time_duration"] == "09:00:00"
