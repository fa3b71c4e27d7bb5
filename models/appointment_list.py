"""Lists of appointments: which ones, in which order, a page at a time, of those that a caller may see.

A wish (`Wanted`) and whose appointments they may be (`Scope`) become conditions of one statement; nothing is
left out afterwards. A list is one or more *runs*, each with an order that an index has: sorted by start, first
those with an instant, then those with a day only, then those with neither. A run is the union of *branches*
(ways to belong to the scope, or to the range of days), each limited by itself.

Whoever has few orders gets their appointments gathered through these and then sorted. Otherwise the planner
may walk along the index that has the order of the list: among many orders it soon has enough for a page.

A page goes on where its cursor says: after a place in the order, which no insert can move.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Date,
    FromClause,
    Integer,
    Select,
    Table,
    bindparam,
    func,
    literal,
    literal_column,
    select,
    tuple_,
    union_all,
)

from models import cursors
from models.appointments import DAY, START, STATUS, Appointment
from models.base import Instant
from models.clock.frames import Frame
from models.orders import Order

CursorError = cursors.CursorError

SORTS: Final = ("start", "changed", "created")
STATUSES: Final = {
    "requested": "Neither confirmed, nor optional, nor cancelled.",
    "confirmed": "Confirmed, and neither optional nor cancelled.",
    "optional": "Tentative, and not cancelled.",
    "cancelled": "Cancelled, for whatever reason.",
    "undecided": "Not cancelled, and without a start: no time of day was set, or it is not worked out yet.",
}
"""Of the first four each appointment has exactly one; the last cuts across them."""

MOST_COUNTED: Final = 10_000
"""Counting goes no further: a total is there to be read, and "more than 10,000" reads as well."""

FEW_ORDERS: Final = 5_000
"""Up to so many orders their appointments are gathered, which takes at most some tens of milliseconds."""

_RANK: Final = {"requested": 0, "confirmed": 1, "optional": 2, "cancelled": 4}
_EARLIEST_MIDNIGHT: Final = timedelta(hours=14)
_LATEST_MIDNIGHT: Final = timedelta(hours=12)
"""No calendar is further ahead of UTC than the first, none further behind than the second."""

_NOT_LISTED: Final = frozenset(
    {"description", "notes", "supplied", "adopted", "discrepancies", "fingerprint", "busy_from", "busy_until"}
)

_appointments: Final[Table] = Appointment.__table__  # type: ignore[assignment]
_orders: Final[Table] = Order.__table__  # type: ignore[assignment]
_a, _o = _appointments.c, _orders.c
_start: Final[ColumnElement[datetime]] = literal_column(START, Instant())
_day: Final[ColumnElement[date]] = literal_column(DAY, Date())
_status: Final[ColumnElement[int]] = literal_column(STATUS, Integer())
_changed: Final[ColumnElement[datetime]] = func.greatest(_a.changed_at, _a.reconciled_at, type_=Instant())

LISTED: Final = tuple(name for name in _a.keys() if name not in _NOT_LISTED)  # noqa: SIM118 - a collection of columns
"""The columns of an element: all but the long texts, and what only reconciliation reads."""

Conditions = tuple[ColumnElement[bool], ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which appointments, and in which order; None is any.

    `first_day` and `last_day` (2000 to 2099, both included) are days of the calendar of `frame` on which the
    appointment starts. Where it has no date in that frame it is found by the one that it has: the property's,
    the office's, that of UTC, at last the one that was requested. `status` is one of `STATUSES`.
    `changed_since` (aware, included) is compared with the later of change and reconciliation.
    """

    order_id: int | None = None
    photographer_user_id: int | None = None
    client_id: int | None = None
    first_day: date | None = None
    last_day: date | None = None
    frame: Frame = "local"
    status: str | None = None
    changed_since: datetime | None = None
    sort: str = "start"
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose appointments: all, or those of the orders of a client or of companies, and a user's own without order."""

    everything: bool = False
    client_id: int | None = None
    company_ids: frozenset[int] = frozenset()
    user_id: int | None = None


EVERYTHING: Final = Scope(everything=True)


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the list, as mappings of `LISTED`, and the cursor of the next; None at the end."""

    appointments: list[dict[str, Any]]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Total:
    """How many there are; `more` says that there are more than `number`."""

    number: int
    more: bool


@dataclass(frozen=True, slots=True)
class _Branch:
    """One way to belong to the list: a table to read from, and what its rows have to satisfy."""

    source: FromClause
    conditions: Conditions


@dataclass(frozen=True, slots=True)
class _Run:
    """A stretch of the list in the order of `key`, then id. Within it the key is never null, or always."""

    key: ColumnElement[Any] | None
    branches: tuple[Conditions, ...]
    key_is_null: bool = False


@dataclass(frozen=True, slots=True)
class _Place:
    """After which element of which run a page begins; at the start of the run without an id."""

    run: int = 0
    key: datetime | date | None = None
    id: int | None = None


def list_appointments(
    connection: Connection, wanted: Wanted, scope: Scope, limit: int, cursor: str | None = None
) -> Page:
    """A page of at most `limit`. Raises `CursorError` for a cursor that this list, so filtered, did not give out."""
    place = _Place() if cursor is None else _read_cursor(cursor, wanted)
    found: list[dict[str, Any]] = []
    runs = _runs(wanted)
    is_gathered = _has_few_orders(connection, wanted, scope)
    for number in range(place.run, len(runs)):
        after = place if number == place.run else _Place(number)
        statement = _page(wanted, scope, runs[number], after, limit + 1 - len(found), is_gathered)
        if statement is None:
            continue
        rows = connection.execute(statement).mappings()
        found += [{**row, "_run": number} for row in rows]
        if len(found) > limit:
            break
    next_cursor = None
    if len(found) > limit:
        last = found[limit - 1]
        next_cursor = _cursor(wanted, _Place(last["_run"], last["_key"], last["id"]))
    return Page([{name: row[name] for name in LISTED} for row in found[:limit]], next_cursor)


def status_of(row: Mapping[str, Any]) -> str:
    """The status of a row: `requested`, `confirmed`, `optional` or `cancelled`."""
    if row["cancelled"]:
        return "cancelled"
    if row["optional"]:
        return "optional"
    return "confirmed" if row["confirmed"] else "requested"


def count_appointments(connection: Connection, wanted: Wanted, scope: Scope) -> Total:
    """How many the whole list holds, counted up to `MOST_COUNTED`."""
    each: list[Select[Any]] = [
        select(literal_column("1")).select_from(branch.source).where(*branch.conditions, *conditions)
        for branch in _reach(wanted, scope)
        for conditions in _branches_of_days(wanted)
    ]
    if not each:
        return Total(0, more=False)
    some = union_all(*each).limit(_inline(MOST_COUNTED + 1)).subquery()
    number = connection.execute(select(func.count()).select_from(some)).scalar_one()
    return Total(min(number, MOST_COUNTED), number > MOST_COUNTED)


def _has_few_orders(connection: Connection, wanted: Wanted, scope: Scope) -> bool:
    """Whether the scope goes through orders, and no more than `FEW_ORDERS` of them."""
    owners = [*_clients(wanted), *_owners(scope)]
    if not owners:
        return False
    some = select(_o.id).where(*owners).limit(_inline(FEW_ORDERS + 1)).subquery()
    return bool(connection.execute(select(func.count()).select_from(some)).scalar_one() <= FEW_ORDERS)


def _reach(wanted: Wanted, scope: Scope) -> Iterator[_Branch]:
    """The ways in which an appointment may belong to the scope, with every filter but that of the days."""
    filters = tuple(_filters(wanted))
    owners = (*_clients(wanted), *_owners(scope))
    if owners:
        yield _Branch(_appointments.join(_orders, _o.id == _a.order_id), (*filters, *owners))
    elif scope.everything:
        yield _Branch(_appointments, filters)
    if scope.user_id is not None and wanted.client_id is None and wanted.order_id is None:
        yield _Branch(_appointments, (*filters, _a.order_id.is_(None), _a.caller_user_id == scope.user_id))


def _clients(wanted: Wanted) -> Conditions:
    return () if wanted.client_id is None else (_o.client_id == _inline(wanted.client_id),)


def _owners(scope: Scope) -> Conditions:
    """Whose orders are in the scope; the ids are in the text, so that the plan is made for these and not for any."""
    if scope.everything:
        return ()
    if scope.client_id is not None:
        return (_o.client_id == _inline(scope.client_id),)
    served: BindParameter[Any] = bindparam(
        None, sorted(scope.company_ids), expanding=True, literal_execute=True
    )
    return (_o.company_id.in_(served),)


def _filters(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    if wanted.order_id is not None:
        yield _a.order_id == wanted.order_id
    if wanted.photographer_user_id is not None:
        yield _a.photographer_user_id == wanted.photographer_user_id
    if wanted.status == "undecided":
        yield _a.cancelled.is_not(True)
    elif wanted.status is not None:
        yield _status == _inline(_RANK[wanted.status])
    if wanted.changed_since is not None:
        yield _changed >= wanted.changed_since


def _branches_of_days(wanted: Wanted) -> tuple[Conditions, ...]:
    """The filter of the days: by the instant, narrowed by the date, or by the day of those without an instant.

    A filter by status is split in the same way: the index on the status has those with an instant only.
    """
    undecided = (_start.is_(None), *_between(_day, wanted.first_day, wanted.last_day))
    if wanted.status == "undecided":
        return (undecided,)
    if wanted.first_day is None and wanted.last_day is None and wanted.status is None:
        return ((),)
    return (_started(wanted), undecided)


def _started(wanted: Wanted) -> Conditions:
    earliest = None if wanted.first_day is None else _midnight_utc(wanted.first_day) - _EARLIEST_MIDNIGHT
    latest = None
    if wanted.last_day is not None:
        latest = _midnight_utc(wanted.last_day) + timedelta(days=1) + _LATEST_MIDNIGHT
    day = func.coalesce(_a[f"date_start_{wanted.frame}"], _day)
    return (
        _start.is_not(None),
        *_between(_start, earliest, latest),
        *_between(day, wanted.first_day, wanted.last_day),
    )


def _between(
    value: ColumnElement[Any], first: date | datetime | None, last: date | datetime | None
) -> Conditions:
    bounds = []
    if first is not None:
        bounds.append(value >= first)
    if last is not None:
        bounds.append(value <= last)
    return tuple(bounds)


def _runs(wanted: Wanted) -> tuple[_Run, ...]:
    if wanted.sort == "created":
        return (_Run(None, _branches_of_days(wanted)),)
    if wanted.sort == "changed":
        return (_Run(_changed, _branches_of_days(wanted)),)
    # A day of its own, or none; where days are asked for, those without any are out.
    no_instant = (_start.is_(None), *_between(_day, wanted.first_day, wanted.last_day))
    return (
        _Run(_start, () if wanted.status == "undecided" else (_started(wanted),)),
        _Run(_day, ((*no_instant, _day.is_not(None)),)),
        _Run(_day, ((*no_instant, _day.is_(None)),), key_is_null=True),
    )


def _page(
    wanted: Wanted, scope: Scope, run: _Run, after: _Place, limit: int, is_gathered: bool
) -> Select[Any] | None:
    key = literal(None, Instant()) if run.key is None else run.key
    columns = [*(_a[name] for name in LISTED), key.label("_key")]
    each = []
    for branch in _reach(wanted, scope):
        for conditions in run.branches:
            narrowed = (*branch.conditions, *conditions, *_after(wanted, run, after))
            statement = select(*columns).select_from(branch.source).where(*narrowed)
            if is_gathered:
                # PostgreSQL plans what has an OFFSET by itself, without regard to the order that is wanted.
                each.append(select(statement.offset(_inline(0)).subquery()))
            else:
                each.append(_ordered(statement, wanted, run.key, _a.id, limit))
    if len(each) == 1 and not is_gathered:
        return each[0]
    if not each:
        return None
    # Each branch is wrapped, because an ORDER BY of its own is only allowed in parentheses.
    together = union_all(*(select(one.subquery()) for one in each)).subquery()
    key_of_all = None if run.key is None else together.c["_key"]
    return _ordered(select(together), wanted, key_of_all, together.c.id, limit)


def _ordered(
    statement: Select[Any],
    wanted: Wanted,
    key: ColumnElement[Any] | None,
    number: ColumnElement[int],
    limit: int,
) -> Select[Any]:
    by: list[ColumnElement[Any]] = [number] if key is None else [key, number]
    ordered = statement.order_by(*(one.desc() if wanted.descending else one.asc() for one in by))
    # In the text, as a plan for an unknown number of rows would be another one.
    return ordered.limit(_inline(limit))


def _after(wanted: Wanted, run: _Run, place: _Place) -> Conditions:
    if place.id is None:
        return ()
    if run.key is None or run.key_is_null:
        return (_a.id < place.id if wanted.descending else _a.id > place.id,)
    here = tuple_(literal(place.key, run.key.type), literal(place.id))
    there = tuple_(run.key, _a.id)
    return (there < here if wanted.descending else there > here,)


def _inline(number: int) -> BindParameter[int]:
    return bindparam(None, number, Integer(), literal_execute=True)


def _midnight_utc(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _digest(wanted: Wanted) -> str:
    """What a list is: a cursor of another one would point to a place that this one does not have."""
    said = json.dumps(asdict(wanted), default=str, sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _cursor(wanted: Wanted, place: _Place) -> str:
    key = None if place.key is None else place.key.isoformat()
    return cursors.wrapped(json.dumps([_digest(wanted), place.run, key, place.id], separators=(",", ":")))


def _read_cursor(cursor: str, wanted: Wanted) -> _Place:
    with cursors.unwrapped(cursor) as said:
        digest, number, key, last_id = json.loads(said)
        if not isinstance(digest, str) or type(number) is not int or type(last_id) is not int:
            raise ValueError(cursor)
        if digest != _digest(wanted):
            raise CursorError("This cursor belongs to a list with other filters or in another order.")
        run = _runs(wanted)[number]
        if number < 0 or not 0 < last_id < 2**63:
            raise ValueError(cursor)
        return _Place(number, _key(run, key), last_id)


def _key(run: _Run, key: Any) -> datetime | date | None:
    if run.key is None or run.key_is_null:
        if key is not None:
            raise ValueError(key)
        return None
    if not isinstance(run.key.type, Instant):
        return date.fromisoformat(key)
    moment = datetime.fromisoformat(key)
    if moment.utcoffset() is None:
        raise ValueError(key)
    return moment
