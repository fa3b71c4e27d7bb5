"""Telling developers of mails that failed: the keys of their notifications, and the report to Sentry.

Light on purpose: a web process comes here too, when the provider tells of a failure afterwards.
"""

from collections.abc import Sequence
from uuid import NAMESPACE_URL, uuid5

import sentry_sdk
from sentry_sdk.types import Event
from sqlalchemy import Connection, text

from models.command_claims import Claim
from models.command_ledger import Moved
from models.incidents import Opened, Trouble, note_report, open_notifications
from models.notifications import mail_subject_key
from settings import get_settings
from tracing import Trace, is_reporting

_REPORT_OF = text("SELECT sentry_event_id, cause_key, last_at FROM notifications WHERE id = :id")


def subject_key(about: Claim | Moved, recipient: str | None = None) -> str:
    """What the notification of a mail is about; of a copy it is the copy's `recipient`."""
    return mail_subject_key(about.appointment_id, about.kind, about.sequence, recipient or about.recipient)


def cause_key(cause: str, kind: str, reason: str | None = None) -> str:
    """What groups failures that one mend ends: the provider's name for it, its reason, and the kind of mail."""
    return f"{cause}/{reason}@{kind}" if reason and reason != cause else f"{cause}@{kind}"


def tell(connection: Connection, troubles: Sequence[Trouble]) -> None:
    """Open notifications of failed mails and report what is new to Sentry, if there is one.

    To Sentry, everything of one cause key is one issue. What hangs on an incident is reported with it, once.
    Safe to repeat: the id of a report follows from what it is about.
    """
    opened = open_notifications(connection, troubles)
    if not is_reporting():
        return
    by_key = {trouble.subject_key: trouble for trouble in troubles}
    incidents: dict[int, str] = {}
    for one in opened:
        if one.incident_id is not None and one.incident_id not in incidents:
            incidents[one.incident_id] = _report_incident(connection, one.incident_id)
        if one.is_news:
            event_id = incidents.get(one.incident_id or 0) or _report(one, by_key[one.subject_key])
            note_report(connection, one.id, event_id)


def _report(one: Opened, trouble: Trouble) -> str:
    event_id = uuid5(NAMESPACE_URL, f"{one.subject_key}:{trouble.send_id}:{trouble.cause}").hex
    facts: dict[str, object] = {
        "cause": trouble.cause,
        "failure_class": trouble.failure_class,
        "mail_kind": trouble.mail_kind,
        "http_status": trouble.http_status,
        "appointment_id": trouble.appointment_id,
        "attempts": trouble.attempts,
    }
    _capture(event_id, one.id, trouble.cause_key or trouble.cause, "error", facts, trouble.request_id)
    return event_id


def _report_incident(connection: Connection, incident_id: int) -> str:
    row = connection.execute(_REPORT_OF, {"id": incident_id}).one()
    if row.sentry_event_id is not None:
        return str(row.sentry_event_id)
    event_id = uuid5(NAMESPACE_URL, f"incident:{incident_id}:{row.last_at}").hex
    _capture(event_id, incident_id, row.cause_key, "fatal", {})
    note_report(connection, incident_id, event_id)
    return event_id


def _capture(
    event_id: str,
    notification_id: int,
    key: str,
    level: str,
    facts: dict[str, object],
    request_id: str | None = None,
) -> None:
    """One event: ids, names and numbers; nothing of the mail, and no address.

    It belongs to the request that the mail came from, whose `request_id` this is, also when a webhook's request told
    of the failure.
    """
    tags = {"notification_id": notification_id, **facts, "request_id": request_id}
    event: Event = {
        "event_id": event_id,
        "message": f"Mail failed: {key}",
        "level": level,  # type: ignore[typeddict-item] # one of Sentry's words
        "fingerprint": [key],
        "tags": {name: str(value) for name, value in tags.items() if value is not None},
    }
    if request_id is not None:
        trace = Trace(request_id, get_settings().sentry_traces_sample_rate)
        event["contexts"] = {"trace": {"trace_id": trace.trace_id, "span_id": trace.root}}
    sentry_sdk.capture_event(event)
