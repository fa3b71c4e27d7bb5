"""Logging in and out of the console: an employee's session, its token in a cookie that only `/console` gets."""

import secrets

from flask import Blueprint, Response, g, request, url_for

from api.console import cookies, csrf, notices
from api.console.guard import ROLE, forged, local_path, see_other, signed_in
from api.console.notices import Notice
from api.console.render import page
from api.login_throttle import TooManyLoginsError
from api.login_throttle import log_in as open_session
from models import database
from models.logins import end_session
from models.moment import now
from models.switchboard import switchboard

WRONG = "This address and this password do not belong together. Check both and try again."
NOT_AN_EMPLOYEE = "The console is for employees, and this account is not one of an employee."
NO_APPLICATION = "No application admits employees, so nobody can log in here. The operators have to add one."


def add_to(blueprint: Blueprint) -> None:
    """Log-in (open to everybody) and log-out."""
    blueprint.add_url_rule("/login", "log_in", log_in, methods=["GET", "POST"])
    blueprint.add_url_rule("/logout", "log_out", log_out, methods=["POST"])


def log_in() -> Response:
    """The form, and what it sends."""
    back = local_path(request.values.get("back")) or url_for("console.home")
    if request.method != "POST":
        return _form(back)
    visitor = request.cookies.get(cookies.VISITOR)
    if not visitor or not csrf.is_token(request.form.get(csrf.FIELD), visitor):
        return forged()
    email = request.form.get("email", "").strip()
    try:
        token = _token_of(email, request.form.get("password", ""))
    except _RefusedError as refused:
        response = _form(back, email, refused.sentence, status=refused.code)
        if refused.retry_after_s:
            response.headers["Retry-After"] = str(refused.retry_after_s)
        return response
    response = see_other(back)
    cookies.put(response, cookies.SESSION, token)
    cookies.drop(response, cookies.VISITOR)
    return response


def log_out() -> Response:
    """Revoke the session, here and wherever else its token might be."""
    with database.transaction() as connection:
        end_session(connection, signed_in().holder.token_id)
    response = see_other(url_for("console.log_in"))
    cookies.drop(response, cookies.SESSION)
    return notices.leave(response, Notice("done", "You are logged out."))


class _RefusedError(Exception):
    """No session. `sentence` is for the person, `code` the answer's HTTP status."""

    def __init__(self, sentence: str, code: int, retry_after_s: int = 0) -> None:
        super().__init__(sentence, code, retry_after_s)
        self.sentence = sentence
        self.code = code
        self.retry_after_s = retry_after_s


def _token_of(email: str, password: str) -> str:
    """The token of a new session of this employee. Raises `_RefusedError`."""
    if not email or not password:
        raise _RefusedError("Give your address and your password.", 400)
    known = switchboard.board().applications.values()
    # Sessions belong to an application: here the first of those that admit employees.
    admitting = min((one.id for one in known if ROLE in one.admits), default=None)
    if admitting is None:
        raise _RefusedError(NO_APPLICATION, 503)
    address = request.remote_addr or ""
    try:
        opened = open_session(email, password, admitting, remember_me=False, address=address, now=now())
    except TooManyLoginsError as refused:
        raise _RefusedError(refused.sentence, 429, refused.retry_after_s) from None
    if opened is None:
        raise _RefusedError(WRONG, 401)
    if ROLE not in opened.holder.roles:
        with database.transaction() as connection:
            end_session(connection, opened.holder.token_id)
        raise _RefusedError(NOT_AN_EMPLOYEE, 403)
    return opened.token


def _form(back: str, email: str = "", problem: str = "", *, status: int = 200) -> Response:
    # One that is there is kept: the form may be open in two windows.
    visitor = request.cookies.get(cookies.VISITOR) or secrets.token_urlsafe(24)
    g.signed_in = None
    response = page(
        "login.html",
        status=status,
        title="Log in",
        back=back,
        email=email,
        problem=problem,
        form_token=csrf.make_token(visitor),
    )
    cookies.put(response, cookies.VISITOR, visitor)
    return response
