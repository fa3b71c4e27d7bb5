"""The stages of a request that a provider signed: deployed → form → signature → act.

There is no token, no session and no role; the route itself checks the signature, because what is signed is the
provider's rule. Every answer has the envelope of all answers, which is more than a provider reads.
"""

from urllib.parse import parse_qsl

from flask import Request, Response, g

from api.answer import refusal_answer, to_response
from api.faults import Refusal
from api.pipeline import check_deployed, crash, read_bytes
from api.routes import SignedCall, SignedRoute
from api.statuses import (
    APPLICATION_CRASH,
    IDENTIFY_REQUEST_ERROR,
    INVALID_CONTENT_TYPE,
    INVALID_ENCODED_PARAMS,
)
from models.switchboard import switchboard

MAX_BODY_BYTES = 16 * 1024 * 1024
"""A thousand events of up to 16 KB."""
MAX_FIELDS = 100
_FORM = "application/x-www-form-urlencoded"


def handle_signed(route: SignedRoute, request: Request) -> Response:
    """Answer a signed request to `route`, whatever happens. HEAD only asks whether somebody is there."""
    request_id: str = g.request_id
    try:
        board = switchboard.board()
    except Exception as failure:  # noqa: BLE001 - the contract has a status for exactly this
        return to_response(crash(IDENTIFY_REQUEST_ERROR, failure), request_id)
    try:
        check_deployed(route, board)
        if request.method == "HEAD":
            return Response(status=200, headers={"X-Request-Id": request_id, "Cache-Control": "no-store"})
        call = SignedCall(
            _fields(request), {name.lower(): value for name, value in request.headers.items()}, request_id
        )
        return to_response(route.take(call), request_id)
    except Refusal as refusal:
        return to_response(refusal_answer(refusal), request_id)
    except Exception as failure:  # noqa: BLE001 - a provider that gets no answer comes again, and that is right
        return to_response(crash(APPLICATION_CRASH, failure), request_id)


def _fields(request: Request) -> list[tuple[str, str]]:
    media_type = (request.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
    if media_type != _FORM:
        raise Refusal(INVALID_CONTENT_TYPE, f"A webhook is a form: its Content-Type has to be {_FORM}.")
    request.max_content_length = MAX_BODY_BYTES + 1
    body = read_bytes(request, MAX_BODY_BYTES, "Send fewer events at a time.")
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:
        raise Refusal(INVALID_ENCODED_PARAMS, "The body is not a form in UTF-8.") from None
