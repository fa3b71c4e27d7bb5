"""No path of the product tells a secret: every route and every page, when it succeeds, refuses and crashes.

`tests/api/test_secrets.py` and `test_secret_passwords.py` look deeper into two routes and the tasks behind them,
`tests/end_to_end/test_secrets.py` at real processes, queues, and what Flower hears. Here the width is what matters:
sentinels go through all that is declared, in every place of a request, and are looked for in the log, at a Sentry,
in answers, addresses, Redis and metrics.
"""

import base64
import io
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import sentry_sdk
import structlog
from flask import Flask
from flask.testing import FlaskClient

from api import app as front_door
from api.app import ROUTES, create_app
from api.routes import AnyRoute, Route, SignedRoute
from models.switchboard import switchboard
from tests import webhooks
from tests.api.conftest import log_output  # noqa: F401 - a fixture
from tests.api.logging_in import FAST
from tests.client import ApiClient
from tests.overheard import EnvelopeSink
from tests.security.callers import Callers, invite, next_stamp, send
from tests.security.sentinels import Hidden, in_redis, secret_settings, word
from tests.world import World

RECORDED = ("the code of the gate", "the description")
"""What staff read in the record itself."""


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[dict[str, str], EnvelopeSink]]:
    with secret_settings(monkeypatch) as made:
        yield made


@pytest.fixture
def sink(words: tuple[dict[str, str], EnvelopeSink]) -> EnvelopeSink:
    return words[1]


@pytest.fixture
def application(world: World, sink: EnvelopeSink, log_output: io.StringIO) -> Flask:  # noqa: F811
    """The front door, after the log has been turned to where the test reads it, with a Sentry."""
    return create_app()


@pytest.fixture
def people(world: World, application: Flask) -> Callers:
    return invite(world, ApiClient.in_process(application, world.application_token()))


@pytest.fixture
def hidden(words: tuple[dict[str, str], EnvelopeSink], people: Callers) -> Hidden:
    tokens = {f"the token of {who}": token for who, token in people.tokens.items() if token is not None}
    made = ("the password", "the code of the gate", "the description", "an address", "a foreign secret")
    return Hidden({**words[0], **tokens, **{what: word("hidden") for what in made}})


def params_of(route: Route, hidden: Hidden, people: Callers) -> dict[str, Any]:
    """A request that may succeed, with a secret in every text that may hold one."""
    given: dict[str, Any] = {
        "notes": f"The code is {hidden['the code of the gate']}",
        "description": hidden["the description"],
        "order_id": people.order.id,
        "updated_at_mt": next_stamp(),
        "email": f"{hidden['an address']}@example.com",
        "password": hidden["the password"],
        "name": "Casey",
        "reason": hidden["the description"],
    }
    if route.path.startswith("/api/v1/appointments/") and route.method == "GET":
        given = {"id": people.appointment("the order's")}
    elif route.path.startswith("/api/v1/appointments/") and "id" in route.params:
        given["id"] = people.appointment("the order's")
    elif "id" in route.params:
        given["id"] = people.notification()
    if "ids" in route.params:
        given["ids"] = str(people.notification())
    return {name: value for name, value in given.items() if name in route.params}


def faulty(route: Route, hidden: Hidden, people: Callers) -> Iterator[dict[str, Any]]:
    """Requests that are refused, with a secret in every parameter, and in their names."""
    secret = hidden["a foreign secret"]
    token = people.tokens["application"]
    for value in (secret, token, f"\x00{secret}", [secret], {"is": secret}, secret * 500):
        yield {param.name: value for param in route.params if param.name != "token"}
    yield {**params_of(route, hidden, people), str(token): 1}
    if route.method != "GET":
        for value in (people.tokens["garbage"], secret, [token], f"{token}\x00"):
            yield {**params_of(route, hidden, people), "token": value}


def odd_requests(route: AnyRoute, hidden: Hidden, people: Callers) -> Iterator[dict[str, Any]]:
    """Requests with secrets in places where they do not belong."""
    token, secret = people.tokens["application"], hidden["a foreign secret"]
    body = json.dumps({"token": token, "notes": hidden["the code of the gate"], "password": secret}).encode()
    packed = base64.b64encode(body)
    bearer = {"Authorization": f"Bearer {people.tokens['client']}"}
    json_type = {"Content-Type": "application/json"}
    wrong = {"GET": "POST"}.get(route.method, "GET")
    for method, path, sent, headers in (
        (route.method, f"{route.path}?token={token}&password={secret}", b"", bearer),
        (route.method, f"{route.path}/{token}", body, json_type),
        (route.method, f"{route.path}%2f{token}", body, json_type),
        (wrong, f"{route.path}?token={token}", body, {**json_type, **bearer}),
        (route.method, route.path, body[:-1], {**json_type, **bearer}),
        (route.method, route.path, packed[:-2], {"Content-Type": "text/plain", **bearer}),
        (route.method, route.path, body, {"Content-Type": f"text/{token}"}),
        (route.method, route.path, body, {**json_type, "Cookie": f"console_session={token}"}),
        (route.method, route.path, body, {**json_type, "X-Request-Id": str(token)}),
        (route.method, route.path, body, {**json_type, "Authorization": f"Basic {token}"}),
        (route.method, route.path, body, {**json_type, "Referer": f"http://x.example/?{token}"}),
        (
            route.method,
            route.path,
            body,
            {**json_type, "Prefer": f"wait={secret}", "Idempotency-Key": secret},
        ),
        (str(token)[:60], route.path, body, json_type),
    ):
        yield {"method": method, "path": path, "data": sent, "headers": headers}


class Told:
    """All that left the process while a test ran."""

    def __init__(self, hidden: Hidden, log: io.StringIO, sink: EnvelopeSink) -> None:
        self.hidden, self.log, self.sink = hidden, log, sink

    def assert_nothing_was_told(self, app: Flask) -> None:
        """Neither the log nor Sentry nor Redis nor the metrics hold a secret."""
        sentry_sdk.flush(2)
        lines = self.log.getvalue().splitlines()
        assert lines
        assert [line for line in lines if self.hidden.found_in(line)] == []
        assert self.hidden.found_in(b"\n".join(self.sink.raw)) == []
        assert self.hidden.found_in(in_redis()) == []
        metrics = app.test_client().get(
            "/metrics", headers={"Authorization": f"Bearer {self.hidden['the token of the metrics']}"}
        )
        assert metrics.status_code == 200
        assert self.hidden.found_in(metrics.data) == []


@pytest.fixture
def told(hidden: Hidden, log_output: io.StringIO, sink: EnvelopeSink) -> Told:  # noqa: F811
    return Told(hidden, log_output, sink)


def is_clean(reply: Any, hidden: Hidden, but: tuple[str, ...] = ()) -> None:
    assert hidden.found_in(reply.data, but=but) == [], reply.data[:500]
    assert hidden.found_in(str(reply.headers)) == []


def test_no_route_tells_a_secret_when_it_succeeds_or_refuses(
    application: Flask, people: Callers, hidden: Hidden, told: Told
) -> None:
    visitor = application.test_client()
    for route in ROUTES:
        if isinstance(route, Route):
            for who in ("nobody", "application", "employee", "client", "no role", "garbage"):
                reply = people.ask(who, route, params_of(route, hidden, people))
                # Whoever has to register needs the token; the record is read by those who wrote it.
                own = (f"the token of {who}",) if reply.status == "client-required" else ()
                kept = (*RECORDED, "an address") if reply.code == 200 else ()
                assert hidden.found_in(json.dumps(reply.body), but=(*own, *kept)) == [], (route.path, who)
                assert hidden.found_in(json.dumps(reply.headers)) == [], (route.path, who)
            for params in faulty(route, hidden, people):
                bearer = {} if "token" in params else {"Authorization": f"Bearer {people.api.token}"}
                reply = send(people.api, route, params, **bearer)
                # A fault quotes the value that it is about, shortened, unless a parameter of the route is secret.
                quoted = (
                    ()
                    if any(param.secret for param in route.params if param.name != "token")
                    else ("a foreign secret",)
                )
                quoted += (*RECORDED, "an address") if reply.code == 200 else ()
                assert hidden.found_in(json.dumps(reply.body), but=quoted) == [], params
                assert hidden.found_in(json.dumps(reply.headers)) == [], params
        for asked in odd_requests(route, hidden, people):
            is_clean(visitor.open(**asked), hidden)
    told.assert_nothing_was_told(application)


def test_no_route_tells_a_secret_when_it_crashes(
    application: Flask,
    people: Callers,
    hidden: Hidden,
    told: Told,
    sink: EnvelopeSink,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def crash(call: Any, *_found: Any) -> Any:
        seen = (getattr(call, "decoded", call), list(hidden.words.values()))
        try:
            raise ValueError(f"Failing row contains {seen}")
        except ValueError as cause:
            structlog.get_logger().error("it fails", exc_info=cause)
            raise RuntimeError(f"Cannot go on with {seen}") from cause

    broken = tuple(
        replace(route, take=crash) if isinstance(route, SignedRoute) else replace(route, act=crash)
        for route in ROUTES
    )
    monkeypatch.setattr(front_door, "ROUTES", broken)
    app = create_app()
    api = ApiClient.in_process(app, people.api.token)
    crashed = 0
    for route in broken:
        if isinstance(route, SignedRoute):
            is_clean(reply := app.test_client().post(route.path, data={webhooks.PATH: "[]"}), hidden)
            crashed += reply.get_json()["status"] == "application-crash"
            continue
        for who in ("application", "no role"):
            bearer = {"Authorization": f"Bearer {people.tokens[who]}"}
            reply = send(api, route, params_of(route, hidden, people), **bearer)
            own = (f"the token of {who}",) if reply.status == "client-required" else ()
            assert hidden.found_in(json.dumps(reply.body), but=own) == [], route.path
            crashed += reply.status == "application-crash"
    assert crashed >= len(ROUTES)
    told.assert_nothing_was_told(app)
    assert len(sink.events) >= len(ROUTES)


def test_no_crash_before_the_route_is_known_tells_a_secret(
    application: Flask, people: Callers, hidden: Hidden, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_given: Any) -> Any:
        raise RuntimeError(f"Away: postgresql://{list(hidden.words.values())}")

    monkeypatch.setattr(switchboard, "board", crash)
    for route in ROUTES:
        for asked in odd_requests(route, hidden, people):
            is_clean(application.test_client().open(**asked), hidden)
    told.assert_nothing_was_told(application)


# --- the console ---


PAGES = (
    *("/console", "/console/login", "/console/notifications", "/console/notifications?state=any&q={secret}"),
    *("/console/notifications/{note}", "/console/notifications/again?ids={note}&back={secret}"),
    *("/console/appointments", "/console/appointments?q={secret}", "/console/appointments?cursor={secret}"),
    *("/console/appointments/day?date={secret}", "/console/appointments/week?week={secret}"),
    *("/console/appointments/{made}", "/console/appointments/{made}/mails/confirmation"),
    *("/console/appointments/{made}/mails/confirmation/html", "/console/appointments/{made}/mails/{secret}"),
    *("/console/queues", "/console/queues/commands?state={secret}", "/console/queues/commands/{command}"),
    *("/console/queues/commands/again?ids={command}", "/console/banners", "/console/{secret}"),
    *("/console/login?back=/console/{secret}", "/console/login?token={token}", "/console/{token}"),
    *("/console/notifications/{note}?back={token}",),
)


def signed_in(app: Flask, token: str | None) -> FlaskClient:
    browser = app.test_client()
    if token is not None:
        browser.set_cookie("console_session", token, path="/console")
    return browser


def csrf_of(browser: FlaskClient, page: str = "/console/notifications") -> str:
    html = browser.get(page).get_data(as_text=True)
    return html.partition('name="csrf_token" value="')[2].partition('"')[0]


def addresses(people: Callers, hidden: Hidden) -> list[str]:
    made = people.appointment("the order's")
    people.settle()
    names = {
        "made": made,
        "note": people.notification(),
        "command": people.world.commands(made)["send-confirmation"]["id"],
        "secret": hidden["a foreign secret"],
        "token": people.tokens["application"],
    }
    return [page.format(**names) for page in PAGES]


def test_no_page_tells_a_secret(application: Flask, people: Callers, hidden: Hidden, told: Told) -> None:
    employee = signed_in(application, people.tokens["employee"])
    stranger = signed_in(application, people.tokens["client"])
    hidden.words["the token of a form"] = csrf_of(employee)
    assert hidden["the token of a form"]
    for address in addresses(people, hidden):
        # A page repeats the words that were searched for, to whoever typed them; an address keeps them.
        typed = "a foreign secret" if hidden["a foreign secret"] in address else ""
        pasted = "the token of application" if str(people.tokens["application"]) in address else ""
        for browser in (employee, stranger, application.test_client()):
            reply = browser.get(address)
            assert hidden.found_in(reply.data, but=(typed, pasted, "the token of a form")) == [], address
            location = reply.headers.get("Location", "") + reply.headers.get("HX-Redirect", "")
            assert hidden.found_in(location, but=(typed, pasted)) == [], address
    found = [line for line in told.log.getvalue().splitlines() if hidden.found_in(line)]
    assert found == [line for line in found if '"path": "/console/' in line], "in no other line"
    assert hidden.found_in("\n".join(found), but=("a foreign secret",)) == []


def test_no_form_tells_a_secret(application: Flask, people: Callers, hidden: Hidden, told: Told) -> None:
    employee = signed_in(application, people.tokens["employee"])
    made, note = people.appointment("the order's"), people.notification()
    secret = hidden["a foreign secret"]
    right, wrong = csrf_of(employee), word("form")
    hidden.words |= {"the token of a form": right, "a forged token": wrong}
    rules = [rule.rule for rule in application.url_map.iter_rules() if "POST" in (rule.methods or ())]
    for rule in (rule for rule in rules if rule.startswith("/console/") and rule != "/console/logout"):
        path = rule.replace("<int:notification_id>", str(note)).replace("<int:appointment_id>", str(made))
        path = path.replace("<path:wanted>", "nowhere")
        for token in (right, wrong):
            data = {
                "csrf_token": token,
                "password": hidden["the password"],
                "email": f"{secret}@",
                "action": secret,
                "reason": secret,
                "ids": secret,
                "back": f"//{secret}",
            }
            reply = employee.post(path, data=data)
            assert hidden.found_in(reply.data, but=("the token of a form",)) == [], path
            assert hidden.found_in(str(reply.headers)) == [], path
    told.assert_nothing_was_told(application)


def test_a_log_in_tells_a_secret_to_nobody_but_its_browser(
    application: Flask, people: Callers, hidden: Hidden, told: Told, world: World
) -> None:
    world.execute("UPDATE users SET password_hash = :hash", hash=FAST.hash(hidden["the password"]))
    email = world.row("SELECT email FROM users WHERE name = 'Emma Employee'")["email"]
    browser = application.test_client()
    for password in ("wrong" + hidden["a foreign secret"], hidden["the password"]):
        form = csrf_of(browser, "/console/login")
        hidden.words["the token of the log-in form"] = form
        reply = browser.post(
            "/console/login", data={"csrf_token": form, "email": email, "password": password}
        )
        assert hidden.found_in(reply.data, but=("the token of the log-in form",)) == []
    session = browser.get_cookie("console_session", path="/console")
    assert session is not None
    hidden.words["the token of the cookie"] = session.value
    assert hidden.found_in(reply.headers["Location"]) == []
    assert hidden.found_in(browser.get("/console/notifications").data) == []
    told.assert_nothing_was_told(application)
    stored = world.rows("SELECT row_to_json(t)::text AS shown FROM tokens t")
    assert hidden.found_in(json.dumps(stored)) == []


def test_no_crash_of_a_page_tells_a_secret(
    application: Flask, people: Callers, hidden: Hidden, told: Told, sink: EnvelopeSink
) -> None:
    def crash(**_given: Any) -> Any:
        raise RuntimeError(f"Cannot show {list(hidden.words.values())}")

    employee = signed_in(application, people.tokens["employee"])
    hidden.words["the token of a form"] = form = csrf_of(employee)
    pages = [rule for rule in application.url_map.iter_rules() if rule.rule.startswith("/console")]
    pages = [rule for rule in pages if rule.endpoint not in ("console.static", "console.log_in")]
    for rule in pages:
        application.view_functions[rule.endpoint] = crash
    for rule in pages:
        path = rule.rule.replace("<kind>", "confirmation").replace("<path:wanted>", "x")
        for part in ("notification_id", "appointment_id", "command_id"):
            path = path.replace(f"<int:{part}>", "1")
        method = "POST" if "POST" in (rule.methods or ()) else "GET"
        reply = employee.open(
            path, method=method, data={"csrf_token": form, "reason": hidden["the description"]}
        )
        assert reply.status_code == 500, path
        assert hidden.found_in(reply.data, but=("the token of a form",)) == [], path
        assert hidden.found_in(str(reply.headers)) == [], path
    told.assert_nothing_was_told(application)
    assert len(sink.events) >= len(pages)


# --- the command line ---


def test_sentry_is_not_told_what_a_command_was_called_with(
    application: Flask, hidden: Hidden, told: Told, sink: EnvelopeSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["flask", "tokens", "revoke", hidden["a foreign secret"]])
    try:
        raise RuntimeError(hidden["the password"])
    except RuntimeError as failure:
        sentry_sdk.capture_exception(failure)
    structlog.get_logger().warning("told")
    told.assert_nothing_was_told(application)
    (event,) = sink.events
    assert "extra" not in event


def test_what_is_looked_for_would_be_found(
    application: Flask, people: Callers, hidden: Hidden, sink: EnvelopeSink
) -> None:
    reply = people.api.create(notes=hidden["the code of the gate"])
    assert hidden.found_in(json.dumps(reply.body)) == ["the code of the gate"]
    sentry_sdk.get_client().options["before_send"] = None
    sentry_sdk.capture_message(f"Here is {hidden['the password']}")
    sentry_sdk.flush(2)
    assert hidden.found_in(b"\n".join(sink.raw)) == ["the password"]
    assert hidden.found_in(base64.b64encode(b"xy" + hidden["an address"].encode())[2:]) in (
        [],
        ["an address"],
    )
