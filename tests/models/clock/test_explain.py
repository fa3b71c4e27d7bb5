"""Why each time is what it is, in sentences."""

from __future__ import annotations

import pytest

from models.clock import Place, explain, read_params, reconcile, zone_of
from tests.models.clock.cases import DENVER, STAMP, local, office, utc


def story(zone: str | None = DENVER, **params: object) -> str:
    supplied = read_params({"updated_at_mt": STAMP, **params})
    return "\n".join(explain(supplied, reconcile(supplied, zone_of(Place(zone)), DENVER)))


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        (
            {**local("start", "2026-03-07 22:00"), "time_duration": "7h 30m"},
            "Stop: 2026-03-08 06:30:00, derived as start + 7 h 30 m elapsed.",
        ),
        (
            {**local("start", "2026-03-07 22:00"), "time_duration": "7h 30m"},
            "In between the clocks at the property go forward by 1 h, so they show 8 h 30 m while 7 h 30 m pass.",
        ),
        (
            {**local("start", "2026-10-31 22:00"), **local("stop", "2026-11-01 06:00")},
            "In between the clocks at the property go back by 1 h, so they show 8 h while 9 h pass.",
        ),
        (
            {**local("stop", "2026-07-04 12:00"), "time_duration_s": 3600},
            "Start: 2026-07-04 11:00:00, derived as stop − 1 h elapsed.",
        ),
        (local("start", "2026-11-01 01:30"), "the first is assumed. Please check."),
        (
            {**local("start", "2026-11-01 01:30"), "time_start_utc": "08:30"},
            "Start: the clocks show this time twice; the other times tell that the second is meant.",
        ),
        (
            {
                **local("start", "2026-11-01 00:00"),
                **local("stop", "2026-11-01 01:30"),
                "time_duration_s": 5400,
            },
            "Stop: 2026-11-01 01:30:00 on the property's clock decides; without a complete UTC time, the"
            " property's clock counts before the office's.\nStop: the clocks show this time twice; the other"
            " times tell that the first is meant.",
        ),
        (
            {**utc("start", "2026-11-01 08:00"), **local("stop", "2026-11-01 01:30")},
            "Stop: 2026-11-01 01:30:00 on the property's clock decides; without a complete UTC time, the"
            " property's clock counts before the office's.\nStop: the clocks show this time twice; the other"
            " times tell that the second is meant.",
        ),
        (
            {"date_start_local": "2026-07-04", **local("stop", "2026-07-04 00:30"), "time_duration_s": 3600},
            "Start: 2026-07-03 23:30:00, derived as stop − 1 h elapsed.",
        ),
        (local("start", "2026-03-08 02:30"), "the clocks are set forward past the typed time"),
        (
            {**local("start", "2026-07-04 22:00"), "time_stop_local": "01:00"},
            "Stop: its date was not supplied; it is the first such time after the start.",
        ),
        (utc("start", "2026-07-04 16:00"), "Start: 2026-07-04 16:00:00 in UTC decides"),
        (
            utc("start", "2026-07-04 16:00"),
            "Start: filled in from that: the time on the property's clock and on the office's clock.",
        ),
        (
            office("start", "2026-07-04 16:00"),
            "neither a UTC time nor a readable local time was supplied in full",
        ),
        ({"date_start_local": "2026-07-04"}, "Start: time to be decided."),
        ({"allday": True, "date_start_local": "2026-07-04"}, "Start: the day 2026-07-04, in every frame."),
        (
            {
                **local("start", "2026-07-04 10:00"),
                **local("stop", "2026-07-04 12:00"),
                "time_duration_s": 60,
            },
            "Duration: 1 m was supplied, but start and stop are 2 h apart.",
        ),
        ({}, "Start: nothing was supplied and nothing tells it."),
    ],
)
def test_a_sentence_says_why(params: dict[str, object], sentence: str) -> None:
    assert sentence in story(**params)


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        (
            {**local("start", "2026-07-04 10:00"), **utc("start", "2026-07-04 17:00")},
            "give away the offset from UTC: −07:00 at the start.",
        ),
        (
            {**local("start", "2026-07-04 10:01"), **utc("start", "2026-07-04 17:00")},
            "Start: the local time would be −06:59 from UTC, which no clock is",
        ),
        (
            {
                **local("start", "2026-07-04 10:00"),
                **utc("start", "2026-07-04 17:00"),
                "time_duration_s": 60,
            },
            "Stop: its local time rests on the offset of the other end of the appointment.",
        ),
        (
            local("start", "2026-07-04 10:00"),
            "Start: 2026-07-04 10:00:00 on the property's clock; UTC and office times need its zone.",
        ),
        (
            {**local("start", "2026-07-04 10:00"), **utc("stop", "2026-07-04 19:00")},
            "Start: 2026-07-04 10:00:00 on the property's clock; UTC and office times need its zone.",
        ),
        (
            {**local("start", "2026-07-04 10:00"), "time_duration_s": 3600},
            "Stop: 2026-07-04 11:00:00 on the property's clock, derived as start + 1 h elapsed; UTC and office",
        ),
        (
            {**utc("start", "2026-07-04 16:00"), "time_duration_s": 3600},
            "Stop: 2026-07-04 11:00:00 on the office's clock, derived as start + 1 h elapsed.",
        ),
    ],
)
def test_an_unknown_zone_is_explained(params: dict[str, object], sentence: str) -> None:
    assert sentence in story(None, **params)


def test_no_sentence_is_unfinished() -> None:
    for line in story(**utc("start", "2026-07-04 16:00"), **local("start", "2026-07-04 12:00")).splitlines():
        assert line.endswith(".")
        assert "{" not in line
        assert "None" not in line
