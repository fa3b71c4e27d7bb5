"""Requests that are too much, or pretend to be another: sizes, counts, packed bodies, verbs, forged and old webhooks.

`tests/api/test_garbage.py` and `test_body.py` throw whatever there is at one route; here each rule is held by all of
them. `tests/api/test_mandrill_webhook.py` tells what a true webhook does.
"""

import base64
import gzip
import json
import secrets
import zlib
from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask

from api import rate_limits, signed
from api.app import ROUTES
from api.routes import OpenRoute, Route, SignedRoute
from settings import get_settings
from tests import webhooks
from tests.security.callers import Callers
from tests.world import World

BODIES = [route for route in ROUTES if isinstance(route, Route) and route.method != "GET"]
READS = [route for route in ROUTES if isinstance(route, Route) and route.method == "GET"]


@cache
def bombs() -> dict[str, bytes]:
    """Bodies that are small to send and large to read, or would be."""
    large = b'{"notes": "' + b"a" * 10_000_000 + b'"}'
    return {
        "gzip": gzip.compress(large),
        "deflate": zlib.compress(large),
        "br": b"\x8b\x03\x80",
        "identity": b"{",
    }


@pytest.mark.parametrize("route", BODIES, ids=lambda route: route.path)
def test_no_route_unpacks_a_body_reads_too_much_or_too_deep(
    app: Flask, callers: Callers, route: Route
) -> None:
    bearer = {} if isinstance(route, OpenRoute) else {"Authorization": f"Bearer {callers.api.token}"}

    def status(body: bytes, **headers: str) -> tuple[int, str]:
        kind = "text/plain" if route.sensitive else "application/json"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        reply = app.test_client().open(
            route.path, method=route.method, data=body, headers={"Content-Type": kind, **bearer, **named}
        )
        return reply.status_code, reply.get_json()["status"]

    for coding, packed in bombs().items():
        refused = "invalid-encoded-params" if coding == "identity" else "invalid-content-type"
        assert status(packed, Content_Encoding=coding) == (400, refused), coding
    assert status(b"a" * (256 * 1024 + 1)) == (413, "request-too-large")

    def encoded(text: bytes) -> bytes:
        return base64.b64encode(text) if route.sensitive else text

    deep = b'{"id":' + b"[" * 20_000 + b"]" * 20_000 + b"}"
    assert status(encoded(deep)) == (400, "invalid-encoded-params")
    many = json.dumps({f"n{number}": number for number in range(10_000)}).encode()
    code, _ = status(encoded(many))
    assert code in (200, 400, 403)
    huge = encoded(b'{"id":1' + b"0" * 4_000 + b',"ids":"' + b"1," * 50_000 + b'","email":"x"}')
    assert status(huge)[0] in (200, 400, 403)


@pytest.mark.parametrize("route", READS, ids=lambda route: route.path)
def test_a_list_gives_no_more_than_a_page(callers: Callers, route: Route) -> None:
    for limit in ("201", "1000000", "-1", "0", "1e9"):
        if "limit" in route.params:
            reply = callers.ask("employee", route, {"limit": limit, "id": 1})
            assert "limit" in reply.faults, limit
    query = urlencode([("x", str(number)) for number in range(700)])
    reply = callers.api.raw(
        b"", method="GET", path=f"{route.path}?{query}", Authorization=f"Bearer {callers.api.token}"
    )
    assert reply.code in (200, 400)
    assert len(json.dumps(reply.body["warnings"])) < 20_000


TUNNELS = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_no_verb_is_smuggled_through_another(
    app: Flask, callers: Callers, world: World, route: Route | SignedRoute
) -> None:
    visitor = app.test_client()
    for verb in {"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"} - {route.method}:
        before = world.rows("SELECT count(*) AS n FROM appointments")
        headers = dict.fromkeys(TUNNELS, route.method) | {"Authorization": f"Bearer {callers.api.token}"}
        reply = visitor.open(
            f"{route.path}?_method={route.method}",
            method=verb,
            json={"updated_at_mt": "2026-11-22 10:00:00", "_method": route.method},
            headers=headers,
        )
        assert reply.get_json()["status"] == "route-non-existent", verb
        assert world.rows("SELECT count(*) AS n FROM appointments") == before
    # HEAD is what GET is, without the body (RFC 9110 section 9.3.2), and wants the token too.
    heads = {"GET": 400, "POST": 200 if isinstance(route, SignedRoute) else 500, "PUT": 500}
    assert visitor.head(route.path).status_code == heads[route.method]


@pytest.mark.parametrize("odd", ["//{}", "{}/", "{}//", "{}/.", "{};x", "{}%00", "{}%20", "/./{}", "/x/..{}"])
def test_another_spelling_of_a_path_is_another_path(app: Flask, callers: Callers, odd: str) -> None:
    """What a proxy lets through by its path is what we take it for."""
    for route in ROUTES:
        reply = app.test_client().open(
            odd.format(route.path if odd != "//{}" else route.path[1:]),
            method=route.method,
            headers={"Authorization": f"Bearer {callers.api.token}"},
        )
        assert reply.get_json()["status"] in ("route-non-existent", "missing-param", "no-params-decoded")
        if reply.get_json()["status"] != "route-non-existent":
            assert odd in ("{}%20", "/./{}", "/x/..{}", "//{}"), "a client's own normalising"


# --- webhooks ---


@pytest.fixture
def webhook(callers: Callers, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MANDRILL_WEBHOOK_KEY", webhooks.KEY)
    monkeypatch.setenv("MANDRILL_WEBHOOK_URL", webhooks.URL)
    get_settings.cache_clear()
    yield
    monkeypatch.undo()
    get_settings.cache_clear()


def sent(fields: list[tuple[str, str]], signature: str) -> dict[str, Any]:
    return {
        "data": urlencode(fields),
        "headers": {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Mandrill-Signature": signature,
        },
    }


def test_a_true_webhook_that_comes_again_does_nothing_again(
    webhook: None, callers: Callers, world: World
) -> None:
    made = callers.appointment("the order's")
    callers.settle()
    mail = world.row("SELECT send_id, recipient FROM emails WHERE appointment_id = :id", id=made)
    told = [webhooks.event("hard_bounce", mail["recipient"], mail["send_id"])]
    first = webhooks.post(callers.api, told)
    assert first.body["data"] == {"received": 1, "new": 1, "settled": 0, "failures": 1}
    state = world.rows("SELECT id, state, xmin::text AS version FROM notifications")
    # Even when we have forgotten that we had it: what it tells is known.
    for forget in (False, True):
        if forget:
            world.execute("DELETE FROM mail_events")
        again = webhooks.post(callers.api, told)
        assert (again.code, again.body["data"]["failures"]) == (200, 0)
        assert world.rows("SELECT id, state, xmin::text AS version FROM notifications") == state


def test_what_was_signed_cannot_be_cut_up_anew(webhook: None, app: Flask, world: World) -> None:
    """The signature runs names and values together; no other division of the same text is an event."""
    value = json.dumps([webhooks.event("spam", "a@example.com")])
    right = webhooks.signed(value)
    for fields in (
        [("mandrill_events", value[:1]), (value[1:], "")],
        [("mandrill_events" + value[:5], value[5:])],
        [("mandrill_events", ""), (value, "")],
        [("mandrill", "_events" + value)],
        [("mandrill_events", value), ("mandrill_events", "[]")],
        [("mandrill_events", value + " ")],
        [("", "mandrill_events" + value)],
    ):
        reply = app.test_client().post(webhooks.PATH, **sent(fields, right))
        assert reply.status_code in (400, 403), fields
    assert world.rows("SELECT id FROM mail_events") == []


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "=",
        "AAAA",
        "A" * 28,
        "a" * 10_000,
        "é",
        webhooks.signed("[]", key=""),
        webhooks.signed("[]", key="test-webhook"),
    ],
)
def test_a_forged_webhook_is_refused_whatever_it_is_signed_with(
    webhook: None, app: Flask, world: World, signature: str
) -> None:
    value = json.dumps([webhooks.event("send", "a@example.com")])
    reply = app.test_client().post(
        webhooks.PATH, **sent([("mandrill_events", value)], signature.encode().decode("latin-1"))
    )
    assert (reply.status_code, reply.get_json()["status"]) == (403, "permission-denied")
    assert world.rows("SELECT id FROM mail_events") == []


def test_only_so_many_large_webhooks_are_held_at_once(webhook: None, app: Flask) -> None:
    """Strangers are told so before their megabytes are read; small ones go on."""
    large = [("mandrill_events", "x" * signed.LARGE_BYTES)]
    for _ in range(signed.LARGE_AT_ONCE + 1):
        assert app.test_client().post(webhooks.PATH, **sent(large, "forged")).status_code == 403
    places = [signed._large.acquire(blocking=False) for _ in range(signed.LARGE_AT_ONCE)]
    try:
        assert all(places), "each was given back"
        refused = app.test_client().post(webhooks.PATH, **sent(large, "forged"))
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
        small = app.test_client().post(webhooks.PATH, **sent([("mandrill_events", "[{}]")], "forged"))
        assert small.status_code == 403
    finally:
        for _ in places:
            signed._large.release()


def test_who_has_a_whole_network_of_addresses_counts_as_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RATE_LIMIT_FAILURES", "3 per hour")
    get_settings.cache_clear()
    try:
        rate_limits.set_up()
        network = f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}"
        standings = [rate_limits.failures_of(f"{network}::{number}") for number in range(1, 5)]
        assert [standing is not None and standing.is_refused for standing in standings] == [False] * 3 + [
            True
        ]
        other = rate_limits.failures_of("2001:db8:ffff:ffff::1")
        assert other is not None and not other.is_refused
    finally:
        monkeypatch.undo()
        get_settings.cache_clear()
        rate_limits.set_up()
