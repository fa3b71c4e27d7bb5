"""`GET /api/v1/notifications/index`: what developers must see, newest first, addresses masked."""

from typing import Any

from api.answer import Answer
from api.faults import Fault
from api.notifications.params import INDEX, USUAL_PAGE
from api.notifications.record import READERS, notification_json
from api.routes import Call, Route
from api.shapes.members import NEXT_CURSOR
from api.shapes.notification import NOTIFICATION
from api.shapes.shape import Member, Returned
from api.statuses import INVALID_PARAM
from models.notification_list import CursorError, Wanted, list_notifications
from models.notifications import UNFINISHED

ANY_STATE = "any"


def index(call: Call, _found: object) -> Answer:
    """One page; `next_cursor` is null on the last."""
    given: dict[str, Any] = call.decoded.values
    state = given.get("state")
    wanted = Wanted(
        states=None if state == ANY_STATE else UNFINISHED if state is None else (state,),
        status=given.get("status"),
        cause=given.get("cause"),
        appointment_id=given.get("appointment_id"),
        incident_id=given.get("incident_id"),
    )
    try:
        page = list_notifications(
            call.connection, wanted, given.get("limit", USUAL_PAGE), given.get("cursor")
        )
    except CursorError as odd:
        fault = Fault("cursor", INVALID_PARAM, str(odd), "Send next_cursor of the answer before, as it was.")
        return Answer(INVALID_PARAM, "Invalid: cursor.", errors=[fault])
    shown = [notification_json(row) for row in page.notifications]
    number = len(shown)
    return Answer(
        message=f"{number} notification{'' if number == 1 else 's'}.",
        data={"notifications": shown, "next_cursor": page.next_cursor},
        warnings=call.decoded.warnings,
    )


ROUTE = Route(
    method="GET",
    path="/api/v1/notifications/index",
    service="notifications",
    purpose="List what developers must see: failed mails, held mails, crashed commands, contradicting times.",
    params=INDEX,
    callers=READERS,
    act=index,
    sample=("state", "limit"),
    returns=(
        Returned(
            "1 notification.",
            (
                Member("notifications", NOTIFICATION, "The notifications of this page.", many=True),
                NEXT_CURSOR,
            ),
        ),
    ),
)
