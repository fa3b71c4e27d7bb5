"""Opening and closing notifications: the same trouble updates its row, success ends it."""

from dataclasses import asdict, dataclass

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a notification says. `subject_key` names the thing that failed; see `models/notifications.py`."""

    status: str
    subject_key: str
    cause: str
    message: str
    hint: str = ""
    severity: str = "high"
    appointment_id: int | None = None
    command_id: int | None = None
    recipient: str | None = None
    http_status: int | None = None
    attempts: int = 0
    may_have_been_sent: bool = False
    request_id: str | None = None


_OPEN = text(
    "INSERT INTO notifications (status, subject_key, cause, message, hint, severity, appointment_id, command_id,"
    " recipient, http_status, attempts, may_have_been_sent, request_id)"
    " VALUES (:status, :subject_key, :cause, :message, :hint, :severity, :appointment_id, :command_id,"
    " :recipient, :http_status, :attempts, :may_have_been_sent, :request_id)"
    " ON CONFLICT (subject_key) DO UPDATE SET status = excluded.status, state = 'open', cause = excluded.cause,"
    " message = excluded.message, hint = excluded.hint, severity = excluded.severity,"
    " recipient = excluded.recipient, http_status = excluded.http_status, attempts = excluded.attempts,"
    " may_have_been_sent = excluded.may_have_been_sent, request_id = excluded.request_id, last_at = now(),"
    " closed_at = NULL, closed_by = NULL"
    " RETURNING id"
)
_CLOSE = text(
    "UPDATE notifications SET state = 'resolved', closed_at = now(), closed_by = :by"
    " WHERE subject_key = :subject_key AND state = 'open'"
)


def open_notification(connection: Connection, trouble: Trouble) -> int:
    """Show it to the developers; the id of its row, new or updated."""
    row = connection.execute(_OPEN, asdict(trouble)).one()
    return int(row.id)


def close_notification(connection: Connection, subject_key: str, by: str) -> None:
    """It is over: `by` names who or what ended it. Nothing happens when there is none open."""
    connection.execute(_CLOSE, {"subject_key": subject_key, "by": by})
