"""What a caller is told of a photographer who is taken: a warning, or a fault for who asked to be refused.

An appointment that the caller may not see is not shown by its id, its times or its number: only that the
photographer is taken then.

For a route that stores an appointment, in this order:

    photographer = wanted_photographer(row as it will be)
    without the flag: conflict_warnings(…), of what the write tells or `overlapping` finds
    with it, in one transaction: hold_photographers → lock the row, if there is one → conflict_fault → write
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection

from api.appointments.stored import may_see
from api.caller import Caller
from api.faults import Fault, ParamWarning
from api.statuses import INVALID_PARAM
from models.clock.busy import Foreseen, Span
from models.photographer_conflicts import Booked, overlapping, taken, when
from settings import get_settings

PARAM: Final = "photographer_user_id"
REFUSE: Final = "refuse_conflicts"
_HIDDEN: Final = "The photographer is taken at that time."
_ANOTHER_TIME: Final = "Send another time or another photographer, or leave refuse_conflicts out."


def wanted_photographer(row: Mapping[str, Any]) -> int | None:
    """Whom an appointment with these columns takes; None when it takes nobody (contract.md section 5)."""
    if row.get("cancelled") or row.get("optional"):
        return None
    return row.get("photographer_user_id")


def conflicts_at_once(
    connection: Connection,
    caller: Caller,
    photographer_user_id: int,
    span: Span,
    except_id: int,
) -> list[ParamWarning]:
    """Who else than the appointment `except_id` has the photographer then, as warnings; one query."""
    conflicts = overlapping(connection, photographer_user_id, span.begin, span.end, except_id)
    return conflict_warnings(caller, conflicts, get_settings().office_time_zone)


def conflict_warnings(caller: Caller, conflicts: Sequence[Booked], office_zone: str) -> list[ParamWarning]:
    """A warning for each appointment that the caller may see, and one for all the others."""
    return [ParamWarning(PARAM, sentence) for sentence in _sentences(caller, conflicts, office_zone)]


def conflict_fault(
    connection: Connection,
    caller: Caller,
    photographer_user_id: int,
    busy: Foreseen,
    office_zone: str,
    *,
    except_id: int | None = None,
) -> Fault | None:
    """Why an appointment that must not conflict is refused; None when nothing stands against it.

    To be asked in the transaction that stores it, after `hold_photographers`. `except_id` is the appointment
    itself, when it is a stored one that changes.
    """
    if busy.span is None:
        if not busy.awaits_zone:
            return None  # without a time it takes nobody
        message = (
            "Whether the photographer is free cannot be told yet: it takes the time zone of the property."
        )
        hint = "Send the times in UTC too, or leave refuse_conflicts out; a conflict is notified then."
        return Fault(REFUSE, INVALID_PARAM, message, hint)
    found = taken(connection, photographer_user_id, busy.span, office_zone, except_id=except_id)
    if found.conflicts:
        message = " ".join(_sentences(caller, found.conflicts, office_zone))
        return Fault(PARAM, INVALID_PARAM, message, _ANOTHER_TIME)
    if found.is_open:
        message = "Whether the photographer is free cannot be told yet: other times are still being computed."
        return Fault(
            REFUSE, INVALID_PARAM, message, "Send the request again in a moment, with the same uuid."
        )
    return None


def _sentences(caller: Caller, conflicts: Sequence[Booked], office_zone: str) -> list[str]:
    visible = [booked for booked in conflicts if may_see(caller, _owner(booked))]
    sentences = [
        f"The photographer is taken by appointment {booked.id}: {when(booked, office_zone)}."
        for booked in visible
    ]
    if len(visible) < len(conflicts):
        sentences.append(_HIDDEN)
    return sentences


def _owner(booked: Booked) -> dict[str, object]:
    names = ("order_id", "order_client_id", "order_company_id", "caller_user_id")
    return {name: getattr(booked, name) for name in names}
