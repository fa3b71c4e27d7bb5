"""Sending a client's confirmation again, once: what the API's route and the console's button share.

A repeated wish must not make a third mail: with the same idempotency key, or without one by the same actor within
`REPEAT_WINDOW_S`, it is answered from the first time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, text

from models import audit
from models.audit import Actor
from tasks.door import confirm_again

REPEAT_WINDOW_S: Final = 60
ACTION: Final = "resend-confirmation"
SUBJECT: Final = "appointment"

_LOCK = text("SELECT FROM appointments WHERE id = :id FOR NO KEY UPDATE")
_RECENT = text(
    "SELECT detail ->> 'command_id' AS command_id FROM audit_entries WHERE subject = :subject AND subject_id = :id"
    " AND action = :action AND scope = :scope AND at > now() - make_interval(secs => :window_s) LIMIT 1"
)
_KEYED = text(
    "SELECT subject_id, detail ->> 'command_id' AS command_id FROM audit_entries"
    " WHERE action = :action AND scope = :scope AND idempotency_key = :key"
)


class KeyOfAnotherError(Exception):
    """The idempotency key was used for another appointment."""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The command that sends it. `is_replayed`: an earlier wish had queued it; `is_new_send`: this one made it go."""

    command_id: int
    is_replayed: bool
    is_new_send: bool


def why_not(row: Mapping[str, Any]) -> tuple[str, str] | None:
    """Why nobody can be written to, and what helps; None when nothing stands against it.

    `row` has `cancelled`, and as `client_email` the address of the order's client of now.
    """
    if row["cancelled"]:
        return "This appointment is cancelled, so it is not confirmed to anybody.", ""
    if not row["client_email"]:
        return (
            "The order's client has no e-mail address, so there is nobody to write to.",
            "Add the address where the client is kept, and have it imported.",
        )
    return None


def confirm_once(
    connection: Connection, appointment_id: int, recipient: str, actor: Actor, key: str | None = None
) -> Confirmed:
    """Queue the mail, or find what an earlier wish queued; in the caller's transaction, written into the audit.

    Raises `KeyOfAnotherError`.
    """
    # One after the other: the second of two such requests sees what the first one did.
    connection.execute(_LOCK, {"id": appointment_id})
    earlier = _earlier(connection, appointment_id, actor, key)
    if earlier is not None:
        return Confirmed(earlier, is_replayed=True, is_new_send=False)
    again = confirm_again(connection, appointment_id, recipient, actor.request_id or "")
    detail = {"command_id": again.command_id, "is_new_send": again.is_new_send}
    audit.note(connection, actor, ACTION, SUBJECT, {appointment_id: detail}, key)
    return Confirmed(again.command_id, is_replayed=False, is_new_send=again.is_new_send)


def _earlier(connection: Connection, appointment_id: int, actor: Actor, key: str | None) -> int | None:
    who = {"action": ACTION, "scope": actor.scope}
    if key is not None:
        row = connection.execute(_KEYED, {**who, "key": key}).first()
        if row is not None and row.subject_id != appointment_id:
            raise KeyOfAnotherError
    else:
        recent = {**who, "subject": SUBJECT, "id": appointment_id, "window_s": REPEAT_WINDOW_S}
        row = connection.execute(_RECENT, recent).first()
    return None if row is None else int(row.command_id)
