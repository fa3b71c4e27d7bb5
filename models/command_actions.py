"""What people do about commands: retry one now, or drop it.

Each action is one transaction of the caller, guarded by the states, and written down with who did it
(`models/audit.py`). What cannot be done is told for each command in a sentence, and the others are done all the
same.

    state             retry                                        drop
    waiting           no: it waits for its appointment's times     yes
    pending           is made due now                              yes
    running, sending  no: under way                                no: under way
    unknown           asks once more, then resend                  yes; it may have been sent
    failed            resend; asks when it may have been sent      yes
    done              only one that a person dropped: resend       no: nothing is left

Nobody drops what computes an appointment's times: its mails would wait for ever, or go out without times.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from models import audit, command_ledger, notification_actions
from models.audit import Actor
from models.command_ledger import GIVEN_UP, GIVEN_UP_IN_DOUBT
from models.command_sql import LEFT_TO_PEOPLE
from models.command_states import DROP, DROP_BY_HAND, LEASED, RESEND, State
from models.notification_actions import Done
from models.notification_list import SUBJECT as NOTIFICATION
from models.notification_list import masked

SUBJECT = "command"
"""What the audit calls them."""


@dataclass(frozen=True, slots=True)
class _Found:
    id: int
    appointment_id: int
    kind: str
    state: State
    recipient: str
    attempts: int
    available_at: datetime
    is_due: bool
    is_left_to_people: bool
    may_have_been_sent: bool
    was_dropped_by_hand: bool

    @property
    def is_mail(self) -> bool:
        """Whether the outside world sees it: only mails have a recipient."""
        return bool(self.recipient)


# Commands before notifications and each in the order of ids, as everybody does, so that no two wait for each other.
_LOCK_COMMANDS = text("SELECT FROM commands WHERE id = ANY(:ids) ORDER BY id FOR UPDATE")
_LOCK_NOTIFICATIONS = text("SELECT FROM notifications WHERE command_id = ANY(:ids) ORDER BY id FOR UPDATE")
_FIND = text(
    "SELECT c.id, c.appointment_id, c.kind, c.state, c.recipient, c.attempts, c.available_at,"  # noqa: S608 - constants
    f" c.available_at <= now() AS is_due, c.{LEFT_TO_PEOPLE} AS is_left_to_people,"
    " c.recipient <> '' AND (c.state = 'unknown'"
    " OR EXISTS (SELECT FROM notifications n WHERE n.command_id = c.id AND n.may_have_been_sent"
    " AND n.state IN ('open', 'retrying'))"
    " OR EXISTS (SELECT FROM emails e WHERE e.send_id = c.send_id AND e.outcome IN ('sending', 'unknown'))"
    ") AS may_have_been_sent,"
    " c.state = 'done' AND (starts_with(c.last_error, :given_up) OR starts_with(c.last_error, :in_doubt))"
    " IS TRUE AS was_dropped_by_hand"
    " FROM commands c WHERE c.id = ANY(:ids) ORDER BY c.id FOR UPDATE OF c"
)
_ARCHIVED = text("SELECT id FROM commands_archive WHERE id = ANY(:ids)")
# A copy's notification is about another address, and is not mended by sending the mail itself.
_NOTIFICATIONS = text(
    "SELECT n.id, n.command_id, n.status, n.state, n.mail_kind, n.recipient FROM notifications n"
    " JOIN commands c ON c.id = n.command_id WHERE n.command_id = ANY(:ids) AND n.state = ANY(:states)"
    " AND (n.recipient IS NULL OR lower(n.recipient) = lower(c.recipient)) ORDER BY n.id"
)
_RETRYING = text(
    "UPDATE notifications SET state = 'retrying', closed_at = NULL, closed_by = NULL WHERE id = ANY(:ids)"
)


def retry_now(
    connection: Connection, ids: Sequence[int], actor: Actor, *, even_if_sent: bool = False
) -> list[Done]:
    """Have these commands done now; what became of each.

    One that waits for its next attempt is made due. One that failed begins anew, a mail with a new `send_id`, and
    its notification is *retrying* until the outcome is known; a mail that may have been sent only with
    `even_if_sent`.
    """
    found, results = _find(connection, ids)
    early: list[_Found] = []
    again: list[_Found] = []
    for one in found:
        why_not = _why_no_retry(one)
        if why_not is not None:
            results.append(Done(one.id, False, why_not))
        elif one.state == State.PENDING and one.is_due:
            results.append(Done(one.id, True, "is due already; a worker takes it in its turn."))
        elif one.state == State.PENDING:
            early.append(one)
        elif one.may_have_been_sent and not even_if_sent:
            message = "is a mail that may have been sent; it is sent again only if you say so."
            results.append(Done(one.id, False, message, asks=True))
        else:
            again.append(one)
    hastened = command_ledger.hasten(connection, [one.id for one in early])
    moved = command_ledger.resend_all(connection, [one.id for one in again])
    _follow(connection, sorted(moved), actor)
    done = {one.id: _about(one) for one in (*early, *again) if one.id in hastened | moved}
    audit.note(connection, actor, "retry", SUBJECT, done)
    results += [_result(one, one.id in hastened, "is due now.") for one in early]
    results += [_result(one, one.id in moved, "is queued again.") for one in again]
    return sorted(results, key=lambda result: result.id)


def drop(connection: Connection, ids: Sequence[int], actor: Actor, reason: str = "") -> list[Done]:
    """Give these commands up for good; what became of each. Their open notifications are ignored with them.

    A mail that may have been sent is given up as well: nobody will ask about it any more.
    """
    found, results = _find(connection, ids)
    wanted: list[_Found] = []
    for one in found:
        why_not = _why_no_drop(one)
        if why_not is None:
            wanted.append(one)
        else:
            results.append(Done(one.id, False, why_not))
    dropped = command_ledger.drop_by_hand(connection, [one.id for one in wanted])
    told = _notifications(connection, sorted(dropped), ("open", "retrying"))
    notification_actions.ignore(connection, [row["id"] for row in told], actor, reason)
    said = {"reason": reason} if reason else {}
    audit.note(
        connection,
        actor,
        "drop",
        SUBJECT,
        {one.id: {**_about(one), **said} for one in wanted if one.id in dropped},
    )
    closed = {row["command_id"] for row in told}
    for one in wanted:
        message = "is dropped"
        if one.may_have_been_sent:
            message += ", although it may have been sent; nobody asks Mandrill about it any more"
        message += "; its notification is ignored." if one.id in closed else "."
        results.append(_result(one, one.id in dropped, message))
    return sorted(results, key=lambda result: result.id)


def may_retry(state: State, *, is_due: bool, was_dropped_by_hand: bool) -> bool:
    """Whether `retry_now` would do anything about a command that stands so."""
    if state == State.DONE:
        return was_dropped_by_hand
    return state in RESEND.sources or (state == State.PENDING and not is_due)


def may_drop(state: State, *, is_mail: bool) -> bool:
    """Whether `drop` would do anything about a command that stands so."""
    return is_mail and state in (*DROP.sources, *DROP_BY_HAND.sources)


def _find(connection: Connection, ids: Sequence[int]) -> tuple[list[_Found], list[Done]]:
    """The commands, locked, and a word about each id that is not among them."""
    wanted = list(dict.fromkeys(ids))
    connection.execute(_LOCK_COMMANDS, {"ids": wanted})
    connection.execute(_LOCK_NOTIFICATIONS, {"ids": wanted})
    marks = {"given_up": GIVEN_UP, "in_doubt": GIVEN_UP_IN_DOUBT}
    rows = connection.execute(_FIND, {"ids": wanted, **marks}).mappings()
    found = [_Found(**{**row, "state": State(row["state"])}) for row in rows]
    missing = sorted(set(wanted) - {one.id for one in found})
    archived = set(connection.execute(_ARCHIVED, {"ids": missing}).scalars()) if missing else set()
    results = [
        Done(
            number,
            False,
            "was done days ago and is in the archive." if number in archived else "does not exist.",
        )
        for number in missing
    ]
    return found, results


def _why_no_retry(one: _Found) -> str | None:
    """Why this is not retried, as the rest of a sentence; None when it may be."""
    if one.state == State.WAITING:
        return (
            "waits until its appointment's times are computed; retry the reconcile-times of that appointment."
        )
    if one.state in LEASED:
        return f"is {one.state}: a worker has it now; wait for its outcome."
    if one.state == State.DONE and not one.was_dropped_by_hand:
        return "is done; nothing is left to be done."
    return None


def _why_no_drop(one: _Found) -> str | None:
    """Why this is not dropped, as the rest of a sentence; None when it may be."""
    if one.state in LEASED:
        return f"is {one.state}: a worker has it now; wait for its outcome."
    if one.state == State.DONE:
        return "is done; nothing is left to be dropped."
    if not one.is_mail:
        return (
            f"cannot be dropped: {one.kind} computes the times that the mails of appointment {one.appointment_id}"
            " wait for. Retry it, correct the appointment, or drop those mails."
        )
    return None


def _follow(connection: Connection, moved: Sequence[int], actor: Actor) -> None:
    """The notifications of what is done again are being retried, even those that were ended by mistake."""
    told = _notifications(connection, moved, ("open", "resolved", "ignored"))
    connection.execute(_RETRYING, {"ids": [row["id"] for row in told]})
    details = {
        row["id"]: {
            "status": row["status"],
            "state": row["state"],
            "mail": row["mail_kind"],
            "recipient": masked(row["recipient"]),
        }
        for row in told
    }
    audit.note(connection, actor, "resend", NOTIFICATION, details)


def _notifications(
    connection: Connection, command_ids: Sequence[int], states: Sequence[str]
) -> list[dict[str, Any]]:
    if not command_ids:
        return []
    rows = connection.execute(_NOTIFICATIONS, {"ids": list(command_ids), "states": list(states)})
    return [dict(row) for row in rows.mappings()]


def _result(one: _Found, is_done: bool, message: str) -> Done:
    # The rows are locked, so that this is somebody who does not ask for locks.
    return Done(one.id, True, message) if is_done else Done(one.id, False, "is being dealt with meanwhile.")


def _about(one: _Found) -> dict[str, Any]:
    """What the audit remembers of it: no whole address."""
    return {
        "kind": one.kind,
        "state": str(one.state),
        "attempts": one.attempts,
        "appointment": one.appointment_id,
        "recipient": masked(one.recipient or None),
    }
