"""One message does several commands when there are others, and each is as safe as if it were alone."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
import structlog
from sqlalchemy import text

from models import database
from models.bounded_connection import LOCK_TIMEOUT_S
from models.command_claims import LeaseLostError, claim_several
from models.command_endings import finish_several
from tasks import reconcile_times as task
from tasks.catalogue import CLOCKS_AT_ONCE, CRASH_DELAYS_S
from tests.bookings import book, double_booked, utc
from tests.tasks.planned import Planned, command_row, plan
from tests.world import World

KIND = "reconcile-times"

Queue = Callable[..., list[Planned]]


@pytest.fixture(autouse=True)
def as_a_worker_does(a_message_does_its_own_command: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task, "CLOCKS_AT_ONCE", CLOCKS_AT_ONCE)


@pytest.fixture
def queue(world: World, broker: redis.Redis) -> Queue:
    """So many appointments whose commands have queued up for a minute, the first the longest."""

    def make(number: int, **columns: Any) -> list[Planned]:
        order = world.order()
        made = [plan(world, order, **columns) for _ in range(number)]
        wait_a_minute(world)
        return made

    return make


def wait_a_minute(world: World) -> None:
    world.execute(
        "UPDATE commands SET available_at = now() - interval '1 min' + id * interval '1 ms' WHERE state = 'pending'"
    )


def states(planned: list[Planned], kind: str = KIND) -> list[str]:
    return [command_row(each.commands[kind])["state"] for each in planned]


def break_(world: World, planned: Planned) -> None:
    """Make the snapshot something that no clock can read."""
    world.execute(
        """UPDATE appointments SET supplied = '{"date_start_local": "someday"}' WHERE id = :id""",
        id=planned.id,
    )


def test_those_that_queue_are_done_with_the_messages_own(world: World, queue: Queue, broker: redis.Redis):
    made = queue(5)
    task.reconcile_times(made[2].commands[KIND])
    assert states(made) == ["done"] * 5
    assert states(made, "send-confirmation") == ["pending"] * 5
    assert broker.llen("mail") == 5
    rows = [world.appointment(each.id) for each in made]
    assert {(row["zone_name"], row["start_resolution"]) for row in rows} == {("America/Denver", "exact")}
    assert {command_row(each.commands[KIND])["attempts"] for each in made} == {1}


def test_as_many_at_once_as_allowed_the_oldest_first(queue: Queue, monkeypatch: pytest.MonkeyPatch):
    made = queue(5)
    monkeypatch.setattr(task, "CLOCKS_AT_ONCE", 3)
    task.reconcile_times(made[4].commands[KIND])
    assert states(made) == ["done", "done", "pending", "pending", "done"]


def test_a_message_whose_command_was_done_already_does_those_that_queue(queue: Queue):
    made = queue(2)
    task.reconcile_times(made[0].commands[KIND])
    more = queue(2)
    task.reconcile_times(made[0].commands[KIND])
    assert states(made + more) == ["done"] * 4


def test_a_message_whose_command_was_done_already_does_as_many_as_any_other(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(task, "CLOCKS_AT_ONCE", 3)
    made = queue(7)
    task.reconcile_times(made[2].commands[KIND])
    assert states(made).count("done") == 3
    task.reconcile_times(made[2].commands[KIND])
    assert states(made).count("done") == 6


def test_one_whose_appointment_somebody_holds_delays_the_others_little(world: World, queue: Queue):
    made = queue(3)
    with database.transaction() as other:
        other.execute(text("SELECT FROM appointments WHERE id = :id FOR UPDATE"), {"id": made[0].id})
        began = time.monotonic()
        task.reconcile_times(made[2].commands[KIND])
        took_s = time.monotonic() - began
    assert states(made) == ["pending", "done", "done"]
    assert command_row(made[0].commands[KIND])["attempts"] == 1
    assert 2 * task.OTHERS_WAIT_MS / 1000 <= took_s < LOCK_TIMEOUT_S


def test_one_that_cannot_be_done_brings_down_no_other(
    world: World, queue: Queue, monkeypatch: pytest.MonkeyPatch
):
    reported: list[tuple[str, object]] = []

    def report(_task: str, failure: BaseException) -> None:
        reported.append((type(failure).__name__, structlog.contextvars.get_contextvars()["command_id"]))

    monkeypatch.setattr(task, "report", report)
    made = queue(4)
    break_(world, made[1])
    task.reconcile_times(made[3].commands[KIND])
    assert states(made) == ["done", "pending", "done", "done"]
    row = command_row(made[1].commands[KIND])
    assert (row["attempts"], row["last_error"]) == (1, "ValueError")
    assert 0 < row["due_in_s"] < 2 * CRASH_DELAYS_S[0]
    assert world.appointment(made[1].id)["reconciled_at"] is None
    assert reported == [("ValueError", made[1].commands[KIND])]


def test_a_message_whose_own_command_cannot_be_done_ends_its_task(world: World, queue: Queue):
    made = queue(3)
    break_(world, made[2])
    with pytest.raises(ValueError, match="someday"):
        task.reconcile_times(made[2].commands[KIND])
    assert states(made) == ["done", "done", "pending"]


def test_what_there_is_no_time_for_one_by_one_goes_back_as_it_was(
    world: World, queue: Queue, monkeypatch: pytest.MonkeyPatch
):
    made = queue(3)
    break_(world, made[2])
    before = command_row(made[0].commands[KIND])
    monkeypatch.setattr(task, "ONE_BY_ONE_S", -1.0)
    with pytest.raises(ValueError, match="someday"):
        task.reconcile_times(made[2].commands[KIND])
    after = command_row(made[0].commands[KIND])
    assert states(made) == ["pending"] * 3
    assert [row["attempts"] for row in (before, after)] == [0, 0]
    assert before["available_at"] == after["available_at"]


def test_what_was_tried_before_is_done_alone(world: World, queue: Queue):
    made = queue(4)
    repeat = made[1].commands[KIND]
    world.execute("UPDATE commands SET attempts = 1 WHERE id = :id", id=repeat)
    task.reconcile_times(repeat)
    assert states(made) == ["pending", "done", "pending", "pending"]
    world.execute("UPDATE commands SET state = 'pending' WHERE id = :id", id=repeat)
    task.reconcile_times(made[0].commands[KIND])
    assert states(made) == ["done", "pending", "done", "done"]


def test_what_another_has_by_now_is_left_to_it(world: World, queue: Queue, monkeypatch: pytest.MonkeyPatch):
    made = queue(3)
    lost = made[1].commands[KIND]
    decide = task.decide_all

    def decide_late(*of: Any) -> Any:
        world.execute("UPDATE commands SET lease_token = gen_random_uuid() WHERE id = :id", id=lost)
        return decide(*of)

    monkeypatch.setattr(task, "decide_all", decide_late)
    task.reconcile_times(made[2].commands[KIND])
    assert states(made) == ["done", "running", "done"]
    assert world.appointment(made[1].id)["reconciled_at"] is None


def test_many_messages_at_once_do_each_command_once(world: World, queue: Queue, broker: redis.Redis):
    made = queue(40)
    ids = [each.commands[KIND] for each in made]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(task.reconcile_times, reversed(ids)))
    assert states(made) == ["done"] * 40
    assert {command_row(id_)["attempts"] for id_ in ids} == {1}
    assert broker.llen("mail") == 40


def test_two_commands_of_one_appointment_are_done_together(world: World, queue: Queue):
    (planned,) = queue(1)
    second = world.insert(
        "INSERT INTO commands (appointment_id, kind, sequence, state, request_id)"
        " VALUES (:id, 'reconcile-times', 1, 'pending', 'r') RETURNING id",
        id=planned.id,
    )
    wait_a_minute(world)
    task.reconcile_times(second)
    assert states([planned]) == ["done"]
    assert command_row(second)["state"] == "done"


def test_those_that_are_done_together_see_each_other(world: World, broker: redis.Redis):
    photographer = world.photographer().id
    pair = tuple(
        book(world, photographer, utc(start, stop), reconciled=False)
        for start, stop in (("10:00", "11:00"), ("10:30", "11:30"))
    )
    wait_a_minute(world)
    task.reconcile_times(world.commands(pair[0])[KIND]["id"])
    assert {world.commands(each)[KIND]["state"] for each in pair} == {"done"}
    assert double_booked(world) == {pair}


def test_a_lease_that_was_lost_leaves_nothing_of_the_others_behind(queue: Queue, world: World):
    made = queue(2)
    with database.autocommit_engine().connect() as connection:
        claims = claim_several(connection, made[1].commands[KIND], KIND, 60, 10)
    assert [claimed.id for claimed in claims] == [each.commands[KIND] for each in made]
    world.execute(
        "UPDATE commands SET lease_token = gen_random_uuid() WHERE id = :id", id=made[0].commands[KIND]
    )
    with pytest.raises(LeaseLostError), database.transaction() as connection:
        finish_several(connection, claims, ["send-confirmation"], 10)
    assert states(made) == ["running", "running"]
    assert states(made, "send-confirmation") == ["waiting", "waiting"]


def test_one_that_somebody_holds_is_passed_over(queue: Queue, world: World):
    made = queue(3)
    with database.transaction() as other:
        other.execute(text("SELECT FROM commands WHERE id = :id FOR UPDATE"), {"id": made[0].commands[KIND]})
        task.reconcile_times(made[2].commands[KIND])
    assert states(made) == ["pending", "done", "done"]
