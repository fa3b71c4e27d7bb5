"""Opening and closing notifications: the same trouble updates its row, success ends it.

When more than `MANY` notifications with the same cause key come within `WINDOW_S` seconds, one critical
incident is opened for all of them: its row counts them, and each of them hangs on it. It ends with the last.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, text

from models.notifications import ABOUT_ONE_RECIPIENT, MAIL_INCIDENT

MANY = 20
WINDOW_S = 300


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a notification says. `subject_key` names the thing that failed; see `models/notifications.py`.

    `cause_key` groups: without one, no incident is made of it. It holds no ids and no text of a message.
    """

    status: str
    subject_key: str
    cause: str
    message: str
    hint: str = ""
    severity: str = "high"
    appointment_id: int | None = None
    command_id: int | None = None
    recipient: str | None = None
    http_status: int | None = None
    attempts: int = 0
    may_have_been_sent: bool = False
    request_id: str | None = None
    cause_key: str | None = None
    failure_class: str | None = None
    mail_kind: str | None = None
    sequence: int | None = None
    send_id: UUID | None = None
    provider_id: str | None = None
    reason: str | None = None
    worker: str | None = None
    task_id: str | None = None
    release: str | None = None
    endpoint_host: str | None = None
    first_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A notification that was opened. `is_news`: it was not open with this very cause before."""

    id: int
    subject_key: str
    incident_id: int | None
    is_news: bool


_TYPES = {
    "appointment_id": "bigint",
    "command_id": "bigint",
    "http_status": "int",
    "attempts": "int",
    "may_have_been_sent": "boolean",
    "sequence": "int",
    "send_id": "uuid",
    "first_at": "timestamptz",
}
_COLUMNS = tuple(Trouble.__dataclass_fields__)
_KEPT = ("subject_key", "first_at", "appointment_id", "command_id")
_TOLD = ", ".join(f"{name} {_TYPES.get(name, 'text')}" for name in _COLUMNS)
_NEW = ", ".join("coalesce(first_at, now())" if name == "first_at" else name for name in _COLUMNS)
_RENEWED = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS if name not in _KEPT)
# What a person chose to ignore stays so while it is the same.
_IS_IGNORED = "notifications.state = 'ignored' AND notifications.cause = excluded.cause"
_OPEN = text(
    "WITH told AS (SELECT * FROM jsonb_to_recordset(CAST(:troubles AS jsonb))"  # noqa: S608 - constants
    f" AS told ({_TOLD})),"
    " before AS (SELECT n.subject_key, n.state, n.cause FROM notifications n JOIN told USING (subject_key)),"
    f" opened AS (INSERT INTO notifications ({', '.join(_COLUMNS)}) SELECT {_NEW} FROM told ORDER BY subject_key"
    f" ON CONFLICT (subject_key) DO UPDATE SET {_RENEWED}, last_at = now(),"
    f" state = CASE WHEN {_IS_IGNORED} THEN 'ignored' ELSE 'open' END,"
    f" closed_at = CASE WHEN {_IS_IGNORED} THEN notifications.closed_at END,"
    f" closed_by = CASE WHEN {_IS_IGNORED} THEN notifications.closed_by END"
    " RETURNING id, subject_key, state, cause, incident_id)"
    " SELECT o.id, o.subject_key, o.incident_id, o.state = 'open'"
    " AND (b.state IS DISTINCT FROM 'open' OR b.cause <> o.cause) AS is_news"
    " FROM opened o LEFT JOIN before b USING (subject_key) ORDER BY o.id"
)
_CLOSE = text(
    "UPDATE notifications SET state = 'resolved', closed_at = now(), closed_by = :by"
    # In the order of their ids, as everybody locks them.
    " WHERE id IN (SELECT id FROM notifications WHERE subject_key = ANY(:keys) AND state IN ('open', 'retrying')"
    " ORDER BY id FOR UPDATE) RETURNING incident_id"
)
_RECENT = (
    "cause_key = :cause_key AND status <> :status AND state IN ('open', 'retrying')"
    " AND last_at > now() - make_interval(secs => :window_s)"
)
_IS_MANY = text(
    f"SELECT count(*) > :many FROM (SELECT FROM notifications WHERE {_RECENT} LIMIT :many + 1) AS recent"  # noqa: S608
)
_OPEN_INCIDENT = text(
    "INSERT INTO notifications (status, severity, subject_key, cause_key, cause, message, hint, failure_class,"
    " mail_kind, reason, occurrences)"
    " SELECT :status, 'critical', 'incident:' || cause_key, cause_key, cause,"
    " CASE WHEN coalesce(reason, cause) = ANY(:about_one_recipient) THEN :one_by_one ELSE :all_at_once END,"
    " hint, failure_class, mail_kind, reason, 0 FROM notifications WHERE id = :like"
    " ON CONFLICT (subject_key) DO UPDATE SET state = 'open', last_at = now(), closed_at = NULL, closed_by = NULL,"
    " occurrences = CASE WHEN notifications.state IN ('open', 'retrying') THEN notifications.occurrences ELSE 0 END,"
    " sentry_event_id = CASE WHEN notifications.state IN ('open', 'retrying') THEN notifications.sentry_event_id END"
    " RETURNING id"
)
# Others may be writing these rows and wait for the incident's: who waits in turn would make a deadlock.
_HANG = text(
    "WITH hung AS (UPDATE notifications SET incident_id = :incident WHERE id IN ("  # noqa: S608 - constants
    f"SELECT id FROM notifications WHERE {_RECENT} AND incident_id IS DISTINCT FROM :incident"
    " FOR UPDATE SKIP LOCKED) RETURNING 1)"
    " UPDATE notifications SET occurrences = occurrences + (SELECT count(*) FROM hung)"
    " WHERE id = :incident"
)
_LOCK = text("SELECT FROM notifications WHERE id = :id FOR UPDATE")
_END_INCIDENT = text(
    "UPDATE notifications SET state = 'resolved', closed_at = now(), closed_by = :by WHERE id = :id"
    " AND state IN ('open', 'retrying') AND NOT EXISTS (SELECT FROM notifications AS single"
    " WHERE single.incident_id = :id AND single.state IN ('open', 'retrying'))"
)
_REPORTED = text("UPDATE notifications SET sentry_event_id = :event_id WHERE id = :id")


def open_notification(connection: Connection, trouble: Trouble) -> Opened:
    """Show it to the developers; its row, new or updated."""
    return open_notifications(connection, [trouble])[0]


def open_notifications(connection: Connection, troubles: Sequence[Trouble]) -> list[Opened]:
    """Show all of them, in two statements and a few for each cause; of one subject the last trouble counts."""
    last = {trouble.subject_key: trouble for trouble in troubles}
    if not last:
        return []
    rows = [
        {
            **asdict(trouble),
            "send_id": trouble.send_id and str(trouble.send_id),
            "first_at": _stamp(trouble.first_at),
        }
        for trouble in last.values()
    ]
    opened = [Opened(**row._mapping) for row in connection.execute(_OPEN, {"troubles": json.dumps(rows)})]
    causes: dict[str, int] = {}
    for one in opened:
        cause_key = last[one.subject_key].cause_key
        if cause_key is not None:
            causes[cause_key] = one.id
    incidents = {cause_key: _group(connection, cause_key, like) for cause_key, like in causes.items()}
    return [
        Opened(
            one.id,
            one.subject_key,
            incidents.get(last[one.subject_key].cause_key or "") or one.incident_id,
            one.is_news,
        )
        for one in opened
    ]


def close_notification(connection: Connection, subject_key: str, by: str) -> None:
    """It is over: `by` names who or what ended it. Nothing happens when there is none open."""
    close_notifications(connection, [subject_key], by)


def close_notifications(connection: Connection, subject_keys: Sequence[str], by: str) -> None:
    """These are over, and with them the incidents that nothing hangs on any more."""
    if not subject_keys:
        return
    closed = connection.execute(_CLOSE, {"keys": list(subject_keys), "by": by}).scalars()
    for incident_id in sorted({number for number in closed if number is not None}):
        end_incident(connection, incident_id, by)


def end_incident(connection: Connection, incident_id: int, by: str) -> None:
    """End an incident when nothing that hangs on it is left; it has to be asked after each of its ends."""
    # Whoever ends the last but one at the same moment is waited for, so that one of the two sees them all.
    connection.execute(_LOCK, {"id": incident_id})
    connection.execute(_END_INCIDENT, {"id": incident_id, "by": by})


def note_report(connection: Connection, notification_id: int, event_id: str) -> None:
    """Remember under which id Sentry was told of it."""
    connection.execute(_REPORTED, {"id": notification_id, "event_id": event_id})


def _group(connection: Connection, cause_key: str, like: int) -> int | None:
    """Hang what came lately of this cause on one incident, when it is much; the id of that."""
    of_cause = {"cause_key": cause_key, "status": MAIL_INCIDENT, "window_s": WINDOW_S}
    if not connection.execute(_IS_MANY, {**of_cause, "many": MANY}).scalar_one():
        return None
    said = f"More than {MANY} mails failed for the same reason within {WINDOW_S // 60} minutes."
    incident_id = int(
        connection.execute(
            _OPEN_INCIDENT,
            {
                "status": MAIL_INCIDENT,
                "like": like,
                "about_one_recipient": list(ABOUT_ONE_RECIPIENT),
                "all_at_once": f"{said} Mend the cause once, then send all of them again through this incident.",
                "one_by_one": f"{said} It lies with each recipient: find out where so many addresses came from,"
                " and deal with the mails one by one; sent again as they are, they fail again.",
            },
        ).scalar_one()
    )
    connection.execute(_HANG, {**of_cause, "incident": incident_id})
    return incident_id


def _stamp(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
