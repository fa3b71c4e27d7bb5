"""The console's cookies: HttpOnly, SameSite=Strict, for `/console` only, and Secure where people come by https."""

from flask import Response

from settings import get_settings

SESSION = "console_session"
"""Holds the token of an employee's session."""
VISITOR = "console_visitor"
"""A random word of somebody who has not logged in yet: what the log-in form's CSRF token is bound to."""
NOTICE = "console_notice"
"""What the next page says about what was done; signed."""

PATH = "/console"


def put(response: Response, name: str, value: str, max_age_s: int | None = None) -> None:
    """Set a cookie, until the browser is closed or for `max_age_s` seconds."""
    response.set_cookie(
        name, value, max_age=max_age_s, path=PATH, httponly=True, samesite="Strict", secure=_is_secure()
    )


def drop(response: Response, name: str) -> None:
    """Take a cookie back."""
    response.delete_cookie(name, path=PATH, httponly=True, samesite="Strict", secure=_is_secure())


def _is_secure() -> bool:
    return get_settings().public_url.startswith("https://")
