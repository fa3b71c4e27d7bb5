"""`GET /api/v1/sessions/read`: what the token of the request is, whose, and until when."""

from api.answer import Answer
from api.caller import session_view
from api.routes import EVERY_ROLE, Call, Route
from api.sessions.params import READ
from api.shapes.session import SESSION
from api.shapes.shape import Member, Returned


def read(call: Call, _found: object) -> Answer:
    """The session without its token. A user without a role gets the same under `client-required`."""
    holder = call.caller.holder
    return Answer(
        message=f"This is a token of {holder.application_name}."
        if holder.user_id is None
        else f"This is a session of {call.caller.name}.",
        data={"session": session_view(holder, holder.roles), "role": call.caller.role},
        warnings=call.decoded.warnings,
    )


ROUTE = Route(
    method="GET",
    path="/api/v1/sessions/read",
    service="sessions",
    purpose="Read the session of the token: its user, roles and application, and when it ends.",
    params=READ,
    callers=EVERY_ROLE,
    act=read,
    returns=(
        Returned(
            "This is a session of Dana Whitfield.",
            (
                Member("session", SESSION, "What the token stands for, without the token."),
                Member("role", "string", "The role that requests with it are made in.", "employee"),
            ),
        ),
    ),
)
