"""Writing a new appointment and the commands that follow from it: one statement and one transaction.

A unique index decides between two requests with the same uuid or idempotency key, not a look-up: the second
one waits for the first, writes nothing, and is answered from the row that won.

The statement also tells whom else the photographer has promised the time to, as of right before the insert, and
wakes the relay. A commit with a NOTIFY lets no other such commit pass until it is on the disk, so that under load
each process leaves it out for a moment after the last one: the relay goes on looking for that long
(`workers/relay.py`), and nothing but some milliseconds depends on it.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg.pq import TransactionStatus
from pydantic_core import to_json
from sqlalchemy import Connection

from models.appointments import Appointment
from models.command_publishing import CHANNEL, CREATED
from models.commands import NewCommand
from models.photographer_conflicts import Booked, in_order, overlapping_sql
from models.prepared import Prepared

ONE_NOTIFY_COVERS_S: Final = 0.02
"""For so long after a NOTIFY that was committed, this process sends no other for a new appointment."""

_WRITTEN_BY_THE_DATABASE = {"id", "inserted_at", "changed_at", "history_since", "sequence"}
COLUMNS = tuple(
    column.name for column in Appointment.__table__.columns if column.name not in _WRITTEN_BY_THE_DATABASE
)
"""The columns that a create may fill; those it leaves out are null."""


@dataclass(frozen=True, slots=True)
class StoredCommand:
    """A command as it stands in the database right after it was written."""

    id: int
    kind: str
    state: str


@dataclass(frozen=True, slots=True)
class Inserted:
    """What the database added to a new appointment."""

    id: int
    inserted_at: datetime
    commands: tuple[StoredCommand, ...]
    conflicts: tuple[Booked, ...] = ()
    """Who else had the photographer then, as far as times were known; earliest first."""


@dataclass(frozen=True, slots=True)
class Existing:
    """The appointment that was there first, with what decides whether a request repeats it."""

    id: int
    uuid: UUID
    fingerprint: bytes
    matched_on: str


_COLUMNS = ", ".join(COLUMNS)
# One document each instead of a parameter for each column: psycopg has little to convert, and it is the same
# statement, planned once, whichever columns a request fills.
_INSERT = Prepared(f"""
WITH appointment AS (
  INSERT INTO appointments ({_COLUMNS})
  SELECT {_COLUMNS} FROM json_populate_record(NULL::appointments, $1::json)
  ON CONFLICT DO NOTHING
  RETURNING id, inserted_at, request_id, photographer_user_id, busy_from, busy_until, cancelled, optional
), command AS (
  INSERT INTO commands (appointment_id, request_id, kind, state, recipient)
  SELECT appointment.id, appointment.request_id, new.kind, new.state, new.recipient
  FROM appointment, json_to_recordset($2::json) AS new (kind text, state text, recipient text)
  RETURNING id, kind, state
), conflict AS MATERIALIZED (
  SELECT other.*
  FROM (SELECT * FROM appointment WHERE cancelled IS NOT TRUE AND optional IS NOT TRUE) AS wanted
  JOIN LATERAL ({overlapping_sql("wanted.photographer_user_id", "wanted.busy_from", "wanted.busy_until")})
    AS other ON true
)
SELECT appointment.id, appointment.inserted_at, command.id, command.kind, command.state, conflict.*
FROM appointment CROSS JOIN command
CROSS JOIN (SELECT CASE WHEN $3::boolean THEN pg_notify('{CHANNEL}', '{CREATED}') END) AS notified (how)
LEFT JOIN conflict ON true
ORDER BY command.id
""")  # noqa: S608 - made of column names

_notified_at = float("-inf")
"""When this process last woke the relay for a new appointment, on the monotonic clock. Threads need not agree."""


def insert_appointment(
    connection: Connection, values: Mapping[str, Any], commands: Sequence[NewCommand]
) -> Inserted | None:
    """Write the appointment and at least one command; None when its uuid or idempotency key is taken.

    `values` maps names of `COLUMNS` to Python values; `supplied` is the snapshot as JSON values. Raises
    `sqlalchemy.exc.IntegrityError` when a record that it refers to does not exist, `ValueError` for a naive
    datetime.
    """
    global _notified_at  # noqa: PLW0603 - a clock of the process
    now = time.monotonic()
    is_to_notify = now >= _notified_at + ONE_NOTIFY_COVERS_S
    rows = _INSERT.rows(connection, _document(values), to_json(commands).decode(), is_to_notify)
    if not rows:
        return None
    if is_to_notify and _is_committed(connection):
        _notified_at = now
    id_, inserted_at = rows[0][:2]
    stored = {row[2]: StoredCommand(*row[2:5]) for row in rows}
    conflicts = {row[5]: row[5:] for row in rows if row[5] is not None}
    return Inserted(id_, inserted_at, tuple(stored.values()), tuple(in_order(conflicts.values())))


def _is_committed(connection: Connection) -> bool:
    """Whether what was just sent was a transaction of its own, so that its NOTIFY is out."""
    driver: Any = connection.connection.driver_connection
    return bool(driver.info.transaction_status is TransactionStatus.IDLE)


def _document(values: Mapping[str, Any]) -> str:
    """The row as JSON, as PostgreSQL reads each column's type."""
    for name, value in values.items():
        if isinstance(value, datetime) and value.utcoffset() is None:
            raise ValueError(f"{name}: a datetime without a zone cannot be stored.")
    return to_json({**values, "fingerprint": rf"\x{values['fingerprint'].hex()}"}).decode()


def find_existing(
    connection: Connection, uuid: UUID, idempotency_scope: str | None, idempotency_key: str | None
) -> Existing | None:
    """The appointment that holds this uuid or, failing that, this idempotency key."""
    row = connection.exec_driver_sql(
        "SELECT id, uuid, fingerprint, CASE WHEN uuid = %(uuid)s THEN 'uuid' ELSE 'key' END AS matched_on"
        " FROM appointments WHERE uuid = %(uuid)s"
        " OR (idempotency_scope = %(scope)s AND idempotency_key = %(key)s)"
        " ORDER BY matched_on DESC LIMIT 1",
        {"uuid": uuid, "scope": idempotency_scope, "key": idempotency_key},
    ).first()
    return None if row is None else Existing(row.id, row.uuid, bytes(row.fingerprint), row.matched_on)
