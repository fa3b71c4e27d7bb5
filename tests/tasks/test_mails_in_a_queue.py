"""When mails queue up, whoever has done the mail of its message goes on with those that have none."""

import pytest

import tasks.send_mail
from models.provider_gate import FAILURES_THAT_CLOSE
from settings import get_settings
from tasks.catalogue import SEND_ASSIGNMENT, SEND_CONFIRMATION
from tasks.send_mail import QUEUED_S, send_mail
from tests.tasks.mail.wire_server import reset
from tests.tasks.planned import Planned, mail_due
from tests.tasks.test_send_mail import SENT
from tests.world import World

KIND = SEND_CONFIRMATION.name
LONG_AGO_S = 60


@pytest.fixture(autouse=True)
def a_moment_to_go_on(a_message_does_its_own_command, monkeypatch):
    monkeypatch.setattr(tasks.send_mail, "GO_ON_FOR_S", 30.0)


@pytest.fixture
def queue(world: World):
    """`queue(3)`: so many mails that have been due for some time; a message was sent for the first of them only."""

    def make(number: int, *, due_for_s: float = LONG_AGO_S) -> list[Planned]:
        made = [mail_due(world) for _ in range(number)]
        for place, each in enumerate(made):
            world.execute(
                "UPDATE commands SET available_at = now() - make_interval(secs => :due_for_s),"
                " published_at = CASE WHEN :is_first THEN now() END WHERE id = :id",
                due_for_s=due_for_s - place / 1000 if due_for_s else 0,
                is_first=place == 0,
                id=each.commands[KIND],
            )
        return made

    return make


def states(world: World, made: list[Planned]) -> list[str]:
    return [world.commands(each.id)[KIND]["state"] for each in made]


def test_one_message_does_all_that_wait_without_one(world: World, provider, queue):
    made = queue(4)
    provider.script += [SENT] * 4
    assert send_mail(SEND_CONFIRMATION, made[0].commands[KIND]) == "Accepted; 3 without a message"
    assert states(world, made) == ["done"] * 4
    assert len({mail["send_id"] for mail in world.rows("SELECT send_id FROM emails")}) == 4


def test_a_mail_that_did_not_wait_in_a_queue_is_done_alone(world: World, provider, queue, monkeypatch):
    monkeypatch.setattr(tasks.send_mail, "QUEUED_S", 30.0)
    made = queue(2, due_for_s=QUEUED_S)
    provider.script.append(SENT)
    assert send_mail(SEND_CONFIRMATION, made[0].commands[KIND]) == "Accepted"
    assert states(world, made) == ["done", "pending"]


def test_mails_whose_messages_are_under_way_are_left_to_these(world: World, provider, queue):
    made = queue(2)
    world.execute("UPDATE commands SET published_at = now()")
    provider.script.append(SENT)
    send_mail(SEND_CONFIRMATION, made[0].commands[KIND])
    assert states(world, made) == ["done", "pending"]


def test_mails_that_were_tried_before_and_those_of_other_kinds_are_left_alone(world: World, provider, queue):
    made = queue(3)
    world.execute("UPDATE commands SET attempts = 1 WHERE id = :id", id=made[1].commands[KIND])
    world.execute(
        "UPDATE commands SET kind = :kind WHERE id = :id",
        kind=SEND_ASSIGNMENT.name,
        id=made[2].commands[KIND],
    )
    provider.script.append(SENT)
    assert send_mail(SEND_CONFIRMATION, made[0].commands[KIND]) == "Accepted"


def test_each_has_the_outcome_that_is_its_own(world: World, provider, queue):
    made = queue(3)
    provider.script += [SENT, reset, SENT]
    send_mail(SEND_CONFIRMATION, made[0].commands[KIND])
    assert sorted(states(world, made)) == ["done", "done", "unknown"]


def test_nobody_goes_on_once_the_gate_is_closed(world: World, provider, queue):
    made = queue(2)
    provider.script.append(SENT)
    world.execute(
        "INSERT INTO provider_gates (name, failures, closed_until) VALUES ('mandrill', :failures, NULL)"
        " ON CONFLICT (name) DO UPDATE SET failures = excluded.failures, closed_until = NULL",
        failures=0,
    )
    closing = "UPDATE provider_gates SET failures = :failures, closed_until = now() + interval '1 hour'"
    original = tasks.send_mail._do

    def close_after(kind, claimed):
        became = original(kind, claimed)
        world.execute(closing, failures=FAILURES_THAT_CLOSE)
        return became

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tasks.send_mail, "_do", close_after)
        assert send_mail(SEND_CONFIRMATION, made[0].commands[KIND]) == "Accepted"
    assert states(world, made) == ["done", "pending"]


def test_one_that_crashes_ends_it_and_leaves_the_mail_of_the_message_done(
    world: World, provider, queue, monkeypatch
):
    made = queue(3)
    provider.script.append(SENT)
    original = tasks.send_mail._prepare

    def crash_for_others(kind, claimed, settings):
        if claimed.id != made[0].commands[KIND]:
            raise RuntimeError("a defect of ours")
        return original(kind, claimed, settings)

    monkeypatch.setattr(tasks.send_mail, "_prepare", crash_for_others)
    assert send_mail(SEND_CONFIRMATION, made[0].commands[KIND]) == "Accepted"
    assert states(world, made)[0] == "done"
    assert states(world, made)[2] == "pending"


def test_nobody_goes_on_after_its_time(world: World, provider, queue, monkeypatch):
    monkeypatch.setattr(tasks.send_mail, "GO_ON_FOR_S", 0.0)
    made = queue(2)
    provider.script.append(SENT)
    assert send_mail(SEND_CONFIRMATION, made[0].commands[KIND]) == "Accepted"
    assert states(world, made) == ["done", "pending"]


def test_with_a_pace_each_mail_waits_for_its_own_message(world: World, provider, queue, monkeypatch):
    monkeypatch.setenv("MAIL_RATE_PER_S", "100")
    get_settings.cache_clear()
    made = queue(2)
    provider.script.append(SENT)
    assert send_mail(SEND_CONFIRMATION, made[0].commands[KIND]) == "Accepted"
    assert states(world, made) == ["done", "pending"]
