"""Section 9: rerun, update, a corrected property, new time zone rules."""

from __future__ import annotations

import pytest

from models.clock import (
    Discrepancy,
    Place,
    Stored,
    Supplied,
    notification_changes,
    read_params,
    recompute_for_tzdata,
    reconcile,
    supersede,
    zone_of,
)
from models.clock.check import check
from models.clock.spellings import parse_datetime
from tests.models.clock.cases import (
    DENVER,
    EDMONTON,
    NOW,
    STAMP,
    columns,
    found,
    local,
    new_rules,
    office,
    pair,
    utc,
)


def supplied(**params: object) -> Supplied:
    return read_params({"updated_at_mt": STAMP, **params})


# Edmonton no longer goes back an hour after October 2026: in January 2027 it is six hours behind UTC, not seven.
OLD = columns(
    start_utc="2027-01-12 16:00:00",
    start_local="2027-01-12 09:00:00",
    start_office="2027-01-12 09:00:00",
    stop_utc="2027-01-12 17:30:00",
    stop_local="2027-01-12 10:30:00",
    stop_office="2027-01-12 10:30:00",
)
MOVED = [
    ("tz_rules_changed", "start", "utc", "2027-01-12 16:00:00", "2027-01-12 15:00:00"),
    ("tz_rules_changed", "stop", "utc", "2027-01-12 17:30:00", "2027-01-12 16:30:00"),
]


@pytest.mark.parametrize(
    ("params", "resolution"),
    [
        ({**local("start", "2027-01-12 09:00"), "time_duration_s": 5400}, ("exact", "derived")),
        ({**local("start", "2027-01-12 09:00"), "time_stop_local": "10:30"}, ("exact", "inferred")),
        ({**utc("start", "2027-01-12 16:00"), "time_duration_s": 5400}, ("exact", "derived")),
        ({**utc("start", "2027-01-12 16:00"), **utc("stop", "2027-01-12 17:30")}, ("exact", "exact")),
        ({**office("start", "2027-01-12 09:00"), "time_stop_office": "10:30"}, ("exact", "exact")),
        ({**utc("stop", "2027-01-12 17:30"), "time_duration_s": 5400}, ("derived", "exact")),
        (
            {
                **utc("start", "2027-01-12 16:00"),
                **local("start", "2027-01-12 09:00"),
                **office("start", "2027-01-12 09:00"),
                "time_duration_s": 5400,
            },
            ("exact", "derived"),
        ),
    ],
)
def test_new_rules_keep_wall_time_and_duration_and_move_utc_and_office(
    params: dict[str, object], resolution: tuple[str, str]
) -> None:
    result = new_rules(params, OLD)
    assert pair(result, "start", "local") == "2027-01-12 09:00:00"
    assert pair(result, "stop", "local") == "2027-01-12 10:30:00"
    assert pair(result, "start", "utc") == "2027-01-12 15:00:00"
    assert pair(result, "stop", "office") == "2027-01-12 09:30:00"
    assert found(result) == MOVED
    assert (result["resolution"]["start"], result["resolution"]["stop"]) == resolution


def test_the_past_is_frozen() -> None:
    result = new_rules(
        {**utc("start", "2026-11-10 16:00"), **local("start", "2026-11-10 09:00"), "time_duration_s": 5400},
        columns(
            start_utc="2026-11-10 16:00:00",
            start_local="2026-11-10 09:00:00",
            stop_utc="2026-11-10 17:30:00",
            stop_local="2026-11-10 10:30:00",
        ),
    )
    assert pair(result, "stop", "local") == "2026-11-10 10:30:00"
    assert found(result) == []


def test_a_frozen_appointment_whose_every_time_was_supplied_gains_no_contradiction() -> None:
    given = {**local("start", "2026-11-10 09:00"), **utc("start", "2026-11-10 16:00")}
    stored = columns(
        start_utc="2026-11-10 16:00:00", start_local="2026-11-10 09:00:00", start_office="2026-11-10 09:00:00"
    )
    assert found(new_rules(given, stored)) == []
    lone = {**utc("start", "2026-11-10 16:00"), "time_start_local": "09:00"}
    assert found(new_rules(lone, stored)) == []


def test_a_frozen_appointment_keeps_a_contradiction_that_no_rules_can_make() -> None:
    given = {
        **utc("start", "2026-11-10 16:00"),
        **local("start", "2026-11-10 12:00"),
        "date_start_office": "2026-11-11",
    }
    stored = columns(start_utc="2026-11-10 16:00:00", start_local="2026-11-10 12:00:00")
    stored |= {"date_start_office": "2026-11-11", "time_start_office": "09:00:00"}
    assert found(new_rules(given, stored)) == [
        ("frame_mismatch", "start", "local", "2026-11-10 12:00:00", "2026-11-10 10:00:00"),
        ("frame_mismatch", "start", "office", "2026-11-11", "2026-11-10"),
    ]


@pytest.mark.parametrize(("now", "moves"), [("2027-01-12T17:29:59Z", 2), ("2027-01-12T17:30:00Z", 0)])
def test_the_stop_decides_what_is_past(now: str, moves: int) -> None:
    result = new_rules({**local("start", "2027-01-12 09:00"), "time_duration_s": 5400}, OLD, now=now)
    assert len(found(result)) == moves


def test_without_a_stop_the_start_decides_what_is_past() -> None:
    stored = columns(start_utc="2027-01-12 16:00:00", start_local="2027-01-12 09:00:00")
    params = local("start", "2027-01-12 09:00")
    assert found(new_rules(params, stored, now="2027-01-12T16:00:00Z")) == []
    assert found(new_rules(params, stored)) == MOVED[:1]


def test_rules_that_did_not_change_move_nothing() -> None:
    params = {**utc("start", "2026-12-01 17:00"), "time_duration_s": 3600}
    stored = columns(
        start_utc="2026-12-01 17:00:00",
        start_local="2026-12-01 10:00:00",
        stop_utc="2026-12-01 18:00:00",
        stop_local="2026-12-01 11:00:00",
    )
    assert found(new_rules(params, stored, zone=DENVER)) == []


def test_the_second_of_two_equal_times_stays_the_second() -> None:
    stored = columns(start_utc="2027-11-07 08:30:00", start_local="2027-11-07 01:30:00")
    result = new_rules(utc("start", "2027-11-07 08:30"), stored, zone=DENVER)
    assert pair(result, "start", "utc") == "2027-11-07 08:30:00"
    assert found(result) == []


def test_times_that_never_agreed_are_not_moved() -> None:
    known = {
        "kind": "frame_mismatch",
        "endpoint": "start",
        "frame": "local",
        "supplied": "2026-12-01 12:00:00",
        "expected": "2026-12-01 10:00:00",
    }
    stored = columns(start_utc="2026-12-01 17:00:00", start_local="2026-12-01 12:00:00")
    params = {**utc("start", "2026-12-01 17:00"), **local("start", "2026-12-01 12:00")}
    result = new_rules(params, stored, zone=DENVER, discrepancies=[known])
    assert pair(result, "start", "utc") == "2026-12-01 17:00:00"
    assert result["discrepancies"] == [known]


def test_a_moved_office_moves_only_office_times() -> None:
    base = {"updated_at_mt": STAMP, **local("start", "2027-01-12 09:00")}
    stored = columns(
        start_utc="2027-01-12 16:00:00",
        start_local="2027-01-12 09:00:00",
        start_office="2027-01-12 09:00:00",
    )
    case = {
        "params": base,
        "property": {"iana": DENVER},
        "office_zone": EDMONTON,
        "trigger": "tzdata_changed",
        "now": NOW,
        "previous": {"values": stored},
    }
    result = check(case)
    assert pair(result, "start", "office") == "2027-01-12 10:00:00"
    assert found(result) == []


def test_all_day_dates_have_no_rules_to_change() -> None:
    stored = {"date_start_utc": "2027-01-12", "date_start_local": "2027-01-12"}
    result = new_rules({"allday": True, "date_start_local": "2027-01-12"}, stored)
    assert result["resolution"]["start"] == "allday"
    assert found(result) == []


def test_without_a_zone_a_supplied_utc_time_stays() -> None:
    stored = columns(start_utc="2027-01-12 16:00:00")
    assert found(new_rules(utc("start", "2027-01-12 16:00"), stored, zone=None)) == []


def test_a_rerun_after_new_rules_changes_nothing() -> None:
    before = supplied(**utc("start", "2027-01-12 16:00"), time_duration_s=5400)
    stored = Stored(
        {
            "date_start_utc": before.date_start_utc,
            "time_start_utc": before.time_start_utc,
            "date_start_local": before.date_start_utc,
            "time_start_local": parse_datetime("2027-01-12T09:00Z", month_first=False).time(),
        }
    )
    finding = zone_of(Place(EDMONTON))
    outcome = recompute_for_tzdata(
        before, finding, DENVER, stored, now=parse_datetime(NOW, month_first=False)
    )
    assert outcome.supplied != before
    again = reconcile(outcome.supplied, finding, DENVER)
    assert again.values == outcome.reconciliation.values
    assert again.discrepancies == ()


def test_now_must_be_an_instant() -> None:
    naive = parse_datetime(NOW, month_first=False).replace(tzinfo=None)
    with pytest.raises(ValueError, match="time zone"):
        recompute_for_tzdata(supplied(), zone_of(Place(DENVER)), DENVER, Stored({}), now=naive)


@pytest.mark.parametrize("trigger", [None, "rerun", "property_zone_changed"])
def test_a_rerun_starts_from_the_snapshot_and_not_from_the_output(trigger: str | None) -> None:
    case = {
        "params": {"updated_at_mt": STAMP, **local("start", "2027-01-12 09:00")},
        "property": {"iana": "America/Phoenix"},
        "office_zone": DENVER,
        "trigger": trigger,
        "now": NOW,
        "previous": {"property": {"iana": DENVER}, "values": OLD},
    }
    result = check(case)
    assert pair(result, "start", "utc") == "2027-01-12 16:00:00"
    assert check(case) == result


def test_an_update_supersedes_the_same_endpoint_in_other_frames() -> None:
    older = supplied(**utc("start", "2026-07-04 16:00"), **utc("stop", "2026-07-04 18:00"))
    newer = supersede(older, supplied(**local("start", "2026-07-04 11:00")))
    assert newer.date_start_utc is None
    assert newer.time_start_utc is None
    assert newer.date_stop_utc is not None
    outcome = reconcile(newer, zone_of(Place(DENVER)), DENVER)
    assert str(outcome.start_instant) == "2026-07-04 17:00:00+00:00"


def test_an_update_keeps_the_older_date_of_the_same_frame() -> None:
    newer = supersede(supplied(**local("start", "2026-07-04 10:00")), supplied(time_start_local="11:00"))
    assert str(newer.date_start_local) == "2026-07-04"
    assert str(newer.time_start_local) == "11:00:00"


def test_an_update_of_one_duration_supersedes_the_other() -> None:
    older = supplied(time_duration="1h", time_duration_s=3600)
    assert supersede(older, supplied(time_duration="2h")).duration_s == 7200
    seconds = supersede(older, supplied(time_duration_s=60))
    assert seconds.time_duration is None
    assert reconcile(seconds, zone_of(Place(DENVER)), DENVER).discrepancies == ()


def test_an_update_with_a_new_stamp_drops_the_older_updated_at() -> None:
    older = supplied(updated_at="2026-11-20T17:00:00Z")
    newer = supersede(older, read_params({"updated_at_mt": "2026-11-21 10:00:00"}))
    assert newer.updated_at is None


@pytest.mark.parametrize("trigger", ["update", "appointment_updated"])
def test_an_update_through_a_case(trigger: str) -> None:
    result = check(
        {
            "params": {"updated_at_mt": STAMP, **local("start", "2026-07-04 11:00")},
            "property": {"iana": DENVER},
            "trigger": trigger,
            "previous": {"params": {"updated_at_mt": STAMP, **utc("start", "2026-07-04 16:00")}},
        }
    )
    assert pair(result, "start", "utc") == "2026-07-04 17:00:00"
    assert found(result) == []


def test_an_existing_notification_is_not_made_again_and_a_vanished_one_is_closed() -> None:
    kept = Discrepancy("stop_before_start")
    gone = Discrepancy("duration_mismatch", supplied="60", expected="120")
    fresh = Discrepancy("duration_mismatch", supplied="60", expected="180")
    changes = notification_changes(7, [kept.key(7), gone.key(7)], [kept, fresh, fresh])
    assert changes.opened == (fresh,)
    assert changes.closed == {gone.key(7)}


def test_the_same_contradiction_of_another_appointment_is_another_notification() -> None:
    item = Discrepancy("stop_before_start")
    assert item.key(1) != item.key(2)


def test_an_assumed_fold_notifies_at_low_severity() -> None:
    outcome = reconcile(supplied(**local("start", "2026-11-01 01:30")), zone_of(Place(DENVER)), DENVER)
    assert outcome.discrepancies == ()
    (notice,) = outcome.notices
    assert (notice.kind, notice.severity, notice.supplied) == ("assumed_fold", "low", "2026-11-01 01:30:00")


def test_every_contradiction_is_one_notice() -> None:
    outcome = reconcile(
        supplied(**utc("start", "2026-07-04 16:00"), **local("start", "2026-07-04 12:00")),
        zone_of(Place(DENVER)),
        DENVER,
    )
    assert [item.severity for item in outcome.notices] == ["normal"]
