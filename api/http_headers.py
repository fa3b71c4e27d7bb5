"""Headers that protect whoever reads an answer: on every answer, the refusals of the server itself included.

A header that a view has set is left alone: pages (the console, the documentation) have a policy of their own.
"""

from collections.abc import Callable
from typing import Final

from flask import Response

from settings import Settings, get_settings

YEAR_S: Final = 365 * 24 * 3600

# JSON needs nothing: a browser that is made to show it as a page may load, run and frame nothing.
NOTHING: Final = "default-src 'none'; frame-ancestors 'none'"

ALWAYS: Final = (
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", NOTHING),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
)


def protection(settings: Settings) -> tuple[tuple[str, str], ...]:
    """The headers of this installation. HSTS (RFC 6797) only in production behind https: it binds browsers."""
    if settings.app_env == "production" and settings.public_url.startswith("https://"):
        return (*ALWAYS, ("Strict-Transport-Security", f"max-age={YEAR_S}"))
    return ALWAYS


def protector() -> Callable[[Response], Response]:
    """What adds the headers to an answer; made once, because it runs for every request."""
    headers = [(name, name.lower(), value) for name, value in protection(get_settings())]

    def protect(response: Response) -> Response:
        present = {name.lower() for name, _ in response.headers}
        for name, lowered, value in headers:
            if lowered not in present:
                response.headers.add(name, value)
        return response

    return protect
