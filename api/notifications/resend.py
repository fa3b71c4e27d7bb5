"""`POST /api/v1/notifications/resend`: do again what failed, mostly send a mail."""

from typing import Any

from api.answer import Answer
from api.notifications.params import RESEND
from api.notifications.record import READERS, acting, answer_of
from api.routes import Call, Route
from api.shapes.members import acted
from models import database
from models.notification_actions import resend


def act(call: Call, _found: object) -> Answer:
    """Queue them again. A repeated request finds them queued and says so."""
    given: dict[str, Any] = call.decoded.values
    actor = acting(call.caller, call.request_id)
    with database.transaction() as connection:
        results = resend(connection, given["ids"], actor, even_if_sent=bool(given.get("even_if_sent")))
    return answer_of(results, call.decoded.warnings, "ids")


ROUTE = Route(
    method="POST",
    path="/api/v1/notifications/resend",
    service="notifications",
    purpose="Send failed mails again, or do again whatever else failed; an incident's id means all of its mails.",
    params=RESEND,
    callers=READERS,
    act=act,
    returns=acted("1 notification was dealt with."),
)
