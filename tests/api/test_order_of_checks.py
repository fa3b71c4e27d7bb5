"""The order of checks (contract.md section 2): of a request with two faults the earlier stage decides."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.client import CREATE, STAMP, ApiClient, Reply
from tests.world import World

Send = Callable[["Caller"], Reply]


class Caller:
    """Sends requests that are wrong in several places."""

    def __init__(self, api: ApiClient, world: World, retired: Callable[[str], None]) -> None:
        """The token is valid until another one is taken."""
        self.api, self.world, self.retired = api, world, retired

    def send(
        self,
        params: dict[str, Any] | bytes,
        *,
        token: str | None = "valid",
        content_type: str = "application/json",
        path: str = CREATE,
        **headers: str,
    ) -> Reply:
        """Post the parameters, beside the token unless there is to be none."""
        if isinstance(params, dict) and token is not None:
            params = {"token": self.api.token if token == "valid" else token, **params}
        body = params if isinstance(params, bytes) else json.dumps(params).encode()
        return self.api.raw(body, path=path, Content_Type=content_type, **headers)

    def session(self, user_id: int, **how: Any) -> str:
        """A session's token."""
        return self.world.session_token(user_id, **how)

    def outsider(self, **how: Any) -> str:
        """The token of a user without any role."""
        return self.session(self.world.user().id, **how)

    def not_admitted(self) -> str:
        """The token of a client in an application that admits none."""
        user = self.world.user()
        self.world.client(user_id=user.id)
        return self.session(user.id, application="planox2")


@pytest.fixture
def caller(api: ApiClient, world: World, retired: Callable[[str], None]) -> Caller:
    return Caller(api, world, retired)


def retired_with_wrong_type(table: str) -> Send:
    def send(caller: Caller) -> Reply:
        caller.retired(table)
        return caller.send({}, content_type="text/plain")

    return send


TWO_FAULTS: list[tuple[str, str, Send]] = [
    ("no such route, wrong type", "route-non-existent",
     lambda c: c.send({}, path="/api/v1/nothing", content_type="text/plain")),
    ("route not deployed, wrong type", "route-not-found", retired_with_wrong_type("routes")),
    ("service not deployed, wrong type", "service-not-found", retired_with_wrong_type("services")),
    ("too large, wrong type", "request-too-large", lambda c: c.send(b"x" * 300_000, content_type="text/plain")),
    ("wrong type, malformed body", "invalid-content-type", lambda c: c.send(b"{", content_type="text/plain")),
    ("wrong type, invalid token", "invalid-content-type",
     lambda c: c.send({}, token="wrong", content_type="text/plain")),
    ("malformed body, invalid token", "invalid-encoded-params", lambda c: c.send(b"{", Authorization="Bearer wrong")),
    ("empty body, invalid token", "no-params-decoded", lambda c: c.send(b"", Authorization="Bearer wrong")),
    ("no token, missing parameter", "missing-param", lambda c: c.send({"allday": True}, token=None)),
    ("no token, invalid parameter", "missing-param",
     lambda c: c.send({"updated_at_mt": STAMP, "allday": "maybe"}, token=None)),
    ("differing tokens, missing parameter", "invalid-token", lambda c: c.send({}, Authorization="Bearer other")),
    ("invalid token, missing parameter", "invalid-token", lambda c: c.send({}, token="wrong")),
    ("invalid token, invalid parameter", "invalid-token",
     lambda c: c.send({"updated_at_mt": STAMP, "allday": "maybe"}, token="wrong")),
    ("expired session, no role", "session-expired", lambda c: c.send({}, token=c.outsider(age=timedelta(days=8)))),
    ("expired session, missing parameter", "session-expired",
     lambda c: c.send({}, token=c.session(c.world.employee().id, idle=timedelta(days=4)))),
    ("no role, missing parameter", "client-required", lambda c: c.send({}, token=c.outsider())),
    ("no role, unknown application", "client-required",
     lambda c: c.send({"application": "nothing"}, token=c.outsider())),
    ("missing parameter, invalid parameter", "missing-param", lambda c: c.send({"allday": "maybe"})),
    ("missing parameter, unknown id", "missing-param", lambda c: c.send({"order_id": 99})),
    ("missing parameter, not admitted", "missing-param", lambda c: c.send({}, token=c.not_admitted())),
    ("invalid parameter, not admitted", "invalid-param",
     lambda c: c.send({"updated_at_mt": STAMP, "allday": "maybe"}, token=c.not_admitted())),
    ("not admitted, unknown id", "permission-denied",
     lambda c: c.send({"updated_at_mt": STAMP, "order_id": 99}, token=c.not_admitted())),
]  # fmt: skip


@pytest.mark.parametrize(("status", "send"), [pytest.param(s, send, id=name) for name, s, send in TWO_FAULTS])
def test_the_earlier_stage_decides(caller: Caller, status: str, send: Send):
    assert send(caller).status == status


def test_missing_and_invalid_and_unknown_are_listed_together_in_position_order(api: ApiClient):
    reply = api.post(
        {
            "token": api.token,
            "window_time_end": 86_401,
            "uuid": "no uuid",
            "photographer_user_id": 55,
            "order_request_appt_id": 44,
            "order_id": 33,
            "allday": "maybe",
            "date_start_local": "13/13/2026",
            "notes": "\x00",
            "application": "planox3",
        }
    )
    assert reply.status == "missing-param"
    assert list(reply.faults.items()) == [
        ("application", "invalid-param"),
        ("allday", "invalid-param"),
        ("date_start_local", "invalid-param"),
        ("notes", "invalid-param"),
        ("order_id", "invalid-param"),
        ("order_request_appt_id", "invalid-param"),
        ("photographer_user_id", "invalid-param"),
        ("updated_at_mt", "missing-param"),
        ("uuid", "invalid-param"),
        ("window_time_end", "invalid-param"),
    ]
    assert reply.body["message"] == "Missing: updated_at_mt."


def test_without_a_token_the_faults_of_the_parameters_are_listed_too(api: ApiClient):
    reply = api.post({"allday": "maybe"})
    assert reply.faults == {
        "token": "missing-param",
        "updated_at_mt": "missing-param",
        "allday": "invalid-param",
    }


def test_a_fault_of_a_header_stands_beside_those_of_the_parameters(api: ApiClient):
    reply = api.create({"allday": "maybe"}, headers={"Idempotency-Key": "k" * 256})
    assert reply.faults == {"Idempotency-Key": "invalid-param", "allday": "invalid-param"}


def test_whoever_has_no_valid_token_learns_nothing_about_ids(api: ApiClient, world: World):
    order = world.order()
    known, unknown = (
        api.post({"order_id": number, "updated_at_mt": STAMP}) for number in (order.id, 987_654)
    )
    assert known.body["errors"] == unknown.body["errors"]
