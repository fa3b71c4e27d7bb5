"""Words that would be commands to somebody: to SQL, to templates, to mail programs, to browsers, to HTTP.

They go in as an appointment and through headers, and are looked for where they would do harm: in the tables, in the
finished mail, its calendar file and pages. A real server on loopback listens for anybody who would fetch something.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.header import Header
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from flask import Flask

from api.appointment_params import CREATE_PARAMS
from models import database
from tasks.mail_door import preview
from tests.api.changing import NINE, stamp
from tests.client import CREATE
from tests.security.callers import Callers
from tests.world import World

HOSTILE = {
    "SQL": "'); DROP TABLE appointments; --",
    "SQL of a search": "%' OR '1'='1",
    "a parameter of SQL": "%(id)s :id $1 {0}",
    "a template": "{{7*7191}} {% for x in y %} ${7*7191} #{7*7191} <%= 7*7191 %>",
    "a script": '"><script>alert(1)</script><img src=x onerror=alert(2)>',
    "a style": "<style>@import url(//evil.example);</style><link rel=stylesheet href=//evil.example>",
    "a header": "Roof\nBcc: everybody@evil.example\nX-Evil: 1",
    "a property of a calendar": "Roof\nEND:VEVENT\nATTENDEE:mailto:everybody@evil.example",
    "a formula": '=HYPERLINK("http://evil.example","x")',
    "a way up": "../../../../etc/passwd",
    "a shell": "$(touch /tmp/evil) `touch /tmp/evil` ; touch /tmp/evil",
    "a turned text": "\u202egnp.exe",
}


def of(kind: str) -> dict[str, str]:
    names = ("summary", "description", "location", "notes", "photographer_name", "created_by", "confirmed_by")
    return dict.fromkeys(names, HOSTILE[kind])


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_words_are_kept_as_they_are_and_do_nothing(
    app: Flask, callers: Callers, world: World, kind: str
) -> None:
    photographer = world.photographer(email="p@example.com")
    params = {**NINE, **of(kind), "order_id": callers.order.id, "photographer_user_id": photographer.id}
    made = callers.api.create(params, confirmed=True, updated_at_mt=stamp(0))
    assert made.code == 200, made.body
    number = made.appointment["id"]
    assert world.appointment(number)["description"] == HOSTILE[kind]
    callers.settle()

    mails = []
    for command, role in (("send-confirmation", "client"), ("send-assignment", "photographer")):
        with database.transaction() as connection:
            mails.append(preview(connection, number, command, role))
    for mail in mails:
        assert "\n" not in mail.subject and "\r" not in mail.subject
        assert len(Header(mail.subject).encode().splitlines()) >= 1
        for danger in ("<script", "<img src=x", "<style>@import", "<link rel=stylesheet href=//"):
            assert danger not in mail.html
        assert str(7 * 7191) not in mail.html + mail.text
        assert mail.calendar is not None
        unfolded = mail.calendar[1].decode() if isinstance(mail.calendar[1], bytes) else mail.calendar[1]
        lines = unfolded.replace("\r\n ", "").split("\r\n")
        people = {line.rpartition(":")[2] for line in lines if line.startswith(("ATTENDEE", "ORGANIZER"))}
        assert people <= {callers.order.client_email, "p@example.com", "appointments@example.com"}
        assert lines.count("END:VEVENT") == 1
        assert "/" not in mail.calendar[0] and "\n" not in mail.calendar[0]

    employee = app.test_client()
    employee.set_cookie("console_session", str(callers.tokens["employee"]), path="/console")
    for page in (
        f"/console/appointments/{number}",
        "/console/appointments",
        "/console/appointments/day?date=2026-12-03",
    ):
        html = employee.get(page).get_data(as_text=True)
        assert "<script>alert" not in html and "<img src=x" not in html and "<style>" not in html
        assert str(7 * 7191) not in html
    searched = employee.get(
        "/console/appointments", query_string={"q": HOSTILE[kind][:200].replace("\n", " ")}
    )
    assert searched.status_code == 200
    assert "<script>alert" not in searched.get_data(as_text=True)
    assert world.rows("SELECT id FROM appointments") == [{"id": number}]


HEADERS = ("X-Request-Id", "Idempotency-Key", "Prefer", "Origin", "User-Agent", "X-Forwarded-For", "Cookie")


@pytest.mark.parametrize("name", HEADERS)
def test_no_header_of_a_request_makes_a_header_of_an_answer(callers: Callers, app: Flask, name: str) -> None:
    for value in ("abc%0d%0aX-Evil: 1", "abc\x85X-Evil: 1", "=1+1", "{{7*7191}}", "x" * 4000, "évil"):
        reply = app.test_client().post(
            CREATE,
            json={"token": callers.api.token, "updated_at_mt": stamp(0)},
            headers={name: value.encode().decode("latin-1")},
        )
        assert reply.status_code in (200, 400), (value, reply.data)
        assert "X-Evil" not in reply.headers
        assert value not in str(reply.headers)
        assert reply.headers["X-Request-Id"].isalnum()


# --- hosts ---


@pytest.mark.parametrize(
    "header", ["Host", "X-Forwarded-Host", "X-Original-Url", "X-Rewrite-Url", "Forwarded"]
)
def test_no_link_follows_the_host_that_a_request_names(app: Flask, callers: Callers, header: str) -> None:
    evil = {"Host": "evil.example", "Forwarded": "host=evil.example"}.get(header, "evil.example")
    employee, stranger = app.test_client(), app.test_client()
    employee.set_cookie(
        "console_session", str(callers.tokens["employee"]), path="/console", domain="localhost"
    )
    for path in ("/console", "/console/notifications", "/console/login", "/documentation", "/openapi.json"):
        for browser in (employee, stranger):
            reply = browser.get(path, headers={header: evil})
            assert b"evil.example" not in reply.data, path
            assert "evil.example" not in str(reply.headers), path


# --- whom the server asks ---


@contextmanager
def trap() -> Iterator[tuple[str, list[str]]]:
    """A server on loopback, and what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        do_POST = do_HEAD = do_GET  # noqa: N815 - as the server calls them

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()


def test_no_parameter_makes_the_server_fetch_anything(app: Flask, callers: Callers, world: World) -> None:
    with trap() as (address, asked):
        url = f"http://{address}/fetched"
        words = f'{url} <link rel="stylesheet" href="{url}"><img src="{url}"> //{address}/ file:///etc/passwd'
        texts: dict[str, Any] = {param.name: words for param in CREATE_PARAMS if param.max_length == 10_000}
        texts |= {
            param.name: url for param in CREATE_PARAMS if param.max_length == 255 and param.name not in texts
        }
        texts = {
            k: v
            for k, v in texts.items()
            if k not in ("token", "application", "session_view", "time_duration", "uuid")
        }
        reply = callers.api.create(
            {**NINE, **texts, "order_id": callers.order.id}, confirmed=True, updated_at_mt=stamp(0)
        )
        assert reply.code == 200, reply.body
        callers.settle()
        with database.transaction() as connection:
            preview(connection, reply.appointment["id"], "send-confirmation", "client")
        browser = app.test_client()
        browser.set_cookie("console_session", str(callers.tokens["employee"]), path="/console")
        headers = {
            "Referer": url,
            "Origin": f"http://{address}",
            "X-Forwarded-Host": address,
            "Host": address,
        }
        browser.get("/console/login", query_string={"back": url}, headers=headers)
        browser.get(f"/console/appointments/{reply.appointment['id']}", headers={"HX-Current-URL": url})
        assert asked == []
