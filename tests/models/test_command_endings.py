"""What is written down when a worker's claim ends."""

from datetime import UTC, datetime

import pytest

from models import command_endings as endings
from models import database
from models.command_ledger import resend
from models.command_publishing import Due, take_due
from models.command_states import State
from models.commands import NewCommand
from tests.models.put import KIND, put
from tests.tasks.planned import command_row, plan, release

pytestmark = pytest.mark.usefixtures("database")


def postpone(connection, held):
    endings.postpone(connection, held, 30, "busy")


def fail(connection, held):
    endings.fail(connection, held, "no")


def doubt(connection, held):
    endings.doubt(connection, held, 30, "silence")


@pytest.mark.parametrize(
    ("move", "expected"),
    [
        (endings.finish, {"doubt_since": None, "last_error": None, "due": None, "finished": True}),
        (
            postpone,
            {"last_error": "busy", "published_at": None, "publishes": 0, "due": 30, "finished": False},
        ),
        (fail, {"last_error": "no", "due": None, "finished": True}),
        (
            doubt,
            {
                "last_error": "silence",
                "doubts": 1,
                "misses": 0,
                "published_at": None,
                "publishes": 0,
                "due": 30,
                "finished": False,
            },
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_a_worker_writes_with_its_move(command_id, move, expected):
    held = put(command_id, State.SENDING, misses=1, last_error="before")
    with database.transaction() as connection:
        move(connection, held)
    row = command_row(command_id)
    due, finished = expected.pop("due"), expected.pop("finished")
    assert {name: row[name] for name in expected} == expected
    assert (row["finished_at"] is not None) == finished
    if due is not None:
        assert row["due_in_s"] == pytest.approx(due, abs=5)
    assert (row["doubt_since"] is not None) == (move is doubt)


def test_an_old_doubt_keeps_its_age_when_the_answer_is_still_open(command_id):
    since = datetime(2026, 1, 1, tzinfo=UTC)
    held = put(command_id, State.SENDING, doubt_since=since, doubts=1)
    with database.transaction() as connection:
        endings.stay_in_doubt(connection, held, 20, "no answer", missed=False)
    row = command_row(command_id)
    assert (row["state"], row["doubt_since"], row["doubts"], row["misses"]) == ("unknown", since, 1, 0)
    assert row["due_in_s"] == pytest.approx(20, abs=5)
    assert (row["published_at"], row["last_error"]) == (None, "no answer")


def test_a_miss_is_counted(command_id):
    held = put(command_id, State.SENDING, doubt_since=datetime(2026, 1, 1, tzinfo=UTC), misses=1)
    with database.transaction() as connection:
        endings.stay_in_doubt(connection, held, 20, "nothing there", missed=True)
    assert command_row(command_id)["misses"] == 2


def test_a_doubt_that_is_left_to_people_is_never_due_and_can_still_be_read(command_id):
    held = put(command_id, State.SENDING)
    with database.transaction() as connection:
        endings.stay_in_doubt(connection, held, None, "undecided", missed=False)
        assert take_due(connection, 10, room=2_000) == []
    assert command_row(command_id)["available_at"].year == 9000
    with database.transaction() as connection:
        assert resend(connection, command_id)
        assert take_due(connection, 10, room=2_000) == [Due(command_id, KIND)]


def test_release_lets_the_waiting_commands_of_one_appointment_go_and_counts_them_as_published(world):
    order = world.order()
    commands = (
        NewCommand(KIND, State.WAITING, "c@example.com"),
        NewCommand("send-assignment", State.WAITING, "p@example.com"),
    )
    planned, other = plan(world, order, commands=commands), plan(world, order, commands=commands)
    with database.transaction() as connection:
        released = release(connection, planned.id, [KIND], 10)
        assert release(connection, planned.id, [KIND], 10) == []
    assert {due.id: due.kind for due in released} == {id: kind for kind, id in planned.commands.items()}
    for command_id in planned.commands.values():
        row = command_row(command_id)
        assert (row["state"], row["publishes"]) == ("pending", 1)
        assert row["published_at"] is not None
    assert {command_row(command_id)["state"] for command_id in other.commands.values()} == {"waiting"}
