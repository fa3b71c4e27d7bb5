"""How a worked case is read: what came before, what is stored, where the property lies, and how it is compared."""

from __future__ import annotations

from typing import Any

import pytest

from models.clock import NO_ZONE, load_atlas
from models.clock.check import check, compare, find_zone
from tests.models.clock.cases import DENVER, NOW, STAMP, columns, local, new_rules, pair, utc

BEFORE = {"updated_at_mt": STAMP, **utc("start", "2026-07-04 16:00"), **local("stop", "2026-07-04 14:00")}


@pytest.mark.parametrize(
    ("trigger", "stop"),
    [
        (None, "2026-07-04 14:00:00"),
        ("update", "2026-07-04 14:00:00"),
        ("property_zone_changed", None),
        ("tzdata_changed", None),
    ],
)
def test_what_was_sent_before_counts_unless_only_the_world_changed(
    trigger: str | None, stop: str | None
) -> None:
    result = check(
        {
            "params": {"updated_at_mt": STAMP, **local("start", "2026-07-04 11:00")},
            "property": {"iana": DENVER},
            "trigger": trigger,
            "now": NOW,
            "previous": {"params": BEFORE},
        }
    )
    assert [pair(result, "start", "local"), pair(result, "stop", "local")] == ["2026-07-04 11:00:00", stop]


def test_stored_columns_may_be_null_and_the_stored_length_is_read() -> None:
    stored: dict[str, Any] = columns(start_utc="2026-11-10 16:00:00")
    stored |= {"date_stop_utc": None, "time_stop_utc": None, "time_duration_s": 32400}
    result = new_rules(utc("start", "2026-11-10 16:00"), stored)
    assert result["values"]["time_duration_s"] == 32400
    assert pair(result, "stop", "utc") is None


@pytest.mark.parametrize(
    "place",
    [
        {},
        {"iana": [DENVER]},
        {"lat": 39.7},
        {"lng": -104.9},
        {"lat": "nan", "lng": -104.9},
        {"lat": 39.7, "lng": "inf"},
        {"lat": True, "lng": False},
        {"lat": "north", "lng": "west"},
        {"zip": "  "},
        {"zip": True},
        {"zip": 80202.5},
    ],
)
def test_a_place_that_cannot_be_looked_up_has_no_zone_and_needs_no_atlas(place: dict[str, Any]) -> None:
    asked = load_atlas.cache_info()
    assert find_zone(place) == NO_ZONE
    assert load_atlas.cache_info() == asked


def test_compare_tells_every_difference_and_what_is_not_there_at_all() -> None:
    expect = {"status": "invalid-param", "values": {"a": 1}, "discrepancies": ["x"], "params": ["y"]}
    assert compare({"discrepancies": ["z"]}, expect) == [
        "status: expected 'invalid-param', got None",
        "values.a: expected 1, got None",
        "discrepancies: expected 'x'",
        "discrepancies: did not expect 'z'",
        "params: expected 'y'",
    ]
