"""Cross-origin calls (the Fetch standard's CORS protocol) from the pages of configured origins.

Without `CORS_ORIGINS` there is none of it, and browsers keep the pages of others away. Credentials are never
allowed: a page sends its token in the Authorization header or in the body, and there are no cookies to borrow.
"""

from typing import Final

from flask import Flask, Request, Response, request
from werkzeug.exceptions import MethodNotAllowed

from settings import get_settings

UNDER: Final = "/api/"
REQUEST_HEADERS: Final = "Authorization, Content-Type, Idempotency-Key, Prefer, X-Request-Id"
EXPOSED_HEADERS: Final = "X-Request-Id, Retry-After, RateLimit, RateLimit-Policy, Preference-Applied"
PREFLIGHT_AGE_S: Final = 600


def set_up(app: Flask) -> None:
    """Answer preflights, and tell browsers which answers a page may read; nothing without `CORS_ORIGINS`."""
    origins = frozenset(get_settings().cors_origins)
    if not origins:
        return

    def preflight() -> Response | None:
        methods = _asked_methods(request)
        if methods is None or request.headers["Origin"] not in origins:
            return None  # answered like any verb that is not there
        allowed = {
            "Access-Control-Allow-Methods": ", ".join(methods),
            "Access-Control-Allow-Headers": REQUEST_HEADERS,
            "Access-Control-Max-Age": str(PREFLIGHT_AGE_S),
        }
        return Response(status=204, headers=allowed)

    def tell(response: Response) -> Response:
        if not request.path.startswith(UNDER):
            return response
        response.vary.add("Origin")
        origin = request.headers.get("Origin")
        if origin in origins:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
        return response

    app.before_request(preflight)
    app.after_request(tell)


def _asked_methods(asked: Request) -> list[str] | None:
    """The verbs of a route that a preflight asks about; None for any other request, and for unknown routes."""
    if (
        asked.method != "OPTIONS"
        or not asked.path.startswith(UNDER)
        or "Origin" not in asked.headers
        or "Access-Control-Request-Method" not in asked.headers
        or not isinstance(asked.routing_exception, MethodNotAllowed)
    ):
        return None
    return sorted(asked.routing_exception.valid_methods or ())
