"""What developers are told about photographers who are booked twice: one notification for each pair.

Whenever an appointment is reconciled, all pairs that it is one of are made true: those that overlap are open,
those that no longer do are closed, whichever of the two had changed. What a person closed or ignored stays so
while the pair overlaps in the same way; what was ignored also when it was apart for a while in between.
"""

from typing import Final

from sqlalchemy import Connection, text

from models.notifications import PHOTOGRAPHER_DOUBLE_BOOKED
from models.photographer_conflicts import Booked, conflicts_of, find_booked, when
from settings import get_settings
from tasks.clock_notices import CLOSED_BY

OVERLAP: Final = (
    "coalesce(one.photographer_user_id = other.photographer_user_id"
    " AND one.cancelled IS NOT TRUE AND other.cancelled IS NOT TRUE"
    " AND one.optional IS NOT TRUE AND other.optional IS NOT TRUE"
    " AND one.busy_from < greatest(other.busy_until, other.busy_from + interval '1 microsecond')"
    " AND other.busy_from < greatest(one.busy_until, one.busy_from + interval '1 microsecond'), false)"
)
"""The rule of `models/photographer_conflicts.py`, for two rows of `appointments` called `one` and `other`."""

# One that a person ignores stays so while its pair is apart: it may come back in the same way.
IS_OPEN: Final = f"status = '{PHOTOGRAPHER_DOUBLE_BOOKED}' AND state NOT IN ('resolved', 'ignored')"
_PARTNER = (
    "CASE WHEN n.appointment_id = :id THEN CAST(split_part(n.subject_key, ':', 2) AS bigint)"
    " ELSE n.appointment_id END"
)
_CLOSE = text(
    "UPDATE notifications SET state = 'resolved', closed_at = now(), closed_by = :closer WHERE id IN ("  # noqa: S608
    f"SELECT n.id FROM notifications n LEFT JOIN appointments one ON one.id = :id"
    f" LEFT JOIN appointments other ON other.id = {_PARTNER}"
    # As the later of the two, and as the earlier.
    f" WHERE n.id IN (SELECT id FROM notifications WHERE {IS_OPEN} AND appointment_id = :id"
    f" UNION ALL SELECT id FROM notifications WHERE {IS_OPEN}"
    " AND split_part(subject_key, ':', 2) = CAST(:id AS text))"
    f" AND NOT {OVERLAP} ORDER BY n.id FOR UPDATE OF n)"
)
_OPEN = text(
    "INSERT INTO notifications (status, severity, subject_key, cause, message, hint, appointment_id, command_id,"
    " request_id)"
    " VALUES (:status, 'high', :subject_key, 'overlap', :message, :hint, :appointment_id, :command_id, :request_id)"
    " ON CONFLICT (subject_key) DO UPDATE SET state = 'open', message = excluded.message, last_at = now(),"
    " closed_at = NULL, closed_by = NULL"
    " WHERE notifications.closed_by = :closer OR notifications.message <> excluded.message"
)
_HINT = (
    "Move one of the two, cancel it, give it to another photographer or mark it as optional, in the application that"
    " booked it or through the API (appointments/update, appointments/cancel); the console cannot. This notification"
    " closes by itself then."
)


def tell(
    connection: Connection,
    appointment_id: int,
    *,
    command_id: int | None = None,
    request_id: str | None = None,
) -> None:
    """Make the notifications about this appointment's conflicts say what is true now.

    The photographer has to be held (`models/photographer_conflicts.py`), so that of two who come at once the
    second sees what the first one stored.
    """
    # The others are kept as they are until the commit: one that is changed is looked at again after it.
    others = conflicts_of(connection, appointment_id, keep=True)
    connection.execute(_CLOSE, {"id": appointment_id, "closer": CLOSED_BY})
    this = find_booked(connection, appointment_id)
    if this is None or not others:
        return
    connection.execute(
        _OPEN,
        [
            {
                "status": PHOTOGRAPHER_DOUBLE_BOOKED,
                "subject_key": subject_key(this.id, other.id),
                "message": _message(*sorted((this, other), key=lambda booked: booked.id)),
                "hint": _HINT,
                "appointment_id": max(this.id, other.id),
                "command_id": command_id,
                "request_id": request_id,
                "closer": CLOSED_BY,
            }
            for other in sorted(others, key=lambda booked: booked.id)
        ],
    )


def subject_key(one: int, other: int) -> str:
    """The key of a pair's notification, whichever of the two is named first."""
    return f"double-booked:{min(one, other)}:{max(one, other)}"


def _message(earlier: Booked, later: Booked) -> str:
    office = get_settings().office_time_zone
    who = later.photographer_name or earlier.photographer_name or "The photographer"
    return (
        f"{who} is booked twice: appointment {earlier.id} is {when(earlier, office)};"
        f" appointment {later.id} is {when(later, office)}."
    )
