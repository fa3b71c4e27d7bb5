"""CSRF tokens: signed, bound to the session (or, before there is one, to the visitor's cookie), and timed.

A form carries the token in a hidden field; without the right one a POST is refused. SameSite=Strict keeps
foreign sites from sending our cookies in the first place: this is the second lock. itsdangerous signs, with
the `SECRET_KEY` that all web processes share, so that nothing has to be stored.
"""

import hashlib
from typing import Final

from itsdangerous import BadSignature, URLSafeTimedSerializer

from models.tokens import SESSION_LIFETIME
from settings import get_settings

FIELD: Final = "csrf_token"
VALID_FOR_S: Final = int(SESSION_LIFETIME.total_seconds())
"""As long as a session: a list that refreshes itself may stand open for days."""


def make_token(bound_to: str) -> str:
    """A token for forms of whoever holds `bound_to` (a session's token, or a visitor's word)."""
    return _signer().dumps(_digest(bound_to))


def is_token(token: str | None, bound_to: str) -> bool:
    """Whether it was made for `bound_to`, here, and not too long ago."""
    try:
        return bool(token) and _signer().loads(token or "", max_age=VALID_FOR_S) == _digest(bound_to)
    except BadSignature:
        return False


def _digest(bound_to: str) -> str:
    # The token itself must not stand in a page.
    return hashlib.sha256(b"csrf " + bound_to.encode()).hexdigest()[:32]


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(get_settings().secret_key.get_secret_value(), salt="console-csrf")
