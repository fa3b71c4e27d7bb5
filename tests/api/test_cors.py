"""Pages of configured origins may call the API; nobody else's may, and nothing rides along unasked."""

import json
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from settings import Settings, get_settings
from tests.client import CREATE
from tests.world import World

APP = "https://app.example.com"
ASK = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}


@pytest.fixture
def browser(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    monkeypatch.setenv("CORS_ORIGINS", json.dumps([APP, "http://localhost:5173"]))
    get_settings.cache_clear()
    yield create_app().test_client()
    monkeypatch.undo()
    get_settings.cache_clear()


@pytest.mark.parametrize("origin", [APP, "http://localhost:5173"])
def test_a_preflight_of_a_configured_origin_is_answered(browser: FlaskClient, origin: str) -> None:
    reply = browser.options(CREATE, headers={"Origin": origin, **ASK})
    assert (reply.status_code, reply.data) == (204, b"")
    assert reply.headers["Access-Control-Allow-Origin"] == origin
    assert reply.headers["Access-Control-Allow-Methods"] == "POST"
    assert "Authorization" in reply.headers["Access-Control-Allow-Headers"]
    assert "Content-Type" in reply.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in reply.headers
    assert "Origin" in reply.headers["Vary"]


def test_an_answer_may_be_read_with_the_headers_that_a_page_needs(browser: FlaskClient) -> None:
    reply = browser.post(CREATE, json={}, headers={"Origin": APP})
    assert reply.headers["Access-Control-Allow-Origin"] == APP
    exposed = set(reply.headers["Access-Control-Expose-Headers"].split(", "))
    assert {"X-Request-Id", "Retry-After", "RateLimit", "RateLimit-Policy"} <= exposed
    assert "Origin" in reply.headers["Vary"]


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", APP + ".evil.example", "http://app.example.com", APP.upper(), ""],
)
def test_another_origin_gets_no_permission(browser: FlaskClient, origin: str) -> None:
    preflight = browser.options(CREATE, headers={"Origin": origin, **ASK})
    assert preflight.get_json()["status"] == "route-non-existent"
    for reply in (preflight, browser.post(CREATE, json={}, headers={"Origin": origin})):
        assert "Access-Control-Allow-Origin" not in reply.headers
        assert "Origin" in reply.headers["Vary"], "a cache must not give this answer to the other origin"


def test_an_unknown_route_has_no_preflight(browser: FlaskClient) -> None:
    reply = browser.options("/api/v1/nothing/here", headers={"Origin": APP, **ASK})
    assert reply.get_json()["status"] == "route-non-existent"


def test_options_without_a_preflights_headers_is_a_verb_like_any_other(browser: FlaskClient) -> None:
    assert browser.options(CREATE, headers={"Origin": APP}).get_json()["status"] == "route-non-existent"
    assert browser.options(CREATE, headers=ASK).get_json()["status"] == "route-non-existent"


def test_only_the_api_may_be_called_from_elsewhere(browser: FlaskClient) -> None:
    assert "Access-Control-Allow-Origin" not in browser.get("/healthz", headers={"Origin": APP}).headers


def test_without_configured_origins_there_is_nothing_of_it(world: World) -> None:
    client = create_app().test_client()
    assert client.options(CREATE, headers={"Origin": APP, **ASK}).status_code == 500
    headers = client.post(CREATE, json={}, headers={"Origin": APP}).headers
    assert not [name for name, _ in headers if name.startswith("Access-Control") or name == "Vary"]


@pytest.mark.parametrize(
    "origin", ["*", "app.example.com", APP + "/", APP + "/path", "ftp://a.example", "https://A.example"]
)
def test_what_is_no_origin_is_refused_at_the_start(origin: str) -> None:
    with pytest.raises(ValueError, match="CORS_ORIGINS must list origins"):
        Settings(cors_origins=(origin,))
