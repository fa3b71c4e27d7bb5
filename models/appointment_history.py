"""Reading the history of an appointment: its changes, newest first, and at the end how it was created.

The creation was never written down: it is the appointment as it is with every change undone. When changes of long
ago are no longer kept (`history_since`), it cannot be told any more.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, text

CREATED: Final = "created"

_PAGE = text(
    "SELECT c.id, c.at, c.action, c.changes, c.sequence, c.updated_at_mt, c.caller_kind, c.caller_role,"
    " c.caller_name, c.caller_user_id, a.slug AS application, c.request_id"
    " FROM appointment_changes c JOIN applications a ON a.id = c.caller_application_id"
    " WHERE c.appointment_id = :id AND (CAST(:before AS bigint) IS NULL OR c.id < :before) AND c.id >= :since"
    " ORDER BY c.id DESC LIMIT :limit"
)
_OLDEST = text(
    "SELECT DISTINCT ON (line ->> 'field') line ->> 'field' AS field, line -> 'old' AS old"
    " FROM appointment_changes c, jsonb_array_elements(c.changes) AS line"
    " WHERE c.appointment_id = :id ORDER BY line ->> 'field', c.id"
)
_CHANGED_SINCE = text(
    "SELECT line ->> 'field' AS field FROM appointment_changes c, jsonb_array_elements(c.changes) AS line"
    " WHERE c.appointment_id = :id AND c.sequence > :sequence GROUP BY line ->> 'field'"
    " HAVING (array_agg(line -> 'old' ORDER BY c.id))[1]"
    " IS DISTINCT FROM (array_agg(line -> 'new' ORDER BY c.id DESC))[1]"
)
_TOUCHED = text(
    "SELECT EXISTS (SELECT FROM appointment_changes c, jsonb_array_elements(c.changes) AS line"
    " WHERE c.appointment_id = :id AND c.sequence >= :sequence AND line ->> 'field' = :field)"
)
_CREATOR = text(
    "SELECT coalesce(nullif(u.name, ''), u.email, app.name) AS name, app.slug AS application"
    " FROM applications app LEFT JOIN users u ON u.id = CAST(:user_id AS bigint) WHERE app.id = :application_id"
)


_ORDERS = text(
    "SELECT c.id, o.id AS order_id, o.client_id, o.company_id FROM appointment_changes c"
    " CROSS JOIN LATERAL jsonb_array_elements(c.changes) AS line"
    " LEFT JOIN orders o ON o.id = CAST(line ->> 'old' AS bigint)"
    " WHERE c.appointment_id = :id AND line ->> 'field' = 'order_id' ORDER BY c.id DESC"
)
_WROTE = text(
    "SELECT caller_user_id FROM appointment_changes WHERE appointment_id = :id AND changes @> CAST(:named AS jsonb)"
    " ORDER BY id DESC LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class FormerOrder:
    """The order that a change took the appointment off, with whom it belongs to; all None if there was none."""

    change_id: int
    order_id: int | None
    client_id: int | None
    company_id: int | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. `id` is 0 for the creation, which is older than any change."""

    id: int
    at: datetime
    action: str
    changes: list[dict[str, Any]] = field(repr=False)
    sequence: int
    updated_at_mt: str
    caller_kind: str
    caller_role: str
    caller_name: str = field(repr=False)
    caller_user_id: int | None
    application: str
    request_id: str


def read_history(
    connection: Connection,
    row: Mapping[str, Any],
    asked: Mapping[str, Any],
    *,
    limit: int,
    before: int | None = None,
    since: int = 0,
) -> tuple[list[Entry], int | None]:
    """Up to `limit` entries older than the one with the id `before`, and the id to go on from; None at the end.

    `row` is the appointment's; `asked` is what its callers made of it up to now, by field and in the spelling of
    the history. `since` is the id of the oldest change to be read; with 0 the creation follows it, unless changes
    before it were forgotten.
    """
    appointment_id = row["id"]
    given = {"id": appointment_id, "before": before, "limit": limit + 1, "since": since}
    entries = [Entry(**found) for found in connection.execute(_PAGE, given).mappings()]
    if len(entries) <= limit and before != 0 and since == 0 and row["history_since"] is None:
        entries.append(_creation(connection, row, asked))
    page = entries[:limit]
    return page, page[-1].id if len(entries) > limit else None


def at_creation(connection: Connection, appointment_id: int, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The fields as they were when the appointment was created: `asked` with every change undone."""
    oldest = connection.execute(_OLDEST, {"id": appointment_id})
    return {**asked, **{found.field: found.old for found in oldest}}


def changed_since(connection: Connection, appointment_id: int, sequence: int) -> frozenset[str]:
    """The fields that are another now than they were at that sequence; what was changed and changed back is none."""
    rows = connection.execute(_CHANGED_SINCE, {"id": appointment_id, "sequence": sequence})
    return frozenset(row.field for row in rows)


def touched(connection: Connection, appointment_id: int, sequence: int, field: str) -> bool:
    """Whether a change that left this sequence or a later one touched the field."""
    given = {"id": appointment_id, "sequence": sequence, "field": field}
    return bool(connection.execute(_TOUCHED, given).scalar_one())


def former_orders(connection: Connection, appointment_id: int) -> list[FormerOrder]:
    """The orders that the appointment belonged to before, latest first."""
    return [FormerOrder(*row) for row in connection.execute(_ORDERS, {"id": appointment_id})]


def writer_of(connection: Connection, row: Mapping[str, Any], field_name: str) -> int | None:
    """The user who gave a field the value that it has, by id; None for an application."""
    named = json.dumps([{"field": field_name}])
    wrote = connection.execute(_WROTE, {"id": row["id"], "named": named}).first()
    writer: int | None = row["caller_user_id"] if wrote is None else wrote.caller_user_id
    return writer


def _creation(connection: Connection, row: Mapping[str, Any], asked: Mapping[str, Any]) -> Entry:
    made = at_creation(connection, row["id"], asked)
    by = connection.execute(
        _CREATOR, {"user_id": row["caller_user_id"], "application_id": row["caller_application_id"]}
    ).one()
    return Entry(
        id=0,
        at=row["inserted_at"],
        action=CREATED,
        changes=[
            {"field": name, "old": None, "new": value} for name, value in made.items() if value is not None
        ],
        sequence=0,
        updated_at_mt=made["updated_at_mt"],
        caller_kind=row["caller_kind"],
        caller_role=row["caller_role"],
        caller_name=by.name,
        caller_user_id=row["caller_user_id"],
        application=by.application,
        request_id=row["request_id"],
    )
