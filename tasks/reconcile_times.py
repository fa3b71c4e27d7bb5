"""The command `reconcile-times`: make the three frames of an appointment agree, then let its mails go.

Running it again changes nothing (clocks.md section 1). Result, notifications, end of the command and release
of the mails are one transaction.
"""

import structlog
from celery import shared_task

from models import command_ledger as ledger
from models import database
from models.appointment_clocks import Decision
from models.command_ledger import Claim, Due, LeaseLostError
from models.incidents import close_notification
from tasks.catalogue import RECONCILE_TIMES
from tasks.claims import crash_key, give_back, take
from tasks.clock_outcome import decide_held, hold, once_settled, write
from tasks.crashes import reported
from tasks.publishing import publish

log = structlog.get_logger(__name__)


def reconcile_times(command_id: int) -> None:
    """Do one command. A message too many, or too late, does nothing."""
    claimed = take(RECONCILE_TIMES, command_id)
    if claimed is None:
        return
    try:
        decision, released = once_settled(lambda: _carry_out(claimed))
    except LeaseLostError as lost:
        log.warning("lease lost", error=str(lost))
        return
    except Exception as failure:
        give_back(RECONCILE_TIMES, claimed, type(failure).__name__)
        raise
    publish(released)
    outcome = decision.outcome
    log.info("reconciled", start=outcome.start, stop=outcome.stop, zone_source=outcome.zone_source)


def _carry_out(claimed: Claim) -> tuple[Decision, list[Due]]:
    """The whole of it in one transaction: what was decided, and the mails that are to be published."""
    with database.transaction() as connection:
        held = hold(connection, [claimed.appointment_id])
        decision = decide_held(connection, claimed.appointment_id, held)
        write(connection, claimed.appointment_id, decision, claimed.id, claimed.request_id)
        ledger.finish(connection, claimed)
        close_notification(connection, crash_key(claimed), "success")
        return decision, ledger.release(connection, claimed.appointment_id)


@shared_task(name=RECONCILE_TIMES.name, ignore_result=True)
def reconcile_times_task(command_id: int) -> None:
    """The thin shell of `reconcile-times`."""
    with reported(RECONCILE_TIMES.name):
        reconcile_times(command_id)
