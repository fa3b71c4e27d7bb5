"""The calendars: who stands in which column at which height, on ordinary days and on those of 23 and 25 hours."""

import re
from datetime import date

import pytest
from flask import Flask
from sqlalchemy import text

from api.console.calendar_layout import lay_out
from api.console.calendar_parts import Clocks, Column, Ruler
from models import appointment_calendar, database
from models.appointment_context import Context
from models.appointments import DAY as DAY_OF
from models.appointments import START
from models.clock.days import day_begins, quarters
from tests.console.appointments import Book, links_to_appointments, statements_of_the_page
from tests.console.conftest import Browser
from tests.world import World

DAY, WEEK = "/console/appointments/day", "/console/appointments/week"
OFFICE = "America/Denver"


@pytest.fixture
def book(app: Flask, world: World) -> Book:
    return Book(app, world)


def utc(start: str, stop: str | None = None) -> dict:
    """Times in UTC: "2026-11-01 07:30"."""
    given = {"date_start_utc": start[:10], "time_start_utc": start[11:]}
    return given if stop is None else {**given, "date_stop_utc": stop[:10], "time_stop_utc": stop[11:]}


def chips(browser: Browser) -> dict[int, str]:
    """The source of each chip, by the appointment's number; the last one where there are several."""
    found = re.findall(r'<li class="chip .*?</li>', browser.html, re.S)
    return {int(re.search(r'class="what" href="/console/appointments/(\d+)"', one)[1]): one for one in found}


def place(chip: str) -> tuple[int, int, int]:
    """The quarter at which a chip begins and ends, from the first that is drawn, and its lane."""
    at_h, at_q, to_h, to_q, lane = (
        int(re.search(rf"\b{name}(\d+)", chip)[1]) for name in ("at-h", "at-q", "to-h", "to-q", "lane-")
    )
    return at_h * 4 + at_q, to_h * 4 + to_q, lane


# -- the days themselves


@pytest.mark.parametrize(
    ("day", "zone", "number"),
    [
        (date(2026, 11, 25), OFFICE, 96),
        (date(2026, 11, 1), OFFICE, 100),
        (date(2026, 3, 8), OFFICE, 92),
        (date(2026, 11, 1), "America/Phoenix", 96),
        (date(2026, 4, 5), "Australia/Lord_Howe", 98),
        (date(2026, 3, 29), "Asia/Beirut", 92),  # there is no midnight
    ],
)
def test_a_day_has_the_quarters_that_its_clock_shows(day: date, zone: str, number: int) -> None:
    found = quarters(day, zone)
    assert len(found) == number
    assert found[0] == day_begins(day, zone)


def row(number: int, start: str, stop: str, **more: object) -> dict:
    """As much of an appointment as the layout looks at."""
    from datetime import datetime

    nothing = dict.fromkeys(
        (
            *("allday", "cancelled", "optional", "confirmed", "on_site_cancel", "same_day_cancel", "summary"),
            *("appt_type", "location", "photographer_name", "zone_name", "start_offset_s", "stop_offset_s"),
            *("date_start_local", "date_stop_local"),
        )
    )
    at = {"starts_at": datetime.fromisoformat(start), "stops_at": datetime.fromisoformat(stop)}
    return {**nothing, **at, "id": number, "reconciled_at": at["starts_at"], "office_zone": OFFICE, **more}


def laid_out(days: list[date], rows: list[dict]) -> tuple[Ruler, list[Column]]:
    columns = [Column(str(day), day) for day in days]
    context = {one["id"]: Context() for one in rows}
    ruler = lay_out(columns, [(None, one) for one in rows], [], context, Clocks("office", OFFICE))
    return ruler, columns


def test_the_hour_that_comes_twice_has_two_lines() -> None:
    rows = [
        row(1, "2026-11-01T06:30:00Z", "2026-11-01T07:30:00Z"),  # 00:30 to 01:30 MDT
        row(2, "2026-11-01T07:30:00Z", "2026-11-01T08:30:00Z"),  # 01:30 MDT to 01:30 MST
        row(3, "2026-11-01T08:30:00Z", "2026-11-01T10:00:00Z"),  # 01:30 to 03:00 MST
    ]
    ruler, (column,) = laid_out([date(2026, 11, 1)], rows)
    assert [(chip.row, chip.until, chip.lane) for chip in column.timed] == [
        (2, 6, 0),
        (6, 10, 0),
        (10, 16, 0),
    ]
    assert [(hour.label, hour.note) for hour in ruler.hours[:4]] == [
        ("00:00", ""),
        ("01:00", "MDT"),
        ("01:00", "MST"),
        ("02:00", ""),
    ]
    assert [chip.times for chip in column.timed] == [
        "00:30–01:30 MDT",
        "01:30 MDT–01:30 MST",
        "01:30–03:00 MST",
    ]


def test_a_week_with_a_long_day_has_one_ruler_and_the_others_lack_the_hour() -> None:
    week = [date(2026, 10, 31), date(2026, 11, 1)]
    rows = [
        row(1, "2026-10-31T15:00:00Z", "2026-10-31T16:00:00Z"),
        row(2, "2026-11-01T16:00:00Z", "2026-11-01T17:00:00Z"),
    ]
    ruler, (usual, long) = laid_out(week, rows)
    assert len(ruler.quarters) == 100
    assert usual.timed[0].row == long.timed[0].row, "both are at nine o’clock"
    assert [(void.row, void.until) for void in usual.voids] == [(8, 12)]
    assert long.voids == []


def test_the_hour_that_is_skipped_is_not_there_and_lacks_in_its_week() -> None:
    rows = [row(1, "2026-03-08T08:30:00Z", "2026-03-08T09:30:00Z")]  # 01:30 MST to 03:30 MDT
    ruler, (column,) = laid_out([date(2026, 3, 8)], rows)
    assert (len(ruler.quarters), column.timed[0].row, column.timed[0].until) == (92, 6, 10)
    assert column.timed[0].times == "01:30 MST–03:30 MDT"
    _, (_, short) = laid_out([date(2026, 3, 7), date(2026, 3, 8)], rows)
    assert [(void.row, void.until) for void in short.voids] == [(8, 12)]


def test_what_is_at_the_same_time_stands_side_by_side() -> None:
    rows = [
        row(1, "2026-11-25T15:00:00Z", "2026-11-25T17:00:00Z"),
        row(2, "2026-11-25T16:00:00Z", "2026-11-25T18:00:00Z"),
        row(3, "2026-11-25T17:00:00Z", "2026-11-25T18:00:00Z"),  # begins when the first one ends
        row(4, "2026-11-25T19:00:00Z", "2026-11-25T20:00:00Z"),
    ]
    _, (column,) = laid_out([date(2026, 11, 25)], rows)
    assert {chip.id: chip.lane for chip in column.timed} == {1: 1, 2: 2, 3: 1, 4: 0}
    assert column.lanes == 2


@pytest.mark.parametrize(
    ("at_once", "drawn", "counted", "lanes"),
    [(1, 1, [], 1), (3, 3, [], 3), (4, 4, [], 4), (5, 3, [2], 4), (10, 3, [7], 4)],
)
def test_what_no_lane_is_left_for_is_counted(
    at_once: int, drawn: int, counted: list[int], lanes: int
) -> None:
    rows = [row(number, "2026-11-25T17:00:00Z", "2026-11-25T18:00:00Z") for number in range(1, at_once + 1)]
    rows.append(row(99, "2026-11-25T20:00:00Z", "2026-11-25T21:00:00Z"))
    _, (column,) = laid_out([date(2026, 11, 25)], rows)
    assert (len(column.drawn) - 1, column.lanes) == (drawn, lanes)
    assert [len(more.chips) for more in column.more] == counted
    assert {chip.id for chip in column.in_order} == {one["id"] for one in rows}
    assert column.drawn[-1].lane == 0, "who stands alone keeps the whole width"
    assert [more.begins for more in column.more] == ["10:00"] * len(counted)


def test_the_counts_stand_where_the_appointments_would() -> None:
    rows = [row(number, "2026-11-25T15:00:00Z", "2026-11-25T19:00:00Z") for number in range(1, 4)]
    for number, hour in ((4, 15), (5, 15), (6, 17), (7, 17)):
        rows.append(row(number, f"2026-11-25T{hour}:00:00Z", f"2026-11-25T{hour + 1}:00:00Z"))
    _, (column,) = laid_out([date(2026, 11, 25)], rows)
    assert [(more.begins, [chip.id for chip in more.chips]) for more in column.more] == [
        ("08:00", [4, 5]),
        ("10:00", [6, 7]),
    ]


def test_what_goes_past_midnight_stands_in_both_days() -> None:
    rows = [row(1, "2026-11-26T05:00:00Z", "2026-11-26T09:00:00Z")]  # 22:00 to 02:00
    _, (first, second) = laid_out([date(2026, 11, 25), date(2026, 11, 26)], rows)
    assert (first.timed[0].times, second.timed[0].times) == ("22:00–Thu 02:00", "Wed 22:00–02:00")
    assert (first.timed[0].row, first.timed[0].until) == (88, 96)
    assert (second.timed[0].row, second.timed[0].until) == (0, 8)
    until_midnight = [row(1, "2026-11-26T05:00:00Z", "2026-11-26T07:00:00Z")]
    assert laid_out([date(2026, 11, 26)], until_midnight)[1][0].is_empty


# -- the pages


def test_a_day_has_a_column_for_each_photographer(emma: Browser, book: Book, world: World) -> None:
    pat, quincy = world.photographer("Pat Novak"), world.photographer("Quincy Obi")
    world.photographer("Ida Idle")
    nine = book(**utc("2026-11-25 16:00", "2026-11-25 18:00"), photographer_user_id=pat.id)
    book(**utc("2026-11-25 17:00"), photographer_user_id=quincy.id)
    book(**utc("2026-11-25 17:00"))
    book(**utc("2026-11-26 17:00"), photographer_user_id=pat.id)
    emma.open(f"{DAY}?date=2026-11-25")
    assert re.findall(r'<h2 id="col-\d+">(?:<a [^>]*>)?([^<]+)', emma.html) == [
        "Pat Novak",
        "Quincy Obi",
        "No photographer",
    ]
    assert "Nothing that day: Ida Idle." in emma.text
    assert place(chips(emma)[nine]) == (8, 16, 0), "two hours from nine, two hours below seven"
    assert "All times are on the office’s clock , America/Denver (MST)" in emma.text


def test_a_crowded_hour_leads_to_a_list_of_what_is_not_drawn(emma: Browser, book: Book) -> None:
    made = [book(**utc("2026-11-25 17:00", "2026-11-25 18:00")) for _ in range(10)]
    emma.open(f"{DAY}?date=2026-11-25")
    assert set(links_to_appointments(emma)) == set(made)
    (target,) = (href for href, said in emma.page.links if said == "+7 more")
    _, _, listed = emma.html.partition(f'id="{target[1:]}"')
    assert "No photographer: 7 more from 10:00" in listed
    assert [number for number in made if f'href="/console/appointments/{number}"' in listed] == made[3:]


def test_three_in_conflict_show_when_and_where_first(emma: Browser, book: Book, world: World) -> None:
    pat = world.photographer()
    order = world.order(address="1420 Larimer Street, Denver")
    made = [
        book(**utc("2026-11-25 17:00", "2026-11-25 18:00"), photographer_user_id=pat.id, order_id=order.id)
        for _ in range(3)
    ]
    shown = chips(emma.open(f"{WEEK}?week=2026-W48&photographer={pat.id}"))
    for number in made:
        what = re.search(r'class="what".*?</a>', shown[number], re.S)[0]
        assert "10:00–11:00" in what and "1420 Larimer Street, Denver" in what
        assert "is-narrow" in shown[number] and "Conflict with" in shown[number]


def test_whole_days_and_undecided_ones_have_a_lane_of_their_own(emma: Browser, book: Book) -> None:
    whole = book(date_start_local="2026-11-24", date_stop_local="2026-11-25", allday=True)
    undecided = book(date_start_local="2026-11-25", time_start_local="09:00")
    emma.open(f"{DAY}?date=2026-11-25")
    assert re.search(r"<h3>All day</h3>\s*<ul>\s*<li class=\"chip", emma.html)
    assert "all day, day 2 of 2" in chips(emma)[whole]
    assert re.search(r"<h3>Time undecided</h3>\s*<ul>\s*<li class=\"chip", emma.html)
    assert "09:00 (property), not settled" in chips(emma)[undecided]
    assert set(chips(emma.open(f"{WEEK}?week=2026-W48"))) == {whole, undecided}
    assert chips(emma.open(f"{DAY}?date=2026-11-26")) == {}


def test_what_was_just_stored_stands_where_it_will_be(emma: Browser, book: Book, world: World) -> None:
    who = {"photographer_user_id": world.photographer().id, "reconciled": False}
    nine = book(**utc("2026-11-25 16:00", "2026-11-25 18:00"), **who)
    whole = book(date_start_office="2026-11-25", date_stop_office="2026-11-26", allday=True, **who)
    shown = chips(emma.open(f"{DAY}?date=2026-11-25"))
    assert place(shown[nine]) == (8, 16, 0)
    assert "all day, day 1 of 2" in shown[whole]
    assert all("times being worked out" in one for one in shown.values())
    assert set(chips(emma.open(f"{WEEK}?week=2026-W48"))) == {nine, whole}


def test_a_conflict_is_marked_on_both_with_a_link_to_the_other(
    emma: Browser, book: Book, world: World
) -> None:
    pat = world.photographer()
    one = book(**utc("2026-11-25 16:00", "2026-11-25 18:00"), photographer_user_id=pat.id)
    other = book(**utc("2026-11-25 17:00", "2026-11-25 19:00"), photographer_user_id=pat.id)
    alone = book(**utc("2026-11-25 19:00", "2026-11-25 20:00"), photographer_user_id=pat.id)
    for path in (
        f"{DAY}?date=2026-11-25",
        f"{WEEK}?week=2026-W48",
        f"{WEEK}?week=2026-W48&photographer={pat.id}",
    ):
        shown = chips(emma.open(path))
        for this, that in ((one, other), (other, one)):
            assert "has-clash" in shown[this] and "Conflict with" in shown[this], path
            assert f'<a href="/console/appointments/{that}">{that}</a>' in shown[this], path
        assert "Conflict" not in shown[alone]
    assert {place(chips(emma)[number])[2] for number in (one, other)} == {1, 2}


def test_cancelled_ones_are_struck_through_or_hidden_and_tentative_ones_say_so(
    emma: Browser, book: Book
) -> None:
    cancelled = book(**utc("2026-11-25 16:00"), cancelled=True)
    tentative = book(**utc("2026-11-25 18:00"), optional=True)
    shown = chips(emma.open(f"{DAY}?date=2026-11-25"))
    assert "is-cancelled" in shown[cancelled] and "cancelled" in shown[cancelled].partition(">")[2]
    assert "is-tentative" in shown[tentative] and "tentative" in shown[tentative].partition(">")[2]
    assert set(chips(emma.open(f"{DAY}?date=2026-11-25&cancelled=hide"))) == {tentative}
    emma.follow("Next day →")
    assert "cancelled=hide" in emma.address


def test_each_property_can_have_its_own_time(emma: Browser, book: Book, world: World) -> None:
    pat = world.photographer()
    east = world.order(zone="America/New_York")
    late = book(
        order_id=east.id, **utc("2026-11-25 05:30", "2026-11-25 06:30"), photographer_user_id=pat.id
    )  # 22:30 on the 24th at the office, 00:30 on the 25th at the property
    emma.open(f"{DAY}?date=2026-11-24")
    assert "22:30–23:30" in chips(emma)[late] and "Wed 00:30 EST there" in chips(emma)[late]
    assert chips(emma.open(f"{DAY}?date=2026-11-25")) == {}
    emma.press("Show", frame="local")
    assert "Each appointment stands at its own property’s time" in emma.text
    assert "00:30–01:30 EST" in chips(emma)[late] and "Tue 22:30 MST office" in chips(emma)[late]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (f"{DAY}?date=2026-11-01", "the office’s clocks go back (MDT to MST): that day has 25 hours"),
        (f"{DAY}?date=2026-03-08", "the office’s clocks go forward (MST to MDT): that day has 23 hours"),
    ],
)
def test_days_on_which_the_clocks_change_say_so(emma: Browser, book: Book, path: str, said: str) -> None:
    day = path[-10:]
    first = book(**utc(f"{day} 08:30", f"{day} 09:30"))
    last = book(**utc(f"{day[:8]}{int(day[8:]) + 1:02d} 05:00", f"{day[:8]}{int(day[8:]) + 1:02d} 05:45"))
    emma.open(path)
    assert said in emma.text
    shown = chips(emma)
    # From one o'clock MST, the first hour that is drawn, to 22:00 MST or 23:00 MDT: 21 hours pass.
    assert [place(shown[number])[0] for number in (first, last)] == [2, 84]


def test_the_week_of_one_photographer_has_seven_days(emma: Browser, book: Book, world: World) -> None:
    pat, other = world.photographer("Pat Novak"), world.photographer("Other")
    own = book(**utc("2026-11-01 06:30"), photographer_user_id=pat.id)
    book(**utc("2026-11-01 16:00"), photographer_user_id=other.id)
    emma.open(f"{WEEK}?week=2026-w44&photographer={pat.id}")
    assert "Pat Novak, 2026-W44: 26 October to 1 November 2026" in emma.text
    assert set(chips(emma)) == {own}
    assert emma.html.count('class="void') == 6, "only the last day has the hour that comes twice"
    emma.follow("Next week →")
    assert {"week=2026-W45", f"photographer={pat.id}"} == set(emma.address.partition("?")[2].split("&"))
    assert links_to_appointments(emma) == []


def test_a_house_without_photographers_has_an_empty_calendar(emma: Browser) -> None:
    for path in (DAY, WEEK, f"{WEEK}?photographer=999", f"{DAY}?photographer=999"):
        assert emma.open(path).response.status_code == 200, path
        assert "Nothing" in emma.text


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("week=2026-W60", "“week” was left out"),
        ("week=last", "“week” was left out"),
        ("week=9999-W01", "“week” was left out"),
        ("photographer=x", "“photographer” was left out"),
        (f"photographer={2**70}", "“photographer” was left out"),
    ],
)
def test_what_is_not_understood_is_left_out_and_told(emma: Browser, query: str, said: str) -> None:
    assert said in emma.open(f"{WEEK}?{query}").text
    assert emma.response.status_code == 200


def test_a_calendar_shows_no_more_than_it_can_and_says_so(
    emma: Browser, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [book(**utc(f"2026-11-25 {hour}:00")) for hour in (16, 17, 18)]
    monkeypatch.setattr("models.appointment_calendar.MOST", 2)
    emma.open(f"{DAY}?date=2026-11-25")
    assert set(chips(emma)) == set(made[:2])
    assert "Choose a photographer or a day." in emma.text


def test_a_calendar_asks_the_same_number_of_statements_however_much_is_on(
    emma: Browser, book: Book, world: World
) -> None:
    pat = world.photographer()
    counts = []
    for hour in (15, 18):
        for minute in (10, 20, 30):
            book(**utc(f"2026-11-25 {hour}:{minute}"), photographer_user_id=pat.id)
        with statements_of_the_page() as asked:
            emma.open(f"{WEEK}?week=2026-W48")
        counts.append(len(asked))
    assert counts[0] == counts[1] <= 12


def test_a_calendar_is_read_through_the_indexes_on_starts_and_days(world: World) -> None:
    begin = day_begins(date(2026, 11, 25), OFFICE)
    given = {
        **dict.fromkeys(("first_day", "last_day"), date(2026, 11, 25)),
        **dict.fromkeys(("begin", "end", "earliest", "latest"), begin),
        "with_cancelled": True,
    }
    with database.transaction() as connection:
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        for statement, order, index in (
            (appointment_calendar._STARTED, START, "ix_appointments_start"),
            (appointment_calendar._UNDECIDED, DAY_OF, "ix_appointments_undecided"),
        ):
            names = {name: value for name, value in given.items() if f":{name}" in statement}
            explained = text(f"EXPLAIN {statement} ORDER BY {order}, id LIMIT 9")
            plan = "\n".join(connection.execute(explained, names).scalars())
            assert index in plan and "Seq Scan" not in plan, plan
