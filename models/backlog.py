"""What is still to be done and who is there to do it: read for `/metrics`, in a few milliseconds.

Only what partial indexes of the tables answer is asked, so that the cost follows what is waiting and not what was
ever done: commands that are due or in a worker's hands, the oldest of each kind, signs of life, the mail gate.
Commands that are *waiting* for their clocks have no such index and are as many as unreconciled appointments.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, text

from models.command_sql import DUE, IS_CLAIMABLE
from models.command_states import LEASED, among

_LIMIT_MS = 1500
"""A question that takes longer is given up: a scrape must not be what a database in trouble dies of."""


_COMMANDS = text(
    "SELECT kind, state, count(*) AS number,"  # noqa: S608 - constants
    " coalesce(extract(epoch FROM now() - min(available_at) FILTER (WHERE available_at <= now())), 0)::float AS age_s"
    f" FROM commands WHERE {IS_CLAIMABLE} GROUP BY kind, state"
    " UNION ALL SELECT kind, state, count(*), 0 FROM commands"
    f" WHERE state IN {among(LEASED)} GROUP BY kind, state"
)
_LEFT = text(
    f"SELECT (SELECT count(*) FROM commands WHERE {DUE}) AS due,"  # noqa: S608 - constants
    f" (SELECT count(*) FROM commands WHERE {IS_CLAIMABLE} AND available_at > now()) AS later,"
    f" (SELECT count(*) FROM commands WHERE state IN {among(LEASED)}) AS under_way"
)
_HEARTBEATS = text("SELECT kind, name, extract(epoch FROM now() - beat_at)::float AS age_s FROM heartbeats")
_GATE = text("SELECT coalesce(bool_or(closed_until > now()), false) FROM provider_gates")
_LIMIT = text(f"SET LOCAL statement_timeout = {_LIMIT_MS}")


@dataclass(frozen=True, slots=True)
class Left:
    """What is left to be done: *due* for a worker now, *under way* with one, and what waits for a *later* attempt."""

    due: int
    later: int
    under_way: int

    @property
    def is_drained(self) -> bool:
        """Whether no worker has anything to do now."""
        return not self.due and not self.under_way


def read_left(connection: Connection) -> Left:
    """How many commands are left. What waits for its clocks is behind one that is due or under way."""
    return Left(**connection.execute(_LEFT).mappings().one())


def read_backlog(connection: Connection) -> dict[str, dict[tuple[str, ...], float]]:
    """By name of a metric and its labels, inside the caller's transaction.

    Raises `sqlalchemy.exc.OperationalError` when the database takes too long.
    """
    connection.execute(_LIMIT)
    commands: dict[tuple[str, ...], float] = {}
    oldest: dict[tuple[str, ...], float] = {}
    for row in connection.execute(_COMMANDS):
        commands[row.kind, row.state] = float(row.number)
        oldest[(row.kind,)] = max(oldest.get((row.kind,), 0.0), row.age_s)
    return {
        "commands": commands,
        "oldest_due_seconds": oldest,
        "heartbeat_age_seconds": {(row.kind, row.name): row.age_s for row in connection.execute(_HEARTBEATS)},
        "mail_gate_closed": {(): float(bool(connection.execute(_GATE).scalar_one()))},
    }
