"""First attempts go before repeats: in what the sweep takes, and in what the broker hands out."""

import pytest

from models import database
from models.command_publishing import Due, take_due
from tasks.catalogue import PRIORITIES_ON_REDIS
from tasks.publishing import publish
from tests.tasks.planned import plan, release

pytestmark = pytest.mark.usefixtures("database")
REPEATS = f"mail\x06\x16{PRIORITIES_ON_REDIS.repeat}"


def planned(world, number, *, attempts=0, due_for_s=0):
    """As many due commands of one appointment; the ids, oldest first."""
    appointment = plan(world, None)
    world.execute("DELETE FROM commands WHERE appointment_id = :id", id=appointment.id)
    world.execute(
        "INSERT INTO commands (appointment_id, kind, sequence, state, request_id, available_at, attempts)"
        " SELECT :id, 'reconcile-times', n, 'pending', 'r', now() - make_interval(secs => :due_for_s - n), :attempts"
        " FROM generate_series(1, :number) AS n",
        id=appointment.id,
        number=number,
        due_for_s=due_for_s + number,
        attempts=attempts,
    )
    rows = world.rows(
        "SELECT id FROM commands WHERE appointment_id = :id ORDER BY available_at", id=appointment.id
    )
    return [row["id"] for row in rows]


def taken(limit=200, room=2_000):
    with database.transaction() as connection:
        return [due.id for due in take_due(connection, limit, room=room)]


def test_first_attempts_are_taken_before_older_repeats(world):
    repeats = planned(world, 5, attempts=1, due_for_s=3600)
    firsts = planned(world, 5)
    with database.transaction() as connection:
        due = take_due(connection, 7, room=2_000)
    assert due == [Due(each, "reconcile-times") for each in firsts] + [
        Due(each, "reconcile-times", is_repeat=True) for each in repeats[:2]
    ]
    assert taken() == repeats[2:]


def test_repeats_get_the_room_that_first_attempts_leave(world):
    repeats = planned(world, 5, attempts=3, due_for_s=3600)
    firsts = planned(world, 4)
    assert taken(room=6) == firsts + repeats[:2]
    assert taken(room=6) == []
    assert taken(room=7) == repeats[2:3]


def test_a_crowd_of_repeats_under_way_takes_no_room_from_first_attempts(world):
    planned(world, 6, attempts=1)
    assert len(taken(room=6)) == 6
    firsts = planned(world, 3)
    assert taken(room=6) == firsts


def test_more_first_attempts_than_room_let_no_repeat_through(world):
    planned(world, 5, attempts=1, due_for_s=3600)
    firsts = planned(world, 8)
    assert taken(room=4) == firsts[:4]


def test_a_mail_is_released_and_published_at_once_although_repeats_wait(world):
    planned(world, 20, attempts=1, due_for_s=3600)
    order = world.order()
    fresh = plan(world, order)
    world.execute("DELETE FROM commands WHERE appointment_id = :id AND state = 'pending'", id=fresh.id)
    with database.transaction() as connection:
        assert [due.id for due in release(connection, fresh.id, ["send-confirmation"], room=10)] == [
            fresh.commands["send-confirmation"]
        ]


def test_repeats_wait_in_a_list_that_workers_read_last(world, broker):
    assert publish(
        [Due(1, "send-confirmation", is_repeat=True), Due(2, "send-confirmation"), Due(3, "send-assignment")]
    )
    assert (broker.llen("mail"), broker.llen(REPEATS)) == (2, 1)


def test_a_sweep_with_many_repeats_reads_the_first_attempts_through_their_own_index(world):
    """Otherwise every sweep would pass all the repeats of a provider's bad day."""
    # A table without the dead rows of other tests, whose number would decide what the planner prefers.
    world.execute("TRUNCATE commands CASCADE")
    planned(world, 2_000, attempts=1, due_for_s=3600)
    planned(world, 3)
    world.execute("ANALYZE commands")
    plan_of = (
        "EXPLAIN SELECT id FROM commands WHERE state IN ('pending', 'unknown') AND available_at <= now()"
    )
    plan_of += " AND attempts = 0 ORDER BY available_at LIMIT 200"
    lines = [row["QUERY PLAN"] for row in world.rows(plan_of)]
    assert any("ix_commands_due_first" in line for line in lines), lines
