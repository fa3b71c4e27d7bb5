"""When the relay looks: at once, once for many, and for a moment longer than it was told to."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from models import database
from models.command_publishing import CHANNEL, CREATED
from tasks.sweep import Swept
from tests.waiting import eventually
from tests.world import World
from workers import relay as module
from workers.relay import GATHER_S, LINGER_S, Relay

Look = tuple[str, float]


@pytest.fixture
def full() -> bool:
    """Whether as many messages wait as may."""
    return False


@pytest.fixture
def looks(world: World, full: bool, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Look]]:
    """The looks of a relay that runs, each with its time; none of them finds anything."""
    seen: list[Look] = []

    def look(name: str) -> Callable[[], Swept]:
        def note() -> Swept:
            seen.append((name, time.monotonic()))
            return Swept(0, broker_answers=True)

        return note

    for name in ("sweep", "publish_due", "publish_created"):
        monkeypatch.setattr(module, name, look(name))
    monkeypatch.setattr(module, "is_full", lambda _queue: full)
    running = Relay(interval_s=5)
    thread = threading.Thread(target=running.run)
    thread.start()
    eventually(lambda: seen)
    seen.clear()
    yield seen
    running.stop()
    notify("")
    thread.join(timeout=10)
    assert not thread.is_alive()


def notify(payload: str) -> float:
    with database.transaction() as connection:
        connection.exec_driver_sql(
            "SELECT pg_notify(%(channel)s, %(payload)s)", {"channel": CHANNEL, "payload": payload}
        )
    return time.monotonic()


def test_it_looks_at_once_and_then_for_creates_that_came_without_a_notify(looks: list[Look]):
    told = notify(CREATED)
    eventually(lambda: len(looks) > 2)
    time.sleep(LINGER_S)  # nothing to wait for: that it looks no more after this span is what is told
    assert {name for name, _ in looks} == {"publish_created"}
    assert looks[0][1] - told < 1
    assert looks[-1][1] - looks[0][1] > LINGER_S / 2
    asked = len(looks)
    time.sleep(5 * GATHER_S)  # that nothing happens can only be watched for a while
    assert len(looks) <= asked + 1, "an idle relay waits"


def test_whatever_else_is_due_gets_one_look_for_everything(looks: list[Look]):
    notify("")
    eventually(lambda: bool(looks))
    time.sleep(5 * GATHER_S)  # that nothing follows, as well
    assert [name for name, _ in looks] == ["publish_due"]


@pytest.mark.parametrize("full", [True])
def test_while_the_queue_is_full_new_appointments_are_left_to_the_sweep(looks: list[Look]):
    notify(CREATED)
    time.sleep(5 * GATHER_S)  # that nothing follows
    assert looks == []
    notify("")
    eventually(lambda: looks)
    assert {name for name, _ in looks} == {"publish_due"}
