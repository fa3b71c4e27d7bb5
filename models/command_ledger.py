"""What is done to commands by others than their workers: by requests, by people, and by what the provider told.

Every move names the states it may start from, so that it changes nothing of what is under way. What has become due
wakes the relay.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from models.command_publishing import wake_relay
from models.command_sql import DROPPED, NEVER
from models.command_states import (
    DROP,
    DROP_BY_HAND,
    MISTRUST,
    REJECT,
    RESEND,
    SETTLE,
    Edge,
    State,
    among,
)
from models.commands import Command, NewCommand

GIVEN_UP = "A person gave it up before it was sent or done."
GIVEN_UP_IN_DOUBT = "A person gave it up while nobody knew whether it had been sent."
"""How the `last_error` of a command begins that a person dropped. What it said before follows."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A command that was moved by something else than a worker, such as what the provider told unasked."""

    id: int
    send_id: UUID
    appointment_id: int
    kind: str
    sequence: int
    recipient: str
    attempts: int
    request_id: str


_ADD = text(
    "INSERT INTO commands (appointment_id, sequence, request_id, kind, state, recipient, facts)"
    " SELECT :appointment_id, :sequence, :request_id, new.kind, new.state, new.recipient, new.facts"
    " FROM jsonb_to_recordset(CAST(:commands AS jsonb))"
    " AS new (kind text, state text, recipient text, facts jsonb) RETURNING id"
)
_COLUMNS = ", ".join(column.name for column in Command.__table__.columns)
_RESEND = text(
    f"UPDATE commands SET state = '{RESEND.target}', available_at = now(), published_at = NULL, publishes = 0,"  # noqa: S608 - constants
    " attempts = 0, doubts = 0, misses = 0, doubt_since = NULL, finished_at = NULL, last_error = NULL,"
    " recipient = coalesce(:recipient, recipient), send_id = gen_random_uuid(),"
    # Only mails have a recipient. What a person asks for is sent even if nothing in it is new.
    " facts = CASE WHEN recipient = '' THEN facts"
    " ELSE coalesce(facts, '{}') || jsonb_build_object('again', true) END"
    f" WHERE id = ANY(:ids) AND state IN {among(RESEND.sources)} RETURNING id"
)
_FETCH_BACK = text(
    "WITH fetched AS (DELETE FROM commands_archive WHERE id = ANY(:ids) RETURNING *)"  # noqa: S608 - constants
    f" INSERT INTO commands ({_COLUMNS}) SELECT {_COLUMNS} FROM fetched"
)
_HASTEN = text(
    "UPDATE commands SET available_at = now(), published_at = NULL, publishes = 0"  # noqa: S608 - constants
    f" WHERE id = ANY(:ids) AND state = '{State.PENDING}' AND available_at > now() RETURNING id"
)
_DROP = text(
    f"UPDATE commands SET state = '{DROP.target}', finished_at = now(), last_error = :error"  # noqa: S608 - constants
    f" WHERE id = ANY(:ids) AND state IN {among(DROP.sources)} RETURNING id"
)
_DROP_BY_HAND = text(
    f"UPDATE commands SET state = '{DROP_BY_HAND.target}', finished_at = now(), doubt_since = NULL,"  # noqa: S608 - constants
    f" last_error = CASE WHEN state = '{State.UNKNOWN}' THEN :in_doubt ELSE :given_up END"
    " || coalesce(' Before that: ' || last_error, '')"
    f" WHERE id = ANY(:ids) AND state IN {among((*DROP.sources, *DROP_BY_HAND.sources))} RETURNING id"
)
# The fields of `Moved`.
_MOVED = "commands.id, send_id, appointment_id, kind, sequence, recipient, attempts, request_id"
_TOLD = {
    edge: text(
        f"UPDATE commands SET state = '{edge.target}', finished_at = now(), doubt_since = NULL, last_error = :error"  # noqa: S608 - constants
        # By way of the mails' rows, which have an index on `send_id`.
        " WHERE id IN (SELECT command_id FROM emails WHERE send_id = ANY(:send_ids))"
        f" AND send_id = ANY(:send_ids) AND state IN {among(edge.sources)}"
        f" RETURNING {_MOVED}"
    )
    for edge in (SETTLE, REJECT)
}
# Of the searches that follow the provider allows so many a minute; they are spread accordingly.
_MISTRUST = text(
    "WITH each AS (SELECT id, row_number() OVER (ORDER BY available_at, id) - 1 AS place FROM commands"  # noqa: S608 - constants
    f" WHERE recipient <> '' AND state IN {among(MISTRUST.sources)})"
    f" UPDATE commands SET state = '{MISTRUST.target}', last_error = :error,"
    f" available_at = CASE WHEN CAST(:gap_s AS float) IS NULL THEN timestamptz '{NEVER}'"
    " ELSE now() + make_interval(secs => :gap_s * greatest(0, place - :at_once)) END,"
    " published_at = NULL, publishes = 0, doubts = doubts + 1, misses = 0, doubt_since = now()"
    f" FROM each WHERE commands.id = each.id AND state IN {among(MISTRUST.sources)}"
    f" RETURNING {_MOVED}"
)


def add(
    connection: Connection,
    appointment_id: int,
    sequence: int,
    commands: Sequence[NewCommand],
    request_id: str,
) -> list[int]:
    """Queue these for an appointment as it is from its change `sequence` on; their ids. The caller wakes the relay.

    Raises `sqlalchemy.exc.IntegrityError` when there is one of that kind, sequence and recipient.
    """
    rows = [
        {
            "kind": new.kind,
            "state": str(new.state),
            "recipient": new.recipient,
            "facts": None if new.facts is None else dict(new.facts),
        }
        for new in commands
    ]
    if not rows:
        return []
    added = connection.execute(
        _ADD,
        {
            "appointment_id": appointment_id,
            "sequence": sequence,
            "request_id": request_id,
            "commands": json.dumps(rows),
        },
    )
    return [row.id for row in added]


def resend(connection: Connection, command_id: int, recipient: str | None = None) -> bool:
    """A person decided to do it again, perhaps to another `recipient`. False when it is still under way."""
    return bool(resend_all(connection, [command_id], recipient))


def resend_all(connection: Connection, command_ids: Sequence[int], recipient: str | None = None) -> set[int]:
    """People decided to do these again; the ids of those that are. One that is under way stays as it is.

    Each gets a new `send_id`: to the provider it is another mail. What was archived comes back for it. Raises
    `sqlalchemy.exc.IntegrityError` when there is such a command to the new `recipient` already.
    """
    ids = {"ids": list(command_ids)}
    connection.execute(_FETCH_BACK, ids)
    moved = {row.id for row in connection.execute(_RESEND, {**ids, "recipient": recipient})}
    if moved:
        wake_relay(connection)
    return moved


def hasten(connection: Connection, command_ids: Sequence[int]) -> set[int]:
    """Make these pending commands due now; the ids of those that were to wait. No state changes."""
    hastened = {row.id for row in connection.execute(_HASTEN, {"ids": list(command_ids)})}
    if hastened:
        wake_relay(connection)
    return hastened


def drop(connection: Connection, command_ids: Sequence[int]) -> set[int]:
    """These became superfluous; the ids of those that had not begun. What has begun stays as it is."""
    if not command_ids:
        return set()
    dropped = connection.execute(_DROP, {"ids": list(command_ids), "error": DROPPED})
    return {row.id for row in dropped}


def drop_by_hand(connection: Connection, command_ids: Sequence[int]) -> set[int]:
    """A person gave these up; the ids of those that were not under way. What is under way stays as it is."""
    who = {"ids": list(command_ids), "given_up": GIVEN_UP, "in_doubt": GIVEN_UP_IN_DOUBT}
    return {row.id for row in connection.execute(_DROP_BY_HAND, who)}


def settle(connection: Connection, send_ids: Sequence[UUID]) -> list[Moved]:
    """The provider has told that it has these mails; those that were still in doubt, or to be sent again."""
    return _told(connection, SETTLE, send_ids, None)


def reject(connection: Connection, send_ids: Sequence[UUID], error: str) -> list[Moved]:
    """The provider has told that it will not deliver these mails; those that were still open."""
    return _told(connection, REJECT, send_ids, error)


def _told(connection: Connection, edge: Edge, send_ids: Sequence[UUID], error: str | None) -> list[Moved]:
    if not send_ids:
        return []
    rows = connection.execute(_TOLD[edge], {"send_ids": list(send_ids), "error": error})
    return [Moved(**row._mapping) for row in rows]


def mistrust(connection: Connection, error: str, *, gap_s: float | None, at_once: int = 0) -> list[Moved]:
    """The database was restored: every mail that it shows as not sent may have been. They are to be asked about.

    The first `at_once` of them now, the others every `gap_s` seconds, the oldest first; with None never, which
    leaves them to people.
    """
    values = {"error": error, "gap_s": gap_s, "at_once": at_once}
    moved = [Moved(**row._mapping) for row in connection.execute(_MISTRUST, values)]
    if moved:
        wake_relay(connection)
    return sorted(moved, key=lambda one: one.id)
