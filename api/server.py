"""What gunicorn runs: its thread worker, which also answers requests that are not HTTP in the contract's JSON.

A request that gunicorn cannot parse never reaches the application. Gunicorn would answer it in HTML and log
what was wrong with it, word for word; a header that broke may hold a token.
"""

import secrets
from typing import Any

import structlog
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import ThreadWorker

from api.answer import Answer, to_response
from api.statuses import INVALID_ENCODED_PARAMS, REQUEST_TOO_LARGE

log = structlog.get_logger(__name__)


class JsonWorker(ThreadWorker):  # type: ignore[misc] # gunicorn has no types
    """Gunicorn's thread worker with the contract's words for what it refuses by itself."""

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:  # noqa: ARG002
        """Answer what could not be parsed; the connection is closed afterwards."""
        request_id = secrets.token_hex(12)
        log.warning("not http", error=type(exc).__name__, request_id=request_id)
        response = to_response(_answer(exc), request_id)
        head = [f"HTTP/1.1 {response.status}", "Connection: close"]
        head += [f"{name}: {value}" for name, value in response.headers.items()]
        write_nonblock(client, "\r\n".join([*head, "", ""]).encode("latin1") + response.get_data())


def _answer(exc: BaseException) -> Answer:
    if isinstance(exc, LimitRequestLine | LimitRequestHeaders):
        return Answer(REQUEST_TOO_LARGE, "The request line or a header is too long, or there are too many.")
    return Answer(INVALID_ENCODED_PARAMS, "The request is not valid HTTP.")
