"""`POST /api/v1/notifications/correct`: send a failed mail to another address."""

from typing import Any

from api.answer import Answer
from api.faults import Fault
from api.notifications.params import CORRECT
from api.notifications.record import READERS, acting, answer_of
from api.routes import Call, Route
from api.shapes.members import acted
from api.statuses import INVALID_PARAM
from models import database
from models.notification_actions import correct
from tasks.mail_door import AddressError, checked_address


def check(call: Call, _found: object) -> list[Fault]:
    """The address has to be one that mails can be sent to."""
    given: dict[str, Any] = call.decoded.values
    try:
        checked_address(given.get("email", "a@example.com"))
    except AddressError as odd:
        return [Fault("email", INVALID_PARAM, str(odd), "Send one plain address, without a name.")]
    return []


def act(call: Call, _found: object) -> Answer:
    """Only this mail changes; see the parameter `email`."""
    given: dict[str, Any] = call.decoded.values
    actor = acting(call.caller, call.request_id)
    with database.transaction() as connection:
        done = correct(connection, given["id"], checked_address(given["email"]), actor)
    return answer_of([done], call.decoded.warnings, "id")


ROUTE = Route(
    method="POST",
    path="/api/v1/notifications/correct",
    service="notifications",
    purpose="Send a failed mail to a corrected address; the client's own record is not changed.",
    params=CORRECT,
    callers=READERS,
    check=check,
    act=act,
    returns=acted("1 notification was dealt with."),
)
