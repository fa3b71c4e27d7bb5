"""Searching appointments by whatever somebody has at hand: an id, a uuid, a request's id, or words.

Exact ids come first; they have indexes. Words have none. They are looked for among clients and properties, which
are few, and then appointment by appointment in slices of time, the nearest first, until there are enough or the
patience is used up. How far it got is told, so that "nothing found" never means "given up".
"""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from models.appointment_list import LISTED
from models.appointments import DAY, START, STATUS
from models.clock.frames import Frame
from models.labelled_ids import labelled_id

PATIENCE_S: Final = 2.0
MOST: Final = 50
MOST_WORDS: Final = 6
MOST_PLACES: Final = 100
RECENT_ROWS: Final = 200_000
"""So many of the newest appointments are looked through for a request's id."""

_SLICES: Final = ((-7, 30_000), (-90, -7), (-365, -90))
"""Days from today, the nearest first: what comes and the last week, then further and further back."""
_UUID: Final = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_OUR_REQUEST_ID: Final = re.compile(r"[0-9a-f]{24}")
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{6,64}")
"""As callers may send it; the words of a search look the same, so that they are tried first."""
_RANKS: Final = {"requested": 0, "confirmed": 1, "optional": 2, "cancelled": 4}
_LABELLED: Final = {
    "": "a.id = :number",
    "appointment": "a.id = :number",
    "order": "a.order_id = :number",
    "command": "a.id = (SELECT c.appointment_id FROM all_commands c WHERE c.id = :number)",
    "notification": "a.id = (SELECT n.appointment_id FROM notifications n WHERE n.id = :number)",
}
_AHEAD, _BEHIND = timedelta(hours=14), timedelta(hours=36)


def _of_a(expression: str) -> str:
    """The expression with its columns named as those of `a`."""
    return re.sub(r"\b(?!(?:coalesce|greatest|int)\b)([a-z][a-z_]+)\b", r"a.\1", expression)


_START, _DAY, _STATUS = _of_a(START), _of_a(DAY), _of_a(STATUS)
_COLUMNS = ", ".join(f"a.{name}" for name in (*LISTED, "busy_from"))
_PLACED = "appointments a"
_JOINED = (
    "appointments a LEFT JOIN orders o ON o.id = a.order_id LEFT JOIN clients c ON c.id = o.client_id"
    " LEFT JOIN properties p ON p.id = o.property_id"
)
_TEXT = "lower(concat_ws(' ', a.summary, a.location, a.appt_type, a.photographer_name, p.address, c.name, c.email))"


@dataclass(frozen=True, slots=True)
class Narrowed:
    """What else has to be true; None is any. As `models.appointment_list.Wanted` says it."""

    order_id: int | None = None
    photographer_user_id: int | None = None
    first_day: date | None = None
    last_day: date | None = None
    frame: Frame = "local"
    status: str | None = None
    changed_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """Mappings of `appointment_list.LISTED`: found by an id, or else by words, the nearest in time first.

    `is_more`: there are more than are shown. `looked_back_to`: words were not looked for in what begins before
    this instant (aware), as time was up; `is_given_up` says that not even the nearest slice was looked through.
    """

    by_id: list[dict[str, Any]]
    by_words: list[dict[str, Any]]
    is_more: bool = False
    looked_back_to: datetime | None = None
    is_given_up: bool = False


def search(connection: Connection, words: str, narrowed: Narrowed, now: datetime) -> Found:
    """Look for `words`; `now` (aware) is where the slices begin. Takes little more than `PATIENCE_S`.

    The narrowing filters hold for what is found by words; an id is the appointment's own, whatever else is asked.
    """
    deadline = time.monotonic() + PATIENCE_S
    words = words.strip()
    by_id = _first_found(connection, _ways_by_id(words), deadline)
    wanted = words.lower().split()[:MOST_WORDS]
    is_nothing_else = _UUID.fullmatch(words) or _OUR_REQUEST_ID.fullmatch(words)
    if by_id or is_nothing_else or not wanted:
        return Found(by_id, [])
    found = _by_words(connection, wanted, narrowed, now, deadline)
    if not found.by_words and len(wanted) == 1 and _REQUEST_ID.fullmatch(words):
        return replace(found, by_id=_first_found(connection, _ways_by_request(words), deadline))
    return found


def _by_words(
    connection: Connection, wanted: Sequence[str], narrowed: Narrowed, now: datetime, deadline: float
) -> Found:
    conditions, given = _conditions(narrowed)
    given |= {f"word_{number}": word for number, word in enumerate(wanted)}
    in_all = _each_in(_TEXT, wanted)
    known: dict[int, dict[str, Any]] = {}
    reach: datetime | None = None
    is_cut = False
    for clause, bounds, reach, source in (
        *((clause, {}, None, _PLACED) for clause in _places(wanted)),
        *(
            (f"{clause} AND {in_all}", bounds, reach, _JOINED)
            for clause, bounds, reach in _slices(narrowed, now)
        ),
    ):
        way = "ASC" if reach is None and source is _JOINED else "DESC"
        statement = (
            f"SELECT {_COLUMNS} FROM {source} WHERE {' AND '.join((clause, *conditions))}"  # noqa: S608 - constants
            f" ORDER BY {_START} {way}, a.id {way} LIMIT {MOST + 1}"
        )
        rows = _patiently(connection, statement, {**given, **bounds}, deadline)
        if rows is None:
            is_cut = True
            break
        known |= {row["id"]: row for row in rows}
        if len(known) > MOST:
            break
    ordered = sorted(known.values(), key=lambda row: _nearest_first(row, now))
    return Found(
        [],
        ordered[:MOST],
        is_more=len(ordered) > MOST,
        looked_back_to=reach if is_cut else None,
        is_given_up=is_cut and reach is None,
    )


def _ways_by_id(words: str) -> list[tuple[str, dict[str, Any]]]:
    """Conditions under which it is the id of an appointment, of an order or of what it is labelled as, or a uuid."""
    if words.isascii() and words.isdigit() and len(words) < 19 and int(words) > 0:
        return [("a.id = :number", {"number": int(words)}), ("a.order_id = :number", {"number": int(words)})]
    labelled = labelled_id(words)
    if labelled is not None:
        label, number = labelled
        return [(_LABELLED[label], {"number": number})]
    if _UUID.fullmatch(words):
        return [("a.uuid = :uuid", {"uuid": UUID(words)})]
    return _ways_by_request(words) if _OUR_REQUEST_ID.fullmatch(words) else []


def _ways_by_request(words: str) -> list[tuple[str, dict[str, Any]]]:
    """Conditions under which it is the id of the request that made or changed an appointment; without an index."""
    newest = f"a.id > (SELECT max(id) FROM appointments) - {RECENT_ROWS}"  # noqa: S608 - a constant
    changed = (
        "SELECT h.appointment_id FROM appointment_changes h WHERE h.request_id = :request_id"  # noqa: S608
        f" AND h.id > (SELECT max(id) FROM appointment_changes) - {RECENT_ROWS}"
    )
    given = {"request_id": words}
    return [(f"a.request_id = :request_id AND {newest}", given), (f"a.id IN ({changed})", given)]


def _first_found(
    connection: Connection, ways: Sequence[tuple[str, dict[str, Any]]], deadline: float
) -> list[dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    for condition, given in ways:
        statement = f"SELECT {_COLUMNS} FROM appointments a WHERE {condition} ORDER BY a.id DESC LIMIT {MOST}"  # noqa: S608
        rows = _patiently(connection, statement, given, deadline) or []
        found |= {row["id"]: row for row in rows if row["id"] not in found}
    return list(found.values())


def _places(wanted: Sequence[str]) -> list[str]:
    """Conditions for the orders of clients and properties that have all the words: few rows, of any age."""
    return [
        f"a.order_id IN (SELECT o.id FROM orders o WHERE o.{name}_id IN"  # noqa: S608 - constants
        f" (SELECT named.id FROM {table} named WHERE {_each_in(texts, wanted)} LIMIT {MOST_PLACES}))"
        for name, table, texts in (
            ("client", "clients", "lower(concat_ws(' ', named.name, named.email))"),
            ("property", "properties", "lower(named.address)"),
        )
    ]


def _each_in(texts: str, wanted: Sequence[str]) -> str:
    return " AND ".join(f"strpos({texts}, :word_{number}) > 0" for number in range(len(wanted)))


def _nearest_first(row: Mapping[str, Any], now: datetime) -> tuple[int, float]:
    """What comes, then what has no time yet, then what was, from today backwards."""
    start: datetime | None = row["starts_at"] or row["busy_from"]
    if start is None:
        return (1, -row["id"])
    away = (start - now).total_seconds()
    return (0, away) if away >= _SLICES[0][0] * 86_400 else (2, -away)


def _slices(narrowed: Narrowed, now: datetime) -> Sequence[tuple[str, Mapping[str, Any], datetime | None]]:
    """Conditions on when an appointment begins, the values for them, and down to where one has looked before each."""
    if narrowed.status == "undecided":
        return [(f"{_START} IS NULL", {}, None)]
    if narrowed.first_day is not None:
        earliest = _midnight(narrowed.first_day) - _AHEAD
        bounds: dict[str, Any] = {"earliest": earliest}
        clause = f"{_START} >= :earliest"
        if narrowed.last_day is not None:
            bounds["latest"] = _midnight(narrowed.last_day) + _BEHIND
            clause += f" AND {_START} < :latest"
        return [(clause, bounds, None), (f"{_START} IS NULL", {}, earliest)]
    slices: list[tuple[str, Mapping[str, Any], datetime | None]] = []
    reach: datetime | None = None
    near = {"near_day": (now + timedelta(days=_SLICES[1][0])).date()}
    for number, (from_day, until_day) in enumerate(_SLICES):
        begin, end = now + timedelta(days=from_day), now + timedelta(days=until_day)
        slices.append((f"{_START} >= :begin AND {_START} < :end", {"begin": begin, "end": end}, reach))
        reach = begin
        if number == 0:
            # What has no start yet is as near as what comes.
            slices.append((f"{_START} IS NULL AND {_DAY} >= :near_day", near, reach))
    slices.append((f"{_START} IS NULL AND ({_DAY} < :near_day OR {_DAY} IS NULL)", near, reach))
    slices.append((f"{_START} < :end", {"end": reach}, reach))
    return slices


def _conditions(narrowed: Narrowed) -> tuple[list[str], dict[str, Any]]:
    conditions: list[str] = []
    given: dict[str, Any] = {}
    day = f"coalesce(a.date_start_{narrowed.frame}, {_DAY})"
    for value, name, condition in (
        (narrowed.order_id, "order_id", "a.order_id = :order_id"),
        (narrowed.photographer_user_id, "photographer", "a.photographer_user_id = :photographer"),
        (narrowed.first_day, "first_day", f"{day} >= :first_day"),
        (narrowed.last_day, "last_day", f"{day} <= :last_day"),
        (narrowed.changed_since, "changed", "greatest(a.changed_at, a.reconciled_at) >= :changed"),
        (_RANKS.get(narrowed.status or ""), "rank", f"{_STATUS} = :rank"),
    ):
        if value is not None:
            conditions.append(condition)
            given[name] = value
    if narrowed.status == "undecided":
        conditions.append("a.cancelled IS NOT TRUE")
    return conditions, given


def _patiently(
    connection: Connection, statement: str, given: Mapping[str, Any], deadline: float
) -> list[dict[str, Any]] | None:
    """What the statement finds before the deadline (`time.monotonic`); None when it does not end by then."""
    left_ms = int((deadline - time.monotonic()) * 1000)
    if left_ms <= 0:
        return None
    try:
        # A savepoint, so that whoever asks can go on after a statement was given up.
        with connection.begin_nested():
            connection.execute(text(f"SET LOCAL statement_timeout = {left_ms}"))
            rows = [dict(row) for row in connection.execute(text(statement), dict(given)).mappings()]
            connection.execute(text("SET LOCAL statement_timeout TO DEFAULT"))
    except OperationalError as error:
        if isinstance(error.orig, psycopg.errors.QueryCanceled):
            return None
        raise
    return rows


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
