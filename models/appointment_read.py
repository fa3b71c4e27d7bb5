"""One appointment with everything that belongs to it: its commands, its mails, its newest changes.

What of this a caller may see is decided by whoever asks.
"""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, text

from models.command_sql import IS_CLAIMABLE, LEFT_TO_PEOPLE

NEWEST_CHANGES: Final = 20
MOST_MAILS: Final = 100
"""What is scheduled after this is not scheduled at all."""

_FIND = text(
    "SELECT a.*, o.client_id AS order_client_id, o.company_id AS order_company_id, c.email AS client_email,"
    " greatest(a.changed_at, a.reconciled_at) AS last_changed_at"
    " FROM appointments a LEFT JOIN orders o ON o.id = a.order_id LEFT JOIN clients c ON c.id = o.client_id"
    " WHERE a.id = coalesce(:id, (SELECT id FROM appointments WHERE uuid = :uuid))"
    " AND (CAST(:uuid AS uuid) IS NULL OR a.uuid = :uuid)"
)
_COMMANDS = text(
    "SELECT c.id, c.kind, c.state, c.state = 'done' AND c.last_error IS NOT NULL AS is_dropped,"  # noqa: S608 - constants
    " c.attempts, c.created_at, c.finished_at, e.outcome, e.cause,"
    f" CASE WHEN c.{IS_CLAIMABLE} AND NOT c.{LEFT_TO_PEOPLE} THEN c.available_at END AS next_attempt_at"
    " FROM all_commands c LEFT JOIN LATERAL"
    " (SELECT outcome, cause FROM emails WHERE command_id = c.id ORDER BY id DESC LIMIT 1) AS e ON true"
    " WHERE c.appointment_id = :id ORDER BY c.id"
)
_MAILS = text(
    "SELECT id, command_id, kind, recipient, copies, outcome, cause, detail, http_status, provider_id, created_at,"
    " decided_at, last_event, last_event_at FROM emails WHERE appointment_id = :id ORDER BY id DESC LIMIT :most"
)
_CHANGES = text(
    "SELECT h.id, h.at, h.action, h.changes, h.sequence, h.updated_at_mt, h.caller_kind, h.caller_role,"
    " h.caller_name, h.caller_user_id, p.slug AS application, h.request_id"
    " FROM appointment_changes h JOIN applications p ON p.id = h.caller_application_id"
    " WHERE h.appointment_id = :id AND h.id >= :since ORDER BY h.id DESC LIMIT :most"
)


def find_appointment(
    connection: Connection, appointment_id: int | None, uuid: UUID | None
) -> Mapping[str, Any] | None:
    """The row that has this id or uuid (of both, if both are given), with whom its order belongs to."""
    row = connection.execute(_FIND, {"id": appointment_id, "uuid": uuid}).mappings().first()
    return None if row is None else dict(row)


def read_commands(connection: Connection, appointment_id: int) -> list[dict[str, Any]]:
    """Its commands in the order in which they were written; `next_attempt_at` is null for what is not due again."""
    found = connection.execute(_COMMANDS, {"id": appointment_id})
    return [dict(row) for row in found.mappings()]


def read_mails(connection: Connection, appointment_id: int) -> list[dict[str, Any]]:
    """What was handed, or about to be handed, to the provider, newest first; at most `MOST_MAILS`."""
    found = connection.execute(_MAILS, {"id": appointment_id, "most": MOST_MAILS})
    return [dict(row) for row in found.mappings()]


def read_changes(
    connection: Connection, appointment_id: int, most: int = NEWEST_CHANGES, *, since: int = 0
) -> list[dict[str, Any]]:
    """The newest lines of its history, newest first; none older than the one with the id `since`."""
    found = connection.execute(_CHANGES, {"id": appointment_id, "most": most, "since": since})
    return [dict(row) for row in found.mappings()]
