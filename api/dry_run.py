"""`dry_run`: really do what a request asks for, look at the outcome, and undo it.

A route takes part by having the parameter. Its `act` runs as ever, in a transaction that is always rolled back
(`models.database.rehearsal`); in between, what it queued is done by the functions of the workers, so that the
answer shows the times and the mails that would follow. Afterwards nothing of it is stored or queued.
"""

from dataclasses import replace
from typing import Any, Final

from api.answer import Answer
from api.appointment_params import DRY_RUN
from api.appointments.conflicts import conflict_warnings
from api.appointments.shown import appointment_for
from api.appointments.shown_mails import rehearsed_mails
from api.decoding import Decoded
from api.faults import Fault
from api.routes import Call, Route
from api.statuses import ACTION_SUCCESSFUL, INVALID_PARAM
from models import database
from models.appointment_read import find_appointment
from models.photographer_conflicts import conflicts_of
from settings import get_settings
from tasks import rehearsal

NOTHING_STORED: Final = "Nothing was stored"
_MADE_UP: Final = ("id", "uuid")
_EXISTS = "SELECT 1 FROM appointments WHERE id = %(id)s"


def perform(route: Route, call: Call, found: Any) -> Answer:
    """Have the route act; on a dry run, without any trace but the answer."""
    refused = not_tried(route, call.decoded)
    if refused is not None:
        return refused
    if call.decoded.values.get(DRY_RUN.name) is not True:
        return route.act(call, found)
    rehearsal.prepare()
    sent = call.decoded.values
    rehearsal.load_atlas_for(call.connection, sent.get("order_id"), sent.get("id"), sent.get("uuid"))
    with database.rehearsal(call.connection):
        answer = _rehearsed(route, replace(call, wait_s=0), found)
    return _as_if_never(call, answer)


def not_tried(route: Route, decoded: Decoded) -> Answer | None:
    """The answer to a dry run of a route that has none; None for every other request.

    An unknown name is ignored otherwise; but nobody who only wanted to try a thing wants it done.
    """
    if DRY_RUN.name in route.params or all(warning.param != DRY_RUN.name for warning in decoded.warnings):
        return None
    message = "This route has no dry run."
    fault = Fault(DRY_RUN.name, INVALID_PARAM, message, "Leave it out to have the request carried out.")
    return Answer(INVALID_PARAM, f"Invalid: {DRY_RUN.name}.", errors=[fault])


def _rehearsed(route: Route, call: Call, found: Any) -> Answer:
    answer = route.act(call, found)
    shown = answer.data.get("appointment")
    if answer.status != ACTION_SUCCESSFUL or shown is None:
        return replace(answer, data={**answer.data, "dry_run": True})
    if answer.data.get("replayed"):
        data = {**answer.data, "dry_run": True, "mails": [], "commands": []}
        return replace(answer, message=f"{NOTHING_STORED}: {_inner(answer.message)}", data=data)
    appointment_id = int(shown["id"])
    mails = rehearsal.rehearse(call.connection, appointment_id)
    stored = find_appointment(call.connection, appointment_id, None)
    assert stored is not None  # noqa: S101 - it was stored in this transaction
    shown_mails = rehearsed_mails(call.caller, stored["client_email"], (mail.to_json() for mail in mails))
    conflicts = conflict_warnings(
        call.caller, conflicts_of(call.connection, appointment_id), get_settings().office_time_zone
    )
    warned = {warning.message for warning in answer.warnings}
    follow = f"{len(mails)} mail{'s' if len(mails) != 1 else ''} would follow"
    return replace(
        answer,
        message=f"{NOTHING_STORED}: this was a dry run. The request would be carried out, and {follow}.",
        data={
            **answer.data,
            "dry_run": True,
            "appointment": appointment_for(call, stored),
            "mails": shown_mails,
            "commands": [],
        },
        warnings=[
            *answer.warnings,
            *(warning for warning in conflicts if warning.message not in warned),
        ],
    )


def _as_if_never(call: Call, answer: Answer) -> Answer:
    """Without the numbers that were drawn for an appointment that does not exist."""
    shown = answer.data.get("appointment")
    if shown is None or call.connection.exec_driver_sql(_EXISTS, {"id": shown["id"]}).first() is not None:
        return answer
    sent = call.decoded.values
    made_up = {name: None for name in _MADE_UP if name not in sent}
    return replace(answer, data={**answer.data, "appointment": {**shown, **made_up}})


def _inner(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
