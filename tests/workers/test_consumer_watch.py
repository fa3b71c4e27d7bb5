"""When a worker is taken for one that its messages do not reach, and when it is left alone."""

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery

from models.provider_gate import FAILURES_THAT_CLOSE
from tests.tasks.planned import mail_due
from tests.world import World
from workers.consumer_watch import PUBLISHED_IN_VAIN, ConsumerWatch


@pytest.fixture
def watch(configured: None, redis_url: str) -> Iterator[ConsumerWatch]:
    """The watch of a mail worker on the tests' broker, idle for five minutes."""
    app = Celery("watched", set_as_current=False)
    app.config_from_object("celeryconfig")
    app.conf.broker_read_url = app.conf.broker_write_url = redis_url
    app.amqp.queues.select(["mail"])
    made = ConsumerWatch(SimpleNamespace(app=app))
    made._idle_since = time.monotonic() - 300
    yield made
    app.close()


@pytest.fixture
def mail(world: World) -> int:
    """A confirmation that has been due for two minutes, with its last message twenty seconds ago."""
    command_id = mail_due(world).commands["send-confirmation"]
    change(
        world,
        command_id,
        "available_at = now() - interval '2 min', published_at = now() - interval '20 s',"
        f" publishes = {PUBLISHED_IN_VAIN}",
    )
    return command_id


def change(world: World, command_id: int, assignments: str) -> None:
    world.execute(f"UPDATE commands SET {assignments} WHERE id = :id", id=command_id)


def test_messages_sent_in_vain_while_a_worker_is_idle_mean_that_it_is_deaf(
    watch: ConsumerWatch, mail: int
) -> None:
    assert watch._messages_do_not_arrive()


LEFT_ALONE = {
    "nothing is due": "state = 'done'",
    "not due yet": "available_at = now() + interval '1 h'",
    "due a moment ago": "available_at = now() - interval '5 s'",
    "its message is on its way": "published_at = now() - interval '1 s'",
    "not published, since the broker was away": "published_at = NULL, publishes = 0",
    "published before the worker became idle": "published_at = now() - interval '10 min'",
    "one message may get lost": "publishes = 1",
    "another worker's command": "kind = 'reconcile-times'",
}


@pytest.mark.parametrize("situation", LEFT_ALONE)
def test_a_healthy_worker_is_left_alone(
    watch: ConsumerWatch, world: World, mail: int, situation: str
) -> None:
    change(world, mail, LEFT_ALONE[situation])
    assert not watch._messages_do_not_arrive()


def test_a_worker_that_took_something_lately_is_left_alone(watch: ConsumerWatch, mail: int) -> None:
    watch._took()
    assert not watch._messages_do_not_arrive()


@pytest.mark.parametrize("closed_until", ["now() + interval '1 min'", "now() - interval '1 s'"])
def test_while_a_provider_is_away_nothing_is_expected_of_its_worker(
    watch: ConsumerWatch, world: World, mail: int, closed_until: str
) -> None:
    world.execute(
        f"INSERT INTO provider_gates (name, failures, closed_until) VALUES ('mandrill', :n, {closed_until})",
        n=FAILURES_THAT_CLOSE,
    )
    assert not watch._messages_do_not_arrive()


def test_a_soft_shutdown_ends_the_watch_before_its_pause(watch: ConsumerWatch) -> None:
    paused: list[bool] = []
    worker: Any = SimpleNamespace(
        wait_for_soft_shutdown=lambda: paused.append(watch._liveness._stopped.is_set())
    )
    watch._end_with_a_soft_shutdown(worker)
    worker.wait_for_soft_shutdown()
    assert paused == [True]
