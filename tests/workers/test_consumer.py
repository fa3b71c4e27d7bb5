"""The consumer's own ways: events of tasks leave in groups, and the watch hears of every try to connect."""

from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery
from kombu import Connection
from kombu.utils import functional

from workers.consumer import EVENTS_EVERY_S, Consumer, EventsInGroups
from workers.consumer_watch import ConsumerWatch


class Timer:
    """Remembers what is to be called, and how often."""

    def __init__(self):
        self.entries = []

    def call_repeatedly(self, every_s, call):
        entry = SimpleNamespace(every_s=every_s, call=call, is_cancelled=False)
        entry.cancel = lambda: setattr(entry, "is_cancelled", True)
        self.entries.append(entry)
        return entry


def test_events_that_gathered_leave_a_few_times_a_second_while_there_is_a_connection():
    flushed = []
    consumer = SimpleNamespace(timer=Timer(), _flush_events=lambda: flushed.append(1))
    step = EventsInGroups(consumer)
    step.start(consumer)
    (entry,) = consumer.timer.entries
    assert entry.every_s == EVENTS_EVERY_S
    entry.call()
    assert flushed == [1]
    step.stop(consumer)
    assert entry.is_cancelled
    step.start(consumer)
    assert not consumer.timer.entries[-1].is_cancelled


def test_an_event_alone_makes_no_message():
    called = []
    hub = SimpleNamespace(call_soon=called.append)
    Consumer.on_send_event_buffered(SimpleNamespace(hub=hub))
    assert called == []


class Unreachable(Connection):
    """A broker that is back at the fourth attempt."""

    attempts = 0

    def _connection_factory(self) -> Any:
        self.attempts += 1
        if self.attempts < 4:
            raise ConnectionRefusedError
        return SimpleNamespace(client=None)


def test_a_worker_that_tries_to_connect_for_long_stands_still_for_a_good_reason(
    configured: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does the pause before the last try count afterwards, when the broker answers whoever asks it."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr("workers.liveness.time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr(functional, "sleep", lambda seconds: setattr(clock, "now", clock.now + seconds))
    app = Celery("connecting", set_as_current=False)
    app.config_from_object("celeryconfig")
    consumer = object.__new__(Consumer)
    consumer.app = app
    watch = ConsumerWatch(consumer)
    began = clock.now
    still: list[float] = []
    monkeypatch.setattr(
        "celery.worker.consumer.consumer.maybe_shutdown",
        lambda: still.append(clock.now - watch._liveness._excused_at),
    )
    broker = Unreachable("redis://127.0.0.1:1")
    assert consumer.ensure_connected(broker) is broker
    assert broker.attempts == 4
    assert clock.now - began >= 2 + 4 + 4, "the pauses between the attempts"
    assert len(still) >= 10
    assert max(still) < 1, "the watch heard of it before it was asked"
    assert watch._liveness._excused_at == clock.now
    app.close()
