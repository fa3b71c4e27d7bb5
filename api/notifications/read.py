"""`GET /api/v1/notifications/read`: one notification with everything that is known, and what was done about it."""

from typing import Any

from api.answer import Answer
from api.faults import Fault
from api.notifications.params import READ
from api.notifications.record import READERS, notification_json
from api.routes import Call, Route
from api.shapes.notification import READ_NOTIFICATION
from api.shapes.shape import Member, Returned
from api.statuses import INVALID_PARAM
from models.notification_list import read_notification


def read(call: Call, _found: object) -> Answer:
    """The notification, its address unmasked: whoever acts on it has to know it."""
    given: dict[str, Any] = call.decoded.values
    row = read_notification(call.connection, given["id"])
    if row is None:
        fault = Fault("id", INVALID_PARAM, "There is no notification with this id.", "Check the id.")
        return Answer(INVALID_PARAM, "Invalid: id.", errors=[fault])
    return Answer(
        message=f"Notification {given['id']} is {row['state']}.",
        data={"notification": notification_json(row)},
        warnings=call.decoded.warnings,
    )


ROUTE = Route(
    method="GET",
    path="/api/v1/notifications/read",
    service="notifications",
    purpose="Read one notification: what failed, how often it was tried, what to do, and who did what.",
    params=READ,
    callers=READERS,
    act=read,
    returns=(
        Returned(
            "Notification 12 is open.", (Member("notification", READ_NOTIFICATION, "The notification."),)
        ),
    ),
)
