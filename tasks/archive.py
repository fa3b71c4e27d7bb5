"""The periodic task that keeps the table of commands small."""

from celery import shared_task

from models import database
from models.command_archive import archive_finished
from tasks.catalogue import ARCHIVE, ARCHIVE_EVERY_S
from tasks.crashes import reported
from tracing import checked_in

BATCH = 1_000
MAX_BATCHES = 100
"""A bound for one run, within the time limits of a task; the next run goes on."""


def archive() -> int:
    """Move what was done days ago into the archive, batch by batch. Returns how many."""
    moved = 0
    for _ in range(MAX_BATCHES):
        with database.transaction() as connection:
            batch = archive_finished(connection, limit=BATCH)
        moved += batch
        if batch < BATCH:
            break
    return moved


@shared_task(name=ARCHIVE, ignore_result=True)
def archive_task() -> None:
    """The thin shell: beat's periodic archiving."""
    with reported(ARCHIVE), checked_in(ARCHIVE, ARCHIVE_EVERY_S):
        archive()
