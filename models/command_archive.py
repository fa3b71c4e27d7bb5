"""Moving finished commands out of the hot table, and reading both as one.

Only what is done moves: a failed command can still be sent again. The view `all_commands` (made by a migration)
shows both, for whoever tells an appointment's whole story.
"""

from sqlalchemy import Connection, text

from models.command_states import State
from models.commands import ArchivedCommand

_COLUMNS = ", ".join(column.name for column in ArchivedCommand.__table__.columns)

_MOVE = text(
    "WITH old AS ("  # noqa: S608 - constants
    f" SELECT id FROM commands WHERE state = '{State.DONE}'"
    " AND finished_at < now() - make_interval(days => CAST(:days AS int))"
    " ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED),"
    f" moved AS (DELETE FROM commands USING old WHERE commands.id = old.id RETURNING commands.*)"
    f" INSERT INTO commands_archive ({_COLUMNS}) SELECT {_COLUMNS} FROM moved"
)


def archive_finished(connection: Connection, *, days: int, limit: int) -> int:
    """Move up to `limit` commands that were done more than `days` days ago; how many were."""
    return connection.execute(_MOVE, {"limit": limit, "days": days}).rowcount
