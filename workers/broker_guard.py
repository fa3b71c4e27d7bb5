"""Keeps a worker alive when Redis goes away while it waits for a message.

Closing a channel of kombu 5.7 first reads the answer that it still waits for. On a dead connection that read
raises, and the channel stays half closed; Celery 5.7 closes it a second time, finds no client, and the worker
ends with "'NoneType' object has no attribute 'hostname'". Here the read of a channel that is being closed
finds nothing instead, so the first closing succeeds and the worker connects again.
"""

from typing import Any

from kombu.transport.redis import Channel
from kombu.transport.virtual import Empty


def survive_a_lost_broker() -> None:
    """Guard every Redis channel of this process. A second call changes nothing."""
    read: Any = Channel._brpop_read
    if getattr(read, "guarded", False):
        return

    def guarded_read(channel: Any, **options: Any) -> Any:
        try:
            return read(channel, **options)
        except Exception:
            if channel._closing:
                raise Empty from None
            raise

    guarded_read.guarded = True  # type: ignore[attr-defined]
    Channel._brpop_read = guarded_read  # type: ignore[method-assign,assignment]
