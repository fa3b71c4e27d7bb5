"""The headers that a request to a route may carry beside its Content-Type. Pure."""

from dataclasses import dataclass
from typing import Final

from api.preferences import MAX_WAIT_S
from api.routes import AnyRoute, OpenRoute, SignedRoute
from api.statuses import MANDRILL_EMAIL_FAILED


@dataclass(frozen=True, slots=True)
class Header:
    """A request header; `pattern` is a regular expression for its value, at most `max_length` characters."""

    name: str
    description: str
    pattern: str
    max_length: int
    example: str


PREFER: Final = Header(
    "Prefer",
    f"`wait=N` holds the answer for up to N seconds, at most {MAX_WAIT_S}, until the mails are decided (RFC 7240).",
    "^wait=(?:[0-9]|10)$",
    7,
    "wait=5",
)
IDEMPOTENCY_KEY: Final = Header(
    "Idempotency-Key",
    "A key of the client's own. The same request with the same key is answered from the first time.",
    "^[!-~]+$",
    255,
    "b7c1d2e0-7f0a-4c55-9f0e-0d3c1a2b4e61",
)
AUTHORIZATION: Final = Header(
    "Authorization",
    "`Bearer` and the token. With GET it is the only way; otherwise the token may stand in the body instead.",
    "^Bearer [!-~]+$",
    262,
    "Bearer your-token",
)


REQUEST_ID: Final = Header(
    "X-Request-Id",
    "An id of your own for this request, to find it again in your logs and ours; the answer repeats it.",
    "^[A-Za-z0-9-]{8,40}$",
    40,
    "order-2-shoot-1",
)


def request_headers(route: AnyRoute) -> tuple[Header, ...]:
    """The headers that matter to a route: who waits for mails may say so, and who makes something may repeat it."""
    if isinstance(route, SignedRoute):
        return ()
    if isinstance(route, OpenRoute):
        return (REQUEST_ID,)
    headers = [AUTHORIZATION]
    if MANDRILL_EMAIL_FAILED in route.statuses:
        headers.append(PREFER)
        if route.method == "POST":
            headers.append(IDEMPOTENCY_KEY)
    return (*headers, REQUEST_ID)
