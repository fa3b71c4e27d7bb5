"""Registering as a client: open to users without a role, once, in the session that they have."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from api import pipeline
from models import database
from tests.api.logging_in import REGISTER, Logins
from tests.client import ApiClient
from tests.world import MadeUser, World


def visitor(world: World, email: str | None = None) -> tuple[MadeUser, str]:
    """A user without a role, and their session."""
    user = world.user("Vic Visitor", email)
    return user, world.session_token(user.id)


def test_the_same_session_has_the_role_of_a_client_afterwards(logins: Logins, world: World):
    user, token = visitor(world)
    assert logins.api.with_token(token).create().status == "client-required"
    reply = logins.register(
        token,
        name="Vic Halloran",
        phone="+1 303 555 0142 x12",
        assistant_emails="help@example.com, desk@example.com,HELP@example.com",
        session_view="default",
    )
    assert (reply.code, reply.body["message"]) == (200, "Registered as a client.")
    assert reply.body["data"] == {
        "client": {
            "id": reply.body["data"]["client"]["id"],
            "name": "Vic Halloran",
            "email": user.email,
            "phone": "+1 303 555 0142 x12",
            "assistant_emails": ["help@example.com", "desk@example.com"],
            "company_id": None,
        },
        "linked": False,
    }
    assert reply.body["session"]["roles"] == ["client"]
    assert token not in json.dumps(reply.body)
    assert logins.read(token).body["data"]["role"] == "client"
    assert logins.api.with_token(token).create().code == 200


def test_nothing_has_to_be_told(logins: Logins, world: World):
    user, token = visitor(world)
    client = logins.register(token).body["data"]["client"]
    assert (client["name"], client["email"], client["phone"]) == (user.name, user.email, None)
    assert client["assistant_emails"] == []


def test_who_registered_is_written_down(logins: Logins, world: World):
    user, token = visitor(world)
    client_id = logins.register(token).body["data"]["client"]["id"]
    entry = world.row("SELECT actor, action, subject, subject_id FROM audit_entries")
    assert entry == {
        "actor": user.name,
        "action": "client-register",
        "subject": "client",
        "subject_id": client_id,
    }


@pytest.mark.parametrize("role", ["employee", "liaison", "client"])
def test_whoever_has_a_role_is_refused(logins: Logins, world: World, role: str):
    user = {"employee": world.employee, "liaison": world.liaison, "client": world.user}[role]()
    if role == "client":
        world.client(user_id=user.id)
    reply = logins.register(world.session_token(user.id))
    assert (reply.code, reply.status) == (403, "permission-denied")
    assert role in reply.body["message"]
    assert len(world.rows("SELECT id FROM clients")) == (role == "client")


def test_an_application_cannot_register_anybody(logins: Logins, api: ApiClient, world: World):
    assert logins.register(api.token).status == "permission-denied"
    assert world.rows("SELECT id FROM clients") == []


FAULTY: list[tuple[dict[str, Any], str]] = [
    ({"phone": "call me"}, "phone"),
    ({"phone": "12"}, "phone"),
    ({"phone": "1" * 33}, "phone"),
    ({"phone": "+1 303 555 0142\nBcc: x"}, "phone"),
    ({"name": "x" * 256}, "name"),
    ({"assistant_emails": "nobody"}, "assistant_emails"),
    ({"assistant_emails": ["a@example.com", "Bea <b@example.com>"]}, "assistant_emails"),
    ({"assistant_emails": {"a": 1}}, "assistant_emails"),
    ({"assistant_emails": [f"a{number}@example.com" for number in range(11)]}, "assistant_emails"),
]


@pytest.mark.parametrize(("params", "param"), FAULTY)
def test_what_cannot_be_used_is_refused_and_nothing_is_made(
    logins: Logins, world: World, params: dict[str, Any], param: str
):
    _user, token = visitor(world)
    reply = logins.register(token, **params)
    assert (reply.status, reply.faults) == ("invalid-param", {param: "invalid-param"})
    assert world.rows("SELECT id FROM clients") == []
    assert logins.register(token).code == 200


def test_an_e_mail_address_cannot_be_chosen(logins: Logins, world: World):
    user, token = visitor(world)
    world.client(email="rich@example.com")
    reply = logins.register(token, email="rich@example.com")
    assert reply.warned == ["email"]
    assert (reply.body["data"]["client"]["email"], reply.body["data"]["linked"]) == (user.email, False)


def test_a_record_of_the_same_address_is_taken_over_with_its_orders(logins: Logins, world: World):
    waiting = world.client(email="VIC@example.com", name="", assistants=("Desk@example.com",))
    order = world.order(client_id=waiting)
    _user, token = visitor(world, "vic@example.com")
    reply = logins.register(
        token, name="Vic", phone="303 555 0142", assistant_emails=["desk@example.com", "b@example.com"]
    )
    client = reply.body["data"]["client"]
    assert (client["id"], reply.body["data"]["linked"]) == (waiting, True)
    assert (client["name"], client["phone"]) == ("Vic", "303 555 0142")
    assert client["assistant_emails"] == ["Desk@example.com", "b@example.com"]
    assert logins.api.with_token(token).create({"order_id": order.id}).code == 200


def test_what_the_office_wrote_into_it_stays(logins: Logins, world: World):
    waiting = world.client(email="vic@example.com", name="V. Halloran (VIP)")
    world.execute("UPDATE clients SET phone = '1' WHERE id = :id", id=waiting)
    _user, token = visitor(world, "vic@example.com")
    client = logins.register(token, name="Vic", phone="303 555 0142").body["data"]["client"]
    assert (client["name"], client["phone"]) == ("V. Halloran (VIP)", "1")


def test_a_record_that_has_a_user_is_nobody_elses(logins: Logins, world: World):
    owner = world.user()
    taken = world.client(user_id=owner.id, email="vic@example.com")
    _user, token = visitor(world, "vic@example.com")
    reply = logins.register(token)
    assert reply.body["data"]["client"]["id"] != taken
    assert world.row("SELECT user_id FROM clients WHERE id = :id", id=taken)["user_id"] == owner.id


@pytest.mark.parametrize("is_waiting", [False, True])
def test_several_at_once_make_one_record(logins: Logins, world: World, is_waiting: bool):
    user, token = visitor(world)
    if is_waiting:
        world.client(email=user.email)
        world.client(email=user.email)
    with ThreadPoolExecutor(6) as threads:
        replies = list(threads.map(lambda _: logins.register(token), range(6)))
    assert {reply.status for reply in replies} <= {"action-successful", "permission-denied"}
    made = {reply.body["data"]["client"]["id"] for reply in replies if reply.code == 200}
    (mine,) = world.rows("SELECT id FROM clients WHERE user_id = :id", id=user.id)
    assert made == {mine["id"]}


def test_the_body_is_base64_and_the_token_is_checked_as_everywhere(logins: Logins, world: World):
    _user, token = visitor(world)
    plain = json.dumps({"token": token}).encode()
    assert logins.api.raw(plain, path=REGISTER, Content_Type="text/plain").status == "invalid-encoded-params"
    assert logins.register(token + "x").status == "invalid-token"
    assert logins.sensitive(REGISTER, {"name": "Vic"}).faults == {"token": "missing-param"}
    world.execute("UPDATE tokens SET created_at = created_at - interval '8 days', last_used_at = created_at")
    assert logins.register(token).status == "session-expired"


def test_a_connection_that_breaks_at_the_commit_does_not_undo_the_registration(
    logins: Logins, world: World, monkeypatch: pytest.MonkeyPatch
):
    transaction, broken = database.transaction, []

    @contextmanager
    def breaks_once() -> Iterator[Connection]:
        with transaction() as connection:
            yield connection
        if not broken:
            broken.append(True)
            raise OperationalError("COMMIT", {}, Exception(), connection_invalidated=True)

    _, token = visitor(world)
    with monkeypatch.context() as patch:
        patch.setattr(database, "transaction", breaks_once)
        reply = logins.register(token, name="Vic Halloran")
    assert (reply.code, reply.body["message"]) == (200, "Registered as a client."), reply.body
    assert reply.body["data"]["client"]["name"] == "Vic Halloran"
    assert world.row("SELECT count(*) FROM clients")["count"] == 1
    assert logins.register(token).status == "permission-denied"


def test_whoever_is_refused_is_refused_again_when_the_connection_breaks(
    logins: Logins, world: World, monkeypatch: pytest.MonkeyPatch
):
    token, tries = world.session_token(world.employee().id), []
    denied = pipeline._denied

    def breaks_once(*given: Any) -> Any:
        if not tries:
            tries.append(True)
            raise OperationalError("SELECT", {}, Exception(), connection_invalidated=True)
        return denied(*given)

    monkeypatch.setattr(pipeline, "_denied", breaks_once)
    assert logins.register(token).status == "permission-denied"
    assert world.rows("SELECT id FROM clients") == []
