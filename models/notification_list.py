"""Reading notifications: the list with its filters, newest first, and one of them with all that is known.

Lists show addresses masked; whoever reads one notification, to act on it, sees whom it is about.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, text

from models import audit, cursors
from models.command_sql import IS_CLAIMABLE, LEFT_TO_PEOPLE
from models.notifications import UNFINISHED
from settings import get_settings

CursorError = cursors.CursorError

SUBJECT = "notification"
"""What the audit calls them."""
LOCALE = "en"
"""The language of all mails."""

_FIELDS = (
    "n.id, n.status, n.state, n.severity, n.cause, n.cause_key, n.failure_class, n.message, n.hint,"
    " n.appointment_id, a.order_id, n.command_id, n.mail_kind, n.sequence, n.recipient, n.http_status, n.reason,"
    " n.attempts, n.may_have_been_sent, n.incident_id, n.occurrences, n.first_at, n.last_at, n.closed_at,"
    " n.closed_by, n.sentry_event_id, n.request_id,"
    " CASE WHEN n.status = 'mail-incident' THEN (SELECT count(*) FROM notifications member"
    " WHERE member.incident_id = n.id AND member.state IN ('open', 'retrying')) END AS unfinished_members"
)
_MORE = (
    ", n.subject_key, n.send_id, n.provider_id, n.worker, n.task_id, n.release, n.endpoint_host,"
    " c.state AS command_state,"
    f" CASE WHEN c.{IS_CLAIMABLE} AND NOT c.{LEFT_TO_PEOPLE} THEN c.available_at END AS next_at,"
    " m.outcome AS mail_outcome, m.last_event, m.last_event_at"
)
_LIST = text(
    f"SELECT {_FIELDS} FROM notifications n LEFT JOIN appointments a ON a.id = n.appointment_id"  # noqa: S608
    " WHERE (CAST(:states AS text[]) IS NULL OR n.state = ANY(:states))"
    " AND (CAST(:status AS text) IS NULL OR n.status = :status)"
    " AND (CAST(:cause AS text) IS NULL OR n.cause = :cause)"
    " AND (CAST(:appointment_id AS bigint) IS NULL OR n.appointment_id = :appointment_id)"
    " AND (CAST(:incident_id AS bigint) IS NULL OR n.incident_id = :incident_id)"
    # Thousands of mails that one mend will settle would bury everything else.
    " AND (:with_members OR n.incident_id IS NULL OR n.state NOT IN ('open', 'retrying') OR NOT EXISTS"
    " (SELECT FROM notifications incident WHERE incident.id = n.incident_id"
    " AND incident.state IN ('open', 'retrying')))"
    " AND (CAST(:before_at AS timestamptz) IS NULL OR (n.last_at, n.id) < (:before_at, CAST(:before_id AS bigint)))"
    " ORDER BY n.last_at DESC, n.id DESC LIMIT :limit"
)
_READ = text(
    f"SELECT {_FIELDS}{_MORE} FROM notifications n LEFT JOIN appointments a ON a.id = n.appointment_id"  # noqa: S608
    " LEFT JOIN all_commands c ON c.id = n.command_id LEFT JOIN emails m ON m.send_id = c.send_id WHERE n.id = :id"
)


_MAILS = text(
    "SELECT send_id, recipient, created_at, outcome, cause, provider_id, attempts, last_event, last_event_at"
    " FROM emails WHERE command_id = :command_id ORDER BY id"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which notifications; None is any.

    What hangs on an incident that is not over is left to that, unless the appointment or the incident is named.
    """

    states: Sequence[str] | None = UNFINISHED
    status: str | None = None
    cause: str | None = None
    appointment_id: int | None = None
    incident_id: int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the list, and the cursor of the next; None at the end."""

    notifications: list[dict[str, Any]]
    next_cursor: str | None


def list_notifications(
    connection: Connection, wanted: Wanted, limit: int | None = None, cursor: str | None = None
) -> Page:
    """Notifications, newest first, addresses masked. Raises `CursorError`."""
    before_at, before_id = (None, None) if cursor is None else _read_cursor(cursor)
    rows = connection.execute(
        _LIST,
        {
            "states": None if wanted.states is None else list(wanted.states),
            "status": wanted.status,
            "cause": wanted.cause,
            "appointment_id": wanted.appointment_id,
            "incident_id": wanted.incident_id,
            "with_members": wanted.appointment_id is not None or wanted.incident_id is not None,
            "before_at": before_at,
            "before_id": before_id,
            "limit": None if limit is None else limit + 1,
        },
    ).mappings()
    found = [{**row, "recipient": masked(row["recipient"])} for row in rows]
    if limit is None or len(found) <= limit:
        return Page(found, None)
    last = found[limit - 1]
    return Page(found[:limit], _cursor(last["last_at"], last["id"]))


def read_notification(connection: Connection, notification_id: int) -> dict[str, Any] | None:
    """One notification with its whole address, its command, every attempt, and what was done about it.

    `mails` are the mails of its command, oldest first: one for each `send_id`, with what became of each try and
    the address that it had then. `code`, `template` and `template_version` are those of the last try that had one,
    of the mail that the notification is about.
    """
    row = connection.execute(_READ, {"id": notification_id}).mappings().first()
    if row is None:
        return None
    mails = [dict(mail) for mail in connection.execute(_MAILS, {"command_id": row["command_id"]}).mappings()]
    tries = [one for mail in mails if mail["send_id"] == row["send_id"] for one in mail["attempts"]]
    return {
        **row,
        **{name: _last(tries, name) for name in ("code", "template", "template_version")},
        "locale": None if row["mail_kind"] is None else LOCALE,
        "appointment_link": _appointment_link(row["appointment_id"]),
        "sentry_link": _sentry_link(row["sentry_event_id"]),
        "mails": mails,
        "audit": audit.entries(connection, SUBJECT, notification_id),
    }


def _last(tries: Sequence[dict[str, Any]], name: str) -> Any:
    """The newest value of that name; tries from before it was written down have none."""
    return next((value for one in reversed(tries) if (value := one.get(name)) is not None), None)


def _appointment_link(appointment_id: int | None) -> str | None:
    """Its page in the console."""
    base = get_settings().public_url.rstrip("/")
    return None if appointment_id is None else f"{base}/console/appointments/{appointment_id}"


def _sentry_link(event_id: str | None) -> str | None:
    """Where Sentry finds the report; None without one, or without the setting `SENTRY_URL`."""
    base = get_settings().sentry_url.rstrip("/")
    return f"{base}/issues/?query={quote(event_id)}" if base and event_id else None


def masked(email: str | None) -> str | None:
    """An address of which a person who knows it can tell that it is meant: `c***@example.com`."""
    if not email:
        return None
    name, at, domain = email.rpartition("@")
    return f"{name[:1]}***{at}{domain}"


def _cursor(at: datetime, number: int) -> str:
    return cursors.wrapped(f"{at.isoformat()}/{number}")


def _read_cursor(cursor: str) -> tuple[datetime, int]:
    with cursors.unwrapped(cursor) as said:
        at, _, number = said.partition("/")
        moment = datetime.fromisoformat(at)
        if moment.utcoffset() is None or not (number.isascii() and number.isdigit() and len(number) < 19):
            raise ValueError(number)
        return moment, int(number)
