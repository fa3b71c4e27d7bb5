"""`POST /api/v1/sessions/create`: log in, from an e-mail address and a password to a session's token."""

from typing import Any

from api.answer import Answer
from api.caller import in_role, lacks_role, session_view
from api.faults import Fault
from api.login_throttle import TooManyLoginsError, log_in
from api.pipeline import client_required
from api.routes import ANYBODY, OpenCall, OpenRoute
from api.sessions.params import CREATE
from api.shapes.session import REGISTER_PATH, TOKEN
from api.shapes.shape import Returned
from api.statuses import (
    CLIENT_REQUIRED,
    INVALID_CREDENTIALS,
    INVALID_PARAM,
    PERMISSION_DENIED,
    RATE_LIMIT_EXCEEDED,
)
from models.database import autocommit_engine
from models.logins import Opened, end_session
from models.switchboard import KnownApplication

USUAL_APPLICATION = "planoauth"


def check(call: OpenCall, _found: object) -> list[Fault]:
    """The application has to exist."""
    if "application" not in call.decoded.values or _application(call) is not None:
        return []
    possible = ", ".join(sorted(call.applications))
    return [Fault("application", INVALID_PARAM, "There is no such application.", f"One of: {possible}.")]


def act(call: OpenCall, _found: object) -> Answer:
    """Open the session. Its token stands in `data.token`, this once."""
    given: dict[str, Any] = call.decoded.values
    application = _application(call)
    if application is None:
        raise LookupError("The record of the application that people log in to is missing.")
    try:
        opened = log_in(
            given["email"],
            given["password"].get_secret_value(),
            application.id,
            remember_me=bool(given.get("remember_me")),
            address=call.address,
            now=call.now,
        )
    except TooManyLoginsError as many:
        return Answer(RATE_LIMIT_EXCEEDED, many.sentence, headers={"Retry-After": str(many.retry_after_s)})
    if opened is None:
        return _wrong()
    if lacks_role(opened.holder):
        # As on every route: the session is valid, and its token is what registering takes.
        required = client_required(opened.holder, opened.token)
        return Answer(
            required.status,
            "Logged in. " + required.message,
            data={"token": opened.token, **required.data},
            session=required.session,
            warnings=call.decoded.warnings,
        )
    if in_role(opened.holder, application) is None:
        return _not_admitted(opened, application)
    is_shown = given.get("session_view", "default") != "none"
    return Answer(
        message=f"Logged in to {application.name}.",
        data={"token": opened.token},
        session=session_view(opened.holder, opened.holder.roles) if is_shown else None,
        warnings=call.decoded.warnings,
    )


def _application(call: OpenCall) -> KnownApplication | None:
    return call.applications.get(str(call.decoded.values.get("application", USUAL_APPLICATION)))


def _wrong() -> Answer:
    message = "This e-mail address and this password do not belong together."
    hint = "Check both. A forgotten password is set anew by the operators; it cannot be looked up."
    return Answer(INVALID_CREDENTIALS, message, errors=[Fault("", INVALID_CREDENTIALS, message, hint)])


def _not_admitted(opened: Opened, application: KnownApplication) -> Answer:
    """No session is left behind that every request would be refused with."""
    with autocommit_engine().connect() as connection:
        end_session(connection, opened.holder.token_id)
    message = f"{application.name} admits none of the roles that this user has."
    hint = "Log in to an application that is open to this user; planoauth is open to every role."
    return Answer(PERMISSION_DENIED, message, errors=[Fault("", PERMISSION_DENIED, message, hint)])


ROUTE = OpenRoute(
    method="POST",
    path="/api/v1/sessions/create",
    service="sessions",
    purpose="Log in: open a session with an e-mail address and a password, and get its token, once.",
    params=CREATE,
    callers=ANYBODY,
    check=check,
    act=act,
    sensitive=True,
    statuses=frozenset({INVALID_CREDENTIALS, RATE_LIMIT_EXCEEDED, CLIENT_REQUIRED, PERMISSION_DENIED}),
    returns=(
        Returned("Logged in to PlanoAuth.", (TOKEN,)),
        Returned("Logged in. This user has no role yet.", (TOKEN, REGISTER_PATH), CLIENT_REQUIRED),
    ),
)
