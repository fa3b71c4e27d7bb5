"""Secrets stay where they belong: random sentinels go in, and nothing but the record gives them out again.

Each sentinel is made when the test runs, so that no source line can be mistaken for a leak. They are sent in
requests that succeed, are refused and crash, and go through the tasks that follow, whole and broken. Then they
are looked for in the log of the process, in the answers, and in what developers see.
"""

import io
import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from celery import Task

from models.switchboard import switchboard
from tasks.reconcile_times import reconcile_times_task
from tasks.send_mail import TASKS as MAIL_TASKS
from tasks.send_mail import mandrill
from tests.api.conftest import OpenDoor
from tests.client import CREATE, STAMP, ApiClient, Reply
from tests.world import MadeOrder, MadeUser, World

TASKS: dict[str, Task] = {reconcile_times_task.name: reconcile_times_task, **MAIL_TASKS}


class Secrets:
    """Sentinels by what they stand for."""

    def __init__(self, api: ApiClient) -> None:
        """A new set each time."""
        self.token = api.token
        self.wrong_token = f"session_{secrets.token_hex(8)}_{secrets.token_urlsafe(32)}"
        self.malformed_token = "tok" + secrets.token_hex(20)
        self.gate_code = "gate" + secrets.token_hex(8)
        self.description = "desc" + secrets.token_hex(8)
        self.client = "client" + secrets.token_hex(8)
        self.assistant = "assistant" + secrets.token_hex(8)
        self.photographer = "photo" + secrets.token_hex(8)

    def found_in(self, text: str, *, but: tuple[str, ...] = ()) -> list[str]:
        """The names of those that a text gives away; of a token its secret part is enough."""
        told = {name: value.split("_", 2)[-1] for name, value in vars(self).items() if name not in but}
        return [name for name, value in told.items() if value in text]


@pytest.fixture
def hidden(api: ApiClient) -> Secrets:
    return Secrets(api)


@pytest.fixture
def order(world: World, hidden: Secrets) -> MadeOrder:
    return world.order(
        client_email=f"{hidden.client}@example.com", assistants=(f"{hidden.assistant}@example.com",)
    )


@pytest.fixture
def photographer(world: World, hidden: Secrets) -> MadeUser:
    return world.photographer(email=f"{hidden.photographer}@example.com")


@pytest.fixture
def params(order: MadeOrder, photographer: MadeUser, hidden: Secrets) -> dict[str, Any]:
    return {
        "token": hidden.token,
        "updated_at_mt": STAMP,
        "order_id": order.id,
        "photographer_user_id": photographer.id,
        "notes": f"The code of the gate is {hidden.gate_code}.",
        "description": f"All about {hidden.description}",
    }


@pytest.fixture
def without_notes(world: World) -> Iterator[Callable[[str], None]]:
    """Lets the database refuse rows of a table, and repeat the refused row in its error."""
    forbidden: list[str] = []

    def forbid(table: str) -> None:
        world.execute(f"ALTER TABLE {table} ADD CONSTRAINT refuse CHECK (false) NOT VALID")
        forbidden.append(table)

    yield forbid
    for table in forbidden:
        world.execute(f"ALTER TABLE {table} DROP CONSTRAINT refuse")


def assert_log_is_clean(log_output: io.StringIO, hidden: Secrets) -> None:
    """The log has lines, each of them JSON, and no sentinel."""
    lines = log_output.getvalue().splitlines()
    assert lines, "nothing was logged"
    for line in lines:
        json.loads(line)
        assert hidden.found_in(line) == [], line


def assert_envelope_is_clean(reply: Reply, hidden: Secrets) -> None:
    assert hidden.found_in(json.dumps(reply.body)) == []
    assert hidden.found_in(json.dumps(reply.headers)) == []


def test_a_success_gives_out_the_record_and_nothing_else(
    api: ApiClient, params: dict[str, Any], hidden: Secrets, log_output: io.StringIO
):
    reply = api.post({**params, "session_view": "default"})
    assert reply.code == 200
    shown = reply.appointment
    assert hidden.gate_code in shown["notes"]
    assert hidden.description in shown["description"]
    rest = {**reply.body, "data": {**reply.body["data"], "appointment": None}}
    assert hidden.found_in(json.dumps(rest)) == []
    assert hidden.found_in(json.dumps(shown), but=("gate_code", "description")) == []
    assert_log_is_clean(log_output, hidden)


def refusals(params: dict[str, Any], hidden: Secrets) -> list[dict[str, Any]]:
    """Parameters that are refused, each in another place."""
    return [
        {**params, "token": hidden.wrong_token},
        {**params, "token": hidden.malformed_token},
        {**params, "token": [hidden.token]},
        {**params, "token": hidden.token + "\x00"},
        {**params, "updated_at_mt": None},
        {**params, "allday": "maybe"},
        {**params, "order_id": 987_654},
        {**params, "notes": "\x00" + params["notes"]},
        {**params, "notes": params["notes"] * 1000},
        {**params, "description": [params["description"]]},
        # The token in places where it does not belong.
        {**params, "updated_at_mt": hidden.token},
        {**params, "uuid": hidden.token},
        {**params, "allday": hidden.token[-30:]},
        {**params, "application": f"Bearer {hidden.token}"},
        {**params, hidden.token: 1, "order_id": 0},
    ]


def test_refusals_repeat_no_secret(
    api: ApiClient, params: dict[str, Any], hidden: Secrets, log_output: io.StringIO
):
    for refused in refusals(params, hidden):
        reply = api.post(refused)
        assert reply.code in (400, 401), reply.body
        assert_envelope_is_clean(reply, hidden)
    assert_log_is_clean(log_output, hidden)


def test_requests_that_are_not_understood_repeat_no_secret(
    api: ApiClient, params: dict[str, Any], hidden: Secrets, log_output: io.StringIO
):
    body = json.dumps(params).encode()
    bearer = {"Authorization": f"Bearer {hidden.wrong_token}", "X-Request-Id": hidden.token[-30:] + "_"}
    json_type = {"Content-Type": "application/json"}
    query = f"?token={hidden.token}&notes={hidden.gate_code}"
    for method, path, sent, headers in (
        ("POST", CREATE, body, bearer),
        ("POST", CREATE, body, {**json_type, **bearer}),
        ("POST", CREATE, body[:-1], json_type),
        ("POST", CREATE, body + body, json_type),
        ("POST", CREATE, b"token=" + body, json_type),
        ("POST", CREATE + query, b"", {}),
        ("GET", CREATE + query, b"", bearer),
        ("POST", "/api/v1/nothing" + query, body, bearer),
        ("POST", CREATE, body, {"Content-Type": "text/plain", "Cookie": f"session={hidden.token}"}),
    ):
        code, answered, data = api.send(method, path, sent, headers)
        assert code >= 400
        assert_envelope_is_clean(Reply(code, answered, json.loads(data)), hidden)
    assert_log_is_clean(log_output, hidden)


def test_a_client_who_has_to_register_gets_the_token_in_the_session_only(
    api: ApiClient, world: World, params: dict[str, Any], hidden: Secrets, log_output: io.StringIO
):
    hidden.token = world.session_token(world.user().id)
    reply = api.post({**params, "token": hidden.token})
    assert reply.body["session"].pop("token") == hidden.token
    assert_envelope_is_clean(reply, hidden)
    assert_log_is_clean(log_output, hidden)


def test_crashes_at_the_front_door_repeat_no_secret(
    door: OpenDoor,
    params: dict[str, Any],
    hidden: Secrets,
    log_output: io.StringIO,
    without_notes: Callable[[str], None],
):
    def quote(call: Any, _found: Any) -> Any:
        raise RuntimeError(f"Cannot go on with {call.decoded.values} for {hidden.token}")

    assert_envelope_is_clean(crashed := door(act=quote).post(params), hidden)
    assert crashed.status == "application-crash"

    without_notes("appointments")  # "Failing row contains (…)" with everything
    assert_envelope_is_clean(crashed := door().post(params), hidden)
    assert crashed.status == "application-crash"
    assert_log_is_clean(log_output, hidden)


def test_a_database_that_is_away_repeats_no_secret(
    api: ApiClient,
    params: dict[str, Any],
    hidden: Secrets,
    log_output: io.StringIO,
    database_away: Callable[[], None],
):
    database_away()
    assert_envelope_is_clean(api.post(params), hidden)
    switchboard.forget()
    assert_envelope_is_clean(api.post(params), hidden)
    assert_log_is_clean(log_output, hidden)


# --- what follows ---


@pytest.fixture
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks are called here one by one; nothing is published."""
    monkeypatch.setattr("tasks.reconcile_times.publish", lambda due: True)
    mandrill.cache_clear()


def run(world: World, appointment_id: int, *kinds: str) -> None:
    """Run tasks as a worker does: errors are logged by Celery and go no further."""
    for kind in kinds:
        TASKS[kind].apply(args=(world.commands(appointment_id)[kind]["id"],))


def assert_told_is_clean(world: World, appointment_id: int, hidden: Secrets) -> None:
    """What commands, mails and notifications say in words holds no secret; recipients stand in their columns."""
    told = [
        *world.rows("SELECT last_error, request_id FROM commands"),
        *world.rows("SELECT cause, message, hint, request_id FROM notifications"),
        *world.rows("SELECT cause, detail FROM emails"),
    ]
    assert hidden.found_in(json.dumps(told)) == []


ALL = ("reconcile-times", "send-confirmation", "send-assignment")


def test_tasks_that_reach_nobody_repeat_no_secret(
    api: ApiClient,
    world: World,
    params: dict[str, Any],
    hidden: Secrets,
    log_output: io.StringIO,
    no_broker: None,
):
    """Nobody listens where Mandrill should be."""
    made = api.post({**params, "date_start_local": "2026-12-04", "time_start_local": "11:00"}).appointment[
        "id"
    ]
    run(world, made, *ALL)
    errors = {kind: row["last_error"] for kind, row in world.commands(made).items()}
    assert errors["reconcile-times"] is None
    assert errors["send-confirmation"]
    assert errors["send-assignment"]
    assert_told_is_clean(world, made, hidden)
    assert_log_is_clean(log_output, hidden)


@pytest.mark.parametrize(
    "address",
    [
        "{}",
        "{}@",
        "@{}",
        "{}@example..com",
        "two@example.com, {}@example.com",
        "{} <x@example.com",
        "{}@[::1",
    ],
)
def test_addresses_that_cannot_be_written_to_are_not_repeated_in_words(
    api: ApiClient,
    world: World,
    params: dict[str, Any],
    hidden: Secrets,
    order: MadeOrder,
    log_output: io.StringIO,
    no_broker: None,
    address: str,
):
    world.execute(
        "UPDATE clients SET email = :email WHERE id = :id",
        email=address.format(hidden.client),
        id=order.client_id,
    )
    made = api.post(params).appointment["id"]
    run(world, made, "reconcile-times", "send-confirmation")
    assert world.commands(made)["send-confirmation"]["state"] == "failed"
    assert [note["status"] for note in world.notifications(made)] == ["mandrill-email-failed"]
    assert_told_is_clean(world, made, hidden)
    assert_log_is_clean(log_output, hidden)


@pytest.mark.parametrize(
    ("table", "kinds"),
    [("appointments", ("reconcile-times",)), ("emails", ("reconcile-times", "send-confirmation"))],
)
def test_crashes_of_tasks_repeat_no_secret(
    api: ApiClient,
    world: World,
    params: dict[str, Any],
    hidden: Secrets,
    log_output: io.StringIO,
    no_broker: None,
    without_notes: Callable[[str], None],
    table: str,
    kinds: tuple[str, ...],
):
    made = api.post(params).appointment["id"]
    run(world, made, *kinds[:-1])
    without_notes(table)
    run(world, made, kinds[-1])
    crashed = world.commands(made)[kinds[-1]]
    assert (crashed["state"], crashed["last_error"]) == ("pending", "IntegrityError")
    assert_told_is_clean(world, made, hidden)
    assert_log_is_clean(log_output, hidden)


def test_a_command_that_is_given_up_repeats_no_secret(
    api: ApiClient,
    world: World,
    params: dict[str, Any],
    hidden: Secrets,
    log_output: io.StringIO,
    no_broker: None,
    without_notes: Callable[[str], None],
):
    made = api.post(params).appointment["id"]
    without_notes("appointments")
    world.execute("UPDATE commands SET attempts = 100 WHERE kind = 'reconcile-times'")
    run(world, made, "reconcile-times")
    (note,) = world.notifications(made)
    assert note["status"] == "command-failed"
    assert_told_is_clean(world, made, hidden)
    assert_log_is_clean(log_output, hidden)


def test_nothing_secret_is_in_a_repr(api: ApiClient, world: World, hidden: Secrets, order: MadeOrder):
    from api.appointments.references import look_up
    from models.database import transaction
    from models.tokens import find_holder, mint

    user = world.user(name=hidden.gate_code, email=f"{hidden.client}@private.example.com")
    token = world.session_token(user.id)
    hidden.token = token
    with transaction() as connection:
        shown = [find_holder(connection, token), look_up(connection, {"order_id": order.id})]
    assert hidden.found_in(repr(shown)) == []
    minted = mint("session")
    assert minted.text.split("_", 2)[-1] not in repr(minted)
