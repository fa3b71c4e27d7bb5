"""What people do about notifications: send again, correct the address and send again, resolve, ignore.

Each action is one transaction of the caller, guarded by the states, and written down with who did it
(`models/audit.py`). An incident stands for everything that hangs on it. What cannot be done is told for each
notification in a sentence, and the others are done all the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from models import audit, command_ledger
from models.audit import Actor
from models.command_states import RESEND, State
from models.incidents import end_incident
from models.notification_list import SUBJECT, masked
from models.notification_words import is_complaint
from models.notifications import (
    ABOUT_A_COMMAND,
    MAIL_INCIDENT,
    MANDRILL_EMAIL_FAILED,
    UNFINISHED,
    mail_subject_key,
)


@dataclass(frozen=True, slots=True)
class Done:
    """What became of an action on one notification. `message` is the rest of a sentence about it."""

    id: int
    is_done: bool
    message: str
    asks: bool = False
    """It was not done only because the mail may have been sent: say so once more, and it is."""
    is_left_out: bool = False
    """There is nothing of it to send again, whatever its state: it is not about a mail or a command."""


@dataclass(frozen=True, slots=True)
class _Found:
    id: int
    status: str
    state: str
    cause: str
    cause_key: str | None
    command_id: int | None
    kind: str | None
    command_state: str | None
    may_have_been_sent: bool
    recipient: str | None
    is_copy: bool
    incident_id: int | None
    appointment_id: int | None
    sequence: int | None


# The rows are locked in the order of their ids, so that two bulk actions cannot wait for each other; and the
# commands before their notifications, as workers and the provider's events do it.
_LOCK_COMMANDS = text(
    "SELECT FROM commands WHERE id IN (SELECT command_id FROM notifications WHERE id = ANY(:ids)"
    " OR incident_id = ANY(:ids) AND state IN ('open', 'retrying')) ORDER BY id FOR NO KEY UPDATE"
)
_FIND = text(
    "SELECT n.id, n.status, n.state, n.cause, n.cause_key, n.command_id, c.kind, c.state AS command_state,"
    " n.may_have_been_sent OR coalesce(c.state = 'unknown', false) AS may_have_been_sent, n.recipient,"
    " coalesce(lower(n.recipient) <> lower(c.recipient), false) AS is_copy, n.incident_id,"
    " c.appointment_id, c.sequence"
    " FROM (SELECT * FROM notifications WHERE id = ANY(:ids) OR (incident_id = ANY(:ids)"
    " AND state IN ('open', 'retrying')) ORDER BY id FOR UPDATE) n"
    " LEFT JOIN all_commands c ON c.id = n.command_id ORDER BY n.id"
)
_RETRY = text(
    # One that was resolved or ignored by mistake comes back: its mail was never sent.
    "UPDATE notifications SET state = 'retrying', closed_at = NULL, closed_by = NULL WHERE id = ANY(:ids)"
)
_CLOSE = text(
    "UPDATE notifications SET state = :state, closed_at = now(), closed_by = :by"
    " WHERE id = ANY(:ids) AND state IN ('open', 'retrying') RETURNING id, incident_id"
)
_READDRESS = text(
    "UPDATE notifications SET recipient = :email, subject_key = :key WHERE id = :id"
    " AND NOT EXISTS (SELECT FROM notifications other WHERE other.subject_key = :key AND other.id <> :id)"
)


def resend(
    connection: Connection, ids: Sequence[int], actor: Actor, *, even_if_sent: bool = False
) -> list[Done]:
    """Do the commands behind these notifications again, a mail with a new `send_id`; what became of each.

    What is being tried again already stays so. A mail that may have been sent is sent again only with
    `even_if_sent`. The notifications are *retrying* until the outcome is known.
    """
    found, results = _find(connection, ids)
    wanted: dict[int, _Found] = {}
    for one in found:
        why_not = _why_no_resend(one)
        if why_not is not None:
            results.append(Done(one.id, False, why_not, is_left_out=_is_about_nothing_to_send(one)))
        elif one.state == "retrying" and State(one.command_state or "") not in RESEND.sources:
            results.append(Done(one.id, True, f"{one.kind} is being tried again already."))
        elif one.may_have_been_sent and not even_if_sent:
            message = (
                "is about a mail that was delivered and marked as spam; it is sent again only if you say so."
                if is_complaint(one.status, one.cause, one.cause_key)
                else "is about a mail that may have been sent; it is sent again only if you say so."
            )
            results.append(Done(one.id, False, message, asks=True))
        else:
            wanted[one.id] = one
    commands = [one.command_id for one in wanted.values() if one.command_id is not None]
    moved = command_ledger.resend_all(connection, sorted(set(commands)))
    again = [number for number, one in wanted.items() if one.command_id in moved]
    connection.execute(_RETRY, {"ids": again})
    noted = {number: _about(wanted[number]) for number in again}
    audit.note(connection, actor, "resend", SUBJECT, {**noted, **_incidents_among(ids, wanted, again)})
    results += [
        Done(number, True, f"{one.kind} is queued again.")
        if number in again
        else Done(number, False, "is being dealt with meanwhile.")
        for number, one in wanted.items()
    ]
    return sorted(results, key=lambda done: done.id)


def correct(connection: Connection, notification_id: int, email: str, actor: Actor) -> Done:
    """Send this mail to another address, which was checked; the mail gets a new `send_id`.

    Only this mail changes: the record of the client or user, from which later mails take their address, belongs
    to the system that it was imported from and has to be corrected there.
    """
    found, results = _find(connection, [notification_id])
    if not found:
        return results[0]
    one = found[0]
    # An incident stands for many mails to many people: the address would get somebody else's mail.
    is_incident = one.id != notification_id
    if not is_incident and one.state == "retrying" and (one.recipient or "").casefold() == email.casefold():
        return Done(one.id, True, f"{one.kind} is being tried again already, to {masked(email)}.")
    why_not = _why_no_resend(one)
    if is_incident:
        why_not = "is an incident of several mails; correct the address of one of them by its own id."
    if why_not is None and one.recipient is None:
        why_not = "is about no address; there is nothing to correct."
    if why_not is None and not any(one.command_state == state for state in RESEND.sources):
        why_not = "is being tried again already; wait for the outcome."
    if why_not is not None or one.command_id is None:
        return Done(notification_id, False, why_not or "has no command.")
    try:
        with connection.begin_nested():
            moved = command_ledger.resend(connection, one.command_id, email)
    except IntegrityError:
        return Done(notification_id, False, "cannot be sent there: that address has this mail already.")
    if not moved:
        return Done(notification_id, False, "is being dealt with meanwhile.")
    about = {**_about(one), "corrected_to": masked(email)}
    audit.note(connection, actor, "correct", SUBJECT, {one.id: about})
    key = mail_subject_key(one.appointment_id or 0, one.kind or "", one.sequence or 0, email)
    if connection.execute(_READDRESS, {"id": one.id, "email": email, "key": key}).rowcount:
        connection.execute(_RETRY, {"ids": [one.id]})
    else:
        # The new address had trouble with this mail before: that row goes on telling of it.
        _close(connection, [one.id], "resolved", f"{actor.name} (address corrected)")
    return Done(one.id, True, f"{one.kind} is queued again, to {masked(email)}.")


def resolve(connection: Connection, ids: Sequence[int], actor: Actor, reason: str = "") -> list[Done]:
    """These were dealt with in another way."""
    return _end(connection, ids, actor, "resolved", reason)


def ignore(connection: Connection, ids: Sequence[int], actor: Actor, reason: str = "") -> list[Done]:
    """Nothing will be done about these, nor told again as long as the failure is the same."""
    return _end(connection, ids, actor, "ignored", reason)


def _end(connection: Connection, ids: Sequence[int], actor: Actor, state: str, reason: str) -> list[Done]:
    found, results = _find(connection, ids, with_incidents=True)
    closed = _close(connection, [one.id for one in found], state, actor.name)
    details = {
        one.id: {**_about(one), **({"reason": reason} if reason else {})} for one in found if one.id in closed
    }
    audit.note(connection, actor, {"resolved": "resolve", "ignored": "ignore"}[state], SUBJECT, details)
    results += [
        Done(one.id, True, f"is {state}.")
        if one.id in closed
        else Done(one.id, one.state == state, f"is {one.state}.")
        for one in found
    ]
    return sorted(results, key=lambda done: done.id)


def _close(connection: Connection, ids: Sequence[int], state: str, by: str) -> set[int]:
    rows = connection.execute(_CLOSE, {"ids": list(ids), "state": state, "by": by[:255]}).all()
    for incident_id in sorted({row.incident_id for row in rows if row.incident_id is not None}):
        end_incident(connection, incident_id, by[:255])
    return {row.id for row in rows}


def _find(
    connection: Connection, ids: Sequence[int], *, with_incidents: bool = False
) -> tuple[list[_Found], list[Done]]:
    """The notifications, an incident with all that hangs on it, and a word about each id that is unknown.

    An incident whose rows are found speaks through them, unless it is itself wanted.
    """
    wanted = list(dict.fromkeys(ids))
    connection.execute(_LOCK_COMMANDS, {"ids": wanted})
    found = [_Found(**row._mapping) for row in connection.execute(_FIND, {"ids": wanted})]
    missing = [
        Done(number, False, "does not exist.") for number in wanted if number not in {one.id for one in found}
    ]
    if not with_incidents:
        hung_on = {one.incident_id for one in found if one.state in UNFINISHED}
        found = [one for one in found if one.id not in hung_on]
    return found, missing


def _why_no_resend(one: _Found) -> str | None:
    """Why this is not done again, as the rest of a sentence; None when it may be."""
    was_never_done = one.command_state in (State.FAILED, State.UNKNOWN)
    if one.state not in UNFINISHED and not was_never_done:
        return f"is {one.state}; nothing is left to be done."
    if _is_about_nothing_to_send(one) or one.command_id is None or one.command_state is None:
        return (
            "has no mail or command that failed, so there is nothing to do again; its hint says what helps."
        )
    if one.is_copy:
        return (
            "is about a copy, and the mail itself arrived: correct the address in the client's record, "
            "then resolve this."
        )
    if one.command_state == State.DONE and one.status != MANDRILL_EMAIL_FAILED:
        return "has a command that is done; only of a mail is there more to do after that."
    if one.state == "open" and State(one.command_state) not in RESEND.sources:
        return f"has a command that is {one.command_state}; wait for its outcome."
    return None


def _is_about_nothing_to_send(one: _Found) -> bool:
    return one.status not in ABOUT_A_COMMAND and one.status != MAIL_INCIDENT


def _incidents_among(
    ids: Sequence[int], wanted: dict[int, _Found], again: Sequence[int]
) -> dict[int, dict[str, Any]]:
    """For the audit of each incident that was acted on as a whole: of how many mails."""
    numbers = [wanted[number].incident_id for number in again]
    return {number: {"mails": numbers.count(number)} for number in set(ids) if number in numbers}


def _about(one: _Found) -> dict[str, Any]:
    """What the audit remembers of it: no whole address."""
    return {"status": one.status, "state": one.state, "mail": one.kind, "recipient": masked(one.recipient)}
