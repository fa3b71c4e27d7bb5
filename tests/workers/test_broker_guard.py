"""A consumer whose Redis dies closes its channel, as often as it is asked to, and can begin anew."""

import pytest
from kombu import Connection, Consumer, Queue

from tests.servers import running_redis
from workers.broker_guard import survive_a_lost_broker


def waiting_for_a_message(connection):
    """A channel that has asked Redis for a message and waits."""
    channel = connection.channel()
    Consumer(channel, [Queue("guarded", channel=channel)], callbacks=[lambda *_: None]).consume()
    with pytest.raises(TimeoutError):
        connection.drain_events(timeout=0.2)
    assert channel._in_poll
    return channel


def test_a_channel_closes_whole_although_its_broker_is_dead():
    survive_a_lost_broker()
    survive_a_lost_broker()
    with (
        running_redis() as server,
        Connection(server.url, transport_options={"socket_timeout": 2}) as connection,
    ):
        channel = waiting_for_a_message(connection)
        server.kill()
        channel.close()
        channel.close()
        assert channel.closed
        connection.collect()
        server.start()
        assert waiting_for_a_message(connection) is not channel
