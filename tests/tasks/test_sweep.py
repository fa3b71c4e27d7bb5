"""The sweep: what dead workers held comes back, what is due goes out, in bounded steps."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import text

from models import database
from models.command_claims import claim
from models.command_publishing import Due, take_due
from models.command_states import BEGIN, BEGIN_SENDING, State
from models.commands import NewCommand
from settings import get_settings
from tasks.catalogue import CLOCKS_AT_ONCE, PRIORITIES_ON_REDIS
from tasks.sweep import BATCH, Swept, publish_created, publish_due, sweep
from tests.models.put import handed_over
from tests.tasks.conftest import celery_on
from tests.tasks.mail.wire_server import unused_port
from tests.tasks.planned import command_row, let_lease_expire, plan


def ids_in(broker, queue):
    """The ids of the queue's messages, the last to be taken first; repeats are taken last."""
    import base64
    import json

    repeats = f"{queue}\x06\x16{PRIORITIES_ON_REDIS.repeat}"
    return [
        json.loads(base64.b64decode(json.loads(raw)["body"]))[0][0]
        for key in (repeats, queue)
        for raw in broker.lrange(key, 0, -1)
    ]


def many(world, number, due_for_s=1):
    """As many due commands, of which the last is due first: a second earlier each, or all at about this moment."""
    planned = plan(world, None)
    world.execute("DELETE FROM commands")
    world.execute(
        "INSERT INTO commands (appointment_id, kind, sequence, state, request_id, available_at)"
        " SELECT :id, 'reconcile-times', n, 'pending', 'r', now() - make_interval(secs => n * (:due_for_s + 0.001))"
        " FROM generate_series(1, :number) AS n",
        id=planned.id,
        number=number,
        due_for_s=due_for_s,
    )


def test_what_is_due_is_published_once(world, broker):
    planned = plan(world, world.order())
    assert sweep() == Swept(1, broker_answers=True)
    assert sweep() == Swept(0, broker_answers=True)
    assert ids_in(broker, "clocks") == [planned.commands["reconcile-times"]]
    assert broker.llen("mail") == 0  # the mail waits for its times


def test_after_a_create_only_first_commands_of_appointments_are_looked_for(world, broker):
    new, again, mail = (plan(world, world.order()) for _ in range(3))
    world.execute("UPDATE commands SET attempts = 1 WHERE id = :id", id=again.commands["reconcile-times"])
    world.execute("UPDATE commands SET state = 'done' WHERE id = :id", id=mail.commands["reconcile-times"])
    world.execute(
        "UPDATE commands SET state = 'pending' WHERE id = :id", id=mail.commands["send-confirmation"]
    )
    assert publish_created() == Swept(1, broker_answers=True)
    assert ids_in(broker, "clocks") == [new.commands["reconcile-times"]]
    assert publish_due() == Swept(2, broker_answers=True)


def test_new_appointments_that_come_together_have_one_message_for_as_many_as_a_worker_does_at_once(
    world, broker
):
    many(world, CLOCKS_AT_ONCE + 3, due_for_s=0)
    assert publish_created() == Swept(CLOCKS_AT_ONCE + 3, broker_answers=True)
    ids = [row["id"] for row in world.rows("SELECT id FROM commands ORDER BY available_at")]
    assert ids_in(broker, "clocks")[::-1] == [ids[0], ids[CLOCKS_AT_ONCE]]
    assert world.rows("SELECT FROM commands WHERE published_at IS NULL") == []
    assert publish_created() == publish_due() == Swept(0, broker_answers=True)


def test_what_has_waited_for_a_moment_is_left_to_the_sweep(world, broker):
    many(world, 3)
    assert publish_created() == Swept(0, broker_answers=True)
    assert sweep() == Swept(3, broker_answers=True)


def test_what_no_message_went_out_for_is_found_again(world):
    many(world, CLOCKS_AT_ONCE + 1, due_for_s=0)
    with celery_on(f"redis://127.0.0.1:{unused_port()}/0"):
        assert publish_created() == Swept(0, broker_answers=False)
    assert world.rows("SELECT FROM commands WHERE published_at IS NOT NULL") == []


def test_more_than_a_batch_goes_out_oldest_first(world, broker):
    many(world, BATCH + 17)
    assert sweep() == Swept(BATCH + 17, broker_answers=True)
    oldest_first = [row["id"] for row in world.rows("SELECT id FROM commands ORDER BY available_at")]
    # Redis lists are pushed to on the left and popped on the right.
    assert ids_in(broker, "clocks")[::-1] == oldest_first


def test_four_sweeps_at_once_publish_each_command_once(world, broker):
    many(world, 3 * BATCH)
    together = threading.Barrier(4)

    def run(_):
        together.wait(10)
        return sweep()

    with ThreadPoolExecutor(4) as pool:
        assert sum(swept.published for swept in pool.map(run, range(4))) == 3 * BATCH
    assert len(set(ids_in(broker, "clocks"))) == broker.llen("clocks") == 3 * BATCH


def test_what_a_dead_worker_held_is_published_again(world, broker):
    planned = plan(world, None)
    command_id = planned.commands["reconcile-times"]
    with database.transaction() as connection:
        assert claim(connection, command_id, "reconcile-times", BEGIN, 60) is not None
    assert sweep().published == 0
    let_lease_expire(command_id)
    assert sweep().published == 1
    assert (command_row(command_id)["state"], ids_in(broker, "clocks")) == ("pending", [command_id])


def test_a_mail_that_a_dead_worker_was_sending_is_asked_about_after_the_grace_period(world, broker):
    planned = plan(world, None, commands=(NewCommand("send-confirmation", State.PENDING, "c@example.com"),))
    command_id = planned.commands["send-confirmation"]
    with database.transaction() as connection:
        assert claim(connection, command_id, "send-confirmation", BEGIN_SENDING, 60) is not None
    handed_over(command_id)
    let_lease_expire(command_id)
    assert sweep().published == 0
    row = command_row(command_id)
    assert row["state"] == "unknown"
    assert row["due_in_s"] == pytest.approx(get_settings().unknown_grace_s, abs=5)


def test_a_mail_that_a_dead_worker_never_handed_over_is_published_at_once(world, broker):
    planned = plan(world, None, commands=(NewCommand("send-confirmation", State.PENDING, "c@example.com"),))
    command_id = planned.commands["send-confirmation"]
    with database.transaction() as connection:
        assert claim(connection, command_id, "send-confirmation", BEGIN_SENDING, 60) is not None
    let_lease_expire(command_id)
    assert sweep().published == 1
    row = command_row(command_id)
    assert (row["state"], row["doubts"], row["attempts"]) == ("pending", 0, 1)
    assert ids_in(broker, "mail") == [command_id]


def test_a_broker_that_is_away_is_asked_once_and_everything_stays_due(world):
    many(world, 2 * BATCH)
    with celery_on(f"redis://127.0.0.1:{unused_port()}/0"):
        assert sweep() == Swept(0, broker_answers=False)
    with database.transaction() as connection:
        assert len(take_due(connection, 1000, room=2_000)) == 2 * BATCH


@contextmanager
def locked(command_id):
    """Somebody else is at this command."""
    with database.transaction() as connection:
        connection.execute(text("SELECT FROM commands WHERE id = :id FOR UPDATE"), {"id": command_id})
        yield


def test_a_command_that_somebody_is_at_holds_nobody_up(world, broker):
    first, second = plan(world, None), plan(world, None)
    expired = plan(world, None).commands["reconcile-times"]
    with database.transaction() as connection:
        assert claim(connection, expired, "reconcile-times", BEGIN, 60) is not None
    let_lease_expire(expired)
    with locked(first.commands["reconcile-times"]), locked(expired):
        assert sweep() == Swept(1, broker_answers=True)
    assert ids_in(broker, "clocks") == [second.commands["reconcile-times"]]
    assert sweep() == Swept(2, broker_answers=True)


def test_the_relays_due_is_a_kind_and_an_id(world):
    planned = plan(world, None)
    with database.transaction() as connection:
        assert take_due(connection, 1, room=2_000) == [
            Due(planned.commands["reconcile-times"], "reconcile-times")
        ]
