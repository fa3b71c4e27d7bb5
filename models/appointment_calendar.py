"""The appointments of some days, of one photographer or of all: what a calendar shows, never more than it can.

What has a start is read through the index on it (or that of the photographer), what has only a day through the
one on days. Something that began more than `LOOK_BACK` before the first day is not found; its own page and the
list have it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, text

from models.appointment_list import LISTED
from models.appointments import DAY, START
from models.clock.frames import ENDPOINTS
from models.clock.frames import FLOATING_ORDER as FRAMES

LOOK_BACK: Final = timedelta(days=32)
MOST: Final = 400
"""Appointments with a start that one calendar shows."""
MOST_UNDECIDED: Final = 60

_COLUMNS = ", ".join((*LISTED, "busy_from", "busy_until"))
# Before the times are worked out, whole days may have their date in another frame; it is the same day.
_FIRST_DAY = "coalesce(date_start_local, date_start_office, date_start_utc)"
_LAST_DAY = f"greatest({_FIRST_DAY}, date_stop_local, date_stop_office, date_stop_utc)"
_STARTED = (
    f"SELECT {_COLUMNS} FROM appointments WHERE {START} >= :earliest AND {START} < :latest AND CASE"  # noqa: S608
    f" WHEN allday THEN {_FIRST_DAY} <= :last_day AND {_LAST_DAY} >= :first_day ELSE {START} < :end"
    f" AND greatest(coalesce(stops_at, busy_until), {START} + interval '1 microsecond') > :begin END"
    " AND (:with_cancelled OR cancelled IS NOT TRUE)"
)
_UNDECIDED = (
    f"SELECT {_COLUMNS} FROM appointments WHERE {START} IS NULL AND {DAY} BETWEEN :first_day AND :last_day"  # noqa: S608
    " AND (:with_cancelled OR cancelled IS NOT TRUE)"
)
_OF_ONE = " AND photographer_user_id = :photographer_user_id"
_PHOTOGRAPHERS = text(
    "SELECT u.id, coalesce(nullif(u.name, ''), u.email) AS name FROM users u JOIN employees e ON e.user_id = u.id"
    " WHERE 'photographer' = ANY(e.duties) OR u.id = :also ORDER BY lower(u.name), u.id LIMIT 500"
)


@dataclass(frozen=True, slots=True)
class Photographer:
    """Somebody whose days can be looked at."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Days:
    """Which days, as dates (both included) and as instants (`begin` <= … < `end`, aware).

    `margin` widens the instants, for whoever looks at clocks other than those that the instants are of.
    """

    first_day: date
    last_day: date
    begin: datetime
    end: datetime
    margin: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Calendar:
    """What was found, in order: with a start (or whole days), and with a day only.

    Of what was just stored, and whose times are being worked out, start and stop are those that are foreseen.
    `is_cut` says that there are more than are shown, of either.
    """

    started: list[dict[str, Any]]
    undecided: list[dict[str, Any]]
    is_cut: bool


def read_calendar(
    connection: Connection,
    days: Days,
    photographer_user_id: int | None = None,
    *,
    with_cancelled: bool = True,
) -> Calendar:
    """The appointments of these days, of one photographer or (None) of everybody."""
    given = {
        "first_day": days.first_day,
        "last_day": days.last_day,
        "begin": days.begin - days.margin,
        "end": days.end + days.margin,
        "earliest": days.begin - LOOK_BACK,
        # Whole days begin at the property's midnight, which may come half a day later.
        "latest": days.end + max(days.margin, timedelta(hours=26)),
        "with_cancelled": with_cancelled,
        "photographer_user_id": photographer_user_id,
    }
    of_one = "" if photographer_user_id is None else _OF_ONE
    if photographer_user_id is None:
        del given["photographer_user_id"]
    started = _read(connection, f"{_STARTED}{of_one} ORDER BY {START}, id", given, MOST)
    names = ("first_day", "last_day", "with_cancelled", "photographer_user_id")
    of_days = {name: given[name] for name in names if name in given}
    undecided = _read(connection, f"{_UNDECIDED}{of_one} ORDER BY {DAY}, id", of_days, MOST_UNDECIDED)
    is_cut = len(started) > MOST or len(undecided) > MOST_UNDECIDED
    return Calendar([_foreseen(row) for row in started[:MOST]], undecided[:MOST_UNDECIDED], is_cut)


def list_photographers(connection: Connection, also: int | None = None) -> list[Photographer]:
    """Those who have the duty of a photographer, by name, and the user `also`, who need not."""
    return [Photographer(row.id, row.name) for row in connection.execute(_PHOTOGRAPHERS, {"also": also})]


def _foreseen(row: dict[str, Any]) -> dict[str, Any]:
    if row["reconciled_at"] is not None:
        return row
    if row["allday"]:
        return row | {
            f"date_{end}_local": next(
                (row[name] for frame in FRAMES if row[name := f"date_{end}_{frame}"] is not None), None
            )
            for end in ENDPOINTS
        }
    stop = row["busy_until"] if row["busy_until"] != row["busy_from"] else None
    return row | {"starts_at": row["starts_at"] or row["busy_from"], "stops_at": row["stops_at"] or stop}


def _read(connection: Connection, statement: str, given: dict[str, Any], most: int) -> list[dict[str, Any]]:
    found: Sequence[Any] = connection.execute(text(f"{statement} LIMIT {most + 1}"), given).mappings().all()
    return [dict(row) for row in found]
