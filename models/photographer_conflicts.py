"""When two appointments want the same photographer at the same time: the one rule, and who asks by it.

Two appointments of one photographer conflict when neither is cancelled or optional and their spans
(`busy_from` to `busy_until`, `models/clock/busy.py`) share a moment. Spans are half-open, so back to back is no
conflict. An empty span is a moment: it conflicts with a span that contains it, and with the same moment.

The order of locks, for whoever changes what this rule looks at or decides by it:

    the photographers (`hold_photographers`, all at once) ─► rows of appointments ─► notifications

Who holds the photographer sees every overlap that was committed, and nobody else decides about one meanwhile.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection

from models.clock import Place, Supplied, reconcile, utc_to_wall, zone_of
from models.clock.busy import Span, foreseen_span
from models.prepared import Prepared

MOST_NAMED: Final = 10
"""So many conflicts of one appointment are looked up, told and shown. Who has more has one problem, not many."""

_TICK: Final = timedelta(microseconds=1)
"""The smallest step of a stored instant: it makes a moment of an empty span."""

# The fields of `Booked`, in their order.
_COLUMNS = """a.id, a.uuid, a.photographer_user_id, a.photographer_name, a.allday, a.busy_from, a.busy_until,
  a.zone_name, a.office_zone, a.order_id, a.caller_user_id,
  o.client_id AS order_client_id, o.company_id AS order_company_id,
  coalesce(a.date_start_local, a.date_start_office, a.date_start_utc) AS first_day,
  coalesce(a.date_stop_local, a.date_stop_office, a.date_stop_utc) AS last_day"""


def overlapping_sql(photographer: str, begin: str, end: str, but_id: str = "NULL") -> str:
    """The query for the appointments of a photographer that overlap a span, but one by its id.

    Its values are given as SQL: parameters, or columns of a row at hand. Read through `ix_appointments_busy_span`.
    """
    return f"""
SELECT {_COLUMNS}
FROM appointments a LEFT JOIN orders o ON o.id = a.order_id
WHERE a.photographer_user_id = {photographer}
  AND a.cancelled IS NOT TRUE AND a.optional IS NOT TRUE
  AND a.busy_until >= {begin}
  AND a.busy_from < greatest({end}, {begin} + interval '1 microsecond')
  AND greatest(a.busy_until, a.busy_from + interval '1 microsecond') > {begin}
  AND a.id IS DISTINCT FROM {but_id}::bigint
ORDER BY a.busy_until LIMIT {MOST_NAMED}
"""  # noqa: S608 - constants


OVERLAPPING: Final = Prepared(overlapping_sql("$1", "$2", "$3", "$4"))
"""The same with its values as parameters, in this order."""

_KEPT_OVERLAPPING = Prepared(OVERLAPPING.statement + "FOR SHARE OF a")
_BOOKED = f"""
SELECT {_COLUMNS} FROM appointments a LEFT JOIN orders o ON o.id = a.order_id
WHERE a.id = %(id)s AND a.photographer_user_id IS NOT NULL AND a.busy_from IS NOT NULL AND a.busy_until IS NOT NULL
  AND a.cancelled IS NOT TRUE AND a.optional IS NOT TRUE
"""  # noqa: S608 - constants

# The key is a hash, because the locks with plain numbers are taken by others. Two photographers with one hash only
# wait for each other.
_HOLD = "SELECT pg_advisory_xact_lock(hashtextextended('photographer:' || %(id)s::text, 0))"
_HOLD_THOSE_OF = Prepared("""
SELECT id, pg_advisory_xact_lock(hashtextextended('photographer:' || id::text, 0))
FROM (SELECT DISTINCT photographer_user_id AS id FROM appointments
  WHERE id = ANY((SELECT $1)::bigint[]) AND photographer_user_id IS NOT NULL ORDER BY id) AS in_order
""")

_UNRECONCILED = f"""
SELECT {_COLUMNS}, coalesce(a.adopted, a.supplied) AS snapshot, p.time_zone, p.latitude, p.longitude, p.zip
FROM appointments a LEFT JOIN orders o ON o.id = a.order_id LEFT JOIN properties p ON p.id = o.property_id
WHERE a.photographer_user_id = %(photographer_user_id)s
  AND a.cancelled IS NOT TRUE AND a.optional IS NOT TRUE
  AND a.id IS DISTINCT FROM %(except_id)s::bigint
  AND a.id IN (
    SELECT appointment_id FROM commands WHERE kind = 'reconcile-times' AND state IN ('pending', 'unknown')
    UNION ALL SELECT appointment_id FROM commands WHERE kind = 'reconcile-times' AND state = 'running')
"""  # noqa: S608 - constants
# Two halves, each of which has an index of its own. One that failed is known by the span that it had before.


@dataclass(frozen=True, slots=True)
class Booked:
    """An appointment that takes a photographer, with what decides who may know of it.

    `busy_from` and `busy_until` are aware instants. `first_day` and `last_day` are dates that float; they are
    what whole days are called by.
    """

    id: int
    uuid: UUID
    photographer_user_id: int
    photographer_name: str | None
    allday: bool | None
    busy_from: datetime
    busy_until: datetime
    zone_name: str | None
    office_zone: str | None
    order_id: int | None
    caller_user_id: int | None
    order_client_id: int | None
    order_company_id: int | None
    first_day: date | None
    last_day: date | None

    @property
    def span(self) -> Span:
        """When the photographer is taken."""
        return Span(self.busy_from, self.busy_until)


@dataclass(frozen=True, slots=True)
class Taken:
    """What stands against a booking: the appointments that overlap it, and whether others cannot be ruled out.

    `is_open`: another appointment of the photographer may overlap, and its times are still being computed.
    """

    conflicts: tuple[Booked, ...]
    is_open: bool = False


def overlaps(one: Span, other: Span) -> bool:
    """The rule itself. The statement `OVERLAPPING` says the same to the database."""
    return one.begin < max(other.end, other.begin + _TICK) and other.begin < max(one.end, one.begin + _TICK)


def overlapping(
    connection: Connection,
    photographer_user_id: int,
    busy_from: datetime,
    busy_until: datetime,
    except_id: int | None = None,
) -> list[Booked]:
    """The photographer's appointments but that one that overlap the span, earliest first, at most `MOST_NAMED`."""
    return _overlapping(connection, OVERLAPPING, photographer_user_id, Span(busy_from, busy_until), except_id)


def conflicts_of(connection: Connection, appointment_id: int, *, keep: bool = False) -> list[Booked]:
    """The appointments that a stored one conflicts with; none when it takes nobody.

    `keep` holds them as they are until the transaction ends; the photographer has to be held already.
    """
    booked = find_booked(connection, appointment_id)
    if booked is None:
        return []
    statement = _KEPT_OVERLAPPING if keep else OVERLAPPING
    return _overlapping(connection, statement, booked.photographer_user_id, booked.span, appointment_id)


def find_booked(connection: Connection, appointment_id: int) -> Booked | None:
    """The appointment as one that takes a photographer; None when it takes nobody, or there is none."""
    row = connection.exec_driver_sql(_BOOKED, {"id": appointment_id}).mappings().first()
    return None if row is None else Booked(**row)


def hold_photographers(connection: Connection, photographer_user_ids: Iterable[int]) -> None:
    """Keep everybody else from deciding about these photographers' conflicts until this transaction ends.

    Before any row of an appointment is locked, and all of them at once: else two may wait for each other. What is
    to see the others' work has to be asked in a later statement.
    """
    for photographer_user_id in sorted(set(photographer_user_ids)):
        connection.exec_driver_sql(_HOLD, {"id": photographer_user_id})


def hold_photographers_of(connection: Connection, appointment_ids: Sequence[int]) -> frozenset[int]:
    """Hold the photographers that these appointments have at this moment, as `hold_photographers` does; their ids."""
    return frozenset(row[0] for row in _HOLD_THOSE_OF.rows(connection, list(appointment_ids)))


def taken(
    connection: Connection,
    photographer_user_id: int,
    span: Span,
    office_zone: str,
    *,
    except_id: int | None = None,
) -> Taken:
    """What stands against booking the photographer for the span, appointments not yet reconciled included.

    With the photographer held, nobody else who holds them can add to it before this transaction ends.
    """
    found = _overlapping(connection, OVERLAPPING, photographer_user_id, span, except_id)
    who = {
        "photographer_user_id": photographer_user_id,
        "except_id": except_id,
    }
    rows = connection.exec_driver_sql(_UNRECONCILED, who).mappings().all()
    names = Booked.__dataclass_fields__
    # The stored span of an appointment that was just changed is that of before.
    conflicts = {booked.id: booked for booked in found if booked.id not in {row["id"] for row in rows}}
    is_open = False
    for row in rows:
        supplied = Supplied.from_json(row["snapshot"])
        place = Place(row["time_zone"], row["latitude"], row["longitude"], row["zip"])
        finding = zone_of(Place(iana=place.iana))
        has_no_more = place.zip is None and (place.lat is None or place.lng is None)
        outcome = reconcile(supplied, finding, office_zone)
        foreseen = foreseen_span(supplied, finding, outcome, is_final=has_no_more)
        if foreseen.span is None:
            is_open |= foreseen.awaits_zone and _is_near(supplied, span)
        elif overlaps(foreseen.span, span):
            now_known = {"busy_from": foreseen.span.begin, "busy_until": foreseen.span.end}
            conflicts[row["id"]] = Booked(**{name: row[name] for name in names} | now_known)
    ordered = sorted(conflicts.values(), key=lambda booked: (booked.busy_from, booked.id))
    return Taken(tuple(ordered[:MOST_NAMED]), is_open)


def when(booked: Booked, office_zone: str) -> str:
    """When the photographer is taken, for people: on the office's clock, and on the property's where it differs.

    Whole days are called by their dates, which are the same on every calendar.
    """
    if booked.allday and booked.first_day is not None:
        last = max(booked.first_day, booked.last_day or booked.first_day)
        until = f" to {last}" if last != booked.first_day else ""
        return f"all day, {booked.first_day}{until}"
    shown = _on_a_clock(booked.span, office_zone)
    if booked.zone_name not in (None, office_zone):
        shown += f", at the property {_on_a_clock(booked.span, str(booked.zone_name))}"
    return shown


def _on_a_clock(span: Span, zone: str) -> str:
    begin, end = utc_to_wall(span.begin, zone), utc_to_wall(span.end, zone)
    shown = f"{begin:%Y-%m-%d %H:%M}"
    if end != begin:
        shown += f" to {end:%H:%M}" if end.date() == begin.date() else f" to {end:%Y-%m-%d %H:%M}"
    return f"{shown} ({zone})"


def _overlapping(
    connection: Connection,
    statement: Prepared,
    photographer_user_id: int,
    span: Span,
    except_id: int | None,
) -> list[Booked]:
    rows = statement.rows(connection, photographer_user_id, span.begin, span.end, except_id)
    return in_order(rows)


def in_order(rows: Iterable[Sequence[Any]]) -> list[Booked]:
    """Rows of `overlapping_sql`, earliest first."""
    return sorted((Booked(*row) for row in rows), key=lambda booked: (booked.busy_from, booked.id))


def _is_near(supplied: Supplied, span: Span) -> bool:
    """Whether an appointment with these dates can overlap the span in any zone of the world."""
    days = [
        day
        for endpoint in ("start", "stop")
        for frame in ("utc", "local", "office")
        if (day := getattr(supplied, f"date_{endpoint}_{frame}")) is not None
    ]
    # Zones are up to 14 hours from UTC, and a duration is a week at most (clocks.md section 2).
    margin, longest = timedelta(days=2), timedelta(days=8)
    return bool(days) and (
        min(days) - margin <= span.end.date() and span.begin.date() <= max(days) + longest + margin
    )
