"""Writing a new appointment and the commands that follow from it: one statement, one transaction, one NOTIFY.

A unique index decides between two requests with the same uuid or idempotency key, not a look-up: the second
one waits for the first, writes nothing, and is answered from the row that won.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from models.appointments import Appointment
from models.command_ledger import CHANNEL
from models.commands import NewCommand

_WRITTEN_BY_THE_DATABASE = {"id", "inserted_at", "changed_at", "sequence"}
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


@dataclass(frozen=True, slots=True)
class Existing:
    """The appointment that was there first, with what decides whether a request repeats it."""

    id: int
    uuid: UUID
    fingerprint: bytes
    matched_on: str


@lru_cache(maxsize=1)
def _statement() -> str:
    columns = ", ".join(COLUMNS)
    values = ", ".join(
        f"%({name})s::jsonb" if name in ("supplied", "discrepancies") else f"%({name})s" for name in COLUMNS
    )
    return f"""
WITH appointment AS (
  INSERT INTO appointments ({columns}) VALUES ({values})
  ON CONFLICT DO NOTHING RETURNING id, inserted_at
), command AS (
  INSERT INTO commands (appointment_id, request_id, kind, state, recipient)
  SELECT appointment.id, %(request_id)s, new.kind, new.state, new.recipient
  FROM appointment, unnest(%(kinds)s::text[], %(states)s::text[], %(recipients)s::text[])
    AS new (kind, state, recipient)
  RETURNING id, kind, state
)
SELECT appointment.id, appointment.inserted_at, command.id AS command_id, command.kind, command.state
FROM appointment, command, (SELECT pg_notify('{CHANNEL}', '')) AS notified
ORDER BY command.id
"""  # noqa: S608 - made of column names


def insert_appointment(
    connection: Connection, values: Mapping[str, Any], commands: Sequence[NewCommand]
) -> Inserted | None:
    """Write the appointment and at least one command; None when its uuid or idempotency key is taken.

    `values` maps names of `COLUMNS` to Python values, `supplied` already as JSON text. Raises
    `sqlalchemy.exc.IntegrityError` when a record that it refers to does not exist.
    """
    parameters: dict[str, Any] = dict.fromkeys(COLUMNS)
    parameters.update(values)
    parameters["kinds"] = [command.kind for command in commands]
    parameters["states"] = [str(command.state) for command in commands]
    parameters["recipients"] = [command.recipient for command in commands]
    rows = connection.exec_driver_sql(_statement(), parameters).all()
    if not rows:
        return None
    return Inserted(
        rows[0].id,
        rows[0].inserted_at,
        tuple(StoredCommand(row.command_id, row.kind, row.state) for row in rows),
    )


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
