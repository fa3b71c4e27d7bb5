"""The stages of a request that anybody may send: deployed → content type → decode → missing → invalid → act.

There is no token and so no holder, no session and no role; what is asked of a password is asked by the route
itself. Whatever goes wrong is answered as in `api/pipeline.py`.
"""

from flask import Request, Response

from api.answer import Answer
from api.body import read_body
from api.decoding import Context, decode
from api.dry_run import not_tried
from api.pipeline import MAX_BODY_BYTES, check_deployed, faulty, read_bytes, respond
from api.routes import OpenCall, OpenRoute
from models.moment import now
from models.switchboard import Board


def handle_open(route: OpenRoute, request: Request) -> Response:
    """Answer a request to `route`, whatever happens."""
    return respond(lambda board, request_id: _answer(route, request, board, request_id))


def _answer(route: OpenRoute, request: Request, board: Board, request_id: str) -> Answer:
    check_deployed(route, board)
    body = read_bytes(request, MAX_BODY_BYTES, "This route needs a few short texts only.")
    headers = request.headers
    params = read_body(
        body, headers.get("Content-Type"), headers.get("Content-Encoding"), sensitive=route.sensitive
    )
    decoded = decode(params, route.params, Context(route.choices()))
    call = OpenCall(decoded, board.applications, request.remote_addr or "", now(), request_id)
    faults = [*decoded.faults, *route.check(call, None)]
    if faults:
        return faulty(route, faults, decoded.warnings)
    return not_tried(route, decoded) or route.act(call, None)
