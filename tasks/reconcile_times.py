"""The command `reconcile-times`: make the three frames of an appointment agree, then let its mails go.

Running it again changes nothing (clocks.md section 1). Result, notifications, end of the command and release
of the mails are one transaction.

A message does several commands at once: those that have waited longest, beside its own. New appointments that come
together have one message together (`tasks/sweep.py`). A command that fails brings down none of the others, because
then they are done one by one.
"""

import time

import structlog
from celery import shared_task

from models import database
from models.appointment_clocks import Decision
from models.command_claims import Claim, LeaseLostError
from models.command_endings import finish_several
from models.command_publishing import Due
from models.incidents import close_notifications
from tasks.catalogue import CLOCKS_AT_ONCE, KINDS, MAIL_QUEUE, RECONCILE_TIMES, ROOM
from tasks.claims import (
    belonging_to,
    crash_key,
    give_back,
    give_back_untried,
    take_several,
    turn_to,
)
from tasks.clock_outcome import Origin, decide_all, once_settled, write_all
from tasks.crashes import report, reported
from tasks.publishing import publish

OTHERS_WAIT_MS = 300
"""So long one that is done with others, or before its message's own, waits for a lock: whoever locks one appointment
must not hold up twenty."""

ONE_BY_ONE_S = 10.0
"""After so long no further one is begun: when all of them wait for a lock, the task has to end within its limits."""

MAILS = [kind.name for kind in KINDS.values() if kind.is_mail]

log = structlog.get_logger(__name__)


def reconcile_times(command_id: int) -> None:
    """Do the command, and others that wait. A message too many, or too late, does nothing of its own."""
    claims = take_several(RECONCILE_TIMES, command_id, CLOCKS_AT_ONCE)
    if not claims or (len(claims) > 1 and _are_done(claims)):
        return
    *others, last = claims
    give_up_at = time.monotonic() + ONE_BY_ONE_S
    for claimed in others:
        if time.monotonic() > give_up_at:
            give_back_untried(claimed)
            continue
        with belonging_to(claimed):
            try:
                _do(claimed, OTHERS_WAIT_MS)
            except Exception as failure:  # noqa: BLE001 - reported, and no fault of the next one's
                report(RECONCILE_TIMES.name, failure)
    turn_to(last)
    _do(last)


def _are_done(claims: list[Claim]) -> bool:
    """Do them all in one transaction; False when nothing came of it."""
    try:
        decisions, released = once_settled(lambda: _carry_out(claims, OTHERS_WAIT_MS))
    except Exception as failure:  # noqa: BLE001 - whose fault it is, shows when each is done for itself
        log.warning("one by one", commands=len(claims), error=type(failure).__name__)
        return False
    publish(released)
    for claimed in claims:
        with belonging_to(claimed):
            _tell(decisions[claimed.appointment_id])
    return True


def _do(claimed: Claim, wait_ms: int | None = None) -> None:
    try:
        decisions, released = once_settled(lambda: _carry_out([claimed], wait_ms))
    except LeaseLostError as lost:
        log.warning("lease lost", error=str(lost))
        return
    except Exception as failure:
        give_back(RECONCILE_TIMES, claimed, type(failure).__name__)
        raise
    publish(released)
    _tell(decisions[claimed.appointment_id])


def _carry_out(claims: list[Claim], wait_ms: int | None) -> tuple[dict[int, Decision], list[Due]]:
    """The whole of it in one transaction: what was decided, and the mails that are to be published.

    `wait_ms` is how long a lock is waited for, if not as long as ever.
    """
    with database.transaction() as connection:
        if wait_ms is not None:
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {wait_ms}")
        decisions = decide_all(connection, sorted({claimed.appointment_id for claimed in claims}))
        origins = {claimed.appointment_id: Origin(claimed.id, claimed.request_id) for claimed in claims}
        told = write_all(connection, decisions, origins)
        released = finish_several(connection, claims, MAILS, ROOM[MAIL_QUEUE])
        close_notifications(
            connection,
            [crash_key(claimed) for claimed in claims if claimed.appointment_id in told],
            "success",
        )
        return decisions, released


def _tell(decision: Decision) -> None:
    outcome = decision.outcome
    log.info("reconciled", start=outcome.start, stop=outcome.stop, zone_source=outcome.zone_source)


@shared_task(name=RECONCILE_TIMES.name, ignore_result=True)
def reconcile_times_task(command_id: int) -> None:
    """The thin shell of `reconcile-times`."""
    with reported(RECONCILE_TIMES.name):
        reconcile_times(command_id)
