"""`PUT /api/v1/appointments/update`: change what is sent, leave the rest, tell whom it concerns.

A repeated request is known by its stamp and by asking for nothing new, so an `Idempotency-Key` is not needed and
not looked at (`docs/changes.md`).
"""

from api.answer import Answer
from api.appointments import change, create
from api.appointments.change_params import MOVED, UPDATE
from api.routes import EVERY_ROLE, Call, Route
from api.shapes.members import CHANGED, REFUSED, STALE, mail_failed
from api.shapes.shape import Returned
from api.statuses import MANDRILL_EMAIL_FAILED, STALE_UPDATE


def look_up(call: Call) -> change.Found | None:
    """The appointment that is named, and what the request makes of it."""
    return change.look_up(call, call.decoded)


def act(call: Call, found: change.Found) -> Answer:
    """Make the change, or say why not."""
    return change.act(call, found, change.UPDATE)


ROUTE = Route(
    method="PUT",
    path="/api/v1/appointments/update",
    service="appointments",
    purpose="Change an appointment, and queue what follows: reconciled times, and mails to whom it concerns.",
    params=UPDATE,
    callers=EVERY_ROLE,
    look_up=look_up,
    check=change.check,
    act=act,
    choices=create.ROUTE.choices,
    statuses=frozenset({MANDRILL_EMAIL_FAILED, STALE_UPDATE}),
    sample=("token", "uuid", "date_start_local", "time_start_local", "updated_at_mt"),
    whole={"id": None, "clear": "delivery_type", "delivery_type": None},
    returns=(
        Returned(
            "Appointment 1042 was changed.",
            CHANGED,
            shows={**MOVED, "updated_at_mt_instant": "2026-11-22T23:20:00Z"},
        ),
        STALE,
        mail_failed(*CHANGED),
        REFUSED,
    ),
)
