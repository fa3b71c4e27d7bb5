"""Telling workers that commands are due: one message a command, holding its id and nothing else.

Called after commit only. A message that could not be published is no loss: the command is found again by the
sweep. So nothing here raises for a broker that is away, and the waits are those of `celeryconfig.py`.
"""

from collections.abc import Sequence
from contextlib import suppress

import structlog
from celery import current_app
from kombu.exceptions import KombuError, OperationalError

from models import database
from models.command_ledger import Due, unpublish

BROKER_ERRORS = (OperationalError, KombuError, OSError)
"""What kombu raises when the broker refuses, is silent, or is out of memory."""

log = structlog.get_logger(__name__)


def publish(due: Sequence[Due]) -> bool:
    """Publish a message for each; True when all went out.

    The rest is marked unpublished at the first failure, because a broker that is away would make every
    further one wait as well.
    """
    published = 0
    try:
        with current_app.producer_or_acquire() as producer:
            for command in due:
                current_app.send_task(command.kind, args=(command.id,), producer=producer)
                published += 1
    except BROKER_ERRORS as failure:
        log.warning("broker away", unpublished=len(due) - published, error=type(failure).__name__)
        with suppress(Exception), database.transaction() as connection:
            unpublish(connection, [command.id for command in due[published:]])
        return False
    return True
