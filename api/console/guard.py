"""What every request to the console passes: who is it, may they, is the form ours; and the headers of every answer.

A page that is to be open without a log-in is named in `OPEN`; all others are closed.
"""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

import structlog
from flask import Blueprint, Response, g, request, url_for
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from werkzeug.exceptions import HTTPException

from api.caller import check_holder
from api.console import cookies, csrf, notices
from api.console.notices import Notice
from api.console.render import notice_of_trouble, problem
from api.faults import Refusal
from api.pipeline import crash
from api.statuses import APPLICATION_CRASH
from models.audit import Actor
from models.database import autocommit_engine
from models.moment import now
from models.tokens import Holder, find_holder, touch

ROLE = "employee"
OPEN = frozenset({"console.log_in", "console.static", "console.missing"})
VIA = "console"
"""What the audit calls us."""
LONGEST_PATH = 2_000
DATABASE_IS_AWAY = "The database does not answer. Nothing works without it."
"""Told without knowing to whom, as sessions are in the database too: it is no secret."""
NOT_DONE = "Your log-in had ended: nothing was done."
AWAY_AGAIN_AFTER_S = 10

log = structlog.get_logger(__name__)

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " form-action 'self'; frame-src 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The employee whose session this is."""

    holder: Holder
    token: str = field(repr=False)

    @property
    def name(self) -> str:
        """As the audit and the head of each page call them."""
        return self.holder.user_name or self.holder.user_email or ""

    def actor(self) -> Actor:
        """The employee as the audit names them, in this request."""
        return Actor(self.name, VIA, f"user:{self.holder.user_id}", g.request_id)


def signed_in() -> SignedIn:
    """Who uses this page; on every page but those of `OPEN` there is somebody."""
    who: SignedIn = g.signed_in
    return who


def employee_of(connection: Connection, token: str | None) -> SignedIn | None:
    """Whose session this is, if it is fresh and an employee's; None when nobody is logged in.

    Raises `Refusal` with a sentence for people: the session is over, or its user is not an employee.
    """
    if not token:
        return None
    moment = now()
    try:
        holder = check_holder(find_holder(connection, token), moment)
    except Refusal:
        raise Refusal(
            "", "You have been logged out, because you were away for a while. Please log in again."
        ) from None
    if holder.kind != "session" or ROLE not in holder.roles:
        raise Refusal("", "The console is for employees, and this account is not one of an employee.")
    if "HX-Request" not in request.headers:  # a page that refreshes itself is not a person who uses it
        holder = touch(connection, holder, moment)
    return SignedIn(holder, token)


def add_to(blueprint: Blueprint) -> None:
    """Put the guard before every page, and the headers on every answer."""
    blueprint.before_request(_check)
    blueprint.after_request(_protect)
    blueprint.register_error_handler(Exception, _unforeseen)


def _check() -> Response | None:
    if request.endpoint in OPEN:
        return None
    try:
        with autocommit_engine().connect() as connection:
            who = employee_of(connection, request.cookies.get(cookies.SESSION))
    except Refusal as refusal:
        return to_log_in(refusal.message)
    if who is None:
        return to_log_in()
    g.signed_in = who
    if request.method == "POST" and not csrf.is_token(request.form.get(csrf.FIELD), who.token):
        return forged()
    return None


def to_log_in(why: str = "") -> Response:
    """To the log-in page, and from there back to where they were; `why` is told there, and what was not done."""
    is_fragment = "HX-Request" in request.headers
    target = url_for("console.log_in", back=_way_back(is_fragment=is_fragment))
    # A part of a page must not become the log-in page: the whole window goes there.
    response = Response(headers={"HX-Redirect": target}) if is_fragment else see_other(target)
    if request.cookies.get(cookies.SESSION):
        cookies.drop(response, cookies.SESSION)
    if request.method == "POST" and request.endpoint != "console.log_out":
        again = "Log in again; you come back to the page, and can repeat what you did."
        return notices.leave(response, Notice("refused", NOT_DONE, (again,)))
    return notices.leave(response, Notice("refused", why)) if why else response


def _way_back(*, is_fragment: bool) -> str | None:
    """The page that they were on. A form names it; one that does not was on the page that sent it."""
    if is_fragment:
        return _path_of(request.headers.get("HX-Current-URL"))
    if request.method == "GET":
        return local_path(request.full_path.rstrip("?"))
    is_from_here = urlsplit(request.referrer or "").netloc == request.host
    return local_path(request.form.get("back")) or (_path_of(request.referrer) if is_from_here else None)


def _path_of(address: str | None) -> str | None:
    around = urlsplit(address or "")
    return local_path(f"{around.path}?{around.query}".rstrip("?"))


def see_other(target: str) -> Response:
    """The answer to a form that was acted on: the browser goes to `target`, and reloading repeats nothing."""
    return Response(status=303, headers={"Location": target})


def local_path(wanted: str | None) -> str | None:
    """`wanted` if it is a page of the console, else None: nobody is sent elsewhere by a link to us."""
    if wanted is None or len(wanted) > LONGEST_PATH or not wanted.isascii() or not wanted.isprintable():
        return None
    path = wanted.partition("?")[0]
    is_ours = path == "/console" or path.startswith("/console/")
    return wanted if is_ours and not any(odd in path for odd in ("\\", "//", "/.")) else None


def forged() -> Response:
    """The answer to a form without our token."""
    return problem(
        "This form has expired",
        "Nothing was changed. The page is from before you logged in the last time, or very old.",
        "Go back, load the page again, and repeat what you did.",
        status=400,
    )


def _protect(response: Response) -> Response:
    if request.endpoint == "console.static":
        # The address of a static file changes with its content (`render.static_version`).
        if "v" in request.args and response.status_code == 200:
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if g.get("is_notice_taken"):
        cookies.drop(response, cookies.NOTICE)
    response.headers["X-Request-Id"] = g.request_id
    return response


def _unforeseen(error: Exception) -> Response:
    if isinstance(error, HTTPException):
        return problem(
            "This cannot be shown",
            error.description or error.name,
            "Check the address.",
            status=error.code or 400,
        )
    if is_database_away(error):
        return _without_database(error)
    crash(APPLICATION_CRASH, error)
    return problem(
        "Something went wrong on our side",
        "It was reported, with the request id below.",
        "Try again in a moment.",
        status=500,
    )


def is_database_away(error: Exception) -> bool:
    """Whether it says that no connection to the database could be made, or that one broke."""
    if isinstance(error, NoConnectionFree):
        return True
    # What the server itself refuses has an SQLSTATE; silence and a refused connection have none.
    is_unreached = isinstance(error, OperationalError) and getattr(error.orig, "sqlstate", None) is None
    return is_unreached or (isinstance(error, DBAPIError) and error.connection_invalidated)


def _without_database(error: Exception) -> Response:
    log.warning("the console is without a database", error=type(error).__name__)
    if request.endpoint == "console.banners":
        # An answer that an open page takes over, unlike one that fails.
        return notice_of_trouble(DATABASE_IS_AWAY)
    if request.method != "POST":
        advice = "Load the page again in a moment. If this stays, see that the database runs."
    elif g.get("signed_in") is None:
        advice = "Nothing was done. Go back and repeat it when the database answers again."
    else:
        advice = "Look whether it was done before you repeat it, when the database answers again."
    response = problem("The database does not answer", DATABASE_IS_AWAY, advice, status=503)
    response.headers["Retry-After"] = str(AWAY_AGAIN_AFTER_S)
    return response
