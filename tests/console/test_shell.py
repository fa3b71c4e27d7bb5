"""The console's frame: log-in, session, role, CSRF, policy, and that no link leads nowhere."""

import itertools
import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from api.console import render
from api.console.guard import is_database_away
from tests.console.conftest import PASSWORD, Browser, Seen
from tests.tasks.mail.wire_server import unused_port
from tests.world import MadeUser, World

LOGIN = "/console/login"


@pytest.fixture
def emma_account(world: World, password_hash: str) -> MadeUser:
    user = world.employee(name="Emma Employee", email="emma@example.com")
    world.execute("UPDATE users SET password_hash = :hash WHERE id = :id", hash=password_hash, id=user.id)
    return user


def test_a_page_leads_to_the_log_in_and_from_there_back(stranger: Browser, emma_account: MadeUser) -> None:
    stranger.open("/console/notifications?state=any")
    assert stranger.address.startswith(LOGIN)
    stranger.press("Log in", email="EMMA@example.com", password=PASSWORD)
    assert stranger.address == "/console/notifications?state=any"
    assert "Emma Employee" in stranger.text


def test_the_token_stands_in_a_cookie_that_scripts_and_other_sites_do_not_get(
    app: Flask, emma_account: MadeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = Browser(app)
    form = browser.open(LOGIN).page.form("Log in")
    data = {**dict(form.fields), "email": "emma@example.com", "password": PASSWORD}
    cookie = next(
        c for c in browser.client.post(LOGIN, data=data).headers.getlist("Set-Cookie") if "session" in c
    )
    assert {"HttpOnly", "SameSite=Strict", "Path=/console"} <= set(cookie.split("; "))
    assert "Secure" not in cookie, "the tests' PUBLIC_URL is http"
    assert "Max-Age" not in cookie


@pytest.mark.parametrize(
    ("email", "password", "said"),
    [
        ("emma@example.com", "wrong password", "do not belong together"),
        ("nobody@example.com", PASSWORD, "do not belong together"),
        ("", PASSWORD, "Give your address and your password."),
        ("emma@example.com", "", "Give your address and your password."),
    ],
)
def test_a_failed_log_in_says_so_in_plain_words(
    stranger: Browser, emma_account: MadeUser, email: str, password: str, said: str
) -> None:
    stranger.open(LOGIN).press("Log in", email=email, password=password)
    assert said in stranger.text
    assert stranger.response.status_code in (400, 401)
    assert password == "" or password not in stranger.html


def test_guessing_is_slowed_down(
    stranger: Browser, emma_account: MadeUser, world: World, password_hash: str
) -> None:
    target = world.employee(email="target@example.com")
    world.execute("UPDATE users SET password_hash = :hash WHERE id = :id", hash=password_hash, id=target.id)
    for _ in range(11):
        stranger.open(LOGIN).press("Log in", email=target.email, password="wrong password")
    assert stranger.response.status_code == 429
    assert "too many failed log-ins" in stranger.text
    assert int(stranger.response.headers["Retry-After"]) > 0


@pytest.mark.parametrize("role", ["client", "liaison", "nobody"])
def test_the_console_is_for_employees(stranger: Browser, world: World, password_hash: str, role: str) -> None:
    user = world.liaison(world.company()) if role == "liaison" else world.user()
    if role == "client":
        world.client(user_id=user.id)
    world.execute("UPDATE users SET password_hash = :hash WHERE id = :id", hash=password_hash, id=user.id)
    stranger.open(LOGIN).press("Log in", email=user.email, password=PASSWORD)
    assert stranger.response.status_code == 403
    assert "for employees" in stranger.text
    assert world.rows("SELECT id FROM tokens WHERE kind = 'session' AND revoked_at IS NULL") == []
    stranger.client.set_cookie("console_session", world.session_token(user.id), path="/console")
    stranger.open("/console/notifications")
    assert stranger.address.startswith(LOGIN)
    assert "for employees" in stranger.text


def test_an_application_token_opens_nothing(stranger: Browser, world: World) -> None:
    stranger.client.set_cookie("console_session", world.application_token(), path="/console")
    assert stranger.open("/console/notifications").address.startswith(LOGIN)


@pytest.mark.parametrize("age", [{"age": timedelta(days=8)}, {"idle": timedelta(hours=73)}], ids=str)
def test_a_session_that_is_over_leads_to_the_log_in(stranger: Browser, world: World, age: dict) -> None:
    token = world.session_token(world.employee().id, **age)
    stranger.client.set_cookie("console_session", token, path="/console")
    stranger.open("/console/notifications?q=x")
    assert "You have been logged out" in stranger.text
    assert "back=/console/notifications?q%3Dx" in stranger.address or "back=%2Fconsole" in stranger.address
    assert stranger.client.get_cookie("console_session", path="/console") is None


@pytest.mark.parametrize("session", ["over", "gone"])
@pytest.mark.parametrize(
    ("given", "referrer", "back"),
    [
        ({"back": "/console/notifications?q=x"}, "", "/console/notifications?q=x"),
        ({}, "http://localhost/console/notifications/7?back=x", "/console/notifications/7?back=x"),
        ({"back": "//evil.example"}, "https://evil.example/console/notifications", "/console"),
    ],
    ids=["the form names it", "the page that sent it", "elsewhere"],
)
def test_a_form_after_the_session_does_nothing_says_so_and_there_is_a_way_back(
    stranger: Browser,
    emma_account: MadeUser,
    world: World,
    session: str,
    given: dict[str, str],
    referrer: str,
    back: str,
) -> None:
    if session == "over":
        token = world.session_token(emma_account.id, age=timedelta(days=8))
        stranger.client.set_cookie("console_session", token, path="/console")
    data = {"ids": "7", "action": "resolve", "reason": "typed with care", **given}
    reply = stranger.client.post(
        "/console/notifications/actions", data=data, headers={"Referer": referrer} if referrer else {}
    )
    assert reply.status_code == 303
    stranger.open(reply.headers["Location"])
    assert "Your log-in had ended: nothing was done." in stranger.text
    assert dict(stranger.page.form("Log in").fields)["back"] == back


@pytest.fixture
def without_database(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = create_engine(f"postgresql+psycopg://nobody@127.0.0.1:{unused_port()}/none")
    monkeypatch.setattr("api.console.guard.autocommit_engine", lambda: nowhere)


@pytest.mark.parametrize("method", ["get", "post"])
def test_without_a_database_a_page_says_so(emma: Browser, without_database: None, method: str) -> None:
    path = "/console/notifications/actions" if method == "post" else "/console/notifications"
    reply = getattr(emma.client, method)(path)
    said = Seen(reply.get_data(as_text=True)).text
    assert (reply.status_code, reply.headers["Retry-After"]) == (503, "10")
    assert "The database does not answer" in said
    assert ("Nothing was done." in said) is (method == "post")


def test_without_a_database_the_banner_of_an_open_page_says_so(emma: Browser, without_database: None) -> None:
    emma.open("/console/banners", HX_Request="true")
    assert emma.response.status_code == 200, "what fails is not taken over by the page"
    assert emma.html.lstrip().startswith('<div class="banners" id="banners"')
    assert "The database does not answer." in emma.text
    assert emma.client.get_cookie("console_session", path="/console") is not None


@pytest.mark.parametrize(
    ("statement", "is_away"),
    [
        ("SELECT pg_terminate_backend(pg_backend_pid())", True),
        ("SELECT pg_sleep(1)", False),  # takes too long, and the server says so
        ("SELECT 1 / 0", False),
    ],
)
def test_a_statement_that_fails_is_no_database_that_is_away(
    world: World, statement: str, is_away: bool
) -> None:
    with world.engine.connect() as connection:
        connection.execute(text("SET statement_timeout = 50"))
        with pytest.raises(DBAPIError) as failed:
            connection.execute(text(statement))
        assert is_database_away(failed.value) is is_away
        connection.invalidate()


def test_a_part_that_refreshes_itself_sends_the_whole_window_to_the_log_in(stranger: Browser) -> None:
    reply = stranger.client.get(
        "/console/notifications?state=open",
        headers={"HX-Request": "true", "HX-Current-URL": "http://localhost/console/notifications/7?back=x"},
    )
    assert reply.headers["HX-Redirect"].startswith(LOGIN + "?back=")
    assert "notifications/7" in reply.headers["HX-Redirect"]
    assert reply.data == b""


def test_refreshing_alone_does_not_keep_a_session_alive(emma: Browser, world: World) -> None:
    world.execute("UPDATE tokens SET last_used_at = now() - interval '1 hour' WHERE kind = 'session'")
    before = world.row("SELECT last_used_at FROM tokens WHERE kind = 'session'")
    emma.open("/console/notifications", HX_Request="true")
    assert world.row("SELECT last_used_at FROM tokens WHERE kind = 'session'") == before
    emma.open("/console/notifications")
    assert world.row("SELECT last_used_at FROM tokens WHERE kind = 'session'") != before


@pytest.mark.parametrize(
    "back",
    [
        "https://evil.example/console/",
        "//evil.example/console",
        "/\\evil.example",
        "/api/v1/notifications/index",
        "/console/../api",
        "/console\r\nSet-Cookie: x",
        "javascript:alert(1)",
        "/consolex",
        "/console//evil.example",
    ],
)
def test_nobody_is_sent_elsewhere(stranger: Browser, emma_account: MadeUser, back: str) -> None:
    form = stranger.client.get(LOGIN, query_string={"back": back})
    seen = dict(Seen(form.get_data(as_text=True)).form("Log in").fields)
    data = {**seen, "back": back, "email": "emma@example.com", "password": PASSWORD}
    reply = stranger.client.post(LOGIN, data=data)
    assert (reply.status_code, reply.headers["Location"]) == (303, "/console")


def test_logging_out_revokes_the_session(emma: Browser, world: World) -> None:
    emma.open("/console/notifications").press("Log out")
    assert "logged out" in emma.text
    assert world.row("SELECT revoked_at IS NOT NULL AS over FROM tokens WHERE kind = 'session'")["over"]
    assert emma.open("/console/notifications").address.startswith(LOGIN)


@pytest.mark.parametrize("token", [None, "", "x", "made-elsewhere"])
def test_a_form_without_our_token_changes_nothing_and_says_what_to_do(
    emma: Browser, stranger: Browser, world: World, trouble, token: str | None
) -> None:
    failed = trouble()
    given = {} if token is None else {"csrf_token": token}
    if token == "made-elsewhere":
        other = Browser(emma.client.application)
        other.client.set_cookie("console_session", world.session_token(world.employee().id), path="/console")
        given = {
            "csrf_token": dict(other.open("/console/notifications").page.form("Log out").fields)["csrf_token"]
        }
    for path, data in (
        ("/console/notifications/actions", {"ids": failed.id, "action": "resolve"}),
        (f"/console/notifications/{failed.id}/correct", {"email": "x@example.com"}),
        ("/console/logout", {}),
    ):
        reply = emma.client.post(path, data={**data, **given})
        assert reply.status_code == 400
        assert "Go back, load the page again" in reply.get_data(as_text=True)
    assert world.row("SELECT state FROM notifications")["state"] == "open"
    assert emma.open("/console/notifications").response.status_code == 200


def test_the_log_in_form_has_a_token_of_its_own(stranger: Browser, emma_account: MadeUser) -> None:
    stranger.open(LOGIN)
    data = {"email": "emma@example.com", "password": PASSWORD}
    assert stranger.client.post(LOGIN, data=data).status_code == 400
    assert (
        Browser(stranger.client.application)
        .client.post(
            LOGIN, data={**data, "csrf_token": dict(stranger.page.form("Log in").fields)["csrf_token"]}
        )
        .status_code
        == 400
    )


def test_the_cookie_means_nothing_to_the_api(emma: Browser) -> None:
    reply = emma.client.get("/api/v1/notifications/index")
    assert (reply.status_code, reply.get_json()["status"]) == (400, "missing-param")


@pytest.mark.parametrize("path", ["/console/login", "/console/notifications", "/console/nowhere", "/console"])
def test_every_page_has_the_policy(emma: Browser, path: str) -> None:
    reply = emma.open(path).response
    policy = dict(part.strip().split(" ", 1) for part in reply.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert (policy["script-src"], policy["style-src"], policy["frame-ancestors"]) == (
        "'self'",
        "'self'",
        "'none'",
    )
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in reply.headers or "console_" in reply.headers["Set-Cookie"]


def test_an_unknown_address_is_a_page(emma: Browser) -> None:
    assert emma.open("/console/nowhere").response.status_code == 404
    assert emma.response.mimetype == "text/html"
    assert emma.client.post("/console/nowhere").status_code == 404
    assert emma.open("/console/notifications/999").response.status_code == 404
    assert emma.open(f"/console/notifications/{2**70}").response.status_code == 404


def test_every_page_says_what_everybody_has_to_know_now(
    emma: Browser, stranger: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> list[str]:
        raise RuntimeError

    monkeypatch.setattr(render, "BANNERS", [broken, lambda: ["The relay has been silent for 2 minutes."]])
    assert "The relay has been silent for 2 minutes." in emma.open("/console/notifications").text
    assert "relay" not in stranger.open(LOGIN).text


def pages(browser: Browser, trouble) -> list[str]:
    failed = trouble(doubt=True, name='<script>alert("x")</script>')
    return [
        "/console/notifications",
        "/console/notifications?state=any&q=nothing-at-all",
        f"/console/notifications/{failed.id}",
        f"/console/notifications/again?ids={failed.id}",
        f"/console/appointments/{failed.appointment_id}/mails/confirmation",
        f"/console/appointments/{failed.appointment_id}",
        "/console/appointments?q=carla",
        "/console/appointments/day?date=2026-12-04",
        "/console/appointments/week?week=2026-W49",
        "/console/nowhere",
    ]


def test_no_page_holds_inline_script_or_style_or_anything_foreign(emma: Browser, trouble) -> None:
    for path in (*pages(emma, trouble), LOGIN):
        for tag, attributes in emma.open(path).page.tags:
            assert tag != "style", path
            assert tag != "script" or attributes["src"].startswith("/console/static/"), path
            assert not {name for name in attributes if name == "style" or name.startswith("on")}, path
            for name in ("href", "src", "action"):
                assert attributes.get(name, "#").startswith(("/console", "#")), (path, attributes)


def test_every_link_of_every_page_leads_somewhere(emma: Browser, trouble) -> None:
    wanted, seen = [*pages(emma, trouble), LOGIN], set()
    while wanted:
        path = wanted.pop()
        if path.split("#")[0] in seen or not path.startswith("/"):
            continue
        seen.add(path.split("#")[0])
        reply = emma.client.get(path)
        expected = 404 if path == "/console/nowhere" else 200
        if reply.status_code == 303:
            wanted.append(reply.headers["Location"])
            continue
        assert reply.status_code == expected, path
        if reply.mimetype == "text/html" and len(seen) < 80:
            tags = Seen(reply.get_data(as_text=True)).tags
            wanted += [
                given[name] for _, given in tags for name in ("href", "src", "hx-get") if name in given
            ]
        reply.close()


def test_hostile_texts_are_only_text(emma: Browser, trouble) -> None:
    hostile = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
    failed = trouble(
        name=hostile, message=hostile, cause="<b>x</b>", request_id="<i>r</i>", summary="<u>s</u>"
    )
    for path in (
        "/console/notifications",
        f"/console/notifications/{failed.id}",
        "/console/notifications?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
        "/console/nowhere/<script>alert(1)</script>",
        f"/console/appointments/{failed.appointment_id}/mails/confirmation",
        f"/console/appointments/{failed.appointment_id}/mails/confirmation/html",
    ):
        html = emma.open(path).html
        assert "<script>alert" not in html, path
        assert "<img src=x" not in html and "<b>x</b>" not in html and "<u>s</u>" not in html, path


def test_every_control_has_a_name_and_headings_come_in_order(emma: Browser, trouble) -> None:
    for path in (*pages(emma, trouble), LOGIN):
        page = emma.open(path).page
        levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
        assert levels[0] == 1 and levels.count(1) == 1, path
        assert all(after - before <= 1 for before, after in itertools.pairwise(levels)), path
        ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
        assert len(ids) == len(set(ids)), path
        inside = re.sub(r"<label.*?</label>", "", emma.html, flags=re.S)
        for tag, attributes in Seen(inside).tags:
            if tag in ("input", "select", "textarea") and attributes.get("type") != "hidden":
                assert attributes.get("aria-label"), (path, attributes)
