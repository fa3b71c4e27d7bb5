"""`flask notifications`: what went wrong, and trying it again."""

from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

from api.app import create_app as create_api
from cli.notifications import masked
from tests.client import ApiClient
from tests.world import World

Run = Callable[..., Result]
RunJson = Callable[..., Any]


class Failed:
    """An appointment whose confirmation failed, with its open notification."""

    def __init__(self, world: World, *, state: str = "failed", may_have_been_sent: bool = False) -> None:
        api = ApiClient.in_process(create_api(), world.application_token())
        self.world = world
        order = world.order(client_email="carla@example.com")
        self.appointment_id = api.create(order_id=order.id).appointment["id"]
        self.command_id = world.commands(self.appointment_id)["send-confirmation"]["id"]
        world.execute("UPDATE commands SET state = :state WHERE id = :id", state=state, id=self.command_id)
        self.id = world.insert(
            "INSERT INTO notifications (status, severity, subject_key, cause, message, hint, appointment_id,"
            " command_id, recipient, attempts, may_have_been_sent) VALUES ('mandrill-email-failed', 'high',"
            " :key, 'hard-bounce', 'The mailbox does not exist.', 'Correct the address.', :appointment, :command,"
            " 'carla@example.com', 3, :doubt) RETURNING id",
            key=f"mail:{self.appointment_id}",
            appointment=self.appointment_id,
            command=self.command_id,
            doubt=may_have_been_sent,
        )

    @property
    def command(self) -> dict[str, Any]:
        return self.world.row("SELECT * FROM commands WHERE id = :id", id=self.command_id)

    @property
    def state(self) -> str:
        return self.world.row("SELECT state FROM notifications WHERE id = :id", id=self.id)["state"]


@pytest.mark.parametrize(
    ("email", "shown"),
    [("carla@example.com", "c***@example.com"), ("@x", "***@x"), (None, None), ("", None), ("odd", "***odd")],
)
def test_addresses_are_masked(email: str | None, shown: str | None) -> None:
    assert masked(email) == shown


def test_the_list_shows_what_is_open(run: Run, run_json: RunJson, world: World) -> None:
    failed = Failed(world, may_have_been_sent=True)
    Failed(world)
    world.execute(
        "UPDATE notifications SET state = 'resolved', closed_by = 'success' WHERE id <> :id", id=failed.id
    )

    [listed] = run_json("notifications", "list")
    assert listed["id"] == failed.id
    assert listed["recipient"] == "c***@example.com"
    assert listed["may_have_been_sent"] is True
    assert len(run_json("notifications", "list", "--state", "all")) == 2

    words = run("notifications", "list", "--state", "all").stdout
    assert f"#{failed.id}  high  mandrill-email-failed  hard-bounce" in words
    assert "The mailbox does not exist." in words
    assert "Correct the address." in words
    assert "3 attempts, may have been sent; first" in words
    assert "[resolved by success]" in words
    assert "carla@" not in words


def test_an_empty_list_says_so(run: Run, run_json: RunJson) -> None:
    assert run("notifications", "list").stdout == "There are no open notifications.\n"
    assert run_json("notifications", "list") == []


def test_a_resend_queues_the_command_and_waits_for_its_outcome(run: Run, world: World) -> None:
    failed = Failed(world)
    before = failed.command["send_id"]
    result = run("notifications", "resend", failed.id)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"Notification {failed.id}: send-confirmation is queued again.\n"
    assert failed.command["state"] == "pending"
    assert failed.command["send_id"] != before
    assert failed.state == "retrying"
    again = run("notifications", "resend", failed.id)
    assert again.stdout == f"Notification {failed.id}: send-confirmation is being tried again already.\n"


@pytest.mark.parametrize(
    ("answer", "arguments", "status", "state"),
    [
        ("y\n", (), 0, "pending"),
        ("n\n", (), 0, "unknown"),
        ("", (), 1, "unknown"),
        ("", ("--yes",), 0, "pending"),
    ],
)
def test_a_mail_that_may_have_been_sent_is_asked_about(
    run: Run, world: World, answer: str, arguments: tuple[str, ...], status: int, state: str
) -> None:
    failed = Failed(world, state="unknown")
    result = run("notifications", "resend", failed.id, *arguments, input=answer)
    assert result.exit_code == status
    assert ("may have been sent" in result.stderr) == (not arguments)
    assert failed.command["state"] == state


def test_a_corrected_address_is_told_with_the_old_one_masked_and_each_mails_own(
    run: Run, world: World
) -> None:
    failed = Failed(world)
    world.execute(
        "INSERT INTO emails (send_id, command_id, appointment_id, kind, recipient, outcome, attempts)"
        " SELECT send_id, id, appointment_id, kind, recipient, 'refused', CAST(:attempts AS jsonb)"
        " FROM commands WHERE id = :id",
        id=failed.command_id,
        attempts='[{"at": "2026-11-20T10:00:00+00:00", "outcome": "refused", "cause": "ValidationError",'
        ' "http_status": 400, "detail": "No.", "code": -2, "template": "request", "template_version": "0a1b2c"}]',
    )
    assert run("notifications", "correct", failed.id, "dana@example.com").exit_code == 0
    words = run("notifications", "show", failed.id).stdout
    assert ": from c***@example.com to d***@example.com" in words
    assert "to carla@example.com: refused" in words, "the mail's own row keeps where it went"
    assert "refused (HTTP 400, code -2) ValidationError No." in words


def test_what_cannot_be_sent_again_is_refused_and_the_rest_is_done(run: Run, world: World) -> None:
    failed, resolved, under_way, alone, copy = (Failed(world) for _ in range(5))
    world.execute("UPDATE notifications SET state = 'resolved' WHERE id = :id", id=resolved.id)
    world.execute("UPDATE commands SET state = 'done' WHERE id = :id", id=resolved.command_id)
    world.execute("UPDATE commands SET state = 'pending' WHERE id = :id", id=under_way.command_id)
    world.execute("UPDATE notifications SET command_id = NULL WHERE id = :id", id=alone.id)
    world.execute("UPDATE notifications SET recipient = 'assistant@example.com' WHERE id = :id", id=copy.id)
    result = run("notifications", "resend", resolved.id, failed.id, under_way.id, alone.id, copy.id, 9_999)
    assert result.exit_code == 1
    assert result.stdout == f"Notification {failed.id}: send-confirmation is queued again.\n"
    for sentence in (
        f"Notification {resolved.id} is resolved; nothing is left to be done.",
        f"Notification {under_way.id} has a command that is pending; wait for its outcome.",
        f"Notification {alone.id} has no mail or command that failed, so there is nothing to do again;"
        " its hint says what helps.",
        f"Notification {copy.id} is about a copy, and the mail itself arrived: correct the address",
        "Notification 9999 does not exist.",
    ):
        assert sentence in result.stderr


@pytest.mark.parametrize("archived", [False, True])
def test_a_mail_that_failed_after_it_counted_as_done_is_sent_again(
    run: Run, world: World, archived: bool
) -> None:
    failed = Failed(world, state="done")
    if archived:
        world.execute(
            "WITH moved AS (DELETE FROM commands WHERE id = :id RETURNING *)"
            " INSERT INTO commands_archive (id, appointment_id, kind, state, recipient, request_id)"
            " SELECT id, appointment_id, kind, state, recipient, request_id FROM moved",
            id=failed.command_id,
        )
    assert run("notifications", "resend", failed.id).exit_code == 0
    assert (failed.command["state"], failed.state) == ("pending", "retrying")


def test_a_corrected_address_gets_this_mail_and_the_clients_record_stays(run: Run, world: World) -> None:
    failed = Failed(world)
    before = failed.command["send_id"]
    result = run("notifications", "correct", failed.id, "Carla@Example.com ".strip())
    assert result.exit_code == 0, result.stderr
    assert failed.command["send_id"] != before
    assert (failed.command["recipient"], failed.command["state"]) == ("Carla@example.com", "pending")
    shown = world.row("SELECT recipient, state, subject_key FROM notifications WHERE id = :id", id=failed.id)
    assert (shown["recipient"], shown["state"]) == ("Carla@example.com", "retrying")
    assert shown["subject_key"].endswith(":carla@example.com")
    assert world.row("SELECT email FROM clients")["email"] == "carla@example.com"
    assert run("notifications", "correct", failed.id, "no address").exit_code == 1


def test_what_was_dealt_with_is_closed_with_who_did_it_and_why(
    run: Run, run_json: RunJson, world: World
) -> None:
    resolved, ignored = Failed(world), Failed(world)
    assert run("notifications", "resolve", resolved.id, "--reason", "phoned her").exit_code == 0
    assert run("notifications", "ignore", ignored.id).exit_code == 0
    assert (resolved.state, ignored.state) == ("resolved", "ignored")
    assert run("notifications", "list").stdout == "There are no open notifications.\n"
    shown = run_json("notifications", "show", resolved.id)
    (entry,) = shown["audit"]
    assert (entry["action"], entry["via"], entry["detail"]["reason"]) == (
        "resolve",
        "command-line",
        "phoned her",
    )
    assert "carla@example.com" not in str(entry)
    words = run("notifications", "show", resolved.id).stdout
    assert "carla@example.com" in words
    assert "resolve by" in words
    assert run("notifications", "resolve", resolved.id).exit_code == 0, "twice is no error"
    assert run("notifications", "ignore", resolved.id).exit_code == 1


@pytest.mark.parametrize("arguments", [(), ("abc",), ("0",)])
def test_ids_are_asked_for(run: Run, arguments: tuple[str, ...]) -> None:
    assert run("notifications", "resend", *arguments).exit_code == 2
