"""`POST /api/v1/appointments/resend_confirmation`: send the client's confirmation again (contract.md section 7).

A repeated request must not make a third mail (`confirming.py`). A confirmation that is still under way is left to
itself.
"""

from collections.abc import Mapping
from typing import Any, Final

from api.answer import Answer
from api.appointments.after import after_waiting, open_notifications
from api.appointments.confirming import KeyOfAnotherError, confirm_once, why_not
from api.appointments.naming import NAMED_BY, one_of_both, unknown
from api.appointments.shown import appointment_for
from api.appointments.stored import may_see, read_stored
from api.appointments.waiting import fates
from api.common_params import EVERYWHERE
from api.faults import Fault
from api.notifications.record import acting
from api.params import Registry
from api.routes import EVERY_ROLE, Call, Route
from api.shapes.members import CONFIRMED, mail_failed
from api.shapes.shape import Returned
from api.statuses import INVALID_PARAM, MANDRILL_EMAIL_FAILED
from models import database

PARAMS: Final = Registry(
    (
        *EVERYWHERE,
        *NAMED_BY,
    ),
    rules=(one_of_both,),
)

_FIND = (
    "SELECT a.id, c.email AS client_email FROM appointments a LEFT JOIN orders o ON o.id = a.order_id"
    " LEFT JOIN clients c ON c.id = o.client_id"
    " WHERE (%(id)s::bigint IS NULL OR a.id = %(id)s) AND (%(uuid)s::uuid IS NULL OR a.uuid = %(uuid)s)"
    " AND coalesce(%(id)s::text, %(uuid)s::text) IS NOT NULL"
)


def look_up(call: Call) -> Mapping[str, Any] | None:
    """The appointment with its client's address of now; None when there is none that the caller may see."""
    given = call.decoded.values
    named = {"id": given.get("id"), "uuid": given.get("uuid")}
    row = call.connection.exec_driver_sql(_FIND, named).first()
    if row is None:
        return None
    stored = {**read_stored(call.connection, row.id), "client_email": row.client_email}
    return stored if may_see(call.caller, stored) else None


def check(call: Call, found: Mapping[str, Any] | None) -> list[Fault]:
    """It must exist, be visible, stand, and have somebody to write to."""
    if found is None:
        return unknown(call.decoded.values)
    refused = why_not(found)
    param = "id" if "id" in call.decoded.values else "uuid"
    return [] if refused is None else [Fault(param, INVALID_PARAM, *refused)]


def act(call: Call, found: Mapping[str, Any]) -> Answer:
    """Queue the mail, or answer from what an earlier request queued."""
    appointment_id = int(found["id"])
    actor = acting(call.caller, call.request_id)
    try:
        with database.transaction() as connection:
            done = confirm_once(
                connection, appointment_id, found["client_email"], actor, call.idempotency_key
            )
    except KeyOfAnotherError:
        message = "This Idempotency-Key belongs to the confirmation of another appointment."
        fault = Fault("Idempotency-Key", INVALID_PARAM, message, "Send a new key for each request.")
        return Answer(INVALID_PARAM, "Invalid: Idempotency-Key.", errors=[fault])
    replayed = done.is_replayed and not call.again
    said = "had been queued by this request before" if replayed else "is queued"
    answer = Answer(
        message=f"The confirmation of appointment {appointment_id} {said}.",
        data={
            "appointment": appointment_for(call, found),
            "commands": [fate.to_json() for fate in fates(call.connection, appointment_id)],
            "replayed": replayed,
            **open_notifications(call, appointment_id),
        },
        warnings=call.decoded.warnings,
    )
    return after_waiting(call, appointment_id, answer, (done.command_id,))


ROUTE = Route(
    method="POST",
    path="/api/v1/appointments/resend_confirmation",
    service="appointments",
    purpose="Send the order's client the confirmation again, with what is true now.",
    params=PARAMS,
    callers=EVERY_ROLE,
    look_up=look_up,
    check=check,
    act=act,
    statuses=frozenset({MANDRILL_EMAIL_FAILED}),
    sample=("uuid",),
    whole={"id": None},
    returns=(
        Returned("The confirmation of appointment 1042 is queued.", CONFIRMED),
        mail_failed(*CONFIRMED),
    ),
)
