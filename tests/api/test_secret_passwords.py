"""A password stays with the person: it is in no answer, no log line, no repr and no record but its hash."""

import base64
import io
import json
import secrets
from collections.abc import Callable
from typing import Any

import pytest

from api.decoding import decode, fingerprint
from api.sessions.params import CREATE as CREATE_PARAMS
from models.database import transaction
from models.logins import open_session
from models.moment import now
from tests.api.logging_in import CREATE, Logins
from tests.client import Reply
from tests.world import World


class Hidden:
    """Sentinels, made when the test runs so that no line of source can be mistaken for a leak."""

    def __init__(self, password: str) -> None:
        self.password = password
        self.wrong = "wrong" + secrets.token_hex(12)
        self.tokens: list[str] = []

    def found_in(self, text: str) -> list[str]:
        """Which of them, or which telling part of them, a text shows; plain, or in base64."""
        wanted = [self.password, self.wrong, *(token.split("_", 2)[2] for token in self.tokens)]
        packed = [base64.b64encode(each.encode()).decode()[4:-4] for each in wanted]
        return [each for each in (*wanted, *packed) if each in text]


@pytest.fixture
def hidden(logins: Logins) -> Hidden:
    return Hidden(logins.password)


def assert_clean(reply: Reply, hidden: Hidden) -> None:
    assert hidden.found_in(json.dumps(reply.body) + json.dumps(reply.headers)) == []


def assert_log_is_clean(log_output: io.StringIO, hidden: Hidden) -> None:
    assert log_output.getvalue()
    assert hidden.found_in(log_output.getvalue()) == []


def test_a_log_in_shows_its_token_once_and_its_password_never(
    logins: Logins, world: World, hidden: Hidden, log_output: io.StringIO
):
    user = logins.give_password(world.employee())
    reply = logins.log_in(user.email)
    token = reply.body["data"].pop("token")
    hidden.tokens.append(token)
    assert_clean(reply, hidden)
    assert_clean(logins.read(token), hidden)
    assert_clean(logins.end(token), hidden)
    assert_clean(logins.read(token), hidden)
    assert user.email not in log_output.getvalue()
    assert_log_is_clean(log_output, hidden)
    stored = world.rows("SELECT row_to_json(t)::text AS shown FROM tokens t") + world.rows(
        "SELECT row_to_json(u)::text AS shown FROM users u"
    )
    assert hidden.found_in(json.dumps(stored)) == []


def misplaced(hidden: Hidden) -> list[dict[str, Any]]:
    """A password where it does not belong, or as what it cannot be."""
    right = {"email": "a@example.com", "password": hidden.password}
    return [
        {**right, "password": hidden.wrong},
        {**right, "password": [hidden.password]},
        {**right, "password": {"is": hidden.password}},
        {**right, "password": hidden.password * 40},
        {**right, "email": hidden.password},
        {**right, "email": hidden.password + "\x00"},
        {**right, "remember_me": hidden.password},
        {**right, "application": hidden.password},
        {**right, "application": f"is it {hidden.password}?"},
        {**right, "session_view": hidden.password[2:12]},
        {**right, hidden.password: 1},
        {**right, f"x{hidden.password}": 1, "remember_me": "maybe"},
    ]


def test_refusals_repeat_no_password(logins: Logins, hidden: Hidden, log_output: io.StringIO):
    for params in misplaced(hidden):
        reply = logins.sensitive(CREATE, params)
        assert reply.code in (400, 401), reply.body
        assert_clean(reply, hidden)
    assert_log_is_clean(log_output, hidden)


def test_requests_that_are_not_understood_repeat_no_password(
    logins: Logins, hidden: Hidden, log_output: io.StringIO
):
    plain = json.dumps({"email": "a@example.com", "password": hidden.password}).encode()
    packed = base64.b64encode(plain)
    for path, body, content_type in (
        (CREATE, plain, "text/plain"),
        (CREATE, plain, "application/json"),
        (CREATE, packed[:-3], "text/plain"),
        (CREATE, base64.b64encode(plain[:-1]), "text/plain"),
        (CREATE, packed, "application/x-www-form-urlencoded"),
        (f"{CREATE}?password={hidden.password}", b"", "text/plain"),
        ("/api/v1/sessions/nothing", packed, "text/plain"),
    ):
        reply = logins.api.raw(body, path=path, Content_Type=content_type)
        assert reply.code >= 400
        assert_clean(reply, hidden)
    assert_log_is_clean(log_output, hidden)


def test_crashes_repeat_no_password(
    logins: Logins,
    world: World,
    hidden: Hidden,
    log_output: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
    database_away: Callable[[], None],
):
    user = logins.give_password(world.employee())

    def quote(_connection: Any, email: str, password: str, *_rest: Any) -> None:
        raise RuntimeError(f"{email} has {password}")

    with monkeypatch.context() as patch:
        patch.setattr("api.login_throttle.open_session", quote)
        assert_clean(crashed := logins.log_in(user.email), hidden)
        assert crashed.status == "application-crash"
    database_away()
    assert_clean(logins.log_in(user.email), hidden)
    assert_log_is_clean(log_output, hidden)


def test_a_throttled_log_in_repeats_nothing(logins: Logins, hidden: Hidden, log_output: io.StringIO):
    for _ in range(11):
        assert_clean(logins.log_in("ada@example.com", hidden.wrong), hidden)
    assert "ada@example.com" not in log_output.getvalue()
    assert_log_is_clean(log_output, hidden)


def test_a_password_is_in_no_repr_and_no_fingerprint(logins: Logins, world: World, hidden: Hidden):
    decoded = decode({"email": "a@example.com", "password": hidden.password}, CREATE_PARAMS)
    other = decode({"email": "a@example.com", "password": hidden.wrong}, CREATE_PARAMS)
    assert hidden.found_in(repr(decoded) + repr(other)) == []
    assert "password" not in decoded.supplied
    assert fingerprint(decoded.supplied) == fingerprint(other.supplied)

    user = logins.give_password(world.employee())
    with transaction() as connection:
        opened = open_session(connection, user.email, hidden.password, world.application_id(), False, now())
    assert opened is not None
    hidden.tokens.append(opened.token)
    assert hidden.found_in(repr(opened)) == []
