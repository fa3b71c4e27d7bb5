"""`POST /api/v1/notifications/resolve` and `ignore`: two ways to end a notification without sending anything."""

from collections.abc import Callable
from typing import Any

from api.answer import Answer
from api.notifications.params import END
from api.notifications.record import READERS, acting, answer_of
from api.routes import Call, Route
from api.shapes.members import acted
from models import database
from models.notification_actions import ignore, resolve


def _with(end: Callable[..., Any]) -> Callable[[Call, Any], Answer]:
    def act(call: Call, _found: object) -> Answer:
        given: dict[str, Any] = call.decoded.values
        actor = acting(call.caller, call.request_id)
        with database.transaction() as connection:
            results = end(connection, given["ids"], actor, given.get("reason", ""))
        return answer_of(results, call.decoded.warnings, "ids")

    return act


RESOLVE = Route(
    method="POST",
    path="/api/v1/notifications/resolve",
    service="notifications",
    purpose="Mark notifications as dealt with in another way.",
    params=END,
    callers=READERS,
    act=_with(resolve),
    returns=acted("1 notification was dealt with."),
)
IGNORE = Route(
    method="POST",
    path="/api/v1/notifications/ignore",
    service="notifications",
    purpose="Mark notifications as not worth doing anything; the same failure again does not open them.",
    params=END,
    callers=READERS,
    act=_with(ignore),
    returns=acted("1 notification was dealt with."),
)
