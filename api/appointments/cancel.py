"""`PUT /api/v1/appointments/cancel`: call an appointment off, say why, and tell whoever knows of it.

Cancelling once more changes nothing and mails nobody; a reason may be added later, quietly.
"""

from dataclasses import replace

from api.answer import Answer
from api.appointments import change
from api.appointments.change_params import CANCEL
from api.routes import EVERY_ROLE, Call, Route
from api.shapes.members import CANCELLED, REFUSED, STALE, mail_failed
from api.shapes.shape import Returned
from api.statuses import MANDRILL_EMAIL_FAILED, STALE_UPDATE


def look_up(call: Call) -> change.Found | None:
    """The appointment that is named, and what cancelling makes of it."""
    decoded = replace(call.decoded, values={**call.decoded.values, "cancelled": True})
    return change.look_up(call, decoded)


def act(call: Call, found: change.Found) -> Answer:
    """Cancel it, or say why not."""
    return change.act(call, found, change.CANCEL)


ROUTE = Route(
    method="PUT",
    path="/api/v1/appointments/cancel",
    service="appointments",
    purpose="Cancel an appointment, and queue the mails and calendar files that say so.",
    params=CANCEL,
    callers=EVERY_ROLE,
    look_up=look_up,
    check=change.check,
    act=act,
    statuses=frozenset({MANDRILL_EMAIL_FAILED, STALE_UPDATE}),
    sample=("token", "uuid", "same_day_cancel", "updated_at_mt"),
    whole={"id": None},
    returns=(
        Returned("Appointment 1042 was cancelled.", CANCELLED, shows={"cancelled": True}),
        STALE,
        mail_failed(*CANCELLED),
        REFUSED,
    ),
)
