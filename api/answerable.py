"""Which statuses a route can answer: those that the pipeline's stages can end in, and the route's own. Pure.

The documentation page, `openapi.json` and the tests' clients read this; an answer with any other status is a
defect. A status of a stage is listed here once, by rule; a status that only some routes' functions answer stands
in the declaration of each (`Route.statuses`).
"""

from dataclasses import replace
from typing import Final

from api.caller import WITHOUT_ROLE
from api.routes import AnyRoute, OpenRoute, SignedRoute
from api.statuses import (
    ACTION_SUCCESSFUL,
    APPLICATION_CRASH,
    CLIENT_REQUIRED,
    IDENTIFY_REQUEST_ERROR,
    INVALID_CONTENT_TYPE,
    INVALID_ENCODED_PARAMS,
    INVALID_PARAM,
    INVALID_TOKEN,
    MISSING_PARAM,
    NO_PARAMS_DECODED,
    PERMISSION_DENIED,
    RATE_LIMIT_EXCEEDED,
    REQUEST_TOO_LARGE,
    ROUTE_NON_EXISTENT,
    ROUTE_NOT_FOUND,
    SERVICE_NOT_FOUND,
    SESSION_EXPIRED,
    STATUSES,
    Status,
)

_OF_EVERY_ROUTE: Final = frozenset(
    {
        ACTION_SUCCESSFUL,
        MISSING_PARAM,
        APPLICATION_CRASH,
        IDENTIFY_REQUEST_ERROR,
        ROUTE_NON_EXISTENT,
        ROUTE_NOT_FOUND,
        SERVICE_NOT_FOUND,
        REQUEST_TOO_LARGE,  # the server itself says so of a request line or a header
    }
)
_OF_A_BODY: Final = frozenset({INVALID_CONTENT_TYPE, INVALID_ENCODED_PARAMS})
_OF_PARAMETERS: Final = frozenset({INVALID_PARAM})
_OF_A_TOKEN: Final = frozenset({INVALID_TOKEN, SESSION_EXPIRED, RATE_LIMIT_EXCEEDED, PERMISSION_DENIED})
_OF_A_SIGNATURE: Final = frozenset({PERMISSION_DENIED, RATE_LIMIT_EXCEEDED})


_JSON_ONLY: Final = (
    "The Content-Type header does not announce JSON, so the parameters were not read. Send "
    "`Content-Type: application/json`, and no compressed body (`Content-Encoding`)."
)
_FORM_ONLY: Final = (
    "The Content-Type header does not announce a form, so the fields were not read. Send "
    "`Content-Type: application/x-www-form-urlencoded`."
)
_BASE64_ONLY: Final = (
    "The Content-Type header announces neither text nor JSON, so the parameters were not read. The body is base64: "
    "send `Content-Type: text/plain`, and no compressed body (`Content-Encoding`)."
)


def answerable(route: AnyRoute) -> tuple[Status, ...]:
    """The statuses that `route` can answer, in the order of the table."""
    slugs = _OF_EVERY_ROUTE | route.statuses
    if route.method != "GET":
        slugs |= _OF_A_BODY
    if isinstance(route, SignedRoute):
        slugs |= _OF_A_SIGNATURE
    else:
        slugs |= _OF_PARAMETERS
        if route.method != "GET":
            slugs |= {NO_PARAMS_DECODED}
        if not isinstance(route, OpenRoute):
            slugs |= _OF_A_TOKEN
            if WITHOUT_ROLE not in route.callers:
                slugs |= {CLIENT_REQUIRED}
    return tuple(_said_of(route, status) for status in STATUSES if status.slug in slugs)


def _said_of(route: AnyRoute, status: Status) -> Status:
    """The row of the table, in the words that fit the kind of body that the route takes."""
    if status.slug != INVALID_CONTENT_TYPE:
        return status
    if isinstance(route, SignedRoute):
        return replace(status, description=_FORM_ONLY)
    return replace(status, description=_BASE64_ONLY if route.sensitive else _JSON_ONLY)
