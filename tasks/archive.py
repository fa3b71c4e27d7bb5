"""The periodic task that keeps the tables of commands and of sessions small."""

from celery import shared_task

from models import database
from models.command_archive import archive_finished
from models.logins import forget_dead_sessions
from tasks.catalogue import ARCHIVE, ARCHIVE_EVERY_S
from tasks.crashes import reported

BATCH = 1_000
MAX_BATCHES = 100
"""A bound for one run, within the time limits of a task; the next run goes on."""


def archive() -> int:
    """Move what was done days ago into the archive, batch by batch, and forget old sessions. Returns how many moved."""
    moved = 0
    for _ in range(MAX_BATCHES):
        with database.transaction() as connection:
            batch = archive_finished(connection, limit=BATCH)
        moved += batch
        if batch < BATCH:
            break
    with database.transaction() as connection:
        forget_dead_sessions(connection, limit=BATCH)
    return moved


@shared_task(name=ARCHIVE, ignore_result=True)
def archive_task() -> None:
    """The thin shell: beat's periodic archiving."""
    with reported(ARCHIVE, every_s=ARCHIVE_EVERY_S):
        archive()
