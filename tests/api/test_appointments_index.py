"""The list of appointments: each filter, each order, each role, the days of each calendar, and cursors."""

import base64
import json
import random
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, text

from api.appointments.index import wanted_of
from api.appointments.stored import may_see
from api.caller import Caller
from models.appointment_list import EVERYTHING, Wanted, list_appointments, status_of
from models.clock import utc_to_wall
from models.database import autocommit_engine, engine
from models.switchboard import KnownApplication
from models.tokens import find_holder
from tests.client import ApiClient, Reply
from tests.world import World

PATH = "/api/v1/appointments/index"
OFFICE = "America/Denver"
NOON = datetime(2026, 12, 4, 19, 0, tzinfo=UTC)


class Calendar:
    """Writes appointments as they stand after reconciliation, without going through it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.application = world.application_id()
        self.number = 0

    def add(self, starts_at: datetime | None = None, zone: str | None = OFFICE, **columns: Any) -> int:
        """An appointment that starts at the instant, in the zone of its property; its id."""
        self.number += 1
        row: dict[str, Any] = {
            "updated_at_mt": "2026-11-20 10:00:00",
            "updated_at_mt_instant": NOON,
            "supplied": "{}",
            "fingerprint": b"",
            "caller_kind": "application",
            "caller_role": "application",
            "caller_application_id": self.application,
            "request_id": "test",
            **columns,
        }
        if starts_at is not None:
            row |= {"starts_at": starts_at, "busy_from": starts_at, "reconciled_at": NOON}
            for frame, name in (("utc", "UTC"), ("office", OFFICE), ("local", zone)):
                if name is not None:
                    row.setdefault(f"date_start_{frame}", utc_to_wall(starts_at, name).date())
        names = ", ".join(row)
        return self.world.insert(
            f"INSERT INTO appointments (uuid, {names}) VALUES (gen_random_uuid(), "
            + ", ".join(f":{name}" for name in row)
            + ") RETURNING id",
            **row,
        )

    def all_day(self, day: date, midnight: datetime | None) -> int:
        """Whole days have a date that floats, and the property's midnight as their beginning."""
        days = {f"date_start_{frame}": day for frame in ("utc", "local", "office")}
        return self.add(allday=True, busy_from=midnight, reconciled_at=NOON, **days)


@pytest.fixture
def calendar(world: World) -> Calendar:
    return Calendar(world)


def ask(api: ApiClient, **query: object) -> Reply:
    path = (
        f"{PATH}?{urlencode({'from' if name == 'from_' else name: value for name, value in query.items()})}"
    )
    return api.raw(b"", method="GET", path=path, Authorization=f"Bearer {api.token}")


def ids(api: ApiClient, **query: object) -> list[int]:
    reply = ask(api, **query)
    assert reply.status == "action-successful", reply.body
    return [row["id"] for row in reply.body["data"]["appointments"]]


def walk(api: ApiClient, **query: object) -> list[int]:
    """All pages, one after the other."""
    found: list[int] = []
    while True:
        data = ask(api, **query).body["data"]
        found += [row["id"] for row in data["appointments"]]
        if data["next_cursor"] is None:
            return found
        query["cursor"] = data["next_cursor"]


# -- what an element is


def test_an_element_is_the_record_without_its_long_texts(api: ApiClient, world: World) -> None:
    made = api.create(
        order_id=world.order().id, summary="A house", notes="gate 42", date_start_local="2026-12-04"
    )
    (row,) = ask(api).body["data"]["appointments"]
    long = {"notes", "description", "discrepancies", "explanation"}
    assert row.keys() == made.appointment.keys() - long | {"status", "changed_at"}
    assert {name: row[name] for name in made.appointment.keys() - long} == {
        name: value for name, value in made.appointment.items() if name not in long
    }
    assert row["status"] == "requested"
    assert ask(api).body["message"] == "1 appointment."


# -- filters


def test_by_order_photographer_and_client(api: ApiClient, world: World, calendar: Calendar) -> None:
    one, other = world.order(), world.order()
    photographer = world.photographer()
    first = calendar.add(NOON, order_id=one.id)
    second = calendar.add(NOON, order_id=other.id, photographer_user_id=photographer.id)
    calendar.add(NOON)
    assert ids(api, order_id=one.id) == [first]
    assert ids(api, photographer_user_id=photographer.id) == [second]
    assert ids(api, client_id=other.client_id) == [second]
    assert ids(api, client_id=other.client_id, order_id=one.id) == []
    assert ids(api, order_id=9_999) == []


STATUSES = [
    ({}, "requested"),
    ({"confirmed": False}, "requested"),
    ({"confirmed": True}, "confirmed"),
    ({"confirmed": True, "optional": True}, "optional"),
    ({"optional": True}, "optional"),
    ({"cancelled": True, "confirmed": True, "optional": True}, "cancelled"),
]


def test_each_appointment_has_one_status(api: ApiClient, calendar: Calendar) -> None:
    made = {calendar.add(start, **columns): status for columns, status in STATUSES for start in (NOON, None)}
    for status in ("requested", "confirmed", "optional", "cancelled"):
        rows = ask(api, status=status).body["data"]["appointments"]
        assert {row["id"] for row in rows} == {number for number, its in made.items() if its == status}
        assert {row["status"] for row in rows} == {status}


def test_undecided_is_what_stands_and_has_no_start(api: ApiClient, calendar: Calendar) -> None:
    calendar.add(NOON)
    calendar.add(cancelled=True)
    calendar.all_day(date(2026, 12, 4), NOON)
    undecided = calendar.add(confirmed=True)
    assert ids(api, status="undecided") == ids(api, status="undecided", sort="created") == [undecided]


def test_changed_since_includes_the_instant_and_what_reconciliation_changed(
    api: ApiClient, calendar: Calendar
) -> None:
    old = calendar.add(changed_at=NOON - timedelta(days=9))
    changed = calendar.add(changed_at=NOON)
    reconciled = calendar.add(changed_at=NOON - timedelta(days=9), reconciled_at=NOON + timedelta(hours=1))
    assert ids(api, changed_since="2026-12-04T19:00:00Z") == [changed, reconciled]
    assert ids(api, changed_since="2026-12-04T19:00:01Z") == [reconciled]
    assert ids(api, changed_since="2026-01-01T00:00:00Z", sort="created") == [old, changed, reconciled]
    shown = ask(api, changed_since="2026-12-04T19:00:01Z").body["data"]["appointments"]
    assert shown[0]["changed_at"] == "2026-12-04T20:00:00Z"


# -- days


TEN_PM_IN_DENVER = datetime(2026, 12, 5, 5, 0, tzinfo=UTC)
"""The fourth in Denver, the fifth in New York and in UTC."""


@pytest.mark.parametrize(
    ("frame", "day", "found"),
    [
        ("local", "2026-12-04", False),
        ("local", "2026-12-05", True),
        ("office", "2026-12-04", True),
        ("office", "2026-12-05", False),
        ("utc", "2026-12-04", False),
        ("utc", "2026-12-05", True),
    ],
)
@pytest.mark.parametrize("sort", ["start", "changed", "created"])
def test_a_day_is_one_of_the_calendar_that_was_asked_for(
    api: ApiClient, calendar: Calendar, frame: str, day: str, found: bool, sort: str
) -> None:
    number = calendar.add(TEN_PM_IN_DENVER, zone="America/New_York")
    assert ids(api, from_=day, to=day, frame=frame, sort=sort) == [number] * found


def test_the_days_are_included_and_either_may_be_left_out(api: ApiClient, calendar: Calendar) -> None:
    third, fourth, fifth = (calendar.add(NOON + timedelta(days=n)) for n in (-1, 0, 1))
    assert ids(api, from_="2026-12-04", to="2026-12-05") == [fourth, fifth]
    assert ids(api, from_="2026-12-04") == [fourth, fifth]
    assert ids(api, to="2026-12-04") == [third, fourth]


@pytest.mark.parametrize("zone", ["America/New_York", OFFICE, "Pacific/Kiritimati", "Pacific/Niue"])
@pytest.mark.parametrize("frame", ["local", "office", "utc"])
@pytest.mark.parametrize("change", [date(2026, 3, 8), date(2026, 11, 1)])
def test_days_on_which_clocks_change_hold_all_their_hours(
    api: ApiClient, calendar: Calendar, zone: str, frame: str, change: date
) -> None:
    """The 23 and the 25 hours of the day, told by every calendar, each hour in exactly one of three days."""
    noon = datetime(change.year, change.month, change.day, 12, tzinfo=UTC)
    name = {"local": zone, "office": OFFICE, "utc": "UTC"}[frame]
    made = {}
    for hours in range(-40, 41):
        at = noon + timedelta(hours=hours)
        made[calendar.add(at, zone)] = utc_to_wall(at, name).date()
    for day in (change - timedelta(days=1), change, change + timedelta(days=1)):
        expected = [number for number, its in made.items() if its == day]
        assert ids(api, from_=day, to=day, frame=frame) == expected
        hours_of_day = 24
        if name in (OFFICE, "America/New_York") and day == change:
            hours_of_day = 23 if change.month == 3 else 25
        if abs((day - change).days) == 0:
            assert len(expected) == hours_of_day


@pytest.mark.parametrize("frame", ["local", "office", "utc"])
def test_whole_days_are_the_same_day_on_every_calendar(
    api: ApiClient, calendar: Calendar, frame: str
) -> None:
    in_kiritimati = calendar.all_day(date(2026, 12, 4), datetime(2026, 12, 3, 10, tzinfo=UTC))
    in_niue = calendar.all_day(date(2026, 12, 4), datetime(2026, 12, 4, 11, tzinfo=UTC))
    unknown = calendar.all_day(date(2026, 12, 4), None)
    assert ids(api, from_="2026-12-04", to="2026-12-04", frame=frame) == [in_kiritimati, in_niue, unknown]
    assert ids(api, from_="2026-12-05", frame=frame) == ids(api, to="2026-12-03", frame=frame) == []


def test_what_has_no_start_is_found_by_the_day_that_it_has(api: ApiClient, calendar: Calendar) -> None:
    day = date(2026, 12, 4)
    local = calendar.add(date_start_local=day, date_start_office=day + timedelta(days=1))
    office = calendar.add(date_start_office=day)
    wished = calendar.add(requested_date=day)
    undated = calendar.add()
    for frame in ("local", "office", "utc"):
        assert ids(api, from_=day, to=day, frame=frame) == [local, office, wished]
    assert ids(api, status="undecided") == [local, office, wished, undated]


def test_where_the_zone_is_unknown_the_office_calendar_stands_in(api: ApiClient, calendar: Calendar) -> None:
    number = calendar.add(TEN_PM_IN_DENVER, zone=None)
    assert ids(api, from_="2026-12-04", to="2026-12-04", frame="local") == [number]


def test_days_in_the_wrong_order_are_refused(api: ApiClient) -> None:
    reply = ask(api, from_="2026-12-05", to="2026-12-04")
    assert reply.faults == {"to": "invalid-param"}
    assert ask(api, from_="12/4/2026").faults == {"from": "invalid-param"}
    assert ask(
        api, frame="mars", status="lost", sort="id", direction="up", limit=201
    ).faults == dict.fromkeys(("frame", "status", "sort", "direction", "limit"), "invalid-param")


# -- orders


def test_what_has_no_start_comes_last_in_both_directions(api: ApiClient, calendar: Calendar) -> None:
    undated = calendar.add()
    day = calendar.add(date_start_local=date(2020, 1, 1))
    late, early = calendar.add(NOON), calendar.add(NOON - timedelta(days=1))
    assert ids(api) == [early, late, day, undated]
    assert ids(api, direction="desc") == [late, early, day, undated]
    assert ids(api, sort="created") == [undated, day, late, early]
    assert ids(api, sort="created", direction="desc") == [early, late, day, undated]


def test_by_change(api: ApiClient, calendar: Calendar) -> None:
    numbers = [calendar.add(changed_at=NOON + timedelta(hours=n)) for n in (3, 1, 2)]
    assert ids(api, sort="changed") == [numbers[1], numbers[2], numbers[0]]
    assert ids(api, sort="changed", direction="desc") == [numbers[0], numbers[2], numbers[1]]


# -- roles


def test_each_role_lists_its_own(api: ApiClient, world: World, calendar: Calendar) -> None:
    company, other_company = world.company(), world.company()
    user = world.user()
    client = world.client(user_id=user.id)
    liaison, idle = world.liaison(company, other_company), world.liaison()
    own = calendar.add(NOON, order_id=world.order(client_id=client).id)
    companys = calendar.add(NOON, order_id=world.order(company_id=company).id)
    both = calendar.add(NOON, order_id=world.order(client_id=client, company_id=other_company).id)
    clients_loose = calendar.add(NOON, caller_user_id=user.id)
    liaisons_loose = calendar.add(NOON, caller_user_id=liaison.id)
    strangers = calendar.add(NOON, order_id=world.order().id, caller_user_id=user.id)
    loose = calendar.add(NOON)
    everything = [own, companys, both, clients_loose, liaisons_loose, strangers, loose]
    assert ids(api) == everything
    for who, expected in (
        (world.employee().id, everything),
        (user.id, [own, both, clients_loose]),
        (liaison.id, [companys, both, liaisons_loose]),
        (idle.id, []),
    ):
        caller = api.with_token(world.session_token(who))
        for sort in ("start", "changed", "created"):
            assert ids(caller, sort=sort) == expected
            assert walk(caller, sort=sort, limit=1) == expected
        assert ids(caller, status="requested") == expected
        assert ids(caller, from_="2026-12-04", to="2026-12-04") == expected
        assert ask(caller, count=1).body["data"]["total"] == {"number": len(expected), "more": False}
    as_client = api.with_token(world.session_token(user.id))
    stranger = world.row("SELECT order_id FROM appointments WHERE id = :id", id=strangers)["order_id"]
    assert ids(as_client, order_id=stranger) == []
    assert ids(as_client, client_id=client) == [own, both]


# -- cursors


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("sort", ["start", "changed", "created"])
def test_pages_go_on_over_ties(api: ApiClient, calendar: Calendar, sort: str, direction: str) -> None:
    for n in range(9):
        at = NOON + timedelta(hours=n // 4)
        calendar.add(at if n % 3 else None, changed_at=at, reconciled_at=None)
        calendar.add(date_start_local=date(2026, 12, 1 + n // 4), changed_at=at)
    whole = ids(api, sort=sort, direction=direction)
    assert len(whole) == 18
    for limit in (1, 2, 4, 5, 17, 18):
        assert walk(api, sort=sort, direction=direction, limit=limit) == whole


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("sort", ["start", "changed", "created"])
def test_what_is_written_meanwhile_neither_repeats_nor_hides_the_others(
    api: ApiClient, calendar: Calendar, sort: str, direction: str
) -> None:
    draw = random.Random(7)

    def add() -> int:
        at = NOON + timedelta(hours=draw.randrange(6))
        return calendar.add(
            draw.choice([at, None]), changed_at=at, requested_date=draw.choice([at.date(), None])
        )

    before = {add() for _ in range(20)}
    found: list[int] = []
    query: dict[str, Any] = {"sort": sort, "direction": direction, "limit": 3}
    while True:
        data = ask(api, **query).body["data"]
        found += [row["id"] for row in data["appointments"]]
        if data["next_cursor"] is None or len(found) > 200:
            break
        query["cursor"] = data["next_cursor"]
        if len(found) < 20:
            add()
            add()
    assert len(found) == len(set(found))
    assert before <= set(found)


def test_the_last_page_has_no_cursor(api: ApiClient, calendar: Calendar) -> None:
    calendar.add()
    calendar.add()
    assert ask(api, limit=2).body["data"]["next_cursor"] is None
    assert ask(api, limit=1).body["data"]["next_cursor"] is not None


def test_a_cursor_belongs_to_its_list(api: ApiClient, calendar: Calendar) -> None:
    for _ in range(3):
        calendar.add(NOON)
    cursor = ask(api, limit=1).body["data"]["next_cursor"]
    assert len(ids(api, limit=2, cursor=cursor)) == 2
    for other in (
        {"sort": "created"},
        {"direction": "desc"},
        {"status": "requested"},
        {"from_": "2026-01-01"},
    ):
        reply = ask(api, cursor=cursor, **other)
        assert reply.faults == {"cursor": "invalid-param"}
        assert "other filters" in reply.body["errors"][0]["message"]


def _spelled(said: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")


def test_what_is_not_a_cursor_is_refused(api: ApiClient, calendar: Calendar) -> None:
    calendar.add(NOON)
    calendar.add(NOON)
    cursor = ask(api, limit=1).body["data"]["next_cursor"]
    digest, run, key, last = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    odd: list[object] = [
        [digest, 3, key, last],
        [digest, -1, key, last],
        [digest, True, key, last],
        [digest, run, key, 0],
        [digest, run, key, 2**63],
        [digest, run, key, "1"],
        [digest, run, None, last],
        [digest, run, 5, last],
        [digest, run, "2026-12-04", last],
        [digest, run, "2026-12-04T19:00:00", last],
        [digest, 1, key, last],
        [digest, 2, key, last],
        [digest, run, key],
        [1, run, key, last],
        {"a": 1},
        5,
    ]
    for said in [*map(_spelled, odd), "x", "ä", "=", "AAAA", cursor[:-3], "[" * 150]:
        reply = ask(api, cursor=said)
        assert (reply.code, reply.faults) == (400, {"cursor": "invalid-param"}), said
        assert "next_cursor" in reply.body["errors"][0]["hint"]
    assert len(ids(api, cursor=_spelled([digest, run, key, last]))) == 1


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=200))
def test_no_text_as_a_cursor_crashes(api: ApiClient, cursor: str) -> None:
    assert ask(api, cursor=cursor).status in ("invalid-param", "action-successful")


# -- totals


def test_a_total_is_told_when_asked_for_and_is_bounded(
    api: ApiClient, calendar: Calendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(4):
        calendar.add(NOON)
    assert "total" not in ask(api).body["data"]
    assert ask(api, count="yes", limit=1).body["data"]["total"] == {"number": 4, "more": False}
    monkeypatch.setattr("models.appointment_list.MOST_COUNTED", 3)
    assert ask(api, count="yes").body["data"]["total"] == {"number": 3, "more": True}


# -- the list equals a plain filter of all rows


def naive(rows: list[dict], caller: Caller, wanted: Wanted) -> list[int]:
    """What the list is by its definition, in Python."""

    def day_of(row: dict, start: datetime | None) -> date | None:
        names = ("date_start_local", "date_start_office", "date_start_utc", "requested_date")
        if start is not None:
            names = (f"date_start_{wanted.frame}", *names)
        return next((row[name] for name in names if row[name] is not None), None)

    def start_of(row: dict) -> datetime | None:
        return row["starts_at"] or row["busy_from"]

    def changed(row: dict) -> datetime:
        return max(row["changed_at"], row["reconciled_at"] or row["changed_at"])

    def belongs(row: dict) -> bool:
        day = day_of(row, start_of(row))
        stands = start_of(row) is None and not row["cancelled"]
        return (
            may_see(caller, row)
            and wanted.order_id in (None, row["order_id"])
            and wanted.photographer_user_id in (None, row["photographer_user_id"])
            and wanted.client_id in (None, row["order_client_id"])
            and (stands if wanted.status == "undecided" else wanted.status in (None, status_of(row)))
            and (wanted.changed_since is None or changed(row) >= wanted.changed_since)
            and (wanted.first_day is None or (day is not None and day >= wanted.first_day))
            and (wanted.last_day is None or (day is not None and day <= wanted.last_day))
        )

    def place(row: dict) -> tuple[Any, ...]:
        if wanted.sort == "created":
            return (row["id"],)
        if wanted.sort == "changed":
            return (changed(row), row["id"])
        return (start_of(row) or day_of(row, None) or 0, row["id"])

    def stretch(row: dict) -> int:
        if wanted.sort != "start" or start_of(row) is not None:
            return 0
        return 1 if day_of(row, None) is not None else 2

    found = [row for row in rows if belongs(row)]
    listed: list[int] = []
    for number in (0, 1, 2):
        part = sorted((row for row in found if stretch(row) == number), key=place, reverse=wanted.descending)
        listed += [row["id"] for row in part]
    return listed


ZONES = [OFFICE, "America/New_York", "Pacific/Kiritimati", "Pacific/Niue", None]
MAYBE = [None, True, False]


def test_the_list_equals_a_plain_filter(api: ApiClient, world: World, calendar: Calendar) -> None:
    draw = random.Random(20261122)
    company = world.company()
    user, photographer = world.user(), world.photographer()
    client = world.client(user_id=user.id)
    liaison = world.liaison(company)
    orders = [world.order(client_id=client), world.order(company_id=company), world.order()]
    for _ in range(60):
        at = NOON + timedelta(hours=draw.randrange(-60, 60))
        columns: dict[str, Any] = {
            **{name: draw.choice(MAYBE) for name in ("confirmed", "cancelled", "optional")},
            "order_id": draw.choice([None, *(order.id for order in orders)]),
            "caller_user_id": draw.choice([None, user.id, liaison.id]),
            "photographer_user_id": draw.choice([None, photographer.id]),
            "changed_at": NOON + timedelta(minutes=draw.randrange(5)),
            "requested_date": draw.choice([None, at.date()]),
        }
        if draw.random() < 0.3:
            day = draw.choice([None, at.date()])
            calendar.add(date_start_office=day, date_start_local=draw.choice([None, day]), **columns)
        else:
            calendar.add(at, draw.choice(ZONES), **columns)
    rows = world.rows(
        "SELECT a.*, o.client_id AS order_client_id, o.company_id AS order_company_id"
        " FROM appointments a LEFT JOIN orders o ON o.id = a.order_id"
    )
    doors = {who: api.with_token(world.session_token(who)) for who in (user.id, liaison.id, photographer.id)}
    doors[0] = api
    with engine().connect() as connection:
        holders = {who: find_holder(connection, door.token) for who, door in doors.items()}
    application = KnownApplication(1, "planoauth", "PlanoAuth", frozenset())
    roles = {0: "application", user.id: "client", liaison.id: "liaison", photographer.id: "employee"}
    seen = 0
    for _ in range(100):
        first, last = sorted(date(2026, 12, draw.randrange(1, 8)) for _ in range(2))
        asked: dict[str, Any] = {
            "order_id": draw.choice(orders).id,
            "client_id": client,
            "photographer_user_id": photographer.id,
            "from": first,
            "to": last,
            "frame": draw.choice(["local", "office", "utc"]),
            "status": draw.choice(["requested", "confirmed", "optional", "cancelled", "undecided"]),
            "changed_since": NOON + timedelta(minutes=draw.randrange(5)),
            "sort": draw.choice(["start", "changed", "created"]),
            "direction": draw.choice(["asc", "desc"]),
        }
        query = {name: value for name, value in asked.items() if draw.random() < 0.3}
        who = draw.choice(list(doors))
        holder = holders[who]
        assert holder is not None
        caller = Caller(holder, application, roles[who])
        expected = naive(rows, caller, wanted_of(query))
        sent = {
            name: value.isoformat() if isinstance(value, date) else value for name, value in query.items()
        }
        assert walk(doors[who], limit=draw.choice([20, 200]), **sent) == expected, (query, roles[who])
        seen += len(expected)
    assert seen > 300


# -- plans


def test_no_list_reads_the_whole_table(world: World, calendar: Calendar) -> None:
    """Each run of the common lists has an index for it.

    In a table this small reading everything would be right, so that way is made to look expensive. The table is
    emptied for good first: rows that other tests left dead would count in its statistics.
    """
    world.execute("TRUNCATE appointments CASCADE")
    order = world.order()
    for n in range(40):
        calendar.add(NOON + timedelta(days=n) if n % 3 else None, order_id=order.id if n % 2 else None)
    day = NOON.date()
    common = [
        Wanted(),
        Wanted(descending=True),
        Wanted(sort="changed"),
        Wanted(sort="created", descending=True),
        Wanted(first_day=day, last_day=day),
        Wanted(first_day=day, last_day=day, frame="office", sort="changed"),
        Wanted(status="requested"),
        Wanted(status="undecided"),
        Wanted(changed_since=NOON, sort="changed"),
        Wanted(order_id=order.id),
        Wanted(client_id=order.client_id),
        Wanted(photographer_user_id=1),
    ]
    statements: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_more: Any) -> None:
        statements.append((statement, values))

    with engine().connect() as connection:
        connection.execute(text("ANALYZE appointments"))
        connection.commit()
        event.listen(engine(), "before_cursor_execute", note)
        try:
            for wanted in common:
                page = list_appointments(connection, wanted, EVERYTHING, 2)
                if page.next_cursor is not None:
                    list_appointments(connection, wanted, EVERYTHING, 2, page.next_cursor)
        finally:
            event.remove(engine(), "before_cursor_execute", note)
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        for statement, values in statements:
            if "FROM appointments" in statement:
                plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {statement}", values).scalars())
                assert "Seq Scan on appointments" not in plan, plan
    assert len(statements) > 20


def test_a_list_writes_nothing_and_needs_no_transaction(calendar: Calendar) -> None:
    calendar.add(NOON)
    with autocommit_engine().connect() as connection:
        connection.exec_driver_sql("SET default_transaction_read_only = on")
        try:
            assert len(list_appointments(connection, Wanted(), EVERYTHING, 5).appointments) == 1
        finally:
            connection.exec_driver_sql("RESET default_transaction_read_only")
