"""What the sweep takes, and what it finds again."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from models import command_publishing as publishing
from models import database
from models.command_ledger import resend
from models.command_publishing import CHANNEL, REPUBLISH_AFTER_S, Due
from models.command_states import State
from models.commands import NewCommand
from tests.models.put import KIND, put
from tests.tasks.planned import command_row, plan

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def many(world):
    """Forty due mails, the last one due first."""
    order = world.order()
    ids = [
        plan(world, order, commands=(NewCommand(KIND, State.PENDING, "c@example.com"),)).commands[KIND]
        for _ in range(40)
    ]
    world.execute("UPDATE commands SET available_at = now() - make_interval(secs => id)")
    return ids[::-1]


def test_what_is_due_is_taken_oldest_first_and_no_more_than_asked_for(many):
    with database.transaction() as connection:
        assert [due.id for due in publishing.take_due(connection, 15, room=2_000)] == many[:15]
        assert [due.id for due in publishing.take_due(connection, 100, room=2_000)] == many[15:]
        assert publishing.take_due(connection, 100, room=2_000) == []


def test_two_sweeps_at_once_never_take_the_same_row(many):
    with database.transaction() as one, database.transaction() as other:
        first = publishing.take_due(one, 25, room=2_000)
        second = publishing.take_due(other, 25, room=2_000)
    assert (len(first), len(second)) == (25, 15)
    assert {due.id for due in first} | {due.id for due in second} == set(many)


def test_eight_sweeps_share_the_rows_without_waiting_for_one_another(many):
    together = threading.Barrier(8)

    def take(_):
        with database.transaction() as connection:
            together.wait(10)
            taken = publishing.take_due(connection, 7, room=2_000)
            together.wait(10)
            return [due.id for due in taken]

    with ThreadPoolExecutor(8) as pool:
        taken = [each for ids in pool.map(take, range(8)) for each in ids]
    assert sorted(taken) == sorted(many)


@pytest.mark.parametrize("publishes", [1, 2, 3, 8, 9, 100])
def test_a_message_unheard_of_is_sent_again_after_pauses_that_double(world, command_id, publishes):
    pause_s = REPUBLISH_AFTER_S * 2 ** min(publishes - 1, 7)
    aged = "UPDATE commands SET publishes = :n, published_at = now() - make_interval(secs => :age) WHERE id = :id"
    world.execute(aged, n=publishes, age=pause_s - 3, id=command_id)
    with database.transaction() as connection:
        assert publishing.take_due(connection, 10, room=2_000) == []
    world.execute(aged, n=publishes, age=pause_s + 1, id=command_id)
    with database.transaction() as connection:
        assert publishing.take_due(connection, 10, room=2_000) == [Due(command_id, KIND)]
    assert command_row(command_id)["publishes"] == publishes + 1


@pytest.mark.parametrize("state", State)
def test_only_what_may_be_claimed_is_published(command_id, state):
    put(command_id, state, published_at=None)
    with database.transaction() as connection:
        taken = publishing.take_due(connection, 10, room=2_000)
    assert bool(taken) == (state in (State.PENDING, State.UNKNOWN))


def test_what_could_not_be_published_is_found_again_at_once(command_id):
    with database.transaction() as connection:
        assert publishing.take_due(connection, 10, room=2_000) == [Due(command_id, KIND)]
        publishing.unpublish(connection, [command_id])
    row = command_row(command_id)
    assert (row["published_at"], row["publishes"]) == (None, 0)
    with database.transaction() as connection:
        assert publishing.take_due(connection, 10, room=2_000) == [Due(command_id, KIND)]
        publishing.unpublish(connection, [])
    assert command_row(command_id)["publishes"] == 1


def test_a_command_that_somebody_claimed_meanwhile_is_not_unpublished(command_id):
    put(command_id, State.SENDING)
    with database.transaction() as connection:
        publishing.unpublish(connection, [command_id])
    assert command_row(command_id)["publishes"] == 1


def test_a_resend_starts_over_under_a_new_send_id_and_wakes_the_relay(command_id):
    old = put(command_id, State.FAILED, attempts=5, doubts=3, misses=1, last_error="refused").send_id
    with database.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as listening:
        listening.exec_driver_sql(f"LISTEN {CHANNEL}")
        with database.transaction() as connection:
            assert resend(connection, command_id)
        notices = list(listening.connection.driver_connection.notifies(timeout=5, stop_after=1))
        listening.exec_driver_sql(f"UNLISTEN {CHANNEL}")
    assert [(notice.channel, notice.payload) for notice in notices] == [(CHANNEL, "")]
    row = command_row(command_id)
    assert (row["attempts"], row["doubts"], row["misses"], row["publishes"]) == (0, 0, 0, 0)
    assert (row["doubt_since"], row["finished_at"], row["published_at"]) == (None, None, None)
    assert row["send_id"] != old
    assert row["due_in_s"] <= 0


def test_the_sweep_and_the_leases_are_found_by_their_partial_indexes(world, many):
    world.execute("UPDATE commands SET state = 'done' WHERE id > :id", id=many[-1])
    queries = {
        "ix_commands_due": "SELECT id FROM commands WHERE state IN ('pending', 'unknown')"
        " AND available_at <= now() ORDER BY available_at LIMIT 200",
        "ix_commands_leases": "SELECT id FROM commands WHERE state IN ('sending') AND lease_until < now()",
    }
    for index, query in queries.items():
        with database.transaction() as connection:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            steps = connection.exec_driver_sql(f"EXPLAIN {query}").scalars().all()
        assert index in "\n".join(steps)
