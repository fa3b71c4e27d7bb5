"""The metrics of a host without a web process: `python -m workers.metrics [--host ADDRESS] [--port 9108]`

It tells what `/metrics` of a web process tells, for all processes of its host that count in the same
`PROMETHEUS_MULTIPROC_DIR`, and the lengths of the broker's queues besides, which no web process asks for. Who may
read follows the same rule: the bearer token `METRICS_TOKEN`, or without one only callers on this host.
"""

import argparse
import hmac
import ipaddress
import signal
from collections.abc import Callable, Mapping
from socketserver import ThreadingMixIn
from threading import Thread
from types import FrameType
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import structlog
from sqlalchemy.exc import SQLAlchemyError

import measures
import telemetry
from models import database
from models.backlog import read_backlog
from settings import get_settings
from tasks.publishing import BROKER_ERRORS, queue_lengths
from workers.app import app

PATH = "/metrics"
BUSY_S = 10

log = structlog.get_logger(__name__)


def read() -> bytes:
    """Everything in Prometheus' text format. What cannot be read is told as an error of the scrape."""
    errors: dict[tuple[str, ...], float] = {("database",): 0.0, ("broker",): 0.0}
    facts: dict[str, dict[tuple[str, ...], float]] = {"scrape_errors": errors}
    try:
        with database.transaction() as connection:
            facts |= read_backlog(connection)
    except SQLAlchemyError as failure:
        log.warning("metrics without database", error=type(failure).__name__)
        errors[("database",)] = 1.0
    try:
        facts["queue_messages"] = {(queue,): float(number) for queue, number in queue_lengths().items()}
    except BROKER_ERRORS as failure:
        log.warning("metrics without broker", error=type(failure).__name__)
        errors[("broker",)] = 1.0
    return measures.render(facts)


class _Handler(WSGIRequestHandler):
    timeout = BUSY_S

    def log_message(self, *_: object) -> None:
        """Nothing: Prometheus asks every few seconds."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


def answer(asked: Mapping[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """`GET /metrics` and nothing else, as a WSGI application."""
    content_type = "text/plain; charset=utf-8"
    if asked["PATH_INFO"] != PATH or asked["REQUEST_METHOD"] != "GET":
        status, body = "404 Not Found", b"There is GET /metrics only.\n"
    elif not may_read(asked.get("HTTP_AUTHORIZATION"), asked["REMOTE_ADDR"]):
        status, body = "403 Forbidden", b"The metrics are not for everybody: see METRICS_TOKEN.\n"
    else:
        status, body, content_type = "200 OK", read(), measures.CONTENT_TYPE
    headers = [("Content-Type", content_type), ("X-Content-Type-Options", "nosniff")]
    start_response(status, [*headers, ("Content-Length", str(len(body)))])
    return [body]


def may_read(authorization: str | None, peer: str) -> bool:
    """Whether this caller may read."""
    token = get_settings().metrics_token.get_secret_value()
    if token:
        return hmac.compare_digest((authorization or "").encode(), f"Bearer {token}".encode())
    return ipaddress.ip_address(peer).is_loopback


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(
        prog="python -m workers.metrics", description="Serve metrics to Prometheus."
    )
    parser.add_argument("--host", default=get_settings().listen_address)
    parser.add_argument("--port", type=int, default=get_settings().metrics_port)
    given = parser.parse_args()
    telemetry.set_up(get_settings().process_name or "metrics")
    app.set_current()
    server = _Server((given.host, given.port), _Handler)
    server.set_app(answer)

    def stop(_number: int, _frame: FrameType | None) -> None:
        Thread(target=server.shutdown).start()  # it waits for the loop that this signal has interrupted

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    log.info("metrics served", port=server.server_address[1])
    server.serve_forever()


if __name__ == "__main__":
    main()
