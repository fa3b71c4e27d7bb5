"""Searching appointments by whatever somebody has at hand: an id, a uuid, a request's id, or words.

Exact ids come first; they have indexes. Words have none: appointments are looked through newest first, in slices
of time, each with its own limit on how long it may take, until there are enough or the patience is used up. How far
it got is told, so that "nothing found" never means "given up".
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

PATIENCE_S: Final = 2.0
MOST: Final = 50
MOST_WORDS: Final = 6
RECENT_ROWS: Final = 200_000
"""So many of the newest appointments are looked through for a request's id."""

_SLICES: Final = ((-7, None), (-90, -7), (-365, -90), (None, -365))
"""Days from today, the nearest first: what comes and the last week, then further and further back."""
_UUID: Final = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{6,64}")
_RANKS: Final = {"requested": 0, "confirmed": 1, "optional": 2, "cancelled": 4}
_AHEAD, _BEHIND = timedelta(hours=14), timedelta(hours=36)


def _of_a(expression: str) -> str:
    """The expression with its columns named as those of `a`."""
    return re.sub(r"\b(?!(?:coalesce|greatest|int)\b)([a-z][a-z_]+)\b", r"a.\1", expression)


_START, _DAY, _STATUS = _of_a(START), _of_a(DAY), _of_a(STATUS)
_COLUMNS = ", ".join(f"a.{name}" for name in LISTED)
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
    """Mappings of `appointment_list.LISTED`: those found by an id first, then those found by words.

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
    by_id = _by_id(connection, words.strip(), deadline)
    known = {row["id"] for row in by_id}
    found = Found(by_id, [])
    wanted = words.lower().split()[:MOST_WORDS]
    if not wanted:
        return found
    conditions, given = _conditions(narrowed)
    for number, word in enumerate(wanted):
        conditions.append(f"strpos({_TEXT}, :word_{number}) > 0")
        given[f"word_{number}"] = word
    for clause, bounds, reach in _slices(narrowed, now):
        room = MOST + 1 - len(found.by_words)
        way = "ASC" if reach is None else "DESC"
        statement = (
            f"SELECT {_COLUMNS} FROM {_JOINED} WHERE {' AND '.join((clause, *conditions))}"  # noqa: S608 - constants
            f" ORDER BY {_START} {way}, a.id {way} LIMIT {room + len(known)}"
        )
        rows = _patiently(connection, statement, {**given, **bounds}, deadline)
        if rows is None:
            return replace(found, looked_back_to=reach, is_given_up=reach is None)
        found.by_words.extend(row for row in rows if row["id"] not in known)
        known |= {row["id"] for row in rows}
        if len(found.by_words) > MOST:
            return replace(found, by_words=found.by_words[:MOST], is_more=True)
    return found


def _by_id(connection: Connection, words: str, deadline: float) -> list[dict[str, Any]]:
    """Those that have it as their id, their order's id, their uuid, or the id of the request that made them."""
    ways: list[tuple[str, dict[str, Any]]] = []
    if words.isascii() and words.isdigit() and len(words) < 19 and int(words) > 0:
        ways.append(("a.id = :number", {"number": int(words)}))
        ways.append(("a.order_id = :number", {"number": int(words)}))
    if _UUID.fullmatch(words):
        ways.append(("a.uuid = :uuid", {"uuid": UUID(words)}))
    elif _REQUEST_ID.fullmatch(words):
        newest = f"a.id > (SELECT max(id) FROM appointments) - {RECENT_ROWS}"  # noqa: S608 - a constant
        ways.append((f"a.request_id = :request_id AND {newest}", {"request_id": words}))
        ways.append(
            (
                "a.id IN (SELECT h.appointment_id FROM appointment_changes h WHERE h.request_id = :request_id"  # noqa: S608
                f" AND h.id > (SELECT max(id) FROM appointment_changes) - {RECENT_ROWS})",
                {"request_id": words},
            )
        )
    found: dict[int, dict[str, Any]] = {}
    for condition, given in ways:
        statement = f"SELECT {_COLUMNS} FROM appointments a WHERE {condition} ORDER BY a.id DESC LIMIT {MOST}"  # noqa: S608
        # A request's id may not use up the time of the words.
        rows = _patiently(connection, statement, given, deadline - PATIENCE_S / 2) or []
        found |= {row["id"]: row for row in rows if row["id"] not in found}
    return list(found.values())


def _slices(narrowed: Narrowed, now: datetime) -> Sequence[tuple[str, Mapping[str, Any], datetime | None]]:
    """Conditions on when an appointment begins, the values for them, and down to where one has looked before each."""
    undecided = f"{_START} IS NULL"
    if narrowed.status == "undecided":
        return [(undecided, {}, None)]
    if narrowed.first_day is not None:
        earliest = _midnight(narrowed.first_day) - _AHEAD
        bounds: dict[str, Any] = {"earliest": earliest}
        clause = f"{_START} >= :earliest"
        if narrowed.last_day is not None:
            bounds["latest"] = _midnight(narrowed.last_day) + _BEHIND
            clause += f" AND {_START} < :latest"
        return [(clause, bounds, None), (undecided, {}, earliest)]
    slices: list[tuple[str, Mapping[str, Any], datetime | None]] = []
    reach: datetime | None = None
    for from_day, until_day in _SLICES:
        begin = None if from_day is None else now + timedelta(days=from_day)
        end = None if until_day is None else now + timedelta(days=until_day)
        parts = [
            *([f"{_START} >= :begin"] if begin is not None else []),
            *([f"{_START} < :end"] if end is not None else []),
        ]
        bounds = {name: at for name, at in (("begin", begin), ("end", end)) if at is not None}
        slices.append((" AND ".join(parts), bounds, reach))
        if begin is None:
            break
        if reach is None:
            # What has no start yet is as near as what comes.
            slices.append((undecided, {}, begin))
        reach = begin
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
