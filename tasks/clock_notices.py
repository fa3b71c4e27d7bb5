"""What developers are told about an appointment's times: one notification for each contradiction.

A contradiction that is still there makes no second one, whatever a person did with the first; one that
vanished is closed, and opened again if it comes back (clocks.md section 9).
"""

from collections.abc import Sequence

from sqlalchemy import Connection, text

from models.clock import Discrepancy, explain_discrepancy

CLOSED_BY = "reconcile-times"

_OPEN = text(
    "INSERT INTO notifications (status, severity, subject_key, cause, message, hint, appointment_id, command_id,"
    " request_id)"
    " VALUES (:status, 'low', :subject_key, :cause, :message, :hint, :appointment_id, :command_id, :request_id)"
    " ON CONFLICT (subject_key) DO UPDATE SET state = 'open', last_at = now(), closed_at = NULL, closed_by = NULL"
    " WHERE notifications.closed_by = :closer"
)
_CLOSE = text(
    "UPDATE notifications SET state = 'resolved', closed_at = now(), closed_by = :closer"
    " WHERE appointment_id = :appointment_id AND subject_key LIKE 'clock:%' AND state = 'open'"
    " AND subject_key <> ALL(:wanted)"
)
_HINT = (
    "Ask whoever sent the appointment which time is meant, and correct it there. The sent values were kept."
)


def tell(
    connection: Connection,
    appointment_id: int,
    notices: Sequence[Discrepancy],
    *,
    command_id: int | None = None,
    request_id: str | None = None,
) -> None:
    """Make the notifications about these clocks say what is true now."""
    keys = [_subject_key(appointment_id, notice) for notice in notices]
    connection.execute(_CLOSE, {"appointment_id": appointment_id, "wanted": keys, "closer": CLOSED_BY})
    if not notices:
        return
    connection.execute(
        _OPEN,
        [
            {
                "status": "clock-" + notice.kind.replace("_", "-"),
                "subject_key": key,
                "cause": notice.kind,
                "message": explain_discrepancy(notice),
                "hint": _HINT,
                "appointment_id": appointment_id,
                "command_id": command_id,
                "request_id": request_id,
                "closer": CLOSED_BY,
            }
            for key, notice in zip(keys, notices, strict=True)
        ],
    )


def _subject_key(appointment_id: int, notice: Discrepancy) -> str:
    parts = (notice.kind, notice.endpoint, notice.frame, notice.supplied, notice.expected)
    return f"clock:{appointment_id}:" + ":".join(part or "" for part in parts)
