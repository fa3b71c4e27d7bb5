"""When a photographer is taken, and when two appointments want the same one at the same time."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import database
from models.clock import NO_ZONE, Supplied, Zone, ZoneFinding, reconcile
from models.clock.busy import Span, busy_span, foreseen_span
from models.photographer_conflicts import MOST_NAMED, conflicts_of, overlapping, overlaps, taken, when
from tests.bookings import DAY, book, change, span, utc
from tests.world import World

OFFICE = "America/Denver"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def spanning(begin: str, end: str | None = None) -> Span:
    return Span(at(f"{DAY}T{begin}"), at(f"{DAY}T{end or begin}"))


RULE = [
    ("10:00", "11:00", "12:00", "13:00", False, "apart"),
    ("10:00", "11:00", "11:00", "12:00", False, "back to back"),
    ("10:00", "11:00", "10:59", "12:00", True, "a minute in common"),
    ("10:00", "11:00", "10:00", "11:00", True, "the same hour"),
    ("10:00", "14:00", "11:00", "12:00", True, "one within the other"),
    ("10:00", "11:00", "10:30", None, True, "a moment within"),
    ("10:00", "11:00", "10:00", None, True, "a moment at the beginning"),
    ("10:00", "11:00", "11:00", None, False, "a moment at the end"),
    ("10:00", None, "10:00", None, True, "the same moment"),
    ("10:00", None, "10:01", None, False, "two moments"),
]
NAMED = {"ids": [row[-1] for row in RULE]}


@pytest.mark.parametrize(("a", "b", "c", "d", "expected", "_name"), RULE, **NAMED)
def test_the_rule(a: str, b: str, c: str, d: str, expected: bool, _name: str):
    one, other = spanning(a, b), spanning(c, d)
    assert overlaps(one, other) is overlaps(other, one) is expected


@pytest.mark.parametrize(("a", "b", "c", "d", "expected", "_name"), RULE, **NAMED)
def test_the_database_follows_the_same_rule(
    world: World, a: str, b: str, c: str, d: str, expected: bool, _name: str
):
    photographer = world.photographer().id
    one = book(world, photographer, utc(a, b))
    other = book(world, photographer, utc(c, d))
    with database.transaction() as connection:
        found = [[booked.id for booked in conflicts_of(connection, made)] for made in (one, other)]
    assert found == ([[other], [one]] if expected else [[], []])


MOMENTS = st.integers(0, 6).map(lambda hours: at(f"{DAY}T06:00") + timedelta(hours=hours))
SPANS = st.tuples(MOMENTS, MOMENTS).map(lambda pair: Span(min(pair), max(pair)))


@given(SPANS, SPANS)
def test_the_rule_is_about_shared_moments(one: Span, other: Span):
    """A span is its quarters of an hour; an empty one is the moment that it begins."""

    def moments(taken_for: Span) -> set[datetime]:
        quarters = (taken_for.end - taken_for.begin) // timedelta(minutes=15)
        return {taken_for.begin + n * timedelta(minutes=15) for n in range(max(quarters, 1))}

    assert overlaps(one, other) == bool(moments(one) & moments(other))


ZONED = [
    (
        "timed, in the property's zone",
        {"date_start_local": "2026-12-03", "time_start_local": "09:00:00", "time_duration_s": 3600},
        "America/New_York",
        ("2026-12-03T14:00", "2026-12-03T15:00"),
    ),
    (
        "a night in which clocks go forward",
        {
            "date_start_local": "2026-03-07",
            "time_start_local": "22:00:00",
            "date_stop_local": "2026-03-08",
            "time_stop_local": "06:00:00",
        },
        "America/Denver",
        ("2026-03-08T05:00", "2026-03-08T12:00"),
    ),
    (
        "no stop",
        {"date_start_utc": "2026-12-03", "time_start_utc": "09:00:00"},
        None,
        ("2026-12-03T09:00", "2026-12-03T09:00"),
    ),
    (
        "a stop before the start",
        {
            "date_start_utc": "2026-12-03",
            "time_start_utc": "09:00:00",
            "date_stop_utc": "2026-12-03",
            "time_stop_utc": "08:00:00",
        },
        None,
        ("2026-12-03T09:00", "2026-12-03T09:00"),
    ),
    (
        "a whole day",
        {"allday": True, "date_start_local": "2026-12-03"},
        "America/New_York",
        ("2026-12-03T05:00", "2026-12-04T05:00"),
    ),
    (
        "a whole day of 23 hours",
        {"allday": True, "date_start_local": "2026-03-08"},
        "America/Denver",
        ("2026-03-08T07:00", "2026-03-09T06:00"),
    ),
    (
        "a whole day of 25 hours",
        {"allday": True, "date_start_local": "2026-11-01"},
        "America/Denver",
        ("2026-11-01T06:00", "2026-11-02T07:00"),
    ),
    (
        "a day that begins at one o'clock",
        {"allday": True, "date_start_local": "2026-03-08"},
        "America/Havana",
        ("2026-03-08T05:00", "2026-03-09T04:00"),
    ),
    (
        "whole days, the last one included",
        {"allday": True, "date_start_local": "2026-12-03", "date_stop_local": "2026-12-05"},
        "America/Denver",
        ("2026-12-03T07:00", "2026-12-06T07:00"),
    ),
    (
        "whole days that end before they begin",
        {"allday": True, "date_start_local": "2026-12-03", "date_stop_local": "2026-12-01"},
        "America/Denver",
        ("2026-12-03T07:00", "2026-12-04T07:00"),
    ),
    (
        "a whole day where no zone is known: the office's",
        {"allday": True, "date_start_office": "2026-12-03"},
        None,
        ("2026-12-03T07:00", "2026-12-04T07:00"),
    ),
    ("a date alone", {"date_start_local": "2026-12-03"}, "America/Denver", None),
    ("a wish", {"requested_date": "2026-12-03", "requested_time": "09:00:00"}, "America/Denver", None),
    (
        "a stop alone",
        {"date_stop_utc": "2026-12-03", "time_stop_utc": "09:00:00"},
        "America/Denver",
        None,
    ),
]


@pytest.mark.parametrize(("_name", "supplied", "zone", "expected"), ZONED, ids=[row[0] for row in ZONED])
def test_from_when_until_when_a_photographer_is_taken(_name, supplied, zone, expected):
    finding = NO_ZONE if zone is None else ZoneFinding(Zone(zone, "property"))
    found = busy_span(reconcile(Supplied.from_json(supplied), finding, OFFICE))
    assert found == (None if expected is None else Span(*map(at, expected)))


LOCAL = {"date_start_local": "2026-12-03", "time_start_local": "09:00:00"}
BEFORE_THE_ATLAS = [
    ("UTC needs no zone", utc("09:00", "10:00"), True, False),
    ("nor does the office's clock", {"date_start_office": DAY, "time_start_office": "09:00:00"}, True, False),
    ("local times alone", LOCAL, False, True),
    ("a local stop after a start in UTC", {**utc("09:00"), "time_stop_local": "10:00:00"}, False, True),
    ("whole days", {"allday": True, "date_start_local": "2026-12-03"}, False, True),
    ("a date alone has no time in any zone", {"date_start_local": "2026-12-03"}, False, False),
    ("nothing", {}, False, False),
]


@pytest.mark.parametrize(
    ("_name", "supplied", "is_known", "awaits_zone"),
    BEFORE_THE_ATLAS,
    ids=[row[0] for row in BEFORE_THE_ATLAS],
)
def test_what_is_known_before_the_zone_is_looked_up(_name, supplied, is_known, awaits_zone):
    given_times = Supplied.from_json(supplied)
    outcome = reconcile(given_times, NO_ZONE, OFFICE)
    found = foreseen_span(given_times, NO_ZONE, outcome, is_final=False)
    assert (found.span is not None, found.awaits_zone) == (is_known, awaits_zone)


@pytest.mark.parametrize(
    "never", [{"cancelled": True}, {"optional": True}], ids=["cancelled", "only tentative"]
)
def test_one_that_takes_nobody_conflicts_with_nothing(world: World, never: dict[str, bool]):
    photographer = world.photographer().id
    stands = book(world, photographer, utc("10:00", "11:00"))
    other = book(world, photographer, utc("10:00", "11:00"), **never)
    with database.transaction() as connection:
        assert conflicts_of(connection, stands) == conflicts_of(connection, other) == []


def test_other_photographers_none_and_the_appointment_itself_do_not_count(world: World):
    mine, theirs = world.photographer().id, world.photographer().id
    made = book(world, mine, utc("10:00", "11:00"))
    book(world, theirs, utc("10:00", "11:00"))
    unstaffed = book(world, None, utc("10:00", "11:00"))
    with database.transaction() as connection:
        assert conflicts_of(connection, made) == conflicts_of(connection, unstaffed) == []
        assert conflicts_of(connection, 999_999) == []
        row = span(world, made)
        assert overlapping(connection, mine, *row, except_id=made) == []
        assert [booked.id for booked in overlapping(connection, mine, *row)] == [made]


def test_a_whole_day_conflicts_by_the_property_clock(world: World):
    photographer = world.photographer().id
    day = book(
        world,
        photographer,
        {"allday": True, "date_start_local": DAY},
        order=world.order(zone="America/New_York"),
    )
    # 2090 keeps the rules of today: New York is four hours behind UTC in June.
    before = book(world, photographer, utc("03:00", "04:00"))
    first = book(world, photographer, utc("03:59", "04:01"))
    with database.transaction() as connection:
        assert [booked.id for booked in conflicts_of(connection, day)] == [first]
        assert [booked.id for booked in conflicts_of(connection, before)] == [first]


def test_the_span_moves_with_the_appointment_and_goes_with_its_times(world: World):
    made = book(world, world.photographer().id, utc("10:00", "11:00"))
    assert span(world, made) == (at(f"{DAY}T10:00"), at(f"{DAY}T11:00"))
    change(world, made, supplied=json.dumps(utc("12:00")))
    assert span(world, made) == (at(f"{DAY}T12:00"), at(f"{DAY}T12:00"))
    change(world, made, supplied="{}")
    assert span(world, made) == (None, None)


def test_what_is_not_reconciled_yet_counts_where_a_conflict_would_be_refused(world: World):
    photographer = world.photographer().id
    in_denver = {"date_start_local": DAY, "time_start_local": "10:00:00", "time_duration_s": 3600}
    fresh = book(world, photographer, in_denver, order=world.order(), reconciled=False)
    wanted = spanning("16:30", "17:00")
    with database.transaction() as connection:
        assert overlapping(connection, photographer, wanted.begin, wanted.end) == []
        found = taken(connection, photographer, wanted, OFFICE)
        assert ([booked.id for booked in found.conflicts], found.is_open) == ([fresh], False)
        assert taken(connection, photographer, wanted, OFFICE, except_id=fresh).conflicts == ()


def test_of_an_appointment_that_was_just_moved_the_new_time_counts(world: World):
    photographer = world.photographer().id
    made = book(world, photographer, utc("10:00", "11:00"))
    world.execute(
        "UPDATE appointments SET supplied = :to WHERE id = :id", to=json.dumps(utc("12:00", "13:00")), id=made
    )
    world.execute("UPDATE commands SET state = 'pending'")
    with database.transaction() as connection:
        assert taken(connection, photographer, spanning("10:00", "11:00"), OFFICE).conflicts == ()
        (moved,) = taken(connection, photographer, spanning("12:30", "14:00"), OFFICE).conflicts
    assert (moved.id, moved.span) == (made, spanning("12:00", "13:00"))


@pytest.mark.parametrize(
    ("day", "is_open"), [(DAY, True), ("2090-06-06", True), ("2090-06-30", False)], ids=str
)
def test_one_whose_zone_is_being_looked_up_cannot_be_ruled_out_near_its_date(
    world: World, day: str, is_open: bool
):
    photographer = world.photographer().id
    times = {"date_start_local": day, "time_start_local": "10:00:00"}
    book(world, photographer, times, order=world.order(zone=None, zip="60601"), reconciled=False)
    with database.transaction() as connection:
        found = taken(connection, photographer, spanning("10:00", "11:00"), OFFICE)
    assert (found.conflicts, found.is_open) == ((), is_open)


def test_many_conflicts_are_not_all_looked_up(world: World):
    photographer = world.photographer().id
    made = [book(world, photographer, utc("10:00", "11:00"), reconciled=False) for _ in range(MOST_NAMED + 3)]
    world.execute(
        "UPDATE appointments SET busy_from = :a, busy_until = :b", a=at(f"{DAY}T10:00"), b=at(f"{DAY}T11:00")
    )
    with database.transaction() as connection:
        assert len(conflicts_of(connection, made[0])) == MOST_NAMED


def test_the_overlapping_are_found_through_their_index(world: World):
    with database.transaction() as connection:
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        connection.exec_driver_sql("SET LOCAL enable_sort = off")
        from models.photographer_conflicts import OVERLAPPING
        from models.prepared import Prepared

        plan = Prepared("EXPLAIN " + OVERLAPPING.statement).rows(
            connection, 1, at(f"{DAY}T10:00"), at(f"{DAY}T11:00"), None
        )
        assert "ix_appointments_busy_span" in "\n".join(line for (line,) in plan)


SAID = [
    ({**utc("16:00", "17:00")}, None, f"{DAY} 10:00 to 11:00 (America/Denver)"),
    ({**utc("16:00")}, None, f"{DAY} 10:00 (America/Denver)"),
    (
        {**utc("16:00", "17:00")},
        "America/New_York",
        f"{DAY} 10:00 to 11:00 (America/Denver), at the property {DAY} 12:00 to 13:00 (America/New_York)",
    ),
    (
        {**utc("05:00"), "time_duration_s": 7200},
        None,
        "2090-06-04 23:00 to 2090-06-05 01:00 (America/Denver)",
    ),
    ({"allday": True, "date_start_local": DAY}, "America/New_York", f"all day, {DAY}"),
    (
        {"allday": True, "date_start_local": DAY, "date_stop_local": "2090-06-07"},
        None,
        f"all day, {DAY} to 2090-06-07",
    ),
]


@pytest.mark.parametrize(("times", "zone", "expected"), SAID, ids=[row[2] for row in SAID])
def test_how_people_are_told_when_it_is(world: World, times: dict, zone: str | None, expected: str):
    photographer = world.photographer().id
    order = None if zone is None else world.order(zone=zone)
    made = book(world, photographer, times, order=order)
    if times.get("allday"):
        world.execute("UPDATE appointments SET allday = true WHERE id = :id", id=made)
    with database.transaction() as connection:
        (booked,) = overlapping(connection, photographer, at("2090-06-01T00:00"), at("2090-06-10T00:00"))
    assert when(booked, OFFICE) == expected
