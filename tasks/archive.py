"""The periodic task that keeps tables small: what is kept long enough goes, by the rules of `models/retention.py`.

Small transactions, and after each a rest as long as it took: a backlog of years is worked off in the background
without creates having to wait for it. What is left when the time is up is the next run's.
"""

import time
from collections.abc import Callable, Sequence

from celery import shared_task

from models import database
from models.retention import RULES, Rule
from settings import get_settings
from tasks.catalogue import ARCHIVE, ARCHIVE_EVERY_S
from tasks.crashes import report, reported

BATCH = 500
"""Rows of one transaction."""
RUN_S = 25.0
"""No further batch after this long: a run ends well within the time limits of a task."""


def archive(
    rules: Sequence[Rule] = RULES,
    *,
    for_s: float = RUN_S,
    rest: Callable[[float], None] = time.sleep,
) -> dict[str, int]:
    """Apply the rules in turn, batch by batch, until nothing is left to go or `for_s` seconds are over.

    A rule that fails is not tried again, and the others go on. At the end the error of the first one that failed is
    raised, for the caller to tell; those of others were reported.

    Returns how many rows went out of each table.
    """
    settings = get_settings()
    went = {rule.table: 0 for rule in rules}
    until = time.monotonic() + for_s
    remaining = list(rules)
    first: Exception | None = None
    while remaining:
        for rule in tuple(remaining):
            began = time.monotonic()
            if began >= until:
                remaining.clear()
                break
            try:
                with database.transaction() as connection:
                    batch = rule.go(connection, rule.days(settings), BATCH)
            except Exception as failure:  # noqa: BLE001 - one table must not keep all others from getting smaller
                remaining.remove(rule)
                if first is None:
                    first = failure
                else:
                    report(ARCHIVE, failure)
                continue
            went[rule.table] += batch
            if batch < BATCH:
                remaining.remove(rule)
            if batch:
                rest(time.monotonic() - began)
    if first is not None:
        raise first
    return went


@shared_task(name=ARCHIVE, ignore_result=True)
def archive_task() -> None:
    """The thin shell: beat's periodic archiving."""
    with reported(ARCHIVE, every_s=ARCHIVE_EVERY_S):
        archive()
