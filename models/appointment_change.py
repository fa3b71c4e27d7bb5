"""Changing a stored appointment: the lock that puts changes in an order, the write, and its line in the history.

All of it belongs into one transaction with what follows from the change. The clock columns are treated as at a
create: what is supplied is written, and what reconciliation found is taken back until it has run again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from psycopg.types.json import Jsonb
from sqlalchemy import Connection, text

from models.clock import (
    Discrepancy,
    Stored,
    Supplied,
    Zone,
    ZoneFinding,
    recompute_for_tzdata,
    tzdata_version,
)
from models.clock.frames import DATE_FIELDS, TIME_FIELDS
from models.prepared import Prepared

TIME_COLUMNS: Final = (*DATE_FIELDS, *TIME_FIELDS, "allday", "time_duration", "time_duration_s")
"""Columns that hold what was supplied until reconciliation has filled the gaps. `TIME_COLUMNS` decide the times."""

FOUND_BY_CLOCKS: Final = (
    *("reconciled_at", "starts_at", "stops_at", "start_resolution", "stop_resolution", "zone_name"),
    *("zone_source", "start_offset_s", "stop_offset_s", "office_zone", "tzdata_version", "discrepancies"),
)
"""What is null until the times are reconciled again."""

_LOCK = Prepared("SELECT FROM appointments WHERE id = $1 FOR NO KEY UPDATE")
_NOTE = text(
    "INSERT INTO appointment_changes (appointment_id, action, changes, sequence, updated_at_mt, caller_kind,"
    " caller_role, caller_name, caller_user_id, caller_application_id, request_id)"
    " VALUES (:appointment_id, :action, :changes, :sequence, :updated_at_mt, :caller_kind, :caller_role,"
    " :caller_name, :caller_user_id, :caller_application_id, :request_id)"
)
_LAST = text(
    "SELECT last.request_id, ARRAY(SELECT c.id FROM all_commands c WHERE c.appointment_id = :id"
    " AND c.request_id = last.request_id) AS command_ids FROM appointment_changes last"
    " WHERE last.appointment_id = :id ORDER BY last.id DESC LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class By:
    """Who changes it, as the token says."""

    kind: str
    role: str
    name: str = field(repr=False)
    user_id: int | None
    application_id: int
    request_id: str


@dataclass(frozen=True, slots=True)
class Snapshots:
    """What was supplied, and what the clocks start from where that is another (clocks.md section 9)."""

    supplied: Supplied
    adopted: Supplied | None

    @property
    def effective(self) -> Supplied:
        """Where reconciliation starts from."""
        return self.adopted or self.supplied


def lock(connection: Connection, appointment_id: int) -> None:
    """Wait for whoever is changing the appointment, and keep others out until this transaction ends."""
    _LOCK.rows(connection, appointment_id)


def snapshots_of(row: Mapping[str, Any], office_zone: str, now: datetime) -> Snapshots:
    """The snapshots of a stored row by today's rules; `now` (aware) tells past from future.

    When the rules of time zones have changed since the row was reconciled, the wall times that people were told
    are adopted first, so that a change of one endpoint does not move the other.
    """
    supplied = Supplied.from_json(row["supplied"])
    adopted = None if row["adopted"] is None else Supplied.from_json(row["adopted"])
    found = Snapshots(supplied, adopted)
    if row["reconciled_at"] is None or row["tzdata_version"] in (None, tzdata_version()):
        return found
    zone = row["zone_name"]
    finding = ZoneFinding() if zone is None else ZoneFinding(Zone(zone, row["zone_source"]))
    stored = Stored(
        {name: row[name] for name in (*DATE_FIELDS, *TIME_FIELDS, "time_duration_s")},
        tuple(Discrepancy(**item) for item in row["discrepancies"] or ()),
    )
    again = recompute_for_tzdata(found.effective, finding, office_zone, stored, now=now).supplied
    return found if again == found.effective else Snapshots(supplied, again)


def write_change(
    connection: Connection, appointment_id: int, columns: Mapping[str, Any], *, is_told: bool
) -> None:
    """Write columns; `is_told` counts it among the changes that people are told of.

    Snapshots and lists are given as JSON values. Raises `sqlalchemy.exc.IntegrityError` when a record that is
    referred to does not exist.
    """
    values = {
        name: Jsonb(value) if isinstance(value, dict | list) else value for name, value in columns.items()
    }
    assignments = [f"{name} = %({name})s" for name in values]
    # The wall clock, not the transaction's: of two changes, the one that waited for the lock comes later.
    assignments.append("changed_at = clock_timestamp()")
    if is_told:
        assignments.append("sequence = sequence + 1")
    connection.exec_driver_sql(
        f"UPDATE appointments SET {', '.join(assignments)} WHERE id = %(id)s",  # noqa: S608 - column names
        {**values, "id": appointment_id},
    )


def note_change(
    connection: Connection,
    appointment_id: int,
    action: str,
    changes: Sequence[Mapping[str, Any]],
    by: By,
    *,
    sequence: int,
    updated_at_mt: str,
) -> None:
    """Write the change into the history. `changes` are `field`, `old` and `new` in canonical spelling."""
    connection.execute(
        _NOTE,
        {
            "appointment_id": appointment_id,
            "action": action,
            "changes": Jsonb([dict(change) for change in changes]),
            "sequence": sequence,
            "updated_at_mt": updated_at_mt,
            "caller_kind": by.kind,
            "caller_role": by.role,
            "caller_name": by.name[:320],
            "caller_user_id": by.user_id,
            "caller_application_id": by.application_id,
            "request_id": by.request_id,
        },
    )


@dataclass(frozen=True, slots=True)
class Last:
    """The request that changed the appointment last, and the commands that it queued."""

    request_id: str | None
    command_ids: tuple[int, ...]


def last_change(connection: Connection, appointment_id: int) -> Last:
    """The last request that changed it; of one that is as it was created, nothing."""
    row = connection.execute(_LAST, {"id": appointment_id}).first()
    return Last(None, ()) if row is None else Last(row.request_id, tuple(row.command_ids))
