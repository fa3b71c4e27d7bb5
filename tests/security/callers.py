"""Everybody who may come to a door of the product, and what there is behind it to be had.

One company has a client, Carla, and a liaison; another one has theirs. There are appointments of Carla's order, of no
order that the office made, and of no order that Carla made.
"""

import base64
import itertools
import json
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from api.routes import Route
from tests.api.changing import NINE, settle, stamp
from tests.client import ApiClient, Reply
from tests.world import MadeOrder, World

WHO = (
    *("nobody", "garbage", "revoked", "over", "no role"),
    *("client", "stranger", "liaison", "foreign liaison", "employee", "application"),
)
"""The columns of the tables. `revoked` and `over` are sessions of the client whose order it is."""

_stamps = itertools.count(1)


@dataclass
class Callers:
    """The tokens by who has them (None: none), and a client of the API."""

    world: World
    api: ApiClient
    order: MadeOrder
    tokens: dict[str, str | None] = field(repr=False)

    def ask(self, who: str, route: Route, params: dict[str, Any], **headers: str) -> Reply:
        """Ask a route as somebody, in the way it wants to be asked."""
        token = self.tokens[who]
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        return send(self.api, route, params, **headers)

    def appointment(self, whose: str) -> int:
        """A new appointment: `the order's`, `the office's` or `the client's`."""
        made_by = {"the client's": "client", "the office's": "employee", "the order's": "application"}[whose]
        params = {"order_id": self.order.id} if whose == "the order's" else {}
        token = self.tokens[made_by]
        assert token is not None
        reply = self.api.with_token(token).create({**NINE, **params}, updated_at_mt=stamp(0))
        assert reply.code == 200, reply.body
        return int(reply.appointment["id"])

    def notification(self) -> int:
        """A new notification, about nothing that could be sent."""
        return self.world.insert(
            "INSERT INTO notifications (status, subject_key, cause, cause_key, message, hint, state, severity)"
            " VALUES ('mandrill-email-failed', :key, 'hard-bounce', 'hard-bounce', 'It failed.', 'Correct it.',"
            " 'open', 'high') RETURNING id",
            key=secrets.token_hex(8),
        )

    def settle(self) -> None:
        """Let the workers do what is to be done."""
        settle(self.world)


def send(api: ApiClient, route: Route, params: dict[str, Any], **headers: str) -> Reply:
    """A request to a route: a query for GET, base64 where the body is sensitive, else JSON."""
    if route.method == "GET":
        return api.raw(b"", method="GET", path=f"{route.path}?{urlencode(params)}", **headers)
    body = json.dumps({"session_view": "none", **params}).encode()
    kind = "application/json"
    if route.sensitive:
        body, kind = base64.b64encode(body), "text/plain"
    return api.raw(body, method=route.method, path=route.path, Content_Type=kind, **headers)


def next_stamp() -> str:
    """An `updated_at_mt` later than any before."""
    return stamp(next(_stamps))


def invite(world: World, api: ApiClient) -> Callers:
    """Make everybody."""
    company, foreign = world.company("Acme"), world.company("Foreign")
    carla, stranger = world.user("Carla Client"), world.user("Stan Stranger")
    order = world.order(client_id=world.client(user_id=carla.id), company_id=company)
    world.order(client_id=world.client(user_id=stranger.id), company_id=foreign)
    revoked = world.session_token(carla.id)
    world.execute("UPDATE tokens SET revoked_at = now() WHERE public_id = :id", id=revoked.split("_")[1])
    tokens: dict[str, str | None] = {
        "nobody": None,
        "garbage": f"session_{secrets.token_hex(8)}_{secrets.token_urlsafe(32)}",
        "revoked": revoked,
        "over": world.session_token(carla.id, age=timedelta(days=8)),
        "no role": world.session_token(world.user("Nora Norole").id),
        "client": world.session_token(carla.id),
        "stranger": world.session_token(stranger.id),
        "liaison": world.session_token(world.liaison(company).id),
        "foreign liaison": world.session_token(world.liaison(foreign).id),
        "employee": world.session_token(world.employee().id),
        "application": api.token,
    }
    assert tuple(tokens) == WHO
    return Callers(world, api, order, tokens)
