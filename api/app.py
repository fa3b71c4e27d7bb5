"""The Flask application: routes from their declarations, and JSON for everything that goes wrong outside them."""

import time
from collections.abc import Callable
from typing import Any

import structlog
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

import telemetry
from api import cors, health, http_headers, metrics, rate_limits
from api.answer import Answer, to_response
from api.appointments import cancel as appointments_cancel
from api.appointments import create as appointments_create
from api.appointments import history as appointments_history
from api.appointments import index as appointments_index
from api.appointments import read as appointments_read
from api.appointments import resend_confirmation as appointments_resend_confirmation
from api.appointments import update as appointments_update
from api.console.blueprint import make_blueprint as make_console
from api.documentation.pages import add_documentation
from api.faults import clipped
from api.notifications import correct as notifications_correct
from api.notifications import ending as notifications_ending
from api.notifications import index as notifications_index
from api.notifications import read as notifications_read
from api.notifications import resend as notifications_resend
from api.open import handle_open
from api.pipeline import MAX_BODY_BYTES, crash, handle, new_request_id
from api.routes import AnyRoute, OpenRoute, SignedRoute
from api.sessions import create as sessions_create
from api.sessions import end as sessions_end
from api.sessions import read as sessions_read
from api.signed import handle_signed
from api.statuses import APPLICATION_CRASH, IDENTIFY_REQUEST_ERROR, REQUEST_TOO_LARGE, ROUTE_NON_EXISTENT
from api.users import client_register as users_client_register
from api.webhooks import mandrill as webhooks_mandrill
from models.production import refuse_demo_data
from settings import get_settings
from tracing import request_trace

ROUTES: tuple[AnyRoute, ...] = (
    appointments_create.ROUTE,
    appointments_update.ROUTE,
    appointments_cancel.ROUTE,
    appointments_history.ROUTE,
    appointments_read.ROUTE,
    appointments_index.ROUTE,
    appointments_resend_confirmation.ROUTE,
    notifications_index.ROUTE,
    notifications_read.ROUTE,
    notifications_resend.ROUTE,
    notifications_correct.ROUTE,
    notifications_ending.RESOLVE,
    notifications_ending.IGNORE,
    sessions_create.ROUTE,
    sessions_read.ROUTE,
    sessions_end.ROUTE,
    users_client_register.ROUTE,
    webhooks_mandrill.ROUTE,
)
"""Every route there is. One that is not here does not exist."""

log = structlog.get_logger(__name__)


class _Application(Flask):
    """Flask, spared to find out before each call of each function whether that is a coroutine: none is."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function as it is."""
        return func


def create_app(*, serving: bool = True) -> Flask:
    """The web application. In development it makes no connection: the first request does.

    `serving` false builds it for the command line, which must work where a start would be refused.
    """
    telemetry.set_up("web")
    if serving:
        refuse_demo_data()
    settings = get_settings()
    app = _Application("api", static_folder=None)
    # One byte more than fits: Werkzeug cuts a body of unknown length off at its limit without a word.
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES + 1
    app.url_map.merge_slashes = False
    if settings.trusted_proxies:
        # The nearest proxies write who called them; what stands before that in the header is anybody's word.
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=settings.trusted_proxies, x_proto=settings.trusted_proxies, x_host=0
        )
    # Flask passes an answer through `after_request` in the reverse order: limits first, the log last.
    app.before_request(_begin)
    app.after_request(_log_request)
    metrics.set_up(app)
    app.after_request(http_headers.protector())
    cors.set_up(app)
    rate_limits.set_up()
    app.after_request(rate_limits.tell)
    for route in ROUTES:
        app.add_url_rule(
            route.path,
            endpoint=f"{route.method} {route.path}",
            view_func=_view(route),
            # A provider tries a webhook out by HEAD. Everywhere else HEAD is a verb like any unknown one.
            methods=[route.method, "HEAD"] if isinstance(route, SignedRoute) else [route.method],
            provide_automatic_options=False,
        )
    app.add_url_rule("/healthz", view_func=health.healthz, methods=["GET"])
    app.add_url_rule("/readyz", view_func=health.readyz, methods=["GET"])
    add_documentation(app, ROUTES)
    app.register_blueprint(make_console())
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unforeseen)
    return app


def _view(route: AnyRoute) -> Callable[[], Response]:
    name = f"{route.method} {route.path}"

    def view() -> Response:
        with request_trace(g.request_id, name, _described) as trace:
            response = _handled(route)
            if trace is not None:
                trace.set_http_status(response.status_code)
            return response

    return view


def _handled(route: AnyRoute) -> Response:
    if isinstance(route, SignedRoute):
        return handle_signed(route, request)
    if isinstance(route, OpenRoute):
        return handle_open(route, request)
    return handle(route, request)


def _described() -> dict[str, Any]:
    """The request as Sentry is told of it."""
    return {"method": request.method, "url": request.base_url, "headers": dict(request.headers)}


def _begin() -> None:
    g.started = time.perf_counter()
    g.request_id = new_request_id(request.headers.get("X-Request-Id"))
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _log_request(response: Response) -> Response:
    """One line a request. The path only: a query string may hold what does not belong there."""
    duration_ms = round((time.perf_counter() - g.started) * 1000, 1)
    log.info(
        "request",
        method=clipped(request.method, 20),
        path=clipped(request.path, 200),
        status=response.status_code,
        duration_ms=duration_ms,
    )
    return response


def _http_error(error: HTTPException) -> Response:
    """What Flask refuses by itself, in the words of the contract."""
    if error.code == 413:
        return _to_response(Answer(REQUEST_TOO_LARGE, "The body is larger than 256 KB."))
    if error.code in (404, 405, 308):
        message = f"There is no route {clipped(request.method, 20)} {clipped(request.path, 200)}."
        return _to_response(Answer(ROUTE_NON_EXISTENT, message))
    return _to_response(crash(IDENTIFY_REQUEST_ERROR, error))


def _unforeseen(error: Exception) -> Response:
    return _to_response(crash(APPLICATION_CRASH if request.url_rule else IDENTIFY_REQUEST_ERROR, error))


def _to_response(answer: Answer) -> Response:
    request_id: Any = g.get("request_id") or new_request_id(None)
    return to_response(answer, request_id)
