"""`/metrics`: what Prometheus reads; and the counting of requests and of pooled connections.

Not for the world: with `METRICS_TOKEN` whoever sends it as a bearer token may read, without it only callers on
this host who come straight to this process. A request that a proxy passed on is from elsewhere, whatever address
the proxy has. Names and meanings: `measures.py` and `docs/metrics.md`.
"""

import hmac
import ipaddress
import time
from functools import lru_cache

import structlog
from flask import Flask, Response, g, request
from prometheus_client import Counter
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import Pool

import measures
from api.answer import Answer, to_response
from api.caller import bearer_token
from api.statuses import PERMISSION_DENIED
from models import database
from models.backlog import read_backlog
from settings import get_settings

PATH = "/metrics"
CREATE = "/api/v1/appointments/create"
_FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-Ip")

log = structlog.get_logger(__name__)


def set_up(app: Flask) -> None:
    """The page, and the counting around every request."""
    app.add_url_rule(PATH, endpoint="metrics", view_func=metrics, methods=["GET"])
    app.before_request(_begin)
    app.after_request(_count)
    measures.CONNECTIONS_ALLOWED.set(get_settings().database_pool_size)


def metrics() -> Response:
    """The text that Prometheus reads."""
    if not _may_read():
        answer = Answer(PERMISSION_DENIED, "The metrics are not for everybody: see METRICS_TOKEN.")
        return to_response(answer, g.request_id)
    facts: dict[str, dict[tuple[str, ...], float]] = {"scrape_errors": {("database",): 0.0}}
    try:
        with database.transaction() as connection:
            facts |= read_backlog(connection)
    except SQLAlchemyError as failure:
        # What was counted can be told all the same, now more than ever.
        log.warning("metrics without database", error=type(failure).__name__)
        facts["scrape_errors"] = {("database",): 1.0}
    return Response(measures.render(facts), content_type=measures.CONTENT_TYPE)


def _may_read() -> bool:
    token = get_settings().metrics_token.get_secret_value()
    if token:
        given = bearer_token(request.headers.get("Authorization")) or ""
        return hmac.compare_digest(given.encode(), token.encode())
    if any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False


def _begin() -> None:
    measures.IN_FLIGHT.inc()


def _count(response: Response) -> Response:
    rule = request.url_rule
    path = "none" if rule is None else rule.rule
    # Of verbs that no route has, one is like the other: they are made up by whoever asks.
    method = request.method if rule is not None else "any"
    _requests(path, method, getattr(response, "slug", "") or str(response.status_code)).inc()
    if path == CREATE:
        measures.CREATE_SECONDS.observe(time.perf_counter() - g.started)
    measures.IN_FLIGHT.dec()
    return response


@lru_cache(maxsize=2048)
def _requests(path: str, method: str, status: str) -> Counter:
    return measures.REQUESTS.labels(path, method, status)


@event.listens_for(Pool, "checkout")
def _taken(*_: object) -> None:
    measures.CONNECTIONS_IN_USE.inc()


@event.listens_for(Pool, "checkin")
def _given_back(*_: object) -> None:
    measures.CONNECTIONS_IN_USE.dec()
