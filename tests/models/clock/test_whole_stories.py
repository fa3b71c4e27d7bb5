"""What is said of a whole appointment, sentence by sentence, and of each kind of contradiction."""

from __future__ import annotations

from typing import Any

import pytest

from models.clock import (
    Discrepancy,
    Zone,
    ZoneFinding,
    explain,
    explain_discrepancy,
    read_params,
    reconcile,
)
from tests.models.clock.cases import CHICAGO, DENVER, STAMP, local, office, utc

STORIES: dict[str, tuple[Zone | None, dict[str, Any], list[str]]] = {
    "an assumed fold": (
        Zone(DENVER, "latlng"),
        local("start", "2026-11-01 01:30") | {"time_duration_s": 3600},
        [
            "Local times are in America/Denver: the property's position lies in it.",
            (
                "Start: 2026-11-01 01:30:00 on the property's clock decides; without a complete UTC time, the"
                " property's clock counts before the office's."
            ),
            (
                "Start: the clocks are set back and show this time twice; nothing tells which is meant, so the"
                " first is assumed. Please check."
            ),
            "Start: filled in from that: the time in UTC and on the office's clock.",
            "Stop: 2026-11-01 01:30:00, derived as start + 1 h elapsed.",
            "In between the clocks at the property go back by 1 h, so they show 0 s while 1 h pass.",
        ],
    ),
    "a second of two": (
        Zone(DENVER, "zip"),
        utc("start", "2026-11-01 08:30") | local("stop", "2026-11-01 01:45"),
        [
            "Local times are in America/Denver: the property's ZIP code lies in it.",
            "Start: 2026-11-01 08:30:00 in UTC decides; UTC comes first because it can mean only one moment.",
            "Start: filled in from that: the time on the property's clock and on the office's clock.",
            (
                "Stop: 2026-11-01 01:45:00 on the property's clock decides; without a complete UTC time, the"
                " property's clock counts before the office's."
            ),
            "Stop: the clocks show this time twice; the other times tell that the second is meant.",
            "Stop: filled in from that: the time in UTC and on the office's clock.",
            "Duration: 15 m, the time elapsed from start to stop.",
        ],
    ),
    "a gap": (
        Zone(DENVER, "property"),
        local("start", "2026-03-08 01:00") | {"time_stop_local": "02:30"},
        [
            "Local times are in America/Denver: the property's record names it.",
            (
                "Start: 2026-03-08 01:00:00 on the property's clock decides; without a complete UTC time, the"
                " property's clock counts before the office's."
            ),
            "Start: filled in from that: the time in UTC and on the office's clock.",
            (
                "Stop: 2026-03-08 02:30:00 on the property's clock decides; without a complete UTC time, the"
                " property's clock counts before the office's."
            ),
            "Stop: the clocks are set forward past the typed time, so it counts as that much later.",
            "Stop: filled in from that: the time in UTC and on the office's clock.",
            "Duration: 1 h 30 m, the time elapsed from start to stop.",
            (
                "In between the clocks at the property go forward by 1 h, so they show 2 h 30 m while 1 h 30 m"
                " pass."
            ),
            (
                "Stop: 2026-03-08 02:30:00 does not exist on the property's clock, which jumps over it; it is"
                " read as 2026-03-08 03:30:00. The supplied value was kept."
            ),
        ],
    ),
    "a bare stop": (
        Zone(CHICAGO, "property"),
        office("start", "2026-07-04 22:00") | {"time_stop_office": "01:00"},
        [
            "Local times are in America/Chicago: the property's record names it.",
            (
                "Start: 2026-07-04 22:00:00 on the office's clock decides; neither a UTC time nor a readable"
                " local time was supplied in full."
            ),
            "Start: filled in from that: the time in UTC and on the property's clock.",
            (
                "Stop: 2026-07-05 01:00:00 on the office's clock decides; neither a UTC time nor a readable local"
                " time was supplied in full."
            ),
            "Stop: its date was not supplied; it is the first such time after the start.",
            "Stop: filled in from that: the time in UTC and on the property's clock.",
            "Duration: 3 h, the time elapsed from start to stop.",
        ],
    ),
    "a contradiction": (
        Zone(DENVER, "property"),
        utc("start", "2026-07-04 16:00") | local("start", "2026-07-04 12:00"),
        [
            "Local times are in America/Denver: the property's record names it.",
            "Start: 2026-07-04 16:00:00 in UTC decides; UTC comes first because it can mean only one moment.",
            "Start: filled in from that: the time on the office's clock.",
            "Stop: nothing was supplied and nothing tells it.",
            (
                "Start: 2026-07-04 12:00:00 was supplied on the property's clock, but the deciding time makes it"
                " 2026-07-04 10:00:00. The supplied value was kept."
            ),
        ],
    ),
    "no date": (
        Zone(DENVER, "property"),
        {"date_start_local": "2026-07-04", "time_stop_local": "10:00"},
        [
            "Local times are in America/Denver: the property's record names it.",
            (
                "Start: time to be decided. No date and time in the same frame tell the moment, and a date is"
                " never invented."
            ),
            (
                "Stop: time to be decided. No date and time in the same frame tell the moment, and a date is"
                " never invented."
            ),
        ],
    ),
    "whole days": (
        Zone(DENVER, "property"),
        {"allday": True, "date_start_local": "2026-07-04"},
        [
            "The appointment takes whole days, so no time zone matters to it.",
            "Start: the day 2026-07-04, in every frame.",
            "Stop: the day 2026-07-04, in every frame. The same as the start, since no stop was supplied.",
        ],
    ),
    "several whole days": (
        Zone(DENVER, "property"),
        {"allday": True, "date_start_local": "2026-07-04", "date_stop_local": "2026-07-05"},
        [
            "The appointment takes whole days, so no time zone matters to it.",
            "Start: the day 2026-07-04, in every frame.",
            "Stop: the day 2026-07-05, in every frame.",
        ],
    ),
    "an offset": (
        None,
        local("start", "2026-07-04 10:00") | utc("start", "2026-07-04 17:00") | {"time_duration_s": 5445},
        [
            (
                "The property's time zone is not known; the supplied local times give away the offset from UTC:"
                " −07:00 at the start and −07:00 at the stop."
            ),
            "Start: 2026-07-04 17:00:00 in UTC decides; UTC comes first because it can mean only one moment.",
            "Start: filled in from that: the time on the office's clock.",
            "Stop: 2026-07-04 11:30:45, derived as start + 1 h 30 m 45 s elapsed.",
            "Stop: its local time rests on the offset of the other end of the appointment.",
        ],
    ),
    "local times alone": (
        None,
        local("stop", "2026-07-04 10:00") | {"time_duration_s": 3600},
        [
            (
                "The property's time zone is not known, so local times are not turned into UTC and office times,"
                " nor those into local ones."
            ),
            (
                "Start: 2026-07-04 09:00:00 on the property's clock, derived as stop − 1 h elapsed; UTC and"
                " office times need its zone."
            ),
            "Stop: 2026-07-04 10:00:00 on the property's clock; UTC and office times need its zone.",
        ],
    ),
    "no zone": (
        None,
        utc("start", "2026-07-04 16:00") | {"time_duration_s": 3600},
        [
            (
                "The property's time zone is not known, so local times are not turned into UTC and office times,"
                " nor those into local ones."
            ),
            "Start: 2026-07-04 16:00:00 in UTC decides; UTC comes first because it can mean only one moment.",
            "Start: filled in from that: the time on the office's clock.",
            "Stop: 2026-07-04 11:00:00 on the office's clock, derived as start + 1 h elapsed.",
        ],
    ),
    "walls that go back": (
        Zone(DENVER, "property"),
        utc("start", "2026-11-01 07:45") | utc("stop", "2026-11-01 08:15"),
        [
            "Local times are in America/Denver: the property's record names it.",
            "Start: 2026-11-01 07:45:00 in UTC decides; UTC comes first because it can mean only one moment.",
            "Start: filled in from that: the time on the property's clock and on the office's clock.",
            "Stop: 2026-11-01 08:15:00 in UTC decides; UTC comes first because it can mean only one moment.",
            "Stop: filled in from that: the time on the property's clock and on the office's clock.",
            "Duration: 30 m, the time elapsed from start to stop.",
            "In between the clocks at the property go back by 1 h, so they show −30 m while 30 m pass.",
        ],
    ),
    "an office time that came twice": (
        Zone(DENVER, "property"),
        office("start", "2026-11-01 01:30") | {"time_start_utc": "08:30"},
        [
            "Local times are in America/Denver: the property's record names it.",
            (
                "Start: 2026-11-01 01:30:00 on the office's clock decides; neither a UTC time nor a readable"
                " local time was supplied in full."
            ),
            "Start: the clocks show this time twice; the other times tell that the second is meant.",
            "Start: filled in from that: the time in UTC and on the property's clock.",
            "Stop: nothing was supplied and nothing tells it.",
        ],
    ),
    "a start told by its stop": (
        Zone(DENVER, "property"),
        local("start", "2026-11-01 01:30") | local("stop", "2026-11-01 02:00") | {"time_duration_s": 1800},
        [
            "Local times are in America/Denver: the property's record names it.",
            (
                "Start: 2026-11-01 01:30:00 on the property's clock decides; without a complete UTC time, the"
                " property's clock counts before the office's."
            ),
            "Start: the clocks show this time twice; the other times tell that the second is meant.",
            "Start: filled in from that: the time in UTC and on the office's clock.",
            (
                "Stop: 2026-11-01 02:00:00 on the property's clock decides; without a complete UTC time, the"
                " property's clock counts before the office's."
            ),
            "Stop: filled in from that: the time in UTC and on the office's clock.",
        ],
    ),
    "whole days with a time": (
        Zone(DENVER, "property"),
        {"allday": True} | local("start", "2026-07-04 10:00"),
        [
            "The appointment takes whole days, so no time zone matters to it.",
            "Start: the day 2026-07-04, in every frame.",
            "Stop: the day 2026-07-04, in every frame. The same as the start, since no stop was supplied.",
            (
                "Start: a time (10:00:00 on the property's clock) was supplied with an all-day appointment. It"
                " was kept and not used."
            ),
        ],
    ),
    "a date alone": (
        None,
        {"date_start_local": "2026-07-04"},
        [
            (
                "The property's time zone is not known, so local times are not turned into UTC and office times,"
                " nor those into local ones."
            ),
            (
                "Start: time to be decided. No date and time in the same frame tell the moment, and a date is"
                " never invented."
            ),
            "Stop: nothing was supplied and nothing tells it.",
        ],
    ),
    "the offset of the other end": (
        None,
        local("start", "2026-01-04 10:00")
        | utc("start", "2026-01-04 10:00")
        | local("stop", "2026-01-04 12:00"),
        [
            (
                "The property's time zone is not known; the supplied local times give away the offset from UTC:"
                " +00:00 at the start and +00:00 at the stop."
            ),
            "Start: 2026-01-04 10:00:00 in UTC decides; UTC comes first because it can mean only one moment.",
            "Start: filled in from that: the time on the office's clock.",
            (
                "Stop: 2026-01-04 12:00:00 on the property's clock decides; without a complete UTC time, the"
                " property's clock counts before the office's."
            ),
            "Stop: its local time rests on the offset of the other end of the appointment.",
            "Stop: filled in from that: the time in UTC and on the office's clock.",
            "Duration: 2 h, the time elapsed from start to stop.",
        ],
    ),
}


@pytest.mark.parametrize("told", STORIES)
def test_a_whole_story(told: str) -> None:
    zone, params, sentences = STORIES[told]
    supplied = read_params({"updated_at_mt": STAMP, **params})
    assert explain(supplied, reconcile(supplied, ZoneFinding(zone), DENVER)) == sentences


@pytest.mark.parametrize(
    ("item", "sentence"),
    [
        (
            Discrepancy("frame_mismatch", "start", "local", "2026-07-04 12:00:00", "2026-07-04 10:00:00"),
            (
                "Start: 2026-07-04 12:00:00 was supplied on the property's clock, but the deciding time makes it"
                " 2026-07-04 10:00:00. The supplied value was kept."
            ),
        ),
        (
            Discrepancy("nonexistent_time", "stop", "office", "2026-03-08 02:30:00", "2026-03-08 03:30:00"),
            (
                "Stop: 2026-03-08 02:30:00 does not exist on the office's clock, which jumps over it; it is read"
                " as 2026-03-08 03:30:00. The supplied value was kept."
            ),
        ),
        (
            Discrepancy("duration_mismatch", None, None, "60", "7325"),
            (
                "Duration: 1 m was supplied, but start and stop are 2 h 2 m 5 s apart. The stop counts; both were"
                " kept."
            ),
        ),
        (
            Discrepancy("duration_conflict", None, None, "3600", "60"),
            "Duration: time_duration says 1 h and time_duration_s 1 m; the seconds count.",
        ),
        (
            Discrepancy("updated_at_mismatch", None, None, "2026-11-20T17:00:00Z", "2026-11-20T16:00:00Z"),
            (
                "updated_at was supplied as 2026-11-20T17:00:00Z, but updated_at_mt is 2026-11-20T16:00:00Z. The"
                " supplied value was kept."
            ),
        ),
        (
            Discrepancy("zone_source_mismatch", None, "local", "America/Phoenix", "America/Denver"),
            (
                "Another source puts the property in America/Phoenix, and the one that counts puts it in"
                " America/Denver; the clocks of the two differ. America/Denver counts."
            ),
        ),
        (
            Discrepancy(
                *("zone_source_mismatch", None, "local", "America/Phoenix", "America/Denver"),
                sources=("property", "latlng"),
            ),
            (
                "Its position puts the property in America/Phoenix, and the zone's name in its record puts it in"
                " America/Denver; the clocks of the two differ. America/Denver counts."
            ),
        ),
        (
            Discrepancy(
                *("zone_source_mismatch", None, "local", "America/Phoenix", "America/Denver"),
                sources=("property", "latlng", "zip"),
            ),
            (
                "Its position and its ZIP code put the property in America/Phoenix, and the zone's name in its"
                " record puts it in America/Denver; the clocks of the two differ. America/Denver counts."
            ),
        ),
        (
            Discrepancy("implausible_offset", "start", "local", "-25140", None),
            "Start: the local time would be −06:59 from UTC, which no clock is, so nothing was read from it.",
        ),
        (
            Discrepancy("implausible_offset", "stop", "local", "86399", None),
            (
                "Stop: the local time would be +23:59:59 from UTC, which no clock is, so nothing was read from"
                " it."
            ),
        ),
        (
            Discrepancy("offset_inconsistent", "stop", "local", "-14400", "-25200"),
            "Stop: the local time would be −04:00 from UTC, but the start's is −07:00; the start's was used.",
        ),
        (
            Discrepancy("allday_with_time", "stop", "utc", "10:00:00", None),
            (
                "Stop: a time (10:00:00 in UTC) was supplied with an all-day appointment. It was kept and not"
                " used."
            ),
        ),
        (
            Discrepancy("allday_with_duration", None, None, "3600", None),
            "A duration (1 h) was supplied with an all-day appointment. It was kept and not used.",
        ),
        (
            Discrepancy("window_unit_suspect", None, "local", "480..600", None),
            "Window times 480..600 are seconds after midnight; these look like minutes.",
        ),
        (
            Discrepancy("window_time_reversed", None, "local", "600..500", None),
            "Window times 600..500 do not end after they begin.",
        ),
        (
            Discrepancy("window_date_reversed", None, "local", "2026-07-05..2026-07-04", None),
            "Window dates 2026-07-05..2026-07-04 end before they begin.",
        ),
        (
            Discrepancy("tz_rules_changed", "start", "utc", "2027-01-12 16:00:00", "2027-01-12 15:00:00"),
            (
                "Start: the rules of the time zone changed. The time at the property stays; UTC moved from"
                " 2027-01-12 16:00:00 to 2027-01-12 15:00:00."
            ),
        ),
        (
            Discrepancy("assumed_fold", "start", "local", "2026-11-01 01:30:00", "2026-11-01T07:30:00Z"),
            "Start: 2026-11-01 01:30:00 occurs twice on the property's clock; the first was assumed.",
        ),
        (
            Discrepancy("stop_before_start"),
            "The stop is not after the start. Nothing was moved.",
        ),
    ],
)
def test_each_kind_of_contradiction_is_a_sentence(item: Discrepancy, sentence: str) -> None:
    assert explain_discrepancy(item) == sentence
