"""What is forgotten, and when: records that would otherwise be kept for ever, deleted oldest first, in batches.

Each statement looks at the oldest rows only, along an index, so that a run with nothing to do costs nothing,
however long the table. What belongs to an appointment stays for as long as that is not long over: a change of it
looks up who was told of it. Appointments themselves, their history and whatever is unfinished are never deleted
here.
"""

from sqlalchemy import Connection, text

from settings import Settings

WINDOW = 10
"""So many times the limit are looked at for rows that may go, among the oldest."""

_IS_LONG_OVER = (
    " AND NOT EXISTS (SELECT FROM appointments a WHERE a.id = oldest.appointment_id AND"
    " coalesce(a.stops_at, a.starts_at, a.date_stop_local, a.date_start_local, a.created_at) > {cutoff})"
)
_CUTOFF = "now() - make_interval(days => CAST(:days AS int))"

# Ids are given out in the order of time, near enough: the primary key finds the oldest.
_FORGET_EVENTS = text(
    "DELETE FROM mail_events WHERE id IN (SELECT id FROM"  # noqa: S608 - constants
    " (SELECT id, received_at FROM mail_events ORDER BY id LIMIT :limit) oldest"
    f" WHERE received_at < {_CUTOFF})"
)
_FORGET_AUDIT = text(
    "DELETE FROM audit_entries WHERE id IN (SELECT id FROM"  # noqa: S608 - constants
    f" (SELECT id, at FROM audit_entries ORDER BY id LIMIT :limit) oldest WHERE at < {_CUTOFF})"
)
_FORGET_COMMANDS = text(
    "DELETE FROM commands_archive WHERE id IN (SELECT id FROM"  # noqa: S608 - constants
    " (SELECT id, appointment_id, finished_at FROM commands_archive ORDER BY id LIMIT :window) oldest"
    f" WHERE finished_at < {_CUTOFF}{_IS_LONG_OVER.format(cutoff=_CUTOFF)} LIMIT :limit)"
)
_FORGET_MAILS = text(
    "DELETE FROM emails WHERE id IN (SELECT id FROM"  # noqa: S608 - constants
    " (SELECT id, appointment_id, command_id, created_at FROM emails ORDER BY id LIMIT :window) oldest"
    f" WHERE created_at < {_CUTOFF}{_IS_LONG_OVER.format(cutoff=_CUTOFF)}"
    # A mail that is failed or in doubt may still be sent again.
    " AND NOT EXISTS (SELECT FROM commands c WHERE c.id = oldest.command_id) LIMIT :limit)"
)
_FORGET_NOTIFICATIONS = text(
    "DELETE FROM notifications WHERE id IN (SELECT id FROM notifications"  # noqa: S608 - constants
    f" WHERE last_at < {_CUTOFF} AND state IN ('resolved', 'ignored') AND closed_at < {_CUTOFF}"
    " ORDER BY last_at, id LIMIT :limit)"
)


STATEMENTS = {
    "mail_events": _FORGET_EVENTS,
    # A command goes before its mail: whoever has the command can look the mail up.
    "commands_archive": _FORGET_COMMANDS,
    "emails": _FORGET_MAILS,
    "notifications": _FORGET_NOTIFICATIONS,
    "audit_entries": _FORGET_AUDIT,
}
"""For each table, how up to `limit` rows older than `days` are deleted, of the `window` oldest."""


def forget_old(connection: Connection, settings: Settings, *, limit: int) -> dict[str, int]:
    """Delete up to `limit` rows of each table that are older than the settings keep them; how many of each."""
    days = dict.fromkeys(STATEMENTS, settings.keep_archive_days)
    days |= {"mail_events": settings.keep_mail_events_days, "audit_entries": settings.keep_audit_days}
    bounds = {"limit": limit, "window": WINDOW * limit}
    return {
        table: connection.execute(statement, {"days": days[table], **bounds}).rowcount
        for table, statement in STATEMENTS.items()
    }
