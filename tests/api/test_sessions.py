"""Logging in and out over the API: who gets a session, what is told of it, and what never is."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from models import passwords
from tests.api.logging_in import CREATE, FAST, Logins
from tests.client import ApiClient, Reply
from tests.world import MadeUser, World

Make = Callable[[World], MadeUser]


def client_of(world: World) -> MadeUser:
    user = world.user("Casey Client")
    world.client(user_id=user.id)
    return user


ROLES: list[tuple[str, Make]] = [
    ("employee", lambda world: world.employee("dispatcher")),
    ("liaison", lambda world: world.liaison(world.company())),
    ("client", client_of),
]


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hashes that passwords were compared with, each at the same small cost."""
    seen: list[str] = []

    class Counting:
        def verify(self, stored: str, password: bytes) -> bool:
            seen.append(stored)
            return FAST.verify(stored, password)

        hash = FAST.hash
        check_needs_rehash = FAST.check_needs_rehash

    monkeypatch.setattr(passwords, "HASHER", Counting())
    monkeypatch.setattr(passwords, "NOBODYS", FAST.hash("nobody's"))
    return seen


@pytest.mark.parametrize(("role", "make"), ROLES, ids=[role for role, _ in ROLES])
def test_a_session_is_opened_in_every_role(logins: Logins, world: World, role: str, make: Make):
    user = logins.give_password(make(world))
    reply = logins.log_in(user.email)
    assert (reply.code, reply.status) == (200, "action-successful")
    assert reply.body["message"] == "Logged in to PlanoAuth."
    token = reply.body["data"]["token"]
    assert token.startswith("session_")
    shown = reply.body["session"]
    assert shown["user"] == {"id": user.id, "email": user.email, "name": user.name}
    assert (shown["roles"], shown["application"], shown["remember_me"]) == ([role], "planoauth", False)
    assert token not in json.dumps(shown)

    read = logins.read(token)
    assert read.code == 200
    assert read.body["data"] == {"session": shown, "role": role}
    assert "session" not in read.body


def test_a_user_without_a_role_gets_a_session_to_register_with(logins: Logins, world: World):
    user = logins.give_password(world.user())
    reply = logins.log_in(user.email)
    assert (reply.code, reply.status) == (401, "client-required")
    token = reply.body["data"]["token"]
    assert reply.body["session"]["token"] == token
    assert reply.body["data"]["register_path"] == "/api/v1/users/client_register"
    read = logins.read(token)
    assert (read.status, read.body["session"]["token"]) == ("client-required", token)


@pytest.mark.parametrize("email", ["ADA@EXAMPLE.COM", "ada@example.com", "  Ada@example.com "])
def test_the_address_is_compared_in_any_case(logins: Logins, world: World, email: str):
    logins.give_password(world.employee(email="Ada@Example.com"))
    assert logins.log_in(email).code == 200


def test_unknown_and_wrong_and_without_a_password_are_told_and_cost_the_same(
    logins: Logins, world: World, verified: list[str]
):
    known = logins.give_password(world.employee())
    without = world.employee()
    replies, efforts = [], []
    for email, password in (
        ("nobody@example.com", None),
        ("no address at all \U0001f511", None),
        ("x" * 320, None),
        (known.email, "wrong-" + logins.password),
        (without.email, None),
    ):
        before = len(verified)
        reply = logins.log_in(email, password)
        efforts.append(len(verified) - before)
        replies.append((reply.code, {**reply.body, "request_id": ""}))
    assert efforts == [1, 1, 1, 1, 1]
    assert all(reply == replies[0] for reply in replies)
    assert (replies[0][0], replies[0][1]["status"]) == (401, "invalid-credentials")
    assert replies[0][1]["errors"][0]["hint"]
    assert "session" not in replies[0][1]
    assert world.rows("SELECT id FROM tokens WHERE kind = 'session'") == []


def test_the_whole_password_counts_blanks_included(logins: Logins, world: World):
    user = world.employee()
    world.execute(
        "UPDATE users SET password_hash = :hash WHERE id = :id", hash=FAST.hash(" padded pass "), id=user.id
    )
    assert logins.log_in(user.email, " padded pass ").code == 200
    assert logins.log_in(user.email, "padded pass").status == "invalid-credentials"


def test_a_hash_with_old_parameters_is_made_anew_at_the_next_log_in(logins: Logins, world: World):
    user = logins.give_password(world.employee())
    old = world.row("SELECT password_hash FROM users")["password_hash"]
    assert logins.log_in(user.email).code == 200
    new = world.row("SELECT password_hash FROM users")["password_hash"]
    assert passwords.is_outdated(old)
    assert not passwords.is_outdated(new)
    assert logins.log_in(user.email).code == 200
    assert world.row("SELECT password_hash FROM users")["password_hash"] == new


def test_a_remembered_session_does_not_expire(logins: Logins, world: World):
    user = logins.give_password(world.employee())
    usual, remembered = logins.log_in(user.email), logins.log_in(user.email, remember_me="yes")
    ends = datetime.fromisoformat(usual.body["session"]["expires_at"])
    assert timedelta(hours=71) < ends - datetime.now(UTC) <= timedelta(hours=72)
    assert remembered.body["session"]["remember_me"] is True
    assert remembered.body["session"]["expires_at"] is None
    world.execute("UPDATE tokens SET created_at = created_at - interval '99 days', last_used_at = created_at")
    assert logins.read(usual.body["data"]["token"]).status == "session-expired"
    assert logins.read(remembered.body["data"]["token"]).code == 200


def test_every_log_in_is_a_session_of_its_own(logins: Logins, world: World):
    user = logins.give_password(world.employee())
    first, second = (logins.log_in(user.email).body["data"]["token"] for _ in range(2))
    assert first != second
    assert logins.end(first).code == 200
    assert logins.read(first).status == "invalid-token"
    assert logins.read(second).code == 200


def test_the_session_belongs_to_the_named_application(logins: Logins, world: World):
    user = logins.give_password(world.employee())
    reply = logins.log_in(user.email, application="PlanoOrder")
    assert (reply.code, reply.body["session"]["application"]) == (200, "planoorder")


def test_an_application_that_admits_none_of_the_roles_opens_no_session(logins: Logins, world: World):
    user = logins.give_password(client_of(world))
    reply = logins.log_in(user.email, application="planox2")
    assert (reply.code, reply.status) == (403, "permission-denied")
    assert "token" not in json.dumps(reply.body)
    assert world.rows("SELECT id FROM tokens WHERE kind = 'session' AND revoked_at IS NULL") == []


def test_the_session_is_shown_unless_it_is_not_wanted(logins: Logins, world: World):
    user = logins.give_password(world.employee())
    assert "session" in logins.log_in(user.email, session_view="default").body
    assert "session" not in logins.log_in(user.email, session_view="none").body


FAULTY: list[tuple[str, dict[str, Any], str, dict[str, str]]] = [
    ("no e-mail", {"password": "x"}, "missing-param", {"email": "missing-param"}),
    ("no password", {"email": "a@example.com"}, "missing-param", {"password": "missing-param"}),
    ("blank password", {"email": "a@example.com", "password": "  "}, "missing-param", {"password": "missing-param"}),
    ("a number", {"email": "a@example.com", "password": 12345678}, "invalid-param", {"password": "invalid-param"}),
    ("too long", {"email": "a@example.com", "password": "x" * 257}, "invalid-param", {"password": "invalid-param"}),
    ("no truth", {"email": "a@example.com", "password": "x", "remember_me": "maybe"}, "invalid-param",
     {"remember_me": "invalid-param"}),
    ("no application", {"email": "a@example.com", "password": "x", "application": "plano"}, "invalid-param",
     {"application": "invalid-param"}),
    ("all at once", {"session_view": "all", "remember_me": 7}, "missing-param",
     {"session_view": "invalid-param", "email": "missing-param", "password": "missing-param",
      "remember_me": "invalid-param"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("params", "status", "faults"), [pytest.param(*rest, id=name) for name, *rest in FAULTY]
)
def test_all_faults_are_told_before_anything_is_verified(
    logins: Logins, verified: list[str], params: dict[str, Any], status: str, faults: dict[str, str]
):
    reply = logins.sensitive(CREATE, params)
    assert (reply.status, reply.faults) == (status, faults)
    assert list(reply.faults) == list(faults)
    assert all(error["message"].endswith(".") for error in reply.body["errors"])
    assert verified == []


def test_what_nobody_can_use_is_ignored_with_a_warning(logins: Logins, world: World):
    user = logins.give_password(world.employee())
    assert logins.log_in(user.email, token=logins.api.token).warned == ["token"]


BODIES: list[tuple[str, bytes, str, str]] = [
    ("plain JSON", b'{"email": "a@example.com"}', "text/plain", "invalid-encoded-params"),
    ("no base64", b"!!!", "text/plain", "invalid-encoded-params"),
    ("base64 of an array", b"W10=", "text/plain", "invalid-encoded-params"),
    ("nothing", b"", "text/plain", "no-params-decoded"),
    ("an empty object", b"e30=", "text/plain", "no-params-decoded"),
    ("a form", b"email=a", "application/x-www-form-urlencoded", "invalid-content-type"),
    ("too large", b"A" * 300_000, "text/plain", "request-too-large"),
]


@pytest.mark.parametrize(
    ("body", "content_type", "status"), [pytest.param(*rest, id=name) for name, *rest in BODIES]
)
def test_the_body_is_base64_of_an_object(logins: Logins, body: bytes, content_type: str, status: str):
    assert logins.api.raw(body, path=CREATE, Content_Type=content_type).status == status


def test_a_body_that_is_called_compressed_is_refused(logins: Logins):
    reply = logins.api.raw(b"e30=", path=CREATE, Content_Type="text/plain", Content_Encoding="gzip")
    assert reply.status == "invalid-content-type"


def test_a_retired_route_and_a_retired_service_open_no_session(
    logins: Logins, world: World, retired: Callable[[str], None]
):
    user = logins.give_password(world.employee())
    retired("routes")
    assert logins.log_in(user.email).status == "route-not-found"
    retired("services")
    assert logins.log_in(user.email).status == "service-not-found"


def test_a_crash_is_answered_as_everywhere(logins: Logins, world: World, monkeypatch: pytest.MonkeyPatch):
    def crash(*_given: object, **_named: object) -> None:
        raise RuntimeError(logins.password)

    monkeypatch.setattr("api.sessions.create.log_in", crash)
    reply = logins.log_in("a@example.com")
    assert (reply.code, reply.status) == (500, "application-crash")
    assert logins.password not in json.dumps(reply.body)


# --- the end ---


@pytest.mark.parametrize("has_role", [True, False])
def test_a_session_can_be_ended_with_a_role_and_without(logins: Logins, world: World, has_role: bool):
    token = world.session_token((world.employee() if has_role else world.user()).id)
    reply = logins.end(token)
    assert (reply.code, reply.body["message"]) == (200, "Logged out.")
    assert logins.end(token).status == "invalid-token"
    assert logins.read(token).status == "invalid-token"


def test_the_token_may_come_in_the_header(logins: Logins, world: World):
    token = world.session_token(world.employee().id)
    assert (
        logins.sensitive(
            "/api/v1/sessions/end", {"session_view": "none"}, Authorization=f"Bearer {token}"
        ).code
        == 200
    )


def test_an_application_token_is_no_session_to_end(logins: Logins, api: ApiClient):
    reply = logins.end(api.token)
    assert (reply.code, reply.status) == (403, "permission-denied")
    assert logins.read(api.token).code == 200


# --- reading it ---


def test_an_application_token_reads_itself(logins: Logins, api: ApiClient):
    shown: Reply = logins.read(api.token)
    assert shown.body["data"]["role"] == "application"
    assert shown.body["data"]["session"]["user"] is None
    assert shown.body["data"]["session"]["expires_at"] is None


def test_the_role_follows_the_named_application(logins: Logins, world: World):
    user = world.employee()
    world.client(user_id=user.id)
    token = world.session_token(user.id)
    reply = logins.api.raw(
        b"",
        method="GET",
        path="/api/v1/sessions/read?application=planoorder",
        Authorization=f"Bearer {token}",
    )
    assert reply.body["data"]["role"] in reply.body["data"]["session"]["roles"]


def test_logging_in_is_not_tried(logins: Logins, world: World):
    user = logins.give_password(world.employee())
    reply = logins.log_in(user.email, dry_run=True)
    assert reply.faults == {"dry_run": "invalid-param"}
    assert world.rows("SELECT id FROM tokens WHERE user_id = :id", id=user.id) == []


@pytest.mark.parametrize("body", [b"", b"e30="])
def test_who_sends_nothing_is_shown_how_to_log_in(logins: Logins, body: bytes):
    reply = logins.api.raw(body, path=CREATE, Content_Type="text/plain")
    assert reply.status == "no-params-decoded"
    hint = reply.body["errors"][0]["hint"]
    assert "base64" in hint
    assert '{"email": "…", "password": "…"}' in hint
    assert "updated_at_mt" not in hint
