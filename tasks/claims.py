"""Taking a command and giving it back when the work crashed: the part that every task shares."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

import structlog
from sqlalchemy.exc import OperationalError

import measures
from models import database
from models.command_claims import Claim, LeaseLostError, claim, claim_next, claim_several, is_begun
from models.command_endings import fail, postpone, put_off
from models.command_ledger import Moved
from models.database import after_commit
from models.incidents import Trouble, open_notification
from models.notifications import COMMAND_FAILED
from settings import get_settings
from tasks.catalogue import CRASH_DELAYS_S, CommandKind, delay_after
from tracing import continue_trace, task_scope

DATABASE_PAUSES_S = (0.1, 0.4, 1.0, 2.0, 3.0)
"""Waits while the database is away: longer than its restart takes, and well within a task's time limits."""
PATIENCE_S = 10.0
"""No further try after this long."""

T = TypeVar("T")


def crash_key(claimed: Claim | Moved) -> str:
    """What the notification of a command that crashed is about: one row for each, which success ends."""
    return f"{claimed.kind}:{claimed.appointment_id}:{claimed.sequence}"


def take(kind: CommandKind, command_id: int) -> Claim | None:
    """Claim a command for this worker, and put its request's id into the log lines from here on.

    None when there is nothing to do: it is somebody else's, finished, or not due. That is the ordinary fate
    of a doubled or late message. A command whose workers died too often is given up here: it kills them.

    A database that is away is waited for, some seconds: to drop the message would only delay the command
    until the message counts as lost. Raises `sqlalchemy.exc.OperationalError` after that.
    """
    lease_s = get_settings().command_lease_s

    def claim_it() -> Claim | None:
        # Had the claim been written before the connection broke, the next one finds nothing, and the lease
        # runs out as if this worker had died.
        with database.autocommit_engine().connect() as connection:
            return claim(connection, command_id, kind.name, kind.edge, lease_s, kind.provider)

    claimed = patiently(claim_it)
    if claimed is not None:
        turn_to(claimed)
    if claimed is not None and _has_killed_its_workers(kind, claimed):
        give_back(kind, claimed, "WorkerDied")
        return None
    return claimed


def take_next(kind: CommandKind) -> Claim | None:
    """Claim the oldest mail of a kind that is due and that no message was sent for; None when there is none.

    Nothing is put into log lines yet, and a database that is away is not waited for: there is no message to lose.
    """
    with database.autocommit_engine().connect() as connection:
        return claim_next(connection, kind.name, get_settings().command_lease_s, kind.provider)


def take_several(kind: CommandKind, command_id: int, most: int) -> list[Claim]:
    """Claim a command as `take` does, and with it others that were never tried, up to `most` in all.

    For a kind whose effect is in the database. The given command comes last, if it could be taken. Nothing is put
    into log lines yet: `turn_to` and `belonging_to` do.
    """
    lease_s = get_settings().command_lease_s

    def claim_them() -> list[Claim]:
        with database.autocommit_engine().connect() as connection:
            return claim_several(connection, command_id, kind.name, lease_s, most)

    claims = patiently(claim_them)
    # None of the others was tried before.
    if claims and _has_killed_its_workers(kind, claims[-1]):
        give_back(kind, claims.pop(), "WorkerDied")
    return claims


def _has_killed_its_workers(kind: CommandKind, claimed: Claim) -> bool:
    """Whether more of its workers died than crashes are forgiven.

    Of a mail that was handed over the attempts are its provider's as well, and a death during one is a doubt, which
    has a limit of its own. One that never was has none but those that ended before it was written down.
    """
    if claimed.attempts <= len(CRASH_DELAYS_S) + 1:
        return False
    if not kind.is_mail:
        return True

    def was_begun() -> bool:
        with database.autocommit_engine().connect() as connection:
            return is_begun(connection, claimed)

    return not claimed.in_doubt and not patiently(was_begun)


def turn_to(claimed: Claim) -> None:
    """From here on, what this task logs and reports is about this command."""
    structlog.contextvars.bind_contextvars(
        request_id=claimed.request_id, command_id=claimed.id, appointment_id=claimed.appointment_id
    )
    continue_trace(claimed.request_id, claimed.kind)


@contextmanager
def belonging_to(claimed: Claim) -> Iterator[None]:
    """What is logged and reported within is about this command, of several that one message does."""
    with task_scope():
        turn_to(claimed)
        try:
            yield
        finally:
            structlog.contextvars.clear_contextvars()


def patiently(work: Callable[[], T]) -> T:
    """Do `work`, again and again while the database is away or too busy, for some seconds.

    `work` is one transaction, and safe to repeat: when the connection broke, it may have been committed.
    Raises the last `sqlalchemy.exc.OperationalError`.
    """
    give_up_at = time.monotonic() + PATIENCE_S  # a try may itself take as long as a statement may
    pauses = iter(DATABASE_PAUSES_S)
    while True:
        try:
            return work()
        except OperationalError:
            pause_s = next(pauses, None)
            if pause_s is None or time.monotonic() > give_up_at:
                raise
        time.sleep(pause_s)


def give_back(kind: CommandKind, claimed: Claim, error: str) -> None:
    """The work crashed with nothing done: try again later, or fail and show it when the tries are used up.

    `error` is the name of what happened; never its text, which may quote a secret. A database that is away is waited
    for, some seconds: it may be why the work crashed. Raises `sqlalchemy.exc.OperationalError` after that.
    """
    delay_s = delay_after(CRASH_DELAYS_S, claimed.attempts)

    def write() -> None:
        with database.transaction() as connection:
            if delay_s is not None:
                postpone(connection, claimed, delay_s, error)
                after_commit(connection, measures.RETRIES.labels(kind.name).inc)
                return
            fail(connection, claimed, error)
            after_commit(connection, measures.FAILURES.labels(kind.name).inc)
            open_notification(
                connection,
                Trouble(
                    status=COMMAND_FAILED,
                    subject_key=crash_key(claimed),
                    cause=f"{kind.name}:{error}",
                    message=f"The command {kind.name} crashed {claimed.attempts} times and was given up.",
                    hint="Look for its request id in the logs or in Sentry; mend the cause, then send it again.",
                    appointment_id=claimed.appointment_id,
                    command_id=claimed.id,
                    attempts=claimed.attempts,
                    request_id=claimed.request_id,
                ),
            )

    _unless_lost(write)


def give_back_untried(claimed: Claim) -> None:
    """There was no time for it: as before the claim. The sweep publishes it again.

    A database that is away is waited for, as in `give_back`.
    """

    def write() -> None:
        with database.transaction() as connection:
            put_off(connection, claimed)

    _unless_lost(write)


def _unless_lost(write: Callable[[], None]) -> None:
    """Write patiently what ends a lease: once it has ended, nothing is left to write.

    Either somebody else took the command, or the write was committed and its answer lost with the connection.
    """
    with suppress(LeaseLostError):
        patiently(write)
