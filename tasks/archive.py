"""The periodic task that keeps tables small: done commands are moved away, and what is old enough is forgotten."""

from celery import shared_task

from models import database
from models.command_archive import archive_finished
from models.logins import forget_dead_sessions
from models.retention import forget_old
from settings import get_settings
from tasks.catalogue import ARCHIVE, ARCHIVE_EVERY_S
from tasks.crashes import reported

BATCH = 1_000
MAX_BATCHES = 100
"""A bound for one run, within the time limits of a task; the next run goes on."""


def archive() -> int:
    """Move what was done days ago into the archive, batch by batch, and forget what is old. Returns how many moved."""
    moved = 0
    for _ in range(MAX_BATCHES):
        with database.transaction() as connection:
            batch = archive_finished(connection, limit=BATCH)
        moved += batch
        if batch < BATCH:
            break
    with database.transaction() as connection:
        forget_dead_sessions(connection, limit=BATCH)
    forget()
    return moved


def forget() -> dict[str, int]:
    """Delete what is kept long enough (`models/retention.py`), batch by batch; how many rows of each table."""
    forgotten: dict[str, int] = {}
    for _ in range(MAX_BATCHES):
        with database.transaction() as connection:
            batch = forget_old(connection, get_settings(), limit=BATCH)
        forgotten = {table: forgotten.get(table, 0) + count for table, count in batch.items()}
        if max(batch.values()) < BATCH:
            break
    return forgotten


@shared_task(name=ARCHIVE, ignore_result=True)
def archive_task() -> None:
    """The thin shell: beat's periodic archiving."""
    with reported(ARCHIVE, every_s=ARCHIVE_EVERY_S):
        archive()
