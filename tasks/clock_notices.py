"""What developers are told about an appointment's times: one notification for each contradiction.

A contradiction that is still there makes no second one, whatever a person did with the first; one that
vanished is closed, and opened again if it comes back (clocks.md section 9).
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, text

from models.clock import Discrepancy, explain_discrepancy
from models.clock.discrepancies import Kind

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
_WHERE = "in the application that sent the appointment, or through the API (appointments/update)"
HINTS: Final[dict[Kind, str]] = {
    "frame_mismatch": f"Ask whoever sent the appointment which of the two times is meant, and send that one {_WHERE}.",
    "nonexistent_time": f"Ask which time is meant, before or after the clocks go forward, and send it {_WHERE}.",
    "duration_mismatch": f"Ask whether the stop or the duration is meant, and correct the other {_WHERE}.",
    "duration_conflict": f"Send one duration only, time_duration_s or time_duration, {_WHERE}.",
    "stop_before_start": f"Ask when it ends, and correct start or stop {_WHERE}.",
    "updated_at_mismatch": "The application that sent the appointment computes updated_at_mt or updated_at wrongly:"
    " it is to be mended there. The appointment's own times are not touched by it.",
    "zone_source_mismatch": "Find out where the property is, and correct its record (time zone, position or ZIP code)"
    " where it is kept; nothing is wrong with the appointment itself.",
    "implausible_offset": f"The local time and the others cannot both be right: ask which is meant, and correct the"
    f" other {_WHERE}. Better still, give the property's record its position or ZIP code.",
    "offset_inconsistent": f"Start and stop were sent for different clocks: ask which is right, and correct the local"
    f" time of the other {_WHERE}.",
    "allday_with_time": f"Ask whether it takes the whole day; take the time away, or the mark allday, {_WHERE}.",
    "allday_with_duration": "Ask whether it takes the whole day; take the duration away, or the mark allday,"
    f" {_WHERE}.",
    "window_unit_suspect": f"Send the window's times as seconds after midnight, {_WHERE}.",
    "window_time_reversed": f"Ask when the window begins and ends, and correct it {_WHERE}.",
    "window_date_reversed": f"Ask on which days the window begins and ends, and correct it {_WHERE}.",
    "tz_rules_changed": "Nothing is to be corrected: the time at the property stays. Tell whoever works by UTC or in"
    " another zone that the appointment moved for them.",
    "assumed_fold": f"Ask which of the two is meant; if it is the second, send the time in UTC as well, {_WHERE}.",
}


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
                "hint": HINTS[notice.kind],
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
