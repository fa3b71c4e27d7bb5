"""Law 2: row first, message second; nothing is published inside a transaction; a message is one id."""

import ast
import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
from celery import Celery

from models.command_publishing import Due
from tasks.catalogue import KINDS, RECONCILE_TIMES
from tasks.publishing import publish
from tasks.reconcile_times import reconcile_times
from tasks.sweep import sweep
from tests.client import ApiClient
from tests.contracts.source import calls, production_modules
from tests.tasks.conftest import celery_on
from tests.tasks.mail.wire_server import unused_port
from tests.world import World


def publishing_functions(name: str) -> bool:
    return name.rsplit(".", 1)[-1] in {"publish", "send_task", "apply_async", "delay"}


def test_nothing_is_published_inside_a_transaction_as_written():
    """No call that publishes stands inside a `with … transaction()` block."""
    found = []
    for name, tree in production_modules().items():
        for block in (node for node in ast.walk(tree) if isinstance(node, ast.With)):
            held = {ast.unparse(item.context_expr).split("(")[0].rsplit(".", 1)[-1] for item in block.items}
            if held & {"transaction", "begin"}:
                found += [
                    f"{name}:{call.lineno}" for called, call in calls(block) if publishing_functions(called)
                ]
    assert found == []


def test_only_publishing_talks_to_the_broker():
    for name, tree in production_modules().items():
        sending = {
            called for called, _ in calls(tree) if called.endswith((".send_task", ".apply_async", ".delay"))
        }
        assert not sending or name == "tasks.publishing", name


class Published:
    """Stands in for `publish`: notes what the database says, to others, at the moment of publishing."""

    def __init__(self, world: World) -> None:
        """Nothing was published yet."""
        self.world = world
        self.seen: list[list[dict[str, Any]]] = []

    def __call__(self, due: list[Due], **_: object) -> bool:
        """Read the commands through another connection, which sees only what is committed."""
        ids = [command.id for command in due]
        self.seen.append(
            self.world.rows("SELECT kind, state, published_at FROM commands WHERE id = ANY(:ids)", ids=ids)
        )
        return True


def test_the_clocks_commit_before_they_publish_the_mails(
    api: ApiClient, world: World, monkeypatch: pytest.MonkeyPatch
):
    made = api.create(order_id=world.order().id).appointment["id"]
    published = Published(world)
    monkeypatch.setattr("tasks.reconcile_times.publish", published)
    reconcile_times(world.commands(made)[RECONCILE_TIMES.name]["id"])
    ((mail,),) = published.seen
    assert (mail["kind"], mail["state"]) == ("send-confirmation", "pending")
    assert mail["published_at"] is not None


def test_the_sweep_commits_before_it_publishes(api: ApiClient, world: World, monkeypatch: pytest.MonkeyPatch):
    api.create()
    published = Published(world)
    monkeypatch.setattr("tasks.sweep.publish", published)
    sweep()
    ((command,),) = published.seen
    assert (command["kind"], command["state"]) == ("reconcile-times", "pending")
    assert command["published_at"] is not None


@pytest.fixture
def broker(configured: None, redis_url: str) -> Iterator[redis.Redis]:
    """The tests' Redis, empty before and after."""
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
        yield client
        client.flushdb()


def publish_really(redis_url: str, due: list[Due]) -> bool:
    """Publish as a worker's process would, on the tests' broker; the current application is this thread's."""

    def work() -> bool:
        with Celery("law", set_as_current=True) as app:
            app.config_from_object("celeryconfig")
            app.conf.broker_url = redis_url
            return publish(due)

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result(timeout=20)


def test_a_message_carries_one_id_and_nothing_else(broker: redis.Redis, redis_url: str):
    due = [Due(1000 + number, kind) for number, kind in enumerate(KINDS)]
    assert publish_really(redis_url, due)
    messages = {}
    for queue in sorted({kind.queue for kind in KINDS.values()}):
        for packed in broker.lrange(queue, 0, -1):
            message = json.loads(packed)
            messages[message["headers"]["task"]] = message
    assert messages.keys() == KINDS.keys()
    for command in due:
        message = messages[command.kind]
        args, kwargs, embedded = json.loads(base64.b64decode(message["body"]))
        assert (args, kwargs) == ([command.id], {})
        assert set(embedded.values()) == {None}
        headers = message["headers"]
        assert (headers["argsrepr"], headers["kwargsrepr"]) == (f"({command.id},)", "{}")
        assert headers["eta"] is None, "schedules live in the table"


def test_a_broker_that_is_away_is_no_error_and_the_command_is_found_again(api: ApiClient, world: World):
    made = api.create().appointment["id"]
    with celery_on(f"redis://127.0.0.1:{unused_port()}/0"):
        assert sweep() == (0, False)
    row = world.commands(made)[RECONCILE_TIMES.name]
    assert (row["published_at"], row["publishes"]) == (None, 0)
