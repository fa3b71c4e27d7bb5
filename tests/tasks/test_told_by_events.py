"""A worker and the provider's events about one mail: what was told is not asked for, sent again or overwritten."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from models import database
from tasks.catalogue import MISS_PAUSES, RECIPIENT_TRIES, SEND_CONFIRMATION
from tasks.mail.events import ToldEvent
from tasks.provider_events import take_in
from tasks.send_mail import send_mail
from tests.models.put import handed_over
from tests.tasks.mail.wire_server import Act, WireServer, answer, reset
from tests.tasks.planned import Planned, command_row, mail_due, make_due
from tests.world import World

NOTHING_FOUND = (answer([]), answer([{"name": "send_id"}]))


def mail_of(planned: Planned) -> int:
    return planned.commands["send-confirmation"]


def run(planned: Planned) -> None:
    make_due(mail_of(planned))
    send_mail(SEND_CONFIRMATION, mail_of(planned))


def tell(planned: Planned, kind: str, **more: Any) -> None:
    """The provider tells of the mail's main recipient."""
    row = command_row(mail_of(planned))
    told = ToldEvent("m1", kind, datetime(2026, 11, 22, tzinfo=UTC), row["send_id"], row["recipient"], **more)
    with database.transaction() as connection:
        take_in(connection, [told])


def telling(planned: Callable[[], Planned], kind: str, then: Act) -> Act:
    """The event comes while the worker waits for this answer."""

    def act(server: WireServer, sock: Any) -> bool:
        tell(planned(), kind)
        return then(server, sock)

    return act


def in_doubt(world: World, provider: WireServer, **columns: str) -> Planned:
    planned = mail_due(world)
    provider.script.append(reset)
    run(planned)
    for name, value in columns.items():
        world.execute(f"UPDATE commands SET {name} = {value} WHERE id = :id", id=mail_of(planned))
    assert command_row(mail_of(planned))["state"] == "unknown"
    return planned


def outcome_of(world: World, planned: Planned) -> tuple[str, str]:
    row = world.row("SELECT outcome FROM emails WHERE appointment_id = :id", id=planned.id)
    return command_row(mail_of(planned))["state"], row["outcome"]


@pytest.mark.parametrize(
    ("kind", "end"), [("send", ("done", "accepted")), ("hard_bounce", ("failed", "refused"))]
)
def test_an_event_that_comes_before_the_answer_was_missed_decides_at_once(
    world: World, provider: WireServer, kind: str, end: tuple[str, str]
) -> None:
    planned = mail_due(world)
    provider.script.append(telling(lambda: planned, kind, reset))
    run(planned)
    assert outcome_of(world, planned) == end
    assert provider.calls == ["messages/send.json"]


def test_an_event_that_came_while_a_worker_died_is_looked_at_before_anybody_is_asked(
    world: World, provider: WireServer
) -> None:
    planned = in_doubt(world, provider)
    row = command_row(mail_of(planned))
    world.execute(
        "INSERT INTO mail_events (provider_id, event, at, send_id, recipient)"
        " VALUES ('m1', 'delivered', now(), :send_id, :to)",
        send_id=row["send_id"],
        to=row["recipient"],
    )
    run(planned)
    assert outcome_of(world, planned) == ("done", "accepted")
    assert provider.calls == ["messages/send.json"]


@pytest.mark.parametrize("asked", [NOTHING_FOUND, (reset,)], ids=["nothing there", "cannot tell"])
def test_an_event_that_comes_while_mandrill_is_asked_wins_over_its_answer(
    world: World, provider: WireServer, asked: tuple[Act, ...]
) -> None:
    """Also when this would have been the answer after which the mail is sent again."""
    planned = in_doubt(world, provider, misses=len(MISS_PAUSES))
    provider.script += [telling(lambda: planned, "send", asked[0]), *asked[1:]]
    run(planned)
    assert outcome_of(world, planned) == ("done", "accepted")
    assert provider.calls.count("messages/send.json") == 1


def test_a_second_attempt_that_waits_is_settled_by_the_first_ones_event(
    world: World, provider: WireServer
) -> None:
    planned = in_doubt(world, provider, misses=len(MISS_PAUSES))
    busy = answer({"status": "error", "name": "ServiceUnavailable", "message": "Later", "code": 1}, 503)
    provider.script += [*NOTHING_FOUND, busy]
    run(planned)
    assert command_row(mail_of(planned))["state"] == "pending"
    tell(planned, "send")
    assert outcome_of(world, planned) == ("done", "accepted")
    run(planned)
    assert provider.calls.count("messages/send.json") == 2


def test_a_recipient_who_cannot_be_reached_is_tried_for_two_days_and_then_shown(
    world: World, provider: WireServer
) -> None:
    planned = mail_due(world)
    handed_over(mail_of(planned))
    world.execute(
        "UPDATE commands SET attempts = :n WHERE id = :id", n=RECIPIENT_TRIES - 1, id=mail_of(planned)
    )

    def full(server: WireServer, sock: Any) -> bool:
        to = [one["email"] for one in server.last_body["message"]["to"]]
        return answer([{"email": to[0], "status": "rejected", "reject_reason": "soft-bounce"}])(server, sock)

    provider.script.append(full)
    run(planned)
    assert command_row(mail_of(planned))["state"] == "failed"
    (told,) = world.notifications(planned.id)
    assert (told["cause"], told["failure_class"], told["attempts"]) == (
        "soft-bounce",
        "not-sent",
        RECIPIENT_TRIES,
    )


def test_a_notification_says_which_worker_handed_what_to_whom(world: World, provider: WireServer) -> None:
    planned = mail_due(world)

    def unsigned(server: WireServer, sock: Any) -> bool:
        to = [one["email"] for one in server.last_body["message"]["to"]]
        entry = {"email": to[0], "status": "rejected", "reject_reason": "unsigned", "_id": "m1"}
        return answer([entry])(server, sock)

    provider.script.append(unsigned)
    run(planned)
    (told,) = world.notifications(planned.id)
    row = command_row(mail_of(planned))
    assert (told["failure_class"], told["cause_key"]) == ("permanent", "rejected/unsigned@send-confirmation")
    assert (told["mail_kind"], told["sequence"], told["send_id"]) == ("send-confirmation", 0, row["send_id"])
    assert (told["provider_id"], told["reason"], told["http_status"]) == ("m1", "unsigned", 200)
    assert (told["endpoint_host"], told["release"]) == ("127.0.0.1", "unreleased")
    assert "@" in told["worker"]
    assert told["first_at"] <= told["last_at"]
