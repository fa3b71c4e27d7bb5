"""The net under the queue: finds commands that are due, lost or left behind by a dead worker, and publishes them.

The relay runs it when the database says that something is due, and every second besides; beat runs it too.
Several sweeps at once do no harm, because each takes other rows. It never touches a command that a worker
holds: a retry that waits has its time in `available_at`.
"""

from collections.abc import Callable
from typing import NamedTuple

from celery import shared_task
from sqlalchemy import Connection

import measures
from models import database
from models.command_claims import expire_leases
from models.command_publishing import Due, take_created, take_due
from settings import get_settings
from tasks import mail_gate
from tasks.catalogue import (
    CLOCKS_AT_ONCE,
    CLOCKS_QUEUE,
    KINDS,
    MAIL_QUEUE,
    RECONCILE_TIMES,
    ROOM,
    SWEEP,
    SWEEP_EVERY_S,
)
from tasks.crashes import reported
from tasks.publishing import publish

BATCH = 200
MAX_BATCHES = 50
"""A bound for one sweep, so that its task ends within the time limits; the next one goes on."""

QUEUES = {
    queue: [kind.name for kind in KINDS.values() if kind.queue == queue]
    for queue in (CLOCKS_QUEUE, MAIL_QUEUE)
}


class Swept(NamedTuple):
    """How many commands were published, and whether the broker took all of them."""

    published: int
    broker_answers: bool


def sweep() -> Swept:
    """Take back what dead workers held, then publish what is due, oldest first."""
    with database.transaction() as connection:
        expired = expire_leases(connection, get_settings().unknown_grace_s)
    measures.SWEPT.labels("expired lease").inc(expired)
    return publish_due()


def publish_due() -> Swept:
    """Publish what is due, as far as there is room under way; the clocks first, because mails wait for them."""
    published = 0
    for queue in QUEUES:
        swept = _publish(_take_for(queue))
        published += swept.published
        if not swept.broker_answers:
            return Swept(published, broker_answers=False)
    return Swept(published, broker_answers=True)


def publish_created() -> Swept:
    """Publish the first commands of new appointments, and look for nothing else.

    One message for as many as a worker does at once, however many there are in the queue: see `is_full`.
    """
    return _publish(lambda connection: take_created(connection, RECONCILE_TIMES.name, BATCH), CLOCKS_AT_ONCE)


def _publish(take: Callable[[Connection], list[Due]], at_once: int = 1) -> Swept:
    published = 0
    for _ in range(MAX_BATCHES):
        with database.autocommit_engine().connect() as connection:
            due = take(connection)
        if due and not publish(due, at_once=at_once):
            return Swept(published, broker_answers=False)
        published += len(due)
        if len(due) < BATCH:
            break
    return Swept(published, broker_answers=True)


def _take_for(queue: str) -> Callable[[Connection], list[Due]]:
    return lambda connection: take_due(connection, BATCH, QUEUES[queue], room=_room(connection, queue))


def _room(connection: Connection, queue: str) -> int:
    return mail_gate.room(connection, get_settings()) if queue == MAIL_QUEUE else ROOM[queue]


@shared_task(name=SWEEP, ignore_result=True)
def sweep_task() -> None:
    """The thin shell: beat's periodic sweep."""
    with reported(SWEEP, every_s=SWEEP_EVERY_S):
        sweep()
