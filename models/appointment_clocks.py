"""The clocks of one stored appointment: read what they start from, decide, write what they say.

The same functions serve the command `reconcile-times`, the recheck after new time zone rules, and whoever
wants an explanation. Reconciliation starts from the snapshot of what was supplied, never from its own output,
with one exception: when new rules part a wall time that people were told from its instant, the wall time is
*adopted* as the supplied one from then on (clocks.md section 9).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pydantic_core import to_json
from sqlalchemy import Connection
from sqlalchemy.exc import NoResultFound

from models.clock import (
    Atlas,
    Discrepancy,
    Place,
    Reconciliation,
    Stored,
    Supplied,
    Zone,
    ZoneFinding,
    explain,
    recompute_for_tzdata,
    reconcile,
    tzdata_version,
    zone_of,
)
from models.clock.busy import busy_span
from models.clock.frames import DATE_FIELDS, TIME_FIELDS
from models.clock.reconcile import FILLED
from models.prepared import Prepared, Row

_STORED = (*DATE_FIELDS, *TIME_FIELDS, "time_duration_s")
_READ_COLUMNS = (
    "supplied",
    "adopted",
    "tzdata_version",
    "zone_name",
    "photographer_user_id",
    "discrepancies",
)

# The rows are locked on their own first: when another transaction has just moved an appointment to another order,
# the order is looked up by what it says now. In the order of their ids, as everybody who locks several does. A
# `SELECT` around the ids hides from the planner how many they are: else it would plan anew each time.
_READ = Prepared(f"""
WITH a AS MATERIALIZED (
  SELECT id, order_id, {", ".join((*_READ_COLUMNS, *_STORED))}
  FROM appointments WHERE id = ANY((SELECT $1)::bigint[]) ORDER BY id FOR UPDATE)
SELECT a.id, {", ".join(f"a.{name}" for name in _READ_COLUMNS)}, p.time_zone, p.latitude, p.longitude, p.zip,
  {", ".join(f"a.{name}" for name in _STORED)}
FROM a
LEFT JOIN orders o ON o.id = a.order_id
LEFT JOIN properties p ON p.id = o.property_id
""")  # noqa: S608 - made of column names
_FOUND = (
    *("adopted", "starts_at", "stops_at", "start_resolution", "stop_resolution", "zone_name", "zone_source"),
    *("busy_from", "busy_until"),
    *("start_offset_s", "stop_offset_s", "office_zone", "tzdata_version", "discrepancies"),
)
# One document for all of them: psycopg has little to convert, and it is one plan however many they are.
_WRITE = Prepared(f"""
UPDATE appointments AS a
SET {", ".join(f"{name} = new.{name}" for name in (*FILLED, *_FOUND))}, reconciled_at = now()
FROM json_populate_recordset(NULL::appointments, $1::json) AS new
WHERE a.id = new.id RETURNING a.id
""")  # noqa: S608 - made of column names


@dataclass(frozen=True, slots=True)
class Clocks:
    """What an appointment's row and its property say about its times."""

    supplied: Supplied
    adopted: Supplied | None
    place: Place
    stored: Stored
    tzdata_version: str | None
    zone_name: str | None
    photographer_user_id: int | None = None

    @property
    def snapshot(self) -> Supplied:
        """Where reconciliation starts from."""
        return self.adopted or self.supplied


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be stored: the outcome, and the snapshot to adopt (None: go on with `supplied`)."""

    outcome: Reconciliation
    adopted: Supplied | None


def read_clocks(connection: Connection, appointment_id: int) -> Clocks:
    """Read, and keep others from changing the row until this transaction ends.

    Raises `sqlalchemy.exc.NoResultFound` when there is no such appointment.
    """
    found = read_all_clocks(connection, [appointment_id])
    if not found:
        raise NoResultFound(f"There is no appointment {appointment_id}.")
    return found[appointment_id]


def read_all_clocks(connection: Connection, appointment_ids: Sequence[int]) -> dict[int, Clocks]:
    """Read those of them that there are, by id, and keep others from changing the rows meanwhile."""
    return {row[0]: _clocks(row) for row in _READ.rows(connection, list(appointment_ids))}


def _clocks(row: Row) -> Clocks:
    supplied, adopted, tzdata, zone_name, photographer_user_id, known = row[1:7]
    return Clocks(
        supplied=Supplied.from_json(supplied),
        adopted=None if adopted is None else Supplied.from_json(adopted),
        place=Place(*row[7:11]),
        stored=Stored(
            dict(zip(_STORED, row[11:], strict=True)),
            None if known is None else tuple(Discrepancy(**item) for item in known),
        ),
        tzdata_version=tzdata,
        zone_name=zone_name,
        photographer_user_id=photographer_user_id,
    )


def needs_atlas(place: Place) -> bool:
    """Whether the place has a position or a ZIP to look up; loading the atlas takes a third of a second."""
    return place.zip is not None or (place.lat is not None and place.lng is not None)


def decide(clocks: Clocks, atlas: Atlas | None, office_zone: str, now: datetime) -> Decision:
    """Reconcile, by the rules of today's tzdata; `now` (aware) tells past from future when they are new.

    A property that was found to be in another zone counts as a correction: its times are computed afresh.
    """
    finding = zone_of(clocks.place, atlas)
    found_name = None if finding.zone is None else finding.zone.name
    rules_changed = clocks.tzdata_version not in (None, tzdata_version())
    if rules_changed and found_name == clocks.zone_name:
        again = recompute_for_tzdata(clocks.snapshot, finding, office_zone, clocks.stored, now=now)
        adopted = clocks.adopted if again.supplied == clocks.snapshot else again.supplied
        return Decision(_with_earlier_moves(again.reconciliation, clocks), adopted)
    outcome = reconcile(clocks.snapshot, finding, office_zone)
    if found_name == clocks.zone_name:
        outcome = _with_earlier_moves(outcome, clocks)
    return Decision(outcome, clocks.adopted)


def _with_earlier_moves(outcome: Reconciliation, clocks: Clocks) -> Reconciliation:
    """Keep telling of instants that earlier rules moved: a rerun does not make them untold."""
    known = clocks.stored.discrepancies or ()
    earlier = tuple(
        item for item in known if item.kind == "tz_rules_changed" and item not in outcome.discrepancies
    )
    return replace(outcome, discrepancies=outcome.discrepancies + earlier) if earlier else outcome


def write_clocks(connection: Connection, appointment_id: int, decision: Decision) -> None:
    """Store an outcome, and from when until when it takes the photographer; never what was supplied."""
    write_all_clocks(connection, {appointment_id: decision})


def write_all_clocks(connection: Connection, decisions: Mapping[int, Decision]) -> None:
    """Store several outcomes, by the appointments' ids, in one statement."""
    rows = [_row(appointment_id, decision) for appointment_id, decision in decisions.items()]
    _WRITE.rows(connection, to_json(rows).decode())


def _row(appointment_id: int, decision: Decision) -> dict[str, Any]:
    outcome = decision.outcome
    span = busy_span(outcome)
    row = {
        **outcome.values,
        "id": appointment_id,
        "adopted": None if decision.adopted is None else decision.adopted.to_json(),
        "starts_at": outcome.start_instant,
        "stops_at": outcome.stop_instant,
        "busy_from": None if span is None else span.begin,
        "busy_until": None if span is None else span.end,
        "start_resolution": outcome.start,
        "stop_resolution": outcome.stop,
        "zone_name": outcome.zone_name,
        "zone_source": outcome.zone_source,
        "start_offset_s": outcome.offsets.get("start"),
        "stop_offset_s": outcome.offsets.get("stop"),
        "office_zone": outcome.office_zone,
        "tzdata_version": outcome.tzdata_version,
        "discrepancies": [found.to_json() for found in outcome.discrepancies],
    }
    for name, value in row.items():
        if isinstance(value, datetime) and value.utcoffset() is None:
            raise ValueError(f"{name}: a datetime without a zone cannot be stored.")
    return row


def explanation(row: Mapping[str, Any]) -> list[str]:
    """Why each stored time is what it is, in plain sentences; empty while the times are not reconciled.

    `row` maps column names of `appointments` to values. No atlas is needed: the zone was stored.
    """
    if row.get("reconciled_at") is None:
        return []
    supplied = Supplied.from_json(row["adopted"] or row["supplied"])
    zone = row["zone_name"]
    finding = ZoneFinding() if zone is None else ZoneFinding(Zone(zone, row["zone_source"]))
    return explain(supplied, reconcile(supplied, finding, row["office_zone"]))
