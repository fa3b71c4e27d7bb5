"""What gunicorn runs: its thread worker, which also answers requests that are not HTTP in the contract's JSON.

A refused body may be left unread. Then the connection cannot be used again, and the answer says so: a client that
keeps connections would lose its next request.

A connection whose client goes on speaking stays in its thread, as long as there is one for every connection. Handing
it back to the main thread, to be told there of the next request and to be given to some thread again, costs a
request several switches of threads.

A request that gunicorn cannot parse never reaches the application. Gunicorn would answer it in HTML and log
what was wrong with it, word for word; a header that broke may hold a token.
"""

import secrets
import select
import socket
import struct
import time
from collections.abc import Callable, Iterable
from typing import Any

import structlog
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import ThreadWorker

from api import http_headers
from api.answer import Answer, to_response
from api.statuses import INVALID_ENCODED_PARAMS, REQUEST_TOO_LARGE

LONGEST_SILENCE_S = 10
"""A client that has begun a request and then sends, or takes, nothing for so long is given up."""

LARGEST_KEPT: int = 64 * 1024
"""Bytes of an unread body that gunicorn reads away by itself before the next request."""

DRAINED_BYTES = 8 * 1024 * 1024
DRAINED_S = 3
"""So much of an unread body, for so long, is taken before closing: who is still sending then reads the answer first,
where otherwise the kernel would reset the connection and the answer be lost (RFC 9112 section 9.6)."""

STAY_MS = 50
"""A thread waits for so long for the next request of its connection. Who connects when all threads wait, waits too."""

log = structlog.get_logger(__name__)


def give_up_silence(connection: socket.socket, after_s: float = LONGEST_SILENCE_S) -> None:
    """Have the kernel end a read or a write on which nothing moves for `after_s` seconds.

    Gunicorn reads a body in the thread that serves it and knows no limit for that: as many half-sent bodies as
    there are threads would be an outage. It makes the socket blocking again before it reads, which would undo a
    timeout of Python's; the kernel's own (socket(7), SO_RCVTIMEO and SO_SNDTIMEO) stay.
    """
    whole = int(after_s)
    limit = struct.pack("ll", whole, int((after_s - whole) * 1_000_000))
    for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        connection.setsockopt(socket.SOL_SOCKET, option, limit)


def closing_after_unread(application: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    """The WSGI application, whose refusals of large bodies close the connection and say so.

    `start_response` is gunicorn's: a method of the response, which alone decides about the header (PEP 3333 keeps
    applications from setting it).
    """

    def serve(wsgi_environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        is_large = int(wsgi_environ.get("CONTENT_LENGTH") or 0) > LARGEST_KEPT

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            if status.startswith("413") or (is_large and not status.startswith("2")):
                start_response.__self__.force_close()
            return start_response(status, headers, exc_info)

        return application(wsgi_environ, start)

    return serve


def speaks_again(conn: Any) -> bool:
    """Whether the client of a kept connection sends something more, or hangs up, within `STAY_MS`."""
    if conn.parser.unreader.buf.getvalue():
        return True  # read together with the end of the request before
    waiting = select.poll()
    waiting.register(conn.sock, select.POLLIN)
    return bool(waiting.poll(STAY_MS))


class JsonWorker(ThreadWorker):  # type: ignore[misc] # gunicorn has no types
    """Gunicorn's thread worker with the contract's words for what it refuses by itself."""

    wsgi: Callable[..., Iterable[bytes]]

    def load_wsgi(self) -> None:
        """Load the application, and have the connection closed after what is refused unread."""
        super().load_wsgi()
        self.wsgi = closing_after_unread(self.wsgi)

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Serve a parsed request; before closing, read some of what the application left unread."""
        is_kept = super().handle_request(req, conn)
        if not is_kept:
            conn.parser.finish_body(deadline=time.monotonic() + DRAINED_S, max_bytes=DRAINED_BYTES)
        return is_kept

    def handle(self, conn: Any) -> Any:
        """Serve a request, and those that follow at once; who falls silent in the middle of one is given up."""
        if not conn.initialized:
            give_up_silence(conn.sock)
        is_kept = super().handle(conn)
        while is_kept is True and self._has_threads_to_spare() and speaks_again(conn):
            is_kept = super().handle(conn)
        return is_kept

    def _has_threads_to_spare(self) -> bool:
        return bool(self.alive and self.nr_conns <= self.cfg.threads)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:  # noqa: ARG002
        """Answer what could not be parsed; the connection is closed afterwards."""
        request_id = secrets.token_hex(12)
        log.warning("not http", error=type(exc).__name__, request_id=request_id)
        response = http_headers.protector()(to_response(_answer(exc), request_id))
        head = [f"HTTP/1.1 {response.status}", "Connection: close"]
        head += [f"{name}: {value}" for name, value in response.headers.items()]
        write_nonblock(client, "\r\n".join([*head, "", ""]).encode("latin1") + response.get_data())


def _answer(exc: BaseException) -> Answer:
    if isinstance(exc, LimitRequestLine | LimitRequestHeaders):
        return Answer(REQUEST_TOO_LARGE, "The request line or a header is too long, or there are too many.")
    return Answer(INVALID_ENCODED_PARAMS, "The request is not valid HTTP.")
