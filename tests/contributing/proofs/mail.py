"""After the list of CONTRIBUTING.md: `send-call-first` goes out once, and stays out of the way of the other mails."""

from typing import Any

import pytest

from cli.app import create_app as create_program
from models.moment import now
from tasks.catalogue import KINDS
from tasks.send_mail import TASKS
from tests.api.changing import cancel, reconcile_all, update
from tests.client import ApiClient
from tests.console.conftest import Browser, app, emma  # noqa: F401 - fixtures
from tests.tasks.conftest import provider  # noqa: F401 - a fixture
from tests.tasks.mail.wire_server import WireServer, answer
from tests.world import World

KIND = "send-call-first"
PAT = "pat@example.com"
NINE = {"date_start_local": "2026-12-04", "time_start_local": "09:00", "confirmed": True}


@pytest.fixture
def made(api: ApiClient, world: World) -> int:
    order = world.order(client_email=None)
    pat = world.photographer(email=PAT)
    return api.create(order_id=order.id, photographer_user_id=pat.id, **NINE).appointment["id"]


def send(world: World, server: WireServer, appointment_id: int) -> list[dict[str, Any]]:
    """Let a worker have every mail of the appointment twice; the messages that went out."""
    reconcile_all(world)
    for command in world.commands(appointment_id).values():
        for _ in range(2 if KINDS[command["kind"]].is_mail else 0):
            server.script.append(answer([{"email": command["recipient"], "status": "sent", "_id": "1"}]))
            TASKS[command["kind"]](command["id"])
            server.script.clear()
    return [body["message"] for _, _, body in server.requests]


def test_both_mails_go_out_once_and_only_one_has_a_calendar_file(
    made: int,
    world: World,
    provider: WireServer,  # noqa: F811
):
    assignment, call = send(world, provider, made)
    assert (assignment["subject"][:10], call["subject"][:22]) == ("Assignment", "Please call the client")
    assert "attachments" in assignment
    assert "attachments" not in call
    for text in (call["text"], call["html"]):
        assert "no mail address of this client" in " ".join(text.split())
    assert world.commands(made)[KIND]["state"] == "done"


def test_a_change_is_told_as_if_it_had_not_been_there(
    made: int,
    api: ApiClient,
    world: World,
    provider: WireServer,  # noqa: F811
):
    send(world, provider, made)
    update(api, made, time_start_local="10:00")
    assert [message["subject"].split(":")[0] for message in send(world, provider, made)[2:]] == ["Changed"]


def test_it_does_not_go_out_when_the_appointment_is_off(
    made: int,
    api: ApiClient,
    world: World,
    provider: WireServer,  # noqa: F811
):
    cancel(api, made)
    assert send(world, provider, made) == []


def test_it_does_not_go_out_to_who_is_no_longer_the_photographer(
    made: int,
    api: ApiClient,
    world: World,
    provider: WireServer,  # noqa: F811
):
    update(api, made, photographer_user_id=world.photographer(email="robin@example.com").id)
    assert {to["email"] for message in send(world, provider, made) for to in message["to"]} == {
        "robin@example.com"
    }


def test_the_console_and_the_program_show_it(made: int, world: World, emma: Browser):  # noqa: F811
    assert "Call first" in emma.open(f"/console/appointments/{made}").text
    assert "Please call the client" in emma.open(f"/console/appointments/{made}/mails/call-first").text
    arguments = ["mail", "preview", "call-first", "--appointment", str(made), "--format", "txt"]
    shown = create_program().test_cli_runner().invoke(args=arguments)
    assert "Please call the client" in shown.output, now()
