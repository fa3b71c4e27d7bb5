"""Commands, as people look at them one by one.

Lists show addresses masked. Everything here reads. How many commands there are is in `models/command_counts.py`.
"""

import ast
import inspect
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from textwrap import dedent
from typing import Any, Final

from sqlalchemy import Connection, text

from models import audit, cursors
from models.command_actions import SUBJECT
from models.command_ledger import GIVEN_UP, GIVEN_UP_IN_DOUBT
from models.command_sql import IS_CLAIMABLE, LEFT_TO_PEOPLE, NEVER
from models.command_states import OPEN, State
from models.notification_list import masked
from models.patience import patience

ROWS_OF_A_PAGE: Final = 50


# -- the list


# What has no next attempt comes after everything that has one; a far year, since a cursor has to name it.
_ATTEMPT_AT: Final = f"CASE WHEN c.{IS_CLAIMABLE} THEN c.available_at ELSE '{NEVER}' END"
ORDERS: Final = {
    "due": (_ATTEMPT_AT, "asc"),
    "newest": ("c.created_at", "desc"),
    "oldest": ("c.created_at", "asc"),
    "attempts": ("c.attempts", "desc"),
}
"""By name: what the list is sorted by. Ties are in the order of ids."""


@dataclass(frozen=True, slots=True)
class SoughtCommands:
    """Which commands; None is any. `states` None is every state; `order` is a name of `ORDERS`."""

    kind: str | None = None
    states: Sequence[State] | None = (*OPEN, State.FAILED)
    appointment_id: int | None = None
    order: str = "due"


@dataclass(frozen=True, slots=True)
class CommandPage:
    """Some of the commands, and the cursor of the next; None at the end."""

    commands: list[dict[str, Any]]
    next_cursor: str | None


_FIELDS = (
    "c.id, c.appointment_id, c.kind, c.sequence, c.recipient, c.state, c.attempts, c.doubts, c.misses, c.available_at,"
    " c.published_at, c.publishes, c.lease_until, c.doubt_since, c.last_error, c.request_id, c.created_at,"
    f" c.finished_at, c.available_at <= now() AS is_due, c.{LEFT_TO_PEOPLE} AS is_left_to_people,"
    " coalesce(starts_with(c.last_error, :given_up) OR starts_with(c.last_error, :in_doubt), false)"
    f" AS was_dropped_by_hand, {_ATTEMPT_AT} AS attempt_at"
)
_MARKS: Final = {"given_up": GIVEN_UP, "in_doubt": GIVEN_UP_IN_DOUBT}
_LISTS = {
    name: text(
        f"SELECT {_FIELDS} FROM commands c"  # noqa: S608 - constants
        " WHERE (CAST(:kind AS text) IS NULL OR c.kind = :kind)"
        " AND (CAST(:states AS text[]) IS NULL OR c.state = ANY(:states))"
        " AND (CAST(:appointment_id AS bigint) IS NULL OR c.appointment_id = :appointment_id)"
        f" AND (CAST(:after_id AS bigint) IS NULL OR ({column}, c.id) {'>' if way == 'asc' else '<'}"
        f" (CAST(:after AS {'bigint' if column == 'c.attempts' else 'timestamptz'}), CAST(:after_id AS bigint)))"
        f" ORDER BY {column} {way}, c.id {way} LIMIT :limit"
    )
    for name, (column, way) in ORDERS.items()
}


def list_commands(
    connection: Connection, sought: SoughtCommands, cursor: str | None = None, limit: int = ROWS_OF_A_PAGE
) -> CommandPage:
    """A page of what is sought; addresses are masked. Raises `CursorError` and `SearchTooWideError`."""
    after, after_id = _read_cursor(cursor, sought.order)
    with patience(connection):
        rows = connection.execute(
            _LISTS[sought.order],
            {
                "kind": sought.kind,
                "states": None if sought.states is None else [str(state) for state in sought.states],
                "appointment_id": sought.appointment_id,
                "after": after,
                "after_id": after_id,
                "limit": limit + 1,
                **_MARKS,
            },
        )
        found = [_shown(row) for row in rows.mappings()]
    if len(found) <= limit:
        return CommandPage(found, None)
    last = found[limit - 1]
    column = ORDERS[sought.order][0]
    value = last["attempt_at" if column == _ATTEMPT_AT else column.removeprefix("c.")]
    place = [sought.order, value if isinstance(value, int) else value.isoformat(), last["id"]]
    return CommandPage(found[:limit], cursors.wrapped(json.dumps(place)))


def _shown(row: Any, *, whole_address: bool = False) -> dict[str, Any]:
    recipient = row["recipient"] or None
    return {
        **row,
        "state": State(row["state"]),
        "recipient": recipient if whole_address else masked(recipient),
        "is_mail": recipient is not None,
    }


def _read_cursor(cursor: str | None, order: str) -> tuple[int | datetime | None, int | None]:
    if cursor is None:
        return None, None
    with cursors.unwrapped(cursor) as said:
        name, value, number = json.loads(said)
        if name != order or not isinstance(number, int) or not 0 < number < 2**63:
            raise ValueError(cursor)
        if order == "attempts":
            if not isinstance(value, int) or not 0 <= value < 2**31:
                raise ValueError(cursor)
            return value, number
        at = datetime.fromisoformat(value)
        if at.utcoffset() is None:
            raise ValueError(cursor)
        return at, number


# -- one command


_ONE = text(f"SELECT {_FIELDS}, c.send_id FROM all_commands c WHERE c.id = :id")  # noqa: S608 - constants
_IS_ARCHIVED = text("SELECT EXISTS (SELECT FROM commands_archive WHERE id = :id)")
_TRIES = text("SELECT send_id, attempts FROM emails WHERE command_id = :id")
_ITS_NOTIFICATIONS = text(
    "SELECT id, status, state, cause, cause_key, message, last_at, may_have_been_sent FROM notifications"
    " WHERE command_id = :id ORDER BY id DESC LIMIT 20"
)


def read_one_command(connection: Connection, command_id: int) -> dict[str, Any] | None:
    """All that is stored of a command, or None: its whole address, its `notifications`, its `audit`.

    `tries` tells, by `send_id`, what became of each try of a mail, oldest first.
    """
    row = connection.execute(_ONE, {"id": command_id, **_MARKS}).mappings().first()
    if row is None:
        return None
    told = connection.execute(_ITS_NOTIFICATIONS, {"id": command_id}).mappings()
    return {
        **_shown(row, whole_address=True),
        "is_archived": bool(connection.execute(_IS_ARCHIVED, {"id": command_id}).scalar_one()),
        "notifications": [dict(one) for one in told],
        "audit": audit.entries(connection, SUBJECT, command_id),
        "tries": {
            mail.send_id: [{**one, "at": datetime.fromisoformat(one["at"])} for one in mail.attempts]
            for mail in connection.execute(_TRIES, {"id": command_id})
        },
    }


@lru_cache(maxsize=1)
def sentences() -> dict[State, str]:
    """What each state means: the sentences that stand under the states in `models/command_states.py`."""
    (states,) = ast.parse(dedent(inspect.getsource(State))).body
    body = states.body if isinstance(states, ast.ClassDef) else []
    told = {}
    for member, following in pairwise(body):
        if isinstance(member, ast.Assign) and isinstance(following, ast.Expr):
            told[State[ast.unparse(member.targets[0])]] = str(ast.literal_eval(following.value))
    return told
