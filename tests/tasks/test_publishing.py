"""Messages: an id and nothing else, and a broker that is away costs little and loses nothing."""

import base64
import json
import time

import pytest

from models import database
from models.command_publishing import Due, take_due
from tasks.catalogue import ROOM
from tasks.publishing import is_full, publish
from tests.servers import running_redis
from tests.tasks.conftest import celery_on
from tests.tasks.mail.wire_server import unused_port
from tests.tasks.planned import command_row, plan

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def due(world):
    """Three commands, marked as published."""
    for _ in range(3):
        plan(world, None)
    with database.transaction() as connection:
        return take_due(connection, 10, room=2_000)


def published(command):
    return command_row(command.id)["publishes"]


def test_a_message_holds_the_commands_id_and_nothing_else(world, broker, due):
    assert publish([due[0], Due(7, "send-confirmation")])
    (clocks,), (mail,) = broker.lrange("clocks", 0, -1), broker.lrange("mail", 0, -1)
    for raw, task, command_id in ((clocks, "reconcile-times", due[0].id), (mail, "send-confirmation", 7)):
        message = json.loads(raw)
        args, kwargs, embedded = json.loads(base64.b64decode(message["body"]))
        assert (args, kwargs) == ([command_id], {})
        assert not any(embedded.values())
        headers = message["headers"]
        assert (headers["task"], headers["argsrepr"], headers["kwargsrepr"]) == (
            task,
            f"({command_id},)",
            "{}",
        )
        assert (headers["eta"], headers["expires"]) == (None, None)


def test_a_queue_is_full_when_as_many_messages_wait_as_may(world, broker, due, monkeypatch):
    monkeypatch.setitem(ROOM, "clocks", len(due))
    assert publish(due[1:])
    assert not is_full("clocks")
    assert publish(due[:1])
    assert is_full("clocks")
    with celery_on(f"redis://127.0.0.1:{unused_port()}/0"):
        assert not is_full("clocks"), "who publishes will be told that the broker is away"


def test_one_message_for_several_names_the_first(world, broker, due):
    assert publish(due, at_once=2)
    assert [message_id(raw) for raw in broker.lrange("clocks", 0, -1)][::-1] == [due[0].id, due[2].id]


def message_id(raw):
    return json.loads(base64.b64decode(json.loads(raw)["body"]))[0][0]


def test_nothing_to_publish_asks_no_broker(world):
    with celery_on(f"redis://127.0.0.1:{unused_port()}/0"):
        assert publish([])


def test_a_broker_that_refuses_is_given_up_at_once_and_the_commands_are_unpublished(world, due):
    with celery_on(f"redis://127.0.0.1:{unused_port()}/0"):
        started = time.monotonic()
        assert publish(due) is False
        assert time.monotonic() - started < 2
    assert [published(command) for command in due] == [0, 0, 0]
    with database.transaction() as connection:
        assert {each.id for each in take_due(connection, 10, room=2_000)} == {command.id for command in due}


def test_a_silent_broker_is_given_up_within_seconds_and_used_again_when_it_answers(world, due):
    with running_redis() as server, celery_on(server.url):
        assert publish(due[:1])
        with server.suspended():
            started = time.monotonic()
            assert publish(due[1:]) is False
            assert time.monotonic() - started < 5
        assert [published(command) for command in due] == [1, 0, 0]
        assert publish(due[1:])


def test_a_broker_that_is_full_refuses_without_an_error_of_ours(world, due):
    import redis

    with running_redis() as server, celery_on(server.url):
        assert publish(due[:1])
        with redis.Redis.from_url(server.url) as admin:
            admin.config_set("maxmemory", 1)
            assert publish(due) is False
            assert [published(command) for command in due] == [0, 0, 0]
            admin.config_set("maxmemory", 0)
        assert publish(due)


def test_a_broker_that_restarted_is_used_again(world, due):
    with running_redis() as server, celery_on(server.url):
        assert publish(due)
        server.restart()
        assert publish(due) or publish(due)
