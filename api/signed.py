"""The stages of a request that a provider signed: deployed → form → signature → act.

There is no token, no session and no role; the route itself checks the signature, because what is signed is the
provider's rule. Every answer has the envelope of all answers, which is more than a provider reads.
"""

from threading import BoundedSemaphore
from typing import Final
from urllib.parse import parse_qsl

from flask import Request, Response, g

from api.answer import Answer, refusal_answer, to_response
from api.faults import Refusal
from api.pipeline import check_deployed, crash, read_bytes
from api.routes import SignedCall, SignedRoute
from api.statuses import (
    APPLICATION_CRASH,
    IDENTIFY_REQUEST_ERROR,
    INVALID_CONTENT_TYPE,
    INVALID_ENCODED_PARAMS,
    RATE_LIMIT_EXCEEDED,
)
from models.switchboard import switchboard

MAX_BODY_BYTES = 16 * 1024 * 1024
"""A thousand events of up to 16 KB."""
LARGE_BYTES: Final = 256 * 1024
LARGE_AT_ONCE: Final = 2
"""Bodies beyond `LARGE_BYTES` that one process takes in at a time. Nobody is known before the signature is checked,
which takes the whole body: without a bound, strangers could have us hold as many megabytes as there are threads."""
MAX_FIELDS = 100
_BUSY: Final = Answer(
    RATE_LIMIT_EXCEEDED,
    "Too many large webhooks are being taken in at this moment. Send it again in a second.",
    headers={"Retry-After": "1"},
)
_large = BoundedSemaphore(LARGE_AT_ONCE)
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
        # A body of unknown length may be a large one.
        is_large = request.content_length is None or request.content_length > LARGE_BYTES
        if is_large and not _large.acquire(blocking=False):
            return to_response(_BUSY, request_id)
        try:
            return to_response(route.take(_call(request, request_id)), request_id)
        finally:
            if is_large:
                _large.release()
    except Refusal as refusal:
        return to_response(refusal_answer(refusal), request_id)
    except Exception as failure:  # noqa: BLE001 - a provider that gets no answer comes again, and that is right
        return to_response(crash(APPLICATION_CRASH, failure), request_id)


def _call(request: Request, request_id: str) -> SignedCall:
    headers = {name.lower(): value for name, value in request.headers.items()}
    return SignedCall(_fields(request), headers, request_id)


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
