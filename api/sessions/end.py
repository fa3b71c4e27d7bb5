"""`POST /api/v1/sessions/end`: log out. The token of the request is revoked; with it, the next one fails."""

from api.answer import Answer
from api.routes import EVERY_SESSION, Call, Route
from api.sessions.params import END
from api.shapes.shape import Returned
from models.logins import end_session


def act(call: Call, _found: object) -> Answer:
    """End this session and no other of the same person. Two at once both find it ended."""
    end_session(call.connection, call.caller.holder.token_id)
    return Answer(message="Logged out.", warnings=call.decoded.warnings)


ROUTE = Route(
    method="POST",
    path="/api/v1/sessions/end",
    service="sessions",
    purpose="Log out: end the session of the token. Application tokens are revoked by operators instead.",
    params=END,
    # Also without a role: whoever cannot do anything yet can at least leave.
    callers=EVERY_SESSION,
    act=act,
    sensitive=True,
    returns=(Returned("Logged out."),),
)
