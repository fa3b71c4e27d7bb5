"""What a page says about what was just done: carried over the redirect in a signed cookie, shown once."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from flask import Response, g, request
from itsdangerous import BadSignature, URLSafeTimedSerializer

from api.console import cookies
from settings import get_settings

VALID_FOR_S = 300
MOST_LINES = 8
"""A cookie holds 4 KB; of more, the rest is counted."""


@dataclass(frozen=True, slots=True)
class Notice:
    """`tone` is done, partly or refused; `lines` are sentences; `ids` are notifications to watch."""

    tone: str
    title: str
    lines: tuple[str, ...] = ()
    ids: tuple[int, ...] = ()


def shortened(lines: Sequence[str]) -> tuple[str, ...]:
    """As many of these sentences as a notice has room for."""
    if len(lines) <= MOST_LINES:
        return tuple(lines)
    return (*lines[: MOST_LINES - 1], f"… and {len(lines) - MOST_LINES + 1} more.")


def leave(response: Response, notice: Notice) -> Response:
    """Let the next page show it; the response itself."""
    cookies.put(response, cookies.NOTICE, _signer().dumps(asdict(notice)), VALID_FOR_S)
    return response


def take() -> Notice | None:
    """The notice that was left for this page; it is dropped with this answer."""
    left = request.cookies.get(cookies.NOTICE)
    if left is None:
        return None
    g.is_notice_taken = True
    try:
        told: dict[str, Any] = _signer().loads(left, max_age=VALID_FOR_S)
    except BadSignature:
        return None
    return Notice(told["tone"], told["title"], tuple(told["lines"]), tuple(told["ids"]))


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(get_settings().secret_key.get_secret_value(), salt="console-notice")
