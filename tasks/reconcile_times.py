"""The command `reconcile-times`: make the three frames of an appointment agree, then let its mails go.

Running it again changes nothing (clocks.md section 1). Result, notifications, end of the command and release
of the mails are one transaction.
"""

import structlog
from celery import shared_task
from sqlalchemy import Connection

from models import command_ledger as ledger
from models import database
from models.appointment_clocks import Clocks, Decision, decide, needs_atlas, read_clocks, write_clocks
from models.clock import load_atlas
from models.command_ledger import LeaseLostError
from models.incidents import close_notification
from models.moment import now
from settings import get_settings
from tasks.catalogue import RECONCILE_TIMES
from tasks.claims import crash_key, give_back, take
from tasks.clock_notices import tell
from tasks.crashes import reported
from tasks.publishing import publish

log = structlog.get_logger(__name__)


def reconcile_times(command_id: int) -> None:
    """Do one command. A message too many, or too late, does nothing."""
    claimed = take(RECONCILE_TIMES, command_id)
    if claimed is None:
        return
    try:
        with database.transaction() as connection:
            clocks = read_clocks(connection, claimed.appointment_id)
            decision = decide_today(clocks)
            write(connection, claimed.appointment_id, decision, claimed.id, claimed.request_id)
            ledger.finish(connection, claimed)
            close_notification(connection, crash_key(claimed), "success")
            released = ledger.release(connection, claimed.appointment_id)
    except LeaseLostError as lost:
        log.warning("lease lost", error=str(lost))
        return
    except Exception as failure:
        give_back(RECONCILE_TIMES, claimed, type(failure).__name__)
        raise
    publish(released)
    outcome = decision.outcome
    log.info("reconciled", start=outcome.start, stop=outcome.stop, zone_source=outcome.zone_source)


def decide_today(clocks: Clocks) -> Decision:
    """Decide by today's rules and settings; the atlas is loaded only for a property that needs it."""
    atlas = load_atlas() if needs_atlas(clocks.place) else None
    return decide(clocks, atlas, get_settings().office_time_zone, now())


def write(
    connection: Connection,
    appointment_id: int,
    decision: Decision,
    command_id: int | None = None,
    request_id: str | None = None,
) -> None:
    """Store the outcome and make the notifications about it true."""
    write_clocks(connection, appointment_id, decision)
    tell(
        connection,
        appointment_id,
        decision.outcome.notices,
        command_id=command_id,
        request_id=request_id,
    )


@shared_task(name=RECONCILE_TIMES.name, ignore_result=True)
def reconcile_times_task(command_id: int) -> None:
    """The thin shell of `reconcile-times`."""
    with reported(RECONCILE_TIMES.name):
        reconcile_times(command_id)
