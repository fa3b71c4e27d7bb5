"""The consumer's own ways: events of tasks leave in groups."""

from types import SimpleNamespace

from workers.consumer import EVENTS_EVERY_S, Consumer, EventsInGroups


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
