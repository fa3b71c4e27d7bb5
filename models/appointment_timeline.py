"""Everything that became of one appointment, as people in the house see it: nothing masked, nothing left out.

What of an appointment callers see is in `models/appointment_read.py`; this is for the console.
"""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, text

from models import audit
from models.command_sql import IS_CLAIMABLE, LEFT_TO_PEOPLE
from models.command_states import OPEN, State

MOST: Final = 200
"""Of each kind of thing, the newest so many."""
SUBJECT: Final = "appointment"

_PLACE = text(
    "SELECT o.id AS order_id, p.address, p.time_zone, p.zip, c.id AS client_id, c.name AS client_name,"
    " c.email AS client_email, c.phone AS client_phone, m.name AS company_name, u.email AS photographer_email,"
    " u.phone AS photographer_phone, app.name AS application_name"
    " FROM appointments a JOIN applications app ON app.id = a.caller_application_id"
    " LEFT JOIN orders o ON o.id = a.order_id LEFT JOIN properties p ON p.id = o.property_id"
    " LEFT JOIN clients c ON c.id = o.client_id LEFT JOIN companies m ON m.id = o.company_id"
    " LEFT JOIN users u ON u.id = a.photographer_user_id WHERE a.id = :id"
)
_COMMANDS = text(
    "SELECT id, kind, state, recipient, sequence, attempts, doubts, misses, last_error, created_at, finished_at,"  # noqa: S608 - constants
    f" request_id, {LEFT_TO_PEOPLE} AS left_to_people,"
    f" CASE WHEN {IS_CLAIMABLE} AND NOT {LEFT_TO_PEOPLE} THEN available_at END AS next_attempt_at"
    " FROM all_commands WHERE appointment_id = :id ORDER BY id DESC LIMIT :most"
)
_MAILS = text(
    "SELECT id, send_id, command_id, kind, recipient, copies, outcome, cause, detail, http_status, provider_id,"
    " created_at, decided_at, attempts, last_event FROM emails WHERE appointment_id = :id ORDER BY id DESC LIMIT :most"
)
_EVENTS = text(
    "SELECT e.id, e.send_id, e.event, e.at, e.received_at, e.recipient, e.reason, e.detail, m.id AS mail_id,"
    " m.kind FROM emails m JOIN mail_events e ON e.send_id = m.send_id"
    " WHERE m.appointment_id = :id ORDER BY e.at DESC, e.id DESC LIMIT :most"
)
_NOTIFICATIONS = text(
    "SELECT id, status, state, severity, cause, cause_key, message, mail_kind, recipient, first_at, last_at, closed_at,"
    " closed_by, may_have_been_sent FROM notifications WHERE appointment_id = :id ORDER BY id DESC LIMIT :most"
)


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of an appointment, each kind oldest first. Values are mappings of columns.

    `place` tells whom and where: order, client, property, photographer. `is_cut`: of some kind there is more.
    """

    place: dict[str, Any]
    commands: list[dict[str, Any]]
    mails: list[dict[str, Any]]
    events: list[dict[str, Any]]
    notifications: list[dict[str, Any]]
    audit: list[dict[str, Any]]
    is_cut: bool

    @property
    def is_moving(self) -> bool:
        """Whether something is under way that no person has to push."""
        return any(State(one["state"]) in OPEN and not one["left_to_people"] for one in self.commands)


def read_fate(connection: Connection, appointment_id: int) -> Fate:
    """In six statements, each through an index. The appointment has to exist."""
    who = {"id": appointment_id, "most": MOST}
    place = connection.execute(_PLACE, {"id": appointment_id}).mappings().one()
    lists = [
        [dict(row) for row in connection.execute(statement, given).mappings()][::-1]
        for statement, given in (
            (_COMMANDS, who),
            (_MAILS, who),
            (_EVENTS, who),
            (_NOTIFICATIONS, who),
        )
    ]
    commands, mails, events, notifications = lists
    return Fate(
        place=dict(place),
        commands=commands,
        mails=mails,
        events=events,
        notifications=notifications,
        audit=audit.entries(connection, SUBJECT, appointment_id)[-MOST:],
        is_cut=any(len(one) >= MOST for one in lists),
    )
