"""The stages that every request passes, in this order; the first that fails decides the status.

identify the route → content type → decode the body → token present → token valid → session fresh → role →
missing parameters → invalid parameters → permission → act (contract.md section 2)

The rate limit of the token stands between *session fresh* and *role*; a token that is not valid is counted against
the address it came from (`api/rate_limits.py`).

What is read with GET has its parameters in the query string instead of a body, and its token in the header.

A connection to the database that breaks meanwhile is replaced, and the stages from the token on are passed
once more. An error that nobody foresaw is rolled back, reported, and answered with `application-crash`; one
that happens before the route is known to be open, with `identify-request-error`.
"""

import re
import secrets
from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

import sentry_sdk
import structlog
from flask import Request, Response, g
from sqlalchemy import Connection
from werkzeug.exceptions import RequestEntityTooLarge

from api import caller as callers
from api import dry_run, rate_limits
from api.answer import Answer, refusal_answer, to_response
from api.body import read_body
from api.caller import WITHOUT_ROLE, Caller
from api.decoding import Context, Decoded, body_token, decode
from api.faults import Fault, ParamWarning, Refusal
from api.preferences import preferred_wait_s
from api.query import NO_BEARER, read_query
from api.routes import AnyRoute, Call, Route
from api.statuses import (
    APPLICATION_CRASH,
    CLIENT_REQUIRED,
    IDENTIFY_REQUEST_ERROR,
    INVALID_ENCODED_PARAMS,
    INVALID_PARAM,
    MISSING_PARAM,
    PERMISSION_DENIED,
    REQUEST_TOO_LARGE,
    ROUTE_NOT_FOUND,
    SERVICE_NOT_FOUND,
)
from models.database import autocommit_engine, once_more_if_disconnected
from models.moment import now
from models.prepared import Row
from models.switchboard import Board, KnownApplication, switchboard
from models.tokens import Holder, find_holder, touch

REGISTER_PATH = "/api/v1/users/client_register"
MAX_IDEMPOTENCY_KEY = 255
MAX_BODY_BYTES = 256 * 1024

# Shorter than any token, so that a token in the wrong header never reaches a log.
_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,40}")
_SEND_AGAIN = "Send it again; Content-Length is the number of bytes of the body."
log = structlog.get_logger(__name__)


def new_request_id(offered: str | None) -> str:
    """The id of this request: the caller's own, if it is a harmless word, else a new one."""
    if (
        offered is not None
        and _SANE_REQUEST_ID.fullmatch(offered)
        and not offered.startswith(("application_", "session_"))
    ):
        return offered
    return secrets.token_hex(12)


def handle(route: Route, request: Request) -> Response:
    """Answer a request to `route`, whatever happens."""
    return respond(lambda board, request_id: _answer(route, request, board, request_id))


def respond(work: Callable[[Board, str], Answer]) -> Response:
    """The answer of `work`, which gets the switchboard as it stands and the request's id; or why there is none."""
    request_id: str = g.request_id
    try:
        board = switchboard.board()
    except Exception as failure:  # noqa: BLE001 - the contract has a status for exactly this
        return to_response(crash(IDENTIFY_REQUEST_ERROR, failure), request_id)
    try:
        return to_response(work(board, request_id), request_id)
    except Refusal as refusal:
        return to_response(refusal_answer(refusal), request_id)
    except Exception as failure:  # noqa: BLE001 - a client always gets an answer that it can read
        return to_response(crash(APPLICATION_CRASH, failure), request_id)


def crash(status: str, failure: BaseException) -> Answer:
    """Report an unforeseen error and say so, without a word about the inside of the program."""
    sentry_sdk.capture_exception(failure)
    # The text of an error may quote what was sent, so only its kind and its place are logged.
    log.error("crash", status=status, error=type(failure).__name__, place=_place(failure))
    return Answer(
        status,
        "Something went wrong on our side. Please try again, with the same uuid so that nothing is saved twice,"
        " and quote the request_id if it happens again.",
    )


def _answer(route: Route, request: Request, board: Board, request_id: str) -> Answer:
    check_deployed(route, board)
    header_token = callers.bearer_token(request.headers.get("Authorization"))
    if route.method == "GET":
        params, token = read_query(request.args), header_token
    else:
        body = read_bytes(
            request, MAX_BODY_BYTES, "Shorten the texts; description and notes hold 10000 characters each."
        )
        headers = request.headers
        params = read_body(
            body, headers.get("Content-Type"), headers.get("Content-Encoding"), sensitive=route.sensitive
        )
        token = callers.one_token(body_token(params), header_token)
    # Before the token is looked at, so that what it names can be read with it; what is wrong is told in its turn.
    decoded = decode(params, route.params, Context(route.choices(), header_token))
    if token is None:
        faults = decoded.faults
        if "token" not in route.params:
            faults = [NO_BEARER, *faults]
        return Answer(MISSING_PARAM, "The token is missing.", errors=faults)
    moment, spare_uuid = now(), uuid4()
    admitted_without_role = False

    def serve(*, again: bool) -> Answer:
        nonlocal admitted_without_role
        with autocommit_engine().connect() as connection:
            holder, along = _holder_and_along(connection, token, route, decoded)
            if holder is None:
                rate_limits.note_invalid_token(request.remote_addr)
            holder = callers.check_holder(holder, moment)
            if not again:
                rate_limits.take_permit(holder)
            holder = touch(connection, holder, moment)
            if callers.lacks_role(holder) and WITHOUT_ROLE not in route.callers:
                return client_required(holder, token)
            application, faults = _application(board, decoded.values.get("application"), holder)
            caller = callers.in_role(holder, application)
            if again and admitted_without_role:
                # The first try may be what gave the user a role, and it is the same request.
                caller = Caller(holder, application, WITHOUT_ROLE)
            admitted_without_role = caller is not None and caller.role == WITHOUT_ROLE
            key, key_faults = _idempotency_key(request)
            faults = [*decoded.faults, *faults, *key_faults]
            call = found = None
            if caller is not None:
                wait_s = preferred_wait_s(request.headers.get("Prefer"))
                call = Call(
                    caller, decoded, connection, moment, request_id, spare_uuid, again, key, wait_s, along
                )
                found = route.look_up(call)
                faults += route.check(call, found)
            if faults:
                return faulty(route, faults, decoded.warnings)
            if call is None or call.caller.role not in route.callers:
                raise _denied(route, application, call)
            answer = dry_run.perform(route, call, found)
        return _with_session(answer, call)

    return once_more_if_disconnected(serve)


def _holder_and_along(
    connection: Connection, token: str, route: Route, decoded: Decoded
) -> tuple[Holder | None, Row]:
    if route.along is None:
        return find_holder(connection, token), ()
    return route.along.find(connection, token, decoded.values)


def check_deployed(route: AnyRoute, board: Board) -> None:
    """Whether the route and its service are in operation. Raises `Refusal`."""
    if route.service in board.retired_services:
        raise Refusal(SERVICE_NOT_FOUND, f"The service {route.service} is not deployed at the moment.")
    if route.key in board.retired_routes:
        raise Refusal(ROUTE_NOT_FOUND, f"{route.method} {route.path} is not deployed at the moment.")


def read_bytes(request: Request, limit: int, hint: str) -> bytes:
    """The whole body, of at most `limit` bytes; `hint` says how to make it smaller. Raises `Refusal`."""
    too_large = Refusal(REQUEST_TOO_LARGE, f"The body is larger than {limit // 1024} KB.", hint)
    try:
        body = request.get_data(cache=False)
    except RequestEntityTooLarge:
        raise too_large from None
    except Exception:  # noqa: BLE001 - every server has its own errors for a body that is not HTTP
        raise Refusal(
            INVALID_ENCODED_PARAMS,
            "The body ended before it was complete, or its chunks are malformed.",
            _SEND_AGAIN,
        ) from None
    if len(body) > limit:
        raise too_large
    # Gunicorn calls a body done when its client stops sending, and Werkzeug believes it.
    announced = request.content_length
    if announced is not None and len(body) < announced:
        raise Refusal(
            INVALID_ENCODED_PARAMS,
            f"The body ended too early: Content-Length announces {announced} bytes, and {len(body)} came.",
            _SEND_AGAIN,
        )
    return body


def _application(board: Board, slug: object, holder: Holder) -> tuple[KnownApplication, list[Fault]]:
    own = board.applications.get(holder.application_slug) or KnownApplication(
        holder.application_id, holder.application_slug, holder.application_name, frozenset()
    )
    if slug is None:
        return own, []
    named = board.applications.get(str(slug))
    if named is not None:
        return named, []
    possible = ", ".join(sorted(board.applications))
    return own, [Fault("application", INVALID_PARAM, "There is no such application.", f"One of: {possible}.")]


def _idempotency_key(request: Request) -> tuple[str | None, list[Fault]]:
    key = (request.headers.get("Idempotency-Key") or "").strip()
    if not key:
        return None, []
    if len(key) > MAX_IDEMPOTENCY_KEY or not key.isprintable():
        message = f"An Idempotency-Key is at most {MAX_IDEMPOTENCY_KEY} printable characters."
        return None, [
            Fault("Idempotency-Key", INVALID_PARAM, message, "Send a new uuid for each appointment.")
        ]
    return key, []


def _denied(route: Route, application: KnownApplication, call: Call | None) -> Refusal:
    if call is not None and route.callers == {WITHOUT_ROLE}:
        return Refusal(
            PERMISSION_DENIED,
            f"This is for users who have no role yet, and it was asked in the role {call.caller.role}.",
        )
    if call is not None:
        return Refusal(PERMISSION_DENIED, f"This is not open to the role {call.caller.role}.")
    return Refusal(
        PERMISSION_DENIED,
        f"{application.name} admits none of the roles that this user has.",
        "Name an application that is open to this user in the parameter application.",
    )


def client_required(holder: Holder, token: str) -> Answer:
    """The answer to a user without any role: how to get one, and the token that it takes."""
    return Answer(
        CLIENT_REQUIRED,
        "This user is neither a client, an employee nor a liaison, and so has no permissions yet.",
        data={"register_path": REGISTER_PATH},
        session=callers.session_view(holder, (), token),
    )


def faulty(route: Route, faults: list[Fault], warnings: list[ParamWarning]) -> Answer:
    """The answer to a request with these faults, all of them told in position order."""
    positions = {param.name: param.position for param in route.params}
    faults.sort(key=lambda fault: positions.get(fault.param, 0))
    missing = [fault.param for fault in faults if fault.status == MISSING_PARAM]
    if missing:
        return Answer(MISSING_PARAM, "Missing: " + ", ".join(missing) + ".", errors=faults, warnings=warnings)
    names = ", ".join(fault.param for fault in faults)
    return Answer(INVALID_PARAM, f"Invalid: {names}.", errors=faults, warnings=warnings)


def _with_session(answer: Answer, call: Call) -> Answer:
    if answer.session is not None or call.decoded.values.get("session_view", "none") == "none":
        return answer
    shown = callers.session_view(call.caller.holder, call.caller.holder.roles)
    return replace(answer, session=shown)


def _place(failure: BaseException) -> str:
    frame = failure.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    if frame is None:
        return ""
    return f"{frame.tb_frame.f_globals.get('__name__', '?')}:{frame.tb_lineno}"
