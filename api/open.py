"""The stages of a request that anybody may send: deployed → content type → decode → missing → invalid → act.

There is no token and so no holder, no session and no role; what is asked of a password is asked by the route
itself. Whatever goes wrong is answered as in `api/pipeline.py`.
"""

from flask import Request, Response, g

from api.answer import Answer, refusal_answer, to_response
from api.body import read_body
from api.decoding import Context, decode
from api.dry_run import not_tried
from api.faults import Refusal
from api.pipeline import MAX_BODY_BYTES, check_deployed, crash, faulty, read_bytes
from api.routes import OpenCall, OpenRoute
from api.statuses import APPLICATION_CRASH, IDENTIFY_REQUEST_ERROR
from models.moment import now
from models.switchboard import Board, switchboard


def handle_open(route: OpenRoute, request: Request) -> Response:
    """Answer a request to `route`, whatever happens."""
    request_id: str = g.request_id
    try:
        board = switchboard.board()
    except Exception as failure:  # noqa: BLE001 - the contract has a status for exactly this
        return to_response(crash(IDENTIFY_REQUEST_ERROR, failure), request_id)
    try:
        return to_response(_answer(route, request, board, request_id), request_id)
    except Refusal as refusal:
        return to_response(refusal_answer(refusal), request_id)
    except Exception as failure:  # noqa: BLE001 - a client always gets an answer that it can read
        return to_response(crash(APPLICATION_CRASH, failure), request_id)


def _answer(route: OpenRoute, request: Request, board: Board, request_id: str) -> Answer:
    check_deployed(route, board)
    body = read_bytes(request, MAX_BODY_BYTES, "This route needs a few short texts only.")
    params = read_body(body, request.headers.get("Content-Type"), sensitive=route.sensitive)
    decoded = decode(params, route.params, Context(route.choices()))
    call = OpenCall(decoded, board.applications, request.remote_addr or "", now(), request_id)
    faults = [*decoded.faults, *route.check(call, None)]
    if faults:
        return faulty(route, faults, decoded.warnings)
    return not_tried(route, decoded) or route.act(call, None)
