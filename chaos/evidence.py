"""What the database and the Mandrill sandbox say after the run, in the audit's words."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, create_engine, text

from chaos.audit import Accepted, Command, Notification, Row
from chaos.world import World
from models.clock.frames import DATE_FIELDS, TIME_FIELDS
from models.command_sql import NEVER

_CLOCKS = (*DATE_FIELDS, *TIME_FIELDS)
_ROWS = text(
    "SELECT a.id, a.uuid::text, extract(epoch FROM a.inserted_at)::float AS inserted_at, c.email AS client_email,"
    " u.email AS photographer_email, a.reconciled_at IS NOT NULL AS reconciled, a.starts_at, a.stops_at,"
    f" a.zone_name, a.office_zone, {', '.join('a.' + name for name in _CLOCKS)}"
    " FROM appointments a JOIN orders o ON o.id = a.order_id JOIN clients c ON c.id = o.client_id"
    " JOIN users u ON u.id = a.photographer_user_id ORDER BY a.id"
)
_COMMANDS = text(
    "SELECT c.id, c.appointment_id, c.kind, c.recipient, c.state,"
    " extract(epoch FROM now() - coalesce(c.lease_until, c.available_at))::float AS overdue_s,"
    " c.available_at >= CAST(:never AS timestamptz) AS left_to_people,"
    " (SELECT e.outcome FROM emails e WHERE e.send_id = c.send_id) AS email_outcome"
    " FROM commands c ORDER BY c.id"
)
_NOTIFICATIONS = text("SELECT command_id, state = 'open' AS is_open, may_have_been_sent FROM notifications")
_UNFINISHED = text(
    "SELECT count(*) FROM commands WHERE state IN ('waiting', 'pending', 'running', 'sending')"
    " OR (state = 'unknown' AND available_at < CAST(:never AS timestamptz))"
)
_DOUBTED = text("SELECT coalesce(sum(doubts), 0) FROM commands")
MOST_IN_ONE_ANSWER = 1000


class EvidenceError(Exception):
    """The evidence could not be taken whole; the text is a sentence."""


def unfinished(world: World) -> int:
    """How many commands still have something to do."""
    engine = create_engine(world.postgres.url())
    try:
        with engine.connect() as connection:
            return int(connection.execute(_UNFINISHED, {"never": NEVER}).scalar_one())
    finally:
        engine.dispose()


def stored(world: World) -> tuple[list[Row], list[Command], list[Notification], int]:
    """Rows, commands and notifications at one moment, and how many sends ended in doubt."""
    engine = create_engine(world.postgres.url(), isolation_level="REPEATABLE READ")
    try:
        with engine.begin() as connection:
            rows = [_row(found) for found in connection.execute(_ROWS).mappings()]
            commands = [
                Command(**found) for found in connection.execute(_COMMANDS, {"never": NEVER}).mappings()
            ]
            notices = [Notification(**found) for found in connection.execute(_NOTIFICATIONS).mappings()]
            return rows, commands, notices, _doubted(connection)
    finally:
        engine.dispose()


def accepted(world: World, addresses: tuple[str, ...]) -> list[Accepted]:
    """Every mail that the sandbox accepted, whatever it told the sender.

    It is asked for one address at a time, because it gives a thousand mails in one answer, and then for the
    total. Raises `EvidenceError` when the two differ.
    """
    found: dict[str, Accepted] = {}
    for address in addresses:
        answer: dict[str, Any] = world.inbox(to=address, limit=str(MOST_IN_ONE_ANSWER))
        if answer["count"] > MOST_IN_ONE_ANSWER:
            raise EvidenceError(
                f"{address} has more mails than the sandbox gives in one answer; run shorter."
            )
        found |= {message["id"]: _mail(message) for message in answer["messages"]}
    total: Any = world.inbox(limit="0")["count"]
    if total != len(found):
        raise EvidenceError(
            f"The sandbox has {total} mails, and {len(found)} were found by their recipients."
        )
    return list(found.values())


def _row(found: Any) -> Row:
    columns = dict(found)
    return Row(clocks={name: columns.pop(name) for name in _CLOCKS}, **columns)


def _mail(message: dict[str, Any]) -> Accepted:
    metadata = message["metadata"]
    number = metadata.get("appointment_id")
    return Accepted(
        id=message["id"],
        appointment_id=None if number is None else int(number),
        kind=str(metadata.get("kind")),
        to=message["to"][0],
        at=datetime.fromisoformat(message["accepted_at"]).timestamp(),
    )


def _doubted(connection: Connection) -> int:
    return int(connection.execute(_DOUBTED).scalar_one())
