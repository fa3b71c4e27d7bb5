"""A worker that was stopped and goes on after its lease: not a byte of its mail is written any more."""

import time
from types import SimpleNamespace

import pytest
from pydantic import SecretStr

from models import database
from models.command_claims import expire_leases
from settings import get_settings
from tasks.catalogue import MISS_PAUSES, SEND_CONFIRMATION
from tasks.claims import take
from tasks.mail.mandrill import MandrillClient
from tasks.mail.outcomes import NotAccepted
from tasks.send_mail import send_mail
from tests.tasks.mail.letters import a_mail
from tests.tasks.mail.wire_server import answer, reset, wire_server
from tests.tasks.planned import command_row, let_lease_expire, mail_due, make_due

SENT = answer([{"email": "client@example.com", "status": "sent", "_id": "id1"}])


def somebody_else_decides(command_id):
    """What happens while a worker is stopped for longer than its lease."""
    let_lease_expire(command_id)
    with database.transaction() as connection:
        expire_leases(connection, grace_s=60)


def test_nothing_is_written_after_the_moment_that_the_caller_named():
    with wire_server(SENT) as server:
        client = MandrillClient(server.url, SecretStr("sandbox-key"))
        late = client.send(a_mail(), send_id="send-1", not_after=time.monotonic() - 0.001)
    assert isinstance(late, NotAccepted)
    assert late.message == "The request could not be written in time."
    assert server.requests == []


def test_a_worker_that_lost_its_lease_before_it_wrote_sends_nothing(world, provider, monkeypatch):
    planned = mail_due(world)
    command_id = planned.commands["send-confirmation"]

    def take_and_stall(kind, command_id):
        claimed = take(kind, command_id)
        somebody_else_decides(command_id)
        return claimed

    with monkeypatch.context() as stalling:
        stalling.setattr("tasks.send_mail.take", take_and_stall)
        send_mail(SEND_CONFIRMATION, command_id)
    assert provider.requests == []
    row = command_row(command_id)
    assert (row["state"], row["doubts"]) == ("pending", 0)
    assert world.rows("SELECT * FROM emails") == []
    provider.script.append(SENT)
    send_mail(SEND_CONFIRMATION, command_id)
    assert provider.calls == ["messages/send.json"]


def test_a_worker_that_stalls_between_its_last_look_and_the_first_byte_sends_nothing(
    world, provider, monkeypatch
):
    planned = mail_due(world)
    command_id = planned.commands["send-confirmation"]
    lease_s = get_settings().command_lease_s
    a_lease_ago = SimpleNamespace(monotonic=lambda: time.monotonic() - lease_s)
    monkeypatch.setattr("tasks.send_mail.time", a_lease_ago)
    send_mail(SEND_CONFIRMATION, command_id)
    assert provider.requests == []
    assert command_row(command_id)["state"] == "pending"


def test_inquiries_do_not_use_up_the_lease_of_the_attempt_that_follows(world, provider):
    planned = mail_due(world)
    command_id = planned.commands["send-confirmation"]
    provider.script.append(reset)
    send_mail(SEND_CONFIRMATION, command_id)
    world.execute("UPDATE commands SET misses = :n WHERE id = :id", n=len(MISS_PAUSES), id=command_id)
    make_due(command_id)
    left_s = []

    def nothing_found_slowly(server, sock):
        # As if the inquiry had taken nearly the whole lease.
        world.execute(
            "UPDATE commands SET lease_until = now() + interval '1 s' WHERE id = :id", id=command_id
        )
        return answer([])(server, sock)

    def look_at_the_lease(server, sock):
        left_s.append(command_row(command_id)["lease_for_s"])
        return SENT(server, sock)

    provider.script.extend([nothing_found_slowly, answer([{"name": "send_id"}]), look_at_the_lease])
    send_mail(SEND_CONFIRMATION, command_id)
    assert left_s == [pytest.approx(get_settings().command_lease_s, abs=2)]
