"""What protects whoever sits before a browser: cookies, forms, frames and policies, on every page there is.

Pages and forms are taken from the application, so that a new one is looked at without being named here.
`tests/console/test_shell.py` tells the log-in as a story; where somebody is sent after it, is tested there.
"""

import re
from collections.abc import Iterator
from datetime import timedelta
from http.cookies import SimpleCookie

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from api.app import create_app
from settings import get_settings
from tests.api.logging_in import FAST
from tests.security.callers import Callers
from tests.security.test_authorization_table import SEEN, filled
from tests.world import World

PASSWORD = "right-battery-staple"
INLINE_STYLES = "console.mail_html"
"""A mail as mail programs show it, in a sandboxed frame: its styles have to stand in it."""


def rules(app: Flask, method: str) -> list[Rule]:
    return [
        rule
        for rule in app.url_map.iter_rules()
        if method in (rule.methods or ()) and not rule.rule.startswith("/api/")
    ]


def employee(app: Flask, callers: Callers) -> FlaskClient:
    browser = app.test_client()
    browser.set_cookie("console_session", str(callers.tokens["employee"]), path="/console")
    return browser


def form_token(browser: FlaskClient, page: str) -> str:
    html = browser.get(page).get_data(as_text=True)
    return html.partition('name="csrf_token" value="')[2].partition('"')[0]


# --- cookies ---


@pytest.fixture(params=["http://127.0.0.1:8000", "https://app.example.com"])
def public(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("PUBLIC_URL", request.param)
    get_settings.cache_clear()
    yield request.param
    monkeypatch.undo()
    get_settings.cache_clear()


def with_password(world: World, name: str) -> str:
    world.execute(
        "UPDATE users SET password_hash = :hash WHERE name = :name", hash=FAST.hash(PASSWORD), name=name
    )
    return str(world.row("SELECT email FROM users WHERE name = :name", name=name)["email"])


def cookies_of(reply: object) -> dict[str, dict[str, str]]:
    headers = reply.headers.getlist("Set-Cookie")  # type: ignore[attr-defined]
    return {name: dict(morsel) for text in headers for name, morsel in SimpleCookie(text).items()}


def test_every_cookie_is_for_the_console_alone_and_secure_behind_https(
    public: str, callers: Callers, world: World
) -> None:
    app = create_app()
    browser, scheme = app.test_client(), public.partition(":")[0]
    email = with_password(world, "Emma Employee")
    seen: dict[str, dict[str, str]] = {}

    def send(method: str, path: str, **data: str) -> None:
        reply = browser.open(path, method=method, data=data, base_url=f"{scheme}://localhost")
        seen.update(cookies_of(reply))

    send("GET", "/console/login")
    visitor = seen["console_visitor"]
    html = browser.get("/console/login", base_url=f"{scheme}://localhost").get_data(as_text=True)
    token = html.partition('name="csrf_token" value="')[2].partition('"')[0]
    send("POST", "/console/login", csrf_token=token, email=email, password=PASSWORD)
    html = browser.get("/console/notifications", base_url=f"{scheme}://localhost").get_data(as_text=True)
    token = html.partition('name="csrf_token" value="')[2].partition('"')[0]
    send("POST", "/console/notifications/actions", csrf_token=token, action="resolve")
    assert seen.keys() == {"console_visitor", "console_session", "console_notice"}
    for name, cookie in {**seen, "before": visitor}.items():
        assert cookie["httponly"], name
        assert (cookie["samesite"], cookie["path"], cookie["domain"]) == ("Strict", "/console", ""), name
        assert bool(cookie["secure"]) is (scheme == "https"), name


def test_a_log_in_makes_a_new_session_whatever_cookie_there_was(
    app: Flask, callers: Callers, world: World
) -> None:
    """A session that somebody else has put into the browser is never the one that is logged in (fixation)."""
    email = with_password(world, "Emma Employee")
    put_there = (callers.tokens["garbage"], callers.tokens["client"], callers.tokens["over"], "made-up")
    for planted in put_there:
        browser = app.test_client()
        browser.set_cookie("console_session", str(planted), path="/console")
        token = form_token(browser, "/console/login")
        reply = browser.post(
            "/console/login", data={"csrf_token": token, "email": email, "password": PASSWORD}
        )
        assert reply.status_code == 303
        session = browser.get_cookie("console_session", path="/console")
        assert session is not None
        assert session.value not in (planted, *callers.tokens.values())
        assert cookies_of(reply)["console_visitor"]["max-age"] == "0"


def test_an_ended_session_is_ended_for_every_copy_of_its_cookie(app: Flask, callers: Callers) -> None:
    browser, copy = employee(app, callers), employee(app, callers)
    assert copy.get("/console/notifications").status_code == 200
    browser.post("/console/logout", data={"csrf_token": form_token(browser, "/console/notifications")})
    assert copy.get("/console/notifications").status_code == 303


# --- forms ---


def test_every_form_wants_the_token_of_its_own_session(app: Flask, callers: Callers, world: World) -> None:
    """Without it, with one made elsewhere, with an old one or with the log-in form's: nothing is done."""
    browser = employee(app, callers)
    other = app.test_client()
    colleague = world.session_token(world.employee(name="Otto Other").id, age=timedelta(minutes=1))
    other.set_cookie("console_session", colleague, path="/console")
    tokens = (
        None,
        "",
        "x.y.z",
        form_token(other, "/console/notifications"),
        form_token(app.test_client(), "/console/login"),
        form_token(browser, "/console/notifications")[:-1],
    )
    posts = [rule for rule in rules(app, "POST") if rule.endpoint != "console.missing"]
    assert len(posts) >= 6
    paths = {rule.endpoint: filled(callers, rule.rule) for rule in posts}
    for path in paths.values():
        for token in tokens:
            before = world.rows(SEEN)
            data = {"action": "resolve", "ids": "1", "email": "x@example.com", "password": PASSWORD}
            given = data if token is None else {**data, "csrf_token": token}
            reply = browser.post(path, data=given)
            assert reply.status_code == 400, (path, token)
            assert world.rows(SEEN) == before, path
            # Nor does it count in the address.
            right = form_token(browser, "/console/notifications")
            assert browser.post(path, data=data, query_string={"csrf_token": right}).status_code == 400, path


def test_no_page_that_is_read_changes_anything(app: Flask, callers: Callers, world: World) -> None:
    """A link or a picture elsewhere makes a browser ask for pages; asking does nothing."""
    browser = employee(app, callers)
    paths = [filled(callers, rule.rule) for rule in rules(app, "GET") if "static" not in rule.rule]
    before = world.rows(SEEN)
    for path in paths:
        joint = "&" if "?" in path else "?"
        browser.get(f"{path}{joint}action=resolve&even_if_sent=yes&reason=x").close()
    assert world.rows(SEEN) == before


# --- policies ---


def policy_of(header: str) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in header.split(";"))
    return {name: value for name, _, value in parts}


def test_every_answer_has_a_policy_without_inline_code_and_stays_out_of_frames(
    app: Flask, callers: Callers
) -> None:
    for browser in (employee(app, callers), app.test_client()):
        for rule in rules(app, "GET"):
            reply = browser.get(filled(callers, rule.rule).replace("<path:name>", "documentation.css"))
            policy = policy_of(reply.headers["Content-Security-Policy"])
            reply.close()
            assert policy["default-src"] == "'none'", rule
            # A preview of a mail may stand in a frame of its own page, without scripts, forms or an origin.
            is_mail = rule.endpoint == INLINE_STYLES and reply.status_code == 200
            assert policy["frame-ancestors"] == ("'self'" if is_mail else "'none'"), rule
            inline = {name for name, value in policy.items() if "unsafe" in value}
            assert inline == ({"style-src"} if is_mail else set()), rule
            assert ("sandbox" in policy) is is_mail, rule
            sources = " ".join(policy.values())
            assert not re.search(r"https?:|\*|'nonce|'strict-dynamic", sources), rule
            assert reply.headers["X-Content-Type-Options"] == "nosniff", rule
            assert reply.headers["Referrer-Policy"] in ("no-referrer", "same-origin"), rule
            assert "Access-Control-Allow-Origin" not in reply.headers, rule


def test_what_is_about_people_is_kept_by_no_cache(app: Flask, callers: Callers) -> None:
    browser = employee(app, callers)
    for rule in rules(app, "GET"):
        if rule.rule.startswith("/console") and rule.endpoint != "console.static":
            assert browser.get(filled(callers, rule.rule)).headers["Cache-Control"] == "no-store", rule
