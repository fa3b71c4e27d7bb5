"""What every answer carries for the safety of its reader, and whose address a caller has."""

import socket
import time
from collections.abc import Iterator

import pytest
from flask import Flask, Response, request

from api import http_headers
from api.app import create_app
from api.server import JsonWorker, give_up_silence
from settings import Settings, get_settings
from tests.client import CREATE, ApiClient
from tests.world import World

PRODUCTION = {
    "app_env": "production",
    "secret_key": "k" * 40,
    "mandrill_api_key": "md-key",
    "mail_from": "Appointments <a@mail.example.org>",
    "public_url": "https://api.example.org",
}
ANSWERS = [
    ("POST", CREATE, 400),
    ("GET", CREATE, 500),
    ("GET", "/nothing", 500),
    ("GET", "/healthz", 200),
    ("GET", "/readyz", 200),
    ("GET", "/metrics", 200),
]


@pytest.fixture
def app(world: World) -> Flask:
    return create_app()


@pytest.mark.parametrize(("method", "path", "code"), ANSWERS)
def test_every_answer_is_protected(app: Flask, method: str, path: str, code: int) -> None:
    reply = app.test_client().open(path, method=method)
    assert reply.status_code == code
    for name, value in http_headers.ALWAYS:
        assert reply.headers.getlist(name) == [value]
    assert "Strict-Transport-Security" not in reply.headers
    assert "Set-Cookie" not in reply.headers


def test_success_is_protected_as_well(api: ApiClient) -> None:
    reply = api.create()
    assert reply.code == 200
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["cache-control"] == "no-store"
    assert "set-cookie" not in reply.headers


def test_what_a_view_has_set_is_left_alone(app: Flask) -> None:
    own = {"Content-Security-Policy": "default-src 'self'", "cache-control": "max-age=60"}
    app.add_url_rule("/page", view_func=lambda: Response("page", headers=own))
    headers = app.test_client().get("/page").headers
    assert headers.getlist("Content-Security-Policy") == ["default-src 'self'"]
    assert headers.getlist("Cache-Control") == ["max-age=60"]
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("changes", "is_bound"),
    [
        ({}, True),
        ({"app_env": "development"}, False),
        ({"app_env": "development", "public_url": "http://x"}, False),
    ],
)
def test_https_is_demanded_in_production_only(changes: dict[str, str], is_bound: bool) -> None:
    settings = Settings(**{**PRODUCTION, **changes})
    assert ("Strict-Transport-Security" in dict(http_headers.protection(settings))) is is_bound


# -- whose address


@pytest.fixture
def proxied(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TRUSTED_PROXIES", "2")
    get_settings.cache_clear()
    yield
    monkeypatch.undo()
    get_settings.cache_clear()


def seen_address(app: Flask, forwarded: str) -> str:
    app.add_url_rule("/address", view_func=lambda: request.remote_addr or "")
    return app.test_client().get("/address", headers={"X-Forwarded-For": forwarded}).text


def test_without_trusted_proxies_the_peer_is_the_client(app: Flask) -> None:
    assert seen_address(app, "203.0.113.9") == "127.0.0.1"


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("1.1.1.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("203.0.113.9", "127.0.0.1"),
    ],
)
def test_of_the_forwarded_addresses_only_those_of_trusted_proxies_count(
    proxied: None, forwarded: str, address: str
) -> None:
    assert seen_address(create_app(), forwarded) == address


# -- below HTTP


def test_what_is_not_http_is_protected_as_well() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        JsonWorker.handle_error(JsonWorker.__new__(JsonWorker), None, ours, None, ValueError("no"))
        head = theirs.recv(10_000).decode()
    assert "HTTP/1.1 400" in head
    for name, value in http_headers.ALWAYS:
        assert f"{name}: {value}\r\n" in head


def test_a_client_that_falls_silent_in_its_body_is_given_up() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        give_up_silence(ours, 0.2)
        ours.setblocking(True)  # as gunicorn does before it reads
        theirs.sendall(b"half of the bo")
        started = time.monotonic()
        assert ours.recv(100) == b"half of the bo"
        with pytest.raises(BlockingIOError):
            ours.recv(100)
        assert 0.1 < time.monotonic() - started < 2
