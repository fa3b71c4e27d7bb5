"""The envelope around an answer (contract.md section 1): the request's id, the session, warnings, spellings."""

import json

import pytest

from models.tables import metadata
from tests.client import STAMP, ApiClient
from tests.world import World


@pytest.mark.parametrize("offered", ["0123456789abcdef", "9F3A2C1E-0000-4000-8000-123456789ABC", "a" * 40])
def test_a_harmless_request_id_is_echoed(api: ApiClient, offered: str):
    reply = api.create({}, headers={"X-Request-Id": offered})
    assert (reply.body["request_id"], reply.headers["x-request-id"]) == (offered, offered)


@pytest.mark.parametrize(
    "offered",
    [
        "short",
        "a" * 41,
        "with blanks in it",
        "<script>alert(1)</script>",
        "a\tb-345678",
        "ünïcödé-id",
        "a_b_c_d_e",
    ],
)
def test_any_other_request_id_is_replaced(api: ApiClient, offered: str):
    reply = api.raw(b"", X_Request_Id=offered.encode().decode("latin-1"))
    assert reply.body["request_id"] != offered
    assert len(reply.body["request_id"]) == 24
    assert reply.headers["x-request-id"] == reply.body["request_id"]


def test_a_token_in_the_place_of_a_request_id_is_not_echoed(api: ApiClient):
    for offered in (api.token, api.token[:40], api.token.split("_", 2)[2]):
        assert offered not in json.dumps(api.create({}, headers={"X-Request-Id": offered}).body)


def test_every_request_has_an_id_of_its_own(api: ApiClient):
    assert len({api.create().body["request_id"] for _ in range(10)}) == 10


def test_the_request_id_goes_into_the_record_and_its_commands(api: ApiClient, world: World):
    reply = api.create({"order_id": world.order().id}, headers={"X-Request-Id": "from-filemaker-1"})
    assert world.appointment(reply.appointment["id"])["request_id"] == "from-filemaker-1"
    commands = world.commands(reply.appointment["id"]).values()
    assert {command["request_id"] for command in commands} == {"from-filemaker-1"}


def test_a_success_names_the_record_and_has_no_errors(api: ApiClient):
    reply = api.create()
    assert reply.body["message"] == f"Appointment {reply.appointment['id']} was created."
    assert (reply.body["errors"], reply.body["data"]["replayed"]) == ([], False)
    assert reply.body["data"].keys() == {"appointment", "commands", "replayed"}


def test_the_appointment_shows_every_column_but_those_about_the_request(api: ApiClient):
    about_the_request = {
        *("supplied", "fingerprint", "idempotency_scope", "idempotency_key", "request_id", "changed_at"),
        *("caller_kind", "caller_role", "caller_user_id", "caller_application_id", "adopted"),
        *("busy_from", "busy_until", "history_since"),
    }
    columns = set(metadata.tables["appointments"].columns.keys())
    shown = set(api.create().appointment)
    assert columns - about_the_request <= shown
    assert not about_the_request & shown


# --- session_view ---


def test_the_session_is_shown_on_request_and_never_with_its_token(api: ApiClient, world: World):
    user = world.employee(name="Emma Employee")
    world.client(user_id=user.id)
    token = world.session_token(user.id, application="planoorder")
    reply = api.with_token(token).create(session_view="default")
    session = reply.body["session"]
    assert session.keys() == {
        *("kind", "user", "roles", "application", "created_at", "last_used_at", "expires_at", "remember_me")
    }
    assert session["user"] == {"id": user.id, "email": user.email, "name": "Emma Employee"}
    assert (session["kind"], session["application"]) == ("session", "planoorder")
    assert (session["roles"], session["remember_me"]) == (["employee", "client"], False)
    assert session["expires_at"].endswith("Z")
    assert token not in json.dumps(reply.body)


def test_what_does_not_expire_says_so(api: ApiClient, world: World):
    remembered = world.session_token(world.employee().id, remember_me=True)
    for token in (remembered, api.token):
        session = api.with_token(token).create(session_view="default").body["session"]
        assert session["expires_at"] is None
    assert (session["kind"], session["user"], session["roles"]) == ("application", None, [])


@pytest.mark.parametrize("view", [None, "", "none", "NONE"])
def test_otherwise_there_is_no_session(api: ApiClient, view: str | None):
    assert "session" not in api.create(session_view=view).body


def test_an_unknown_view_is_invalid(api: ApiClient):
    assert api.create(session_view="full").faults == {"session_view": "invalid-param"}


# --- warnings ---


def test_unknown_names_are_ignored_each_with_a_warning(api: ApiClient):
    reply = api.create({"notez": "n", "Order_ID": 1, "x\x1b[31m": 1, "": 1, "id": 5})
    assert reply.code == 200
    warnings = {warning["param"]: warning for warning in reply.body["warnings"] if warning["param"]}
    assert warnings.keys() == {"notez", "Order_ID", "x\\u001b[31m", "id"}
    assert warnings["notez"]["message"] == "Not a parameter of this route; ignored."
    assert warnings["notez"]["hint"] == "Did you mean notes?"
    assert warnings["Order_ID"]["hint"] == "Did you mean order_id?"


def test_warnings_come_with_a_refusal_too(api: ApiClient):
    reply = api.create(notez="n", allday="maybe")
    assert (reply.status, reply.warned) == ("invalid-param", ["notez"])


def test_deprecated_parameters_are_kept_with_a_warning(api: ApiClient):
    reply = api.create(created_at="2026-11-20T10:00:00Z", updated_at="2026-11-20T17:00:00Z")
    assert {"created_at", "updated_at"} <= set(reply.warned)
    assert reply.appointment["created_at"] == "2026-11-20T10:00:00Z"
    assert reply.appointment["updated_at"] == "2026-11-20T17:00:00Z"


def test_a_differing_name_of_the_photographer_is_kept_with_a_warning(api: ApiClient, world: World):
    user = world.photographer("Pat Photographer")
    reply = api.create(photographer_user_id=user.id, photographer_name="Pat P.")
    assert reply.appointment["photographer_name"] == "Pat P."
    assert "photographer_name" in reply.warned
    same = api.create(photographer_user_id=user.id, photographer_name="Pat Photographer")
    assert "photographer_name" not in same.warned


def test_hints_are_written_for_filemaker(api: ApiClient):
    errors = {
        error["param"]: error["hint"]
        for error in api.post({"token": api.token, "date_start_local": 739_945, "notes": "a\x0bb"}).body[
            "errors"
        ]
    }
    assert "JSONSetElement" in errors["updated_at_mt"]
    assert "JSONString" in errors["date_start_local"]
    assert "Substitute" in errors["notes"]


def test_a_stamp_may_be_written_either_way(api: ApiClient):
    for stamp in (STAMP, "11/20/2026 10:00:00 AM", "2026-11-20T10:00"):
        reply = api.create(updated_at_mt=stamp)
        assert reply.appointment["updated_at_mt"] == stamp
        assert reply.appointment["updated_at"] == "2026-11-20T17:00:00Z"
