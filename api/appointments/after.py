"""What an answer about an appointment says of its mails: their fate, for a caller who prefers to wait, and troubles."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import replace
from typing import Any

from api.answer import Answer
from api.appointments.shown import appointment_for
from api.appointments.stored import read_stored
from api.appointments.waiting import Fate, wait_for_fates
from api.faults import Fault
from api.notifications.record import READERS, notification_json
from api.routes import Call
from api.shapes.notification import OPEN_NOTIFICATION
from api.statuses import MANDRILL_EMAIL_FAILED
from models.notification_list import Wanted, list_notifications

MOST_NOTIFICATIONS = 20
_SHOWN = tuple(member.name for member in OPEN_NOTIFICATION.members)


def after_waiting(
    call: Call, appointment_id: int, answer: Answer, only: Container[int] | None = None
) -> Answer:
    """The same answer once what follows is decided, for a caller who prefers to wait (contract.md section 7).

    `only` are the commands that are waited for and decide the status; without it, all of them.
    """
    if not call.wait_s:
        return answer
    decided, waited = wait_for_fates(call.connection, appointment_id, call.wait_s, only)
    data = {
        **answer.data,
        "appointment": appointment_for(call, read_stored(call.connection, appointment_id)),
        "commands": [fate.to_json() for fate in decided],
        **open_notifications(call, appointment_id),
    }
    headers = {"Preference-Applied": f"wait={call.wait_s}"} if waited else {}
    failed = [fate for fate in decided if fate.is_failed_mail and (only is None or fate.id in only)]
    if not failed:
        return replace(answer, data=data, headers=headers)
    named = ", ".join(f"{fate.kind} ({fate.cause or fate.outcome})" for fate in failed)
    message = f"Appointment {appointment_id} is stored, but not all mails could be sent: {named}."
    errors = [_fault(fate, data.get("notifications", ())) for fate in failed]
    return replace(
        answer, status=MANDRILL_EMAIL_FAILED, message=message, data=data, headers=headers, errors=errors
    )


def _fault(fate: Fate, notifications: Iterable[Mapping[str, Any]]) -> Fault:
    """What failed, and what to do about it as far as the caller may know: by the notification about it."""
    for told in notifications:
        if told["command_id"] == fate.id:
            return Fault(fate.kind, MANDRILL_EMAIL_FAILED, told["message"], told["hint"])
    message = "This mail could not be sent; the developers have been told."
    return Fault(
        fate.kind, MANDRILL_EMAIL_FAILED, message, "The appointment is stored: do not send it again."
    )


def open_notifications(call: Call, appointment_id: int) -> dict[str, Any]:
    """`notifications`, when there are any that are not over and the caller is one who may act on them."""
    if call.caller.role not in READERS:
        return {}
    page = list_notifications(call.connection, Wanted(appointment_id=appointment_id), MOST_NOTIFICATIONS)
    shown = [notification_json({name: row[name] for name in _SHOWN}) for row in page.notifications]
    return {"notifications": shown} if shown else {}
