"""Taking in what the provider tells of mails: unknown fates are settled, late failures are shown.

A batch is a fixed number of statements, whatever its size. Everything follows from the stored events and the
rows of the mails, so events may come doubled, late and in any order (`models/mail_events.py`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

import measures
from models import command_ledger as ledger
from models.database import after_commit
from models.incidents import Trouble, close_notifications
from models.mail_events import PASSING_REASONS, PROOFS, REFUSALS, StoredEvent, Verdict, keep, verdicts
from models.notifications import MANDRILL_EMAIL_FAILED, mail_subject_key
from tasks.claims import crash_key
from tasks.mail.events import ToldEvent
from tasks.mail.hints import hint_for
from tasks.mail_trouble import cause_key, subject_key, tell
from tasks.overtaken import close_overtaken

LATE_FAILURES = {"reject": "hard-bounce", "hard_bounce": "hard-bounce", "spam": "spam"}
"""Events that people must see although the mail counts as done, with the cause of one that names no reason.

A soft bounce and a deferral are kept and nothing more: the provider goes on trying by itself, or tells of a
rejection in the end.
"""

_ORDER = (
    *("send", "deferral", "soft_bounce", "delivered", "open", "click"),
    *("unsub", "spam", "hard_bounce", "reject"),
)
"""Of events of the same second, the later one comes later."""

_SEND_IDS = text("SELECT provider_id, send_id FROM emails WHERE provider_id = ANY(:provider_ids)")
# Everybody locks commands first, then mails, then notifications, and of each by the order of their ids.
_LOCK_COMMANDS = text(
    "SELECT FROM commands WHERE id IN (SELECT command_id FROM emails WHERE send_id = ANY(:send_ids))"
    " ORDER BY id FOR NO KEY UPDATE"
)
_LOCK_MAILS = text("SELECT FROM emails WHERE send_id = ANY(:send_ids) ORDER BY id FOR NO KEY UPDATE")
_MAILS = text(
    "SELECT m.send_id, m.command_id, m.appointment_id, m.kind, m.recipient, m.outcome, m.detail, c.sequence,"
    " c.attempts, c.request_id, c.send_id = m.send_id AS is_current,"
    " ARRAY(SELECT n.subject_key || ' ' || n.cause FROM notifications n WHERE n.send_id = m.send_id) AS told"
    " FROM emails m JOIN all_commands c ON c.id = m.command_id WHERE m.send_id = ANY(:send_ids)"
)
_NOTE_LAST = text(
    "UPDATE emails m SET last_event = e.event, last_event_at = e.at FROM ("
    " SELECT DISTINCT ON (send_id) send_id, event, at FROM mail_events JOIN emails own USING (send_id)"
    " WHERE send_id = ANY(:send_ids) AND lower(mail_events.recipient) = lower(own.recipient)"
    " ORDER BY send_id, at DESC, array_position(CAST(:order AS text[]), event::text) DESC NULLS LAST"
    ") e WHERE m.send_id = e.send_id"
)
_DECIDE = text(
    "UPDATE emails m SET outcome = v.outcome, cause = v.cause, detail = v.detail, decided_at = now(),"
    " provider_id = coalesce(left(v.provider_id, 64), m.provider_id)"
    " FROM unnest(CAST(:send_ids AS uuid[]), CAST(:outcomes AS text[]), CAST(:causes AS text[]),"
    " CAST(:details AS text[]), CAST(:provider_ids AS text[])) AS v (send_id, outcome, cause, detail, provider_id)"
    " WHERE m.send_id = v.send_id"
)


@dataclass(frozen=True, slots=True)
class Taken:
    """How many events were new, how many mails they settled, and how many failures they showed."""

    new: int
    settled: int
    failures: int


def take_in(connection: Connection, events: Iterable[ToldEvent]) -> Taken:
    """Store events and do what follows from the new ones, in the caller's transaction."""
    stored = [StoredEvent(**asdict(event)) for event in events]
    new = keep(connection, _with_send_ids(connection, stored))
    send_ids = sorted({event.send_id for event in new if event.send_id is not None})
    if not send_ids:
        return Taken(len(new), 0, 0)
    connection.execute(_LOCK_COMMANDS, {"send_ids": send_ids})
    connection.execute(_LOCK_MAILS, {"send_ids": send_ids})
    connection.execute(_NOTE_LAST, {"send_ids": send_ids, "order": list(_ORDER)})
    mails = {row.send_id: row for row in connection.execute(_MAILS, {"send_ids": send_ids})}
    settled = _settle(connection, send_ids, mails)
    troubles = _late_failures(new, mails)
    tell(connection, troubles)
    return Taken(len(new), settled, len(troubles))


def _with_send_ids(connection: Connection, events: list[StoredEvent]) -> list[StoredEvent]:
    """An event without our `send_id` is traced by the provider's own id of the message."""
    traced = [e.provider_id for e in events if e.send_id is None and e.event in (*PROOFS, *REFUSALS)]
    if not traced:
        return events
    rows = connection.execute(_SEND_IDS, {"provider_ids": traced})
    known: dict[str, UUID] = {row.provider_id: row.send_id for row in rows}
    return [e if e.send_id else replace(e, send_id=known.get(e.provider_id)) for e in events]


def _settle(connection: Connection, send_ids: Sequence[UUID], mails: Mapping[UUID, Row[Any]]) -> int:
    """Move commands whose fate was open, write their mails' outcomes down, and end what was told about them."""
    told = verdicts(connection, send_ids)
    refused = [send_id for send_id, verdict in told.items() if verdict.is_refused]
    taken = [send_id for send_id, verdict in told.items() if not verdict.is_refused]
    moved = ledger.settle(connection, taken)
    failed = ledger.reject(connection, refused, "Mandrill told that the mail cannot be delivered.")
    released = [send_id for send_id in taken if (mail := mails.get(send_id)) and mail.outcome == "held"]
    bounced = [send_id for send_id in refused if (mail := mails.get(send_id)) and mail.outcome == "accepted"]
    decided = {*(one.send_id for one in (*moved, *failed)), *released, *bounced}
    _decide(connection, {send_id: told[send_id] for send_id in decided})
    for send_id in decided:
        outcome = "refused" if told[send_id].is_refused else "accepted"
        after_commit(connection, measures.MAILS.labels(mails[send_id].kind, outcome).inc)
    for one in failed:
        after_commit(connection, measures.FAILURES.labels(one.kind).inc)
    ended = [key for one in moved for key in (subject_key(one), crash_key(one))]
    ended += {f"held:{mails[send_id].detail}" for send_id in released}
    if ended:
        close_notifications(connection, ended, "success")
    close_overtaken(connection, [one.id for one in moved])
    return len(moved) + len(failed)


def _decide(connection: Connection, told: Mapping[UUID, Verdict]) -> None:
    if not told:
        return
    connection.execute(
        _DECIDE,
        {
            "send_ids": list(told),
            "outcomes": ["refused" if verdict.is_refused else "accepted" for verdict in told.values()],
            "causes": [
                _cause(verdict.event, verdict.reason) if verdict.is_refused else None
                for verdict in told.values()
            ],
            "details": [f"told: {verdict.event}" for verdict in told.values()],
            "provider_ids": [verdict.provider_id for verdict in told.values()],
        },
    )


def _late_failures(new: Sequence[StoredEvent], mails: Mapping[UUID, Row[Any]]) -> list[Trouble]:
    """What people must see of these events; nothing that the send itself had told, or a resend overtook."""
    troubles = []
    for event in new:
        mail = None if event.send_id is None else mails.get(event.send_id)
        if event.event not in LATE_FAILURES or mail is None or not mail.is_current:
            continue
        if event.event == "reject" and event.reason in PASSING_REASONS:
            continue
        trouble = _trouble(event, mail)
        if f"{trouble.subject_key} {trouble.cause}" not in mail.told:
            troubles.append(trouble)
    return troubles


def _trouble(event: StoredEvent, mail: Row[Any]) -> Trouble:
    cause = _cause(event.event, event.reason)
    recipient = event.recipient or mail.recipient
    happened = {
        "reject": "did not send it on",
        "hard_bounce": "could not deliver it",
        "spam": "delivered it, and the recipient marked it as spam",
    }[event.event]
    why = f": {event.reason or cause}" if event.reason or event.event != "spam" else ""
    detail = f" {event.detail}" if event.detail else ""
    return Trouble(
        status=MANDRILL_EMAIL_FAILED,
        subject_key=mail_subject_key(mail.appointment_id, mail.kind, mail.sequence, recipient),
        cause=cause,
        message=f"Mandrill took the mail and then {happened}{why}.{detail}",
        hint=hint_for(cause, event.reason),
        appointment_id=mail.appointment_id,
        command_id=mail.command_id,
        recipient=recipient,
        attempts=mail.attempts,
        may_have_been_sent=event.event == "spam",
        request_id=mail.request_id,
        # A bounce that is told later is mended as one that is told at once. A complaint is another matter.
        cause_key=cause_key("spam" if event.event == "spam" else "rejected", mail.kind, cause),
        failure_class="permanent",
        mail_kind=mail.kind,
        sequence=mail.sequence,
        send_id=event.send_id,
        provider_id=event.provider_id,
        reason=event.reason,
        first_at=event.at,
    )


def _cause(event: str, reason: str | None) -> str:
    """The reason of a rejection; of a bounce its kind, since its reason is the other server's wording."""
    usual = LATE_FAILURES.get(event, event)
    return (reason or usual) if event == "reject" else usual
