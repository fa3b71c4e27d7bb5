"""After the list of CONTRIBUTING.md: `find-address` is published, done, tried again and shown like others."""

import json

import pytest
import redis
from sqlalchemy import text

from api.app import create_app
from tasks import find_address
from tasks.catalogue import CRASH_DELAYS_S, JITTER
from tasks.crashes import CommandCrashedError
from tasks.sweep import sweep
from tests.client import ApiClient
from tests.console.conftest import Browser, app, emma  # noqa: F401 - fixtures
from tests.tasks.conftest import broker  # noqa: F401 - a fixture
from tests.world import World

KIND = "find-address"


@pytest.fixture
def made(api: ApiClient, world: World) -> int:
    return api.create(order_id=world.order(client_email=None).id).appointment["id"]


def test_it_follows_a_create_and_is_published_to_its_queue(made: int, world: World, broker: redis.Redis):  # noqa: F811
    assert world.commands(made)[KIND]["state"] == "pending"
    assert sweep().broker_answers
    tasks = [json.loads(packed)["headers"]["task"] for packed in broker.lrange("clocks", 0, -1)]
    assert sorted(tasks) == [KIND, "reconcile-times"]


def test_it_follows_only_where_nobody_can_be_written_to(api: ApiClient, world: World):
    assert KIND not in world.commands(api.create(order_id=world.order().id).appointment["id"])


def test_a_worker_does_it(made: int, world: World):
    command = world.commands(made)[KIND]["id"]
    find_address.find_address_task(command)
    assert world.commands(made)[KIND]["state"] == "done"


def test_a_crash_is_tried_again_by_the_catalogue(made: int, world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(find_address, "_FIND", text("SELECT 1 / 0"))
    command = world.commands(made)[KIND]["id"]
    with pytest.raises(CommandCrashedError):
        find_address.find_address_task(command)
    row = world.row(
        "SELECT state, attempts, extract(epoch FROM available_at - now())::float AS due_s FROM commands WHERE id = :id",
        id=command,
    )
    assert (row["state"], row["attempts"]) == ("pending", 1)
    assert 0 < row["due_s"] <= CRASH_DELAYS_S[0] * (1 + JITTER)
    world.execute("UPDATE commands SET attempts = :tries, available_at = now()", tries=len(CRASH_DELAYS_S))
    with pytest.raises(CommandCrashedError):
        find_address.find_address_task(command)
    assert world.commands(made)[KIND]["state"] == "failed"
    assert world.row("SELECT status FROM notifications") == {"status": "command-failed"}


def test_the_console_and_the_metrics_show_it(made: int, emma: Browser):  # noqa: F811
    assert KIND in emma.open("/console/queues").text
    assert KIND in emma.open(f"/console/queues/commands?kind={KIND}&state=pending").text
    assert KIND in emma.open(f"/console/appointments/{made}").text
    lines = create_app().test_client().get("/metrics").text.splitlines()
    assert f'appointments_commands{{kind="{KIND}",state="pending"}} 1.0' in lines
