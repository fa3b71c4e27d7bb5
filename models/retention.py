"""What is kept for how long: one rule a table, each with its setting; the oldest rows go first, in batches.

Each statement looks at the oldest rows only, along an index, so that a run with nothing to do costs nothing,
however long the table. What belongs to an appointment stays for as long as that is not long over: a change of it
looks up who was told of it. Appointments themselves and whatever is unfinished never go.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, TextClause, text

from models.command_archive import archive_finished
from models.logins import forget_dead_sessions
from settings import Settings

WINDOW: Final = 10
"""So many times the limit are looked at for rows that may go, among the oldest."""

_CUTOFF = "now() - make_interval(days => CAST(:days AS int))"
_IS_LONG_OVER = (
    " AND NOT EXISTS (SELECT FROM appointments a WHERE a.id = oldest.appointment_id AND"
    f" coalesce(a.stops_at, a.starts_at, a.date_stop_local, a.date_start_local, a.created_at) > {_CUTOFF})"
)

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
    f" WHERE finished_at < {_CUTOFF}{_IS_LONG_OVER} LIMIT :limit)"
)
_FORGET_MAILS = text(
    "DELETE FROM emails WHERE id IN (SELECT id FROM"  # noqa: S608 - constants
    " (SELECT id, appointment_id, command_id, created_at FROM emails ORDER BY id LIMIT :window) oldest"
    f" WHERE created_at < {_CUTOFF}{_IS_LONG_OVER}"
    # A mail that is failed or in doubt may still be sent again.
    " AND NOT EXISTS (SELECT FROM commands c WHERE c.id = oldest.command_id) LIMIT :limit)"
)
_FORGET_NOTIFICATIONS = text(
    "DELETE FROM notifications WHERE id IN (SELECT id FROM notifications"  # noqa: S608 - constants
    f" WHERE last_at < {_CUTOFF} AND state IN ('resolved', 'ignored') AND closed_at < {_CUTOFF}"
    " ORDER BY last_at, id LIMIT :limit)"
)
# The appointment remembers that something is missing: its creation can no longer be told by undoing its changes.
# What took it from one order to another stays, because who may read what goes by that.
_FORGET_HISTORY = text(
    "WITH gone AS (DELETE FROM appointment_changes WHERE id IN (SELECT id FROM"  # noqa: S608 - constants
    " (SELECT id, appointment_id, at FROM appointment_changes"
    """ WHERE NOT changes @> '[{"field": "order_id"}]' ORDER BY id LIMIT :window) oldest"""
    f" WHERE at < {_CUTOFF}{_IS_LONG_OVER} LIMIT :limit) RETURNING appointment_id, at),"
    " last AS (SELECT appointment_id, max(at) AS at FROM gone GROUP BY appointment_id)"
    " UPDATE appointments SET history_since = greatest(history_since, last.at)"
    " FROM last WHERE appointments.id = last.appointment_id RETURNING (SELECT count(*) FROM gone)"
)


@dataclass(frozen=True, slots=True)
class Rule:
    """What goes out of `table` after as many days as `setting` says.

    `go` takes a connection, the days and a limit, and returns how many rows went. `age` is the column that tells
    how old a row is, near enough.
    """

    table: str
    what: str
    setting: str
    age: str
    go: Callable[[Connection, int, int], int]

    def days(self, settings: Settings) -> int:
        """For how many days its rows are kept."""
        return int(getattr(settings, self.setting))

    def oldest(self, connection: Connection) -> datetime | None:
        """When the oldest row is from; None when there is none."""
        found: datetime | None = connection.exec_driver_sql(
            f"SELECT {self.age} FROM {self.table} ORDER BY id LIMIT 1"  # noqa: S608 - constants
        ).scalar()
        return found


def _counted(statement: TextClause) -> Callable[[Connection, int, int], int]:
    def go(connection: Connection, days: int, limit: int) -> int:
        return connection.execute(statement, _bounds(days, limit)).rowcount

    return go


def _forget_history(connection: Connection, days: int, limit: int) -> int:
    return connection.execute(_FORGET_HISTORY, _bounds(days, limit)).scalar() or 0


def _bounds(days: int, limit: int) -> dict[str, int]:
    return {"days": days, "limit": limit, "window": WINDOW * limit}


RULES: Final = (
    Rule(
        "commands",
        "commands that are done, before they go to the archive",
        "archive_after_days",
        "created_at",
        lambda connection, days, limit: archive_finished(connection, days=days, limit=limit),
    ),
    # A command goes before its mail: whoever has the command can look the mail up.
    Rule(
        "commands_archive",
        "archived commands",
        "keep_archive_days",
        "finished_at",
        _counted(_FORGET_COMMANDS),
    ),
    Rule("emails", "mails with their attempts", "keep_archive_days", "created_at", _counted(_FORGET_MAILS)),
    Rule(
        "notifications",
        "notifications that are resolved or ignored",
        "keep_archive_days",
        "last_at",
        _counted(_FORGET_NOTIFICATIONS),
    ),
    Rule(
        "mail_events",
        "what the provider told of mails",
        "keep_mail_events_days",
        "received_at",
        _counted(_FORGET_EVENTS),
    ),
    Rule(
        "appointment_changes",
        "the history of appointments that are long over",
        "keep_history_days",
        "at",
        _forget_history,
    ),
    Rule("audit_entries", "who did what by hand", "keep_audit_days", "at", _counted(_FORGET_AUDIT)),
    Rule(
        "tokens",
        "sessions that are over",
        "keep_sessions_days",
        "created_at",
        lambda connection, days, limit: forget_dead_sessions(connection, days=days, limit=limit),
    ),
)
"""All of them, in the order in which they are applied."""
